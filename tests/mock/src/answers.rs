//! The JSON of answers and lists.

use serde_json::{Value, json};

/// What a good answer says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Reasoning, in pieces.
    pub reasoning: Vec<String>,
    /// Words, in pieces.
    pub content: Vec<String>,
    /// A call: the function and its arguments, in pieces.
    pub call: Option<(String, Vec<String>)>,
    /// `stop` if it is empty, or `tool_calls` with a call.
    pub finish_reason: String,
    /// Where the usage is told.
    pub usage: UsageStyle,
}

/// Where an answer tells its usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageStyle {
    /// As OpenAI does, in a chunk of its own if that was asked for.
    #[default]
    OnRequest,
    /// As OpenRouter does, always in a chunk of its own.
    Always,
    /// As Groq does, in the last chunk that has a choice.
    Groq,
}

impl Answer {
    /// An answer of these words.
    pub fn of_words<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        Self {
            content: words.into_iter().map(str::to_owned).collect(),
            ..Self::default()
        }
    }

    fn finish(&self) -> &str {
        match (&*self.finish_reason, &self.call) {
            ("", None) => "stop",
            ("", Some(_)) => "tool_calls",
            (reason, _) => reason,
        }
    }

    fn usage(&self) -> Value {
        let reasoning = self.reasoning.len();
        let completion = reasoning + self.content.len() + usize::from(self.call.is_some());
        json!({
            "prompt_tokens": 11,
            "completion_tokens": completion,
            "total_tokens": 11 + completion,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        })
    }

    /// The whole answer, of a chat or of a text.
    pub fn whole(&self, model: &str, is_chat: bool) -> String {
        let content = self.content.concat();
        let choice = match is_chat {
            true => {
                let mut message = json!({"role": "assistant", "content": content});
                if !self.reasoning.is_empty() {
                    message["reasoning"] = self.reasoning.concat().into();
                }
                if let Some((name, arguments)) = &self.call {
                    message["tool_calls"] = json!([{"id": "call_1", "type": "function",
                        "function": {"name": name, "arguments": arguments.concat()}}]);
                }
                json!({"index": 0, "message": message, "finish_reason": self.finish()})
            }
            false => json!({"index": 0, "text": content, "finish_reason": self.finish()}),
        };
        let object = if is_chat {
            "chat.completion"
        } else {
            "text_completion"
        };
        json!({
            "id": "gen-mock",
            "object": object,
            "created": 1_790_000_000,
            "model": model,
            "choices": [choice],
            "usage": self.usage(),
        })
        .to_string()
    }

    /// The events of a stream: their data, without `[DONE]`.
    pub fn chunks(&self, model: &str, is_chat: bool, asks_usage: bool) -> Vec<String> {
        let object = if is_chat {
            "chat.completion.chunk"
        } else {
            "text_completion"
        };
        let chunk = |choices: Value| {
            json!({
                "id": "gen-mock",
                "object": object,
                "created": 1_790_000_000,
                "model": model,
                "choices": choices,
            })
        };
        let delta = |delta: Value, finish: Value| {
            chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
        };
        let mut chunks = Vec::new();
        if is_chat {
            chunks.push(delta(
                json!({"role": "assistant", "content": ""}),
                Value::Null,
            ));
        }
        for text in &self.reasoning {
            chunks.push(delta(
                json!({"content": "", "reasoning": text}),
                Value::Null,
            ));
        }
        for text in &self.content {
            chunks.push(match is_chat {
                true => delta(json!({"content": text}), Value::Null),
                false => chunk(json!([{"index": 0, "text": text, "finish_reason": null}])),
            });
        }
        if let Some((name, arguments)) = &self.call {
            let call = |call: Value| delta(json!({"tool_calls": [call]}), Value::Null);
            chunks.push(call(json!({"index": 0, "id": "call_1", "type": "function",
                "function": {"name": name, "arguments": ""}})));
            for text in arguments {
                chunks.push(call(json!({"index": 0, "function": {"arguments": text}})));
            }
        }
        let mut last = match is_chat {
            true => delta(json!({}), self.finish().into()),
            false => chunk(json!([{"index": 0, "text": "", "finish_reason": self.finish()}])),
        };
        if self.usage == UsageStyle::Groq {
            last["x_groq"] = json!({"id": "req_mock", "usage": self.usage()});
        }
        chunks.push(last);
        let tells = match self.usage {
            UsageStyle::OnRequest => asks_usage,
            UsageStyle::Always => true,
            UsageStyle::Groq => false,
        };
        if tells {
            let mut last = chunk(json!([]));
            last["usage"] = self.usage();
            chunks.push(last);
        }
        chunks.iter().map(Value::to_string).collect()
    }
}

/// A model of the mock's catalogue.
#[derive(Clone, Debug)]
pub struct CatalogueModel {
    /// Its name, such as `openai/gpt-oss-20b:free`.
    pub id: String,
    /// Its price of a token, such as `0`.
    pub price: String,
    /// Its context.
    pub context_length: u64,
    /// Parameters that have an effect.
    pub supported_parameters: Vec<String>,
    /// What may be sent.
    pub input_modalities: Vec<String>,
}

impl CatalogueModel {
    /// A free model with tools and reasoning.
    pub fn free(id: &str) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Self {
            id: id.to_owned(),
            price: "0".to_owned(),
            context_length: 131_072,
            supported_parameters: owned(&["max_tokens", "reasoning", "tools", "tool_choice"]),
            input_modalities: owned(&["text"]),
        }
    }
}

/// A list of models as OpenRouter sends it.
pub fn catalogue(models: &[CatalogueModel]) -> String {
    let models: Vec<Value> = models
        .iter()
        .map(|model| {
            let inputs = model.input_modalities.join("+");
            json!({
                "id": model.id,
                "canonical_slug": model.id.trim_end_matches(":free"),
                "name": format!("Mock: {}", model.id),
                "created": 1_754_414_229,
                "description": "A model of the mock's.",
                "context_length": model.context_length,
                "architecture": {"modality": format!("{inputs}->text"),
                    "input_modalities": model.input_modalities, "output_modalities": ["text"],
                    "tokenizer": "GPT", "instruct_type": null},
                "pricing": {"prompt": model.price, "completion": model.price, "request": "0",
                    "image": "0"},
                "top_provider": {"context_length": model.context_length,
                    "max_completion_tokens": 8192, "is_moderated": false},
                "per_request_limits": null,
                "supported_parameters": model.supported_parameters,
            })
        })
        .collect();
    json!({"data": models}).to_string()
}

/// What OpenRouter says of the hosts of a model.
pub(crate) fn endpoints(model: &str) -> String {
    json!({"data": {"id": model, "endpoints": [{
        "provider_name": "Mock", "tag": "mock", "status": 0, "uptime_last_30m": 99.5,
        "uptime_last_1d": 98.0, "latency_last_30m": {"p50": 412.0},
        "throughput_last_30m": {"p50": 71.0}, "quantization": "fp4",
    }]}})
    .to_string()
}

/// What OpenRouter says of a key.
pub(crate) fn key() -> String {
    json!({"data": {"label": "mock", "is_free_tier": true, "usage": 0, "limit": null,
        "free_model_daily_requests": {"used": 7, "limit": 50, "remaining": 43}}})
    .to_string()
}
