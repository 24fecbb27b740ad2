//! Servers that ask for keys, and those who have some.

use router::recorder::now;
use serde_json::{Value, json};
use store::{ApiKey, KeyId, KeySettings, NewKey};

use super::answers::SUM;
use super::client::{Reply, Running, Setup};

/// A server that asks for keys.
pub(crate) async fn with_keys() -> Running {
    let setup = Setup {
        with_keys: true,
        ..Setup::default()
    };
    setup.start(|_| SUM.to_owned()).await
}

/// A key with these settings, made past the API.
pub(crate) async fn add_key(server: &Running, settings: KeySettings) -> Holder<'_> {
    let secret = ApiKey::generate().unwrap();
    let key = NewKey {
        id: KeyId::random().unwrap(),
        name: "test".to_owned(),
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        created_at: now(),
        expires_at: None,
        settings,
    };
    let id = server.store.create_key(key).await.unwrap().id;
    Holder {
        server,
        id,
        secret: secret.expose().to_owned(),
    }
}

/// A key that may manage keys.
pub(crate) async fn admin(server: &Running) -> Holder<'_> {
    let settings = KeySettings {
        is_admin: true,
        ..KeySettings::default()
    };
    add_key(server, settings).await
}

/// Somebody with a key.
pub(crate) struct Holder<'a> {
    pub(crate) server: &'a Running,
    pub(crate) id: KeyId,
    pub(crate) secret: String,
}

impl Holder<'_> {
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let headers = format!("authorization: Bearer {}\r\n", self.secret);
        let body = body.map_or(String::new(), |body| body.to_string());
        self.server.send(method, path, &headers, &body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    pub(crate) async fn chat(&self) -> Reply {
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]});
        self.send("POST", "/v1/chat/completions", Some(body)).await
    }
}
