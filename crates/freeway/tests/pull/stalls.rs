//! Hubs that keep the client waiting.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::fake_hub::{FakeHub, Repository, respond_with_file};
use crate::home::{Home, assert_fails, hub_with_shard};

#[test]
fn silence_is_a_stall() {
    let (_keep, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let hub = FakeHub::start(move |_, _| {
        let _ = wait.lock().unwrap().recv();
        Ok(())
    });
    assert_fails(
        &Home::new().pull_impatiently(&hub),
        1,
        &["gave up after 2 attempts", "nothing"],
    );

    let repository = Repository::gpt_oss();
    let (_keep, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let hub = hub_with_shard(&repository, move |request, stream, bytes| {
        respond_with_file(request, stream, bytes, 10)?;
        let _ = wait.lock().unwrap().recv();
        Ok(())
    });
    assert_fails(
        &Home::new().pull_impatiently(&hub),
        1,
        &["gave up after 2 attempts", "nothing"],
    );
}

#[test]
fn a_trickle_is_a_stall() {
    fn trickle(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes.iter().cycle() {
            stream.write_all(&[*byte])?;
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
    let hub = FakeHub::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        trickle(stream, b"x-slow: yes\r\n")
    });
    assert_fails(
        &Home::new().pull_impatiently(&hub),
        1,
        &["gave up after 2 attempts", "nothing"],
    );

    let repository = Repository::gpt_oss();
    let hub = hub_with_shard(&repository, |request, stream, bytes| {
        respond_with_file(request, stream, bytes, 0)?;
        trickle(stream, bytes)
    });
    assert_fails(
        &Home::new().pull_impatiently(&hub),
        1,
        &["gave up after 2 attempts", "nothing"],
    );
}
