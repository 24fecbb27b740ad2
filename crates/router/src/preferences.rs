//! What a key wants by default: which models, in which order, how many.
//!
//! They are a JSON object in the store, with the names that Free LLM Router gives its members and a
//! few of our own. What cannot be used is left out and reported, so that one wrong member does not
//! cost the others.

use serde_json::{Map, Value, json};
use store::KeySettings;

use crate::error::shortened;
use crate::reliability::Window;

/// Models that a list of a key names at most.
pub const MAX_LISTED_MODELS: usize = 50;
/// Models that a list has at most, if it is asked to have few.
pub const MAX_TOP_N: u8 = 100;
/// Characters of the name of a model.
pub const MAX_MODEL_CHARS: usize = 200;
/// Faults that are reported at most.
const MAX_FAULTS: usize = 20;
/// What a provider may add to the id of a model that it offers for nothing.
const FREE_SUFFIX: &str = ":free";

/// Declares words of the API, with the one for each value.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The one with this word; case matters.
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The words, for a message.
            fn choices() -> String {
                let words: Vec<_> = Self::ALL.iter().map(|one| one.as_str()).collect();
                words.join(", ")
            }
        }
    };
}

words! {
    /// What a model is wanted for.
    UseCase {
        /// Conversations.
        Chat = "chat",
        /// It sees images.
        Vision = "vision",
        /// It calls functions.
        Tools = "tools",
        /// It takes 100,000 tokens or more.
        LongContext = "longContext",
        /// It thinks before it speaks.
        Reasoning = "reasoning",
    }
}

words! {
    /// Which models come first.
    Sort {
        /// Those that take the most tokens.
        ContextLength = "contextLength",
        /// Those that write the most tokens.
        MaxOutput = "maxOutput",
        /// Those that know the most parameters.
        Capable = "capable",
        /// Those that fail the least.
        LeastIssues = "leastIssues",
        /// Those that were first seen last.
        Newest = "newest",
    }
}

words! {
    /// Which hosts may read prompts.
    DataPolicy {
        /// Any.
        Any = "any",
        /// Those alone that do not train on prompts nor publish them.
        NoTraining = "noTraining",
    }
}

/// The preferences of a key. A member that is not set leaves the matter to the request, and then to
/// the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// What models must be good for, all of it.
    pub use_cases: Vec<UseCase>,
    /// Which come first.
    pub sort: Option<Sort>,
    /// How many are listed, 1 to 100.
    pub top_n: Option<u8>,
    /// The error rate in percent up to which models are listed, 0 to 100.
    pub max_error_rate: Option<u8>,
    /// Over which time errors count.
    pub time_range: Option<Window>,
    /// Whether only reports of this key count.
    pub my_reports: Option<bool>,
    /// Ids of models that are neither listed nor asked. At most [`MAX_LISTED_MODELS`].
    pub exclude_model_ids: Vec<String>,
    /// Ids of the models that may be asked; `None`: any. At most [`MAX_LISTED_MODELS`]. Only an
    /// administrator changes it.
    pub allowed_models: Option<Vec<String>>,
    /// Which hosts may be asked. Only an administrator changes it.
    pub data_policy: Option<DataPolicy>,
}

