//! One GET, in a thread of its own: so that Ctrl-C is heard while a server says nothing, and the
//! next bytes arrive while the last ones are hashed and written.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::{Response as HttpResponse, Uri, header};
use ureq::{Agent, Body as HttpBody};

use super::Limits;
use super::error::HubError;
use super::token::Token;
use crate::interrupt;

/// How often a wait looks whether Ctrl-C was pressed.
const INTERRUPT_POLL: Duration = Duration::from_millis(50);

/// Redirects that are followed. The hub itself needs one, or two for a renamed model.
const MAX_REDIRECTS: usize = 8;

/// Bytes of a piece, and pieces that wait to be taken.
const PIECE_BYTES: usize = 256 << 10;
const MAX_PIECES: usize = 16;

/// Fewer bytes in the time of a stall are as good as none: 30 seconds at 1 KiB/s.
const MIN_WINDOW_BYTES: u64 = 30 << 10;

/// What is asked for.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) url: Uri,
    /// The first byte wanted; 0 asks for the whole.
    pub(super) offset: u64,
    /// Goes to the host of `url` only, whatever it redirects to.
    pub(super) token: Option<Token>,
}

/// The head of an answer, and its body as it arrives.
pub(super) struct Response {
    pub(super) head: Head,
    pub(super) body: Body,
}

/// What stands before the body.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Who answered, after all redirects.
    pub(super) host: String,
    /// Whether that is who was asked.
    pub(super) is_asked_host: bool,
    pub(super) status: u16,
    pub(super) content_length: Option<u64>,
    pub(super) content_range: Option<String>,
    pub(super) is_html: bool,
    /// The hub's own name of an error.
    pub(super) error_code: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

/// The pieces of a body.
pub(super) struct Body {
    host: String,
    pieces: Receiver<Event>,
    stall: Duration,
    /// Time spent waiting, and bytes that came, since the last time enough had come.
    window: (Duration, u64),
}

enum Event {
    Head(Head),
    Piece(Vec<u8>),
    End,
    Failed(HubError),
}

impl Request {
    /// Sends it; returns when the head of the answer is there.
    pub(super) fn send(self, agent: &Agent, limits: &Limits) -> Result<Response, HubError> {
        let host = host(&self.url);
        let (sender, pieces) = sync_channel(MAX_PIECES);
        let agent = agent.clone();
        let lost = |reason: String| HubError::Lost {
            host: host.clone(),
            reason,
        };
        // Left to itself when nobody receives any more: its own timeouts end it.
        thread::Builder::new()
            .name("hub request".to_owned())
            .spawn(move || self.run(&agent, &sender))
            .map_err(|error| lost(format!("no thread: {error}")))?;
        let mut body = Body {
            host: host.clone(),
            pieces,
            stall: limits.stall,
            window: (Duration::ZERO, 0),
        };
        loop {
            // How long the head may take is the agent's business.
            match body.receive()? {
                Some(Event::Head(head)) => {
                    body.host.clone_from(&head.host);
                    return Ok(Response { head, body });
                }
                Some(Event::Failed(error)) => return Err(error),
                Some(Event::Piece(_) | Event::End) => {
                    return Err(lost("the answer has no head".to_owned()));
                }
                None => {}
            }
        }
    }

    fn run(self, agent: &Agent, events: &SyncSender<Event>) {
        // Sending fails when the receiver is gone, and then nobody wants the rest.
        let (head, body) = match self.follow(agent) {
            Ok(answer) => answer,
            Err(error) => {
                let _ = events.send(Event::Failed(error));
                return;
            }
        };
        let host = head.host.clone();
        if events.send(Event::Head(head)).is_err() {
            return;
        }
        let mut reader = body.into_reader();
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let event = match reader.read(&mut piece) {
                Ok(0) => Event::End,
                Ok(len) => {
                    piece.truncate(len);
                    Event::Piece(piece)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Event::Failed(HubError::Lost {
                    host: host.clone(),
                    reason: error.to_string(),
                }),
            };
            let is_last = !matches!(event, Event::Piece(_));
            if events.send(event).is_err() || is_last {
                return;
            }
        }
    }

