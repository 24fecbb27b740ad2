//! What clients see when an answer fails, and what happens when clients fail.

use std::time::Duration;

use serde_json::json;
use server::ServerConfig;

use super::answers::SUM;
use super::client::{Setup, serving, with_a_client_that_does_not_read};

fn hello(stream: bool) -> String {
    json!({
        "model": "scripted",
        "stream": stream,
        "messages": [{"role": "user", "content": "Hi"}],
    })
    .to_string()
}

#[tokio::test]
async fn a_failure_within_a_stream_is_told_in_it() {
    let server = serving("[channel]final[message]a{fail}").await;
    let reply = server
        .send("POST", "/v1/chat/completions", "", &hello(true))
        .await;
    let events = reply.events();
    assert_eq!(events[0]["choices"][0]["delta"]["content"], "a");
    let last = events.last().unwrap();
    assert_eq!(last["error"]["type"], "server_error");
    assert_ne!(*last, "[DONE]", "nobody takes it for complete");
}

#[tokio::test]
async fn an_engine_that_fell_silent_is_unavailable() {
    let server = serving("[channel]final[message]a{vanish}").await;
    let reply = server
        .send("POST", "/v1/chat/completions", "", &hello(false))
        .await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["error"]["code"], "unavailable");
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place() {
    let server = serving("[channel]final[message]a{gate}b[return]").await;
    // A few bytes more than the request must not hide that it is gone.
    for (stream, more) in [
        (true, ""),
        (false, ""),
        (false, "\r\n"),
        (true, "GET / HTTP/1.1\r\n"),
    ] {
        let mut connection = server.connect().await;
        connection
            .request("POST", "/v1/chat/completions", "", &hello(stream))
            .await;
        connection.write(more.as_bytes()).await;
        server.until_in_flight(1).await;
        if stream {
            connection.until("\"content\":\"a\"").await;
        }
        drop(connection);
        server.until_in_flight(0).await;
    }
    let records = server.ended().await;
    let outcomes: Vec<_> = records.iter().map(|one| one.outcome.as_str()).collect();
    assert_eq!(outcomes, ["canceled"; 4]);
}

#[tokio::test]
async fn a_full_queue_is_told_with_when_to_come_back() {
    let server = serving("[channel]final[message]a{gate}[return]").await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let mut connection = server.connect().await;
        connection
            .request("POST", "/v1/chat/completions", "", &hello(false))
            .await;
        waiting.push(connection);
    }
    server.until_in_flight(4).await;
    let reply = server
        .send("POST", "/v1/chat/completions", "", &hello(false))
        .await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("1"))
    );
    assert_eq!(reply.json()["error"]["type"], "rate_limit_error");
    server.engine.release();
    for mut connection in waiting {
        assert_eq!(connection.reply().await.status, 200);
    }
}

#[tokio::test]
async fn silence_is_filled_with_comments() {
    let config = ServerConfig {
        keep_alive: Duration::from_millis(20),
        ..ServerConfig::default()
    };
    let setup = Setup::from(config);
    let turn = "{gate}[channel]final[message]a[return]";
    let server = setup.start(move |_| turn.to_owned()).await;
    let mut connection = server.connect().await;
    connection
        .request("POST", "/v1/chat/completions", "", &hello(true))
        .await;
    connection.until(": keep-alive\n\n").await;
    server.engine.release();
    connection.until("data: [DONE]").await;
}

#[tokio::test]
async fn slow_clients_are_not_waited_for() {
    let config = ServerConfig {
        header_timeout: Duration::from_millis(50),
        body_timeout: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let setup = Setup::from(config);
    let server = setup.start(|_| SUM.to_owned()).await;
    let mut head = server.connect().await;
    head.write(b"POST /v1/chat/comp").await;
    assert!(head.is_closed_silently().await);
    let mut body = server.connect().await;
    body.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{",
    )
    .await;
    let reply = body.reply().await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["code"]),
        (408, &json!("body_timeout"))
    );
}

#[tokio::test]
async fn slow_uploads_hold_up_only_each_other() {
    let server = serving(SUM).await;
    let mut uploads = Vec::new();
    for head in ["transfer-encoding: chunked", "content-length: 30000000"] {
        for _ in 0..4 {
            let mut upload = server.connect().await;
            let request =
                format!("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{head}\r\n\r\n1");
            upload.write(request.as_bytes()).await;
            uploads.push(upload);
        }
    }
    let reply = server
        .send("POST", "/v1/chat/completions", "", &hello(false))
        .await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn bytes_that_are_no_http_do_no_harm() {
    let server = serving(SUM).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
    ] {
        let mut connection = server.connect().await;
        connection.write(bytes).await;
        drop(connection);
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_client_that_stops_reading_loses_its_connection() {
    let config = ServerConfig {
        write_timeout: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let (server, _connection) = with_a_client_that_does_not_read(config).await;
    server.until_in_flight(0).await;
}
