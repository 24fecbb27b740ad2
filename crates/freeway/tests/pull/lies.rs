//! Hubs that send something else than they should.

use std::fs;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fake_hub::{FakeHub, Repository, SHARD, checksum, head, respond, respond_with_file};
use crate::home::{Home, assert_fails, assert_success, damaged, hub_but, hub_with_shard, stderr};

#[test]
fn wrong_bytes_are_thrown_away_and_asked_for_once_more() {
    let repository = Repository::gpt_oss();
    let num_requests = AtomicUsize::new(0);
    let hub = hub_with_shard(
        &repository,
        move |request, stream, bytes| match num_requests.fetch_add(1, Ordering::SeqCst) {
            0 => respond(stream, 200, &[], &damaged(bytes)),
            _ => respond_with_file(request, stream, bytes, bytes.len()),
        },
    );
    let home = Home::new();
    let output = home.pull(&hub);
    assert_success(&output);
    assert!(stderr(&output).contains("damaged"), "{}", stderr(&output));
    home.assert_complete(&repository);
}

#[test]
fn wrong_bytes_twice_are_an_error_and_leave_nothing() {
    let repository = Repository::gpt_oss();
    let hub = hub_with_shard(&repository, |_, stream, bytes| {
        respond(stream, 200, &[], &damaged(bytes))
    });
    let home = Home::new();
    let shard = checksum(SHARD, repository.file(SHARD));
    assert_fails(&home.pull(&hub), 1, &[SHARD, "damaged", &shard, "proxy"]);
    assert_eq!(hub.requests_for(SHARD).len(), 2);
    assert!(!home.blob(&shard).exists() && !home.partial(&shard).exists());
    assert!(!home.snapshot().join(SHARD).exists());
}

#[test]
fn a_small_file_has_a_checksum_too() {
    let repository = Repository::gpt_oss();
    let wrong = damaged(repository.file("generation_config.json"));
    let hub = hub_but(&repository, move |request, stream| {
        let is_it = request.is_for("generation_config.json");
        is_it.then(|| respond(stream, 200, &[], &wrong))
    });
    assert_fails(
        &Home::new().pull(&hub),
        1,
        &["generation_config.json", "damaged"],
    );
}

#[test]
fn a_damaged_beginning_from_an_earlier_run_is_replaced() {
    let repository = Repository::gpt_oss();
    let shard = repository.file(SHARD);
    for old in [
        &damaged(shard)[..shard.len() - 1],
        &[shard, b"x"].concat(),
        &damaged(shard),
    ] {
        let hub = hub_but(&repository, |_, _| None);
        let home = Home::new();
        home.put(&home.partial(&checksum(SHARD, shard)), old);
        assert_success(&home.pull(&hub));
        home.assert_complete(&repository);
    }
}

#[test]
fn a_whole_file_that_only_lacks_its_name_is_not_downloaded_again() {
    let repository = Repository::gpt_oss();
    let hub = hub_but(&repository, |_, _| None);
    let home = Home::new();
    let shard = repository.file(SHARD);
    home.put(&home.partial(&checksum(SHARD, shard)), shard);
    assert_success(&home.pull(&hub));
    home.assert_complete(&repository);
    assert!(hub.requests_for(SHARD).is_empty());
}

#[test]
fn a_hub_without_ranges_sends_the_whole_file() {
    let repository = Repository::gpt_oss();
    let hub = hub_with_shard(&repository, |_, stream, bytes| {
        respond(stream, 200, &[], bytes)
    });
    let home = Home::new();
    let shard = repository.file(SHARD);
    home.put(&home.partial(&checksum(SHARD, shard)), &shard[..1000]);
    assert_success(&home.pull(&hub));
    home.assert_complete(&repository);
}

#[test]
fn a_range_that_is_refused_begins_again_and_then_fails() {
    let repository = Repository::gpt_oss();
    let shard = repository.file(SHARD);
    let refuse =
        |stream: &mut TcpStream| respond(stream, 416, &[("content-range", "bytes */9")], b"");
    let picky = hub_with_shard(&repository, move |request, stream, bytes| {
        match request.offset() {
            Some(_) => refuse(stream),
            None => respond(stream, 200, &[], bytes),
        }
    });
    let home = Home::new();
    home.put(&home.partial(&checksum(SHARD, shard)), &shard[..1000]);
    assert_success(&home.pull(&picky));
    home.assert_complete(&repository);

    let stubborn = hub_with_shard(&repository, move |_, stream, _| refuse(stream));
    assert_fails(&Home::new().pull(&stubborn), 1, &["416", SHARD]);
    assert_eq!(stubborn.requests_for(SHARD).len(), 2);
}

#[test]
fn an_answer_of_another_range_is_not_written() {
    let repository = Repository::gpt_oss();
    let shard = repository.file(SHARD);
    let total = shard.len();
    for range in [
        format!("bytes 0-{}/{total}", total - 1),
        format!("bytes 1000-{}/{}", total, total + 1),
        "nonsense".to_owned(),
    ] {
        let sent = range.clone();
        let hub = hub_with_shard(&repository, move |_, stream, bytes| {
            respond(stream, 206, &[("content-range", &sent)], &bytes[1000..])
        });
        let home = Home::new();
        let partial = home.partial(&checksum(SHARD, shard));
        home.put(&partial, &shard[..1000]);
        assert_fails(&home.pull(&hub), 1, &["gave up", "from 1000", &range]);
        assert_eq!(
            fs::read(partial).unwrap(),
            shard[..1000],
            "what was here is still good"
        );
    }
}

