//! A connection's socket, which sends what has been answered in one piece and does not wait for
//! ever for its reader.
//!
//! hyper writes each answer by itself. Here small ones are kept until the connection has nothing
//! more to do, so that sixteen pipelined questions cost one system call; nothing is kept while the
//! connection sleeps. (hyper's own `pipeline_flush` holds an answer back while anything is left to
//! read: `tests/it/connections.rs`.)
//!
//! hyper has no deadline for writing either: a client that takes no bytes would hold its connection,
//! and one that pipelines questions without reading answers would hold its buffers too. The
//! deadline runs from the first write that the socket refuses until everything that was handed over
//! is written, or as much as a client must at least take in that time: an answer that is sent while
//! it is made may never be all written before its end.

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What a client must at least take in the time it is given; single answers are smaller.
const SHARE_BYTES: usize = 256 * 1024;

/// What may wait to be sent together; a single write of more goes out by itself.
const UNSENT_BYTES_MAX: usize = 16 * 1024;

thread_local! {
    /// The room of whoever sent last, for the next one on this thread: a connection needs it only
    /// while it is polled, so ten thousand idle ones keep nothing, and none of them grows its own.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// One end for hyper, one for whoever sends what hyper wrote.
pub(super) struct Outbox<S>(Arc<Mutex<Line<S>>>);

struct Line<S> {
    stream: S,
    unsent: Vec<u8>,
    /// How many bytes of `unsent` are sent.
    sent: usize,
    patience: Duration,
    timeouts: Counter,
    /// Runs while the socket refuses bytes. Boxed, because it is there for the rare case only.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Whether the deadline has passed.
    gave_up: bool,
    /// Bytes taken since the deadline began.
    taken: usize,
    /// When the client was last done taking what it had not taken at once.
    caught_up: Option<Instant>,
}

impl<S: AsyncWrite + Unpin> Outbox<S> {
    pub(super) fn new(stream: S, patience: Duration, timeouts: Counter) -> Self {
        Self(Arc::new(Mutex::new(Line {
            stream,
            unsent: Vec::new(),
            sent: 0,
            patience,
            timeouts,
            deadline: None,
            gave_up: false,
            taken: 0,
            caught_up: None,
        })))
    }

    /// The same socket.
    pub(super) fn other_end(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Sends what was written. To be called whenever the connection has been polled.
    ///
    /// # Errors
    ///
    /// The client is gone, or did not take its answer in time.
    pub(super) fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line().poll_send(context)
    }

    /// Ends the sending side, after everything was sent; whether that succeeds concerns nobody.
    pub(super) fn poll_close(&self, context: &mut Context<'_>) -> Poll<()> {
        let closed = Pin::new(&mut self.line().stream).poll_shutdown(context);
        closed.map(|_| ())
    }

    /// Whether the client has not taken all of what it was sent; else since when it has, if it was
    /// slow about it.
    pub(super) fn reader(&self) -> Reader {
        let line = self.line();
        match line.deadline {
            Some(_) => Reader::Behind,
            None => Reader::CaughtUp(line.caught_up),
        }
    }
}

/// How the client gets on with its answers.
pub(super) enum Reader {
    /// The socket refuses bytes.
    Behind,
    /// It has taken everything, and was once behind until then.
    CaughtUp(Option<Instant>),
}

impl<S> Outbox<S> {
    fn line(&self) -> MutexGuard<'_, Line<S>> {
        // Nothing panics while it is held; both ends are polled by one task.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncWrite + Unpin> Line<S> {
    /// Takes a small write to be sent later, a large one to the socket behind what waits.
    fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if self.unsent.len() + bytes <= UNSENT_BYTES_MAX {
            if self.unsent.capacity() == 0 {
                self.unsent = ROOM.take();
                self.unsent.reserve_exact(UNSENT_BYTES_MAX);
            }
            slices
                .iter()
                .for_each(|slice| self.unsent.extend_from_slice(slice));
            return Poll::Ready(Ok(bytes));
        }
        ready!(self.poll_send(context))?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        let written = ready!(self.judge(written, context))?;
        if written == bytes {
            self.catch_up();
        }
        Poll::Ready(Ok(written))
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.sent < self.unsent.len() {
            let rest = &self.unsent[self.sent..];
            let written = Pin::new(&mut self.stream).poll_write(context, rest);
            match ready!(self.judge(written, context))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        self.unsent.clear();
        ROOM.set(std::mem::take(&mut self.unsent));
        self.sent = 0;
        self.catch_up();
        Poll::Ready(Ok(()))
    }

    /// Passes on what a write came to; one that has to wait starts or meets the deadline.
    fn judge(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            self.note_taken(written.as_ref().map_or(0, |bytes| *bytes));
            return Poll::Ready(written);
        }
        let patience = self.patience;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(deadline.as_mut().poll(context));
        // Both ends may hear of it in one poll.
        if !std::mem::replace(&mut self.gave_up, true) {
            self.timeouts.inc();
        }
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }

    fn note_taken(&mut self, bytes: usize) {
        if self.deadline.is_none() {
            return;
        }
        self.taken += bytes;
        if self.taken >= SHARE_BYTES {
            self.catch_up();
        }
    }

    fn catch_up(&mut self) {
        if self.deadline.take().is_some() {
            (self.taken, self.caught_up) = (0, Some(Instant::now()));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Outbox<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Outbox<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.line().poll_take(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.line().poll_take(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What is small enough to wait does: [`poll_send`](Outbox::poll_send) is called before the
    /// connection sleeps.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut line = self.line();
        ready!(line.poll_send(context))?;
        Pin::new(&mut line.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn write(outbox: &mut Outbox<tokio::io::DuplexStream>, bytes: &[u8]) -> Poll<usize> {
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(outbox)
            .poll_write(&mut context, bytes)
            .map(Result::unwrap)
    }

    #[tokio::test]
    async fn small_writes_go_out_together_and_in_order() {
        let (ours, mut theirs) = duplex(64 * 1024);
        let mut outbox = Outbox::new(ours, PATIENCE, Counter::default());
        let sender = outbox.other_end();
        assert_eq!(write(&mut outbox, b"a"), Poll::Ready(1));
        assert_eq!(write(&mut outbox, b"bc"), Poll::Ready(2));
        let mut came = [0; 8];
        let mut context = Context::from_waker(Waker::noop());
        let early = pin!(theirs.read(&mut came)).poll(&mut context);
        assert!(early.is_pending(), "nothing is sent before its time");
        assert!(sender.poll_send(&mut context).is_ready());
        assert_eq!(theirs.read(&mut came).await.unwrap(), 3);
        assert_eq!(&came[..3], b"abc");
        // A large one does not overtake a small one.
        assert_eq!(write(&mut outbox, b"d"), Poll::Ready(1));
        let large = [b'e'; UNSENT_BYTES_MAX];
        assert_eq!(write(&mut outbox, &large), Poll::Ready(large.len()));
        let mut all = vec![0; 1 + large.len()];
        theirs.read_exact(&mut all).await.unwrap();
        assert_eq!((all[0], all[1]), (b'd', b'e'));
    }

    #[tokio::test]
    async fn a_reader_has_its_time_and_no_more() {
        let (ours, mut theirs) = duplex(1024);
        let timeouts = Counter::default();
        let mut outbox = Outbox::new(ours, Duration::from_millis(1), timeouts.clone());
        let sender = outbox.other_end();
        assert_eq!(write(&mut outbox, &[b'a'; 3000]), Poll::Ready(3000));
        let mut context = Context::from_waker(Waker::noop());
        assert!(sender.poll_send(&mut context).is_pending());
        assert!(matches!(sender.reader(), Reader::Behind));
        // Taking some of it does not buy more time.
        theirs.read_exact(&mut [0; 1000]).await.unwrap();
        let late = poll_fn(|context| sender.poll_send(context)).await;
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
        // The other end hears of it too, and it is counted once.
        let large = [b'b'; UNSENT_BYTES_MAX];
        let mut context = Context::from_waker(Waker::noop());
        let late = Pin::new(&mut outbox).poll_write(&mut context, &large);
        assert!(matches!(late, Poll::Ready(Err(error)) if error.kind() == ErrorKind::TimedOut));
        assert_eq!(timeouts.get(), 1);
    }

    #[tokio::test]
    async fn a_reader_that_catches_up_begins_anew() {
        let (ours, mut theirs) = duplex(1024);
        let mut outbox = Outbox::new(ours, PATIENCE, Counter::default());
        let sender = outbox.other_end();
        assert!(matches!(sender.reader(), Reader::CaughtUp(None)));
        assert_eq!(write(&mut outbox, &[b'a'; 1500]), Poll::Ready(1500));
        let mut context = Context::from_waker(Waker::noop());
        assert!(sender.poll_send(&mut context).is_pending());
        theirs.read_exact(&mut [0; 1000]).await.unwrap();
        assert!(sender.poll_send(&mut context).is_ready());
        assert!(matches!(sender.reader(), Reader::CaughtUp(Some(_))));
    }
}
