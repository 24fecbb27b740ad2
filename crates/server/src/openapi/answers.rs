//! What models answer: chat and text completions.

use router::openai::limits::{
    DEFAULT_MAX_TOKENS, MAX_BIASES, MAX_CHOICES, MAX_LOGIT_BIAS, MAX_LOGPROBS, MAX_MESSAGES,
    MAX_MODELS, MAX_NAME_BYTES, MAX_PENALTY, MAX_PROMPTS, MAX_STOP_BYTES, MAX_STOPS,
    MAX_TEMPERATURE, MAX_TOOLS, MAX_TOP_LOGPROBS, effort_words,
};
use router::{AUTO, FailureKind};
use serde_json::json;

use super::operation::{Body, Header, Operation, Tag, answer};
use super::schema::{
    Member, Schema, always, any, boolean, count, either, integer, integer_between, integer_from,
    list, list_between, map, maybe, named, number, number_between, object, short_text, text, word,
};
use crate::accompany::{CHAT, COMPLETIONS};
use crate::error::codes::Scope;

const SCOPES: [Scope; 5] = [
    Scope::Body,
    Scope::Request,
    Scope::Model,
    Scope::Answer,
    Scope::Quota,
];

pub(super) fn operations() -> Vec<Operation> {
    let headers = [Header::Deployment, Header::Attempts];
    let headers = || headers.into_iter().chain(Header::QUOTA);
    vec![
        Operation {
            method: "POST",
            summary: "Answer a conversation",
            description: "Sends the conversation to whoever is likeliest to answer, and to the \
                          next if that one fails before its first word. With `stream` the answer \
                          comes as server-sent events: one `data:` line for each chunk, \
                          `data: [DONE]` at the end. A failure after the stream has begun is an \
                          event with `error` in place of a chunk, and no `[DONE]` follows. Lines \
                          that begin with a colon only keep the connection open. Fields that are \
                          not listed here are passed on to hosts as they are, and so is what \
                          hosts answer beyond these members."
                .to_owned(),
            body: Some(Body {
                schema: named("ChatRequest"),
                examples: vec![
                    (
                        "One question",
                        json!({
                            "model": AUTO,
                            "messages": [{"role": "user", "content": "What is 27 + 58?"}],
                        }),
                    ),
                    (
                        "A function that may be called",
                        json!({
                            "model": AUTO,
                            "messages": [{"role": "user", "content": "What's the weather in Oslo?"}],
                            "tools": [{"type": "function", "function": {
                                "name": "get_weather",
                                "description": "The weather of a city.",
                                "parameters": {
                                    "type": "object",
                                    "properties": {"city": {"type": "string"}},
                                    "required": ["city"],
                                },
                            }}],
                        }),
                    ),
                    (
                        "As a stream, with little thinking",
                        json!({
                            "model": AUTO,
                            "messages": [{"role": "user", "content": "What is 27 + 58?"}],
                            "stream": true,
                            "stream_options": {"include_usage": true},
                            "reasoning_effort": "low",
                        }),
                    ),
                ],
                max_bytes: None,
            }),
            answers: vec![
                answer(
                    200,
                    "The answer, whole or as a stream.",
                    named("ChatCompletion"),
                )
                .or("text/event-stream", named("ChatCompletionChunk"))
                .with_headers(headers()),
            ],
            scopes: SCOPES.to_vec(),
            ..Operation::get(CHAT, "createChatCompletion", Tag::Answers)
        },
        Operation {
            method: "POST",
            summary: "Continue a text",
            description: "Continues texts or token ids without any chat format. Special tokens in \
                          a text are text like any other; as token ids they are themselves."
                .to_owned(),
            body: Some(Body {
                schema: named("CompletionRequest"),
                examples: vec![(
                    "A text to continue",
                    json!({"model": AUTO, "prompt": "Once upon a time", "max_tokens": 32}),
                )],
                max_bytes: None,
            }),
            answers: vec![
                answer(200, "The text, whole or as a stream.", named("Completion"))
                    .or("text/event-stream", named("CompletionChunk"))
                    .with_headers(headers()),
            ],
            scopes: SCOPES.to_vec(),
            ..Operation::get(COMPLETIONS, "createCompletion", Tag::Answers)
        },
    ]
}

