use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Reasoning, content, calls and reason of a choice whose words come in these pieces.
fn mended(pieces: &[&str]) -> (String, String, Vec<(String, String)>, FinishReason) {
    let mut repairer = Repairer::of_harmony(&["weather".to_owned()], Vec::new());
    let mut events = Vec::new();
    for piece in pieces {
        let json = json!({"choices": [{"index": 0, "delta": {"content": piece}}]}).to_string();
        repairer.take(&serde_json::from_str(&json).unwrap(), &mut events);
    }
    repairer.finish(&mut events);
    folded(events)
}

fn folded(events: Vec<AnswerEvent>) -> (String, String, Vec<(String, String)>, FinishReason) {
    let (mut reasoning, mut content, mut calls) = (String::new(), String::new(), Vec::new());
    let mut reason = None;
    for event in events {
        match event {
            AnswerEvent::Finished { reason: why, .. } => reason = Some(why),
            AnswerEvent::Delta { delta, .. } => match delta {
                Delta::Reasoning(text) => reasoning.push_str(&text),
                Delta::Content(text) => content.push_str(&text),
                Delta::CallStarted { name, .. } => calls.push((name, String::new())),
                Delta::CallArguments { index, text } => calls[index as usize].1.push_str(&text),
            },
            other => panic!("{other:?}"),
        }
    }
    (reasoning, content, calls, reason.unwrap())
}

const ANSWER: &str = "<|channel|>analysis<|message|>User greets.<|end|><|start|>assistant\
                      <|channel|>final<|message|>Hello 💖 <b>.<|return|>";
const BARE: &str = "analysisUser greets.assistantfinalHello 💖 <b>.";

#[test]
fn channels_are_read_out_of_words() {
    let with_start = format!("<|start|>assistant{ANSWER}");
    for text in [ANSWER, &with_start, BARE] {
        let (reasoning, content, calls, reason) = mended(&[text]);
        assert_eq!(reasoning, "User greets.", "{text}");
        assert_eq!(content, "Hello 💖 <b>.", "{text}");
        assert_eq!((calls.len(), reason), (0, FinishReason::Stop), "{text}");
    }
}

#[test]
fn calls_are_read_out_of_words() {
    for text in [
        "<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{\"a\": 1}<|call|>",
        "commentary to=functions.weather json{\"a\": 1}",
        "analysisHm.assistantcommentary to=functions.weather json{\"a\": 1}",
    ] {
        let (_, content, calls, reason) = mended(&[text]);
        assert_eq!(content, "", "{text}");
        assert_eq!(
            calls,
            [("weather".to_owned(), "{\"a\": 1}".to_owned())],
            "{text}"
        );
        assert_eq!(reason, FinishReason::ToolCalls, "{text}");
    }
}

#[test]
fn what_the_host_made_out_itself_is_kept() {
    let chunks = [
        json!({"delta": {"reasoning": "Hm."}}),
        json!({"delta": {"content": "<|channel|>final<|message|>Wait.<|end|>"}}),
        json!({"delta": {"tool_calls": [{"index": 3, "id": "c", "function": {"name": "f", "arguments": "{"}}]}}),
        json!({"delta": {"tool_calls": [{"index": 3, "function": {"arguments": "}"}}]}}),
        json!({"delta": {}, "finish_reason": "tool_calls"}),
    ];
    let mut repairer = Repairer::of_harmony(&[], Vec::new());
    let mut events = Vec::new();
    for choice in chunks {
        let json = json!({"choices": [choice]}).to_string();
        repairer.take(&serde_json::from_str(&json).unwrap(), &mut events);
    }
    repairer.finish(&mut events);
    let (reasoning, content, calls, reason) = folded(events);
    assert_eq!((&*reasoning, &*content), ("Hm.", "Wait."));
    assert_eq!(calls, [("f".to_owned(), "{}".to_owned())]);
    assert_eq!(reason, FinishReason::ToolCalls);
}

#[test]
fn words_stay_words_where_only_the_form_changes() {
    let json = json!({"choices": [{"index": 0, "finish_reason": "length",
        "message": {"content": "a <|end|> b", "reasoning_content": "r"}}]})
    .to_string();
    let mut repairer = Repairer::of_words();
    let mut events = Vec::new();
    repairer.take(&serde_json::from_str(&json).unwrap(), &mut events);
    repairer.finish(&mut events);
    let (reasoning, content, _, reason) = folded(events);
    assert_eq!(
        (&*reasoning, &*content, reason),
        ("r", "a <|end|> b", FinishReason::Length)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_does_not_matter_where_the_pieces_are_cut(
        text in prop_oneof![
            Just(ANSWER.to_owned()),
            Just(BARE.to_owned()),
            Just("commentary to=functions.weather json{\"a\": 1}".to_owned()),
            "(<\\|channel\\|>|<\\|end\\|>|<\\|start\\|>|final|assistant|<\\|message\\|>|a<|é){1,12}",
        ],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let ends: Vec<usize> = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| ends[cut.index(ends.len())]).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
        prop_assert_eq!(mended(&pieces), mended(&[&text]));
    }
}

/// What a host sends to keep us busy. A time that grows as the square of the text is one of hours
/// here.
#[test]
fn a_text_of_markers_or_white_space_takes_no_longer_than_words() {
    let chunk = |words: &str| json!({"choices": [{"delta": {"content": words}}]}).to_string();
    let markers = "<|message|>a<|end|>".repeat(50_000);
    for (piece, times) in [(&*markers, 1), ("<|end|>", 50_000), (" ", 1_000_000)] {
        let json = chunk(piece);
        let chunk = serde_json::from_str(&json).unwrap();
        let mut repairer = Repairer::of_harmony(&[], Vec::new());
        let mut events = Vec::new();
        for _ in 0..times {
            repairer.take(&chunk, &mut events);
        }
        repairer.finish(&mut events);
        // Words in a row are one event.
        assert_eq!(events.len(), 1 + usize::from(times == 1));
    }
}

/// What is read is kept, several times its size, in messages and warnings.
#[test]
fn no_more_harmony_is_read_than_allowed() {
    let json = json!({"choices": [{"delta": {"content": "<|message|><|end|>".repeat(1000)}}]});
    let json = json.to_string();
    let chunk = serde_json::from_str(&json).unwrap();
    let num_read = |mut repairer: Repairer| {
        (1..1000).find(|_| {
            repairer.take(&chunk, &mut Vec::new());
            repairer.is_full()
        })
    };
    let most = MAX_MENDED_BYTES / 18_000;
    assert_eq!(
        num_read(Repairer::of_harmony(&[], Vec::new())),
        Some(most + 1)
    );
    assert_eq!(num_read(Repairer::of_harmony(&[], vec![0])), None);
    assert_eq!(num_read(Repairer::of_words()), None);
}
