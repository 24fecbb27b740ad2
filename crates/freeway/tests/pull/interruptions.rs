//! Downloads that are cut off, by the network, by the user or by force.

use std::fs;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use crate::fake_hub::{FakeHub, Repository, Request, SHARD, checksum, respond_with_file};
use crate::home::{Home, ID, assert_fails, assert_success, hub_but, hub_with_shard, stderr};

#[test]
fn a_connection_that_drops_is_taken_up_where_it_broke() {
    let repository = Repository::gpt_oss();
    let third = repository.file(SHARD).len() / 3 + 1;
    let hub = hub_with_shard(&repository, move |request, stream, bytes| {
        respond_with_file(request, stream, bytes, third)
    });
    let home = Home::new();
    let output = home.pull(&hub);
    assert_success(&output);
    home.assert_complete(&repository);
    let offsets: Vec<_> = hub
        .requests_for(SHARD)
        .iter()
        .map(Request::offset)
        .collect();
    assert_eq!(offsets, [None, Some(third), Some(2 * third)]);
    assert!(
        stderr(&output).contains("trying again"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn what_breaks_again_and_again_is_given_up_and_later_resumed() {
    let repository = Repository::gpt_oss();
    let hub = hub_with_shard(&repository, |request, stream, bytes| {
        respond_with_file(request, stream, bytes, 10)
    });
    let home = Home::new();
    let output = home.pull(&hub);
    assert_fails(
        &output,
        1,
        &[SHARD, "gave up after 4 attempts", "same command", "lost"],
    );
    let partial = home.partial(&checksum(SHARD, repository.file(SHARD)));
    assert_eq!(fs::read(partial).unwrap(), repository.file(SHARD)[..40]);

    let good = hub_but(&repository, |_, _| None);
    assert_success(&home.pull(&good));
    home.assert_complete(&repository);
    assert_eq!(good.requests_for(SHARD)[0].offset(), Some(40));
    assert!(
        good.requests_for("config.json").is_empty(),
        "it was here already"
    );
}

/// A hub that sends half of the first shard, tells the test so and then waits for it.
fn hub_that_waits(repository: &Repository) -> (FakeHub, mpsc::Receiver<()>, Sender<()>) {
    let (half_sent, half) = mpsc::channel();
    let (go_on, waiting) = mpsc::channel();
    let (half_sent, waiting) = (Mutex::new(half_sent), Mutex::new(waiting));
    let hub = hub_with_shard(repository, move |request, stream, bytes| {
        respond_with_file(request, stream, bytes, bytes.len() / 2)?;
        half_sent.lock().unwrap().send(()).unwrap();
        let _ = waiting.lock().unwrap().recv();
        Ok(())
    });
    (hub, half, go_on)
}

/// Starts a pull and returns when half of the first shard is on the disk.
fn pull_until_half_is_here(
    home: &Home,
    hub: &FakeHub,
    half: &mpsc::Receiver<()>,
    shard: &[u8],
) -> Child {
    let child = home.freeway(&hub.url(), &["pull", ID]).spawn().unwrap();
    half.recv().unwrap();
    let partial = home.partial(&checksum(SHARD, shard));
    while fs::metadata(&partial).map_or(0, |file| file.len()) < shard.len() as u64 / 2 {
        thread::sleep(Duration::from_millis(1));
    }
    child
}

#[test]
fn a_pull_that_was_killed_is_resumed() {
    let repository = Repository::gpt_oss();
    let shard = repository.file(SHARD);
    let (hub, half, _go_on) = hub_that_waits(&repository);
    let home = Home::new();
    let mut child = pull_until_half_is_here(&home, &hub, &half, shard);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        !home.repository().join("refs/main").exists(),
        "half a model is none"
    );

    let good = hub_but(&repository, |_, _| None);
    assert_success(&home.pull(&good));
    home.assert_complete(&repository);
    assert_eq!(good.requests_for(SHARD)[0].offset(), Some(shard.len() / 2));
}

#[test]
#[cfg(unix)]
fn ctrl_c_stops_with_130_and_says_how_to_go_on() {
    let repository = Repository::gpt_oss();
    let (hub, half, _go_on) = hub_that_waits(&repository);
    let home = Home::new();
    let child = pull_until_half_is_here(&home, &hub, &half, repository.file(SHARD));
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let last = stderr(&output).lines().last().unwrap();
    assert!(
        last.contains("stopped") && last.contains("`freeway pull openai/gpt-oss-20b`"),
        "{last}"
    );

    assert_success(&home.pull(&hub_but(&repository, |_, _| None)));
    home.assert_complete(&repository);
}
