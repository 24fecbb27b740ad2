//! A thread that owns a connection, and the queue of work before it.
//!
//! SQLite blocks and a connection is used by one at a time, so it lives on a thread of its own.
//! Callers wait, without blocking theirs, for a place in a bounded queue and then for the answer. A
//! caller who stops waiting changes nothing: what is in the queue is done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

/// Jobs that wait. Whoever comes then waits for a place.
const QUEUE_LEN: usize = 256;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;
type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Message {
    Run(Job),
    Close(Answer<()>),
}

/// The way to the thread. The thread ends when this is dropped, or closed.
pub(super) struct Worker {
    queue: mpsc::Sender<Message>,
}

impl Worker {
    /// Starts the thread, which opens the connection before anything else.
    pub(super) async fn start(
        name: &str,
        open: impl FnOnce() -> Result<Connection, StoreError> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (queue, messages) = mpsc::channel(QUEUE_LEN);
        let (answer, opened) = oneshot::channel();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || match open() {
                Ok(connection) => {
                    if answer.send(Ok(())).is_ok() {
                        serve(connection, messages);
                    }
                }
                Err(error) => {
                    let _ = answer.send(Err(error));
                }
            })
            .map_err(|error| StoreError::Database(Box::new(error)))?;
        // Without an answer the thread has panicked.
        opened.await.unwrap_or(Err(StoreError::Panicked))?;
        Ok(Self { queue })
    }

    /// Runs `job` on the thread, after all that came before it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, done) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let _ = answer.send(without_panic(connection, job));
        });
        self.send(Message::Run(job)).await?;
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Closes the connection after all that came before, and ends the thread.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let (answer, done) = oneshot::channel();
        self.send(Message::Close(answer)).await?;
        done.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn send(&self, message: Message) -> Result<(), StoreError> {
        self.queue
            .send(message)
            .await
            .map_err(|_| StoreError::Closed)
    }
}

fn serve(mut connection: Connection, mut messages: mpsc::Receiver<Message>) {
    while let Some(message) = messages.blocking_recv() {
        match message {
            Message::Run(job) => job(&mut connection),
            Message::Close(answer) => {
                // First: whoever still waits for a place, or stands in the queue, is told that it
                // is closed when the receiver is dropped.
                messages.close();
                let _ = answer.send(close(connection));
                return;
            }
        }
    }
}

fn close(connection: Connection) -> Result<(), StoreError> {
    let only_reads: bool = connection.query_row("PRAGMA query_only", [], |row| row.get(0))?;
    if !only_reads {
        // Keeps the planner's statistics fresh; bounded by SQLite itself.
        connection.execute_batch("PRAGMA optimize")?;
    }
    connection
        .close()
        .map_err(|(_connection, error)| StoreError::from(error))
}

/// What `job` returns; [`StoreError::Panicked`] if it panics, with its transaction undone.
fn without_panic<T>(
    connection: &mut Connection,
    job: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    // A connection is not left half-way by unwinding: statements reset and transactions roll back
    // as they are dropped.
    let result = catch_unwind(AssertUnwindSafe(|| job(connection)));
    if !connection.is_autocommit() {
        // A roll-back that failed, in a drop where nobody could tell.
        connection.execute_batch("ROLLBACK")?;
    }
    result.unwrap_or(Err(StoreError::Panicked))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const INSERT: &str = "INSERT INTO t VALUES (1)";

    fn memory() -> Result<Connection, StoreError> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch("CREATE TABLE t (x INTEGER)")?;
        Ok(connection)
    }

    fn count(connection: &mut Connection) -> Result<i64, StoreError> {
        Ok(connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_its_call_alone_and_its_transaction_is_undone() {
        let worker = Worker::start("test", memory).await.unwrap();
        let error = worker
            .run(|connection| -> Result<(), StoreError> {
                let transaction = connection.transaction()?;
                transaction.execute(INSERT, [])?;
                panic!("on purpose");
            })
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Panicked), "{error:?}");
        assert_eq!(worker.run(count).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_transaction_left_open_does_not_swallow_the_next_call() {
        let worker = Worker::start("test", memory).await.unwrap();
        worker
            .run(|connection| Ok(connection.execute_batch("BEGIN; INSERT INTO t VALUES (1)")?))
            .await
            .unwrap();
        assert_eq!(worker.run(count).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_panic_while_opening_is_an_error() {
        let error = Worker::start("test", || panic!("on purpose"))
            .await
            .err()
            .unwrap();
        assert!(matches!(error, StoreError::Panicked), "{error:?}");
    }

    #[tokio::test]
    async fn what_the_caller_no_longer_waits_for_is_done_all_the_same() {
        let worker = Worker::start("test", memory).await.unwrap();
        let job = worker.run(|connection| Ok(connection.execute(INSERT, [])?));
        // `biased`: the job is polled once, which queues it, and is then dropped.
        tokio::select! {
            biased;
            _ = job => {}
            () = std::future::ready(()) => {}
        }
        assert_eq!(worker.run(count).await.unwrap(), 1);
    }

    #[test]
    fn the_thread_ends_when_the_last_sender_is_dropped_and_does_what_is_queued_before() {
        let (queue, messages) = mpsc::channel(QUEUE_LEN);
        let thread = thread::spawn(move || serve(memory().unwrap(), messages));
        let (answer, done) = oneshot::channel();
        let job: Job = Box::new(move |connection| answer.send(count(connection)).unwrap());
        assert!(queue.try_send(Message::Run(job)).is_ok());
        drop(queue);
        thread.join().unwrap();
        assert_eq!(done.blocking_recv().unwrap().unwrap(), 0);
    }

    #[test]
    fn what_stands_behind_a_close_is_told_that_it_is_closed() {
        let (queue, messages) = mpsc::channel(QUEUE_LEN);
        let (closing, closed) = oneshot::channel();
        let (answer, done) = oneshot::channel::<Result<i64, StoreError>>();
        let job: Job = Box::new(move |connection| answer.send(count(connection)).unwrap());
        assert!(queue.try_send(Message::Close(closing)).is_ok());
        assert!(queue.try_send(Message::Run(job)).is_ok());
        serve(memory().unwrap(), messages);
        closed.blocking_recv().unwrap().unwrap();
        // `Worker::run` makes `Closed` of this.
        assert!(done.blocking_recv().is_err());
        assert!(queue.is_closed());
    }

    #[tokio::test]
    async fn a_full_queue_makes_callers_wait_and_loses_none() {
        let worker = Arc::new(Worker::start("test", memory).await.unwrap());
        // The thread stands still until the queue is full.
        let (release, released) = std::sync::mpsc::channel::<()>();
        let mut tasks = tokio::task::JoinSet::new();
        let first = Arc::clone(&worker);
        tasks.spawn(async move {
            let job = first.run(move |_| Ok(released.recv().is_ok()));
            usize::from(job.await.unwrap())
        });
        for _ in 0..2 * QUEUE_LEN {
            let worker = Arc::clone(&worker);
            tasks.spawn(async move {
                let job = worker.run(|connection| Ok(connection.execute(INSERT, [])?));
                job.await.unwrap()
            });
        }
        while worker.queue.capacity() > 0 {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        let num_done: usize = tasks.join_all().await.into_iter().sum();
        assert_eq!(num_done, 2 * QUEUE_LEN + 1);
        assert_eq!(worker.run(count).await.unwrap(), 2 * QUEUE_LEN as i64);
    }
}