impl Preferences {
    /// Makes preferences of JSON. Members that cannot be used are left out; what was wrong with each
    /// is told beside.
    pub fn read(json: &Value) -> (Self, Vec<String>) {
        let mut reader = Reader::default();
        let mut preferences = Self::default();
        let Some(members) = json.as_object() else {
            reader.fault("preferences".to_owned(), "must be a JSON object");
            return (preferences, reader.faults);
        };
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            match name.as_str() {
                "useCases" => {
                    let choices = UseCase::choices();
                    let read = |item: &Value| UseCase::parse(item.as_str()?);
                    preferences.use_cases =
                        reader.list(name, value, UseCase::ALL.len(), &choices, read);
                }
                "sort" => {
                    preferences.sort = reader.word(name, value, Sort::parse, &Sort::choices())
                }
                "topN" => preferences.top_n = reader.number(name, value, 1, MAX_TOP_N),
                "maxErrorRate" => preferences.max_error_rate = reader.number(name, value, 0, 100),
                "timeRange" => {
                    let choices = Window::ALL.map(Window::as_str).join(", ");
                    preferences.time_range = reader.word(name, value, Window::parse, &choices);
                }
                "myReports" => {
                    preferences.my_reports = value.as_bool();
                    if preferences.my_reports.is_none() {
                        reader.fault(name.clone(), "must be true or false");
                    }
                }
                "excludeModelIds" => preferences.exclude_model_ids = reader.models(name, value),
                "allowedModels" => {
                    let models = reader.models(name, value);
                    preferences.allowed_models = Some(models).filter(|models| !models.is_empty());
                    if preferences.allowed_models.is_none() {
                        let advice = "names no model; leave it out if any may be asked";
                        reader.fault(name.clone(), advice);
                    }
                }
                "dataPolicy" => {
                    let choices = DataPolicy::choices();
                    preferences.data_policy = reader.word(name, value, DataPolicy::parse, &choices);
                }
                _ => reader.fault(name.clone(), "is no preference"),
            }
        }
        (preferences, reader.faults)
    }

    /// Those that are kept with a key. What cannot be read restricts nothing, but for a list of
    /// allowed models: of that nothing is left.
    pub fn of(settings: &KeySettings) -> Self {
        let Some(text) = &settings.preferences else {
            return Self::default();
        };
        let json = serde_json::from_str(text).unwrap_or(Value::Null);
        let (mut preferences, _) = Self::read(&json);
        let is_restricted = json
            .get("allowedModels")
            .is_some_and(|list| !list.is_null());
        let is_damaged =
            !json.is_object() || (is_restricted && preferences.allowed_models.is_none());
        if is_damaged {
            tracing::error!("the preferences of a key are damaged; it may ask no model");
            preferences.allowed_models = Some(Vec::new());
        }
        preferences
    }

    /// The members that are set.
    pub fn to_json(&self) -> Value {
        let mut members = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        let use_cases: Vec<_> = self.use_cases.iter().map(|one| one.as_str()).collect();
        let filled = |list: &[String]| (!list.is_empty()).then(|| json!(list));
        set(
            "useCases",
            (!use_cases.is_empty()).then(|| json!(use_cases)),
        );
        set("sort", self.sort.map(|sort| json!(sort.as_str())));
        set("topN", self.top_n.map(Value::from));
        set("maxErrorRate", self.max_error_rate.map(Value::from));
        set(
            "timeRange",
            self.time_range.map(|range| json!(range.as_str())),
        );
        set("myReports", self.my_reports.map(Value::from));
        set("excludeModelIds", filled(&self.exclude_model_ids));
        set(
            "allowedModels",
            self.allowed_models.as_ref().map(|list| json!(list)),
        );
        set(
            "dataPolicy",
            self.data_policy.map(|policy| json!(policy.as_str())),
        );
        Value::Object(members)
    }

    /// The text that is kept with a key.
    pub fn to_stored(&self) -> Option<String> {
        (*self != Self::default()).then(|| self.to_json().to_string())
    }

    /// These preferences with what only an administrator changes as it is in `other`.
    #[must_use]
    pub fn restricted_as(self, other: &Self) -> Self {
        Self {
            allowed_models: other.allowed_models.clone(),
            data_policy: other.data_policy,
            ..self
        }
    }

    /// Whether the model of this id may be asked and listed. Case does not matter, nor does `:free`
    /// at the end: the price is no part of the model.
    pub fn allow(&self, model: &str) -> bool {
        let is_listed = |list: &[String]| list.iter().any(|one| is_same_model(one, model));
        let is_allowed = self.allowed_models.as_deref().is_none_or(is_listed);
        is_allowed && !is_listed(&self.exclude_model_ids)
    }
}

fn is_same_model(one: &str, other: &str) -> bool {
    let id = |name: &str| name.strip_suffix(FREE_SUFFIX).unwrap_or(name).to_owned();
    id(one).eq_ignore_ascii_case(&id(other))
}

/// Reads members, and gathers what is wrong with them.
#[derive(Default)]
struct Reader {
    faults: Vec<String>,
}

