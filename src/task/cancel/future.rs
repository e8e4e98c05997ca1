//! Waiting for a token without blocking.
//!
//! ```text
//!   NEW ──poll──► REGISTERED(key) ──poll──► READY
//!    └───────── poll, cancelled ──────────────┘
//! ```
//!
//! 1. The watcher under `key` wakes the task that polled last.
//! 2. Wakers are cloned, woken and dropped outside the node's lock.
//! 3. Dropping the future takes its waker out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::node::{Node, WakerIn, Watch, Watcher};
use crate::primitive::drop_contained;

/// Ready when a [`CancellationToken`](super::CancellationToken) is cancelled.
///
/// Made by [`CancellationToken::cancelled`](super::CancellationToken::cancelled).
/// It needs no particular executor, may be dropped at any time, and once ready
/// stays ready.
///
/// # Examples
///
/// ```
/// let token = raddle::CancellationToken::new();
/// let cancelled: raddle::Cancelled = token.cancelled();
/// drop(cancelled);
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Cancelled {
    node: Arc<Node>,
    key: Option<u64>,
}

impl Cancelled {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self { node, key: None }
    }

    fn take_out(&mut self) {
        drop_contained(self.key.take().and_then(|key| self.node.unwatch(key)));
    }
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.node.is_cancelled() {
            this.take_out();
            return Poll::Ready(());
        }
        if this.node.arm().is_err() {
            // No thread for the timer: poll again and again rather than miss the
            // deadline.
            context.waker().wake_by_ref();
        }
        if let Some(key) = this.key
            && let WakerIn::Kept = this.node.look_at_waker(key, context.waker())
        {
            return Poll::Pending;
        }
        // (1): the old one goes only after the new one has come.
        let old = this.key;
        match this.node.watch(Watcher::Waker(context.waker().clone())) {
            Watch::Registered(key) => {
                this.key = Some(key);
                drop_contained(old.and_then(|old| this.node.unwatch(old)));
                Poll::Pending
            }
            Watch::Already(waker) => {
                drop_contained(waker);
                this.take_out();
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.take_out();
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled")
            .field("ready", &self.node.is_cancelled())
            .finish()
    }
}
