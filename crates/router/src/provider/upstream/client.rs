//! HTTP/1.1 to one host: connections, kept and bounded, and the phases of an exchange with their
//! deadlines.
//!
//! A connection is driven by the one who reads from it and by nobody else. There is no task between
//! the socket and the reader: whatever has come in is there at once, dropping the exchange closes the
//! socket, and a stream costs no change of tasks for each of its chunks. The price is small: nobody
//! sees that an idle connection was closed until it is wanted again.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap,
    HeaderName, HeaderValue, USER_AGENT,
};
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use crate::config::{Bounds, ProviderConfig, Timeouts};
use crate::error::{FailureKind, ProviderError};
use crate::otlp::TraceContext;

/// Bytes of the head of an answer, and its headers.
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 128;
/// How long an address of a name is waited for before the next one is tried beside it.
const HAPPY_EYEBALLS: Duration = Duration::from_millis(300);

/// How long, and for how many bytes, the end of a body is waited for when its answer is complete.
const MAX_DRAIN: Duration = Duration::from_secs(1);
const MAX_DRAIN_BYTES: usize = 4096;

type Socket = MaybeHttpsStream<TokioIo<TcpStream>>;

/// The way to one host.
pub(crate) struct Client {
    name: String,
    base: Base,
    headers: HeaderMap,
    connector: HttpsConnector<HttpConnector>,
    idle: Arc<Mutex<VecDeque<Idle>>>,
    permits: Arc<Semaphore>,
    pub(super) timeouts: Timeouts,
    pub(super) bounds: Bounds,
}

/// A base URL, taken apart.
struct Base {
    /// Scheme and authority, for the connector.
    origin: Uri,
    path: String,
    query: String,
}

/// A connection, with what drives it.
struct Wire {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<Socket, Full<Bytes>>>>,
    is_over: bool,
}

struct Idle {
    wire: Wire,
    since: Instant,
}

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) method: Method,
    /// What comes behind the base URL, such as `/chat/completions`.
    pub(crate) path: &'a str,
    pub(crate) body: Bytes,
    pub(crate) accept: &'static str,
    /// The trace that it belongs to, if the host is told.
    pub(crate) trace: Option<TraceContext>,
}

impl Question<'_> {
    /// A question without a body.
    pub(super) fn get(path: &str) -> Question<'_> {
        Question {
            method: Method::GET,
            path,
            body: Bytes::new(),
            accept: "application/json",
            trace: None,
        }
    }
}

/// An answer whose head is there.
pub(crate) struct Exchange {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    /// `None` once the connection was given back.
    wire: Option<Wire>,
    idle: Arc<Mutex<VecDeque<Idle>>>,
    max_idle: usize,
    _permit: OwnedSemaphorePermit,
}

