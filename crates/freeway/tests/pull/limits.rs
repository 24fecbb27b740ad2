//! Lists of files, disks, command lines and settings that cannot be.

use std::fs;
use std::net::TcpListener;

use serde_json::json;

use crate::fake_hub::{Repository, SHARD, checksum};
use crate::home::{Home, ID, assert_fails, hub_but, hub_listing, names_in, stderr};

#[test]
fn a_list_with_names_outside_the_directory_is_refused() {
    for name in [
        "../../../evil.safetensors",
        "/tmp/evil.safetensors",
        "a/../../evil",
        "c:\\evil",
    ] {
        let mut listing = Repository::gpt_oss().listing();
        let file = json!({"rfilename": name, "size": 1, "blobId": "ab".repeat(20)});
        listing["siblings"].as_array_mut().unwrap().push(file);
        let hub = hub_listing(listing);
        let home = Home::new();
        assert_fails(
            &home.pull(&hub),
            1,
            &["not that of a hub", "no name of a file"],
        );
        assert!(names_in(home.0.path()).is_empty(), "nothing is written");
    }
}

#[test]
fn a_list_without_end_or_measure_is_refused() {
    let mut listing = Repository::gpt_oss().listing();
    let file = |i: usize| json!({"rfilename": i.to_string(), "size": 1, "blobId": "ab".repeat(20)});
    listing["siblings"] = (0..20_000).map(file).collect();
    assert_fails(
        &Home::new().pull(&hub_listing(listing)),
        1,
        &["20000 files"],
    );

    let mut listing = Repository::gpt_oss().listing();
    listing["sha"] = json!("../../../..");
    assert_fails(&Home::new().pull(&hub_listing(listing)), 1, &["no commit"]);
}

#[test]
fn a_model_larger_than_the_disk_is_not_begun() {
    let mut listing = Repository::gpt_oss().listing();
    for file in listing["siblings"].as_array_mut().unwrap() {
        if file["rfilename"] == SHARD {
            file["lfs"]["size"] = json!(15_000_000_000_000_u64);
        }
    }
    let hub = hub_listing(listing);
    assert_fails(
        &Home::new().pull(&hub),
        1,
        &["not enough space", "15.0 TB", "HF_HOME"],
    );
    assert_eq!(hub.requests().len(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_is_an_error_that_says_so() {
    let repository = Repository::gpt_oss();
    let hub = hub_but(&repository, |_, _| None);
    let home = Home::new();
    let partial = home.partial(&checksum(SHARD, repository.file(SHARD)));
    fs::create_dir_all(partial.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", &partial).unwrap();
    assert_fails(
        &home.pull(&hub),
        1,
        &["cannot write", "make room", "No space left"],
    );
}

#[test]
#[cfg(unix)]
fn a_cache_that_cannot_be_written_is_an_error() {
    let repository = Repository::gpt_oss();
    let hub = hub_but(&repository, |_, _| None);
    let home = Home::new();
    home.put(
        &home.0.path().join("hub"),
        b"a file where a directory should be",
    );
    assert_fails(&home.pull(&hub), 1, &["cannot create", "hub"]);
}

#[test]
fn a_model_of_another_kind_is_noticed_before_its_weights_are_there() {
    let mut repository = Repository::gpt_oss();
    for (name, bytes) in &mut repository.files {
        if name == "config.json" {
            *bytes = br#"{"model_type": "llama"}"#.to_vec();
        }
    }
    let hub = hub_but(&repository, |_, _| None);
    let home = Home::new();
    assert_fails(&home.pull(&hub), 1, &[ID, "llama", "gpt_oss"]);
    assert_eq!(hub.requests().len(), 2);

    repository
        .files
        .retain(|(name, _)| !name.ends_with(".safetensors"));
    let hub = hub_but(&repository, |_, _| None);
    assert_fails(&home.pull(&hub), 1, &["nothing to download", "safetensors"]);
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let home = Home::new();
    for (args, words) in [
        (
            ["pull", "gpt-oss-20b"].as_slice(),
            ["no id", "did you mean openai/gpt-oss-20b?"],
        ),
        (&["pull", "../../etc"], ["no id", "openai/gpt-oss-20b"]),
        (&["pull", "a/b/c"], ["no id", "openai/gpt-oss-20b"]),
        (
            &["pull", ID, "--revision", "../x"],
            ["--revision", "a commit"],
        ),
    ] {
        let output = home.freeway("http://127.0.0.1:9", args).output().unwrap();
        assert_fails(&output, 2, &words);
    }
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let home = Home::new();
    for endpoint in [
        "huggingface.co",
        "ftp://example.org",
        "http://",
        "https://a b",
    ] {
        assert_fails(
            &home.pull_from(endpoint),
            1,
            &["HF_ENDPOINT", "https://huggingface.co"],
        );
    }
    for (name, value) in [
        ("HF_HUB_OFFLINE", "1"),
        ("HF_TOKEN", "hf_secret with a space"),
        ("SSL_CERT_FILE", "/nonexistent"),
    ] {
        let mut command = home.freeway("http://127.0.0.1:9", &["pull", ID]);
        let output = command.env(name, value).output().unwrap();
        assert_fails(&output, 1, &[name]);
        assert!(!stderr(&output).contains("secret"), "{}", stderr(&output));
    }
}

#[test]
fn without_a_network_it_says_so_at_once() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = Home::new().pull_from(&format!("http://{address}"));
    assert_fails(
        &output,
        1,
        &["cannot reach", &address.to_string(), "network"],
    );
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
}
