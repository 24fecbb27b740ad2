//! What can be asked, and what comes back.

use serde_json::{Map, Value, json};

use super::schema::Schema;
use crate::error::codes::Scope;

/// One method at one path.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Such as `GET`.
    pub(crate) method: &'static str,
    /// With the names of its variable parts in braces.
    pub(crate) path: &'static str,
    /// Its name for programs.
    pub(crate) id: &'static str,
    /// What it belongs to.
    pub(crate) tag: Tag,
    /// What it does, in a few words.
    pub(crate) summary: &'static str,
    /// What else there is to know.
    pub(crate) description: String,
    /// What stands in the path and behind the question mark.
    pub(crate) parameters: Vec<Parameter>,
    /// What is sent.
    pub(crate) body: Option<Body>,
    /// What comes back if all is well.
    pub(crate) answers: Vec<Answer>,
    /// Who may ask.
    pub(crate) access: Access,
    /// Which errors it may end in, besides those of [`Access`].
    pub(crate) scopes: Vec<Scope>,
    /// Whether it takes away what cannot be had back.
    pub(crate) is_destructive: bool,
}

/// The groups of operations, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Models answer.
    Answers,
    /// What there is.
    Models,
    /// Free LLM Router's API.
    Lists,
    /// What the holder of a key may know and decide.
    Own,
    /// What administrators do.
    Admin,
    /// The server itself.
    Service,
    /// What changed, for readers of feeds.
    Feeds,
}

impl Tag {
    /// Every one.
    pub(crate) const ALL: [Self; 7] = [
        Self::Answers,
        Self::Models,
        Self::Lists,
        Self::Own,
        Self::Admin,
        Self::Service,
        Self::Feeds,
    ];

    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Answers => "Answers",
            Self::Models => "Models",
            Self::Lists => "Free LLM Router's API",
            Self::Own => "Your key",
            Self::Admin => "Administration",
            Self::Service => "The server",
            Self::Feeds => "Feeds",
        }
    }

    /// What its operations are for.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Answers => "Ask a model, whole or as a stream, the way OpenAI's API does it.",
            Self::Models => "Which models there are, and who would answer a request.",
            Self::Lists => {
                "The paths, parameters and words of Free LLM Router's API, so that its clients \
                 work here unchanged."
            }
            Self::Own => "What the holder of a key may know and decide.",
            Self::Admin => "Keys and the history of everybody's requests, for administrators.",
            Self::Service => "Whether the server lives, whether it can answer, and its metrics.",
            Self::Feeds => "What changed in the catalogue of models, for feed readers.",
        }
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody who reaches the server.
    Everybody,
    /// The same; a key that comes along is recognised.
    KeyIfAny,
    /// Whoever has a key, where keys are asked for.
    Key,
    /// An administrator.
    Admin,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the path.
    Path,
    /// Behind the question mark.
    Query,
}

impl Place {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
        }
    }
}

/// A parameter of a URL.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    /// Where it stands.
    pub(crate) place: Place,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its value, and what it means.
    pub(crate) schema: Schema,
    /// A value that shows what is meant.
    pub(crate) example: Option<Value>,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// Its shape.
    pub(crate) schema: Schema,
    /// A body that works, and what it shows.
    pub(crate) examples: Vec<(&'static str, Value)>,
    /// The most bytes it may have, if not the server's `max_body_mib`.
    pub(crate) max_bytes: Option<usize>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// When it comes.
    pub(crate) description: &'static str,
    /// Its body: media type, shape if that is JSON, and an example.
    pub(crate) contents: Vec<Content>,
    /// What of its head is worth knowing.
    pub(crate) headers: Vec<Header>,
}

/// One form of a body.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// Such as `application/json`.
    pub(crate) media_type: &'static str,
    /// The shape; of a stream, that of the JSON in each event.
    pub(crate) schema: Schema,
}

/// The headers of answers that programs may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// The name of the request.
    RequestId,
    /// Who answers.
    Deployment,
    /// Who was asked.
    Attempts,
    /// Seconds to wait.
    RetryAfter,
    /// The key's limit.
    RateLimit,
    /// What is left of it.
    RateRemaining,
    /// When it begins anew.
    RateReset,
    /// That the list is old.
    DataStale,
    /// How old.
    DataAge,
}

