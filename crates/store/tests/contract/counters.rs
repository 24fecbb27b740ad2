//! Counters.

use store::{Counter, MAX_ROWS, StoreError, Take, Taken, Timestamp};

use crate::{Subject, stores};

fn counter(name: &str, start: i64) -> Counter {
    Counter {
        name: name.to_owned(),
        start: Timestamp(start),
    }
}

fn take(name: &str, start: i64, amount: u64, limit: Option<u64>) -> Take {
    Take {
        counter: counter(name, start),
        amount,
        limit,
    }
}

#[tokio::test]
async fn what_is_taken_is_counted_until_the_limit() {
    for Subject { name, store, .. } in stores().await {
        assert_eq!(
            store.take(&[]).await.unwrap(),
            Taken::Done(vec![]),
            "{name}"
        );
        let one = [take("a", 1, 3, Some(7))];
        assert_eq!(store.take(&one).await.unwrap(), Taken::Done(vec![3]));
        assert_eq!(store.take(&one).await.unwrap(), Taken::Done(vec![6]));
        let refused = Taken::Refused { index: 0, used: 6 };
        assert_eq!(store.take(&one).await.unwrap(), refused, "{name}");
        let last = [take("a", 1, 1, Some(7))];
        assert_eq!(store.take(&last).await.unwrap(), Taken::Done(vec![7]));
        // Without a limit it goes beyond; the same name at another time is another counter.
        let more = [take("a", 1, 5, None), take("a", 2, 1, Some(1))];
        assert_eq!(store.take(&more).await.unwrap(), Taken::Done(vec![12, 1]));
        // It is beyond its limit already: nothing more is nothing less.
        let nothing = [take("a", 1, 0, Some(7))];
        let refused = Taken::Refused { index: 0, used: 12 };
        assert_eq!(store.take(&nothing).await.unwrap(), refused, "{name}");
        let impossible = [take("new", 1, 1, Some(0))];
        let refused = Taken::Refused { index: 0, used: 0 };
        assert_eq!(store.take(&impossible).await.unwrap(), refused, "{name}");
    }
}

#[tokio::test]
async fn takes_are_done_all_or_none() {
    for Subject { name, store, .. } in stores().await {
        let counters = [counter("z", 1), counter("a", 1), counter("m", 1)];
        store.raise_counters(&[(counter("m", 1), 9)]).await.unwrap();
        let takes = [
            take("z", 1, 1, Some(10)),
            take("m", 1, 2, Some(10)),
            take("a", 1, 100, Some(10)),
        ];
        let refused = Taken::Refused { index: 1, used: 9 };
        assert_eq!(
            store.take(&takes).await.unwrap(),
            refused,
            "{name}: the first"
        );
        assert_eq!(
            store.counters(&counters).await.unwrap(),
            [0, 0, 9],
            "{name}"
        );

        // The same counter twice is counted twice.
        let twice = [
            take("z", 1, 4, Some(10)),
            take("a", 1, 1, None),
            take("z", 1, 6, Some(10)),
        ];
        assert_eq!(
            store.take(&twice).await.unwrap(),
            Taken::Done(vec![4, 1, 10]),
            "{name}: in the order asked"
        );
        let refused = [take("a", 1, 1, Some(9)), take("a", 1, 8, Some(9))];
        let expected = Taken::Refused { index: 1, used: 1 };
        assert_eq!(store.take(&refused).await.unwrap(), expected, "{name}");
        assert_eq!(
            store.counters(&counters).await.unwrap(),
            [10, 1, 9],
            "{name}"
        );
    }
}

#[tokio::test]
async fn counters_are_raised_and_never_lowered() {
    for Subject { name, store, .. } in stores().await {
        store.raise_counters(&[]).await.unwrap();
        let (a, b) = (counter("a", 1), counter("b", -1));
        let raise = [(a.clone(), 5), (b.clone(), 1), (a.clone(), 3)];
        store.raise_counters(&raise).await.unwrap();
        store.raise_counters(&[(a.clone(), 4)]).await.unwrap();
        let unknown = counter("a", 2);
        let asked = [b, a.clone(), unknown, a.clone()];
        assert_eq!(
            store.counters(&asked).await.unwrap(),
            [1, 5, 0, 5],
            "{name}"
        );
        assert_eq!(store.counters(&[]).await.unwrap(), [0; 0], "{name}");

        // Beyond what is counted, it stands still.
        let most = i64::MAX as u64;
        store
            .raise_counters(&[(a.clone(), u64::MAX)])
            .await
            .unwrap();
        let takes = [
            take("a", 1, u64::MAX, None),
            take("a", 1, 1, Some(u64::MAX)),
        ];
        assert_eq!(
            store.take(&takes).await.unwrap(),
            Taken::Done(vec![most, most]),
            "{name}"
        );
        assert_eq!(store.counters(&[a]).await.unwrap(), [most], "{name}");
    }
}

#[tokio::test]
async fn too_many_counters_at_once_are_refused() {
    for Subject { name, store, .. } in stores().await {
        let takes: Vec<_> = (0..=MAX_ROWS as i64)
            .map(|start| take("a", start, 1, None))
            .collect();
        let counters: Vec<_> = takes.iter().map(|take| take.counter.clone()).collect();
        let values: Vec<_> = counters.iter().map(|c| (c.clone(), 1)).collect();
        for error in [
            store.take(&takes).await.unwrap_err(),
            store.counters(&counters).await.unwrap_err(),
            store.raise_counters(&values).await.unwrap_err(),
        ] {
            assert!(
                matches!(error, StoreError::TooMany { max: MAX_ROWS, .. }),
                "{name}: {error:?}"
            );
        }
        let most = &takes[1..];
        let taken = store.take(most).await.unwrap();
        assert_eq!(taken, Taken::Done(vec![1; MAX_ROWS]), "{name}");
    }
}
