//! What OpenRouter tells of the free requests of an account.

use serde_json::Value;

/// Limit and rest of the free requests of the day, in OpenRouter's `/key`.
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
    use super::openrouter_quota;

    #[test]
    fn what_is_left_is_told_or_follows_from_what_is_used() {
        let read = |requests: &str| {
            let json = format!(r#"{{"data": {{"free_model_daily_requests": {requests}}}}}"#);
            openrouter_quota(json.as_bytes())
        };
        assert_eq!(
            read(r#"{"used": 7, "limit": 50, "remaining": 43}"#),
            Some((Some(50), 43))
        );
        assert_eq!(read(r#"{"used": 7, "limit": 50}"#), Some((Some(50), 43)));
        assert_eq!(read(r#"{"used": 70, "limit": 50}"#), Some((Some(50), 0)));
        assert_eq!(read(r#"{"remaining": 3}"#), Some((None, 3)));
        assert_eq!(read("null"), None);
        assert_eq!(openrouter_quota(b"<html>"), None);
    }
}
