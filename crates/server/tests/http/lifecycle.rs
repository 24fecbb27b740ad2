//! Beginning and end of a server.

use std::time::Duration;

use serde_json::json;
use server::{Server, ServerConfig};
use tokio::net::TcpStream;

use super::client::{Setup, events, serving, soon, with_a_client_that_does_not_read};

fn hello() -> String {
    json!({
        "model": "scripted",
        "stream": true,
        "messages": [{"role": "user", "content": "Hi"}],
    })
    .to_string()
}

#[tokio::test]
async fn requests_under_way_are_finished_and_new_ones_refused() {
    let mut server = serving("[channel]final[message]a{gate}b[return]").await;
    let mut connection = server.connect().await;
    connection
        .request("POST", "/v1/chat/completions", "", &hello())
        .await;
    connection.until("\"content\":\"a\"").await;
    server.shut_down();
    soon(async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.engine.release();
    connection.until("data: [DONE]").await;
    let records = server.ended().await;
    assert_eq!(records[0].outcome, "ok");
}

#[tokio::test]
async fn what_does_not_end_in_time_is_broken_off_with_a_word() {
    let config = ServerConfig {
        drain_timeout: Duration::from_millis(30),
        ..ServerConfig::default()
    };
    let setup = Setup::from(config);
    let turn = "[channel]final[message]a{gate}b[return]";
    let mut server = setup.start(move |_| turn.to_owned()).await;
    let mut connection = server.connect().await;
    connection
        .request("POST", "/v1/chat/completions", "", &hello())
        .await;
    connection.until("\"content\":\"a\"").await;
    server.shut_down();
    let body = connection.until("shutting down\"").await;
    assert!(body.contains("\"error\""), "{:?}", events(&body));
    let records = server.ended().await;
    assert_eq!(records[0].outcome, "shut_down");
    assert!(records[0].completion_tokens > 0);
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let server = serving("").await;
    let mut idle = server.connect().await;
    idle.request("GET", "/healthz", "", "").await;
    assert_eq!(idle.reply().await.status, 200);
    let _untouched = server.connect().await;
    assert!(server.ended().await.is_empty());
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let server = serving("").await;
    let error = Server::bind(server.address, ServerConfig::default())
        .await
        .err()
        .unwrap();
    assert!(
        error.to_string().contains(&server.address.to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let config = ServerConfig {
        max_connections: 1,
        ..ServerConfig::default()
    };
    let setup = Setup::from(config);
    let server = setup.start(|_| String::new()).await;
    let mut first = server.connect().await;
    first.request("GET", "/healthz", "", "").await;
    assert_eq!(first.reply().await.status, 200);
    let mut second = server.connect().await;
    second.request("GET", "/healthz", "", "").await;
    // The first connection is served again and again, the second one not.
    for _ in 0..20 {
        first.request("GET", "/healthz", "", "").await;
        assert_eq!(first.reply().await.status, 200);
    }
    assert!(!second.has_received());
    drop(first);
    assert_eq!(second.reply().await.status, 200);
}

#[tokio::test]
async fn load_balancers_are_told_before_the_door_closes() {
    let config = ServerConfig {
        drain_delay: Duration::from_secs(3600),
        ..ServerConfig::default()
    };
    let setup = Setup::from(config);
    let mut server = setup.start(|_| String::new()).await;
    assert_eq!(server.get("/readyz").await.status, 200);
    server.shut_down();
    let refusal = soon(async {
        loop {
            let reply = server.get("/readyz").await;
            if reply.status == 503 {
                return reply;
            }
        }
    })
    .await;
    assert!(refusal.body.contains("shutting down"), "{refusal:?}");
    assert_eq!(server.get("/healthz").await.status, 200, "it still accepts");
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_up_the_end() {
    let config = ServerConfig {
        drain_timeout: Duration::from_millis(10),
        ..ServerConfig::default()
    };
    let (server, _connection) = with_a_client_that_does_not_read(config).await;
    assert_eq!(server.ended().await.len(), 1);
}
