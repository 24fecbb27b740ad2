use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model_info::ModelKind;

/// The model of the list whose one entry is `entry`.
fn only(entry: Value) -> ModelList {
    let body = json!({ "data": [entry] }).to_string();
    parse_models("openrouter", body.as_bytes()).unwrap()
}

fn gpt_oss() -> Value {
    json!({
        "id": "openai/gpt-oss-20b:free",
        "canonical_slug": "openai/gpt-oss-20b",
        "hugging_face_id": "openai/gpt-oss-20b",
        "name": "OpenAI: gpt-oss-20b (free)",
        "created": 1_754_414_229,
        "description": "An open-weight model.",
        "context_length": 131_072,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
            "tokenizer": "GPT",
            "instruct_type": null,
        },
        "pricing": {"prompt": "0", "completion": "0", "request": "0", "image": "0",
                    "web_search": "0", "internal_reasoning": "0"},
        "top_provider": {"context_length": 131_072, "max_completion_tokens": 8192,
                         "is_moderated": true},
        "per_request_limits": null,
        "supported_parameters": ["include_reasoning", "max_tokens", "reasoning", "tools"],
        "expiration_date": "2026-12-31",
        "reasoning": {"mandatory": true, "default_effort": "medium",
                      "supported_efforts": ["low", "medium", "high"]},
        "benchmarks": {"new": [1, 2, 3]},
    })
}

fn with_pricing(pricing: Value) -> Value {
    let mut entry = gpt_oss();
    entry["pricing"] = pricing;
    entry
}

#[test]
fn an_entry_is_read_with_all_it_says() {
    let list = only(gpt_oss());
    let [info] = &list.models[..] else {
        panic!("{list:?}")
    };
    assert_eq!(info.id.0, "openai/gpt-oss-20b");
    assert_eq!(info.provider_name, "openai/gpt-oss-20b:free");
    assert_eq!(info.owned_by, "openai");
    assert!(info.aliases.is_empty());
    let spec = &info.spec;
    assert_eq!(spec.context_length, Some(131_072));
    assert_eq!(spec.max_output_tokens, Some(8192));
    assert_eq!(spec.is_moderated, Some(true));
    assert_eq!(spec.expiration_date.as_deref(), Some("2026-12-31"));
    assert_eq!(spec.modality.as_deref(), Some("text->text"));
    assert!(spec.supports("tools") && spec.reasons() && !spec.takes_images());
    let reasoning = spec.reasoning.as_ref().unwrap();
    assert!(reasoning.is_mandatory);
    assert_eq!(reasoning.efforts, ["low", "medium", "high"]);
    assert_eq!(spec.kind, ModelKind::Chat);
    assert_eq!((list.num_broken, list.num_not_offered), (0, 0));
}

#[test]
fn free_is_what_has_every_price_and_every_price_is_exactly_zero() {
    for (pricing, is_offered) in [
        (json!({"prompt": "0", "completion": "0"}), true),
        (json!({"prompt": 0, "completion": 0.0}), true),
        (
            json!({"prompt": "0.0000", "completion": "0e5", "image": null}),
            true,
        ),
        (
            json!({"prompt": "0", "completion": "0", "discount": 0.5}),
            true,
        ),
        (
            json!({"prompt": "0", "completion": "0", "overrides": []}),
            true,
        ),
        (
            json!({"prompt": "0", "completion": "0",
                   "overrides": [{"min_prompt_tokens": 200_000, "prompt": "0"}]}),
            true,
        ),
        (
            json!({"prompt": "0", "completion": "0",
                   "overrides": [{"min_prompt_tokens": 200_000, "prompt": "0.000001"}]}),
            false,
        ),
        (
            json!({"prompt": "0", "completion": "0", "request": "0.01"}),
            false,
        ),
        (
            json!({"prompt": "0", "completion": "0", "image": "0.001"}),
            false,
        ),
        (
            json!({"prompt": "0", "completion": "0", "web_search": "0.004"}),
            false,
        ),
        (
            json!({"prompt": "0", "completion": "0", "internal_reasoning": "1e-9"}),
            false,
        ),
        (
            json!({"prompt": "0", "completion": "0", "something_new": "0.1"}),
            false,
        ),
        (json!({"prompt": "0", "completion": "0.00000001"}), false),
        // The price of a router stands for whatever it chooses.
        (json!({"prompt": "-1", "completion": "-1"}), false),
        (json!({"prompt": "0", "completion": "-1"}), false),
        // What is not said is not zero.
        (json!({"prompt": "0"}), false),
        (json!({"prompt": "0", "completion": null}), false),
        (json!({"prompt": "", "completion": "0"}), false),
        (json!({"prompt": "free", "completion": "0"}), false),
        (json!({"prompt": "NaN", "completion": "0"}), false),
        (
            json!({"prompt": "0", "completion": "0", "request": true}),
            false,
        ),
        (json!({}), false),
        (json!(null), false),
        (json!("0"), false),
    ] {
        let list = only(with_pricing(pricing.clone()));
        assert_eq!(list.models.len(), usize::from(is_offered), "{pricing}");
        assert_eq!(list.num_not_offered, usize::from(!is_offered), "{pricing}");
    }
}

