//! The URL of this server, as the one who asks sees it.

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName};

/// What a proxy that speaks TLS says of the connection in front of it.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Longest name of a host with its port.
const MAX_AUTHORITY_BYTES: usize = 260;
/// What stands for a host that did not say its name.
const NAMELESS: &str = "localhost";

/// Such as `http://127.0.0.1:8080`, of the host that the request names. Only letters that names of
/// hosts and ports have get through: it is written into documents and pages.
pub(crate) fn base_url(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match text(FORWARDED_PROTO) {
        Some(scheme) if scheme.trim().eq_ignore_ascii_case("https") => "https",
        _ => "http",
    };
    let authority = text(HOST).filter(|host| is_sane(host)).unwrap_or(NAMELESS);
    format!("{scheme}://{authority}")
}

/// Whether this is a host with or without a port, and nothing else.
fn is_sane(authority: &str) -> bool {
    let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || b".-_:[]".contains(&letter);
    if authority.len() > MAX_AUTHORITY_BYTES || !authority.bytes().all(is_plain) {
        return false;
    }
    let Ok(parsed) = authority.parse::<Authority>() else {
        return false;
    };
    let has_port = match parsed.as_str().strip_prefix(parsed.host()) {
        Some("") => true,
        Some(rest) => parsed.port_u16().is_some() && rest.len() > 1,
        None => false,
    };
    !parsed.host().is_empty() && has_port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: &'static str, proto: Option<&'static str>) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(proto) = proto {
            headers.insert(FORWARDED_PROTO, proto.parse().unwrap());
        }
        base_url(&headers)
    }

    #[test]
    fn the_host_of_the_request_is_the_server() {
        for host in [
            "localhost:8080",
            "127.0.0.1",
            "[::1]:80",
            "models.example.org",
        ] {
            assert_eq!(of(host, None), format!("http://{host}"));
        }
        assert_eq!(of("a.example", Some("https")), "https://a.example");
        assert_eq!(of("a.example", Some("javascript")), "http://a.example");
        assert_eq!(base_url(&HeaderMap::new()), "http://localhost");
    }

    #[test]
    fn what_is_no_host_is_not_repeated() {
        for host in [
            "",
            "a b",
            "\"><script>",
            "user@evil.example",
            "a.example/path",
            "a.example:port",
            "a.example:",
            "a.example:999999",
            "[::1",
        ] {
            assert_eq!(of(host, None), "http://localhost", "{host}");
        }
        let long = "a".repeat(300);
        let headers = HeaderMap::from_iter([(HOST, long.parse().unwrap())]);
        assert_eq!(base_url(&headers), "http://localhost");
    }
}