impl Header {
    /// Every one.
    pub(crate) const ALL: [Self; 9] = [
        Self::RequestId,
        Self::Deployment,
        Self::Attempts,
        Self::RetryAfter,
        Self::RateLimit,
        Self::RateRemaining,
        Self::RateReset,
        Self::DataStale,
        Self::DataAge,
    ];

    /// Those of a key's quota.
    pub(crate) const QUOTA: [Self; 3] = [Self::RateLimit, Self::RateRemaining, Self::RateReset];

    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RequestId => "x-request-id",
            Self::Deployment => "x-freeway-deployment",
            Self::Attempts => "x-freeway-attempts",
            Self::RetryAfter => "retry-after",
            Self::RateLimit => "x-ratelimit-limit",
            Self::RateRemaining => "x-ratelimit-remaining",
            Self::RateReset => "x-ratelimit-reset",
            Self::DataStale => "x-data-stale",
            Self::DataAge => "x-data-age-seconds",
        }
    }

    /// What it says.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::RequestId => {
                "The name of the request. It is in the log of the server and in the history of \
                 requests; name it when you report a problem."
            }
            Self::Deployment => "Who answers, as `provider/name`.",
            Self::Attempts => {
                "Who was asked and how that ended, such as \
                 `groq/openai/gpt-oss-20b=rate_limited,local/demo=ok`."
            }
            Self::RetryAfter => "Seconds to wait before you try again.",
            Self::RateLimit => {
                "How much your key may ask for in the window of its quota that ends first. Only \
                 there if the key has a quota."
            }
            Self::RateRemaining => "How much of that is left.",
            Self::RateReset => "When the window begins anew, in seconds since 1970.",
            Self::DataStale => "`true` if no provider's list could be read for a while.",
            Self::DataAge => "How old the newest list is, in seconds, or `Infinity`.",
        }
    }

    fn schema(self) -> Value {
        let is_number = matches!(
            self,
            Self::RetryAfter | Self::RateLimit | Self::RateRemaining | Self::RateReset
        );
        let kind = if is_number { "integer" } else { "string" };
        json!({ "type": kind })
    }

    /// What of it stands in the document's list of headers.
    pub(super) fn to_json(self) -> Value {
        json!({ "description": self.description(), "schema": self.schema() })
    }
}

/// A parameter of the path.
pub(crate) fn in_path(name: &'static str, schema: Schema, example: &str) -> Parameter {
    Parameter {
        place: Place::Path,
        name,
        schema,
        example: Some(json!(example)),
    }
}

/// A parameter behind the question mark.
pub(crate) fn in_query(
    name: &'static str,
    schema: Schema,
    description: impl Into<String>,
) -> Parameter {
    Parameter {
        place: Place::Query,
        name,
        schema: schema.described(description),
        example: None,
    }
}

impl Parameter {
    /// The same with a value that shows what is meant.
    #[must_use]
    pub(crate) fn such_as(self, example: impl Into<Value>) -> Self {
        Self {
            example: Some(example.into()),
            ..self
        }
    }

    fn to_json(&self) -> Value {
        let mut schema = self.schema.clone();
        let description = std::mem::take(&mut schema.description);
        let mut json = json!({
            "name": self.name,
            "in": self.place.as_str(),
            "required": self.place == Place::Path,
            "description": description,
            "schema": schema.to_json(),
        });
        if let Some(example) = &self.example {
            json["example"] = example.clone();
        }
        json
    }
}

/// An answer in JSON.
pub(crate) fn answer(status: u16, description: &'static str, schema: Schema) -> Answer {
    Answer {
        status,
        description,
        contents: vec![Content {
            media_type: "application/json",
            schema,
        }],
        headers: vec![Header::RequestId],
    }
}

impl Answer {
    /// The same in another form as well.
    #[must_use]
    pub(crate) fn or(mut self, media_type: &'static str, schema: Schema) -> Self {
        self.contents.push(Content { media_type, schema });
        self
    }

