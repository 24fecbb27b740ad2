//! A process that is killed while it writes: what it was told is there, is there.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use store::{MAX_ROWS, Resolution, SumQuery, connect};

use crate::attempts::{attempt, naive_sums, whole};
use crate::shared_stores;

/// Names the database that the child writes to.
const URL_VARIABLE: &str = "STORE_TEST_KILLED_URL";

const BATCH_LEN: usize = 7;

/// The child's part: it writes until it is killed, and says what is there. Without the variable it
/// is not a child, and there is nothing to do.
#[tokio::test]
async fn killed_child() {
    let Ok(url) = std::env::var(URL_VARIABLE) else {
        return;
    };
    let store = connect(&url).await.unwrap();
    for batch in 0.. {
        let attempts: Vec<_> = (0..BATCH_LEN)
            .map(|i| attempt(&format!("{batch}-{i}"), 0, "m", batch * 1_000_003))
            .collect();
        store.insert_attempts(&attempts).await.unwrap();
        println!("acknowledged {batch}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_and_sums_match_it() {
    for (subject, url) in shared_stores().await {
        let name = subject.name;
        // The child is the only one that has it open.
        subject.store.close().await.unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::killed_child", "--nocapture"])
            .env(URL_VARIABLE, &url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut num_acknowledged = 0;
        while num_acknowledged < 40 {
            let line = lines.next().unwrap().unwrap();
            num_acknowledged += usize::from(line.contains("acknowledged"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let rest = lines.map_while(Result::ok);
        num_acknowledged += rest.filter(|line| line.contains("acknowledged")).count();

        let store = connect(&url).await.unwrap();
        let mut kept = Vec::new();
        for batch in 0.. {
            let ids: Vec<_> = (0..BATCH_LEN).map(|i| format!("{batch}-{i}")).collect();
            let attempts = store.attempts(&ids).await.unwrap();
            if attempts.is_empty() {
                // At most the last one came without its acknowledgement.
                let missing = num_acknowledged..=num_acknowledged + 1;
                assert!(missing.contains(&batch), "{name}: {batch} are there");
                break;
            }
            assert_eq!(attempts.len(), BATCH_LEN, "{name}: whole or not at all");
            kept.extend(attempts);
        }
        assert!(kept.len() > MAX_ROWS / 10, "{name}");
        for resolution in [Resolution::Whole, Resolution::Hour, Resolution::Day] {
            let query = SumQuery {
                resolution,
                ..whole()
            };
            let sums = store.sum_attempts(&query).await.unwrap();
            assert_eq!(sums, naive_sums(&kept, &query), "{name}");
        }
    }
}