/// The members that both kinds of request have.
fn sampling() -> Vec<Member> {
    let (max, penalty) = (f64::from(MAX_TEMPERATURE), f64::from(MAX_PENALTY));
    let bias = f64::from(MAX_LOGIT_BIAS);
    vec![
        maybe(
            "stream",
            boolean().or_null().defaults_to(false),
            "Whether to send the answer as it comes.",
        ),
        maybe(
            "stream_options",
            object([maybe(
                "include_usage",
                boolean().or_null().defaults_to(false),
                "Whether a last chunk tells the tokens.",
            )])
            .or_null(),
            "Only together with `stream`.",
        ),
        maybe(
            "temperature",
            number_between(0.0, max).or_null(),
            "How random the answer is; 0 always takes the likeliest token. If it is missing, the \
             model's own recommendation: 1 for gpt-oss.",
        ),
        maybe(
            "top_p",
            number_between(0.0, 1.0).or_null(),
            "The share of the likeliest tokens to choose from. If it is missing, the model's own \
             recommendation: 1 for gpt-oss.",
        ),
        maybe(
            "top_k",
            integer_from(-1).or_null().defaults_to(0),
            "The number of the likeliest tokens to choose from; 0 and -1 are all.",
        ),
        maybe(
            "min_p",
            number_between(0.0, 1.0).or_null().defaults_to(0),
            "The least probability of a token, as a share of the likeliest one's.",
        ),
        maybe(
            "frequency_penalty",
            number_between(-penalty, penalty).or_null().defaults_to(0),
            "Taken off a token for each time that it was written.",
        ),
        maybe(
            "presence_penalty",
            number_between(-penalty, penalty).or_null().defaults_to(0),
            "Taken off a token that was written.",
        ),
        maybe(
            "repetition_penalty",
            number().or_null().defaults_to(1),
            "Makes tokens of the prompt and of the answer less likely, if above 1. Must be above 0.",
        ),
        maybe(
            "logit_bias",
            map(number_between(-bias, bias)).or_null(),
            format!("Token ids and what is added to their logits; at most {MAX_BIASES}."),
        ),
        maybe(
            "seed",
            integer().or_null(),
            "The same seed gives the same answer, on the same model here. Choice *i* has seed + *i*.",
        ),
        maybe(
            "stop",
            either([text(), list_between(text(), 0, MAX_STOPS)]).or_null(),
            format!(
                "Where to stop: one text or up to {MAX_STOPS}, of at most {MAX_STOP_BYTES} bytes \
                 each. They end the content, not the reasoning."
            ),
        ),
        maybe(
            "n",
            integer_between(1, i64::from(MAX_CHOICES))
                .or_null()
                .defaults_to(1),
            "How many answers.",
        ),
        maybe(
            "models",
            list_between(text(), 0, MAX_MODELS).or_null(),
            "Models that may answer, in this order, after `model` if that is named. Names that \
             nobody knows are passed over.",
        ),
    ]
}

fn model() -> Member {
    maybe(
        "model",
        text().or_null().defaults_to(AUTO),
        format!(
            "An id of `GET /v1/models`, the part of it after the slash, or `{AUTO}` for whoever \
             answers best. Case does not matter."
        ),
    )
}

fn max_tokens(name: &'static str, description: impl Into<String>) -> Member {
    maybe(name, integer_from(-1).or_null(), description)
}

