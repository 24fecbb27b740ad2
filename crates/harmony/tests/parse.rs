//! What becomes of well-formed and malformed model output.

use harmony::{Encoding, Event, Message, ParserOptions, ParserStart, Repair};
use serde_json::Value;
use std::collections::HashMap;

/// The messages as text, one `[role:name ch=channel to=recipient ct=type "text"]` each; what is
/// absent is left out.
fn show(messages: &[Message]) -> String {
    let field = |label: &str, value: &Option<String>| {
        value
            .as_ref()
            .map(|value| format!(" {label}={value}"))
            .unwrap_or_default()
    };
    let shown: Vec<String> = messages
        .iter()
        .map(|message| {
            let name = message
                .author
                .name
                .as_ref()
                .map(|n| format!(":{n}"))
                .unwrap_or_default();
            format!(
                "[{}{name}{}{}{} {:?}]",
                message.author.role,
                field("ch", &message.channel),
                field("to", &message.recipient),
                field("ct", &message.content_type),
                message.text()
            )
        })
        .collect();
    shown.join(" ")
}

/// The tokens of `text` with the special tokens that are spelt out in it.
fn tokens_of(text: &str) -> Vec<u32> {
    let encoding = Encoding::gpt_oss();
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("<|") {
        let end = rest[start..].find("|>").expect("special tokens end") + start + 2;
        let special = encoding.tokenizer().special_id(&rest[start..end]);
        encoding
            .tokenizer()
            .encode_into(&rest[..start], &mut tokens);
        tokens.push(special.expect("spelt as in the vocabulary"));
        rest = &rest[end..];
    }
    encoding.tokenizer().encode_into(rest, &mut tokens);
    tokens
}

/// What is parsed after `<|start|>assistant`.
fn parse(text: &str) -> String {
    show(&Encoding::gpt_oss().parse(&tokens_of(text), ParserOptions::default()))
}

fn parse_with_tools(text: &str, tools: &[&str]) -> (String, Vec<Repair>) {
    let tools = tools.iter().map(|&tool| tool.to_owned()).collect();
    let mut parser = Encoding::gpt_oss().parser(ParserOptions {
        tools,
        ..ParserOptions::default()
    });
    let mut events: Vec<Event> = tokens_of(text)
        .into_iter()
        .flat_map(|token| parser.process(token))
        .collect();
    events.extend(parser.close());
    let repairs = events.into_iter().filter_map(|event| match event {
        Event::Repaired(repair) => Some(repair),
        _ => None,
    });
    (show(parser.messages()), repairs.collect())
}

