//! Spans, and how OTLP writes them in JSON: names in camel case, ids in hexadecimal digits, 64-bit
//! numbers in quotes.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::context::{SpanId, TraceContext, TraceId};

/// Bits of `flags` beside those of `traceparent`: whether the parent was elsewhere, and that this is
/// known.
const KNOWS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
const SAMPLED: u32 = 1;

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of the one who is asked.
    Server = 2,
    /// Of the one who asks.
    Client = 3,
}

/// The span above another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) span_id: SpanId,
    /// Whether it is of another process.
    pub(super) is_remote: bool,
}

/// A span that is over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(super) context: TraceContext,
    pub(super) parent: Option<Parent>,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// In nanoseconds since 1970.
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) attributes: Attributes,
    pub(super) is_error: bool,
}

/// What is known of a span, or of who made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Attributes(Vec<Attribute>);

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Attribute {
    key: Cow<'static, str>,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
enum Value {
    #[serde(rename = "stringValue")]
    Text(Cow<'static, str>),
    #[serde(rename = "intValue", serialize_with = "quoted")]
    Number(i64),
    #[serde(rename = "doubleValue")]
    Seconds(f64),
    #[serde(rename = "boolValue")]
    Flag(bool),
}

fn quoted<S: Serializer>(number: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

impl Attributes {
    pub(super) fn text(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) {
        self.push(key, Value::Text(value.into()));
    }

    pub(super) fn number(&mut self, key: &'static str, value: impl TryInto<i64>) {
        let value = value.try_into().unwrap_or(i64::MAX);
        self.push(key, Value::Number(value));
    }

    pub(super) fn seconds(&mut self, key: &'static str, time: Duration) {
        self.push(key, Value::Seconds(time.as_secs_f64()));
    }

    pub(super) fn flag(&mut self, key: &'static str, value: bool) {
        self.push(key, Value::Flag(value));
    }

    fn push(&mut self, key: impl Into<Cow<'static, str>>, value: Value) {
        let key = key.into();
        self.0.push(Attribute { key, value });
    }
}

/// A number of nanoseconds or an id, as text.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'a> {
    trace_id: Text<TraceId>,
    span_id: Text<SpanId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<Text<SpanId>>,
    flags: u32,
    name: &'a str,
    kind: u8,
    start_time_unix_nano: Text<u64>,
    end_time_unix_nano: Text<u64>,
    attributes: &'a Attributes,
    status: StatusJson,
}

#[derive(Serialize)]
struct StatusJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const ERROR: u8 = 2;
        let is_remote = self.parent.is_some_and(|parent| parent.is_remote);
        let json = SpanJson {
            trace_id: Text(self.context.trace_id),
            span_id: Text(self.context.span_id),
            parent_span_id: self.parent.map(|parent| Text(parent.span_id)),
            flags: SAMPLED | KNOWS_REMOTE | if is_remote { IS_REMOTE } else { 0 },
            name: &self.name,
            kind: self.kind as u8,
            start_time_unix_nano: Text(self.start_ns),
            end_time_unix_nano: Text(self.end_ns),
            attributes: &self.attributes,
            status: StatusJson {
                code: self.is_error.then_some(ERROR),
            },
        };
        json.serialize(serializer)
    }
}

/// The body of an export: these spans, of this resource.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Export<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct Resource<'a> {
    attributes: &'a Attributes,
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: &'a [Span],
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

impl<'a> Export<'a> {
    pub(super) fn new(resource: &'a Attributes, spans: &'a [Span]) -> Self {
        let scope = Scope {
            name: "freeway",
            version: env!("CARGO_PKG_VERSION"),
        };
        Self {
            resource_spans: [ResourceSpans {
                resource: Resource {
                    attributes: resource,
                },
                scope_spans: [ScopeSpans { scope, spans }],
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of the protocol's own repository has this form.
    #[test]
    fn spans_are_written_as_the_protocol_has_them() {
        let parent = "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b173-01";
        let parent = TraceContext::parse(parent).unwrap();
        let mut attributes = Attributes::default();
        attributes.text("my.span.attr", "some \"value\"\n");
        attributes.number("number", -1);
        attributes.number("too.large", u64::MAX);
        attributes.seconds("time", Duration::from_millis(1500));
        attributes.flag("flag", true);
        let span = Span {
            context: TraceContext {
                span_id: SpanId([0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74]),
                ..parent
            },
            parent: Some(Parent {
                span_id: parent.span_id,
                is_remote: true,
            }),
            name: "chat m".to_owned(),
            kind: Kind::Server,
            start_ns: 1_544_712_660_000_000_000,
            end_ns: u64::MAX,
            attributes,
            is_error: true,
        };
        let root = Span {
            parent: None,
            kind: Kind::Client,
            attributes: Attributes::default(),
            is_error: false,
            ..span.clone()
        };
        let mut resource = Attributes::default();
        resource.text("service.name", "mine");
        let spans = [span, root];
        let written = serde_json::to_value(Export::new(&resource, &spans)).unwrap();
        let expected = json!({"resourceSpans": [{
            "resource": {"attributes": [
                {"key": "service.name", "value": {"stringValue": "mine"}},
            ]},
            "scopeSpans": [{
                "scope": {"name": "freeway", "version": env!("CARGO_PKG_VERSION")},
                "spans": [{
                    "traceId": "5b8efff798038103d269b633813fc60c",
                    "spanId": "eee19b7ec3c1b174",
                    "parentSpanId": "eee19b7ec3c1b173",
                    "flags": 0x301,
                    "name": "chat m",
                    "kind": 2,
                    "startTimeUnixNano": "1544712660000000000",
                    "endTimeUnixNano": "18446744073709551615",
                    "attributes": [
                        {"key": "my.span.attr", "value": {"stringValue": "some \"value\"\n"}},
                        {"key": "number", "value": {"intValue": "-1"}},
                        {"key": "too.large", "value": {"intValue": "9223372036854775807"}},
                        {"key": "time", "value": {"doubleValue": 1.5}},
                        {"key": "flag", "value": {"boolValue": true}},
                    ],
                    "status": {"code": 2},
                }, {
                    "traceId": "5b8efff798038103d269b633813fc60c",
                    "spanId": "eee19b7ec3c1b174",
                    "flags": 0x101,
                    "name": "chat m",
                    "kind": 3,
                    "startTimeUnixNano": "1544712660000000000",
                    "endTimeUnixNano": "18446744073709551615",
                    "attributes": [],
                    "status": {},
                }],
            }],
        }]});
        assert_eq!(written, expected);
    }
}
