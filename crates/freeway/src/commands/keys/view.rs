//! How keys are shown.

use router::provider::QuotaWindow;
use router::{Preferences, QuotaState, WindowUse};
use store::{KeyQuota, KeyRecord, Timestamp};

use crate::moments::{minute, rfc3339};

/// Everything of a key, for programs.
pub(super) fn to_json(key: &KeyRecord, now: Timestamp) -> serde_json::Value {
    serde_json::json!({
        "id": key.id.0,
        "prefix": key.prefix,
        "name": key.name,
        "created_at": rfc3339(key.created_at),
        "expires_at": key.expires_at.map(rfc3339),
        "last_used_at": key.last_used_at.map(rfc3339),
        "revoked_at": key.revoked_at.map(rfc3339),
        "state": state(key, now),
        "is_admin": key.settings.is_admin,
        "keeps_content": key.settings.keeps_content,
        "quota": {
            "requests_per_minute": key.settings.quota.requests_per_minute,
            "requests_per_day": key.settings.quota.requests_per_day,
            "tokens_per_minute": key.settings.quota.tokens_per_minute,
            "tokens_per_day": key.settings.quota.tokens_per_day,
        },
        "preferences": Preferences::of(&key.settings).to_json(),
    })
}

/// Whether it opens the door, or why not.
pub(super) fn state(key: &KeyRecord, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.is_active(now) {
        "active"
    } else {
        "expired"
    }
}

/// The limits of a key in a few words.
pub(super) fn quota(quota: &KeyQuota) -> String {
    let limits = [
        quota.requests_per_minute,
        quota.requests_per_day,
        quota.tokens_per_minute,
        quota.tokens_per_day,
    ];
    limits_text(limits.map(|limit| limit.map(u64::from)))
}

/// Limits in a few words: requests within a minute and a day, tokens within a minute and a day.
pub(crate) fn limits_text(limits: [Option<u64>; 4]) -> String {
    let units = ["requests/min", "requests/day", "tokens/min", "tokens/day"];
    let limits: Vec<_> = limits
        .into_iter()
        .zip(units)
        .filter_map(|(limit, unit)| Some(format!("{} {unit}", limit?)))
        .collect();
    match limits.is_empty() {
        true => "none".to_owned(),
        false => limits.join(", "),
    }
}

/// A key with its settings, one on a line, and how far its quota is used up.
pub(super) fn card(key: &KeyRecord, used: &QuotaState, now: Timestamp) -> Vec<[String; 2]> {
    let settings = &key.settings;
    let when = |time: Option<Timestamp>| time.map_or("never".to_owned(), minute);
    let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
    let mut lines = vec![
        ("id", key.id.to_string()),
        ("key", format!("{}…", key.prefix)),
        ("name", key.name.clone()),
        ("state", state(key, now).to_owned()),
        ("created (UTC)", minute(key.created_at)),
        ("expires", when(key.expires_at)),
        ("last used", when(key.last_used_at)),
        ("administrator", yes(settings.is_admin)),
        ("keeps content", yes(settings.keeps_content)),
    ];
    if let Some(at) = key.revoked_at {
        lines.push(("revoked", minute(at)));
    }
    if used.windows.is_empty() {
        lines.push(("quota", "none".to_owned()));
    }
    lines.extend(
        used.windows
            .iter()
            .map(|window| (window_name(window), use_text(window))),
    );
    let preferences = Preferences::of(settings);
    let listed = preferences.to_json();
    if let Some(members) = listed.as_object() {
        let members = members.iter();
        let text = |(name, value): (&String, &serde_json::Value)| format!("{name}: {value}");
        let members: Vec<_> = members.map(text).collect();
        let text = match members.is_empty() {
            true => "none".to_owned(),
            false => members.join(", "),
        };
        lines.push(("preferences", text));
    }
    lines
        .into_iter()
        .map(|(name, value)| [name.to_owned(), value])
        .collect()
}

fn window_name(window: &WindowUse) -> &'static str {
    match window.window {
        QuotaWindow::RequestsPerMinute => "requests/min",
        QuotaWindow::RequestsPerDay => "requests/day",
        QuotaWindow::TokensPerMinute => "tokens/min",
        QuotaWindow::TokensPerDay => "tokens/day",
    }
}

fn use_text(window: &WindowUse) -> String {
    let end = minute(window.resets_at);
    format!("{} of {} used, anew at {end}", window.used, window.limit)
}

#[cfg(test)]
mod tests {
    use store::{KeyId, KeySettings};

    use super::*;

    #[test]
    fn a_moment_is_shown_to_the_minute_and_to_programs_in_full() {
        let time = Timestamp(1_763_827_200_123);
        assert_eq!(minute(time), "2025-11-22 16:00");
        assert_eq!(rfc3339(time), "2025-11-22T16:00:00.123Z");
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00Z");
        for time in [i64::MIN, i64::MAX] {
            assert_eq!(minute(Timestamp(time)), time.to_string());
        }
    }

    #[test]
    fn a_revoked_key_is_revoked_whether_or_not_it_would_have_expired() {
        let mut key = KeyRecord {
            id: KeyId("key_a".to_owned()),
            name: String::new(),
            prefix: "fw_abcde".to_owned(),
            created_at: Timestamp(0),
            expires_at: Some(Timestamp(10)),
            revoked_at: None,
            last_used_at: None,
            settings: KeySettings::default(),
        };
        assert_eq!(state(&key, Timestamp(9)), "active");
        assert_eq!(state(&key, Timestamp(10)), "expired");
        key.revoked_at = Some(Timestamp(5));
        for now in [9, 10] {
            assert_eq!(state(&key, Timestamp(now)), "revoked");
        }
    }

    #[test]
    fn a_quota_is_its_limits_or_none() {
        let mut limits = KeyQuota::default();
        assert_eq!(quota(&limits), "none");
        limits.requests_per_day = Some(200);
        limits.tokens_per_minute = Some(8000);
        assert_eq!(quota(&limits), "200 requests/day, 8000 tokens/min");
    }
}