/// Where we yield something else than OpenAI's library, in its strict mode, and why. All cases that
/// are not here must come out equal.
const DEVIATIONS: [(&str, &str, &str); 23] = [
    (
        "final constrain json",
        "the library takes the type for a recipient, so a structured answer becomes a tool call",
        r#"[assistant ch=final ct=<|constrain|>json "{}"]"#,
    ),
    (
        "final json",
        "likewise",
        r#"[assistant ch=final ct=json "{}"]"#,
    ),
    (
        "leak name",
        "a header is cut at its special tokens, so they cannot get into a tool's name",
        r#"[assistant ch=commentary to=functions.f "{}"]"#,
    ),
    (
        "double channel",
        "likewise; of two channels the later one counts",
        r#"[assistant ch=analysis to=assistant "x"]"#,
    ),
    (
        "recip twice",
        "the library fails",
        r#"[assistant ch=commentary to=functions.f ct=<|constrain|>json "{}"]"#,
    ),
    (
        "no start between",
        "the library fails",
        r#"[assistant ch=analysis "A"] [assistant ch=final "B"]"#,
    ),
    (
        "bare text",
        "the library fails",
        r#"[assistant ch=final "hello world"]"#,
    ),
    (
        "bare text then end",
        "the library takes the text and the next header for one header",
        r#"[assistant ch=final "hello world"] [assistant ch=final "B"]"#,
    ),
    (
        "missing message",
        "the library fails",
        r#"[assistant ch=final "hello"]"#,
    ),
    (
        "missing message, then return",
        "the library fails",
        r#"[assistant ch=final "hello"]"#,
    ),
    (
        "no channel",
        "without a channel an answer would not count as one when it is shown to the model again",
        r#"[assistant ch=final "hello"]"#,
    ),
    (
        "channel empty",
        "the library fails",
        r#"[assistant ch=final "x"]"#,
    ),
    (
        "channel ??",
        "what is glued to a channel is no part of its name",
        r#"[assistant ch=commentary "x"]"#,
    ),
    (
        "free text after end",
        "the library fails",
        r#"[assistant ch=analysis "A"] [assistant ch=final "Hello"] [assistant ch=final "B"]"#,
    ),
    (
        "constrain words",
        "the library fails",
        r#"[assistant ch=commentary to=functions.f ct=<|constrain|>write "{}"]"#,
    ),
    (
        "constrain recip",
        "the library fails",
        r#"[assistant ch=commentary to=functions.f ct=<|constrain|>json "{}"]"#,
    ),
    (
        "bare role",
        "the library fails; any word in the place of the role is a tool's name",
        r#"[assistant ch=analysis "A"] [tool:bash ch=commentary "ls"]"#,
    ),
    (
        "role glued",
        "the library fails",
        r#"[assistant ch=analysis "A"] [assistant ch=commentary "hi"]"#,
    ),
    (
        "start in content",
        "the library writes the special tokens into the text and misses the answer",
        r#"[assistant ch=analysis "A"] [assistant ch=final "B"]"#,
    ),
    (
        "channel in content",
        "likewise",
        r#"[assistant ch=analysis "A"] [assistant ch=final "B"]"#,
    ),
    (
        "eos endoftext",
        "the library writes it into the text",
        r#"[assistant ch=final "B"]"#,
    ),
    (
        "truncated header",
        "the library fails",
        r#"[assistant ch=final "B"]"#,
    ),
    (
        "after call w/o role",
        "the library fails",
        "[assistant ch=commentary to=functions.f ct=<|constrain|>json \"{}\"] \
         [assistant ch=commentary to=functions.g ct=<|constrain|>json \"{}\"]",
    ),
];

#[test]
fn every_fixture_parses_as_the_library_does_or_better() {
    let fixtures: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/parses.json")).expect("fixtures are JSON");
    let mut deviations: HashMap<&str, &str> = DEVIATIONS
        .iter()
        .map(|(name, _, expected)| (*name, *expected))
        .collect();
    for case in &fixtures {
        let name = case["name"].as_str().expect("cases have names");
        let tokens: Vec<u32> =
            serde_json::from_value(case["tokens"].clone()).expect("cases have tokens");
        assert_eq!(
            tokens_of(case["text"].as_str().expect("cases have texts")),
            tokens,
            "{name}"
        );

        let ours = show(&Encoding::gpt_oss().parse(&tokens, ParserOptions::default()));
        let library = serde_json::from_value(case["strict"]["messages"].clone())
            .map(|messages: Vec<Message>| show(&messages));
        match deviations.remove(name) {
            Some(expected) => {
                assert_eq!(ours, expected, "{name}");
                assert_ne!(Ok(ours), library.map_err(|_| ()), "{name} is no deviation");
            }
            None => assert_eq!(ours, library.expect("the library parses it"), "{name}"),
        }
    }
    assert!(deviations.is_empty(), "without a fixture: {deviations:?}");
}

#[test]
fn the_golden_conversation_of_a_tool_loop_parses_back() {
    let encoding = Encoding::gpt_oss();
    let text = "<|start|>user<|message|>q<|end|><|start|>assistant<|channel|>analysis<|message|>t\
                <|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json\
                <|message|>{}<|call|><|start|>functions.f<|channel|>commentary to=assistant\
                <|message|>r<|end|>";
    let options = ParserOptions {
        start: ParserStart::Message,
        ..ParserOptions::default()
    };
    assert_eq!(
        show(&encoding.parse(&tokens_of(text), options)),
        "[user \"q\"] [assistant ch=analysis \"t\"] \
         [assistant ch=commentary to=functions.f ct=<|constrain|>json \"{}\"] \
         [tool:functions.f ch=commentary to=assistant \"r\"]"
    );
}