fn chat_request() -> Schema {
    let mut members = vec![
        model(),
        always(
            "messages",
            list_between(named("ChatMessage"), 1, MAX_MESSAGES),
            "The conversation so far.",
        ),
    ];
    members.extend(sampling());
    members.extend([
        max_tokens(
            "max_completion_tokens",
            "The most tokens of the answer, reasoning included; -1 is no limit. More than the \
             context holds is cut to that.",
        ),
        max_tokens("max_tokens", "The older name of `max_completion_tokens`."),
        maybe(
            "logprobs",
            boolean().or_null().defaults_to(false),
            "Whether to tell how likely the tokens of the content were.",
        ),
        maybe(
            "top_logprobs",
            integer_between(0, i64::from(MAX_TOP_LOGPROBS)).or_null(),
            "How many alternatives to tell of each token. Only together with `logprobs`.",
        ),
        maybe(
            "tools",
            list_between(named("Tool"), 0, MAX_TOOLS).or_null(),
            "Functions that may be called.",
        ),
        maybe(
            "tool_choice",
            either([
                word(["auto", "none", "required"]),
                object([
                    always("type", word(["function"]), ""),
                    always(
                        "function",
                        object([always("name", text(), "Its name.")]),
                        "The one to call.",
                    ),
                ]),
            ])
            .or_null(),
            "Whether functions are called. `required` and a named function are for hosts alone: \
             the engine of this server cannot be made to call.",
        ),
        maybe(
            "response_format",
            named("ResponseFormat").or_null(),
            "The form of the answer. The model is told the schema; on this server's engine the \
             output is not forced into it.",
        ),
        maybe(
            "reasoning_effort",
            word(effort_words()).or_null().defaults_to("medium"),
            "How long to think. gpt-oss knows `low`, `medium` and `high`; the other words mean \
             the nearest of them. Hosts may know further ones.",
        ),
        maybe(
            "reasoning",
            object([
                maybe(
                    "effort",
                    text().or_null(),
                    "The same as `reasoning_effort`.",
                ),
                maybe(
                    "exclude",
                    boolean().or_null().defaults_to(false),
                    "Whether to leave the reasoning out of the answer.",
                ),
            ])
            .or_null(),
            "The same in OpenRouter's form.",
        ),
        maybe(
            "include_reasoning",
            boolean().or_null().defaults_to(true),
            "OpenRouter's older form of `reasoning.exclude`, turned round.",
        ),
        maybe(
            "provider",
            object([
                maybe(
                    "data_collection",
                    text().or_null(),
                    "`deny`: nobody may train on the prompt or publish it.",
                ),
                maybe(
                    "zdr",
                    boolean().or_null(),
                    "Whether the prompt may not even be kept.",
                ),
            ])
            .or_null(),
            "Wishes about the host, in OpenRouter's form.",
        ),
    ]);
    object(members)
}

fn completion_request() -> Schema {
    let mut members = vec![
        model(),
        always(
            "prompt",
            either([
                text(),
                list_between(text(), 1, MAX_PROMPTS),
                list(count()),
                list_between(list(count()), 1, MAX_PROMPTS),
            ]),
            "What to continue: a text, a list of texts, token ids, or a list of those.",
        ),
    ];
    members.extend(sampling());
    members.extend([
        maybe(
            "max_tokens",
            integer_from(-1).or_null().defaults_to(DEFAULT_MAX_TOKENS),
            "The most tokens of an answer; -1 is no limit.",
        ),
        maybe(
            "echo",
            boolean().or_null().defaults_to(false),
            "Whether to repeat the prompt before the answer. Not together with `logprobs`.",
        ),
        maybe(
            "logprobs",
            integer_between(0, i64::from(MAX_LOGPROBS)).or_null(),
            "How many alternatives to tell of each token.",
        ),
    ]);
    object(members)
}

fn message() -> Schema {
    object([
        always(
            "role",
            word(["system", "developer", "user", "assistant", "tool"]),
            "Who speaks.",
        ),
        maybe(
            "content",
            either([text(), list(named("ContentPart"))]).or_null(),
            "What was said: a text, or parts.",
        ),
        maybe(
            "tool_calls",
            list(named("ToolCall")).or_null(),
            "Of the assistant: the calls it made.",
        ),
        maybe(
            "tool_call_id",
            text().or_null(),
            "Of a tool: the call that this is the result of.",
        ),
        maybe(
            "reasoning",
            text().or_null(),
            "Of the assistant: its reasoning, as it came. `reasoning_content`, `thinking` and \
             `reasoning_details` are read as well.",
        ),
    ])
}