impl Client {
    /// # Errors
    /// What is wrong with the configuration, in words.
    pub(crate) fn new(config: &ProviderConfig) -> Result<Self, String> {
        let base = Base::parse(&config.base_url)?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_happy_eyeballs_timeout(Some(HAPPY_EYEBALLS));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| format!("TLS cannot be set up: {error}"))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self {
            name: config.id.clone(),
            headers: headers(config, &base)?,
            base,
            connector,
            idle: Arc::default(),
            permits: Arc::new(Semaphore::new(config.bounds.max_connections.max(1))),
            timeouts: config.timeouts,
            bounds: config.bounds,
        })
    }

    /// Name and port of the host.
    pub(super) fn address(&self) -> Option<(&str, u16)> {
        let origin = &self.base.origin;
        let is_plain = origin.scheme() == Some(&Scheme::HTTP);
        let port = origin.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        Some((origin.host()?, port))
    }

    /// Exchanges that are under way, and the most there may be.
    pub(super) fn load(&self) -> (usize, usize) {
        let most = self.bounds.max_connections.max(1);
        (most - self.permits.available_permits().min(most), most)
    }

    /// Asks, and waits so long for the head of the answer.
    pub(crate) async fn ask(
        &self,
        question: Question<'_>,
        patience: Duration,
    ) -> Result<Exchange, ProviderError> {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let words = format!(
                "{}: {} requests run there already, the most allowed; ask again, or raise \
                 max_connections",
                self.name, self.bounds.max_connections
            );
            return Err(ProviderError::new(FailureKind::ServerFault, words));
        };
        let deadline = Instant::now() + patience;
        let response = timeout_at(deadline, self.send(&question)).await;
        let (response, wire) = response.unwrap_or_else(|_| {
            let words = format!("no answer within {patience:?}");
            Err(self.error(FailureKind::Timeout, words))
        })?;
        let (head, body) = response.into_parts();
        let exchange = Exchange {
            status: head.status,
            headers: head.headers,
            body,
            wire: Some(wire),
            idle: Arc::clone(&self.idle),
            max_idle: self.bounds.max_idle_connections,
            _permit: permit,
        };
        let encoding = exchange.headers.get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            let words = "it sent a compressed answer, which it was asked not to";
            return Err(self.error(FailureKind::InvalidResponse, words.to_owned()));
        }
        Ok(exchange)
    }

    /// An error of this host.
    pub(super) fn error(&self, kind: FailureKind, words: String) -> ProviderError {
        ProviderError::new(kind, format!("{}: {words}", self.name))
    }

    /// Sends over a kept connection, or over a new one. A kept one that turns out to have been
    /// closed meanwhile is no failure: nothing was answered on it.
    async fn send(
        &self,
        question: &Question<'_>,
    ) -> Result<(Response<Incoming>, Wire), ProviderError> {
        while let Some(mut wire) = self.take_idle().await {
            match wire.send(self.request(question)?).await {
                Ok(response) => return Ok((response, wire)),
                Err(error) if is_closed(&error) => {}
                Err(error) => return Err(self.transport(&error)),
            }
        }
        let mut wire = self.connect().await?;
        match wire.send(self.request(question)?).await {
            Ok(response) => Ok((response, wire)),
            Err(error) => Err(self.transport(&error)),
        }
    }

    /// A kept connection that is still good.
    async fn take_idle(&self) -> Option<Wire> {
        loop {
            let mut wire = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                let is_old = |one: &Idle| now - one.since > self.bounds.idle_connection;
                // The one at the front waits longest.
                while idle.front().is_some_and(is_old) {
                    idle.pop_front();
                }
                idle.pop_back()?.wire
            };
            if wire.is_good().await {
                return Some(wire);
            }
        }
    }

    async fn connect(&self) -> Result<Wire, ProviderError> {
        let origin = &self.base.origin;
        let failed = |words: String| {
            self.error(
                FailureKind::Network,
                format!("no connection to {origin}: {words}"),
            )
        };
        let deadline = Instant::now() + self.timeouts.connect;
        let mut connector = self.connector.clone();
        let connecting = async {
            let socket = connector
                .call(origin.clone())
                .await
                .map_err(|error| chain(error.as_ref()))?;
            let mut builder = http1::Builder::new();
            builder
                .max_headers(MAX_HEADERS)
                .max_buf_size(MAX_HEAD_BYTES);
            builder
                .handshake(socket)
                .await
                .map_err(|error| chain(&error))
        };
        let connected = timeout_at(deadline, connecting).await;
        let connected =
            connected.map_err(|_| failed(format!("{:?} passed", self.timeouts.connect)));
        let (sender, connection) = connected?.map_err(failed)?;
        Ok(Wire {
            sender,
            connection: Box::pin(connection),
            is_over: false,
        })
    }

    fn request(&self, question: &Question<'_>) -> Result<Request<Full<Bytes>>, ProviderError> {
        let Base { path, query, .. } = &self.base;
        let uri = format!("{path}{}{query}", question.path);
        let mut request = Request::builder()
            .method(question.method.clone())
            .uri(uri)
            .body(Full::new(question.body.clone()))
            .map_err(|error| {
                let words = format!("{:?} cannot be asked for: {error}", question.path);
                self.error(FailureKind::InvalidRequest, words)
            })?;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(ACCEPT, HeaderValue::from_static(question.accept));
        if question.method != Method::GET {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(trace) = question.trace
            && let Ok(value) = HeaderValue::from_str(&trace.to_text())
        {
            headers.insert("traceparent", value);
        }
        Ok(request)
    }

    /// What went wrong before the head of an answer was there.
    fn transport(&self, error: &hyper::Error) -> ProviderError {
        let (kind, words) = match error.is_parse() || error.is_parse_too_large() {
            true => (FailureKind::InvalidResponse, "it answered what is not HTTP"),
            false => (
                FailureKind::Network,
                "the connection broke before the answer",
            ),
        };
        self.error(kind, format!("{words}: {}", chain(error)))
    }
}

