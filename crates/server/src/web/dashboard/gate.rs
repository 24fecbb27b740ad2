//! Who may enter the dashboard, and which forms are believed.
//!
//! A browser that is logged in has a cookie with 256 random bits, of which the store has the SHA-256.
//! The key that it was got with is looked at with every request: one that was revoked, has expired or is
//! no administrator's any more ends the session. Forms bring a token along that is derived from those
//! bits, and browsers say from which page a form was sent; both have to be right.
//!
//! A server that asks for no key is entered by whoever reaches it, which is this machine. Forms are
//! held to the same rules, with a token of the process.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use router::Caller;
use router::recorder::now;
use store::{SessionHash, SessionToken};

use super::{key_name, see_other};
use crate::body::discard;
use crate::error::ApiError;
use crate::routes::AppState;

/// How long a session lasts.
pub(super) const SESSION_S: i64 = 12 * 3600;

const COOKIE_NAME: &str = "freeway_session";
/// Browsers take a cookie of this name only from the host itself, over HTTPS and for all its paths.
const SECURE_COOKIE_NAME: &str = "__Host-freeway_session";

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection; in the extensions of every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Whoever is in the dashboard; in the extensions of their requests.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) caller: Caller,
    /// The name of their key; `None`: none is asked for.
    pub(super) key_name: Option<String>,
    /// What their forms bring along.
    pub(super) form_token: String,
    /// `None` where no key is asked for.
    pub(super) session: Option<SessionHash>,
}

/// Lets those pass who are logged in, and sends others to the login.
pub(super) async fn enter(
    State(app): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Err(error) = check_sender(&app, request.method(), request.headers()) {
        discard(request.into_body()).await;
        return error.into_response();
    }
    match visitor(&app, request.headers()).await {
        Ok(Some(visitor)) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Ok(None) => {
            let to = login_path(request.method(), request.uri());
            discard(request.into_body()).await;
            see_other(&to)
        }
        Err(error) => error.into_response(),
    }
}

/// Refuses what another site's page makes a browser send. Programs say nothing of pages.
pub(super) fn check_sender(
    app: &AppState,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    if matches!(*method, Method::GET | Method::HEAD)
        || is_own_form(headers, app.public_url.as_deref())
    {
        return Ok(());
    }
    let message = "this form was sent from a page of another site, which may not do this";
    Err(ApiError::Forbidden(message.to_owned()))
}

/// A proxy may have written another `Host`: pages of the URL by which others know this server are its
/// own, too.
fn is_own_form(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    // The browser's own word. Older ones, and those on an insecure connection, do not have it.
    if let Some(site) = text(FETCH_SITE) {
        return site == "same-origin";
    }
    let Some(origin) = text(ORIGIN) else {
        return true;
    };
    if public_url.is_some_and(|own| own.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let of_origin: Option<Uri> = origin.parse().ok();
    let authority = of_origin.as_ref().and_then(Uri::authority);
    authority
        .is_some_and(|own| text(HOST).is_some_and(|host| own.as_str().eq_ignore_ascii_case(host)))
}

/// Who sends a request; `None`: nobody who may enter.
async fn visitor(app: &AppState, headers: &HeaderMap) -> Result<Option<Visitor>, ApiError> {
    if app.auth.is_keyless() {
        return Ok(Some(Visitor {
            caller: app.auth.check(headers).await?,
            key_name: None,
            form_token: app.dashboard.machine_token.clone(),
            session: None,
        }));
    }
    let Some(token) = token(app, headers) else {
        return Ok(None);
    };
    let (hash, now) = (token.hash(), now());
    let Some(session) = app.store.session(hash, now).await? else {
        return Ok(None);
    };
    let key = app.store.key(&session.key_id).await?;
    match key.filter(|key| key.is_active(now) && key.settings.is_admin) {
        Some(key) => Ok(Some(Visitor {
            caller: Caller::of_key(&key),
            key_name: Some(key_name(&key)),
            form_token: hex(&token.derived("form")),
            session: Some(hash),
        })),
        None => {
            app.store.delete_session(hash).await?;
            Ok(None)
        }
    }
}

/// Whether somebody who may enter sends this, so that they need not log in.
pub(super) async fn is_inside(app: &AppState, headers: &HeaderMap) -> Result<bool, ApiError> {
    Ok(visitor(app, headers).await?.is_some())
}

/// The secret in the cookie.
fn token(app: &AppState, headers: &HeaderMap) -> Option<SessionToken> {
    let name = cookie_name(app, headers);
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    SessionToken::parse(values.next()?)
}

fn cookie_name(app: &AppState, headers: &HeaderMap) -> &'static str {
    match is_secure(app, headers) {
        true => SECURE_COOKIE_NAME,
        false => COOKIE_NAME,
    }
}

