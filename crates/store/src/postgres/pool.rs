//! Connections: how they are made, how many there are, and how long anything may take.

use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio::time::timeout;
use tokio_postgres::NoTls;

use super::failure::Failure;
use super::{schema, tls};
use crate::StoreError;
use crate::connect::PostgresLocation;
use crate::error::BoxError;

/// A connection of the pool. It goes back when it is dropped.
pub(super) type Client = deadpool_postgres::Object;

/// Connections that a process has at most, beside those of locks.
const MAX_CONNECTIONS: usize = 8;

/// How long to wait for a connection that another call gives back.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the making of a connection may take, and of each address of the host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call may take, the server's word for it included.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);

/// How long sent data may stay unanswered before the connection counts as broken, and how long
/// silence lasts before it is asked whether it is.
const TCP_TIMEOUT: Duration = Duration::from_secs(15);

/// What the server is told of each connection, in milliseconds: how long a statement may take, wait
/// for a lock, and a transaction do nothing.
const SESSION: &str = "\
    SET statement_timeout = 30000; SET lock_timeout = 10000;
    SET idle_in_transaction_session_timeout = 60000; SET client_min_messages = warning";

/// Connections to one database.
pub(super) struct Connections {
    pool: Pool,
    server: String,
}

impl Connections {
    pub(super) fn new(location: PostgresLocation) -> Result<Self, StoreError> {
        let PostgresLocation {
            mut config,
            server,
            tls,
        } = location;
        if config.get_application_name().is_none() {
            config.application_name("freeway");
        }
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(TCP_TIMEOUT)
            .keepalives_idle(TCP_TIMEOUT);
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match tls {
            None => Manager::from_config(config, NoTls, recycling),
            Some(roots) => Manager::from_config(config, tls::connector(&roots)?, recycling),
        };
        let set_up = Hook::async_fn(|client, _| {
            Box::pin(async move {
                let result = client.batch_execute(SESSION).await;
                result.map_err(HookError::Backend)
            })
        });
        let pool = Pool::builder(manager)
            .max_size(MAX_CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(WAIT_TIMEOUT),
                create: Some(2 * CONNECT_TIMEOUT),
                recycle: Some(WAIT_TIMEOUT),
            })
            .post_create(set_up)
            .build()
            .map_err(|error| StoreError::Database(error.into()))?;
        Ok(Self { pool, server })
    }

    /// Brings the schema up to date and returns its name. It takes as long as it takes.
    pub(super) async fn prepare(&self) -> Result<String, StoreError> {
        let client = self.client().await?;
        let result = schema::prepare(client, &self.server).await;
        self.told(result)
    }

    async fn client(&self) -> Result<Client, StoreError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Closed => StoreError::Closed,
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => StoreError::Busy,
            error => self.unreachable(error.into()),
        })
    }

    /// Makes a call. If its connection was lost before anything was done, as all are when the server
    /// starts anew, it is made once more on a new one.
    pub(super) async fn run<T, F>(&self, call: impl Fn(Client) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let first = self.try_run(&call).await;
        let Err(Failure::Lost(_)) = first else {
            return self.told(first);
        };
        // The others are of the same age.
        self.pool.retain(|_, _| false);
        let second = self.try_run(&call).await;
        self.told(second)
    }

    async fn try_run<T, F>(&self, call: impl Fn(Client) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let client = self.client().await?;
        match timeout(CALL_TIMEOUT, call(client)).await {
            Ok(result) => result,
            Err(elapsed) => {
                // The connection went back to the pool, and is of no use there.
                self.pool.retain(|_, _| false);
                Err(self.unreachable(elapsed.into()).into())
            }
        }
    }

    fn told<T>(&self, result: Result<T, Failure>) -> Result<T, StoreError> {
        result.map_err(|failure| match failure {
            Failure::Lost(source) | Failure::LostAtTheEnd(source) => self.unreachable(source),
            Failure::Refused(error) => error,
        })
    }

    fn unreachable(&self, source: BoxError) -> StoreError {
        StoreError::Unreachable {
            server: self.server.clone(),
            source,
        }
    }

    pub(super) fn close(&self) -> Result<(), StoreError> {
        if self.pool.is_closed() {
            return Err(StoreError::Closed);
        }
        self.pool.close();
        Ok(())
    }
}