/// Whether the connection was gone before anything was answered on it.
fn is_closed(error: &hyper::Error) -> bool {
    let is_reset = || {
        let source = error.source().and_then(|source| source.downcast_ref());
        source.is_some_and(|error: &std::io::Error| {
            use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset
            )
        })
    };
    error.is_canceled() || error.is_closed() || error.is_incomplete_message() || is_reset()
}

/// An error with its causes.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !words.contains(&cause) {
            words.push_str(": ");
            words.push_str(&cause);
        }
        source = error.source();
    }
    words
}

fn headers(config: &ProviderConfig, base: &Base) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let authority = base
        .origin
        .authority()
        .map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(authority).map_err(|_| "base_url: no host".to_owned())?;
    headers.insert(HOST, host);
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("freeway/", env!("CARGO_PKG_VERSION"))),
    );
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(key) = &config.api_key {
        let value = HeaderValue::from_str(&format!("Bearer {}", key.reveal()));
        let mut value =
            value.map_err(|_| "api_key: it has characters that no key has".to_owned())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    for (name, value) in &config.headers {
        let header = HeaderName::from_bytes(name.as_bytes());
        let header = header.map_err(|_| format!("headers: {name:?} is no name of a header"))?;
        let value = HeaderValue::from_str(value);
        let value = value.map_err(|_| format!("headers: the value of {name} is none"))?;
        headers.insert(header, value);
    }
    Ok(headers)
}