#[test]
fn what_does_not_converse_is_marked() {
    for (id, outputs, kind) in [
        ("openrouter/free", json!(["text"]), ModelKind::Router),
        (
            "meta-llama/llama-guard-4-12b:free",
            json!(["text"]),
            ModelKind::Classifier,
        ),
        (
            "openai/gpt-oss-safeguard-20b",
            json!(["text"]),
            ModelKind::Classifier,
        ),
        (
            "nvidia/nemotron-content-safety-4b:free",
            json!(["text"]),
            ModelKind::Classifier,
        ),
        (
            "google/shieldgemma-9b",
            json!(["text"]),
            ModelKind::Classifier,
        ),
        ("acme/painter:free", json!(["image"]), ModelKind::Other),
        ("acme/seer:free", json!(["text", "image"]), ModelKind::Chat),
        (
            "acme/guardless-talker:free",
            json!(["text"]),
            ModelKind::Chat,
        ),
        ("acme/unknown:free", json!(["telepathy"]), ModelKind::Other),
    ] {
        let mut entry = gpt_oss();
        entry["id"] = json!(id);
        entry["canonical_slug"] = json!(null);
        entry["architecture"]["output_modalities"] = outputs;
        let list = only(entry);
        assert_eq!(list.models[0].spec.kind, kind, "{id}");
    }
}

#[test]
fn every_field_may_be_missing_or_of_another_form() {
    let bare = json!({"id": "a/b:free", "pricing": {"prompt": "0", "completion": "0"}});
    let info = only(bare.clone()).models.remove(0);
    assert_eq!(info.id.0, "a/b");
    assert_eq!(info.spec, ModelSpec::default());
    for field in gpt_oss().as_object().unwrap().keys() {
        if matches!(field.as_str(), "id" | "pricing") {
            continue;
        }
        for odd in [
            json!(null),
            json!(5),
            json!("x"),
            json!([[]]),
            json!({"a": {}}),
            json!(-1.5),
        ] {
            let mut entry = gpt_oss();
            entry[field] = odd.clone();
            assert_eq!(only(entry).models.len(), 1, "{field}: {odd}");
        }
    }
}

