//! `freeway models --free`.

use mock::{Behaviour, CatalogueModel};
use serde_json::{Value, json};

use crate::home::{Home, model};
use crate::output::{assert_fails, assert_success, stderr, stdout};

#[test]
fn the_catalogue_is_read_from_the_store_when_no_host_is_there_any_more() {
    let mut home = Home::synced();
    home.hosts.clear();
    let output = home.run(&["models", "--free"]);
    assert_success(&output);
    let table = stdout(&output);
    let line = table
        .lines()
        .find(|line| line.starts_with("openai/gpt-oss-20b"))
        .unwrap();
    // It was listed in this hour; nobody was asked anything, which is no rate of 0.
    for words in [
        "host",
        "131072",
        "1 of 1 day, 100 %",
        "no data",
        "~412 ms",
        "~71/s",
    ] {
        assert!(line.contains(words), "{words:?} in {line}");
    }
    assert!(!line.contains("0.0 %"), "{line}");
    let list = home.json(&["models", "--free"]);
    assert_eq!(list["count"], 3);
    let errors = &list["models"][0]["errors"];
    assert_eq!(
        (&errors["rate"], &errors["cases"]),
        (&Value::Null, &json!(0))
    );
}

#[test]
fn filters_and_orders_are_those_of_the_other_lists() {
    let home = Home::with(&["host"]);
    home.hosts[0].set_catalogue(&[
        model("acme/long:free", |one| {
            one.context_length = 1_000_000;
            one.supported_parameters = vec!["structured_outputs".to_owned()];
        }),
        model("acme/eyes:free", |one| {
            one.context_length = 8_000;
            one.input_modalities = vec!["text".to_owned(), "image".to_owned()];
        }),
        model("acme/paid", |one| one.price = "0.1".to_owned()),
        CatalogueModel::free("other/plain:free"),
    ]);
    assert_success(&home.run(&["sync"]));
    let ids = |args: &[&str]| home.ids(args);
    assert_eq!(ids(&[]), ["acme/long", "other/plain", "acme/eyes"]);
    assert_eq!(
        ids(&["--sort", "capable"]),
        ["other/plain", "acme/eyes", "acme/long"]
    );
    assert_eq!(ids(&["--limit", "1"]), ["acme/long"]);
    assert_eq!(ids(&["--tools"]), ["other/plain", "acme/eyes"]);
    assert_eq!(ids(&["--reasoning", "--vision"]), ["acme/eyes"]);
    assert_eq!(ids(&["--structured"]), ["acme/long"]);
    assert_eq!(ids(&["--long-context"]), ["acme/long", "other/plain"]);
    assert_eq!(ids(&["--search", "ACME eyes"]), ["acme/eyes"]);
    assert_eq!(
        ids(&["--search", "mock"]),
        ["acme/long", "other/plain", "acme/eyes"]
    );
    let none = home.run(&["models", "--free", "--search", "nowhere"]);
    assert_success(&none);
    assert_eq!(stdout(&none), "");
    assert!(stderr(&none).contains("no model is like that"));
}

#[test]
fn what_is_wrong_with_a_filter_is_said_with_what_would_be_right() {
    let home = Home::with(&[]);
    for (args, words) in [
        (&["models", "--tools"][..], "--free"),
        (&["models", "--free", "--sort", "best"], "leastIssues"),
        (&["models", "--free", "--window", "2h"], "24h"),
        (&["models", "--free", "show", "x"], "one of the two"),
        (&["models", "--free", "--limit", "0"], "--limit"),
    ] {
        assert_fails(&home.run(args), 2, &[words]);
    }
}

#[test]
fn before_the_first_look_the_list_says_how_to_look() {
    let home = Home::with(&["host"]);
    let output = home.run(&["models", "--free"]);
    assert_success(&output);
    assert_eq!(stdout(&output), "");
    assert!(
        stderr(&output).contains("freeway sync"),
        "{}",
        stderr(&output)
    );
    let list = home.json(&["models", "--free"]);
    assert_eq!(
        (&list["models"], &list["updated_at"]),
        (&json!([]), &Value::Null)
    );
}

#[test]
fn without_the_flag_it_is_the_inventory_of_this_machine() {
    let home = Home::synced();
    let output = home.run(&["models"]);
    assert_success(&output);
    assert!(stdout(&output).contains("FITS"), "{}", stdout(&output));
    assert!(!stdout(&output).contains("mock/good"));
}

/// Clears the screen and turns the writing around.
const EVIL: &str = "\u{1b}[2J\u{9b}\u{202e}";

#[test]
fn what_a_host_says_cannot_reach_the_terminal() {
    let home = Home::with(&["host"]);
    let name = "acme/e\u{202e}vil:free";
    home.hosts[0].set_catalogue(&[model(name, |one| {
        one.supported_parameters = vec!["tools".to_owned(), EVIL.to_owned()];
    })]);
    assert_success(&home.run(&["sync"]));
    let id = home.ids(&[]).pop().unwrap();
    let list = home.json(&["models", "--free"]);
    let parameters = &list["models"][0]["supported_parameters"];
    assert!(
        parameters.to_string().contains("[2J"),
        "it was stored: {list}"
    );
    let body = json!({"error": {"code": 500, "message": EVIL}}).to_string();
    let failure = Behaviour::Status(500, Vec::new(), body.into());
    home.hosts[0].set("/models", failure.clone());
    home.hosts[0].set(name, failure);
    let mut num_told = 0;
    for args in [
        &["sync"][..],
        &["sync", "--json"],
        &["models", "--free"],
        &["models", "--free", "--json"],
        &["models", "show", &id],
        &["models", "show", &id, "--json"],
        &["models", "show", "acme/evil"],
        &["route", "--explain", "Hello?"],
        &["route", "--explain", "--json", "Hello?"],
        &["route", "Hello?"],
    ] {
        let output = home.run(args);
        let printed = format!("{}{}", stdout(&output), stderr(&output));
        num_told += usize::from(printed.contains("vil") || printed.contains("[2J"));
        assert!(
            !printed.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
            "{args:?}: {printed:?}"
        );
    }
    assert_eq!(num_told, 10, "each had it to tell");
}
