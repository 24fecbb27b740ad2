//! Accepts connections, serves them, and ends in good order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use router::{CallerQuota, Router};
use store::{Store, Timestamp};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::api::flr::Charts;
use crate::auth::{Access, Auth};
use crate::body::{BodyReader, SMALL_BODY_BYTES};
use crate::routes::{AppState, routes};
use crate::socket::Socket;
use crate::web;
use crate::web::dashboard::Dashboard;
use crate::web::dashboard::gate::Peer;
use crate::web::overview::Overviews;

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
    /// How long a client may take nothing of what is written to it.
    pub write_timeout: Duration,
    /// After how long a silence a stream gets a comment.
    pub keep_alive: Duration,
    /// How long the record of a key is believed: a revoked key works at most that much longer.
    pub key_cache: Duration,
    /// Origins of pages that may ask through a browser, such as `https://app.example`. Pages of this
    /// machine always may when no key is needed.
    pub allowed_origins: Vec<String>,
    /// Ids of the providers whose lists of models are read: clients are told how old those are.
    pub hosted_providers: Vec<String>,
    /// The URL by which others reach this server, without a slash at the end; `None`: as they name
    /// it. Pages say it in links and examples.
    pub public_url: Option<String>,
    /// For a demonstration with invented data: the moment that pages and charts speak of.
    pub sample_moment: Option<Timestamp>,
    /// Whether the server is behind a proxy that tells who asks, and how, in `X-Forwarded-For` and
    /// `X-Forwarded-Proto`. Where there is none anybody could say anything.
    pub trusts_proxy: bool,
    /// Who could be asked, and what that takes, for the dashboard.
    pub providers: Vec<ProviderSetup>,
    /// How long connections are still accepted after the signal to end, while `/readyz` tells load
    /// balancers to look elsewhere.
    pub drain_delay: Duration,
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
            write_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(15),
            key_cache: Duration::from_secs(10),
            allowed_origins: Vec::new(),
            hosted_providers: Vec::new(),
            public_url: None,
            sample_moment: None,
            trusts_proxy: false,
            providers: Vec::new(),
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Somebody who could be asked, by the settings or because they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderSetup {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whether the settings say that it is not to be asked.
    pub is_disabled: bool,
    /// Whether it is asked only where a row of the settings names it.
    pub needs_row: bool,
    /// The variables that it takes, by name.
    pub variables: Vec<SetupVariable>,
    /// What to know before one uses it.
    pub note: String,
}

/// A variable of the environment. Its value is nobody's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupVariable {
    /// Its name.
    pub name: String,
    /// Whether there is something in it.
    pub is_set: bool,
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
        let config = &self.config;
        let recorder = router.recorder().clone();
        let quota = CallerQuota::of_server(Arc::clone(&store), &recorder);
        let auth = Arc::new(Auth::new(access, recorder, config));
        let app = Arc::new(AppState {
            router,
            quota,
            charts: Charts::default(),
            overviews: Overviews::default(),
            model_reads: web::model::reads(),
            feeds: web::feed::Feeds::default(),
            pictures: web::pictures::Pictures::default(),
            address: self.address,
            public_url: config.public_url.clone(),
            sample_moment: config.sample_moment,
            dashboard: Dashboard::new(config),
            store,
            hosted_providers: config.hosted_providers.clone(),
            auth: Arc::clone(&auth),
            bodies: BodyReader::new(config.max_body_bytes, config.body_timeout),
            small_bodies: BodyReader::new(SMALL_BODY_BYTES, config.body_timeout),
            keep_alive: config.keep_alive,
            drain,
            stop,
        });
        let service = TowerToHyperService::new(routes(app, auth));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_headers(100);

        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let places = Arc::new(Semaphore::new(config.max_connections));
        let drain_delay = config.drain_delay;
        let shutdown = async {
            shutdown.await;
            drain_sender.send_replace(true);
            sleep(drain_delay).await;
        };
        tokio::pin!(shutdown);
        loop {
            let (stream, peer, place) = tokio::select! {
                accepted = accept(&self.listener, &places) => accepted,
                Some(_) = connections.join_next() => continue,
                () = &mut shutdown => break,
            };
            let (socket, hang_up) = Socket::new(stream, config.write_timeout);
            let service = service.clone();
            let named = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                service.call(request)
            });
            let connection = http.serve_connection(socket, named);
            let connection = graceful.watch(connection);
            connections.spawn(async move {
                let _place = place;
                // Dropping the connection drops the request under way and with it the answer.
                tokio::select! {
                    result = connection => {
                        if let Err(error) = result {
                            tracing::debug!(%error, "connection ended badly");
                        }
                    }
                    () = hang_up.happens() => tracing::debug!("the client hung up"),
                }
            });
        }

        drop(self.listener);
        tracing::info!("draining: no new connections, requests under way go on");
        let drained = graceful.shutdown();
        tokio::pin!(drained);
        if timeout(config.drain_timeout, &mut drained).await.is_err() {
            tracing::warn!("drain timeout: breaking off what is under way");
            stop_sender.send_replace(true);
            if timeout(STOP_GRACE, &mut drained).await.is_err() {
                tracing::warn!("closing the connections of clients that do not read");
            }
        }
        connections.shutdown().await;
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Chunks are small and should leave at once.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no TCP_NODELAY");
                }
                return (stream, peer, place);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
