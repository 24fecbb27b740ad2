//! What a good hub gives, and where it ends up.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;

use crate::fake_hub::{COMMIT, Repository, SHARD, checksum, respond};
use crate::home::{Home, ID, NEEDED, assert_success, damaged, hub_but, stderr, stdout};

#[test]
fn a_model_is_pulled_once_and_can_be_run() {
    let repository = Repository::gpt_oss();
    let hub = hub_but(&repository, |_, _| None);
    let home = Home::new();
    let output = home.pull(&hub);
    assert_success(&output);
    home.assert_complete(&repository);
    assert!(
        stdout(&output).contains(home.snapshot().to_str().unwrap()),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("`freeway chat` answers"),
        "{}",
        stdout(&output)
    );
    assert!(
        !stderr(&output).contains(['\r', '\x1b']),
        "plain lines where there is no terminal: {:?}",
        stderr(&output)
    );
    assert_eq!(hub.requests().len(), 1 + NEEDED.len());

    let score = home
        .freeway("", &["score", "--tokens", "1,2,3", "--json"])
        .output()
        .unwrap();
    assert_success(&score);
    let score: Value = serde_json::from_slice(&score.stdout).unwrap();
    assert_eq!(
        score["model"], ID,
        "it is the model that answers by default"
    );

    assert_success(&home.pull(&hub));
    assert_eq!(
        hub.requests().len(),
        1 + NEEDED.len() + 1,
        "only the list is read again"
    );
    home.assert_complete(&repository);
}

#[test]
#[cfg(unix)]
fn the_files_of_a_snapshot_are_relative_links_to_blobs() {
    let repository = Repository::gpt_oss();
    let home = Home::new();
    assert_success(&home.pull(&hub_but(&repository, |_, _| None)));
    for name in NEEDED {
        let target = fs::read_link(home.snapshot().join(name)).unwrap();
        let blob = checksum(name, repository.file(name));
        assert_eq!(target, Path::new("../../blobs").join(blob));
    }
}

#[test]
fn the_token_goes_to_the_hub_and_not_to_where_it_redirects() {
    let repository = Repository::gpt_oss();
    let cdn = hub_but(&repository, |_, _| None);
    let cdn_url = cdn.url();
    let hub = hub_but(&repository, move |request, stream| {
        let location = format!("{cdn_url}{}", request.target);
        (!request.is_listing()).then(|| respond(stream, 302, &[("location", &location)], b""))
    });
    let home = Home::new();
    let shard = repository.file(SHARD);
    home.put(&home.partial(&checksum(SHARD, shard)), &shard[..1000]);
    let output = home
        .freeway(&hub.url(), &["pull", ID])
        .env("HF_TOKEN", "hf_secret")
        .output()
        .unwrap();
    assert_success(&output);
    home.assert_complete(&repository);
    assert_eq!(hub.requests().len(), 1 + NEEDED.len());
    for request in hub.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer hf_secret"));
    }
    assert_eq!(cdn.requests().len(), NEEDED.len());
    for request in cdn.requests() {
        assert_eq!(request.header("authorization"), None, "{}", request.target);
    }
    assert_eq!(
        cdn.requests_for(SHARD)[0].offset(),
        Some(1000),
        "the range goes along"
    );
    assert!(!stderr(&output).contains("secret") && !stdout(&output).contains("secret"));
}

#[test]
fn a_redirect_within_the_hub_keeps_the_token() {
    let repository = Repository::gpt_oss();
    let hub = hub_but(&repository, |request, stream| {
        let new = request.target.strip_prefix("/api/models/openai/")?;
        let location = format!("/api/models/renamed/{new}");
        Some(respond(stream, 307, &[("location", &location)], b""))
    });
    let home = Home::new();
    home.put(&home.0.path().join("token"), b"hf_from_file\n");
    assert_success(&home.pull(&hub));
    let requests = hub.requests();
    assert!(requests[1].target.starts_with("/api/models/renamed/"));
    for request in requests {
        assert_eq!(request.header("authorization"), Some("Bearer hf_from_file"));
    }
}

