//! Random conversations, schemas and token streams of the kind that the library handles.

use harmony::{
    Author, ChannelConfig, Content, DeveloperContent, Encoding, Message, ReasoningEffort, Role,
    SystemContent, TokenId, ToolDescription, ToolNamespace,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::Union;
use serde_json::{Map, Value, json};

/// Text of any kind: words, other scripts, and special tokens spelt out.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-zA-Z ,.\n]{0,40}",
        2 => any::<String>(),
        1 => vec(
            select(&["<|start|>", "<|end|>", "assistant", "<|channel|>", " to=x", "中文", "e\u{301}"][..]),
            0..6,
        )
        .prop_map(|parts| parts.concat()),
    ]
}

fn line() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 ,.'`<>{}|é中-]{1,30}"
}

/// Without the letter n: where the library finds `null` in a type it takes it for nullable.
fn name() -> impl Strategy<Value = String> {
    "[a-mo-z][a-mo-z0-9_]{0,12}"
}

fn channel() -> impl Strategy<Value = String> {
    select(&["analysis", "commentary", "final"][..]).prop_map(str::to_owned)
}

/// A content type as the library writes and reads it. A bare `json` is not among them: we render
/// it as `<|constrain|>json`.
fn content_type() -> impl Strategy<Value = String> {
    select(&["<|constrain|>json", "code", "<|constrain|>regex"][..]).prop_map(str::to_owned)
}

fn author() -> impl Strategy<Value = Author> {
    let role = select(&[Role::User, Role::Assistant, Role::System, Role::Developer][..]);
    prop_oneof![
        (role, option::of(name())).prop_map(|(role, name)| Author { role, name }),
        name().prop_map(|name| Author::named(Role::Tool, format!("functions.{name}"))),
    ]
}

pub(crate) fn message_without_recipient() -> impl Strategy<Value = Message> {
    prop_oneof![
        4 => (
            author(),
            vec(text().prop_map(Content::text), 0..3),
            option::of(channel()),
            option::of(content_type()),
        )
            .prop_map(|(author, content, channel, content_type)| Message {
                author,
                recipient: None,
                content,
                channel,
                content_type,
            }),
        1 => system().prop_map(Message::system),
    ]
}

fn system() -> impl Strategy<Value = SystemContent> {
    let effort = select(
        &[
            ReasoningEffort::Low,
            ReasoningEffort::Medium,
            ReasoningEffort::High,
        ][..],
    );
    let channels =
        (vec(channel(), 0..4), any::<bool>()).prop_map(|(valid, channel_required)| ChannelConfig {
            valid_channels: valid,
            channel_required,
        });
    let tools = vec(
        select(vec![ToolNamespace::browser(), ToolNamespace::python()]),
        0..3,
    );
    (
        option::of(text()),
        option::of(effort),
        option::of(tools),
        option::of("20[0-9]{2}-[01][0-9]-[0-3][0-9]"),
        option::of("20[0-9]{2}-[01][0-9]"),
        option::of(channels),
    )
        .prop_map(
            |(identity, effort, tools, date, cutoff, channels)| SystemContent {
                model_identity: identity,
                reasoning_effort: effort,
                tools: tools
                    .map(|tools| tools.into_iter().map(|ns| (ns.name.clone(), ns)).collect()),
                conversation_start_date: date,
                knowledge_cutoff: cutoff,
                channel_config: channels,
            },
        )
}

/// A call of a tool or its result. The library reads no author names but those of tools.
pub(crate) fn message_to_tool_or_back() -> impl Strategy<Value = Message> {
    let call = (name(), text(), channel(), option::of(content_type())).prop_map(
        |(name, text, channel, content_type)| Message {
            content_type,
            ..Message::assistant(&channel, text).with_recipient(format!("functions.{name}"))
        },
    );
    let result = (name(), text(), channel()).prop_map(|(name, text, channel)| {
        Message::function_result(&name, text).with_channel(channel)
    });
    prop_oneof![call, result]
}

