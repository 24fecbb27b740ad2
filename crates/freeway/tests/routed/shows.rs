//! `freeway models show`.

use mock::CatalogueModel;
use serde_json::{Value, json};

use crate::home::Home;
use crate::output::{assert_success, stderr, stdout};

#[test]
fn a_model_is_found_by_each_of_its_names_and_a_wrong_one_is_told_near_ones() {
    let home = Home::synced();
    for name in [
        "openai/gpt-oss-20b",
        "openai/gpt-oss-20b:free",
        "OpenAI/GPT-OSS-20B",
        "gpt-oss-20b",
        "host/openai/gpt-oss-20b:free",
    ] {
        let shown = home.json(&["models", "show", name]);
        assert_eq!(shown["canonical_id"], "openai/gpt-oss-20b", "{name}");
    }
    let output = home.run(&["models", "show", "openai/gpt-oss-21b"]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("did you mean openai/gpt-oss-120b or openai/gpt-oss-20b?"),
        "{message}"
    );
    assert_eq!(stdout(&output), "");
}

#[test]
fn changes_of_a_specification_are_told_with_their_dates() {
    let home = Home::synced();
    let mut shorter = CatalogueModel::free("openai/gpt-oss-20b:free");
    shorter.context_length = 4096;
    let stays = CatalogueModel::free("openai/gpt-oss-120b:free");
    home.hosts[0].set_catalogue(&[shorter, stays]);
    assert_success(&home.run(&["sync"]));

    let shown = home.json(&["models", "show", "openai/gpt-oss-20b"]);
    let changes = shown["changes"].as_array().unwrap();
    let change = changes
        .iter()
        .find(|change| change["field"] == "context_length" && !change["deployment"].is_null())
        .unwrap();
    assert_eq!(
        (&change["old"], &change["new"]),
        (&json!(131_072), &json!(4096))
    );
    assert!(change["at"].as_str().unwrap().ends_with('Z'));
    let deployment = &shown["deployments"][0];
    assert_eq!(deployment["spec"]["context_length"], 4096);
    assert_eq!(deployment["account_limits"]["requests_per_day"], 50);
    assert_eq!(deployment["gone_at"], Value::Null);

    let output = home.run(&["models", "show", "openai/gpt-oss-20b"]);
    assert_success(&output);
    let text = stdout(&output);
    for words in [
        "131072 → 4096",
        "The smaller of the two open-weight models",
        "50 requests/day",
        "up, 99.5 %, 412 ms, 71/s",
        "callable",
        "no data",
    ] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    let gone = home.json(&["models", "show", "mock/good"]);
    assert_eq!(gone["is_offered"], false);
    assert!(gone["deployments"][0]["gone_at"].is_string(), "{gone}");
}

#[test]
fn a_model_that_runs_here_alone_has_its_context_and_its_times() {
    let home = Home::with(&[]);
    let ask = ["route", "--local-model", "demo", "--model", "demo", "2+2"];
    assert_success(&home.run(&ask));
    let shown = home.json(&["models", "show", "demo"]);
    assert_eq!(shown["times"]["answers"], 1, "{shown}");
    let output = home.run(&["models", "show", "demo"]);
    let text = stdout(&output);
    assert!(text.contains("131072 tokens"), "{text}");
    let answer = text.lines().find(|line| line.starts_with("whole answer"));
    assert!(answer.unwrap().ends_with(" ms"), "{text}");
}
