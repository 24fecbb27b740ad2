//! The models that this program can run by itself. They are in the catalogue also before anybody was
//! asked, and without a network.

use crate::model_info::{ModelId, ModelSpec, ReasoningSpec};

/// The id of the demo model.
pub const DEMO_ID: &str = "demo";

/// Who made the demo model, in the words of the list of models.
pub(super) const DEMO_AUTHOR: &str = "freeway";

/// 2025-08-05, when both sizes of gpt-oss were published.
const GPT_OSS_CREATED: i64 = 1_754_352_000;
/// 2026-11-22.
const DEMO_CREATED: i64 = 1_795_305_600;

/// What the engine takes, for each of these models.
const PARAMETERS: [&str; 12] = [
    "include_reasoning",
    "logprobs",
    "max_tokens",
    "reasoning",
    "response_format",
    "seed",
    "stop",
    "structured_outputs",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
];

/// The specification of each.
pub(super) fn specs() -> [(ModelId, ModelSpec); 3] {
    [
        gpt_oss(
            "20b",
            "The smaller of the two open-weight models that OpenAI published under Apache 2.0. Of \
             its 21 billion parameters a mixture of experts uses 3.6 billion for each token, which \
             makes it quick and lets it run on one consumer GPU, or on a CPU. It thinks before it \
             answers, at a low, medium or high effort, writes OpenAI's Harmony format, calls \
             functions, works as an agent with tools, fills JSON schemas, and can be fine-tuned.",
        ),
        gpt_oss(
            "120b",
            "The larger of the two open-weight models that OpenAI published under Apache 2.0. Of its \
             117 billion parameters a mixture of experts uses 5.1 billion for each token, and its \
             weights fit one 80 GB GPU. It thinks before it answers, at a low, medium or high \
             effort, writes OpenAI's Harmony format, calls functions, works as an agent with tools, \
             fills JSON schemas, and can be fine-tuned.",
        ),
        demo(),
    ]
}

/// The specification of a model that is built in.
pub(super) fn spec(id: &ModelId) -> Option<ModelSpec> {
    let mut all = specs().into_iter();
    all.find(|(other, _)| other == id).map(|(_, spec)| spec)
}

fn gpt_oss(size: &str, description: &str) -> (ModelId, ModelSpec) {
    let id = format!("openai/gpt-oss-{size}");
    let spec = ModelSpec {
        name: format!("OpenAI: gpt-oss-{size}"),
        description: description.to_owned(),
        created: Some(GPT_OSS_CREATED),
        context_length: Some(131_072),
        max_output_tokens: Some(131_072),
        knowledge_cutoff: Some("2024-06".to_owned()),
        hugging_face_id: Some(id.clone()),
        quantization: Some("mxfp4".to_owned()),
        ..text_model()
    };
    (ModelId(id), spec)
}

fn demo() -> (ModelId, ModelSpec) {
    let spec = ModelSpec {
        name: "Freeway: demo".to_owned(),
        description: "A very small model of the gpt-oss architecture inside this program, so that \
                      everything can be tried before anything is downloaded. It adds and subtracts, \
                      calls functions, fills JSON schemas, and otherwise says what it is. It knows \
                      nothing of the world."
            .to_owned(),
        created: Some(DEMO_CREATED),
        context_length: Some(131_072),
        ..text_model()
    };
    (ModelId(DEMO_ID.to_owned()), spec)
}

fn text_model() -> ModelSpec {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    ModelSpec {
        modality: Some("text->text".to_owned()),
        input_modalities: words(&["text"]),
        output_modalities: words(&["text"]),
        supported_parameters: words(&PARAMETERS),
        reasoning: Some(ReasoningSpec {
            is_mandatory: true,
            efforts: words(&["low", "medium", "high"]),
            default_effort: Some("medium".to_owned()),
        }),
        ..ModelSpec::default()
    }
}