pub(crate) fn message_with_tools() -> impl Strategy<Value = Message> {
    let tool = (
        name(),
        option::of(vec(line(), 0..3)),
        option::of(object_schema(true)),
    )
        .prop_map(|(name, description, parameters)| {
            let description = description
                .map(|lines| lines.join("\n"))
                .unwrap_or_default();
            ToolDescription::new(name, description, parameters)
        });
    let tool = tool.boxed();
    let namespace = |name: BoxedStrategy<String>| {
        (name, option::of(vec(line(), 1..3)), vec(tool.clone(), 0..4)).prop_map(
            |(name, description, tools)| ToolNamespace {
                name,
                description: description.map(|lines| lines.join("\n")),
                tools,
            },
        )
    };
    let namespaces = (
        option::of(namespace(Just("functions".to_owned()).boxed())),
        vec(namespace(name().boxed()), 0..2),
    )
        .prop_map(|(functions, others)| functions.into_iter().chain(others).collect::<Vec<_>>());
    (option::of(text()), option::of(namespaces)).prop_map(|(instructions, namespaces)| {
        let mut developer = DeveloperContent {
            instructions,
            ..DeveloperContent::default()
        };
        for namespace in namespaces.into_iter().flatten() {
            developer = developer.with_tools(namespace);
        }
        Message::developer(developer)
    })
}

/// An object with at least one property, as far as the library renders it without loss. Only at
/// the top does it print the description of an object once.
fn object_schema(described: bool) -> BoxedStrategy<Value> {
    object_of(property_schema(), described)
}

fn object_of(property: BoxedStrategy<Value>, described: bool) -> BoxedStrategy<Value> {
    let description = if described {
        option::of(line()).boxed()
    } else {
        Just(None).boxed()
    };
    (vec((name(), property, any::<bool>()), 1..5), description)
        .prop_map(|(entries, description)| {
            let mut properties = Map::new();
            let mut required = Vec::new();
            for (name, schema, is_required) in entries {
                if is_required {
                    required.push(name.clone());
                }
                properties.insert(name, schema);
            }
            let mut schema =
                json!({"type": "object", "properties": properties, "required": required});
            if let Some(description) = description {
                schema["description"] = description.into();
            }
            schema
        })
        .boxed()
}

fn property_schema() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        plain_type(),
        btree_set(name(), 1..4).prop_map(|values| json!({"type": "string", "enum": values})),
        subsequence(&["string", "number", "boolean", "array", "null"][..], 1..3)
            .prop_map(|names| json!({"type": names})),
        vec((plain_type(), option::of(name())), 1..4).prop_map(|variants| {
            let variants = variants.into_iter().map(|(mut variant, default)| {
                if let Some(default) = default {
                    variant["default"] = default.into();
                }
                variant
            });
            json!({"oneOf": variants.collect::<Vec<_>>()})
        }),
    ];
    let leaf = leaf.boxed();
    leaf.prop_recursive(3, 24, 4, |inner| {
        let array = prop_oneof![plain_type().boxed(), object_of(inner.clone(), true)]
            .prop_map(|items| json!({"type": "array", "items": items}));
        Union::new([
            annotated(inner.clone()).boxed(),
            array.boxed(),
            Just(json!({"type": "array"})).boxed(),
            object_of(inner, false),
        ])
        .boxed()
    })
    .boxed()
}

fn plain_type() -> impl Strategy<Value = Value> {
    select(&["string", "integer", "number", "boolean"][..]).prop_map(|name| json!({"type": name}))
}

/// With comments and a default; an object keeps its place without a description.
fn annotated(schema: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let default = prop_oneof![
        line().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        vec(name(), 0..3).prop_map(Value::from),
    ];
    let examples = vec(line(), 0..3);
    (
        schema,
        option::of("[A-Z]{2,8}"),
        option::of(line()),
        option::of(examples),
        option::of(default),
        option::of(any::<bool>()),
    )
        .prop_map(
            |(mut schema, title, description, examples, default, nullable)| {
                let is_object = schema["type"] == "object";
                let is_plain =
                    !is_object && schema.get("items").is_none() && schema["type"].is_string();
                let mut set = |key: &str, value: Option<Value>| {
                    if let Some(value) = value {
                        schema[key] = value;
                    }
                };
                set("title", title.map(Value::from));
                set(
                    "description",
                    description.filter(|_| !is_object).map(Value::from),
                );
                set("examples", examples.map(Value::from));
                set("default", default);
                // On unions the library ignores it; on others it looks for the word `null` anywhere in
                // the text of the type, so there must be no type within.
                set("nullable", nullable.filter(|_| is_plain).map(Value::from));
                schema
            },
        )
}