impl Reader {
    fn fault(&mut self, place: String, what: &str) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(shortened(format!("{place}: {what}")));
        }
    }

    fn word<T>(
        &mut self,
        name: &str,
        value: &Value,
        parse: fn(&str) -> Option<T>,
        choices: &str,
    ) -> Option<T> {
        let read = value.as_str().and_then(parse);
        if read.is_none() {
            self.fault(name.to_owned(), &format!("must be one of {choices}"));
        }
        read
    }

    /// A number from `min` to `max`; fractions are cut off.
    fn number(&mut self, name: &str, value: &Value, min: u8, max: u8) -> Option<u8> {
        let read = value
            .as_f64()
            .filter(|number| (f64::from(min)..=f64::from(max)).contains(number))
            // In range, so it fits.
            .map(|number| number as u8);
        if read.is_none() {
            self.fault(
                name.to_owned(),
                &format!("must be a number from {min} to {max}"),
            );
        }
        read
    }

    /// The items that can be used, each once, and at most `max` of them.
    fn list<T: PartialEq>(
        &mut self,
        name: &str,
        value: &Value,
        max: usize,
        choices: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Vec<T> {
        let Some(items) = value.as_array() else {
            self.fault(name.to_owned(), "must be a list");
            return Vec::new();
        };
        let mut list = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match read(item) {
                None => self.fault(
                    format!("{name}[{index}]"),
                    &format!("must be one of {choices}"),
                ),
                Some(item) if list.contains(&item) => {}
                Some(_) if list.len() == max => {
                    self.fault(name.to_owned(), &format!("only the first {max} are taken"));
                    break;
                }
                Some(item) => list.push(item),
            }
        }
        list
    }

    fn models(&mut self, name: &str, value: &Value) -> Vec<String> {
        let read = |item: &Value| {
            let id = item.as_str()?.trim();
            let is_id = !id.is_empty() && id.chars().count() <= MAX_MODEL_CHARS;
            is_id.then(|| id.to_owned())
        };
        let choices = "the ids of GET /v1/models";
        self.list(name, value, MAX_LISTED_MODELS, choices, read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: Value) -> (Preferences, String) {
        let (preferences, faults) = Preferences::read(&json);
        (preferences, faults.join("\n"))
    }

    #[test]
    fn every_member_is_read_and_written_under_its_name() {
        let json = json!({
            "useCases": ["chat", "vision", "tools", "longContext", "reasoning"],
            "sort": "leastIssues",
            "topN": 5,
            "maxErrorRate": 10,
            "timeRange": "24h",
            "myReports": true,
            "excludeModelIds": ["a/b:free", "c/d"],
            "allowedModels": ["openai/gpt-oss-20b"],
            "dataPolicy": "noTraining",
        });
        let (preferences, faults) = read(json.clone());
        assert_eq!(faults, "");
        assert_eq!(preferences.to_json(), json);
        let settings = KeySettings {
            preferences: preferences.to_stored(),
            ..KeySettings::default()
        };
        assert_eq!(Preferences::of(&settings), preferences);
    }

    #[test]
    fn what_is_not_set_is_not_kept() {
        assert_eq!(read(json!({})), (Preferences::default(), String::new()));
        assert_eq!(read(json!({"sort": null})).0, Preferences::default());
        assert_eq!(Preferences::default().to_stored(), None);
        assert_eq!(
            Preferences::of(&KeySettings::default()),
            Preferences::default()
        );
    }

    #[test]
    fn a_wrong_member_is_left_out_and_named_and_costs_no_other() {
        for (name, wrong, words) in [
            ("useCases", json!("chat"), "must be a list"),
            (
                "useCases",
                json!(["Chat"]),
                "useCases[0]: must be one of chat, vision",
            ),
            ("sort", json!("best"), "must be one of contextLength"),
            ("sort", json!(3), "must be one of contextLength"),
            ("topN", json!(0), "from 1 to 100"),
            ("topN", json!(101), "from 1 to 100"),
            ("topN", json!("5"), "from 1 to 100"),
            ("maxErrorRate", json!(-1), "from 0 to 100"),
            ("timeRange", json!("2h"), "must be one of 15m"),
            ("myReports", json!("true"), "true or false"),
            ("excludeModelIds", json!([" "]), "excludeModelIds[0]"),
            ("excludeModelIds", json!([7]), "excludeModelIds[0]"),
            (
                "excludeModelIds",
                json!(["x".repeat(201)]),
                "excludeModelIds[0]",
            ),
            (
                "dataPolicy",
                json!("none"),
                "must be one of any, noTraining",
            ),
            ("apiKeyId", json!("k"), "is no preference"),
        ] {
            let (preferences, faults) = read(json!({name: wrong}));
            assert!(faults.contains(words), "{name}: {faults}");
            assert_eq!(preferences, Preferences::default(), "{name}");
        }
        let (preferences, _) = read(json!({"sort": "best", "topN": 7}));
        assert_eq!(preferences.top_n, Some(7));
        assert!(read(json!([])).1.contains("must be a JSON object"));
    }

    #[test]
    fn lists_are_trimmed_without_doubles_and_cut_at_their_limit() {
        let (preferences, faults) = read(json!({"excludeModelIds": [" a/b ", "a/b", "c"]}));
        assert_eq!(preferences.exclude_model_ids, ["a/b", "c"]);
        assert_eq!(faults, "");
        let many: Vec<_> = (0..1000).map(|number| format!("m/{number}")).collect();
        let (preferences, faults) = read(json!({"excludeModelIds": many}));
        assert_eq!(preferences.exclude_model_ids, many[..50]);
        assert!(faults.contains("only the first 50"), "{faults}");
        let many_wrong = vec![0; 1000];
        let (_, faults) = Preferences::read(&json!({"excludeModelIds": many_wrong}));
        assert_eq!(faults.len(), MAX_FAULTS);
    }

    #[test]
    fn fractions_are_cut_off_as_in_the_query() {
        assert_eq!(
            read(json!({"maxErrorRate": 12.7})).0.max_error_rate,
            Some(12)
        );
        assert_eq!(read(json!({"maxErrorRate": 0})).0.max_error_rate, Some(0));
    }

    #[test]
    fn a_restriction_that_cannot_be_read_allows_nothing() {
        for text in [
            "{",
            "[]",
            "{\"allowedModels\": 3}",
            "{\"allowedModels\": []}",
        ] {
            let settings = KeySettings {
                preferences: Some(text.to_owned()),
                ..KeySettings::default()
            };
            assert!(!Preferences::of(&settings).allow("a/b"), "{text}");
        }
    }

    #[test]
    fn a_model_is_allowed_by_its_id_whatever_its_case_and_price() {
        let (preferences, _) = read(json!({"allowedModels": ["openai/gpt-oss-20b", "x/y"],
            "excludeModelIds": ["X/Y:free"]}));
        assert!(preferences.allow("OpenAI/gpt-oss-20b:free"));
        assert!(preferences.allow("openai/gpt-oss-20b"));
        assert!(!preferences.allow("x/y"), "what is excluded stays so");
        assert!(!preferences.allow("openai/gpt-oss-120b"));
        assert!(Preferences::default().allow("anything"));
    }

    #[test]
    fn what_an_administrator_decides_stays() {
        let (restricted, _) = read(json!({"allowedModels": ["a/b"], "dataPolicy": "noTraining"}));
        let (wish, _) = read(json!({"allowedModels": ["c/d"], "topN": 3}));
        let changed = wish.restricted_as(&restricted);
        assert_eq!(changed.top_n, Some(3));
        assert_eq!(changed.allowed_models, restricted.allowed_models);
        assert_eq!(changed.data_policy, restricted.data_policy);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z7:/ ]{0,12}".prop_map(Value::from),
            prop::sample::select(vec!["chat", "capable", "7d", "noTraining"]).prop_map(Value::from),
        ];
        let names = prop::sample::select(vec![
            "useCases",
            "sort",
            "topN",
            "maxErrorRate",
            "timeRange",
            "myReports",
            "excludeModelIds",
            "allowedModels",
            "dataPolicy",
            "other",
        ]);
        leaf.prop_recursive(3, 40, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((names.clone(), inner), 0..8).prop_map(|members| {
                    members
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect()
                }),
            ]
        })
    }

    proptest! {
        /// Whatever comes in, what is kept of it is read back the same, without a fault.
        #[test]
        fn what_is_kept_is_read_back(json in any_json()) {
            let (preferences, _) = Preferences::read(&json);
            let settings = KeySettings {
                preferences: preferences.to_stored(),
                ..KeySettings::default()
            };
            prop_assert_eq!(&Preferences::of(&settings), &preferences);
            let (_, faults) = Preferences::read(&preferences.to_json());
            prop_assert!(faults.is_empty(), "{:?}", faults);
        }
    }
}
