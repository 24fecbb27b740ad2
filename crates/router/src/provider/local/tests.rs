//! The local provider on a scripted engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::*;
use crate::provider::scripted::{self, ScriptedEngine, steps};
use crate::provider::{AnswerEvent, Delta, FinishReason, Usage};

/// A provider whose model writes these turns, one for each request in order.
fn provider(turns: &[&str]) -> (LocalProvider, Arc<ScriptedEngine>) {
    let turns: Vec<_> = turns.iter().map(|&turn| turn.to_owned()).collect();
    let next = AtomicUsize::new(0);
    scripted::provider((4096, 4), move |_| {
        let index = next.fetch_add(1, Ordering::Relaxed);
        turns[index.min(turns.len() - 1)].clone()
    })
}

fn request(more: Value) -> Arc<ChatRequest> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Arc::new(ChatRequest::from_json(body.to_string().into()).unwrap())
}

async fn events(stream: AnswerStream) -> Vec<Result<AnswerEvent, ProviderError>> {
    stream.collect().await
}

async fn answer(turns: &[&str], more: Value) -> Vec<AnswerEvent> {
    let (provider, _) = provider(turns);
    let stream = provider
        .chat("test/scripted", &request(more))
        .await
        .unwrap();
    events(stream)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// Reasoning, content and finish reason of choice 0, and the usage.
fn folded(events: &[AnswerEvent]) -> (String, String, Option<FinishReason>, Usage) {
    let (mut reasoning, mut content, mut finish, mut usage) =
        (String::new(), String::new(), None, Usage::default());
    for event in events {
        match event {
            AnswerEvent::Delta {
                choice: 0,
                delta: Delta::Reasoning(text),
                ..
            } => reasoning += text,
            AnswerEvent::Delta {
                choice: 0,
                delta: Delta::Content(text),
                ..
            } => content += text,
            AnswerEvent::Finished { choice: 0, reason } => finish = Some(*reason),
            AnswerEvent::Ended {
                usage: Some(total), ..
            } => usage = *total,
            _ => {}
        }
    }
    (reasoning, content, finish, usage)
}

const SUM: &str =
    "[channel]analysis[message]2+2[end][start]assistant[channel]final[message]It is 4.[return]";

#[tokio::test]
async fn channels_become_reasoning_and_content() {
    let (reasoning, content, finish, usage) = folded(&answer(&[SUM], json!({})).await);
    assert_eq!((reasoning.as_str(), content.as_str()), ("2+2", "It is 4."));
    assert_eq!(finish, Some(FinishReason::Stop));
    assert_eq!(usage.reasoning_tokens, 3);
    let num_tokens = steps(SUM).len();
    assert_eq!(usage.completion_tokens, num_tokens);
    assert!(usage.prompt_tokens > 50);
}

#[tokio::test]
async fn reasoning_is_left_out_on_request() {
    for how in [
        json!({"reasoning": {"exclude": true}}),
        json!({"include_reasoning": false}),
    ] {
        let (reasoning, content, _, usage) = folded(&answer(&[SUM], how).await);
        assert_eq!((reasoning.as_str(), content.as_str()), ("", "It is 4."));
        assert_eq!(usage.reasoning_tokens, 3, "it is counted all the same");
    }
}

#[tokio::test]
async fn calls_are_streamed_and_remembered() {
    let (provider, engine) = provider(&[
        "[channel]analysis[message]Look it up.[end][start]assistant[channel]commentary \
         to=functions.f [constrain]json[message]{\"a\":1}[call]",
        SUM,
    ]);
    let tools = json!({"tools": [{"type": "function", "function": {"name": "f"}}]});
    let all = events(
        provider
            .chat("test/scripted", &request(tools.clone()))
            .await
            .unwrap(),
    )
    .await;
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    let mut arguments = String::new();
    let mut id = None;
    for event in &all {
        match event {
            AnswerEvent::Delta {
                delta:
                    Delta::CallStarted {
                        index: 0,
                        id: call_id,
                        name,
                    },
                ..
            } => {
                assert_eq!(name, "f");
                id = Some(call_id.clone());
            }
            AnswerEvent::Delta {
                delta: Delta::CallArguments { index: 0, text },
                ..
            } => {
                arguments += text;
            }
            _ => {}
        }
    }
    assert_eq!(arguments, "{\"a\":1}");
    assert_eq!(folded(&all).2, Some(FinishReason::ToolCalls));

    // The client sends the call back without the reasoning; the model is shown it all the same.
    let mut more = tools;
    more["messages"] = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [
            {"id": id.unwrap(), "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
        ]},
        {"role": "tool", "tool_call_id": id_of(&all), "content": "2"},
    ]);
    events(
        provider
            .chat("test/scripted", &request(more))
            .await
            .unwrap(),
    )
    .await;
    let prompt = engine.prompts().pop().unwrap();
    let text = String::from_utf8(Encoding::gpt_oss().tokenizer().decode(&prompt)).unwrap();
    assert!(
        text.contains("<|channel|>analysis<|message|>Look it up.<|end|>"),
        "{text}"
    );
}

