//! What the store knows of models, read for a list or a chart.

use router::Caller;
use router::catalog::Catalog;
use router::flr::{ErrorRates, Freshness, Point};
use router::reliability::Window;
use store::{
    FeedbackQuery, FeedbackSum, MAX_ROWS, OutcomeSum, Resolution, StoreError, SumQuery, Timestamp,
};

use crate::routes::AppState;

/// The attempts and reports that rates are made of.
pub(super) struct Cases {
    attempts: Vec<OutcomeSum>,
    reports: Vec<FeedbackSum>,
}

impl Cases {
    /// Those of a window: everybody's, or what the caller reported alone.
    pub(super) async fn of(
        app: &AppState,
        only: Option<&Caller>,
        window: Window,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let since = window.since(now);
        let attempts = match only {
            Some(_) => Vec::new(),
            None => {
                let query = SumQuery {
                    since,
                    until: None,
                    model: None,
                    resolution,
                };
                app.store.sum_attempts(&query).await?
            }
        };
        let query = reports_query(only, since);
        let reports = app.store.sum_feedback(&query, true).await?;
        Ok(Self { attempts, reports })
    }

    pub(super) fn rates(&self, catalog: &Catalog) -> ErrorRates {
        ErrorRates::new(catalog, &self.attempts, &self.reports)
    }

    /// The same for a chart; by the minute of the newest single reports.
    pub(super) async fn points(
        &self,
        app: &AppState,
        catalog: &Catalog,
        only: Option<&Caller>,
        window: Window,
        now: Timestamp,
    ) -> Result<Vec<Point>, StoreError> {
        let mut points = Point::of_attempts(catalog, &self.attempts);
        points.extend(match window.resolution() {
            Resolution::Minute => {
                let query = reports_query(only, window.since(now));
                Point::of_reports(&app.store.feedback(&query, MAX_ROWS).await?)
            }
            _ => Point::of_report_sums(&self.reports),
        });
        Ok(points)
    }
}

fn reports_query(only: Option<&Caller>, since: Option<Timestamp>) -> FeedbackQuery {
    FeedbackQuery {
        since,
        model: None,
        key_id: only.and_then(|caller| caller.key_id.clone()),
    }
}

/// How old the lists are that the catalogue was made of.
pub(super) async fn freshness(app: &AppState, now: Timestamp) -> Result<Freshness, StoreError> {
    let mut syncs = app.store.syncs().await?;
    syncs.retain(|sync| app.hosted_providers.contains(&sync.provider));
    Ok(Freshness::of(&syncs, app.hosted_providers.len(), now))
}
