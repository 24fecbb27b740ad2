//! The tables of the catalogue: `models`, `deployments`, `spec_changes`, `observations` and
//! `provider_syncs`.

use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use crate::{
    CatalogUpdate, DeploymentKey, DeploymentRecord, Hour, MAX_ROWS, ModelRecord, Observation,
    ProviderSync, SpecChange, StoreError, Timestamp,
};

const MODELS: &str = "SELECT id, spec, first_seen_at, last_seen_at FROM models ORDER BY id";

const DEPLOYMENTS: &str = "\
    SELECT provider, name, model, spec, first_seen_at, last_seen_at, gone_at
    FROM deployments ORDER BY provider, name";

const UPSERT_MODEL: &str = "\
    INSERT INTO models (id, spec, first_seen_at, last_seen_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (id) DO UPDATE SET
        spec = excluded.spec,
        first_seen_at = min(first_seen_at, excluded.first_seen_at),
        last_seen_at = excluded.last_seen_at";

const UPSERT_DEPLOYMENT: &str = "\
    INSERT INTO deployments (provider, name, model, spec, first_seen_at, last_seen_at, gone_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (provider, name) DO UPDATE SET
        model = excluded.model,
        spec = excluded.spec,
        first_seen_at = min(first_seen_at, excluded.first_seen_at),
        last_seen_at = excluded.last_seen_at,
        gone_at = excluded.gone_at";

const INSERT_CHANGE: &str = "\
    INSERT INTO spec_changes (model, provider, name, at, field, old, new)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// What an hour has seen is added up. The numbers of probes have the range of a `u32`.
const MERGE_OBSERVATION: &str = "\
    INSERT INTO observations (hour, provider, name, is_listed, is_up, num_probes_ok,
        num_probes_failed)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (hour, provider, name) DO UPDATE SET
        is_listed = max(is_listed, excluded.is_listed),
        is_up = coalesce(excluded.is_up, is_up),
        num_probes_ok = min(num_probes_ok + excluded.num_probes_ok, 4294967295),
        num_probes_failed = min(num_probes_failed + excluded.num_probes_failed, 4294967295)";

const CHANGES: &str = "\
    SELECT model, provider, name, at, field, old, new
    FROM spec_changes WHERE at >= ?1 ORDER BY at DESC, number DESC LIMIT ?2";

const CHANGES_OF_MODEL: &str = "\
    SELECT model, provider, name, at, field, old, new
    FROM spec_changes WHERE model = ?3 AND at >= ?1 ORDER BY at DESC, number DESC LIMIT ?2";

const OBSERVATIONS: &str = "\
    SELECT provider, name, hour, is_listed, is_up, num_probes_ok, num_probes_failed
    FROM observations WHERE hour >= ?1 AND hour < ?2 ORDER BY hour, provider, name";

/// Not in order: each deployment has its own.
const OBSERVATIONS_OF_MODEL: &str = "\
    SELECT provider, name, hour, is_listed, is_up, num_probes_ok, num_probes_failed
    FROM deployments CROSS JOIN observations USING (provider, name)
    WHERE model = ?3 AND hour >= ?1 AND hour < ?2";

/// A success is not forgotten because of a later failure.
const UPSERT_SYNC: &str = "\
    INSERT INTO provider_syncs (provider, tried_at, succeeded_at, error, settings)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (provider) DO UPDATE SET
        tried_at = excluded.tried_at,
        succeeded_at = coalesce(excluded.succeeded_at, succeeded_at),
        error = excluded.error,
        settings = excluded.settings";

const SYNCS: &str = "\
    SELECT provider, tried_at, succeeded_at, error, settings FROM provider_syncs ORDER BY provider";

pub(super) fn all(
    connection: &mut Connection,
) -> Result<(Vec<ModelRecord>, Vec<DeploymentRecord>), StoreError> {
    // Both of one moment.
    let transaction = connection.transaction()?;
    let models = transaction
        .prepare_cached(MODELS)?
        .query_map([], model)?
        .collect::<Result<_, _>>()?;
    let deployments = transaction
        .prepare_cached(DEPLOYMENTS)?
        .query_map([], deployment)?
        .collect::<Result<_, _>>()?;
    Ok((models, deployments))
}

pub(super) fn update(
    connection: &mut Connection,
    update: &CatalogUpdate,
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write(&transaction, update)?;
    Ok(transaction.commit()?)
}

fn write(transaction: &Transaction<'_>, update: &CatalogUpdate) -> Result<(), StoreError> {
    let mut statement = transaction.prepare_cached(UPSERT_MODEL)?;
    for model in &update.models {
        statement.execute(params![
            model.id,
            model.spec,
            model.first_seen_at.0,
            model.last_seen_at.0,
        ])?;
    }
    let mut statement = transaction.prepare_cached(UPSERT_DEPLOYMENT)?;
    for deployment in &update.deployments {
        statement.execute(params![
            deployment.key.provider,
            deployment.key.name,
            deployment.model,
            deployment.spec,
            deployment.first_seen_at.0,
            deployment.last_seen_at.0,
            deployment.gone_at.map(|time| time.0),
        ])?;
    }
    let mut statement = transaction.prepare_cached(INSERT_CHANGE)?;
    for change in &update.changes {
        let deployment = change.deployment.as_ref();
        statement.execute(params![
            change.model,
            deployment.map(|key| &key.provider),
            deployment.map(|key| &key.name),
            change.at.0,
            change.field,
            change.old,
            change.new,
        ])?;
    }
    let mut statement = transaction.prepare_cached(MERGE_OBSERVATION)?;
    for observation in &update.observations {
        statement.execute(params![
            observation.hour.0,
            observation.key.provider,
            observation.key.name,
            observation.is_listed,
            observation.is_up,
            observation.num_probes_ok,
            observation.num_probes_failed,
        ])?;
    }
    Ok(())
}