fn id_of(events: &[AnswerEvent]) -> String {
    events
        .iter()
        .find_map(|event| match event {
            AnswerEvent::Delta {
                delta: Delta::CallStarted { id, .. },
                ..
            } => Some(id.clone()),
            _ => None,
        })
        .unwrap()
}

#[tokio::test]
async fn a_turn_without_an_answer_is_asked_for_one() {
    let (provider, engine) = provider(&["[channel]analysis[message]Hm.[return]", "Four.[return]"]);
    let all = events(
        provider
            .chat("test/scripted", &request(json!({})))
            .await
            .unwrap(),
    )
    .await;
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    let (reasoning, content, finish, usage) = folded(&all);
    assert_eq!((reasoning.as_str(), content.as_str()), ("Hm.", "Four."));
    assert_eq!(finish, Some(FinishReason::Stop));
    let written =
        steps("[channel]analysis[message]Hm.[return]").len() + steps("Four.[return]").len();
    assert_eq!(
        usage.completion_tokens, written,
        "what was put before it is not counted"
    );
    let prompt = engine.prompts().pop().unwrap();
    let text = String::from_utf8(Encoding::gpt_oss().tokenizer().decode(&prompt)).unwrap();
    let tail = "<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>\
                <|start|>assistant<|channel|>final<|message|>";
    assert!(text.ends_with(tail), "{text}");

    // Nothing at all, twice: the answer ends, empty.
    let all = answer(&["[return]"], json!({})).await;
    assert_eq!(folded(&all).2, Some(FinishReason::Stop));
    assert_eq!(folded(&all).1, "");
}

#[tokio::test]
async fn a_limit_within_the_reasoning_is_told_as_length() {
    let all = answer(&[SUM], json!({"max_completion_tokens": 5})).await;
    let (reasoning, content, finish, usage) = folded(&all);
    assert_eq!((reasoning.as_str(), content.as_str()), ("2+", ""));
    assert_eq!(finish, Some(FinishReason::Length));
    assert_eq!(usage.completion_tokens, 5);
}

#[tokio::test]
async fn a_stop_sequence_ends_the_content_and_frees_the_engine() {
    let (provider, engine) = provider(&[
        "[channel]analysis[message]STOP is no stop here[end][start]assistant[channel]final\
         [message]one two ST{gate}OP three[return]",
    ]);
    let mut stream = provider
        .chat("test/scripted", &request(json!({"stop": "STOP"})))
        .await
        .unwrap();
    engine.release();
    let mut all = Vec::new();
    while let Some(event) = stream.next().await {
        all.push(event.unwrap());
    }
    let (reasoning, content, finish, _) = folded(&all);
    assert_eq!(reasoning, "STOP is no stop here");
    assert_eq!(
        (content.as_str(), finish),
        ("one two ", Some(FinishReason::Stop))
    );
    drop(stream);
    assert_eq!(engine.num_in_flight(), 0);
}

#[tokio::test]
async fn logprobs_cover_the_content_and_nothing_else() {
    let (provider, _) = provider(&[SUM]);
    let request = request(json!({"logprobs": true, "top_logprobs": 1, "stop": ["zzz"]}));
    let mut bytes = Vec::new();
    for event in events(provider.chat("test/scripted", &request).await.unwrap()).await {
        if let AnswerEvent::Delta { logprobs, .. } = event.unwrap() {
            for token in logprobs {
                assert_eq!((token.logprob, token.top.len()), (-0.5, 1));
                bytes.extend(token.bytes);
            }
        }
    }
    assert_eq!(String::from_utf8(bytes).unwrap(), "It is 4.");
}

