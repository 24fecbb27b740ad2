//! What the owner of a key wants of every request, from the command that makes the key to the host
//! that is asked and to what is kept.

use std::path::Path;
use std::process::Command;

use mock::Mock;
use tempfile::tempdir;

use super::gateway::{DATABASE, Gateway, Reply, provider, send_as};

/// Makes a key with `freeway keys create`.
fn create_key(home: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_freeway"))
        .args(["keys", "create"])
        .args(args)
        .env("XDG_DATA_HOME", home)
        .env(
            "FREEWAY_STORE",
            format!("sqlite:{}", home.join(DATABASE).display()),
        )
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Asks `model` to repeat `words`.
async fn ask(gateway: &Gateway, key: &str, model: &str, words: &str) -> Reply {
    let body = serde_json::json!({
        "model": model,
        "messages": [{"role": "user", "content": format!("Please repeat: {words}")}],
    })
    .to_string();
    let sent = send_as(&gateway.address, key, "POST", "/v1/chat/completions", &body);
    sent.await.unwrap()
}

/// Whether anybody asked this host about `words`.
fn has_heard(mock: &Mock, words: &str) -> bool {
    mock.seen().iter().any(|request| {
        let bytes = &request.body;
        let mut all = bytes.windows(words.len());
        all.any(|window| window == words.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_of_a_key_that_wants_no_training_reach_no_host_that_trains() {
    let (curious, discreet) = (Mock::start().await.unwrap(), Mock::start().await.unwrap());
    let names = |names: &[&str]| -> Vec<(String, String)> {
        let name = |name: &&str| (format!("mock/{name}"), format!("mock/{name}"));
        names.iter().map(name).collect()
    };
    let settings = provider("curious", &curious, &names(&["both", "curious"]))
        + "trains_on_prompts = true\n"
        + &provider("discreet", &discreet, &names(&["both"]))
        + "trains_on_prompts = false\n";
    let home = tempdir().unwrap();
    let careful = ["--preferences", r#"{"dataPolicy": "noTraining"}"#];
    let careful = create_key(home.path(), &careful);
    let careless = create_key(home.path(), &[]);
    let gateway = Gateway::start_with_keys(home.path(), &settings).await;
    for number in 0..20 {
        let words = format!("secret-{number}");
        let reply = ask(&gateway, &careful, "mock/both", &words).await;
        assert_eq!(
            reply.header("x-freeway-attempts"),
            "discreet/mock/both=ok",
            "{reply:?}"
        );
        assert!(has_heard(&discreet, &words));
    }
    let refused = ask(&gateway, &careful, "mock/curious", "secret-20").await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let message = refused.error().unwrap()["message"].to_string();
    assert!(message.contains("may_train"), "{message}");
    assert!(!has_heard(&curious, "secret"));

    let reply = ask(&gateway, &careless, "mock/curious", "anything").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(has_heard(&curious, "anything"));
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_tokens_holds_for_requests_one_after_the_other() {
    let mock = Mock::start().await.unwrap();
    let settings = provider("host", &mock, &[("m".to_owned(), "mock/m".to_owned())]);
    let home = tempdir().unwrap();
    let key = create_key(home.path(), &["--tokens-per-day", "15"]);
    let gateway = Gateway::start_with_keys(home.path(), &settings).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        // 11 tokens of a prompt and at least one of an answer: two requests are too many.
        let reply = ask(&gateway, &key, "mock/m", "words").await;
        statuses.push(reply.status);
        if reply.status == 429 {
            assert_eq!(reply.error().unwrap()["code"], "caller_quota_exceeded");
            assert_eq!(reply.header("x-ratelimit-remaining"), "0");
        }
    }
    assert_eq!(statuses[0], 200);
    assert_eq!(statuses[2..], [429; 4], "{statuses:?}");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_says_is_kept_for_keys_that_want_it_and_for_no_other() {
    let mock = Mock::start().await.unwrap();
    let settings = provider("host", &mock, &[("m".to_owned(), "mock/m".to_owned())]);
    let home = tempdir().unwrap();
    let keeping = create_key(home.path(), &["--keep-content"]);
    let forgetting = create_key(home.path(), &[]);
    let gateway = Gateway::start_with_keys(home.path(), &settings).await;
    let kept = ask(&gateway, &keeping, "mock/m", "to-be-kept").await;
    let forgotten = ask(&gateway, &forgetting, "mock/m", "to-be-forgotten").await;
    let store = gateway.end().await;
    for (reply, words, is_kept) in [
        (&kept, "to-be-kept", true),
        (&forgotten, "to-be-forgotten", false),
    ] {
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(has_heard(&mock, words));
        let id = reply.header("x-request-id");
        let record = store.request(id).await.unwrap().unwrap();
        match record.content {
            Some(content) => assert!(is_kept && content.contains(words), "{content}"),
            None => assert!(!is_kept, "{words}"),
        }
        assert_eq!(is_on_disk(home.path(), words), is_kept, "{words}");
    }
    // Nor are the secrets of keys, and of what hosts answered nothing is kept at all.
    for words in [&keeping, &forgetting, &mock.good_words()] {
        assert!(!is_on_disk(home.path(), words), "{words}");
    }
}

/// Whether a file of `home` has these words in it.
fn is_on_disk(home: &Path, words: &str) -> bool {
    let mut files = std::fs::read_dir(home).unwrap().map(|entry| entry.unwrap());
    files.any(|file| {
        let is_file = file.file_type().unwrap().is_file();
        let bytes = is_file.then(|| std::fs::read(file.path()).unwrap());
        let bytes = bytes.unwrap_or_default();
        let mut all = bytes.windows(words.len());
        all.any(|window| window == words.as_bytes())
    })
}