    /// The same in another form alone.
    #[must_use]
    pub(crate) fn of_type(mut self, media_type: &'static str) -> Self {
        for content in &mut self.contents {
            content.media_type = media_type;
        }
        self
    }

    /// The same with these headers.
    #[must_use]
    pub(crate) fn with_headers(mut self, headers: impl IntoIterator<Item = Header>) -> Self {
        self.headers.extend(headers);
        self
    }

    fn to_json(&self) -> Value {
        let contents: Map<String, Value> = self
            .contents
            .iter()
            .map(|content| {
                let json = json!({ "schema": content.schema.to_json() });
                (content.media_type.to_owned(), json)
            })
            .collect();
        let mut json =
            json!({ "description": self.description, "headers": headers(&self.headers) });
        if !contents.is_empty() {
            json["content"] = Value::Object(contents);
        }
        json
    }
}

/// References to these headers.
pub(super) fn headers(headers: &[Header]) -> Value {
    let named = headers.iter().map(|header| {
        let name = header.as_str();
        let reference = json!({ "$ref": format!("#/components/headers/{name}") });
        (name.to_owned(), reference)
    });
    Value::Object(named.collect())
}

impl Operation {
    /// One that is open to whoever has a key, reads nothing and changes nothing.
    pub(crate) fn get(path: &'static str, id: &'static str, tag: Tag) -> Self {
        Self {
            method: "GET",
            path,
            id,
            tag,
            summary: "",
            description: String::new(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            access: Access::Key,
            scopes: Vec::new(),
            is_destructive: false,
        }
    }

    /// Whether its errors are those of the paths under `/api`.
    pub(crate) fn has_flat_errors(&self) -> bool {
        self.path.starts_with("/api/")
    }

    /// The errors it may end in.
    pub(crate) fn all_scopes(&self, is_keyless: bool) -> Vec<Scope> {
        let of_access = match self.access {
            Access::Everybody | Access::KeyIfAny if is_keyless => &[Scope::Host][..],
            Access::Everybody | Access::KeyIfAny => &[],
            Access::Key if is_keyless => &[Scope::Host],
            Access::Key => &[Scope::Key],
            Access::Admin if is_keyless => &[Scope::Host],
            Access::Admin => &[Scope::Key, Scope::Admin],
        };
        let is_guarded = !matches!(self.path, "/healthz" | "/readyz");
        let of_access = of_access.iter().filter(|_| is_guarded);
        of_access.chain(&self.scopes).copied().collect()
    }

    /// What stands in the document under its path and method. `errors` gives the answer for the
    /// errors of a status.
    pub(super) fn to_json(&self, is_keyless: bool, errors: Vec<(u16, Value)>) -> Value {
        let mut json = json!({
            "operationId": self.id,
            "tags": [self.tag.as_str()],
            "summary": self.summary,
            "description": self.description,
        });
        if !self.parameters.is_empty() {
            json["parameters"] = self.parameters.iter().map(Parameter::to_json).collect();
        }
        if let Some(body) = &self.body {
            let examples = body
                .examples
                .iter()
                .enumerate()
                .map(|(number, (words, value))| {
                    let name = format!("example{}", number + 1);
                    (name, json!({ "summary": words, "value": value }))
                });
            json["requestBody"] = json!({
                "required": true,
                "content": { "application/json": {
                    "schema": body.schema.to_json(),
                    "examples": Value::Object(examples.collect()),
                } },
            });
        }
        let answers = self.answers.iter();
        let answers = answers.map(|answer| (answer.status, answer.to_json()));
        let responses: Map<String, Value> = answers
            .chain(errors)
            .map(|(status, json)| (status.to_string(), json))
            .collect();
        json["responses"] = Value::Object(responses);
        if !is_keyless {
            json["security"] = match self.access {
                Access::Everybody => json!([]),
                Access::KeyIfAny => json!([{}, { "bearer": [] }, { "apiKey": [] }]),
                Access::Key | Access::Admin => json!([{ "bearer": [] }, { "apiKey": [] }]),
            };
        }
        json
    }
}
