//! A TCP connection that notices when its other end is gone.
//!
//! hyper looks for the end of a connection only while it has nothing unread from it, so a client
//! that sent a few bytes more and left would keep its request computing. And a client that stops
//! reading would hold its answer for ever. So this end watches for the hang-up itself, and a write
//! that makes no progress fails.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, Sleep, interval, sleep};

/// How often a connection is looked at. A look is one atomic read.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;

/// A connection for hyper.
pub(crate) struct Socket {
    stream: Arc<TcpStream>,
    write_timeout: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

/// Notices the end of a connection.
pub(crate) struct HangUp(Arc<TcpStream>);

impl Socket {
    pub(crate) fn new(stream: TcpStream, write_timeout: Duration) -> (Self, HangUp) {
        let stream = Arc::new(stream);
        let socket = Self {
            stream: Arc::clone(&stream),
            write_timeout,
            waiting: None,
        };
        (socket, HangUp(stream))
    }

    /// The result of a write, or an error if none went through for too long.
    fn poll_write_with(
        &mut self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.stream.poll_write_ready(context) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => {
                    let timeout = self.write_timeout;
                    let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(timeout)));
                    ready!(waiting.as_mut().poll(context));
                    let reason = "the client takes nothing any more";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, reason)));
                }
            }
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    self.waiting = None;
                    return Poll::Ready(result);
                }
            }
        }
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; READ_BYTES];
        let room = buffer.remaining().min(READ_BYTES);
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read(&mut bytes[..room]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(count) => {
                    buffer.put_slice(&bytes[..count]);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(context, |stream| stream.try_write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.stream).shutdown(std::net::Shutdown::Write))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(context, |stream| stream.try_write_vectored(slices))
    }
}

impl HangUp {
    /// Completes when the other end has closed the connection or shut down its writing.
    pub(crate) async fn happens(self) {
        let mut looks = interval(WATCH_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            // Never waits: either side of the socket is ready, or a deadline that has passed is.
            let readiness = self.0.ready(Interest::READABLE | Interest::WRITABLE);
            let ready = tokio::time::timeout_at(Instant::now(), readiness).await;
            if matches!(ready, Ok(Ok(ready)) if ready.is_read_closed()) {
                return;
            }
        }
    }
}
