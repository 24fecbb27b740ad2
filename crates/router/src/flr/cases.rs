//! The attempts and reports that rates are made of, as the store has them.

use store::{
    FeedbackQuery, FeedbackSum, KeyId, MAX_ROWS, OutcomeSum, Resolution, Store, StoreError,
    SumQuery, Timestamp,
};

use super::errors::{ErrorRates, Point};
use crate::catalog::Catalog;
use crate::model_info::ModelId;
use crate::reliability::Window;

/// Whose cases count.
#[derive(Clone, Copy, Debug, Default)]
pub struct CasesOf<'a> {
    /// Those of one model alone.
    pub model: Option<&'a ModelId>,
    /// What was reported with this key alone, and no attempts.
    pub reporter: Option<&'a KeyId>,
}

/// The cases of a window.
#[derive(Clone, Debug)]
pub struct Cases {
    attempts: Vec<OutcomeSum>,
    reports: Vec<FeedbackSum>,
    window: Window,
    query: FeedbackQuery,
}

impl Cases {
    /// Reads them. `resolution` is that of [`Self::points`]; rates need no more than the whole.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read(
        store: &dyn Store,
        of: CasesOf<'_>,
        window: Window,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let since = window.since(now);
        let model = of.model.map(|model| model.0.clone());
        let attempts = match of.reporter {
            Some(_) => Vec::new(),
            None => {
                let query = SumQuery {
                    since,
                    until: None,
                    model: model.clone(),
                    resolution,
                };
                store.sum_attempts(&query).await?
            }
        };
        let query = FeedbackQuery {
            since,
            model,
            key_id: of.reporter.cloned(),
        };
        let reports = store.sum_feedback(&query, true).await?;
        Ok(Self {
            attempts,
            reports,
            window,
            query,
        })
    }

    /// How often models failed.
    pub fn rates(&self, catalog: &Catalog) -> ErrorRates {
        ErrorRates::new(catalog, &self.attempts, &self.reports)
    }

    /// The same for a chart; by the minute of the newest single reports.
    ///
    /// # Errors
    /// What the store says.
    pub async fn points(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
    ) -> Result<Vec<Point>, StoreError> {
        let mut points = Point::of_attempts(catalog, &self.attempts);
        points.extend(match self.window.resolution() {
            Resolution::Minute => Point::of_reports(&store.feedback(&self.query, MAX_ROWS).await?),
            _ => Point::of_report_sums(&self.reports),
        });
        Ok(points)
    }
}
