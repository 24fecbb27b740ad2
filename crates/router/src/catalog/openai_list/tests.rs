use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model_info::ModelKind;

fn models(provider: &str, body: Value) -> Vec<ModelInfo> {
    let list = parse_models(provider, body.to_string().as_bytes()).unwrap();
    assert_eq!(list.num_broken, 0);
    list.models
}

#[test]
fn the_lists_of_all_hosts_name_the_same_model() {
    for (provider, body, context, output) in [
        (
            "groq",
            json!({"object": "list", "data": [{"id": "openai/gpt-oss-20b", "object": "model",
                "created": 1_754_407_957, "owned_by": "OpenAI", "active": true,
                "context_window": 131_072, "public_apps": null, "max_completion_tokens": 65_536}]}),
            Some(131_072),
            Some(65_536),
        ),
        (
            "vllm",
            json!({"object": "list", "data": [{"id": "served", "object": "model", "owned_by": "vllm",
                "root": "openai/gpt-oss-20b", "parent": null, "max_model_len": 32_768,
                "permission": [{"id": "modelperm-1"}]}]}),
            Some(32_768),
            None,
        ),
        (
            "llamacpp",
            json!({"models": [{"name": "ignored-for-data"}], "object": "list", "data": [
                {"id": "gpt-oss-20b-mxfp4.gguf", "object": "model", "owned_by": "llamacpp",
                 "meta": {"n_ctx_train": 131_072, "n_params": 20_914_757_184_u64}}]}),
            Some(131_072),
            None,
        ),
        (
            "ollama",
            json!({"object": "list", "data": [{"id": "gpt-oss:20b", "object": "model",
                "created": 1_755_000_000, "owned_by": "library"}]}),
            None,
            None,
        ),
        (
            "huggingface",
            json!({"object": "list", "data": [{"id": "openai/gpt-oss-20b", "owned_by": "openai",
                "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
                "providers": [
                    {"provider": "a", "status": "live", "context_length": 8192},
                    {"provider": "b", "status": "live", "context_length": 131_072,
                     "supports_tools": true, "supports_structured_output": true}]}]}),
            Some(131_072),
            None,
        ),
        (
            "pollinations",
            json!([{"name": "openai-fast", "description": "OpenAI GPT-OSS 20B", "tier": "anonymous",
                "input_modalities": ["text"], "output_modalities": ["text"], "tools": true,
                "reasoning": true, "aliases": ["gpt-oss", "gpt-oss-20b"]}]),
            None,
            None,
        ),
        (
            "cloudflare",
            json!({"success": true, "result": [{"id": "b2c2-uuid", "name": "@cf/openai/gpt-oss-20b",
                "description": "x", "task": {"name": "Text Generation"}}]}),
            None,
            None,
        ),
    ] {
        let all = models(provider, body);
        assert_eq!(all.len(), 1, "{provider}");
        assert_eq!(all[0].id.0, "openai/gpt-oss-20b", "{provider}");
        assert_eq!(all[0].spec.context_length, context, "{provider}");
        assert_eq!(all[0].spec.max_output_tokens, output, "{provider}");
        assert_eq!(all[0].spec.kind, ModelKind::Chat, "{provider}");
    }
}

#[test]
fn what_hosts_add_is_understood() {
    let body = json!([
        {"name": "tool-user", "tools": true, "vision": true, "reasoning": true,
         "aliases": ["tool-user", "tu"], "input_modalities": ["text"], "display_name": "Tool user"},
        {"id": "both", "supported_parameters": ["tools"], "providers": [{"supports_tools": true}]},
    ]);
    let all = models("x", body);
    assert!(all[0].spec.supports("tools") && all[0].spec.takes_images() && all[0].spec.reasons());
    assert_eq!(all[0].aliases, ["tu"]);
    assert_eq!(all[0].spec.name, "Tool user");
    assert_eq!(all[0].id.0, "x/tool-user");
    assert_eq!(all[1].spec.supported_parameters, ["tools"]);
}

#[test]
fn what_is_not_offered_now_is_left_out_and_what_does_not_converse_is_marked() {
    let body = json!({"data": [
        {"id": "a/off", "active": false},
        {"id": "a/old", "archived": true},
        {"id": "whisper-large-v3"},
        {"id": "nvidia/nv-embedqa-e5-v5"},
        {"id": "meta-llama/llama-prompt-guard-2-86m"},
        {"id": "playai-tts"},
        {"id": "qwen/qwen3-32b"},
        {"id": "nvidia/speechless-talker"},
        5,
    ]});
    let list = parse_models("groq", body.to_string().as_bytes()).unwrap();
    let kinds: Vec<_> = list.models.iter().map(|model| model.spec.kind).collect();
    use ModelKind::{Chat, Classifier, Other};
    assert_eq!(kinds, [Other, Other, Classifier, Other, Chat, Chat]);
    assert_eq!((list.num_not_offered, list.num_broken), (2, 1));
}

#[test]
fn a_file_name_is_no_name_of_a_model() {
    let body = json!({"data": [{"id": "mine", "root": "/data/openai/gpt-oss-20b"}]});
    assert_eq!(models("vllm", body)[0].id.0, "vllm/mine");
}

#[test]
fn counts_of_any_form_are_read_and_nonsense_is_unknown() {
    for (said, expected) in [
        (json!(4096), Some(4096)),
        (json!("4096"), Some(4096)),
        (json!(4096.0), Some(4096)),
        (json!(0), None),
        (json!(-5), None),
        (json!(1e300), None),
        (json!("many"), None),
        (json!([4096]), None),
        (json!(null), None),
    ] {
        let body = json!({"data": [{"id": "a/b", "context_length": said}]});
        assert_eq!(models("x", body)[0].spec.context_length, expected, "{said}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
        let _ = parse_models("x", &bytes);
        let body = json!({"data": [{"id": text, "name": text, "aliases": [text], "root": text}]});
        let _ = parse_models(&text, body.to_string().as_bytes());
    }
}
