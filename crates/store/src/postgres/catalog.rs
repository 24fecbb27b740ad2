//! The tables of the catalogue: `models`, `deployments`, `spec_changes`, `observations` and
//! `provider_syncs`.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use tokio_postgres::{IsolationLevel, Row};

use super::failure::{Failure, commit};
use super::number::u32_at;
use super::pool::Client;
use super::rows::column;
use super::text::{Text, optional};
use crate::{
    CatalogUpdate, DeploymentKey, DeploymentRecord, Hour, MAX_ROWS, ModelRecord, Observation,
    ProviderSync, SpecChange, Timestamp,
};

const MODELS: &str = "SELECT id, spec, first_seen_at, last_seen_at FROM models ORDER BY id";

const DEPLOYMENTS: &str = "\
    SELECT provider, name, model, spec, first_seen_at, last_seen_at, gone_at
    FROM deployments ORDER BY provider, name";

const UPSERT_MODELS: &str = "\
    INSERT INTO models AS known (id, spec, first_seen_at, last_seen_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[])
    ON CONFLICT (id) DO UPDATE SET
        spec = excluded.spec,
        first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
        last_seen_at = excluded.last_seen_at";

const UPSERT_DEPLOYMENTS: &str = "\
    INSERT INTO deployments AS known
        (provider, name, model, spec, first_seen_at, last_seen_at, gone_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::int8[],
        $7::int8[])
    ON CONFLICT (provider, name) DO UPDATE SET
        model = excluded.model,
        spec = excluded.spec,
        first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
        last_seen_at = excluded.last_seen_at,
        gone_at = excluded.gone_at";

const INSERT_CHANGES: &str = "\
    INSERT INTO spec_changes (model, provider, name, at, field, old, new)
    SELECT model, provider, name, at, field, old, new
    FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::text[], $6::text[],
        $7::text[])
    WITH ORDINALITY AS c (model, provider, name, at, field, old, new, place) ORDER BY place";

/// What an hour has seen is added up. The numbers of probes have the range of a `u32`.
const MERGE_OBSERVATIONS: &str = "\
    INSERT INTO observations AS known (hour, provider, name, is_listed, is_up, num_probes_ok,
        num_probes_failed)
    SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::bool[], $5::bool[], $6::int8[],
        $7::int8[])
    ON CONFLICT (hour, provider, name) DO UPDATE SET
        is_listed = known.is_listed OR excluded.is_listed,
        is_up = coalesce(excluded.is_up, known.is_up),
        num_probes_ok = least(known.num_probes_ok + excluded.num_probes_ok, 4294967295),
        num_probes_failed =
            least(known.num_probes_failed + excluded.num_probes_failed, 4294967295)";

const CHANGES: &str = "\
    SELECT model, provider, name, at, field, old, new
    FROM spec_changes WHERE at >= $1 ORDER BY at DESC, number DESC LIMIT $2";

const CHANGES_OF_MODEL: &str = "\
    SELECT model, provider, name, at, field, old, new
    FROM spec_changes WHERE model = $3 AND at >= $1 ORDER BY at DESC, number DESC LIMIT $2";

const OBSERVATIONS: &str = "\
    SELECT provider, name, hour, is_listed, is_up, num_probes_ok, num_probes_failed
    FROM observations WHERE hour >= $1 AND hour < $2 ORDER BY hour, provider, name";

const OBSERVATIONS_OF_MODEL: &str = "\
    SELECT provider, name, hour, is_listed, is_up, num_probes_ok, num_probes_failed
    FROM deployments JOIN observations USING (provider, name)
    WHERE model = $3 AND hour >= $1 AND hour < $2 ORDER BY hour, provider, name";

/// A success is not forgotten because of a later failure.
const UPSERT_SYNC: &str = "\
    INSERT INTO provider_syncs AS known (provider, tried_at, succeeded_at, error, settings)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (provider) DO UPDATE SET
        tried_at = excluded.tried_at,
        succeeded_at = coalesce(excluded.succeeded_at, known.succeeded_at),
        error = excluded.error,
        settings = excluded.settings";

const SYNCS: &str = "\
    SELECT provider, tried_at, succeeded_at, error, settings FROM provider_syncs ORDER BY provider";

pub(super) async fn all(
    mut client: Client,
) -> Result<(Vec<ModelRecord>, Vec<DeploymentRecord>), Failure> {
    // Both of one moment.
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let statement = transaction.prepare_cached(MODELS).await?;
    let models = transaction.query(&statement, &[]).await?;
    let statement = transaction.prepare_cached(DEPLOYMENTS).await?;
    let deployments = transaction.query(&statement, &[]).await?;
    let models = models.iter().map(model).collect::<Result<_, _>>()?;
    let deployments = deployments.iter().map(deployment);
    let deployments = deployments.collect::<Result<_, _>>()?;
    transaction.commit().await?;
    Ok((models, deployments))
}