    /// Sends the request to wherever it is redirected.
    fn follow(&self, agent: &Agent) -> Result<(Head, HttpBody), HubError> {
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let is_asked_host = is_same_origin(&url, &self.url);
            let mut request = agent.get(url.clone());
            if self.offset > 0 {
                request = request.header(header::RANGE, format!("bytes={}-", self.offset));
            }
            if let Some(token) = self.token.as_ref().filter(|_| is_asked_host) {
                request = request.header(header::AUTHORIZATION, token.bearer());
            }
            let started = Instant::now();
            let response = request
                .call()
                .map_err(|error| sending_failed(error, host(&url), started.elapsed()))?;
            if matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                url = redirect_target(&url, &response)?;
                continue;
            }
            let head = Head::new(host(&url), is_asked_host, &response);
            return Ok((head, response.into_body()));
        }
        Err(HubError::Redirect {
            host: host(&self.url),
            reason: format!(
                "more than {MAX_REDIRECTS} redirects, the last to {}",
                host(&url)
            ),
        })
    }
}

impl Head {
    fn new(host: String, is_asked_host: bool, response: &HttpResponse<HttpBody>) -> Self {
        let text = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.trim().to_owned())
        };
        Self {
            host,
            is_asked_host,
            status: response.status().as_u16(),
            content_length: response.body().content_length(),
            content_range: text("content-range"),
            is_html: response.body().mime_type() == Some("text/html"),
            error_code: text("x-error-code"),
            retry_after: text("retry-after")
                .and_then(|value| value.parse().ok())
                .map(Duration::from_secs),
        }
    }
}

impl Body {
    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, HubError> {
        loop {
            let before = Instant::now();
            let event = self.receive()?;
            // Only time spent waiting counts: a slow disk is not the server's fault.
            self.window.0 += before.elapsed();
            match event {
                Some(Event::Piece(piece)) => {
                    self.window.1 += piece.len() as u64;
                    if self.window.1 >= MIN_WINDOW_BYTES {
                        self.window = (Duration::ZERO, 0);
                    }
                    self.check_window()?;
                    return Ok(Some(piece));
                }
                Some(Event::End) => return Ok(None),
                Some(Event::Failed(error)) => return Err(error),
                Some(Event::Head(_)) | None => self.check_window()?,
            }
        }
    }

    /// All of it, if that is at most `max_bytes`; `None` if it is more.
    pub(super) fn read_to_end(mut self, max_bytes: usize) -> Result<Option<Vec<u8>>, HubError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next()? {
            if bytes.len() + piece.len() > max_bytes {
                return Ok(None);
            }
            bytes.extend(piece);
        }
        Ok(Some(bytes))
    }

    fn check_window(&self) -> Result<(), HubError> {
        let waited = self.window.0;
        if waited < self.stall {
            return Ok(());
        }
        Err(HubError::Stalled {
            host: self.host.clone(),
            waited,
        })
    }

    /// Waits a moment for the next event.
    fn receive(&self) -> Result<Option<Event>, HubError> {
        if interrupt::is_set() {
            return Err(HubError::Interrupted);
        }
        match self.pieces.recv_timeout(INTERRUPT_POLL) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(HubError::Lost {
                host: self.host.clone(),
                reason: "the request ended early".to_owned(),
            }),
        }
    }
}

/// Waits, and listens for Ctrl-C.
pub(super) fn pause(duration: Duration) -> Result<(), HubError> {
    let end = Instant::now() + duration;
    loop {
        if interrupt::is_set() {
            return Err(HubError::Interrupted);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(INTERRUPT_POLL));
    }
}

fn sending_failed(error: ureq::Error, host: String, waited: Duration) -> HubError {
    use io::ErrorKind;
    match error {
        ureq::Error::Timeout(_) => HubError::Stalled { host, waited },
        ureq::Error::HostNotFound => HubError::Unreachable {
            host,
            reason: "there is no host of this name".to_owned(),
        },
        ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::InvalidProxyUrl => HubError::Unreachable {
            host,
            reason: error.to_string(),
        },
        ureq::Error::Io(error) => match error.kind() {
            // How rustls reports a certificate that it does not accept.
            ErrorKind::InvalidData => HubError::Untrusted {
                host,
                reason: error.to_string(),
            },
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof => HubError::Lost {
                host,
                reason: error.to_string(),
            },
            ErrorKind::TimedOut => HubError::Stalled { host, waited },
            // Refused, no route, and names that cannot be looked up, which have no kind.
            _ => HubError::Unreachable {
                host,
                reason: error.to_string(),
            },
        },
        ureq::Error::Rustls(error) => HubError::Untrusted {
            host,
            reason: error.to_string(),
        },
        error => HubError::Lost {
            host,
            reason: error.to_string(),
        },
    }
}