impl Base {
    fn parse(url: &str) -> Result<Self, String> {
        // A password and a query are shown to nobody.
        let (shown, _) = url.split_once(['?', '#']).unwrap_or((url, ""));
        let shown = match (shown.split_once("://"), shown.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
            (None, Some((_, host))) => format!("…@{host}"),
            _ if url.contains('@') => "…".to_owned(),
            _ => shown.to_owned(),
        };
        let wrong = |words: &str| format!("base_url: {shown:?} {words}, as https://host/v1");
        if url.contains('#') {
            return Err(wrong("must have no # and nothing behind it"));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if scheme != "https" && scheme != "http" {
            return Err(wrong("must begin with https:// or http://"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong(
                "must have a host, and no name of a user (a key goes into the variable that \
                 key_variable names)",
            ));
        }
        let behind_host = authority.as_str().strip_prefix(authority.host());
        if behind_host.is_some_and(|rest| !rest.is_empty()) && authority.port_u16().is_none() {
            return Err(wrong("has no number for its port"));
        }
        let path = uri.path().trim_end_matches('/');
        for end in ["/chat/completions", "/completions"] {
            if path.ends_with(end) {
                let words = format!("must end before {end:?}, which is added");
                return Err(wrong(&words));
            }
        }
        let origin = format!("{scheme}://{authority}");
        Ok(Self {
            origin: origin.parse().map_err(|_| wrong("is no URL"))?,
            path: path.to_owned(),
            query: uri
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default(),
        })
    }
}

impl Wire {
    /// Sends a request and drives the connection until the head of the answer is there.
    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let mut response = std::pin::pin!(self.sender.send_request(request));
        poll_fn(|context| {
            loop {
                if let Poll::Ready(response) = response.as_mut().poll(context) {
                    return Poll::Ready(response);
                }
                if self.is_over {
                    return Poll::Pending;
                }
                match self.connection.as_mut().poll(context) {
                    // The response has the reason.
                    Poll::Ready(_) => self.is_over = true,
                    Poll::Pending => return response.as_mut().poll(context),
                }
            }
        })
        .await
    }

    /// Lets the connection do what it can now.
    fn drive(&mut self, context: &mut Context<'_>) {
        if !self.is_over && self.connection.as_mut().poll(context).is_ready() {
            self.is_over = true;
        }
    }

    /// Whether a connection that was kept may still be used: what came in the meantime can only be
    /// its end.
    async fn is_good(&mut self) -> bool {
        poll_fn(|context| {
            self.drive(context);
            Poll::Ready(!self.is_over && self.sender.is_ready())
        })
        .await
    }
}

impl Exchange {
    /// The next bytes of the body; `None` at its end.
    pub(super) fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    let Some(wire) = self.wire.as_mut().filter(|wire| !wire.is_over) else {
                        return Poll::Pending;
                    };
                    wire.drive(context);
                    let is_over = wire.is_over;
                    match Pin::new(&mut self.body).poll_frame(context) {
                        Poll::Ready(frame) => frame,
                        Poll::Pending if is_over => continue,
                        Poll::Pending => return Poll::Pending,
                    }
                }
            };
            match frame {
                None => {
                    self.give_back(context);
                    return Poll::Ready(None);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Poll::Ready(Some(Ok(bytes))),
                    // Trailers say nothing that is needed here.
                    Ok(_) | Err(_) => {}
                },
            }
        }
    }

    /// The whole body, if it has at most `max_bytes`.
    pub(crate) async fn collect(&mut self, max_bytes: usize) -> Result<Bytes, CollectError> {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(bytes) = poll_fn(|context| self.poll_bytes(context)).await {
            let bytes = bytes.map_err(CollectError::Broken)?;
            if first.len().max(all.len()) + bytes.len() > max_bytes {
                return Err(CollectError::TooLong);
            }
            if first.is_empty() {
                first = bytes;
                continue;
            }
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&bytes);
        }
        match all.is_empty() {
            true => Ok(first),
            false => Ok(all.freeze()),
        }
    }

    /// The answer is complete, and the end of its body may still be on the way: reads that away from
    /// the one who waits for the answer, so that the connection can be used again.
    pub(super) fn drain(mut self) {
        if self.wire.is_none() {
            return;
        }
        tokio::spawn(async move {
            let deadline = Instant::now() + MAX_DRAIN;
            // Whatever else comes, or does not, closes the connection.
            let _ = timeout_at(deadline, self.collect(MAX_DRAIN_BYTES)).await;
        });
    }

    /// The type of the body, without its parameters, in lower case.
    pub(super) fn content_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = value.split(';').next().unwrap_or("");
        kind.trim().to_ascii_lowercase()
    }

    /// The body ended: the connection is free for others, if the host keeps it.
    fn give_back(&mut self, context: &mut Context<'_>) {
        let Some(mut wire) = self.wire.take() else {
            return;
        };
        wire.drive(context);
        if wire.is_over || !wire.sender.is_ready() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.len() >= self.max_idle.max(1) {
            idle.pop_front();
        }
        if self.max_idle > 0 {
            let since = Instant::now();
            idle.push_back(Idle { wire, since });
        }
    }
}

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum CollectError {
    /// It is longer than allowed.
    TooLong,
    /// The connection broke, or what came is not HTTP.
    Broken(hyper::Error),
}

/// What an error in the middle of a body is.
pub(super) fn body_error(error: &hyper::Error) -> (FailureKind, String) {
    let kind = match error.is_parse() {
        true => FailureKind::InvalidResponse,
        false => FailureKind::BrokenStream,
    };
    (kind, format!("the answer broke off: {}", chain(error)))
}
