use http::HeaderValue;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::error::FaultDomain;

/// 2026-10-21T07:27:30Z.
const NOW: Timestamp = Timestamp(1_792_567_650_000);
/// From then to midnight.
const REST_OF_DAY: u64 = 59_550;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn kind(status: u16, body: &Value) -> FailureKind {
    classify(status, &HeaderMap::new(), body.to_string().as_bytes(), NOW).kind
}

fn openrouter(code: u16, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

#[test]
fn a_prompt_that_is_too_long_is_known_in_every_wording() {
    for (status, message) in [
        (
            400,
            "This model's maximum context length is 8192 tokens. However, you requested 9000",
        ),
        (400, "context_length_exceeded"),
        (
            400,
            "Please reduce the length of the messages or completion.",
        ),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (
            400,
            "The input token count (40000) exceeds the maximum number of tokens allowed (32768).",
        ),
        (413, "Input is too long for requested model."),
        (
            422,
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096",
        ),
        (
            500,
            "the request exceeds the available context size, try increasing it",
        ),
        (
            400,
            "Prompt contains 9000 tokens and exceeds the context window of 8192",
        ),
        (
            400,
            "Requested token count exceeds the model's maximum context length of 131072 tokens",
        ),
    ] {
        let found = kind(status, &openrouter(status, message));
        assert_eq!(found, FailureKind::ContextLengthExceeded, "{message}");
    }
    // What a host behind OpenRouter said counts as well.
    let raw = json!({"error": {"code": 400, "message": "Provider returned error", "metadata": {
        "provider_name": "X", "raw": "{\"error\":{\"code\":\"context_length_exceeded\"}}"}}});
    assert_eq!(kind(400, &raw), FailureKind::ContextLengthExceeded);
}

#[test]
fn a_status_has_its_kind() {
    use FailureKind as K;
    for (status, message, expected) in [
        (400, "temperature: too high", K::InvalidRequest),
        (400, "openai/nope is not a valid model ID", K::Unavailable),
        (
            400,
            "The model `llama-1` has been decommissioned",
            K::Unavailable,
        ),
        (400, "The model `x` does not exist", K::Unavailable),
        (
            400,
            "API key not valid. Please pass a valid API key.",
            K::KeyRejected,
        ),
        (
            400,
            "Failed to call a function. Please adjust your prompt.",
            K::InvalidJson,
        ),
        (
            400,
            "The response was filtered: content_filter",
            K::ContentRefused,
        ),
        (401, "User not found.", K::KeyRejected),
        (402, "Insufficient credits", K::PaymentRequired),
        (
            403,
            "The request was flagged by moderation",
            K::ContentRefused,
        ),
        (
            403,
            "Your plan does not include this; see billing",
            K::PaymentRequired,
        ),
        (403, "Forbidden", K::KeyRejected),
        (404, "No endpoints found for a/b:free.", K::Unavailable),
        (
            404,
            "No endpoints found matching your data policy",
            K::DataPolicy,
        ),
        (405, "", K::Unavailable),
        (410, "Gone", K::Unavailable),
        (408, "Request timed out", K::Timeout),
        (413, "Payload too large", K::InvalidRequest),
        (
            413,
            "Request too large for model on tokens per minute (TPM): Limit 8000",
            K::AccountRateLimited,
        ),
        (422, "field required", K::InvalidRequest),
        (498, "Flex tier capacity exceeded", K::Overloaded),
        (500, "boom", K::Internal),
        (502, "bad gateway", K::Internal),
        (503, "Service temporarily unavailable", K::Overloaded),
        (
            503,
            "No available model provider meets your routing requirements",
            K::Unavailable,
        ),
        (503, "Loading model", K::Unavailable),
        (504, "gateway timeout", K::Timeout),
        (524, "", K::Timeout),
        (529, "overloaded_error", K::Overloaded),
        (301, "", K::InvalidResponse),
    ] {
        assert_eq!(
            kind(status, &openrouter(status, message)),
            expected,
            "{status} {message}"
        );
    }
}

#[test]
fn the_two_kinds_of_429_are_told_apart() {
    use FailureKind as K;
    let minute = [
        ("x-ratelimit-limit", "20"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1792567690000"),
    ];
    let day = [
        ("x-ratelimit-limit", "50"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1792627200000"),
    ];
    let of_host = json!({"error": {"code": 429, "message": "Provider returned error",
        "metadata": {"provider_name": "Chutes", "raw": "slow down"}}});
    let in_body = json!({"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-day-high-balance",
        "metadata": {"headers": {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1792627200000"}}}});
    let plain = openrouter(429, "Rate limit exceeded");
    let said =
        |message: &str| json!({"error": {"message": message, "code": "rate_limit_exceeded"}});
    for (body, header_pairs, expected, wait_s, is_told) in [
        (&plain, &minute[..], K::AccountRateLimited, Some(40), true),
        (
            &plain,
            &day[..],
            K::AccountQuotaExhausted,
            Some(REST_OF_DAY),
            true,
        ),
        (
            &in_body,
            &[][..],
            K::AccountQuotaExhausted,
            Some(REST_OF_DAY),
            true,
        ),
        (
            &openrouter(429, "Rate limit exceeded: free-models-per-min"),
            &[],
            K::AccountRateLimited,
            None,
            false,
        ),
        (
            &openrouter(429, "Rate limit exceeded: free-models-per-day"),
            &[],
            K::AccountQuotaExhausted,
            Some(REST_OF_DAY),
            false,
        ),
        (&of_host, &[], K::RateLimited, None, false),
        (
            &of_host,
            &[("retry-after", "5")],
            K::RateLimited,
            Some(5),
            true,
        ),
        (
            &json!({"error": {"code": 429, "message": "x", "metadata": {"error_type": "rate_limit_exceeded"}}}),
            &[],
            K::RateLimited,
            None,
            false,
        ),
        (
            &said("on tokens per minute (TPM): Limit 8000. Please try again in 7.5s. Need more?"),
            &[],
            K::AccountRateLimited,
            Some(7),
            true,
        ),
        (
            &said("on requests per day (RPD): Limit 1000"),
            &[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "86s"),
            ],
            K::AccountQuotaExhausted,
            Some(86),
            true,
        ),
        (
            &said("slow"),
            &[
                ("x-ratelimit-remaining-requests-day", "0"),
                ("x-ratelimit-reset-requests-day", "33011.4"),
            ],
            K::AccountQuotaExhausted,
            Some(33_011),
            true,
        ),
        (
            &said("slow"),
            &[
                ("x-ratelimit-remaining-tokens-minute", "0"),
                ("x-ratelimit-reset-tokens-minute", "12.2"),
            ],
            K::AccountRateLimited,
            Some(12),
            true,
        ),
        (
            &said("We're experiencing high traffic right now!"),
            &[],
            K::RateLimited,
            None,
            false,
        ),
        (
            &said("You exceeded your current quota: insufficient_quota"),
            &[],
            K::PaymentRequired,
            None,
            false,
        ),
        (
            &json!({"errors": [{"code": 3036, "message": "neurons"}]}),
            &[],
            K::AccountQuotaExhausted,
            Some(REST_OF_DAY),
            false,
        ),
        (
            &json!({"errors": [{"code": 3040, "message": "capacity"}]}),
            &[],
            K::RateLimited,
            None,
            false,
        ),
        (&json!(null), &[], K::AccountRateLimited, None, false),
    ] {
        let error = classify(
            429,
            &headers(header_pairs),
            body.to_string().as_bytes(),
            NOW,
        );
        assert_eq!(error.kind, expected, "{body} {header_pairs:?}");
        let wait = error.retry_after.map(|after| after.wait.as_secs());
        assert_eq!(wait, wait_s, "{body} {header_pairs:?}");
        let told = error
            .retry_after
            .is_some_and(|after| after.is_authoritative);
        assert_eq!(told, is_told, "{body} {header_pairs:?}");
        // A model is blamed for its host's trouble only.
        let is_host = error.kind.fault_domain() == FaultDomain::Host;
        assert_eq!(is_host, expected == K::RateLimited, "{body}");
    }
}

#[test]
fn retry_after_counts_for_every_kind() {
    for status in [402, 500, 503, 529] {
        let error = classify(status, &headers(&[("retry-after", "11")]), b"", NOW);
        let expected = RetryAfter {
            wait: Duration::from_secs(11),
            is_authoritative: true,
        };
        assert_eq!(error.retry_after, Some(expected), "{status}");
        assert_eq!(error.http_status, Some(status));
    }
}

#[test]
fn an_error_within_an_answer_of_200_counts_as_what_it_says() {
    use FailureKind as K;
    for (body, expected) in [
        (
            json!({"code": 502, "message": "upstream failed"}),
            K::Internal,
        ),
        (
            json!({"code": "429", "message": "x", "metadata": {"provider_name": "Y"}}),
            K::RateLimited,
        ),
        (
            json!({"code": "rate_limit_exceeded", "message": "x"}),
            K::AccountRateLimited,
        ),
        (
            json!({"code": "server_error", "message": "Provider disconnected"}),
            K::Internal,
        ),
        (
            json!({"code": "context_length_exceeded", "message": "x"}),
            K::ContextLengthExceeded,
        ),
        (json!({"message": "The model is overloaded"}), K::Overloaded),
        (json!({"message": "Request timed out"}), K::Timeout),
        (
            json!({"code": 403, "message": "x", "metadata": {"reasons": ["violence"]}}),
            K::ContentRefused,
        ),
        (json!("down"), K::Internal),
        (json!(null), K::Internal),
    ] {
        assert_eq!(kind(200, &body), expected, "{body}");
    }
}

#[test]
fn messages_are_short_and_clean_and_keep_keys_to_themselves() {
    let body = openrouter(401, "No auth credentials found for sk-or-secret");
    let error = classify(401, &HeaderMap::new(), body.to_string().as_bytes(), NOW);
    assert!(!error.message.contains("secret"), "{error}");
    let html = classify(502, &HeaderMap::new(), b"<html>Bad Gateway</html>", NOW);
    assert_eq!(html.message, "it failed (HTTP 502)");
    let long = openrouter(500, &format!("a\u{1b}[31m{}", "x".repeat(5000)));
    let error = classify(500, &HeaderMap::new(), long.to_string().as_bytes(), NOW);
    assert!(error.message.chars().count() < 500);
    assert!(!error.message.contains('\u{1b}'), "{error}");
}

#[test]
fn a_body_that_is_too_long_says_nothing() {
    for (length, expected) in [(100, 2), (MAX_ERROR_BYTES, 0)] {
        let body = json!({"error": {"code": 502, "message": "x".repeat(length)}}).to_string();
        let error = classify(200, &HeaderMap::new(), body.as_bytes(), NOW);
        assert_eq!(error.message.matches('x').count().min(2), expected);
    }
}

proptest! {
    #[test]
    fn any_answer_has_a_kind(
        status in 100u16..1000,
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[\\[{\"a-z:,0-9}\\]]{0,60}".prop_map(String::into_bytes),
        ],
        retry in "[ -~]{0,20}",
    ) {
        let headers = headers(&[("retry-after", &retry), ("x-ratelimit-reset", &retry)]);
        let error = classify(status, &headers, &body, NOW);
        prop_assert_eq!(error.http_status, Some(status));
        prop_assert!(!error.message.is_empty());
    }
}
