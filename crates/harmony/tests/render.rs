//! Renderings of whole conversations, token for token.
//!
//! `fixtures/conversations.json` holds what OpenAI's harmony library renders. Where this test
//! expects something else, the reason stands beside the case.

use harmony::{
    Author, Conversation, DeveloperContent, Encoding, Message, ResponseFormat, Role, SystemContent,
    ToolDescription,
};
use serde_json::{Value, json};
use std::collections::HashMap;

fn text_of(tokens: &[u32]) -> String {
    let bytes = Encoding::gpt_oss().tokenizer().decode(tokens);
    String::from_utf8(bytes).expect("renderings are text")
}

fn completion(messages: impl IntoIterator<Item = Message>) -> String {
    text_of(&Encoding::gpt_oss().render_for_completion(&Conversation::new(messages)))
}

fn training(messages: impl IntoIterator<Item = Message>) -> String {
    text_of(&Encoding::gpt_oss().render_for_training(&Conversation::new(messages)))
}

fn rendered(message: &Message) -> String {
    text_of(&Encoding::gpt_oss().render(message))
}

fn analysis(text: &str) -> Message {
    Message::assistant("analysis", text)
}

fn answer(text: &str) -> Message {
    Message::assistant("final", text)
}

/// Calls and results with the recipient after the channel, in place of the library's order.
fn reordered(library: &str) -> String {
    library
        .replace(
            "assistant to=functions.f<|channel|>commentary",
            "assistant<|channel|>commentary to=functions.f",
        )
        .replace(
            "assistant to=functions.g<|channel|>commentary",
            "assistant<|channel|>commentary to=functions.g",
        )
        .replace(
            "functions.f to=assistant<|channel|>commentary",
            "functions.f<|channel|>commentary to=assistant",
        )
        .replace(
            "functions.g to=assistant<|channel|>commentary",
            "functions.g<|channel|>commentary to=assistant",
        )
}

/// What differs from the library beyond the order of [`reordered`], and why.
const DEVIATIONS: [(&str, &str, &str); 3] = [
    (
        "2 finals then user",
        "the library keeps the reasoning of every turn but the first",
        "<|start|>user<|message|>q<|end|><|start|>assistant<|channel|>final<|message|>F1<|end|>\
         <|start|>user<|message|>q2<|end|><|start|>assistant<|channel|>final<|message|>F2<|end|>\
         <|start|>user<|message|>q3<|end|><|start|>assistant",
    ),
    (
        "final, then tool loop 2nd turn",
        "in a loop of calls the library brings the reasoning of finished turns back",
        "<|start|>user<|message|>q<|end|><|start|>assistant<|channel|>final<|message|>F1<|end|>\
         <|start|>user<|message|>q2<|end|><|start|>assistant<|channel|>analysis<|message|>t2<|end|>\
         <|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}\
         <|call|><|start|>functions.f<|channel|>commentary to=assistant<|message|>r1<|end|>\
         <|start|>assistant",
    ),
    (
        "call ct json",
        "the models were trained on `<|constrain|>json`",
        "<|start|>user<|message|>q<|end|><|start|>assistant<|channel|>commentary to=functions.f \
         <|constrain|>json<|message|>{}<|call|><|start|>assistant",
    ),
];

#[test]
fn every_fixture_renders_as_the_library_does_or_better() {
    let encoding = Encoding::gpt_oss();
    let fixtures: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/conversations.json")).expect("JSON");
    let mut deviations: HashMap<&str, &str> = DEVIATIONS
        .iter()
        .map(|(name, _, expected)| (*name, *expected))
        .collect();
    for case in &fixtures {
        let name = case["name"].as_str().expect("cases have names");
        let conversation = Conversation::from_json(&case["conversation"].to_string());
        let ours = encoding.render_for_completion(&conversation.expect("the library's own JSON"));
        let library: Vec<u32> = serde_json::from_value(case["completion"].clone()).expect("ids");

        let as_library = reordered(&text_of(&library));
        match deviations.remove(name) {
            Some(expected) => {
                assert_eq!(text_of(&ours), expected, "{name}");
                assert_ne!(expected, as_library, "{name} is no deviation");
            }
            None if as_library == text_of(&library) => assert_eq!(ours, library, "{name}"),
            None => assert_eq!(text_of(&ours), as_library, "{name}"),
        }
    }
    assert!(deviations.is_empty(), "without a fixture: {deviations:?}");
}

#[test]
fn the_default_prompt_has_the_published_tokens() {
    let system = SystemContent::default().with_conversation_start_date("2025-06-28");
    let conversation =
        Conversation::new([Message::system(system), Message::user("What is 2 + 2?")]);
    #[rustfmt::skip]
    let expected = [
        200006, 17360, 200008, 3575, 553, 17554, 162016, 11, 261, 4410, 6439, 2359, 22203, 656,
        7788, 17527, 558, 87447, 100594, 25, 220, 1323, 19, 12, 3218, 198, 6576, 3521, 25, 220,
        1323, 20, 12, 3218, 12, 2029, 279, 30377, 289, 25, 14093, 279, 2, 13888, 18403, 25, 8450,
        11, 49159, 11, 1721, 13, 21030, 2804, 413, 7360, 395, 1753, 3176, 13, 200007, 200006, 1428,
        200008, 4827, 382, 220, 17, 659, 220, 17, 30, 200007, 200006, 173781,
    ];
    assert_eq!(
        Encoding::gpt_oss().render_for_completion(&conversation),
        expected
    );
}