pub(super) fn changes(
    connection: &Connection,
    model: Option<&str>,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<SpecChange>, StoreError> {
    let limit = limit.min(MAX_ROWS) as i64;
    let rows = match model {
        None => connection
            .prepare_cached(CHANGES)?
            .query_map(params![since.0, limit], change)?
            .collect::<Result<_, _>>()?,
        Some(model) => connection
            .prepare_cached(CHANGES_OF_MODEL)?
            .query_map(params![since.0, limit, model], change)?
            .collect::<Result<_, _>>()?,
    };
    Ok(rows)
}

pub(super) fn observations(
    connection: &Connection,
    model: Option<&str>,
    from: Hour,
    until: Hour,
) -> Result<Vec<Observation>, StoreError> {
    let Some(model) = model else {
        let mut statement = connection.prepare_cached(OBSERVATIONS)?;
        let rows = statement.query_map([from.0, until.0], observation)?;
        return Ok(rows.collect::<Result<_, _>>()?);
    };
    let mut statement = connection.prepare_cached(OBSERVATIONS_OF_MODEL)?;
    let rows = statement.query_map(params![from.0, until.0, model], observation)?;
    let mut rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    rows.sort_by(|a, b| (a.hour, &a.key).cmp(&(b.hour, &b.key)));
    Ok(rows)
}

pub(super) fn record_sync(connection: &Connection, sync: &ProviderSync) -> Result<(), StoreError> {
    connection.prepare_cached(UPSERT_SYNC)?.execute(params![
        sync.provider,
        sync.tried_at.0,
        sync.succeeded_at.map(|time| time.0),
        sync.error,
        sync.settings,
    ])?;
    Ok(())
}

pub(super) fn syncs(connection: &Connection) -> Result<Vec<ProviderSync>, StoreError> {
    let mut statement = connection.prepare_cached(SYNCS)?;
    let rows = statement.query_map([], sync)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn model(row: &Row<'_>) -> rusqlite::Result<ModelRecord> {
    Ok(ModelRecord {
        id: row.get(0)?,
        spec: row.get(1)?,
        first_seen_at: Timestamp(row.get(2)?),
        last_seen_at: Timestamp(row.get(3)?),
    })
}

fn deployment(row: &Row<'_>) -> rusqlite::Result<DeploymentRecord> {
    Ok(DeploymentRecord {
        key: DeploymentKey {
            provider: row.get(0)?,
            name: row.get(1)?,
        },
        model: row.get(2)?,
        spec: row.get(3)?,
        first_seen_at: Timestamp(row.get(4)?),
        last_seen_at: Timestamp(row.get(5)?),
        gone_at: row.get::<_, Option<_>>(6)?.map(Timestamp),
    })
}

fn change(row: &Row<'_>) -> rusqlite::Result<SpecChange> {
    let (provider, name): (Option<String>, Option<String>) = (row.get(1)?, row.get(2)?);
    Ok(SpecChange {
        model: row.get(0)?,
        deployment: provider
            .zip(name)
            .map(|(provider, name)| DeploymentKey { provider, name }),
        at: Timestamp(row.get(3)?),
        field: row.get(4)?,
        old: row.get(5)?,
        new: row.get(6)?,
    })
}

fn observation(row: &Row<'_>) -> rusqlite::Result<Observation> {
    Ok(Observation {
        key: DeploymentKey {
            provider: row.get(0)?,
            name: row.get(1)?,
        },
        hour: Hour(row.get(2)?),
        is_listed: row.get(3)?,
        is_up: row.get(4)?,
        num_probes_ok: row.get(5)?,
        num_probes_failed: row.get(6)?,
    })
}

fn sync(row: &Row<'_>) -> rusqlite::Result<ProviderSync> {
    Ok(ProviderSync {
        provider: row.get(0)?,
        tried_at: Timestamp(row.get(1)?),
        succeeded_at: row.get::<_, Option<_>>(2)?.map(Timestamp),
        error: row.get(3)?,
        settings: row.get(4)?,
    })
}

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    MODELS,
    DEPLOYMENTS,
    UPSERT_MODEL,
    UPSERT_DEPLOYMENT,
    INSERT_CHANGE,
    MERGE_OBSERVATION,
    CHANGES,
    CHANGES_OF_MODEL,
    OBSERVATIONS,
    OBSERVATIONS_OF_MODEL,
    UPSERT_SYNC,
    SYNCS,
];
