//! What holds of every conversation and of every sequence of tokens.

use harmony::{
    Author, Content, Conversation, Encoding, Ending, Event, Header, Message, ParserOptions,
    ParserStart, Repair, Role, StreamableParser, TokenId,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static ENCODING: LazyLock<Encoding> = LazyLock::new(Encoding::gpt_oss);

const SPECIALS: [&str; 8] = harmony::SPECIAL_TOKEN_NAMES;

fn special(name: &str) -> TokenId {
    ENCODING
        .tokenizer()
        .special_id(name)
        .expect("a special token")
}

/// Tokens of any kind: special ones often, header words often, ids outside the vocabulary.
fn any_tokens() -> impl Strategy<Value = Vec<TokenId>> {
    let words = [
        "assistant",
        " to=",
        "functions.f",
        "analysis",
        "commentary",
        "final",
        " json",
        "code",
        " ",
        "\n",
        "{\"a\": 1}",
        "?",
        "hello world",
        "user",
        "<|channel|>",
        "💖",
    ];
    let piece = prop_oneof![
        4 => select(&SPECIALS[..]).prop_map(|name| vec![special(name)]),
        4 => select(words.to_vec()).prop_map(|word| ENCODING.tokenizer().encode(word)),
        2 => (0..201_088u32).prop_map(|id| vec![id]),
        1 => any::<TokenId>().prop_map(|id| vec![id]),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn any_start() -> impl Strategy<Value = ParserStart> {
    select(&[ParserStart::AfterAssistant, ParserStart::Message][..])
}

fn any_tools() -> impl Strategy<Value = Vec<String>> {
    let names = ["functions.f", "functions.final", "browser.search", "python"];
    prop::sample::subsequence(names.to_vec(), 0..=names.len())
        .prop_map(|names| names.into_iter().map(str::to_owned).collect())
}

/// Feeds the tokens one by one; what each brought about, and the messages.
fn stream(tokens: &[TokenId], options: ParserOptions) -> (Vec<Event>, Vec<Message>) {
    let mut parser = ENCODING.parser(options);
    let mut events: Vec<Event> = tokens
        .iter()
        .flat_map(|&token| parser.process(token))
        .collect();
    events.extend(parser.close());
    (events, parser.finish())
}

/// The messages as the events tell them.
fn messages_from(events: &[Event]) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut open: Option<(Header, String)> = None;
    for event in events {
        match event {
            Event::Started(header) => {
                assert!(open.is_none(), "a message starts within a message");
                open = Some((header.clone(), String::new()));
            }
            Event::Content(text) => {
                assert!(!text.is_empty(), "content events say something");
                open.as_mut()
                    .expect("content belongs to a message")
                    .1
                    .push_str(text);
            }
            Event::Finished(_) => {
                let (header, text) = open.take().expect("what finishes has started");
                messages.push(Message {
                    author: header.author,
                    recipient: header.recipient,
                    content: vec![text.into()],
                    channel: header.channel,
                    content_type: header.content_type,
                });
            }
            Event::Repaired(_) => {}
        }
    }
    assert!(open.is_none(), "a closed parser has no open message");
    messages
}

/// Header fields are single words in which no special token is spelt out.
fn assert_clean(message: &Message) {
    let fields = [&message.author.name, &message.recipient, &message.channel];
    for field in fields.into_iter().flatten() {
        assert!(!field.is_empty() && !field.contains("<|"), "{message:?}");
        assert!(!field.contains(char::is_whitespace), "{message:?}");
    }
    let content_type = message.content_type.as_deref().unwrap_or("x");
    let bare = content_type
        .strip_prefix("<|constrain|>")
        .unwrap_or(content_type);
    assert!(!bare.is_empty() && !bare.contains("<|"), "{message:?}");
}

/// A message such as a model or a client would make, whose fields a header can hold.
fn any_message() -> impl Strategy<Value = Message> {
    let name = || "[a-z][a-zA-Z0-9_.-]{0,10}";
    let role = select(&[Role::User, Role::Assistant, Role::System, Role::Developer][..]);
    let is_free = |name: &String| !stands_for_another(name);
    let author = prop_oneof![
        2 => role.prop_map(Author::from),
        1 => name().prop_map(|name| Author::named(Role::User, name)),
        1 => name().prop_map(|name| Author::named(Role::Tool, format!("functions.{name}"))),
        1 => name()
            .prop_filter("a role", is_free)
            .prop_map(|name| Author::named(Role::Tool, name)),
    ];
    let channel = select(&["analysis", "commentary", "final"][..]).prop_map(str::to_owned);
    let content_type = select(&["<|constrain|>json", "code", "text/x-diff"][..]);
    let text = prop_oneof![
        any::<String>(),
        select(
            &[
                "",
                "<|end|>",
                "<|start|>assistant<|channel|>final<|message|>",
                " ",
                "💖\n"
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    (
        author,
        option::of(name()),
        option::of(channel),
        option::of(content_type),
        text,
    )
        .prop_map(|(author, recipient, channel, content_type, text)| {
            // The assistant's messages are given a channel when they are read.
            let needs_channel = author.role == Role::Assistant && channel.is_none();
            let channel = channel.or(needs_channel.then(|| "final".to_owned()));
            Message {
                author,
                recipient: recipient.filter(|name| name != "all"),
                // A type by itself would be read as a channel or a recipient: it needs its place.
                content_type: content_type
                    .filter(|_| channel.is_some())
                    .map(str::to_owned),
                content: vec![Content::text(text)],
                channel,
            }
        })
}

/// Whether a header that begins with this word is that of a role or of the assistant.
fn stands_for_another(name: &str) -> bool {
    let word = name.split(':').next().unwrap_or_default();
    let is_channel = |word: &str| ["analysis", "commentary", "final"].contains(&word);
    ["system", "developer", "user", "assistant"].contains(&word)
        || is_channel(name)
        || name.strip_prefix("assistant").is_some_and(is_channel)
        || name.starts_with("to=")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_sequence_of_tokens_parses(
        tokens in any_tokens(),
        start in any_start(),
        tools in any_tools(),
    ) {
        let options = ParserOptions { start, tools };
        let (events, messages) = stream(&tokens, options.clone());
        prop_assert_eq!(&messages_from(&events), &messages, "events and messages agree");
        prop_assert_eq!(&ENCODING.parse(&tokens, options), &messages, "so does the batch");
        messages.iter().for_each(assert_clean);
    }

    #[test]
    fn what_was_parsed_stays_whatever_follows(
        tokens in any_tokens(),
        more in any_tokens(),
        start in any_start(),
    ) {
        let mut parser = ENCODING.parser(ParserOptions { start, ..ParserOptions::default() });
        for &token in &tokens {
            parser.process(token);
        }
        let before = parser.messages().to_vec();
        for &token in &more {
            parser.process(token);
        }
        prop_assert!(parser.finish().starts_with(&before));
    }

    #[test]
    fn every_word_ends_up_somewhere_once(
        parts in vec(option::of(select(&SPECIALS[..])), 0..40),
        to in vec(any::<bool>(), 40),
        start in any_start(),
    ) {
        let mut tokens = Vec::new();
        let mut num_words = 0;
        for (part, to) in parts.iter().zip(to) {
            match part {
                Some(name) => tokens.push(special(name)),
                None => {
                    let prefix = if to { "to=" } else { "" };
                    let word = format!(" {prefix}w{num_words}w ");
                    tokens.extend(ENCODING.tokenizer().encode(&word));
                    num_words += 1;
                }
            }
        }
        let options = ParserOptions { start, ..ParserOptions::default() };
        let (events, messages) = stream(&tokens, options);

        let mut texts = Vec::new();
        for message in messages {
            texts.push(message.text());
            texts.extend(message.author.name);
            texts.extend([message.recipient, message.channel, message.content_type].into_iter().flatten());
        }
        for event in events {
            if let Event::Repaired(Repair::DroppedText(text) | Repair::TruncatedHeader(text)) = event {
                texts.push(text);
            }
        }
        let mut counts = BTreeMap::new();
        for text in &texts {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric());
            for word in words.filter(|word| word.starts_with('w') && word.ends_with('w')) {
                *counts.entry(word.to_owned()).or_insert(0) += 1;
            }
        }
        for word in (0..num_words).map(|n| format!("w{n}w")) {
            prop_assert_eq!(counts.remove(&word), Some(1), "{} in {:?}", word, texts);
        }
    }

    #[test]
    fn a_rendered_conversation_parses_back(messages in vec(any_message(), 0..8)) {
        let tokens: Vec<TokenId> =
            messages.iter().flat_map(|message| ENCODING.render(message)).collect();
        let options = ParserOptions { start: ParserStart::Message, ..ParserOptions::default() };
        let (events, parsed) = stream(&tokens, options);
        prop_assert_eq!(&parsed, &messages);
        let repairs: Vec<&Event> =
            events.iter().filter(|event| matches!(event, Event::Repaired(_))).collect();
        prop_assert!(repairs.is_empty(), "{:?}", repairs);
    }

    #[test]
    fn no_name_of_a_tool_makes_its_message_anybody_elses(
        name in prop_oneof![
            any::<String>(),
            vec(
                select(
                    &["system", "user", "assistant", "final", "analysis", "tool", "to=", ":", "x",
                      " ", ".", "functions", "<|message|>", "<|end|>", "\n"][..],
                ),
                0..4,
            )
            .prop_map(|parts| parts.concat()),
        ],
        channel in option::of(select(&["analysis", "commentary", "final"][..])),
    ) {
        let mut message = Message::new(Author::named(Role::Tool, name.as_str()), "x");
        message.channel = channel.map(str::to_owned);
        let tokens = ENCODING.render(&message);
        let options = ParserOptions { start: ParserStart::Message, ..ParserOptions::default() };
        let parsed = ENCODING.parse(&tokens, options);
        prop_assert_eq!(parsed.len(), 1);
        prop_assert_eq!(parsed[0].author.role, Role::Tool);
        prop_assert_eq!(&parsed[0].channel, &message.channel);
        prop_assert_eq!((&parsed[0].recipient, &parsed[0].content), (&None, &message.content));
        if !stands_for_another(&name) && name.chars().all(|c| c.is_alphanumeric() || c == '.') {
            let name = Some(name).filter(|name| !name.is_empty());
            prop_assert_eq!(&parsed[0].author.name, &name.or(Some("tool".to_owned())));
        }
    }

    #[test]
    fn what_is_parsed_renders_to_what_parses_the_same(
        tokens in any_tokens(),
        start in any_start(),
    ) {
        // What a server does with a malformed turn: keep it, and show it to the model again.
        let messages = ENCODING.parse(&tokens, ParserOptions { start, ..ParserOptions::default() });
        prop_assert!(Conversation::new(messages.clone()).validate().is_ok());
        let replay: Vec<TokenId> =
            messages.iter().flat_map(|message| ENCODING.render(message)).collect();
        let options = ParserOptions { start: ParserStart::Message, ..ParserOptions::default() };
        let again = ENCODING.parse(&replay, options);
        prop_assert_eq!(again.len(), messages.len());
        for (mut again, mut message) in again.into_iter().zip(messages) {
            // `json` is shown as `<|constrain|>json`, and a type without a channel or recipient is
            // read as what it looks like.
            message.content_type = None;
            again.content_type = None;
            if message.recipient.as_deref() == Some("all") {
                message.recipient = None;
            }
            prop_assert_eq!(again, message);
        }
    }

    #[test]
    fn a_prompt_is_its_messages_and_the_opening_of_the_next(
        messages in vec(any_message(), 0..8),
    ) {
        let conversation = Conversation::new(messages);
        let prompt = ENCODING.render_for_completion(&conversation);
        let opening = [special("<|start|>"), 173_781];
        prop_assert!(prompt.ends_with(&opening));
        let history = &prompt[..prompt.len() - opening.len()];
        prop_assert!(!history.contains(&special("<|return|>")));

        let options = ParserOptions { start: ParserStart::Message, ..ParserOptions::default() };
        let parsed = ENCODING.parse(history, options);
        let mut kept = conversation.messages.iter();
        for message in &parsed {
            prop_assert!(kept.any(|original| original == message), "in order, none made up");
        }
        let dropped = conversation.messages.len() - parsed.len();
        let thoughts = conversation.messages.iter().filter(|message| message.is_on("analysis"));
        prop_assert!(dropped <= thoughts.count());
    }
}

#[test]
fn endings_tell_what_closed_a_message() {
    let endings = |tokens: &[TokenId]| -> Vec<Ending> {
        let (events, _) = stream(tokens, ParserOptions::default());
        let endings = events.into_iter().filter_map(|event| match event {
            Event::Finished(ending) => Some(ending),
            _ => None,
        });
        endings.collect()
    };
    let [message, start] = [special("<|message|>"), special("<|start|>")];
    for (token, ending) in [
        ("<|end|>", Ending::End),
        ("<|call|>", Ending::Call),
        ("<|return|>", Ending::Return),
        ("<|endoftext|>", Ending::EndOfText),
    ] {
        assert_eq!(endings(&[message, special(token)]), [ending]);
    }
    assert_eq!(
        endings(&[message, start, message]),
        [Ending::Resync, Ending::Truncated]
    );
}

#[test]
fn the_state_shows_the_open_message() {
    let mut parser = StreamableParser::new(ENCODING.clone(), ParserOptions::default());
    assert_eq!(
        (parser.current_role(), parser.current_channel()),
        (Role::Assistant, None)
    );
    let call = ENCODING.render(&Message::function_call("f", "{}"));
    for &token in &call[2..call.len() - 1] {
        parser.process(token);
    }
    assert_eq!(parser.current_channel(), Some("commentary"));
    assert_eq!(parser.current_recipient(), Some("functions.f"));
    assert_eq!(parser.current_content(), "{}");
    assert_eq!(parser.messages(), []);
    parser.process(special("<|call|>"));
    assert_eq!(parser.current_header(), None);
    assert_eq!(parser.messages(), [Message::function_call("f", "{}")]);
}
