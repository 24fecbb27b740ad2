use serde_json::json;

use super::*;

fn model(id: &str, pricing: Value) -> Value {
    json!({"id": id, "name": format!("Name of {id}"), "pricing": pricing})
}

fn list(models: &[Value]) -> Vec<u8> {
    json!({"data": models}).to_string().into_bytes()
}

#[test]
fn only_what_costs_nothing_at_all_is_free() {
    let free = json!({"prompt": "0", "completion": "0"});
    for (pricing, is_free) in [
        (free.clone(), true),
        (
            json!({"prompt": "0.0", "completion": 0, "request": "0", "image": null}),
            true,
        ),
        (
            json!({"prompt": "0", "completion": "0", "discount": 0.5}),
            true,
        ),
        (json!({"prompt": "0", "completion": "0.0000001"}), false),
        (
            json!({"prompt": "0", "completion": "0", "request": "0.01"}),
            false,
        ),
        (
            json!({"prompt": "0", "completion": "0", "web_search": "0.004"}),
            false,
        ),
        (json!({"prompt": "-1", "completion": "-1"}), false),
        (json!({"prompt": "0"}), false),
        (json!({"prompt": "0", "completion": ""}), false),
        (json!({"prompt": "0", "completion": null}), false),
    ] {
        let list = list(&[model("a/b", pricing.clone())]);
        let models = openrouter_list(&list, &FreeRule::ZeroPrices).unwrap();
        assert_eq!(models.len(), usize::from(is_free), "{pricing}");
    }
    let unpriced = list(&[json!({"id": "a/b"})]);
    assert_eq!(
        openrouter_list(&unpriced, &FreeRule::ZeroPrices),
        Some(Vec::new())
    );
    assert_eq!(
        openrouter_list(&unpriced, &FreeRule::Everything)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_specification_is_read_in_full() {
    let entry = json!({
        "id": "openai/gpt-oss-20b:free", "name": "OpenAI: gpt-oss-20b (free)",
        "created": 1754414229, "description": "An open model.", "context_length": 131072,
        "architecture": {"modality": "text->text", "input_modalities": ["text"],
            "output_modalities": ["text"], "tokenizer": "GPT", "instruct_type": null},
        "pricing": {"prompt": "0", "completion": "0"},
        "top_provider": {"context_length": 65536, "max_completion_tokens": 8192,
            "is_moderated": true},
        "supported_parameters": ["tools", "reasoning"], "expiration_date": "2026-12-31T00:00:00Z",
        "hugging_face_id": "openai/gpt-oss-20b", "knowledge_cutoff": null,
        "reasoning": {"mandatory": true, "supported_efforts": ["low", "high"],
            "default_effort": "low"},
    });
    let models = openrouter_list(&list(&[entry.clone(), entry]), &FreeRule::ZeroPrices).unwrap();
    assert_eq!(models.len(), 1, "a name that comes twice is one model");
    let expected = ModelInfo {
        id: ModelId("openai/gpt-oss-20b".to_owned()),
        provider_name: "openai/gpt-oss-20b:free".to_owned(),
        aliases: vec!["openai/gpt-oss-20b:free".to_owned()],
        owned_by: "openai".to_owned(),
        spec: ModelSpec {
            name: "OpenAI: gpt-oss-20b (free)".to_owned(),
            description: "An open model.".to_owned(),
            created: Some(1_754_414_229),
            context_length: Some(65_536),
            max_output_tokens: Some(8192),
            modality: Some("text->text".to_owned()),
            input_modalities: vec!["text".to_owned()],
            output_modalities: vec!["text".to_owned()],
            supported_parameters: vec!["tools".to_owned(), "reasoning".to_owned()],
            is_moderated: Some(true),
            trains_on_prompts: None,
            expiration_date: Some("2026-12-31".to_owned()),
            knowledge_cutoff: None,
            hugging_face_id: Some("openai/gpt-oss-20b".to_owned()),
            quantization: None,
            reasoning: Some(ReasoningSpec {
                is_mandatory: true,
                efforts: vec!["low".to_owned(), "high".to_owned()],
                default_effort: Some("low".to_owned()),
            }),
        },
    };
    assert_eq!(models[0], expected);
}

#[test]
fn an_odd_entry_costs_no_other() {
    let free = json!({"prompt": "0", "completion": "0"});
    let odd = [
        json!(7),
        json!({"id": 7, "pricing": free}),
        json!({"id": "", "pricing": free}),
        json!({"id": "two words", "pricing": free}),
        json!({"id": "x/y", "pricing": "free"}),
        json!({"id": "a/odd", "pricing": free, "architecture": 1, "top_provider": null,
            "context_length": "long", "supported_parameters": {"a": 1}, "reasoning": true}),
        model("a/good", free),
    ];
    let models = openrouter_list(&list(&odd), &FreeRule::ZeroPrices).unwrap();
    let names: Vec<_> = models.iter().map(|model| &model.provider_name).collect();
    assert_eq!(names, ["a/odd", "a/good"]);
}

#[test]
fn what_is_no_list_is_none() {
    for body in [
        "",
        "{\"data\":[{\"id\":\"a/b\"",
        "<html>",
        "{}",
        "{\"data\":7}",
        "null",
    ] {
        assert_eq!(
            openrouter_list(body.as_bytes(), &FreeRule::Everything),
            None,
            "{body}"
        );
        assert_eq!(
            openai_list(body.as_bytes(), &[], &FreeRule::Everything),
            None,
            "{body}"
        );
    }
    assert_eq!(
        openrouter_list(b"{\"data\":[]}", &FreeRule::Everything),
        None
    );
    assert_eq!(
        openai_list(b"{\"data\":[]}", &[], &FreeRule::Everything),
        Some(Vec::new())
    );
}

#[test]
fn names_of_a_plain_list_are_translated() {
    let body = json!({"object": "list", "data": [
        {"id": "gpt-oss:20b", "object": "model", "owned_by": "library"},
        {"id": "openai/gpt-oss-120b", "context_window": 131072},
        {"id": "other", "owned_by": "me", "max_model_len": 4096},
    ]});
    let known = [ListedModel {
        name: "gpt-oss:20b".to_owned(),
        id: "openai/gpt-oss-20b".to_owned(),
    }];
    let body = body.to_string();
    let models = openai_list(body.as_bytes(), &known, &FreeRule::Everything).unwrap();
    let seen: Vec<_> = models
        .iter()
        .map(|model| {
            let name = model.provider_name.as_str();
            (
                model.id.0.as_str(),
                name,
                model.owned_by.as_str(),
                model.spec.context_length,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("openai/gpt-oss-20b", "gpt-oss:20b", "openai", None),
            (
                "openai/gpt-oss-120b",
                "openai/gpt-oss-120b",
                "openai",
                Some(131_072)
            ),
            ("other", "other", "me", Some(4096)),
        ]
    );
    let named = FreeRule::Named(vec!["other".to_owned()]);
    let models = openai_list(body.as_bytes(), &known, &named).unwrap();
    assert_eq!(models.len(), 1);
}

#[test]
fn the_best_endpoint_speaks_for_the_model() {
    let status = |endpoints: Value| {
        let body = json!({"data": {"id": "a/b", "endpoints": endpoints}});
        endpoint_status(body.to_string().as_bytes()).unwrap()
    };
    assert_eq!(status(json!([])), EndpointStatus::default());
    let down = json!({"status": -2, "uptime_last_30m": 99.0});
    assert!(!status(json!([down])).is_up);
    let up = json!({"status": 0, "uptime_last_30m": 71.5, "throughput_last_30m": {"p50": 42},
        "latency_last_30m": {"p50": 812}});
    let expected = EndpointStatus {
        is_up: true,
        uptime_percent: Some(71.5),
        first_token_ms: Some(812.0),
        tokens_per_second: Some(42.0),
    };
    assert_eq!(status(json!([down, up])), expected);
    let in_seconds = json!({"status": 0, "latency_last_30m": {"p50": 0.75}});
    assert_eq!(status(json!([in_seconds])).first_token_ms, Some(750.0));
    assert_eq!(endpoint_status(b"{}"), None);
}

#[test]
fn the_quota_of_the_day_is_read() {
    for (body, expected) in [
        (
            r#"{"used": 12, "limit": 50, "remaining": 38}"#,
            Some((Some(50), 38)),
        ),
        (r#"{"used": 12, "limit": 50}"#, Some((Some(50), 38))),
        (r#"{"used": 12}"#, None),
        ("null", None),
    ] {
        let body = format!(r#"{{"data": {{"free_model_daily_requests": {body}}}}}"#);
        assert_eq!(openrouter_quota(body.as_bytes()), expected, "{body}");
    }
}