/// Whether the browser speaks HTTPS, as far as is known: this server does not, but a proxy in front
/// of it may, which has to be believed by the settings.
pub(crate) fn is_secure(app: &AppState, headers: &HeaderMap) -> bool {
    let is_public = app.public_url.as_ref();
    let is_public = is_public.is_some_and(|url| url.starts_with("https://"));
    let said = headers.get_all(FORWARDED_PROTO).iter().next_back();
    let said = said.filter(|_| app.dashboard.trusts_proxy);
    match said.and_then(|said| said.to_str().ok()) {
        // The nearest proxy speaks last.
        Some(said) => said
            .rsplit(',')
            .next()
            .is_some_and(|last| last.trim().eq_ignore_ascii_case("https")),
        None => is_public,
    }
}

/// Gives a browser the secret of its session.
pub(super) fn set_cookie(
    app: &AppState,
    asked: &HeaderMap,
    token: Option<&SessionToken>,
    response: &mut Response,
) {
    let name = cookie_name(app, asked);
    let secure = if is_secure(app, asked) {
        "; Secure"
    } else {
        ""
    };
    let (value, age) = match token {
        Some(token) => (token.expose(), SESSION_S),
        None => ("", 0),
    };
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// Where a request comes from.
pub(super) fn client(app: &AppState, request: &Request) -> IpAddr {
    let unknown = IpAddr::from([0, 0, 0, 0]);
    let peer = request.extensions().get::<Peer>();
    let peer = peer.map_or(unknown, |Peer(address)| address.ip());
    // Also a proxy that adds a line of its own speaks last.
    let said = request.headers().get_all(FORWARDED_FOR).iter().next_back();
    let said = said.filter(|_| app.dashboard.trusts_proxy);
    // The nearest proxy speaks last; what stands before it anybody may have written.
    let last = said.and_then(|said| said.to_str().ok()?.rsplit(',').next());
    last.and_then(|last| last.trim().parse().ok())
        .unwrap_or(peer)
}

/// The login, which sends back to where somebody wanted to go.
fn login_path(method: &Method, uri: &Uri) -> String {
    let wanted = uri
        .path_and_query()
        .map_or("/dashboard", |path| path.as_str());
    let next = match *method {
        Method::GET | Method::HEAD => safe_next(Some(wanted)),
        _ => "/dashboard",
    };
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("/login?next={next}")
}

/// Where to go after the login: a page of the dashboard and nothing else.
pub(super) fn safe_next(wanted: Option<&str>) -> &str {
    let is_safe = |path: &&str| {
        let is_plain = path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let rest = path.strip_prefix("/dashboard");
        let is_inside = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        is_plain && is_inside && path.len() <= 1000
    };
    wanted.filter(is_safe).unwrap_or("/dashboard")
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_sent_to_pages_of_the_dashboard_alone() {
        for good in [
            "/dashboard",
            "/dashboard/keys",
            "/dashboard?days=7",
            "/dashboard/requests?a=b%20c",
        ] {
            assert_eq!(safe_next(Some(good)), good);
        }
        let long = format!("/dashboard/{}", "a".repeat(2000));
        for bad in [
            "",
            "/",
            "//evil.example",
            "https://evil.example",
            "/dashboardx",
            "/dashboard\\@evil",
            "/\\evil.example",
            "/dashboard/\nx",
            "javascript:alert(1)",
            "/dashboard/ü",
            &long,
        ] {
            assert_eq!(safe_next(Some(bad)), "/dashboard", "{bad:?}");
        }
        assert_eq!(safe_next(None), "/dashboard");
    }

    #[test]
    fn a_form_comes_from_this_server_or_from_no_page_at_all() {
        let is_own = |headers: &[(&'static str, &str)]| {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
                .collect();
            is_own_form(&headers, Some("https://freeway.example"))
        };
        let host = ("host", "localhost:8080");
        assert!(is_own(&[host]));
        assert!(is_own(&[host, ("origin", "http://localhost:8080")]));
        assert!(is_own(&[host, ("origin", "https://LOCALHOST:8080")]));
        assert!(is_own(&[host, ("origin", "https://freeway.example")]));
        assert!(is_own(&[
            host,
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://a.example")
        ]));
        for site in ["cross-site", "same-site", "none", ""] {
            let site = ("sec-fetch-site", site);
            assert!(
                !is_own(&[host, site, ("origin", "http://localhost:8080")]),
                "{site:?}"
            );
        }
        for origin in [
            "null",
            "",
            "http://localhost:8081",
            "http://localhost",
            "http://evil.example",
            "?",
        ] {
            assert!(!is_own(&[host, ("origin", origin)]), "{origin:?}");
        }
        assert!(
            !is_own(&[("origin", "http://localhost:8080")]),
            "without a host"
        );
    }
}
