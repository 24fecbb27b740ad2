//! Which hosts and pages are this machine's own.

use std::net::IpAddr;

use axum::http::Uri;

/// Whether an origin is in the list; `*` stands for all.
pub(super) fn is_listed(allowed: &[String], origin: &str) -> bool {
    allowed.iter().any(|one| one == "*" || one == origin)
}

/// Whether pages of this origin come from this machine.
pub(super) fn is_loopback_origin(origin: &str) -> bool {
    let uri: Result<Uri, _> = origin.parse();
    uri.ok()
        .and_then(|uri| uri.authority().map(|authority| authority.to_string()))
        .is_some_and(|authority| is_loopback_authority(&authority))
}

/// Whether `host[:port]` names this machine.
pub(super) fn is_loopback_authority(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for good in [
            "localhost",
            "LOCALHOST:8080",
            "app.localhost:1",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(is_loopback_authority(good), "{good}");
        }
        for bad in [
            "",
            "evil.com",
            "localhost.evil.com",
            "127.0.0.1.evil.com",
            "evil.com:127",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "notlocalhost",
            "[",
        ] {
            assert!(!is_loopback_authority(bad), "{bad}");
        }
        assert!(is_loopback_origin("http://localhost:3000"));
        assert!(!is_loopback_origin("https://evil.com"));
        assert!(!is_loopback_origin("null"));
    }
}