#[tokio::test]
async fn choices_are_told_apart_and_the_prompt_counts_once() {
    let one = folded(&answer(&[SUM], json!({})).await).3;
    let all = answer(&[SUM], json!({"n": 3})).await;
    for choice in 0..3 {
        let text: String = all
            .iter()
            .filter_map(|event| match event {
                AnswerEvent::Delta {
                    choice: c,
                    delta: Delta::Content(text),
                    ..
                } if *c == choice => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(text, "It is 4.");
    }
    let usage = folded(&all).3;
    assert_eq!(usage.prompt_tokens, one.prompt_tokens);
    assert_eq!(usage.completion_tokens, 3 * one.completion_tokens);
    assert!(matches!(all.last(), Some(AnswerEvent::Ended { .. })));
}

#[tokio::test]
async fn dropping_the_stream_frees_the_engine() {
    let (provider, engine) = provider(&["[channel]final[message]wait{gate}[return]"]);
    let mut stream = provider
        .chat("test/scripted", &request(json!({"n": 2})))
        .await
        .unwrap();
    stream.next().await.unwrap().unwrap();
    assert_eq!(provider.load().unwrap().in_flight, 2);
    drop(stream);
    assert_eq!(engine.num_in_flight(), 0);
}

#[tokio::test]
async fn failures_end_the_stream_with_an_error() {
    for (turn, kind) in [
        ("[channel]final[message]a{fail}", FailureKind::Internal),
        ("[channel]final[message]a{vanish}", FailureKind::Unavailable),
    ] {
        let (provider, engine) = provider(&[turn]);
        let all = events(
            provider
                .chat("test/scripted", &request(json!({})))
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(
            all.last().unwrap().as_ref().unwrap_err().kind,
            kind,
            "{turn}"
        );
        assert_eq!(all.iter().filter(|event| event.is_err()).count(), 1);
        assert_eq!(engine.num_in_flight(), 0);
    }
}

#[tokio::test]
async fn a_full_queue_and_a_long_prompt_are_refused() {
    let (provider, _) = provider(&["[channel]final[message]wait{gate}[return]"]);
    let held = provider
        .chat("test/scripted", &request(json!({"n": 4})))
        .await
        .unwrap();
    let refused = provider.chat("test/scripted", &request(json!({}))).await;
    let RouterError::Provider(error) = refused.err().unwrap() else {
        panic!("not the provider's")
    };
    assert_eq!(error.kind, FailureKind::Overloaded);
    assert!(error.retry_after.is_some());
    drop(held);

    let long = json!({"messages": [{"role": "user", "content": "word ".repeat(5000)}]});
    let refused = provider.chat("test/scripted", &request(long)).await;
    assert_eq!(
        refused.err().unwrap().kind(),
        FailureKind::ContextLengthExceeded
    );
}

#[tokio::test]
async fn choices_that_do_not_all_fit_leave_none_running() {
    let (provider, engine) = provider(&["[channel]final[message]wait{gate}[return]"]);
    let held = provider
        .chat("test/scripted", &request(json!({"n": 2})))
        .await
        .unwrap();
    let refused = provider
        .chat("test/scripted", &request(json!({"n": 3})))
        .await;
    assert_eq!(refused.err().unwrap().kind(), FailureKind::Overloaded);
    assert_eq!(engine.num_in_flight(), 2);
    drop(held);
    let never = provider
        .chat("test/scripted", &request(json!({"n": 5})))
        .await;
    assert_eq!(never.err().unwrap().kind(), FailureKind::InvalidRequest);
}

#[tokio::test]
async fn a_model_that_goes_on_as_the_user_is_stopped() {
    let (provider, engine) =
        provider(&["[channel]final[message]Hi[end][start]user[message]{gate}And Rome?[end]"]);
    let stream = provider
        .chat("test/scripted", &request(json!({})))
        .await
        .unwrap();
    let all: Vec<_> = events(stream)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let (_, content, finish, _) = folded(&all);
    assert_eq!((content.as_str(), finish), ("Hi", Some(FinishReason::Stop)));
    assert_eq!(engine.num_in_flight(), 0);
}

#[tokio::test]
async fn progress_tells_what_was_taken_so_far() {
    let (provider, _) = provider(&["[channel]analysis[message]a b{gate}[return]"]);
    let mut stream = provider
        .chat(
            "test/scripted",
            &request(json!({"reasoning": {"exclude": true}})),
        )
        .await
        .unwrap();
    assert_eq!(stream.progress().first_token, None);
    // Nothing of it is shown, but it is computed all the same.
    let next = tokio::time::timeout(std::time::Duration::ZERO, stream.next());
    assert!(next.await.is_err());
    let progress = stream.progress();
    let usage = progress.usage.unwrap();
    assert_eq!((usage.completion_tokens, usage.reasoning_tokens), (5, 2));
    assert!(progress.first_token.is_some() && progress.per_token.is_some());
}

#[tokio::test]
async fn texts_are_continued_without_any_format() {
    let (provider, engine) = provider(&["wörld[end] and[return]"]);
    let body = json!({"model": "m", "prompt": ["hello ", "bye "], "echo": true, "max_tokens": 9});
    let request = CompletionRequest::from_json(body.to_string().into()).unwrap();
    let request = Arc::new(request);
    let all = events(provider.complete("test/scripted", &request).await.unwrap()).await;
    let mut texts = vec![String::new(); 2];
    for event in all {
        if let AnswerEvent::Delta {
            choice,
            delta: Delta::Content(text),
            ..
        } = event.unwrap()
        {
            texts[choice as usize] += &text;
        }
    }
    assert_eq!(texts, ["hello wörld and", "bye wörld and"]);
    assert_eq!(
        engine.prompts()[0],
        Encoding::gpt_oss().tokenizer().encode("hello ")
    );
}
