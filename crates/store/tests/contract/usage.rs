//! Sums over requests, against a plain fold over all of them.

use std::collections::BTreeMap;

use store::{KeyId, RequestRecord, Timestamp, UsageBy, UsageQuery, UsageSum};

use crate::{Subject, request, stores};

const DAY_MS: i64 = 86_400_000;

/// The same as the store is to say, as plainly as it can be written.
fn naive(requests: &[RequestRecord], query: &UsageQuery) -> Vec<UsageSum> {
    let mut sums: BTreeMap<(i64, Option<String>), UsageSum> = BTreeMap::new();
    for one in requests {
        let is_within = query.since <= one.started_at && one.started_at < query.until;
        let is_of_key = query.key_id.is_none() || query.key_id == one.key_id;
        let asks = ["chat", "text_completion"].contains(&one.operation.as_str());
        if !is_within || !is_of_key || !asks {
            continue;
        }
        let (start, key_id) = match query.by {
            UsageBy::Day => (one.started_at.0.div_euclid(DAY_MS) * DAY_MS, None),
            UsageBy::Key => (query.since.0, one.key_id.clone()),
        };
        let group = (start, key_id.as_ref().map(|id| id.0.clone()));
        let sum = sums.entry(group).or_insert(UsageSum {
            start: Timestamp(start),
            key_id,
            ..UsageSum::default()
        });
        sum.num_requests += 1;
        sum.num_failed += u64::from(!["ok", "canceled"].contains(&one.outcome.as_str()));
        sum.prompt_tokens += u64::from(one.prompt_tokens);
        sum.completion_tokens += u64::from(one.completion_tokens);
    }
    sums.into_values().collect()
}

fn requests() -> Vec<RequestRecord> {
    let mut all = Vec::new();
    for number in 0..60_u32 {
        let key_id = ["key_a", "key_b"].get(number as usize % 3);
        all.push(RequestRecord {
            key_id: key_id.map(|id| KeyId((*id).to_owned())),
            operation: ["chat", "text_completion", "list_models"][number as usize / 7 % 3]
                .to_owned(),
            outcome: ["ok", "ok", "timeout", "canceled"][number as usize % 4].to_owned(),
            prompt_tokens: u32::MAX - number,
            completion_tokens: number,
            // On both sides of 1970, and on the border between days.
            ..request(&number.to_string(), (i64::from(number) - 20) * DAY_MS / 4)
        });
    }
    all
}

#[tokio::test]
async fn requests_are_summed_by_day_and_by_key() {
    for Subject { name, store, .. } in stores().await {
        let all = requests();
        store.insert_requests(&all).await.unwrap();
        let spans = [
            (i64::MIN, i64::MAX),
            (-3 * DAY_MS, 4 * DAY_MS + 1),
            (DAY_MS, DAY_MS),
        ];
        for (since, until) in spans {
            for key_id in [None, Some(KeyId("key_b".to_owned()))] {
                for by in [UsageBy::Day, UsageBy::Key] {
                    let query = UsageQuery {
                        since: Timestamp(since),
                        until: Timestamp(until),
                        key_id: key_id.clone(),
                        by,
                    };
                    let sums = store.sum_requests(&query).await.unwrap();
                    assert_eq!(sums, naive(&all, &query), "{name}: {query:?}");
                }
            }
        }
    }
}
