//! `GET /api/health`.

use super::*;

fn health(query: &str) -> Value {
    let catalog = catalog();
    let (sums, reports) = seen();
    let mut points = Point::of_attempts(&catalog, &sums);
    points.extend(Point::of_report_sums(&reports));
    let errors = ErrorRates::new(&catalog, &sums, &reports);
    health_body(
        &catalog,
        &errors,
        &points,
        &health_params(getter(query)),
        NOW,
    )
}

#[test]
fn health_tells_of_models_that_something_is_known_of() {
    for (query, expected) in [
        ("", &[OSS, EYES, TWIN][..]),
        ("sort=nonsense", &[OSS, EYES, TWIN]),
        ("sort=leastIssues", &[TWIN, OSS, EYES]),
        ("sort=contextLength", &[OSS, EYES, TWIN]),
        ("sort=newest", &[EYES, TWIN, OSS]),
        ("useCases=vision", &[EYES]),
        ("useCase=vision", &[EYES]),
        ("useCases=nonsense", &[OSS, EYES, TWIN]),
        ("topN=2", &[OSS, EYES]),
        ("topN=0", &[OSS, EYES, TWIN]),
        ("topN=-3", &[OSS, EYES, TWIN]),
        ("topN=x", &[OSS, EYES, TWIN]),
        ("topN=5000", &[OSS, EYES, TWIN]),
        ("maxErrorRate=20", &[OSS, TWIN]),
        ("maxErrorRate=19.99", &[TWIN]),
        ("maxErrorRate=66.7", &[OSS, EYES, TWIN]),
        ("maxErrorRate=-1", &[]),
        ("maxErrorRate=x", &[OSS, EYES, TWIN]),
        ("maxErrorRate=Infinity", &[OSS, EYES, TWIN]),
    ] {
        let body = health(query);
        assert_eq!(names(&body["issues"], "modelId"), expected, "{query}");
        assert_eq!(body["count"], expected.len(), "{query}");
    }
    for (query, range) in [
        ("", "7d"),
        ("range=15m", "15m"),
        ("range=30d", "30d"),
        ("range=all", "7d"),
        ("range=junk", "7d"),
        ("timeRange=1h", "7d"),
    ] {
        assert_eq!(health(query)["range"], range, "{query}");
    }
    assert!(health_params(getter("myReports=true")).is_own_reports);
    assert!(!health_params(getter("myReports=1")).is_own_reports);
}

#[test]
fn health_tells_of_a_model_what_its_rate_rests_on() {
    let body = health("range=24h&useCases=vision");
    let expected = json!({
        "modelId": "acme/eyes:free",
        "modelName": "acme/eyes:free",
        "errorRate": 66.67,
        "modality": "text+image->text",
        "inputModalities": ["text", "image"],
        "outputModalities": ["text"],
        "supportedParameters": ["tools", "seed", "stop", "top_p"],
        "contextLength": 32_768,
        "maxCompletionTokens": 32_768,
        "rateLimited": 0,
        "unavailable": 2,
        "error": 0,
        "successCount": 1,
        "total": 3,
        "samples": 3,
        "errorRateLow": 20.77,
        "errorRateHigh": 93.85,
        "reporters": 2,
        "attribution": "reports",
        "otherFaults": {},
    });
    assert_eq!(body["issues"], json!([expected]));
    assert_eq!(body["lastUpdated"], "2026-03-19T12:30:00.000Z");
}

#[test]
fn a_chart_has_every_bucket_and_silence_is_no_rate() {
    let body = health("range=6h");
    let expected = json!([
        {"date": "2026-03-19 06:00:00"},
        {"date": "2026-03-19 07:00:00"},
        {"date": "2026-03-19 08:00:00"},
        {"date": "2026-03-19 09:00:00"},
        {"date": "2026-03-19 10:00:00", "acme/twin:free": 0, "openai/gpt-oss-20b:free": 20},
        {"date": "2026-03-19 11:00:00", "acme/eyes:free": 66.67},
        {"date": "2026-03-19 12:00:00"},
    ]);
    assert_eq!(body["timeline"], expected);
    let num_buckets = |query: &str| health(query)["timeline"].as_array().unwrap().len();
    assert_eq!(num_buckets("range=15m"), 15);
    assert_eq!(num_buckets("range=30m"), 30);
    assert_eq!(num_buckets("range=1h"), 60);
    assert_eq!(num_buckets("range=24h"), 25);
    assert_eq!(num_buckets("range=7d"), 8);
    assert_eq!(num_buckets("range=30d"), 31);
    // Days begin at midnight, whenever the window does.
    let days = health("range=7d");
    assert_eq!(days["timeline"][0]["date"], "2026-03-12 00:00:00");
    assert_eq!(days["timeline"][7]["openai/gpt-oss-20b:free"], 20);
    // Models that are not told of are not drawn.
    let body = health("range=6h&topN=1");
    assert_eq!(
        body["timeline"][4],
        json!({"date": "2026-03-19 10:00:00", OSS: 20})
    );
    assert_eq!(body["timeline"][5], json!({"date": "2026-03-19 11:00:00"}));
}

#[test]
fn a_chart_by_the_minute_has_reports_at_their_minutes() {
    let catalog = catalog();
    let report = |issue: Option<&str>, age_ms: i64| FeedbackRecord {
        id: "fb_1".to_owned(),
        key_id: Some(KeyId("key_1".to_owned())),
        model: "acme/long".to_owned(),
        request_id: None,
        is_success: issue.is_none(),
        issue: issue.map(str::to_owned),
        details: None,
        created_at: Timestamp(NOW.0 - age_ms),
    };
    let records = [
        report(None, 30_000),
        report(Some("error"), 45_000),
        report(None, 180_000),
    ];
    let sums = [
        FeedbackSum {
            model: "acme/long".to_owned(),
            hour: Hour::of(NOW),
            issue: None,
            count: 2,
            num_reporters: 1,
        },
        FeedbackSum {
            model: "acme/long".to_owned(),
            hour: Hour::of(NOW),
            issue: Some("error".to_owned()),
            count: 1,
            num_reporters: 1,
        },
    ];
    let errors = ErrorRates::new(&catalog, &[], &sums);
    let params = health_params(getter("range=15m"));
    let body = health_body(
        &catalog,
        &errors,
        &Point::of_reports(&records),
        &params,
        NOW,
    );
    assert_eq!(
        body["issues"][0]["samples"], 2,
        "one reporter, once for each that he says"
    );
    let timeline = body["timeline"].as_array().unwrap();
    assert_eq!(
        timeline[14],
        json!({"date": "2026-03-19 12:29:00", LONG: 50})
    );
    assert_eq!(
        timeline[12],
        json!({"date": "2026-03-19 12:27:00", LONG: 0})
    );
    assert_eq!(timeline[13], json!({"date": "2026-03-19 12:28:00"}));
}