#[test]
fn a_wrong_content_length_is_an_error() {
    let repository = Repository::gpt_oss();
    for difference in [-1, 1] {
        let hub = hub_with_shard(&repository, move |_, stream, bytes| {
            let length = bytes.len().saturating_add_signed(difference);
            let mut body = bytes.to_vec();
            body.resize(length, 0);
            respond(stream, 200, &[], &body)
        });
        let length = repository.file(SHARD).len();
        let announced = length.saturating_add_signed(difference);
        assert_fails(
            &Home::new().pull(&hub),
            1,
            &[
                "gave up",
                &format!("{announced} bytes"),
                &format!("{length} are due"),
            ],
        );
    }
    let nonsense = hub_with_shard(&repository, |_, stream, bytes| {
        head(stream, 200, &[("content-length", "-5")])?;
        stream.write_all(bytes)
    });
    assert_fails(&Home::new().pull(&nonsense), 1, &["gave up", SHARD]);
}

#[test]
fn too_few_bytes_without_a_length_are_a_lost_connection() {
    let repository = Repository::gpt_oss();
    let hub = hub_with_shard(&repository, |_, stream, bytes| {
        head(stream, 200, &[])?;
        stream.write_all(&bytes[..bytes.len() - 3])
    });
    assert_fails(
        &Home::new().pull(&hub),
        1,
        &["gave up", "3 bytes are missing"],
    );
}

#[test]
fn too_many_bytes_end_the_download() {
    let repository = Repository::gpt_oss();
    let hub = hub_with_shard(&repository, |_, stream, bytes| {
        head(stream, 200, &[])?;
        stream.write_all(&[bytes, b"x"].concat())
    });
    let home = Home::new();
    let length = repository.file(SHARD).len();
    assert_fails(
        &home.pull(&hub),
        1,
        &["more than the", &length.to_string(), SHARD],
    );
    assert!(
        !home
            .partial(&checksum(SHARD, repository.file(SHARD)))
            .exists()
    );
}

#[test]
fn an_endless_body_is_not_read_to_its_end() {
    let repository = Repository::gpt_oss();
    let endless = |stream: &mut TcpStream| -> io::Result<()> {
        head(stream, 200, &[("transfer-encoding", "chunked")])?;
        loop {
            stream.write_all(b"1000\r\n")?;
            stream.write_all(&[b'['; 0x1000])?;
            stream.write_all(b"\r\n")?;
        }
    };
    let hub = hub_with_shard(&repository, move |_, stream, _| endless(stream));
    assert_fails(&Home::new().pull(&hub), 1, &["more than the", SHARD]);
    let hub = FakeHub::start(move |_, stream| endless(stream));
    assert_fails(
        &Home::new().pull(&hub),
        1,
        &["longer than 8 MiB", "HF_ENDPOINT"],
    );
}

#[test]
fn a_web_page_is_neither_a_list_nor_a_file() {
    let page = |stream: &mut TcpStream| {
        let html = [("content-type", "text/html; charset=utf-8")];
        respond(stream, 200, &html, b"<!doctype html><h1>Please log in</h1>")
    };
    let hub = FakeHub::start(move |_, stream| page(stream));
    assert_fails(
        &Home::new().pull(&hub),
        1,
        &["web page", "list of files", "HF_ENDPOINT"],
    );
    let repository = Repository::gpt_oss();
    let hub = hub_with_shard(&repository, move |_, stream, _| page(stream));
    assert_fails(&Home::new().pull(&hub), 1, &["web page", SHARD]);
    let hub = FakeHub::start(|_, stream| respond(stream, 200, &[], b"<!doctype html>"));
    assert_fails(
        &Home::new().pull(&hub),
        1,
        &["not that of a hub", "HF_ENDPOINT"],
    );
}

#[test]
fn what_is_no_http_is_an_error() {
    let hub = FakeHub::start(|_, stream| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    assert_fails(
        &Home::new().pull(&hub),
        1,
        &["gave up after 4 attempts", "list of files"],
    );
    let hub = FakeHub::start(|_, _| Ok(()));
    assert_fails(&Home::new().pull(&hub), 1, &["gave up after 4 attempts"]);
    // Heads have a limit too.
    let hub = FakeHub::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"x-header: and so on\r\n")?;
        }
    });
    assert_fails(&Home::new().pull(&hub), 1, &["gave up after 4 attempts"]);
}

#[test]
fn redirects_end() {
    let hub = FakeHub::start(|request, stream| {
        let location = format!("{}x", request.target);
        respond(stream, 302, &[("location", &location)], b"")
    });
    assert_fails(&Home::new().pull(&hub), 1, &["redirects", "more than 8"]);
    assert_eq!(hub.requests().len(), 9);
    for (location, word) in [
        ("", "redirects"),
        ("http://", "malformed"),
        ("file:///etc/passwd", "redirects"),
        ("gopher://127.0.0.1/x", "unknown protocol"),
    ] {
        let hub =
            FakeHub::start(move |_, stream| respond(stream, 302, &[("location", location)], b""));
        assert_fails(&Home::new().pull(&hub), 1, &[word]);
    }
    let hub = FakeHub::start(|_, stream| respond(stream, 302, &[], b""));
    assert_fails(&Home::new().pull(&hub), 1, &["does not say where"]);
}