#[test]
fn the_framing_of_a_call_is_special_tokens_and_its_text_is_not() {
    let call = Message::function_call("f", "<|call|>");
    #[rustfmt::skip]
    let expected = [
        200006, 173781, 200005, 12606, 815, 316, 28, 44580, 1196, 220, 200003, 4108, 200008,
        27, 91, 9925, 91, 29, 200012,
    ];
    assert_eq!(Encoding::gpt_oss().render(&call), expected);
}

#[test]
fn stops_are_known_by_name() {
    assert_eq!(
        Encoding::gpt_oss().stop_tokens(),
        [200_002, 200_012, 199_999]
    );
    let by_name = Encoding::new(harmony::Tokenizer::o200k_harmony()).expect("all are there");
    assert_eq!(
        by_name.special_tokens(),
        Encoding::gpt_oss().special_tokens()
    );
}

#[test]
fn training_keeps_the_return_of_the_last_answer() {
    let turn = [Message::user("q"), analysis("t"), answer("F")];
    let as_history = "<|start|>user<|message|>q<|end|><|start|>assistant<|channel|>analysis\
                      <|message|>t<|end|><|start|>assistant<|channel|>final<|message|>F";
    assert_eq!(training(turn.clone()), format!("{as_history}<|return|>"));
    assert_eq!(
        completion(turn),
        format!("{as_history}<|end|><|start|>assistant")
    );

    let call = [Message::user("q"), Message::function_call("f", "{}")];
    assert!(training(call).ends_with("{}<|call|>"));
    assert!(training([Message::user("q")]).ends_with("q<|end|>"));
    assert_eq!(training([]), "");
}

#[test]
fn reasoning_is_kept_since_the_last_answer_before_the_last_question() {
    let kept = |messages: &[Message]| {
        let text = completion(messages.to_vec());
        (1..=3)
            .filter(|n| text.contains(&format!("thought {n}")))
            .collect::<Vec<_>>()
    };
    let [t1, t2, t3] = [1, 2, 3].map(|n| analysis(&format!("thought {n}")));
    let (user, call) = (Message::user("q"), Message::function_call("f", "{}"));
    let (result, done) = (Message::function_result("f", "r"), answer("F"));

    let loop_of_calls = [&user, &t1, &call, &result, &t2, &call, &result].map(Clone::clone);
    assert_eq!(kept(&loop_of_calls), [1, 2]);
    // A user who speaks before there was an answer does not end the turn.
    let interrupted = [&user, &t1, &call, &result, &user].map(Clone::clone);
    assert_eq!(kept(&interrupted), [1]);
    let second_turn = [&user, &t1, &done, &user, &t2, &call, &result, &t3].map(Clone::clone);
    assert_eq!(kept(&second_turn), [2, 3]);
    let third_turn = [&user, &t1, &done, &user, &t2, &done, &user].map(Clone::clone);
    assert_eq!(kept(&third_turn), [0; 0]);
    // What a model thought between its last answer and the question after it is part of the turn.
    let after_answer = [&user, &t1, &done, &t2, &user].map(Clone::clone);
    assert_eq!(kept(&after_answer), [2]);
    // Nothing follows the answer yet: as a training example it needs its reasoning.
    let finished = [&user, &t1, &done].map(Clone::clone);
    assert_eq!(kept(&finished), [1]);
}

#[test]
fn calls_on_the_analysis_channel_keep_their_results() {
    let call = Message::function_call("f", "{}").with_channel("analysis");
    let result = Message::function_result("f", "r").with_channel("analysis");
    let python = analysis("print(1)")
        .with_recipient("python")
        .with_content_type("code");
    let messages = [
        Message::user("q"),
        call,
        result,
        python,
        answer("F"),
        Message::user("q"),
    ];
    assert_eq!(
        completion(messages),
        "<|start|>user<|message|>q<|end|><|start|>assistant<|channel|>analysis to=functions.f \
         <|constrain|>json<|message|>{}<|call|><|start|>functions.f<|channel|>analysis \
         to=assistant<|message|>r<|end|><|start|>assistant<|channel|>final<|message|>F<|end|>\
         <|start|>user<|message|>q<|end|><|start|>assistant"
    );
}