/// Where an answer redirects to.
fn redirect_target(from: &Uri, response: &HttpResponse<HttpBody>) -> Result<Uri, HubError> {
    let wrong = |reason: String| HubError::Redirect {
        host: host(from),
        reason,
    };
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| wrong("it does not say where to".to_owned()))?;
    let origin = || {
        format!(
            "{}://{}",
            scheme(from),
            from.authority().map_or("", |a| a.as_str())
        )
    };
    let absolute = if location.starts_with("//") {
        format!("{}:{location}", scheme(from))
    } else if location.starts_with('/') {
        format!("{}{location}", origin())
    } else if location.contains("://") {
        location.to_owned()
    } else {
        // Relative to the folder of the address, which may not have a path.
        let path = from.path();
        let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
        format!("{}{folder}{location}", origin())
    };
    let target: Uri = absolute
        .parse()
        .map_err(|_| wrong("the new address is malformed".to_owned()))?;
    match (scheme(from), scheme(&target)) {
        _ if target.host().is_none() => Err(wrong("the new address has no host".to_owned())),
        ("https", "http") => Err(wrong(format!(
            "from https to unprotected http at {}",
            host(&target)
        ))),
        (_, "http" | "https") => Ok(target),
        (_, other) => Err(wrong(format!("to the unknown protocol {other}"))),
    }
}

pub(super) fn host(url: &Uri) -> String {
    // Without what may stand before an `@`: that would be a password.
    let host = url.host().unwrap_or("?");
    match url.port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn scheme(url: &Uri) -> &str {
    url.scheme_str().unwrap_or("")
}

/// Whether two addresses are of the same scheme, host and port.
fn is_same_origin(a: &Uri, b: &Uri) -> bool {
    let port = |url: &Uri| {
        url.port_u16()
            .unwrap_or(if scheme(url) == "https" { 443 } else { 80 })
    };
    let name = |url: &Uri| url.host().map(str::to_ascii_lowercase);
    scheme(a) == scheme(b) && name(a) == name(b) && port(a) == port(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(from: &str, location: &str) -> Result<String, HubError> {
        let response = HttpResponse::builder()
            .status(302)
            .header("location", location)
            .body(HttpBody::builder().data(""))
            .unwrap();
        redirect_target(&from.parse().unwrap(), &response).map(|url| url.to_string())
    }

    #[test]
    fn a_redirect_may_be_absolute_or_relative() {
        let from = "https://hub.example:8443/a/b?c=d";
        for (location, target) in [
            ("https://cdn.example/x?y=%2F", "https://cdn.example/x?y=%2F"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("/new/place?z", "https://hub.example:8443/new/place?z"),
            ("place", "https://hub.example:8443/a/place"),
        ] {
            assert_eq!(redirect(from, location).unwrap(), target);
        }
    }

    #[test]
    fn a_redirect_never_leaves_https_or_http() {
        assert!(redirect("https://hub.example/a", "http://hub.example/a").is_err());
        for location in ["ftp://hub.example/a", "file:///etc/passwd", "http://", ""] {
            let target = redirect("http://hub.example/a", location);
            assert!(
                target.as_ref().is_err() || target.as_ref().unwrap() == "http://hub.example/",
                "{location}: {target:?}"
            );
        }
        assert!(redirect("http://hub.example/a", "https://hub.example/a").is_ok());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| is_same_origin(&a.parse().unwrap(), &b.parse().unwrap());
        assert!(same("https://hub.example/a", "https://HUB.example:443/b"));
        assert!(!same("https://hub.example/", "http://hub.example/"));
        assert!(!same("https://hub.example/", "https://hub.example:444/"));
        assert!(!same("https://hub.example/", "https://cdn.hub.example/"));
    }

    #[test]
    fn a_host_is_named_without_its_password() {
        let url: Uri = "https://user:secret@hub.example:8443/a".parse().unwrap();
        assert_eq!(host(&url), "hub.example:8443");
    }
}
