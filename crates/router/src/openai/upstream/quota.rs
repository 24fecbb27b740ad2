//! What OpenRouter tells of an account.

use serde_json::Value;

/// Limit and rest of the free requests of the day, of the answer to `GET /key`.
pub(crate) fn openrouter_quota(json: &[u8]) -> Option<(Option<u64>, u64)> {
    let value: Value = serde_json::from_slice(json).ok()?;
    let requests = value.get("data")?.get("free_model_daily_requests")?;
    let number = |name: &str| requests.get(name).and_then(Value::as_u64);
    let limit = number("limit");
    let left = || Some(limit?.saturating_sub(number("used")?));
    Some((limit, number("remaining").or_else(left)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_of_the_day_is_read() {
        for (body, expected) in [
            (
                r#"{"used": 12, "limit": 50, "remaining": 38}"#,
                Some((Some(50), 38)),
            ),
            (r#"{"used": 12, "limit": 50}"#, Some((Some(50), 38))),
            (r#"{"used": 60, "limit": 50}"#, Some((Some(50), 0))),
            (r#"{"used": 12}"#, None),
            ("null", None),
        ] {
            let body = format!(r#"{{"data": {{"free_model_daily_requests": {body}}}}}"#);
            assert_eq!(openrouter_quota(body.as_bytes()), expected, "{body}");
        }
    }
}