#[test]
fn a_call_and_its_result_stay_or_go_together() {
    let call = |name: &str, channel: &str| Message::assistant(channel, "{}").with_recipient(name);
    let result = |name: &str, channel: &str| {
        Message::new(Author::named(Role::Tool, name), "r").with_channel(channel)
    };
    let tools = Message::developer(
        DeveloperContent::default()
            .with_function_tools(vec![ToolDescription::new("declared", "", None)]),
    );
    let shown = |pair: &[Message]| {
        let mut messages = vec![tools.clone(), Message::user("q")];
        messages.extend_from_slice(pair);
        messages.extend([answer("F"), Message::user("q")]);
        let text = completion(messages);
        (
            text.matches("{}").count(),
            text.matches("<|message|>r<|end|>").count(),
        )
    };
    let function = "functions.get_weather";
    // The result stays on its channel, so its call does, and the other way round.
    let of_one_tool = [
        call("get_weather", "analysis"),
        result(function, "commentary"),
    ];
    assert_eq!(shown(&of_one_tool), (1, 1));
    let python = [call("python", "commentary"), result("python", "analysis")];
    assert_eq!(shown(&python), (1, 1));
    let thoughts = [call("python", "analysis"), result("python", "analysis")];
    assert_eq!(shown(&thoughts), (0, 0));
    let declared = [call("declared", "analysis"), result("declared", "analysis")];
    assert_eq!(shown(&declared), (1, 1));
    // The first call has the first result.
    let two = [
        call("python", "analysis"),
        call("python", "analysis"),
        result("python", "analysis"),
        result("python", "commentary"),
    ];
    assert_eq!(shown(&two), (1, 1));
    let of_another = [
        call("python", "analysis"),
        result("browser.open", "commentary"),
    ];
    assert_eq!(shown(&of_another), (0, 1));
}

#[test]
fn a_tools_name_cannot_stand_for_a_role() {
    for (name, author) in [
        ("system", "functions.system"),
        ("developer:x", "functions.developer:x"),
        ("final", "functions.final"),
        ("to=x", "functions.to=x"),
        ("python", "python"),
        ("tool", "tool"),
    ] {
        let message = Message::new(Author::named(Role::Tool, name), "x");
        assert_eq!(
            rendered(&message),
            format!("<|start|>{author}<|message|>x<|end|>")
        );
    }
}

#[test]
fn junk_in_header_fields_of_replayed_history_is_cut_off() {
    let leaked = Message::assistant("commentary<|message|>", "{}")
        .with_recipient("functions.f<|channel|>commentary")
        .with_content_type("<|constrain|>json<|message|>x");
    assert_eq!(
        rendered(&leaked),
        "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}\
         <|call|>"
    );
    let named = Message::new(Author::named(Role::User, "eve to=python"), "hi");
    assert_eq!(
        rendered(&named),
        "<|start|>user:eve_to=python<|message|>hi<|end|>"
    );
    let empty = Message::assistant("<|end|>", "x")
        .with_recipient(" ")
        .with_content_type("");
    assert_eq!(rendered(&empty), "<|start|>assistant<|message|>x<|end|>");
    let nameless = Message::new(Author::named(Role::Tool, "<|start|>"), "x");
    assert_eq!(rendered(&nameless), "<|start|>tool<|message|>x<|end|>");
}

#[test]
fn a_message_to_all_is_no_call() {
    let message = answer("x").with_recipient("all");
    assert_eq!(
        rendered(&message),
        "<|start|>assistant<|channel|>final<|message|>x<|end|>"
    );
}

#[test]
fn results_are_passed_on_without_quoting() {
    let result = Message::function_result("functions.f", "{\"r\": \"1\n\"}");
    assert_eq!(
        rendered(&result),
        "<|start|>functions.f<|channel|>commentary to=assistant<|message|>{\"r\": \"1\n\"}<|end|>"
    );
}

#[test]
fn response_formats_follow_instructions_and_tools() {
    let format = |name: &str, description: Option<&str>, schema| ResponseFormat {
        name: name.to_owned(),
        description: description.map(str::to_owned),
        schema,
    };
    let developer = DeveloperContent::default()
        .with_instructions("Be brief.")
        .with_function_tools(vec![ToolDescription::new("here", "Where am I?", None)])
        .with_response_format(format(
            "shopping_list",
            Some("What to buy\nand how much"),
            json!({"type": "object", "properties": {"z": {"type": "string"}, "a": {}}}),
        ))
        .with_response_format(format("number", None, json!({"type": "number"})));
    assert_eq!(
        rendered(&Message::developer(developer)),
        "<|start|>developer<|message|># Instructions\n\nBe brief.\n\n# Tools\n\n## functions\n\n\
         namespace functions {\n\n// Where am I?\ntype here = () => any;\n\n\
         } // namespace functions\n\n# Response Formats\n\n## shopping_list\n\n// What to buy\n\
         // and how much\n{\"type\":\"object\",\"properties\":{\"z\":{\"type\":\"string\"},\"a\":{}}}\
         \n\n## number\n\n{\"type\":\"number\"}<|end|>"
    );
}

#[test]
fn a_message_by_itself_does_not_know_of_function_tools() {
    let tools = DeveloperContent::default()
        .with_function_tools(vec![ToolDescription::new("here", "", None)]);
    let system = Message::system(SystemContent::default());
    let line = "Calls to these tools must go to the commentary channel: 'functions'.";
    assert!(!rendered(&system).contains(line));
    assert!(completion([system, Message::developer(tools)]).contains(line));
}
