//! Reads events of a stream that are passed on as they came, for those who want what they say and
//! not their bytes.

use super::upstream::{Choice, Chunk};
use crate::provider::upstream::sse_events;
use crate::provider::{AnswerEvent, Delta, FinishReason, Usage};

/// Calls of one answer that are told apart; further ones are left out.
const MAX_CALLS: usize = 1024;

/// Makes of relayed events those of an answer that is not relayed. It remembers which calls of the
/// first choice have begun; other choices are not read.
#[derive(Clone, Debug, Default)]
pub struct RelayedReader {
    /// The indices of the calls, in the order in which they began.
    calls: Vec<u32>,
    usage: Option<Usage>,
}

impl RelayedReader {
    /// What one or several whole `data: …` events say. What cannot be read says nothing.
    pub fn read(&mut self, events: &[u8]) -> Vec<AnswerEvent> {
        let mut read = Vec::new();
        for event in sse_events(&String::from_utf8_lossy(events)) {
            if let Ok(chunk) = serde_json::from_str::<Chunk<'_>>(&event.data) {
                self.usage = chunk.usage().or(self.usage);
                for choice in chunk.choices().filter(|choice| choice.index == 0) {
                    self.read_choice(choice, &mut read);
                }
            }
        }
        read
    }

    /// The tokens, if an event told them.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn read_choice(&mut self, choice: &Choice<'_>, read: &mut Vec<AnswerEvent>) {
        let mut add = |delta| {
            read.push(AnswerEvent::Delta {
                choice: 0,
                delta,
                logprobs: Vec::new(),
            });
        };
        if let Some(message) = choice.said() {
            let reasoning = message.reasoning().as_str();
            if !reasoning.is_empty() {
                add(Delta::Reasoning(reasoning.to_owned()));
            }
            let words = [message.content.as_str(), message.refusal.as_str()];
            for words in words.into_iter().filter(|words| !words.is_empty()) {
                add(Delta::Content(words.to_owned()));
            }
            for (place, call) in message.calls().enumerate() {
                let index = call.index.unwrap_or(place as u32);
                let known = self.calls.iter().position(|&known| known == index);
                let function = call.function.as_ref();
                let place = match known {
                    Some(place) => place,
                    None if self.calls.len() < MAX_CALLS => {
                        self.calls.push(index);
                        add(Delta::CallStarted {
                            index: self.calls.len() as u32 - 1,
                            id: call.id.as_str().to_owned(),
                            name: function.map_or("", |one| one.name.as_str()).to_owned(),
                        });
                        self.calls.len() - 1
                    }
                    None => continue,
                };
                let text = function.map_or("", |one| one.arguments.as_str());
                if !text.is_empty() {
                    add(Delta::CallArguments {
                        index: place as u32,
                        text: text.to_owned(),
                    });
                }
            }
        }
        let reason = choice.finish_reason.as_str();
        if !reason.is_empty() {
            read.push(AnswerEvent::Finished {
                choice: 0,
                reason: match reason {
                    "length" => FinishReason::Length,
                    "tool_calls" | "function_call" => FinishReason::ToolCalls,
                    _ => FinishReason::Stop,
                },
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::openai::{ChatChunks, ChatCompletion};

    fn folded(events: impl IntoIterator<Item = AnswerEvent>) -> serde_json::Value {
        let mut completion = ChatCompletion::default();
        for event in events {
            completion.add(event);
        }
        completion.into_json("id", 0, "m", false)["choices"].clone()
    }

    fn event(json: &serde_json::Value) -> String {
        format!("data: {json}\n\n")
    }

    #[test]
    fn hosts_name_reasoning_and_calls_in_their_ways() {
        let chunk = |delta: serde_json::Value, finish: serde_json::Value| {
            event(&json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
        };
        let call = |call: serde_json::Value| json!({"tool_calls": [call]});
        let none = serde_json::Value::Null;
        let text = [
            chunk(json!({"reasoning_content": "hm"}), none.clone()),
            chunk(json!({"content": "yes", "reasoning": ""}), none.clone()),
            chunk(
                call(json!({"index": 3, "id": "c", "function": {"name": "f", "arguments": "{"}})),
                none.clone(),
            ),
            chunk(
                call(json!({"index": 3, "function": {"arguments": "}"}})),
                none,
            ),
            chunk(json!({}), json!("tool_calls")),
            event(&json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}})),
            "data: nonsense\n\n: a comment\n\n".to_owned(),
        ]
        .concat();
        let mut reader = RelayedReader::default();
        let choices = folded(reader.read(text.as_bytes()));
        let message = &choices[0]["message"];
        assert_eq!(message["reasoning"], "hm");
        assert_eq!(message["content"], "yes");
        let function = &message["tool_calls"][0]["function"];
        assert_eq!(function, &json!({"name": "f", "arguments": "{}"}));
        assert_eq!(choices[0]["finish_reason"], "tool_calls");
        let usage = reader.usage().unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (5, 7));
    }

    #[test]
    fn carriage_returns_and_data_on_several_lines_are_read() {
        let text = "event: x\r\ndata: {\"choices\": [{\"index\": 0,\r\ndata: \"delta\": {\"content\": \"a\"}}]}\r\n\r\n";
        let read = RelayedReader::default().read(text.as_bytes());
        assert_eq!(folded(read)[0]["message"]["content"], "a");
    }

    fn deltas() -> impl Strategy<Value = Vec<Delta>> {
        let call =
            (0u32..3, "[a-z]{1,4}").prop_map(|(index, text)| Delta::CallArguments { index, text });
        let delta = prop_oneof![
            ".{1,6}".prop_map(Delta::Content),
            ".{1,6}".prop_map(Delta::Reasoning),
            call,
        ];
        prop::collection::vec(delta, 0..12)
    }

    proptest! {
        #[test]
        fn what_is_written_as_a_stream_is_read_back(deltas in deltas()) {
            let started = (0..3).map(|index| Delta::CallStarted {
                index,
                id: format!("call_{index}"),
                name: format!("f{index}"),
            });
            let deltas = started.chain(deltas).map(|delta| AnswerEvent::Delta {
                choice: 0,
                delta,
                logprobs: Vec::new(),
            });
            let events: Vec<_> = deltas
                .chain([AnswerEvent::Finished { choice: 0, reason: FinishReason::Length }])
                .collect();
            let mut chunks = ChatChunks::new("id".to_owned(), 0, "m".to_owned(), false);
            let written: String = events
                .iter()
                .filter_map(|event| chunks.write(event.clone()))
                .map(|chunk| format!("data: {chunk}\n\n"))
                .collect();
            prop_assert_eq!(folded(RelayedReader::default().read(written.as_bytes())), folded(events));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = RelayedReader::default().read(&bytes);
        }
    }
}
