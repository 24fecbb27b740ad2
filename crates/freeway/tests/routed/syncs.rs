//! `freeway sync`.

use mock::{Behaviour, CatalogueModel};
use serde_json::{Value, json};

use crate::home::Home;
use crate::output::{assert_fails, assert_success, stdout};

fn provider<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["providers"].as_array().unwrap();
    all.iter().find(|one| one["provider"] == name).unwrap()
}

#[test]
fn what_is_new_gone_and_back_is_told() {
    let home = Home::with(&["host"]);
    let report = home.json(&["sync"]);
    let host = provider(&report, "host");
    assert_eq!(
        (&host["listed"], &host["is_observed"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(host["new"].as_array().unwrap().len(), 3);

    let mut left = CatalogueModel::free("openai/gpt-oss-120b:free");
    left.context_length = 4096;
    let stays = CatalogueModel::free("openai/gpt-oss-20b:free");
    home.hosts[0].set_catalogue(&[stays, left]);
    let report = home.json(&["sync"]);
    let host = provider(&report, "host");
    assert_eq!(host["gone"], json!(["mock/good:free"]));
    assert_eq!(host["new"], json!([]));
    assert!(host["changed_fields"].as_u64().unwrap() > 0, "{host}");

    home.hosts[0].set_catalogue(&[
        CatalogueModel::free("openai/gpt-oss-20b:free"),
        CatalogueModel::free("openai/gpt-oss-120b:free"),
        CatalogueModel::free("mock/good:free"),
    ]);
    let output = home.run(&["sync"]);
    assert_success(&output);
    let line = stdout(&output).lines().nth(1).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[..5], ["host", "3", "0", "1", "0"], "{line}");
    assert_eq!(cells.last(), Some(&"read"), "{line}");
}

#[test]
fn a_host_that_cannot_be_read_is_not_observed_and_loses_nothing() {
    let home = Home::with(&["good", "bad"]);
    assert_success(&home.run(&["sync"]));
    home.hosts[1].set("/models", Behaviour::Internal);
    let output = home.run(&["sync"]);
    assert_success(&output);
    let line = stdout(&output)
        .lines()
        .find(|line| line.starts_with("bad"))
        .unwrap();
    assert!(line.contains("not observed: "), "{line}");
    let list = home.json(&["models", "--free"]);
    assert_eq!(list["models"][0]["hosts"], json!(["bad", "good"]));
    assert!(list["unread"]["bad"].is_string(), "{list}");

    home.hosts[0].set("/models", Behaviour::Internal);
    let output = home.run(&["sync", "--json"]);
    assert_eq!(output.status.code(), Some(1), "nothing was observed");
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    for name in ["good", "bad"] {
        let one = provider(&report, name);
        assert_eq!(one["is_observed"], false);
        assert!(one["not_observed"].is_string(), "{one}");
    }
    assert_eq!(home.ids(&[]).len(), 3);
}

#[test]
fn while_another_process_looks_nothing_is_asked_and_nothing_written() {
    let home = Home::with(&["host"]);
    let _guard = home.runtime.enter();
    let store = home
        .runtime
        .block_on(store::connect(&home.store_url()))
        .unwrap();
    let lock = home.runtime.block_on(store.try_lock("sync")).unwrap();
    assert!(lock.is_some());
    let output = home.run(&["sync"]);
    assert_fails(&output, 1, &["another process"]);
    assert_eq!(home.hosts[0].num_requests(), 0);
    drop(lock);
    assert_success(&home.run(&["sync"]));
}

#[test]
fn without_a_host_it_is_said_how_to_have_one() {
    let home = Home::with(&[]);
    let output = home.run(&["sync"]);
    assert_fails(&output, 1, &["OPENROUTER_API_KEY"]);
}
