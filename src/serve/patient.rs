//! A connection that does not wait for ever for its reader.
//!
//! hyper has no deadline for writing: a client that takes no bytes would hold its connection, and
//! a client that pipelines questions without reading answers would hold its buffers too. The
//! deadline runs from the first write that the socket refuses until everything is written, or as
//! much as a client must at least take in that time: an answer that is sent while it is made may
//! never be all written before its end.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What a client must at least take in the time it is given; single answers are smaller.
const SHARE_BYTES: usize = 256 * 1024;

/// A stream with a deadline for writing.
pub(super) struct Patient<S> {
    stream: S,
    patience: Duration,
    timeouts: Counter,
    /// Runs while the socket refuses bytes. Boxed, because it is there for the rare case only.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Bytes taken since the deadline began.
    taken: usize,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, patience: Duration, timeouts: Counter) -> Self {
        Self {
            stream,
            patience,
            timeouts,
            deadline: None,
            taken: 0,
        }
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
        self.timeouts.inc();
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<S> Patient<S> {
    fn note_taken(&mut self, bytes: usize) {
        if self.deadline.is_none() {
            return;
        }
        self.taken += bytes;
        if self.taken >= SHARE_BYTES {
            (self.deadline, self.taken) = (None, 0);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when its own buffer is written, so the client has taken what there was.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        (self.deadline, self.taken) = (None, 0);
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
