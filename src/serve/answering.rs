//! The body of an answer, which tells when the last of an answer that is sent while it is made has
//! been made: only then is the next request awaited.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::Session;
use crate::reply::{Body, CutShort};

/// See the module.
pub(super) struct Answering {
    body: Body,
    _until_made: Option<UntilMade>,
}

/// Has the next head awaited from when it is dropped.
struct UntilMade(Arc<Session>);

impl Answering {
    /// The body of an answer of this connection.
    pub(super) fn new(body: Body, session: Arc<Session>) -> Self {
        // Dropped at once when all of it is made.
        let until_made = Some(UntilMade(session)).filter(|_| matches!(body, Body::Pieces(_)));
        Self {
            body,
            _until_made: until_made,
        }
    }
}

impl Drop for UntilMade {
    fn drop(&mut self) {
        self.0.waiting.for_head(Instant::now());
    }
}

impl hyper::body::Body for Answering {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
