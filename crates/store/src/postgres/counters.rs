//! The table `counters`.

use std::collections::{BTreeMap, HashMap};

use super::failure::{Failure, commit};
use super::number::u64_at;
use super::pool::Client;
use super::text::Text;
use crate::counting::{Counts, as_stored};
use crate::{Counter, Take, Taken};

/// Makes those that are not there and locks all, one after the other in the order given, and says
/// what they are.
const LOCK: &str = "\
    INSERT INTO counters AS known (name, start, value)
    SELECT name, start, 0 FROM unnest($1::text[], $2::int8[]) AS c (name, start)
    ON CONFLICT (name, start) DO UPDATE SET value = known.value
    RETURNING value";

const SET: &str = "\
    UPDATE counters SET value = new.value
    FROM unnest($1::text[], $2::int8[], $3::int8[]) AS new (name, start, value)
    WHERE counters.name = new.name AND counters.start = new.start";

const VALUES: &str = "\
    SELECT coalesce(value, 0)
    FROM unnest($1::text[], $2::int8[]) WITH ORDINALITY AS asked (name, start, place)
    LEFT JOIN counters USING (name, start) ORDER BY place";

const RAISE: &str = "\
    INSERT INTO counters AS known (name, start, value)
    SELECT * FROM unnest($1::text[], $2::int8[], $3::int8[])
    ON CONFLICT (name, start) DO UPDATE SET value = greatest(known.value, excluded.value)";

pub(super) async fn take(mut client: Client, takes: &[Take]) -> Result<Taken, Failure> {
    // Each once, in the order of the names, so that nobody waits for one who waits for them.
    let counters: BTreeMap<_, _> = takes
        .iter()
        .map(|take| (name(&take.counter), &take.counter))
        .collect();
    let counters: Vec<_> = counters.into_values().collect();
    let transaction = client.transaction().await?;
    let lock = transaction.prepare_cached(LOCK).await?;
    let (names, starts) = columns(&counters);
    let rows = transaction.query(&lock, &[&names, &starts]).await?;
    let mut before = HashMap::new();
    // They come back in the order in which they went.
    for (row, counter) in rows.iter().zip(&counters) {
        before.insert(*counter, row.try_get(0)?);
    }
    let mut counts = Counts::new(before);
    let taken = counts.take(takes);
    if matches!(taken, Taken::Done(_)) {
        let (counters, values): (Vec<_>, Vec<_>) = counts.changed().unzip();
        let (names, starts) = columns(&counters);
        let set = transaction.prepare_cached(SET).await?;
        transaction
            .execute(&set, &[&names, &starts, &values])
            .await?;
        // A second time it would be counted twice.
        commit(transaction).await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(taken)
}

pub(super) async fn values(client: Client, counters: &[Counter]) -> Result<Vec<u64>, Failure> {
    let counters: Vec<_> = counters.iter().collect();
    let (names, starts) = columns(&counters);
    let statement = client.prepare_cached(VALUES).await?;
    let rows = client.query(&statement, &[&names, &starts]).await?;
    rows.iter().map(|row| u64_at(row, 0)).collect()
}

pub(super) async fn raise(client: Client, values: &[(Counter, u64)]) -> Result<(), Failure> {
    let mut highest = BTreeMap::new();
    for (counter, value) in values {
        let (_, highest) = highest.entry(name(counter)).or_insert((counter, 0));
        *highest = as_stored(*value).max(*highest);
    }
    let (counters, values): (Vec<_>, Vec<_>) = highest.into_values().unzip();
    let (names, starts) = columns(&counters);
    let statement = client.prepare_cached(RAISE).await?;
    client
        .execute(&statement, &[&names, &starts, &values])
        .await?;
    Ok(())
}

fn name(counter: &Counter) -> (&str, i64) {
    (&counter.name, counter.start.0)
}

fn columns<'a>(counters: &[&'a Counter]) -> (Vec<Text<'a>>, Vec<i64>) {
    let pairs = counters.iter();
    pairs
        .map(|counter| (Text(&counter.name), counter.start.0))
        .unzip()
}
