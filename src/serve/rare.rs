//! A future that is polled only when it was woken.
//!
//! A connection is polled for each request, its alarm and its notice of the end ring once in many
//! thousands. Polling them every time would cost each request a lock of the runtime's.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// See the module. Must always be polled by the same task: the waker of the first poll is kept.
pub(super) struct Rare<F> {
    future: F,
    bell: Option<(Arc<Bell>, Waker)>,
}

struct Bell {
    rung: AtomicBool,
    task: Waker,
}

impl<F: Future + Unpin> Rare<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future, bell: None }
    }

    /// Cost: one load when nothing has happened.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        let (bell, waker) = self.bell.get_or_insert_with(|| {
            let bell = Arc::new(Bell {
                rung: AtomicBool::new(true),
                task: context.waker().clone(),
            });
            let waker = Waker::from(Arc::clone(&bell));
            (bell, waker)
        });
        if !bell.rung.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        bell.rung.store(false, Ordering::Release);
        Pin::new(&mut self.future).poll(&mut Context::from_waker(waker))
    }

    /// The future, to be set anew; it is polled next time whatever happens.
    pub(super) fn wound(&mut self) -> &mut F {
        if let Some((bell, _)) = &self.bell {
            bell.rung.store(true, Ordering::Release);
        }
        &mut self.future
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tokio::sync::Notify;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_polled_when_woken_and_not_otherwise() {
        let (notify, polls) = (Notify::new(), AtomicU32::new(0));
        let mut notified = Box::pin(notify.notified());
        let counted = std::future::poll_fn(|context| {
            polls.fetch_add(1, Ordering::Relaxed);
            notified.as_mut().poll(context)
        });
        let mut rare = Rare::new(counted);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        for _ in 0..3 {
            assert!(rare.poll(&mut context).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        rare.wound();
        assert!(rare.poll(&mut context).is_pending());
        assert_eq!(polls.load(Ordering::Relaxed), 2);
        notify.notify_one();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(rare.poll(&mut context).is_ready());
    }
}
