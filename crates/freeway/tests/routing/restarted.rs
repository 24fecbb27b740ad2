//! What a server does with settings that changed while it was away, and what it says of a store and
//! of lists that went away.

use std::time::Duration;

use mock::Mock;
use serde_json::Value;
use tempfile::tempdir;

use super::gateway::{DATABASE, Gateway, Reply, provider, send};

async fn got(gateway: &Gateway, path: &str) -> Value {
    let reply = send(&gateway.address, "GET", path, "").await;
    let Reply { status, body, .. } = reply.unwrap();
    assert_eq!(status, 200, "{body}");
    let (start, end) = (body.find('{').unwrap(), body.rfind('}').unwrap());
    serde_json::from_str(&body[start..=end]).unwrap()
}

async fn offered(gateway: &Gateway) -> Vec<String> {
    let list = got(gateway, "/v1/models").await;
    let models = list["data"].as_array().unwrap().iter();
    let ids = models.map(|model| model["id"].as_str().unwrap().to_owned());
    ids.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn models_that_stand_in_the_settings_are_offered_from_the_start_on() {
    let mock = Mock::start().await.unwrap();
    let home = tempdir().unwrap();
    let names = |names: &[(&str, &str)]| -> Vec<(String, String)> {
        let names = names.iter();
        names
            .map(|(name, id)| ((*name).to_owned(), (*id).to_owned()))
            .collect()
    };
    for models in [
        &[("good", "wrong/name")][..],
        &[("good", "mock/good"), ("more", "mock/more")],
        &[("other", "mock/other")],
    ] {
        let settings = provider("a", &mock, &names(models));
        let gateway = Gateway::start(home.path(), &settings).await;
        let expected: Vec<&str> = models.iter().map(|(_, id)| *id).collect();
        assert_eq!(offered(&gateway).await, expected);
        gateway.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_says_what_does_not_work() {
    let mock = Mock::start().await.unwrap();
    let home = tempdir().unwrap();
    let models = [("good".to_owned(), "mock/good".to_owned())];
    let settings = provider("a", &mock, &models)
        // Nobody listens there.
        + "[[provider]]\nid = \"b\"\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    let gateway = Gateway::start(home.path(), &settings).await;
    let mut told = Value::Null;
    while told["degraded"].is_null() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        told = got(&gateway, "/readyz").await;
    }
    let degraded = told["degraded"].as_array().unwrap();
    assert_eq!(degraded.len(), 1, "{told}");
    let list = degraded[0].as_str().unwrap();
    assert!(
        list.starts_with("b: its list of models cannot be read"),
        "{list}"
    );

    std::fs::remove_file(home.path().join(DATABASE)).unwrap();
    let told = got(&gateway, "/readyz").await;
    assert_eq!(told["status"], "ready");
    let store = told["degraded"][0].as_str().unwrap();
    assert!(store.contains("was deleted or replaced"), "{store}");
    assert_eq!(told["degraded"][1], list);
    gateway.end_with_log().await;
}
