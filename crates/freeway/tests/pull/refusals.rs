//! Hubs that say no.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fake_hub::{FakeHub, Repository, SHARD, respond, respond_with_file};
use crate::home::{Home, ID, assert_fails, assert_success, hub_but, hub_with_shard, stderr};

#[test]
fn a_model_that_is_not_given_out_asks_for_a_token() {
    for status in [401, 403] {
        let hub = FakeHub::start(move |_, stream| respond(stream, status, &[], b"{}"));
        let home = Home::new();
        let code = format!("HTTP {status}");
        assert_fails(&home.pull(&hub), 1, &[ID, &code, "set HF_TOKEN"]);
        let mut command = home.freeway(&hub.url(), &["pull", ID]);
        let output = command.env("HF_TOKEN", "hf_secret").output().unwrap();
        assert_fails(&output, 1, &[&code, "accept the model's terms"]);
        assert!(!stderr(&output).contains("secret"));
        assert_eq!(hub.requests().len(), 2, "asking again would not help");
    }
    let repository = Repository::gpt_oss();
    let hub = hub_with_shard(&repository, |_, stream, _| respond(stream, 403, &[], b""));
    assert_fails(&Home::new().pull(&hub), 1, &["HTTP 403", "set HF_TOKEN"]);
}

#[test]
fn an_address_that_has_expired_is_asked_for_anew() {
    let repository = Repository::gpt_oss();
    let num_requests = AtomicUsize::new(0);
    let cdn = hub_with_shard(
        &repository,
        move |request, stream, bytes| match num_requests.fetch_add(1, Ordering::SeqCst) {
            0 => respond(stream, 403, &[], b"expired"),
            _ => respond_with_file(request, stream, bytes, bytes.len()),
        },
    );
    let cdn_url = cdn.url();
    let hub = hub_but(&repository, move |request, stream| {
        let location = format!("{cdn_url}{}", request.target);
        (!request.is_listing()).then(|| respond(stream, 302, &[("location", &location)], b""))
    });
    let home = Home::new();
    assert_success(&home.pull(&hub));
    home.assert_complete(&repository);
    assert_eq!(hub.requests_for(SHARD).len(), 2);
}

#[test]
fn what_does_not_exist_is_named() {
    let hub = FakeHub::start(|_, stream| {
        respond(stream, 404, &[("x-error-code", "RepoNotFound")], b"{}")
    });
    let home = Home::new();
    let args = ["pull", "openai/gpt-oss20b"];
    let output = home.freeway(&hub.url(), &args).output().unwrap();
    assert_fails(
        &output,
        1,
        &[
            "no model openai/gpt-oss20b",
            "did you mean openai/gpt-oss-20b?",
        ],
    );
    assert_eq!(hub.requests().len(), 1);

    let hub = FakeHub::start(|_, stream| {
        respond(stream, 404, &[("x-error-code", "RevisionNotFound")], b"{}")
    });
    let args = ["pull", ID, "--revision", "v9"];
    let output = home.freeway(&hub.url(), &args).output().unwrap();
    assert_fails(&output, 1, &["no revision v9", "--revision"]);

    let repository = Repository::gpt_oss();
    let hub = hub_with_shard(&repository, |_, stream, _| respond(stream, 404, &[], b""));
    assert_fails(&home.pull(&hub), 1, &[SHARD, "404"]);
    assert_eq!(hub.requests_for(SHARD).len(), 1);
}

#[test]
fn a_busy_hub_is_asked_again_when_it_says_so() {
    let repository = Repository::gpt_oss();
    let num_requests = AtomicUsize::new(0);
    let hub = hub_but(&repository, move |_, stream| {
        match num_requests.fetch_add(1, Ordering::SeqCst) {
            0 => Some(respond(stream, 429, &[("retry-after", "0")], b"slow down")),
            1 => Some(respond(stream, 503, &[], b"")),
            _ => None,
        }
    });
    let home = Home::new();
    let output = home.pull(&hub);
    assert_success(&output);
    home.assert_complete(&repository);
    assert!(stderr(&output).contains("HTTP 429"), "{}", stderr(&output));

    let hub = FakeHub::start(|_, stream| respond(stream, 500, &[], b""));
    assert_fails(
        &Home::new().pull(&hub),
        1,
        &["gave up after 4 attempts", "HTTP 500"],
    );
    let hub = FakeHub::start(|_, stream| respond(stream, 451, &[], b""));
    assert_fails(&Home::new().pull(&hub), 1, &["refused", "HTTP 451"]);
}