pub(super) async fn update(mut client: Client, update: &CatalogUpdate) -> Result<(), Failure> {
    let transaction = client.transaction().await?;
    write_models(&transaction, &update.models).await?;
    write_deployments(&transaction, &update.deployments).await?;
    write_changes(&transaction, &update.changes).await?;
    write_observations(&transaction, &update.observations).await?;
    // Changes would be there twice.
    commit(transaction).await
}

/// Here and below: one row for each name, in the order of the names, so that nobody waits for one
/// who waits for them.
async fn write_models(
    transaction: &Transaction<'_>,
    models: &[ModelRecord],
) -> Result<(), Failure> {
    let mut rows: BTreeMap<_, ModelRecord> = BTreeMap::new();
    for model in models {
        let row = rows.entry(&model.id).or_insert_with(|| model.clone());
        *row = ModelRecord {
            first_seen_at: row.first_seen_at.min(model.first_seen_at),
            ..model.clone()
        };
    }
    let rows: Vec<_> = rows.values().collect();
    let statement = transaction.prepare_cached(UPSERT_MODELS).await?;
    transaction
        .execute(
            &statement,
            &[
                &column(&rows, |row| Text(&row.id)),
                &column(&rows, |row| Text(&row.spec)),
                &column(&rows, |row| row.first_seen_at.0),
                &column(&rows, |row| row.last_seen_at.0),
            ],
        )
        .await?;
    Ok(())
}

async fn write_deployments(
    transaction: &Transaction<'_>,
    deployments: &[DeploymentRecord],
) -> Result<(), Failure> {
    let mut rows: BTreeMap<_, DeploymentRecord> = BTreeMap::new();
    for deployment in deployments {
        let row = rows
            .entry(&deployment.key)
            .or_insert_with(|| deployment.clone());
        *row = DeploymentRecord {
            first_seen_at: row.first_seen_at.min(deployment.first_seen_at),
            ..deployment.clone()
        };
    }
    let rows: Vec<_> = rows.values().collect();
    let statement = transaction.prepare_cached(UPSERT_DEPLOYMENTS).await?;
    transaction
        .execute(
            &statement,
            &[
                &column(&rows, |row| Text(&row.key.provider)),
                &column(&rows, |row| Text(&row.key.name)),
                &column(&rows, |row| Text(&row.model)),
                &column(&rows, |row| Text(&row.spec)),
                &column(&rows, |row| row.first_seen_at.0),
                &column(&rows, |row| row.last_seen_at.0),
                &column(&rows, |row| row.gone_at.map(|time| time.0)),
            ],
        )
        .await?;
    Ok(())
}

async fn write_changes(
    transaction: &Transaction<'_>,
    changes: &[SpecChange],
) -> Result<(), Failure> {
    let rows: Vec<_> = changes.iter().collect();
    let statement = transaction.prepare_cached(INSERT_CHANGES).await?;
    transaction
        .execute(
            &statement,
            &[
                &column(&rows, |row| Text(&row.model)),
                &column(&rows, |row| {
                    row.deployment.as_ref().map(|key| Text(&key.provider))
                }),
                &column(&rows, |row| {
                    row.deployment.as_ref().map(|key| Text(&key.name))
                }),
                &column(&rows, |row| row.at.0),
                &column(&rows, |row| Text(&row.field)),
                &column(&rows, |row| optional(row.old.as_ref())),
                &column(&rows, |row| optional(row.new.as_ref())),
            ],
        )
        .await?;
    Ok(())
}