/// Parts of a token stream.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Special(&'static str),
    Text(String),
    Id(TokenId),
}

#[derive(Clone, Debug)]
pub(crate) struct Stream(Vec<Part>);

impl Stream {
    pub(crate) fn tokens(&self, encoding: &Encoding) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        for part in &self.0 {
            match part {
                Part::Special(name) => {
                    tokens.push(
                        encoding
                            .tokenizer()
                            .special_id(name)
                            .expect("a special token"),
                    );
                }
                Part::Text(text) => encoding.tokenizer().encode_into(text, &mut tokens),
                Part::Id(id) => tokens.push(*id),
            }
        }
        tokens
    }
}

/// A completion in all the forms of header that the library reads.
pub(crate) fn well_formed_stream() -> impl Strategy<Value = Stream> {
    vec(well_formed_message(), 1..5).prop_map(|messages| {
        let mut parts: Vec<Part> = messages.concat();
        // `<|start|>assistant` went before.
        parts.drain(..2);
        Stream(parts)
    })
}

fn well_formed_message() -> impl Strategy<Value = Vec<Part>> {
    let content = vec(
        prop_oneof![
            text().prop_map(Part::Text),
            (0..199_998u32).prop_map(Part::Id),
        ],
        0..6,
    );
    let recipient = option::of((name(), any::<bool>()));
    let end = select(&["<|end|>", "<|call|>", "<|return|>"][..]);
    // Without a channel the library leaves the message of the assistant without one.
    (
        channel(),
        recipient,
        option::of(content_type()),
        any::<bool>(),
        content,
        end,
    )
        .prop_map(|(channel, recipient, content_type, glued, content, end)| {
            let mut parts = vec![
                Part::Special("<|start|>"),
                Part::Text("assistant".to_owned()),
            ];
            let to = recipient
                .as_ref()
                .map(|(name, _)| Part::Text(format!(" to=functions.{name}")));
            let is_first = recipient.is_some_and(|(_, is_first)| is_first);
            parts.extend(to.clone().filter(|_| is_first));
            let has_recipient = to.is_some();
            parts.push(Part::Special("<|channel|>"));
            parts.push(Part::Text(channel));
            parts.extend(to.filter(|_| !is_first));
            // Without a recipient the library takes the type for one.
            if let Some(content_type) = content_type.filter(|_| has_recipient) {
                match content_type.strip_prefix("<|constrain|>") {
                    Some(rest) => {
                        parts.extend((!glued).then(|| Part::Text(" ".to_owned())));
                        parts.push(Part::Special("<|constrain|>"));
                        parts.push(Part::Text(rest.to_owned()));
                    }
                    None => parts.push(Part::Text(format!(" {content_type}"))),
                }
            }
            parts.push(Part::Special("<|message|>"));
            parts.extend(content);
            parts.push(Part::Special(end));
            parts
        })
}

/// A well-formed completion with some parts taken out, put in or put in place of others.
pub(crate) fn damaged_stream() -> impl Strategy<Value = Stream> {
    let special = select(
        &[
            "<|start|>",
            "<|message|>",
            "<|channel|>",
            "<|constrain|>",
            "<|end|>",
            "<|call|>",
            "<|return|>",
        ][..],
    );
    let word = select(
        &[
            "assistant",
            "user",
            "tool",
            "functions.f",
            "analysis",
            "commentary",
            "final",
            " to=",
            " to=functions.f",
            " to=assistant",
            " json",
            "json",
            " code",
            " ",
            "hello",
            "\n",
            "?",
        ][..],
    );
    let part = prop_oneof![
        special.prop_map(Part::Special),
        word.prop_map(|word| Part::Text(word.to_owned())),
    ];
    let damage = (any::<prop::sample::Index>(), 0..2usize, option::of(part));
    (well_formed_stream(), vec(damage, 1..4)).prop_map(|(Stream(mut parts), damages)| {
        for (place, taken, put) in damages {
            let start = place.index(parts.len() + 1);
            let end = (start + taken).min(parts.len());
            parts.splice(start..end, put);
        }
        Stream(parts)
    })
}
