//! `POST /api/v1/models/feedback`.

use super::*;

fn feedback(body: &Value) -> Result<Feedback, FeedbackError> {
    parse_feedback(body.to_string().as_bytes(), &catalog())
}

#[test]
fn feedback_is_read_in_every_form_that_was_taken() {
    let ok = Feedback {
        model: ModelId("openai/gpt-oss-20b".to_owned()),
        is_success: true,
        issue: None,
        details: None,
        request_id: None,
        is_dry_run: false,
    };
    let failed = Feedback {
        is_success: false,
        issue: Some("error".to_owned()),
        ..ok.clone()
    };
    let dry = Feedback {
        is_dry_run: true,
        ..ok.clone()
    };
    for (body, expected) in [
        (json!({"modelId": OSS, "success": true}), &ok),
        (
            json!({"modelId": "openai/gpt-oss-20b", "success": true, "issue": null}),
            &ok,
        ),
        (json!({"modelId": OSS, "issue": "error"}), &failed),
        (
            json!({"modelId": OSS, "issue": "error", "success": false}),
            &failed,
        ),
        // Only true is a success.
        (
            json!({"modelId": OSS, "issue": "error", "success": "true"}),
            &failed,
        ),
        (
            json!({"modelId": OSS, "success": true, "dryRun": true}),
            &dry,
        ),
        (
            json!({"modelId": OSS, "success": true, "dryRun": "yes"}),
            &dry,
        ),
        (json!({"modelId": OSS, "success": true, "dryRun": 1}), &dry),
        (json!({"modelId": OSS, "success": true, "dryRun": []}), &dry),
        (json!({"modelId": OSS, "success": true, "dryRun": 0}), &ok),
        (json!({"modelId": OSS, "success": true, "dryRun": ""}), &ok),
        (
            json!({"modelId": OSS, "success": true, "dryRun": null}),
            &ok,
        ),
        (
            json!({"modelId": OSS, "success": true, "details": 5, "requestId": {}, "x": 1}),
            &ok,
        ),
    ] {
        assert_eq!(feedback(&body).as_ref(), Ok(expected), "{body}");
    }
    for issue in ["rate_limited", "unavailable", "error"] {
        let read = feedback(&json!({"modelId": OSS, "issue": issue})).unwrap();
        assert_eq!(read.issue.as_deref(), Some(issue));
    }
    let long = "ö".repeat(5000);
    let body = json!({"modelId": OSS, "issue": "error", "details": long, "requestId": " req_1 "});
    let read = feedback(&body).unwrap();
    assert_eq!(read.details.unwrap().chars().count(), 1000);
    assert_eq!(read.request_id.as_deref(), Some("req_1"));
    // One that nobody offers any more is still known.
    assert!(feedback(&json!({"modelId": "acme/gone:free", "issue": "unavailable"})).is_ok());
}

#[test]
fn feedback_that_contradicts_itself_or_is_on_nothing_is_not_taken() {
    for (body, words) in [
        (json!({"success": true}), "modelId is required"),
        (
            json!({"modelId": 5, "success": true}),
            "modelId is required",
        ),
        (
            json!({"modelId": " ", "success": true}),
            "modelId is required",
        ),
        (
            json!({"modelId": OSS, "success": true, "issue": "error"}),
            "must be absent",
        ),
        (json!({"modelId": OSS}), "issue must be one of"),
        (
            json!({"modelId": OSS, "success": false}),
            "issue must be one of",
        ),
        (
            json!({"modelId": OSS, "issue": "slow"}),
            "issue must be one of",
        ),
        (json!({"modelId": OSS, "issue": 5}), "issue must be one of"),
        (
            json!({"modelId": "who/knows", "success": true}),
            "Unknown modelId",
        ),
        (json!([OSS]), "must be a JSON object"),
        (json!(null), "must be a JSON object"),
    ] {
        let error = feedback(&body).unwrap_err();
        assert!(error.to_string().contains(words), "{body}: {error}");
        assert_eq!(error.http_status(), 400);
    }
    let error = |body: &[u8]| parse_feedback(body, &catalog()).unwrap_err().to_string();
    assert!(error(b"{").contains("valid JSON"));
    assert!(error(b"\xff").contains("valid JSON"));
    assert!(error(&vec![b' '; MAX_FEEDBACK_BYTES + 1]).contains("64 KiB"));
    let name = json!({"modelId": "x".repeat(60_000), "success": true}).to_string();
    assert!(error(name.as_bytes()).len() < 800);
}
