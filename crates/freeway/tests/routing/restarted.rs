//! What a server does with settings that changed while it was away.

use mock::Mock;
use serde_json::Value;
use tempfile::tempdir;

use super::gateway::{Gateway, Reply, provider, send};

async fn offered(gateway: &Gateway) -> Vec<String> {
    let reply = send(&gateway.address, "GET", "/v1/models", "").await;
    let Reply { body, .. } = reply.unwrap();
    let (start, end) = (body.find('{').unwrap(), body.rfind('}').unwrap());
    let list: Value = serde_json::from_str(&body[start..=end]).unwrap();
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
