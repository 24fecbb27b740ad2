use router::ModelSpec;
use serde_json::json;
use store::{DeploymentKey, ModelRecord};

use super::*;

const FIRST: i64 = 1_763_827_200_000;
const HOUR_MS: i64 = 3_600_000;

fn change(model: &str, provider: &str, at: i64, field: &str) -> SpecChange {
    SpecChange {
        model: model.to_owned(),
        deployment: Some(DeploymentKey {
            provider: provider.to_owned(),
            name: format!("{model}:free"),
        }),
        at: Timestamp(at),
        field: field.to_owned(),
        old: None,
        new: None,
    }
}

fn changed(field: &str, old: Value, new: Value) -> SpecChange {
    let text = |value: Value| (!value.is_null()).then(|| value.to_string());
    SpecChange {
        old: text(old),
        new: text(new),
        ..change("a/m", "groq", FIRST, field)
    }
}

fn catalog() -> Catalog {
    let spec = ModelSpec {
        name: "Acme: \u{202e}M<b>".to_owned(),
        context_length: Some(131_072),
        ..ModelSpec::default()
    };
    let model = ModelRecord {
        id: "a/m".to_owned(),
        spec: json!({ "author": "acme", "spec": spec }).to_string(),
        first_seen_at: Timestamp(FIRST),
        last_seen_at: Timestamp(FIRST),
    };
    Catalog::from_store(vec![model], Vec::new())
}

#[test]
fn a_first_look_is_one_entry_and_a_later_model_has_its_own() {
    let mut changes = vec![change("a/m", "openrouter", FIRST + HOUR_MS, "appeared")];
    for number in 0..300 {
        let model = format!("b/{number:03}");
        changes.push(change(&model, "openrouter", FIRST, "appeared"));
        // The model as a whole appears at the same moment.
        changes.push(SpecChange {
            deployment: None,
            ..change(&model, "openrouter", FIRST, "appeared")
        });
    }
    let entries = entries(&catalog(), &changes, false);
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].title, "Acme: M<b> is free now at OpenRouter");
    assert_eq!(entries[0].path, "/models/a/m");
    assert_eq!(entries[0].lines[1], "context 131,072 tokens");
    assert_eq!(entries[1].title, "300 models appeared at OpenRouter");
    assert_eq!(entries[1].lines.len(), MAX_NAMED + 1);
    assert_eq!(entries[1].lines[MAX_NAMED], "and 250 more");
    assert_eq!(
        entries[1].id,
        format!("freeway:appeared:openrouter:{FIRST}")
    );
}

#[test]
fn limits_are_told_in_words_and_what_nobody_feels_is_not() {
    for (change, expected) in [
        (
            changed("context_length", json!(131_072), json!(65_536)),
            Some("context: 131,072 → 65,536"),
        ),
        (
            changed("max_output_tokens", Value::Null, json!(8192)),
            Some("longest answer: unknown → 8,192"),
        ),
        (
            changed(
                "input_modalities",
                json!(["text"]),
                json!(["text", "image"]),
            ),
            Some("inputs: text → text, image"),
        ),
        (
            changed(
                "supported_parameters",
                json!(["a", "tools"]),
                json!(["a", "seed"]),
            ),
            Some("parameters: added seed, removed tools"),
        ),
        (
            changed("is_moderated", json!(false), json!(true)),
            Some("moderated: no → yes"),
        ),
        (
            changed(
                "expiration_date",
                Value::Null,
                json!("\u{202e}2026-01-01\n"),
            ),
            Some("free until: unknown → 2026-01-01"),
        ),
        (changed("description", json!("a"), json!("b")), None),
    ] {
        let entries = entries(&catalog(), &[change], false);
        let line = entries.first().map(|entry| entry.lines[0].as_str());
        assert_eq!(line, expected);
    }
}

#[test]
fn several_limits_of_one_look_are_one_entry() {
    let changes = [
        changed("context_length", json!(1), json!(2)),
        changed("max_output_tokens", json!(1), json!(2)),
        changed("description", json!("a"), json!("b")),
    ];
    let entries = entries(&catalog(), &changes, false);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].title, "Acme: M<b> changed at Groq");
    assert_eq!(
        entries[0].lines,
        ["context: 1 → 2", "longest answer: 1 → 2"]
    );
}

#[test]
fn half_a_look_is_not_counted_unless_there_is_no_other() {
    let look = |at: i64| {
        let models = (0..5).map(move |number| format!("m/{number}"));
        models.map(move |model| change(&model, "groq", at, "left"))
    };
    let two: Vec<_> = look(FIRST + HOUR_MS).chain(look(FIRST)).collect();
    let titles = |changes: &[SpecChange], is_cut| {
        let entries = entries(&Catalog::default(), changes, is_cut);
        entries.into_iter().map(|one| one.title).collect::<Vec<_>>()
    };
    assert_eq!(titles(&two, false), ["5 models left at Groq"; 2]);
    assert_eq!(titles(&two, true), ["5 models left at Groq"]);
    assert_eq!(titles(&two[..5], true), ["5 or more models left at Groq"]);
}

#[test]
fn no_more_is_told_than_readers_want_and_ids_are_told_apart() {
    let changes: Vec<_> = (0..500)
        .map(|number| change("a/m", "groq", FIRST - number, "left"))
        .collect();
    let entries = entries(&catalog(), &changes, false);
    assert_eq!(entries.len(), MAX_ENTRIES);
    let ids: std::collections::HashSet<_> = entries.iter().map(|entry| &entry.id).collect();
    assert_eq!(ids.len(), MAX_ENTRIES);
    assert!(entries.is_sorted_by_key(|entry| -entry.at.0));
}

#[test]
fn values_read_as_people_write_them() {
    for (json, words) in [
        ("131072", "131,072"),
        ("\"fp4\"", "fp4"),
        ("[\"tools\",\"seed\"]", "tools, seed"),
        ("true", "yes"),
        ("null", ""),
        ("not json", "not json"),
    ] {
        assert_eq!(value(json), words);
    }
    let long = value(&format!("\"{}\"", "x".repeat(100)));
    assert_eq!(long.chars().count(), MAX_VALUE_CHARS + 1);
}