#[test]
fn another_revision_leaves_the_default_alone() {
    let repository = Repository::gpt_oss();
    let hub = hub_but(&repository, |_, _| None);
    let home = Home::new();
    let args = ["pull", ID, "--revision", "refs/pr/7"];
    let output = home.freeway(&hub.url(), &args).output().unwrap();
    assert_success(&output);
    assert_eq!(
        hub.requests()[0].target,
        format!("/api/models/{ID}/revision/refs%2Fpr%2F7?blobs=true")
    );
    let noted = fs::read_to_string(home.repository().join("refs/refs/pr/7")).unwrap();
    assert_eq!(noted, COMMIT);
    assert!(!home.repository().join("refs/main").exists());
    let path = home.snapshot();
    let path = path.to_str().unwrap();
    assert!(
        stdout(&output).contains(&format!("--model {path}")),
        "{}",
        stdout(&output)
    );
    let args = ["score", "--tokens", "1,2", "--model", path];
    assert_success(&home.freeway("", &args).output().unwrap());
}

#[test]
fn all_files_come_when_all_are_asked_for() {
    let mut repository = Repository::gpt_oss();
    let large = ("metal/large.bin".to_owned(), vec![7; 3_000_000]);
    repository.files.push(large);
    let hub = hub_but(&repository, |_, _| None);
    let home = Home::new();
    let output = home
        .freeway(&hub.url(), &["pull", ID, "--all"])
        .output()
        .unwrap();
    assert_success(&output);
    for (name, bytes) in &repository.files {
        assert!(
            fs::read(home.snapshot().join(name)).unwrap() == *bytes,
            "{name}"
        );
    }
    let lines: Vec<_> = stderr(&output)
        .lines()
        .filter(|line| line.starts_with("metal/large.bin: "))
        .collect();
    assert!(
        lines.len() <= 10,
        "a line for each tenth at most: {lines:?}"
    );
    assert!(
        lines.last().unwrap().contains("100 % of 3.00 MB"),
        "{lines:?}"
    );
}

#[test]
fn verify_replaces_what_was_damaged_on_the_disk() {
    let repository = Repository::gpt_oss();
    let hub = hub_but(&repository, |_, _| None);
    let home = Home::new();
    assert_success(&home.pull(&hub));
    let shard = repository.file(SHARD);
    let blob = home.blob(&checksum(SHARD, shard));
    home.put(&blob, &damaged(shard));
    assert_success(&home.pull(&hub));
    assert!(
        fs::read(&blob).unwrap() != shard,
        "a size alone shows no damage"
    );
    let args = ["pull", ID, "--verify"];
    assert_success(&home.freeway(&hub.url(), &args).output().unwrap());
    home.assert_complete(&repository);
    assert_eq!(hub.requests_for(SHARD).len(), 2);
    // A blob of the wrong length is noticed by itself.
    home.put(&blob, &shard[1..]);
    assert_success(&home.pull(&hub));
    home.assert_complete(&repository);
}

#[test]
fn two_pulls_at_once_download_each_file_once() {
    let repository = Repository::gpt_oss();
    // Holds the first file back until both have asked for the list.
    let (num_lists, both) = (
        AtomicUsize::new(0),
        Arc::new((Mutex::new(false), Condvar::new())),
    );
    let hub = hub_but(&repository, move |request, _| {
        let (is_open, opened) = &*both;
        if request.is_listing() && num_lists.fetch_add(1, Ordering::SeqCst) == 1 {
            *is_open.lock().unwrap() = true;
            opened.notify_all();
        }
        if request.is_for("config.json") {
            let guard = is_open.lock().unwrap();
            drop(opened.wait_while(guard, |is_open| !*is_open).unwrap());
        }
        None
    });
    let home = Home::new();
    let pull = || home.freeway(&hub.url(), &["pull", ID]).spawn().unwrap();
    let children = [pull(), pull()];
    for child in children {
        assert_success(&child.wait_with_output().unwrap());
    }
    home.assert_complete(&repository);
    for name in NEEDED {
        assert_eq!(hub.requests_for(name).len(), 1, "{name}");
    }
}