#[test]
fn a_broken_entry_is_skipped_and_a_broken_list_is_an_error() {
    let broken = [
        json!(null),
        json!("a/b"),
        json!({"name": "no id"}),
        json!({"id": ""}),
        json!({"id": 5}),
        json!({"id": "x".repeat(300)}),
        json!({"id": "a/\u{7}b"}),
    ];
    let mut entries = broken.to_vec();
    entries.push(gpt_oss());
    let body = json!({ "data": entries, "total_count": 8 }).to_string();
    let list = parse_models("openrouter", body.as_bytes()).unwrap();
    assert_eq!((list.models.len(), list.num_broken), (1, broken.len()));

    let error = |body: &[u8]| parse_models("openrouter", body).unwrap_err();
    let none = json!({ "data": broken }).to_string();
    assert_eq!(error(none.as_bytes()), ListError::AllBroken { got: 7 });
    for no_list in [
        "{}",
        "5",
        "null",
        r#"{"data": {}}"#,
        r#"{"error": {"code": 502}}"#,
    ] {
        assert_eq!(error(no_list.as_bytes()), ListError::NoList, "{no_list}");
    }
    for no_json in ["", "<html>", "{\"data\": [", "\u{feff}{}"] {
        assert!(
            matches!(error(no_json.as_bytes()), ListError::NotJson { .. }),
            "{no_json}"
        );
    }
    assert!(matches!(
        error(b"{\"data\": [\"\xff\"]}"),
        ListError::NotJson { .. }
    ));
    let nested = "[".repeat(100_000);
    assert!(matches!(
        error(nested.as_bytes()),
        ListError::NotJson { .. }
    ));
    let many = format!("[{}5]", "5,".repeat(list::MAX_LIST_MODELS));
    assert_eq!(
        error(many.as_bytes()),
        ListError::TooMany {
            got: list::MAX_LIST_MODELS + 1
        }
    );
    let long = vec![b' '; MAX_LIST_BYTES + 1];
    assert_eq!(error(&long), ListError::TooLarge { got: long.len() });
    // An empty list is a list.
    assert_eq!(
        parse_models("openrouter", b"{\"data\": []}"),
        Ok(ModelList::default())
    );
}

#[test]
fn texts_of_strangers_have_an_end() {
    let mut entry = gpt_oss();
    entry["description"] = json!("ö".repeat(1 << 20));
    let words: Vec<_> = (0..10_000).map(|number| format!("w{number}")).collect();
    entry["supported_parameters"] = json!(words);
    let spec = only(entry).models.remove(0).spec;
    assert_eq!(spec.description.chars().count(), 10_000);
    assert_eq!(spec.supported_parameters.len(), 100);
}

fn endpoints(hosts: Value) -> EndpointStatus {
    let body = json!({"data": {"id": "a/b", "endpoints": hosts}}).to_string();
    parse_endpoints(body.as_bytes()).unwrap()
}

#[test]
fn a_model_without_a_host_cannot_be_called() {
    assert_eq!(endpoints(json!([])), EndpointStatus::default());
    let host = |status: Value, uptime: Value| json!({"provider_name": "X", "status": status, "uptime_last_30m": uptime});
    let is_up = |status, uptime| endpoints(json!([host(status, uptime)])).is_up;
    assert!(is_up(json!(0), json!(99.5)));
    assert!(is_up(json!(0), json!(null)));
    assert!(is_up(json!(null), json!(null)));
    assert!(!is_up(json!(-2), json!(null)));
    assert!(is_up(json!(-1), json!(97.0)));
    assert!(!is_up(json!(-5), json!(12.0)));
    assert!(!is_up(json!(0), json!(0)));
    // The best of several.
    let best = endpoints(json!([
        host(json!(0), json!(60.0)),
        host(json!(0), json!(90.0)),
        host(json!(-5), json!(20.0)),
        7,
        null
    ]));
    assert_eq!((best.is_up, best.uptime_percent), (true, Some(90.0)));
}

#[test]
fn times_are_in_milliseconds_whichever_unit_they_came_in() {
    let timed = |p50: f64| {
        endpoints(json!([{"latency_last_30m": {"p50": p50}, "throughput_last_30m": {"p50": 80}}]))
    };
    assert_eq!(timed(0.4).first_token_ms, Some(400.0));
    assert_eq!(timed(400.0).first_token_ms, Some(400.0));
    assert_eq!(timed(400.0).tokens_per_second, Some(80.0));
    assert_eq!(timed(0.0).first_token_ms, None);
    for no_list in ["{}", r#"{"data": []}"#, r#"{"data": {"endpoints": 5}}"#] {
        assert_eq!(
            parse_endpoints(no_list.as_bytes()),
            Err(ListError::NoList),
            "{no_list}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..2000) {
        let _ = parse_models("openrouter", &bytes);
        let _ = parse_endpoints(&bytes);
        // A list that broke off, with a byte changed.
        let mut body = json!({"data": [gpt_oss()]}).to_string().into_bytes();
        let place = cut % body.len();
        body[place] = bytes.first().copied().unwrap_or(0);
        let _ = parse_models("openrouter", &body);
        let _ = parse_models("openrouter", &body[..place]);
    }
}
