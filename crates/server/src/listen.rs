//! Accepts connections, serves them, and ends in good order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use router::Router;
use store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::auth::{Access, Auth};
use crate::routes::{AppState, routes};

/// Pause after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long answers that are broken off may take to say so.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// The limits of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Largest body of a request.
    pub max_body_bytes: usize,
    /// Most connections at once; more wait to be accepted.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request, also the next one on a connection.
    pub header_timeout: Duration,
    /// How long a client may take to send a body.
    pub body_timeout: Duration,
    /// After how long a silence a stream gets a comment.
    pub keep_alive: Duration,
    /// How long requests under way may go on after the signal to end.
    pub drain_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: 32 << 20,
            max_connections: 1024,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(15),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Why a server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: ServerConfig,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ServerError::Bind`].
    pub async fn bind(address: SocketAddr, config: ServerConfig) -> Result<Self, ServerError> {
        let bind_error = |source| ServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        Ok(Self {
            listener,
            address,
            config,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes. Then no connection is accepted any more, requests under
    /// way go on for at most the drain timeout, and what is left is broken off.
    pub async fn serve(
        self,
        router: Arc<Router>,
        store: Arc<dyn Store>,
        access: Access,
        shutdown: impl Future<Output = ()>,
    ) {
        let (drain_sender, drain) = watch::channel(false);
        let (stop_sender, stop) = watch::channel(false);
        let auth = Arc::new(Auth::new(access, router.recorder().clone()));
        let app = Arc::new(AppState {
            router,
            store,
            max_body_bytes: self.config.max_body_bytes,
            body_timeout: self.config.body_timeout,
            keep_alive: self.config.keep_alive,
            drain,
            stop,
        });
        let service = TowerToHyperService::new(routes(app, auth));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.config.header_timeout)
            .max_headers(100);

        let connections = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(self.config.max_connections));
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &places) => accepted,
                () = &mut shutdown => break,
            };
            let (stream, place) = accepted;
            let connection = http.serve_connection(TokioIo::new(stream), service.clone());
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                let _place = place;
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "connection ended badly");
                }
            });
        }

        drop(self.listener);
        drain_sender.send_replace(true);
        tracing::info!("draining: no new connections, requests under way go on");
        let drained = connections.shutdown();
        tokio::pin!(drained);
        if timeout(self.config.drain_timeout, &mut drained)
            .await
            .is_err()
        {
            tracing::warn!("drain timeout: breaking off what is under way");
            stop_sender.send_replace(true);
            if timeout(STOP_GRACE, &mut drained).await.is_err() {
                tracing::warn!("some connections did not end");
            }
        }
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Chunks are small and should leave at once.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no TCP_NODELAY");
                }
                return (stream, place);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