fn tool_call() -> Schema {
    object([
        always("id", text(), "The name by which its result refers to it."),
        maybe("type", word(["function"]), ""),
        always(
            "function",
            object([
                always("name", text(), "Its name."),
                always("arguments", text(), "Its arguments: JSON, as text."),
            ]),
            "The function.",
        ),
    ])
}

fn usage() -> Schema {
    object([
        always("prompt_tokens", count(), "Tokens of the prompt."),
        always(
            "completion_tokens",
            count(),
            "Tokens of the answer, reasoning included.",
        ),
        always("total_tokens", count(), "Both together."),
        maybe(
            "prompt_tokens_details",
            object([maybe(
                "cached_tokens",
                count(),
                "Those that did not have to be computed again.",
            )])
            .or_null(),
            "",
        ),
        maybe(
            "completion_tokens_details",
            object([maybe(
                "reasoning_tokens",
                count(),
                "Those of the reasoning.",
            )])
            .or_null(),
            "",
        ),
    ])
}

fn finish_reason() -> Member {
    always(
        "finish_reason",
        word(["stop", "length", "tool_calls", "content_filter"]).or_null(),
        "Why it ends: it is complete, its tokens are used up, or calls wait for their results.",
    )
}

/// The members around the choices.
fn around(object_word: &'static str, choice: Schema, usage: Member) -> Schema {
    object([
        always("id", text(), "The name of the answer."),
        always("object", word([object_word]), ""),
        always(
            "created",
            integer(),
            "When it began, in seconds since 1970.",
        ),
        always("model", text(), "The model that answers."),
        always("choices", list(choice), "The answers."),
        usage,
    ])
}

fn whole_usage() -> Member {
    maybe("usage", named("Usage").or_null(), "The tokens.")
}

fn chunk_usage() -> Member {
    maybe(
        "usage",
        named("Usage").or_null(),
        "With `include_usage`, the tokens in the last chunk, and `null` in the others.",
    )
}

fn chat_completion() -> Schema {
    let message = object([
        always("role", word(["assistant"]), ""),
        always(
            "content",
            text().or_null(),
            "The words; `null` if it is nothing but calls.",
        ),
        maybe(
            "refusal",
            text().or_null(),
            "Why it refuses, if it says so.",
        ),
        maybe("reasoning", text().or_null(), "What it thought before."),
        maybe(
            "tool_calls",
            list(named("ToolCall")),
            "The functions it calls.",
        ),
    ]);
    let choice = object([
        always("index", count(), "Its number."),
        always("message", message, "The answer."),
        maybe(
            "logprobs",
            named("ChatLogprobs").or_null(),
            "How likely the tokens were.",
        ),
        finish_reason(),
    ]);
    around("chat.completion", choice, whole_usage())
}

fn chat_chunk() -> Schema {
    let call = object([
        always("index", count(), "The number of the call."),
        maybe("id", text(), "In its first piece: its name."),
        maybe("type", word(["function"]), ""),
        always(
            "function",
            object([
                maybe("name", text(), "In its first piece: the function."),
                maybe("arguments", text(), "The next piece of the arguments."),
            ]),
            "",
        ),
    ]);
    let delta = object([
        maybe(
            "role",
            word(["assistant"]),
            "In the first piece of a choice.",
        ),
        maybe("content", text().or_null(), "The next words."),
        maybe(
            "reasoning",
            text().or_null(),
            "The next words of its reasoning.",
        ),
        maybe("tool_calls", list(call), "The next pieces of calls."),
    ]);
    let choice = object([
        always("index", count(), "The number of the choice."),
        always("delta", delta, "What is added to it."),
        maybe(
            "logprobs",
            named("ChatLogprobs").or_null(),
            "How likely the tokens were.",
        ),
        finish_reason(),
    ]);
    around("chat.completion.chunk", choice, chunk_usage())
}