async fn write_observations(
    transaction: &Transaction<'_>,
    observations: &[Observation],
) -> Result<(), Failure> {
    let mut rows: BTreeMap<_, Observation> = BTreeMap::new();
    for seen in observations {
        rows.entry((seen.hour, &seen.key))
            .and_modify(|row| {
                row.is_listed |= seen.is_listed;
                row.is_up = seen.is_up.or(row.is_up);
                row.num_probes_ok = row.num_probes_ok.saturating_add(seen.num_probes_ok);
                row.num_probes_failed =
                    row.num_probes_failed.saturating_add(seen.num_probes_failed);
            })
            .or_insert_with(|| seen.clone());
    }
    let rows: Vec<_> = rows.values().collect();
    let statement = transaction.prepare_cached(MERGE_OBSERVATIONS).await?;
    transaction
        .execute(
            &statement,
            &[
                &column(&rows, |row| row.hour.0),
                &column(&rows, |row| Text(&row.key.provider)),
                &column(&rows, |row| Text(&row.key.name)),
                &column(&rows, |row| row.is_listed),
                &column(&rows, |row| row.is_up),
                &column(&rows, |row| i64::from(row.num_probes_ok)),
                &column(&rows, |row| i64::from(row.num_probes_failed)),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn changes(
    client: Client,
    model: Option<&str>,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<SpecChange>, Failure> {
    let limit = limit.min(MAX_ROWS) as i64;
    let rows = match model {
        None => {
            let statement = client.prepare_cached(CHANGES).await?;
            client.query(&statement, &[&since.0, &limit]).await?
        }
        Some(model) => {
            let statement = client.prepare_cached(CHANGES_OF_MODEL).await?;
            let model = Text(model);
            client
                .query(&statement, &[&since.0, &limit, &model])
                .await?
        }
    };
    rows.iter().map(change).collect()
}

pub(super) async fn observations(
    client: Client,
    model: Option<&str>,
    from: Hour,
    until: Hour,
) -> Result<Vec<Observation>, Failure> {
    let rows = match model {
        None => {
            let statement = client.prepare_cached(OBSERVATIONS).await?;
            client.query(&statement, &[&from.0, &until.0]).await?
        }
        Some(model) => {
            let statement = client.prepare_cached(OBSERVATIONS_OF_MODEL).await?;
            let model = Text(model);
            client
                .query(&statement, &[&from.0, &until.0, &model])
                .await?
        }
    };
    rows.iter().map(observation).collect()
}

pub(super) async fn record_sync(client: Client, sync: &ProviderSync) -> Result<(), Failure> {
    let statement = client.prepare_cached(UPSERT_SYNC).await?;
    client
        .execute(
            &statement,
            &[
                &Text(&sync.provider),
                &sync.tried_at.0,
                &sync.succeeded_at.map(|time| time.0),
                &optional(sync.error.as_ref()),
                &Text(&sync.settings),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn syncs(client: Client) -> Result<Vec<ProviderSync>, Failure> {
    let statement = client.prepare_cached(SYNCS).await?;
    let rows = client.query(&statement, &[]).await?;
    rows.iter().map(sync).collect()
}

fn model(row: &Row) -> Result<ModelRecord, Failure> {
    Ok(ModelRecord {
        id: row.try_get(0)?,
        spec: row.try_get(1)?,
        first_seen_at: Timestamp(row.try_get(2)?),
        last_seen_at: Timestamp(row.try_get(3)?),
    })
}

fn deployment(row: &Row) -> Result<DeploymentRecord, Failure> {
    Ok(DeploymentRecord {
        key: DeploymentKey {
            provider: row.try_get(0)?,
            name: row.try_get(1)?,
        },
        model: row.try_get(2)?,
        spec: row.try_get(3)?,
        first_seen_at: Timestamp(row.try_get(4)?),
        last_seen_at: Timestamp(row.try_get(5)?),
        gone_at: row.try_get::<_, Option<_>>(6)?.map(Timestamp),
    })
}

fn change(row: &Row) -> Result<SpecChange, Failure> {
    let provider: Option<String> = row.try_get(1)?;
    let name: Option<String> = row.try_get(2)?;
    Ok(SpecChange {
        model: row.try_get(0)?,
        deployment: provider
            .zip(name)
            .map(|(provider, name)| DeploymentKey { provider, name }),
        at: Timestamp(row.try_get(3)?),
        field: row.try_get(4)?,
        old: row.try_get(5)?,
        new: row.try_get(6)?,
    })
}

fn observation(row: &Row) -> Result<Observation, Failure> {
    Ok(Observation {
        key: DeploymentKey {
            provider: row.try_get(0)?,
            name: row.try_get(1)?,
        },
        hour: Hour(row.try_get(2)?),
        is_listed: row.try_get(3)?,
        is_up: row.try_get(4)?,
        num_probes_ok: u32_at(row, 5)?,
        num_probes_failed: u32_at(row, 6)?,
    })
}

fn sync(row: &Row) -> Result<ProviderSync, Failure> {
    Ok(ProviderSync {
        provider: row.try_get(0)?,
        tried_at: Timestamp(row.try_get(1)?),
        succeeded_at: row.try_get::<_, Option<_>>(2)?.map(Timestamp),
        error: row.try_get(3)?,
        settings: row.try_get(4)?,
    })
}