#[test]
fn fields_are_found_wherever_models_put_them() {
    for (text, expected) in [
        // No content type; channel analysis; no `functions.`; white space about.
        (
            "<|channel|>commentary to=functions.f<|message|>{}<|call|>",
            r#"[assistant ch=commentary to=functions.f "{}"]"#,
        ),
        (
            "<|channel|>analysis to=functions.f code<|message|>{}<|call|>",
            r#"[assistant ch=analysis to=functions.f ct=code "{}"]"#,
        ),
        (
            "<|channel|>commentary to=f json<|message|>{}<|call|>",
            r#"[assistant ch=commentary to=f ct=json "{}"]"#,
        ),
        (
            "<|channel|>commentary  to= functions.f <|constrain|> json<|message|>{}<|call|>",
            r#"[assistant ch=commentary to=functions.f ct=<|constrain|>json "{}"]"#,
        ),
        (
            "<|channel|>commentaryto=functions.f<|message|>{}<|call|>",
            r#"[assistant ch=commentary to=functions.f "{}"]"#,
        ),
        (
            "<|channel|>commentary functions.f<|message|>{}<|call|>",
            r#"[assistant ch=commentary to=functions.f "{}"]"#,
        ),
        // The role repeated, left out, or run together with the channel.
        (
            "assistant<|channel|>final<|message|>x<|return|>",
            r#"[assistant ch=final "x"]"#,
        ),
        (
            "<|start|><|channel|>final<|message|>x<|return|>",
            r#"[assistant ch=final "x"]"#,
        ),
        (
            "<|start|>assistantfinal<|message|>x<|return|>",
            r#"[assistant ch=final "x"]"#,
        ),
        ("final<|message|>x<|return|>", r#"[assistant ch=final "x"]"#),
        (
            "<|message|>t<|end|><|start|>commentary to=functions.f<|message|>{}<|call|>",
            r#"[assistant ch=final "t"] [assistant ch=commentary to=functions.f "{}"]"#,
        ),
        (
            "<|message|>t<|end|><|message|>x<|return|>",
            r#"[assistant ch=final "t"] [assistant ch=final "x"]"#,
        ),
        (
            "<|message|>t<|end|> to=python<|channel|>analysis code<|message|>1<|call|>",
            r#"[assistant ch=final "t"] [assistant ch=analysis to=python ct=code "1"]"#,
        ),
        // Names of authors.
        (
            "<|end|><|start|>user:bob<|message|>hi<|end|>",
            r#"[user:bob "hi"]"#,
        ),
        (
            "<|end|><|start|>python to=assistant<|channel|>analysis<|message|>3<|end|>",
            r#"[tool:python ch=analysis to=assistant "3"]"#,
        ),
        // `commentary 2?`, free text behind the channel, an unknown channel before a known one.
        (
            "<|channel|>commentary 2?<|message|>x<|end|>",
            r#"[assistant ch=commentary "x"]"#,
        ),
        (
            "<|channel|>final the answer is<|message|>x<|end|>",
            r#"[assistant ch=final "x"]"#,
        ),
        (
            "<|channel|>??<|message|>x<|end|>",
            r#"[assistant ch=final "x"]"#,
        ),
        (
            "<|channel|>foo<|channel|>final<|channel|>bar<|message|>x<|end|>",
            r#"[assistant ch=final "x"]"#,
        ),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn a_header_without_message_token_leaves_its_words_as_content() {
    for (text, expected) in [
        (
            "<|channel|>commentary to=functions.f {\"a\": 1}<|call|>",
            r#"[assistant ch=commentary to=functions.f "{\"a\": 1}"]"#,
        ),
        (
            "<|channel|>commentary to=functions.f json{\"a\": 1}<|call|>",
            r#"[assistant ch=commentary to=functions.f ct=json "{\"a\": 1}"]"#,
        ),
        (
            "<|channel|>commentary to=functions.f{\"a\": 1}<|call|>",
            r#"[assistant ch=commentary to=functions.f "{\"a\": 1}"]"#,
        ),
        (
            "<|channel|>We have two  lines\nhere.<|end|>",
            r#"[assistant ch=final "We have two  lines\nhere."]"#,
        ),
        (
            "<|channel|>final<|start|>assistant<|channel|>final<|message|>x<|return|>",
            r#"[assistant ch=final "x"]"#,
        ),
        (
            "<|channel|>final the answer<|start|>assistant<|channel|>final<|message|>x<|return|>",
            r#"[assistant ch=final "the answer"] [assistant ch=final "x"]"#,
        ),
        (
            "<|channel|>commentary to=functions.f<|call|>",
            r#"[assistant ch=commentary to=functions.f ""]"#,
        ),
        // On the channel of the answer nobody is called: these are words of the answer.
        (
            "<|channel|>final functions.get_weather was called.<|return|>",
            r#"[assistant ch=final "functions.get_weather was called."]"#,
        ),
        (
            "<|channel|>final to=be or not to be<|return|>",
            r#"[assistant ch=final "to=be or not to be"]"#,
        ),
        // On the others a name without `to=` calls when arguments can follow it.
        (
            "<|channel|>commentary functions.f {\"a\": 1}<|call|>",
            r#"[assistant ch=commentary to=functions.f "{\"a\": 1}"]"#,
        ),
        (
            "<|channel|>commentary functions.f json {}<|call|>",
            r#"[assistant ch=commentary to=functions.f ct=json "{}"]"#,
        ),
        (
            "<|channel|>analysis functions.f is what I need.<|end|>",
            r#"[assistant ch=analysis "functions.f is what I need."]"#,
        ),
        ("<|return|>", ""),
        ("<|start|>assistant<|end|><|end|><|return|>", ""),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn text_without_a_header_goes_where_the_user_was_reading() {
    let preamble = "<|channel|>commentary<|message|>plan<|end|>";
    for (text, expected) in [
        ("Hello, world", r#"[assistant ch=final "Hello, world"]"#),
        ("\n\n Hello", r#"[assistant ch=final "\n\n Hello"]"#),
        (
            "finally, it is done",
            r#"[assistant ch=final "finally, it is done"]"#,
        ),
        (
            "analysis of what the final report says",
            r#"[assistant ch=final "analysis of what the final report says"]"#,
        ),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
    assert_eq!(
        parse(&format!("{preamble}and more")),
        r#"[assistant ch=commentary "plan"] [assistant ch=commentary "and more"]"#
    );
    assert_eq!(
        parse("<|channel|>analysis<|message|>hm<|end|>so it is"),
        r#"[assistant ch=analysis "hm"] [assistant ch=final "so it is"]"#
    );
}

#[test]
fn text_that_begins_with_a_header_word_stays_whole() {
    for text in [
        "analysis of",
        "assistant is here",
        "assistant is",
        "final answer: 42",
        "final ans",
        "functions.f is good",
        "json is it",
    ] {
        for end in ["", "<|return|>", "<|end|>", "<|start|>"] {
            assert_eq!(
                parse(&format!("{text}{end}")),
                format!("[assistant ch=final {text:?}]"),
                "{text}{end}"
            );
        }
    }
    // Header words alone are a header, and so is what calls a tool.
    for (text, expected) in [
        ("final<|return|>", r#"[assistant ch=final ""]"#),
        (
            "assistantfinal hello<|return|>",
            r#"[assistant ch=final "hello"]"#,
        ),
        (
            "functions.f {\"a\": 1}<|call|>",
            r#"[assistant ch=commentary to=functions.f "{\"a\": 1}"]"#,
        ),
        (
            "commentary to=functions.f {}<|call|>",
            r#"[assistant ch=commentary to=functions.f "{}"]"#,
        ),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn an_answer_after_a_bare_start_is_no_message_of_a_tool() {
    for text in [
        "Sure. It is 4.",
        "Done.",
        "final answer: 42",
        "functions.get_weather was called.",
        "get_weather is a tool.",
        "python is a language",
    ] {
        let (messages, _) = parse_with_tools(
            &format!("<|start|>{text}<|return|>"),
            &["functions.get_weather", "python"],
        );
        assert_eq!(messages, format!("[assistant ch=final {text:?}]"));
    }
    // With the rest of a header, or `<|message|>`, it is one.
    for (text, expected) in [
        (
            "<|start|>python<|channel|>analysis 3<|end|>",
            r#"[tool:python ch=analysis "3"]"#,
        ),
        (
            "<|start|>get_weather to=assistant {}<|end|>",
            r#"[tool:get_weather to=assistant "{}"]"#,
        ),
        (
            "<|start|>functions.other<|channel|>commentary {}<|end|>",
            r#"[tool:functions.other ch=commentary "{}"]"#,
        ),
        ("<|start|>Sure.<|message|>4<|end|>", r#"[tool:Sure. "4"]"#),
    ] {
        let (messages, _) = parse_with_tools(text, &["functions.get_weather", "python"]);
        assert_eq!(messages, expected, "{text}");
    }
}

#[test]
fn a_missing_channel_is_inferred_and_reported() {
    let inferred = |channel: &str| Repair::InferredChannel(channel.to_owned());
    for (text, expected, channel) in [
        (
            "<|channel|>analysis<|message|>t<|end|><|message|>The answer<|return|>",
            r#"[assistant ch=analysis "t"] [assistant ch=final "The answer"]"#,
            "final",
        ),
        (
            "<|channel|><|message|>y<|return|>",
            r#"[assistant ch=final "y"]"#,
            "final",
        ),
        (
            "<|channel|>commentary<|message|>p<|end|><|message|>q<|end|>",
            r#"[assistant ch=commentary "p"] [assistant ch=commentary "q"]"#,
            "commentary",
        ),
        (
            " to=functions.f<|message|>{}<|call|>",
            r#"[assistant ch=commentary to=functions.f "{}"]"#,
            "commentary",
        ),
        (
            " to=user<|message|>hi<|end|>",
            r#"[assistant ch=final to=user "hi"]"#,
            "final",
        ),
    ] {
        let (messages, repairs) = parse_with_tools(text, &[]);
        assert_eq!(messages, expected, "{text}");
        assert_eq!(repairs, [inferred(channel)], "{text}");
    }
    // Others have no channel to infer.
    let (messages, repairs) = parse_with_tools("<|end|><|start|>user<|message|>hi<|end|>", &[]);
    assert_eq!((messages.as_str(), repairs), (r#"[user "hi"]"#, vec![]));
}

#[test]
fn the_bare_name_of_a_declared_tool_is_its_recipient() {
    for (header, expected) in [
        (
            "commentary get_weather <|constrain|>json",
            "ch=commentary to=functions.get_weather ct=<|constrain|>json",
        ),
        (
            "commentary get_weather",
            "ch=commentary to=functions.get_weather",
        ),
        (
            "commentary Get-Weather json",
            "ch=commentary to=functions.get_weather ct=json",
        ),
        // `json` is a type even where a tool is called so.
        ("commentary json", "ch=commentary ct=json"),
        // What can mean a tool is no content type.
        ("commentary get_wea", "ch=commentary"),
        (
            "commentary to=functions.get_weather get_weather",
            "ch=commentary to=functions.get_weather",
        ),
        // What cannot, is.
        ("commentary yaml", "ch=commentary ct=yaml"),
    ] {
        let (messages, _) = parse_with_tools(
            &format!("<|channel|>{header}<|message|>{{}}<|call|>"),
            &["functions.get_weather", "functions.json"],
        );
        assert_eq!(messages, format!("[assistant {expected} \"{{}}\"]"));
    }
    let (messages, _) = parse_with_tools(
        "<|channel|>commentary get_weather {}<|call|>",
        &["functions.get_weather"],
    );
    assert_eq!(
        messages,
        r#"[assistant ch=commentary to=functions.get_weather "{}"]"#
    );
}

#[test]
fn a_cut_off_header_is_dropped_and_nothing_before_it() {
    let finished = "<|channel|>analysis<|message|>hm<|end|>";
    for cut_off in [
        "<|start|>",
        "<|start|>assis",
        "<|start|>assistant",
        "<|start|>assistant<|channel|>",
        "<|start|>assistant<|channel|>comm",
        "<|start|>assistant<|channel|>commentary to",
        "<|start|>assistant<|channel|>commentary to=functions.get_w",
        "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>js",
        "final",
        " ",
    ] {
        assert_eq!(
            parse(&format!("{finished}{cut_off}")),
            r#"[assistant ch=analysis "hm"]"#,
            "{cut_off}"
        );
    }
    let (_, repairs) =
        parse_with_tools(&format!("{finished}<|start|>assistant<|channel|>comm"), &[]);
    assert_eq!(
        repairs,
        [Repair::TruncatedHeader("assistant comm".to_owned())]
    );
}

#[test]
fn special_tokens_never_become_text() {
    assert_eq!(
        parse(
            "<|channel|>final<|message|>a<|constrain|>b<|message|>c<|reserved_200014|>d<|startoftext|>e"
        ),
        r#"[assistant ch=final "abcde"]"#
    );
}

#[test]
fn an_id_outside_the_vocabulary_is_a_replacement_character() {
    let mut tokens = tokens_of("<|channel|>analysis<|message|>A");
    tokens.extend([u32::MAX, 201_088]);
    let messages = Encoding::gpt_oss().parse(&tokens, ParserOptions::default());
    assert_eq!(
        show(&messages),
        "[assistant ch=analysis \"A\u{FFFD}\u{FFFD}\"]"
    );
}

#[test]
fn bytes_that_are_no_text_do_not_leak_into_the_next_message() {
    // Token 9552 is a space and the first byte of a character.
    let mut tokens = tokens_of("<|message|>");
    tokens.extend([9552, 9552]);
    tokens.extend(tokens_of("<|end|><|message|>Hi<|end|>"));
    let messages = Encoding::gpt_oss().parse(&tokens, ParserOptions::default());
    assert_eq!(
        show(&messages),
        "[assistant ch=final \" \u{FFFD} \u{FFFD}\"] [assistant ch=final \"Hi\"]"
    );
}

#[test]
fn a_recipient_is_mended_only_when_it_can_mean_one_declared_tool() {
    let tools = ["functions.get_weather", "functions.get_wealth", "python"];
    let call = |name: &str| {
        parse_with_tools(
            &format!("<|channel|>commentary to={name} json<|message|>{{}}<|call|>"),
            &tools,
        )
    };
    let (messages, repairs) = call("get-weather");
    assert_eq!(
        messages,
        r#"[assistant ch=commentary to=functions.get_weather ct=json "{}"]"#
    );
    let (from, to) = ("get-weather".to_owned(), "functions.get_weather".to_owned());
    assert_eq!(repairs, [Repair::RenamedRecipient { from, to }]);

    let (messages, repairs) = call("functions.get_wea");
    assert_eq!(
        messages,
        r#"[assistant ch=commentary to=functions.get_wea ct=json "{}"]"#
    );
    assert_eq!(
        repairs,
        [Repair::UndeclaredRecipient("functions.get_wea".to_owned())]
    );

    let (messages, repairs) = call("functions.python");
    assert_eq!(
        messages,
        r#"[assistant ch=commentary to=python ct=json "{}"]"#
    );
    assert_eq!(repairs.len(), 1);

    let (messages, repairs) = call("functions.get_wealth");
    assert_eq!(
        messages,
        r#"[assistant ch=commentary to=functions.get_wealth ct=json "{}"]"#
    );
    assert_eq!(repairs, []);
}

#[test]
fn of_two_recipients_the_declared_one_counts() {
    let (messages, _) = parse_with_tools(
        " to=functions.get_weather<|channel|>commentary to=assistant<|message|>{}<|call|>",
        &["functions.get_weather"],
    );
    assert_eq!(
        messages,
        r#"[assistant ch=commentary to=functions.get_weather "{}"]"#
    );
    // A role is no tool, though a tool's name begins so.
    let (messages, repairs) = parse_with_tools(
        " to=functions.get_weather<|channel|>commentary to=assistant<|message|>{}<|call|>",
        &["functions.get_weather", "functions.assistant_search"],
    );
    assert_eq!(
        messages,
        r#"[assistant ch=commentary to=functions.get_weather "{}"]"#
    );
    assert_eq!(repairs, [Repair::DroppedText("assistant".to_owned())]);
}

#[test]
fn an_endless_header_becomes_content_as_it_streams() {
    let mut parser = Encoding::gpt_oss().parser(ParserOptions::default());
    let mut streamed = String::new();
    for token in tokens_of(&format!("<|channel|>final{}", " word".repeat(500))) {
        for event in parser.process(token) {
            if let Event::Content(text) = event {
                streamed.push_str(&text);
            }
        }
    }
    assert_eq!(streamed, "word".to_owned() + &" word".repeat(499));
    assert_eq!(parser.current_channel(), Some("final"));
}
