//! The router's explanation for people. It comes as the JSON that the API answers with.

use serde_json::Value;

use crate::table;

/// The explanation in tables.
pub(super) fn text(told: &Value) -> String {
    let mut text = format!(
        "models  {}\nneeds   {}\n",
        words(&told["models"]),
        needs(&told["needs"])
    );
    let order = rows(&told["order"]);
    if order.is_empty() {
        text.push_str("\nnobody would be asked\n");
    } else {
        let header = [
            "ASKED",
            "DEPLOYMENT",
            "RUNS",
            "SCORE",
            "RELIABILITY",
            "SPEED",
            "QUOTA",
            "LATELY",
            "FIRST TOKEN",
            "LEFT",
        ];
        let rows = order.iter().zip(1..).map(|(one, place)| {
            let score = &one["score"];
            [
                place.to_string(),
                word(&one["deployment"]),
                word(&one["tier"]),
                number(&score["total"], 3),
                number(&score["reliability"], 3),
                number(&score["speed"], 3),
                number(&score["quota"], 3),
                lately(&one["recent"]),
                match one["first_token_ms"].is_null() {
                    true => "-".to_owned(),
                    false => format!("{} ms", number(&one["first_token_ms"], 0)),
                },
                quotas(&one["quotas"]),
            ]
        });
        text.push_str(&format!("\n{}", table::render(header, rows)));
    }
    let excluded = rows(&told["excluded"]);
    if !excluded.is_empty() {
        let header = ["NOT ASKED", "WHY", "DETAILS", "UNTIL", "LEFT"];
        let rows = excluded.iter().map(|one| {
            [
                word(&one["deployment"]),
                word(&one["reason"]).replace('_', " "),
                details(&one["detail"]),
                word(&one["until"]),
                quotas(&one["quotas"]),
            ]
        });
        text.push_str(&format!("\n{}", table::render(header, rows)));
    }
    let exploration = told["exploration"].as_f64().unwrap_or(0.0);
    if order.len() > 1 && exploration > 0.0 {
        text.push_str(&format!(
            "\n({:.1} % of requests go first to one that little is known of)\n",
            100.0 * exploration
        ));
    }
    text
}

fn rows(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Texts of strangers stand in no other line but these.
fn words(list: &Value) -> String {
    let words: Vec<_> = rows(list).iter().map(word).collect();
    table::printable(&words.join(", "))
}

fn number(value: &Value, digits: usize) -> String {
    let value = value.as_f64();
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// Such as `3 ok, 1 failed`; older ones weigh less.
fn lately(recent: &Value) -> String {
    let count = |name: &str| recent[name].as_f64().unwrap_or(0.0);
    match (count("ok"), count("failed")) {
        (0.0, 0.0) => "no data".to_owned(),
        (ok, failed) => format!("{ok:.1} ok, {failed:.1} failed"),
    }
}

/// Such as `43 of 50 requests_per_day`.
fn quotas(list: &Value) -> String {
    let told = rows(list).iter().map(|one| {
        let window = word(&one["window"]).replace('_', " ");
        match one["limit"].as_u64() {
            Some(limit) => format!("{} of {limit} {window}", word(&one["remaining"])),
            None => format!("{} {window}", word(&one["remaining"])),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

fn needs(needs: &Value) -> String {
    let mut told = vec![format!(
        "{} tokens of prompt or more",
        word(&needs["prompt_tokens"])
    )];
    if let Some(tokens) = needs["output_tokens"].as_u64() {
        told.push(format!("{tokens} of answer"));
    }
    let wanted = [
        "tools",
        "images",
        "forced_call",
        "structured_output",
        "reasoning",
        "no_training",
    ];
    let wanted = wanted.iter().filter(|name| needs[**name] == true);
    told.extend(wanted.map(|name| name.replace('_', " ")));
    told.join(", ")
}

fn details(detail: &Value) -> String {
    let members = detail.as_object().into_iter().flatten();
    let told = members.map(|(name, value)| format!("{} {}", name.replace('_', " "), word(value)));
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_the_reasons_and_what_is_left_are_told() {
        let route = |name: &str| {
            json!({
                "deployment": name,
                "tier": "hosted",
                "recent": {"ok": 0.0, "failed": 0.0},
                "first_token_ms": null,
                "quotas": [{"window": "requests_per_day", "limit": 50, "remaining": 43}],
            })
        };
        let mut first = route("a/x\u{1b}[2J");
        first["score"] = json!({"total": 0.5, "reliability": 0.6, "speed": 0.9, "quota": 1.0});
        let mut out = route("b/x");
        out["reason"] = "breaker_open".into();
        out["detail"] = json!({"failure": "timeout", "stated_by_host": false});
        out["until"] = "2026-01-01T00:00:00Z".into();
        let told = json!({
            "models": ["x", "y\u{202e}"],
            "needs": {"prompt_tokens": 3, "output_tokens": null, "tools": true, "images": false},
            "order": [first],
            "excluded": [out],
            "exploration": 0.02,
        });
        let text = text(&told);
        for words in [
            "needs   3 tokens of prompt or more, tools\n",
            "0.500",
            "no data",
            "43 of 50 requests per day",
            "breaker open",
            "failure timeout, stated by host false",
        ] {
            assert!(text.contains(words), "{words:?} in {text}");
        }
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }

    #[test]
    fn nobody_is_somebody_to_tell_of() {
        let told = json!({"models": ["x"], "needs": {}, "order": [], "excluded": []});
        assert!(text(&told).contains("nobody would be asked"));
    }
}