fn completion(usage: Member) -> Schema {
    let logprobs = object([
        always("tokens", list(text()), "The tokens."),
        always("token_logprobs", list(number()), "How likely each was."),
        always("top_logprobs", list(map(number())), "The alternatives."),
        always(
            "text_offset",
            list(count()),
            "Where each begins, in characters.",
        ),
    ]);
    let choice = object([
        always("index", count(), "Its number."),
        always("text", text(), "The text."),
        always(
            "logprobs",
            logprobs.or_null(),
            "How likely the tokens were.",
        ),
        finish_reason(),
    ]);
    around("text_completion", choice, usage)
}

fn chat_logprobs() -> Schema {
    let token = || {
        [
            always("token", text(), "The token as text."),
            always("logprob", number(), "The logarithm of its probability."),
            always("bytes", list(integer_between(0, 255)), "Its bytes."),
        ]
    };
    let mut members = token().to_vec();
    members.push(always(
        "top_logprobs",
        list(object(token())),
        "The alternatives.",
    ));
    object([always("content", list(object(members)), "Token by token.")])
}

fn error() -> Schema {
    let failures = || FailureKind::ALL.iter().map(|kind| kind.as_str());
    let attempt = object([
        always("deployment", text(), "Who was asked, as `provider/name`."),
        always(
            "failure",
            word(failures()).or_null(),
            "How that ended; `null`: it answered.",
        ),
    ]);
    let excluded = object([
        always("deployment", text(), "Who was not asked."),
        always("reason", text(), "Why, such as `breaker_open`."),
        maybe("failure", word(failures()), "What it follows from."),
    ]);
    object([always(
        "error",
        object([
            always("message", text(), "What is wrong and what to do."),
            always(
                "type",
                word(["invalid_request_error", "rate_limit_error", "server_error"]),
                "The kind of error, in OpenAI's words.",
            ),
            always("param", text().or_null(), "The field that it is about."),
            always("code", text().or_null(), "A word for programs."),
            maybe(
                "metadata",
                object([
                    always("attempts", list(attempt), "Who was asked, in order."),
                    always("excluded", list(excluded), "Who was not asked."),
                ]),
                "Whom the router asked, if it came to that.",
            ),
        ]),
        "",
    )])
}

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let part = object([
        always("type", text(), "`text`, `image_url` and so on."),
        maybe("text", text(), "The text, if it is one."),
        maybe(
            "image_url",
            object([always(
                "url",
                text(),
                "Where the image is, or `data:image/png;base64,…`.",
            )]),
            "The image, if it is one. For models that see.",
        ),
    ]);
    let tool = object([
        always("type", word(["function"]), ""),
        always(
            "function",
            object([
                always(
                    "name",
                    short_text(MAX_NAME_BYTES),
                    "Letters, digits, `_`, `-` and `.`.",
                ),
                maybe("description", text().or_null(), "What it does."),
                maybe(
                    "parameters",
                    map(any()).or_null(),
                    "JSON Schema of its arguments.",
                ),
            ]),
            "The function.",
        ),
    ]);
    let format = object([
        always("type", word(["text", "json_object", "json_schema"]), ""),
        maybe(
            "json_schema",
            object([
                always("name", text(), "A name for it."),
                maybe("description", text().or_null(), "What it is for."),
                maybe("schema", map(any()).or_null(), "The JSON Schema."),
            ])
            .or_null(),
            "The schema, for `json_schema`.",
        ),
    ]);
    vec![
        ("ChatRequest", chat_request()),
        ("ChatMessage", message()),
        ("ContentPart", part),
        ("Tool", tool),
        ("ToolCall", tool_call()),
        ("ResponseFormat", format),
        ("ChatCompletion", chat_completion()),
        ("ChatCompletionChunk", chat_chunk()),
        ("ChatLogprobs", chat_logprobs()),
        ("CompletionRequest", completion_request()),
        ("Completion", completion(whole_usage())),
        ("CompletionChunk", completion(chunk_usage())),
        ("Usage", usage()),
        ("Error", error()),
    ]
}
