//! A wish that work may stop, told to whoever looks, waits or registered.
//!
//! Tokens form a tree. A child knows its parent for sure (it keeps the way from
//! the root open), a parent knows its children weakly (a dropped child leaves).
//!
//! ```text
//!   CancellationToken ──► Node ◄── parent ── Node ◄── parent ── Node
//!        Cancelled ─────►  │  ── children ─►      ── children ─►
//!     Registration ─────►  └─ watchers: sleepers, wakers, callbacks
//!
//!                     cancel, or the timer at the deadline
//!              LIVE ──────────────────────────────────────► CANCELLED
//! ```
//!
//! 1. CANCELLED is final. The flag is set *before* the node's lock is taken to
//!    collect children and watchers, and whoever adds one looks at the flag
//!    *under* that lock: so each is either collected, or told at once.
//! 2. Whoever moved LIVE to CANCELLED tells the watchers; each is taken out
//!    under the lock, one at a time, and told after it was given back. So one
//!    that was taken out by its owner is never told, and none is told twice.
//! 3. `cancel` first sets the flags of the whole tree, then tells watchers: a
//!    callback finds every descendant cancelled.
//! 4. No user code (callback, waker, destructor of these) runs under a lock,
//!    and a panic in one does not stop the others.
//! 5. Locks: a node's, then the timer's. Never two nodes' at once.
//! 6. Nothing recurses along the tree: not `cancel`, not drop.
//! 7. A node with watchers is alive: every watcher's owner holds the node.
//!
//! A deadline is fixed when the token is made, children have their parent's.
//! Whoever looks asks the clock; sleepers sleep no longer; for wakers and
//! callbacks the node asks the timer, once, at the first of them.
//!
//! Orderings: `cancel` releases, `is_cancelled` acquires: who sees CANCELLED
//! sees what the canceller did before (but not what a second canceller did).
//! Models: `models.rs` beside this file.

mod future;
mod node;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use future::Cancelled;
use node::Node;
pub(crate) use node::Registration;

use crate::error::TaskError;
use crate::wait::deadline::Deadline;

/// Asks work to stop, and lets work see that it was asked.
///
/// Clones are the same token. A [`child`](Self::child) is cancelled with its
/// parent, but not the parent with the child. Nothing is stopped by force:
/// work looks at its token, or waits on it.
///
/// Dropping tokens cancels nothing.
///
/// # Examples
///
/// ```
/// use raddle::CancellationToken;
///
/// let stop = CancellationToken::new();
/// let worker = std::thread::spawn({
///     let stop = stop.clone();
///     move || while !stop.is_cancelled() { std::thread::yield_now() }
/// });
/// stop.cancel();
/// worker.join().unwrap();
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    node: Arc<Node>,
}

const _: () = {
    const fn shareable<T: Send + Sync + Unpin + 'static>() {}
    shareable::<CancellationToken>();
    shareable::<Cancelled>();
    shareable::<Registration>();
};

impl CancellationToken {
    /// Makes a token that is cancelled by [`cancel`](Self::cancel) alone.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::CancellationToken::new().is_cancelled());
    /// ```
    pub fn new() -> Self {
        Self::from_deadline(Deadline::NEVER)
    }

    /// Makes a token that counts as cancelled from `at` on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let token = raddle::CancellationToken::with_deadline(Instant::now());
    /// assert!(token.is_cancelled());
    /// ```
    pub fn with_deadline(at: Instant) -> Self {
        Self::from_deadline(Deadline::at(at))
    }

    /// Makes a token that counts as cancelled when `limit` from now has passed.
    ///
    /// `Duration::ZERO` is now, `Duration::MAX` never.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use raddle::CancellationToken;
    ///
    /// assert!(CancellationToken::with_timeout(Duration::ZERO).is_cancelled());
    /// assert_eq!(CancellationToken::with_timeout(Duration::MAX).deadline(), None);
    /// ```
    pub fn with_timeout(limit: Duration) -> Self {
        Self::from_deadline(Deadline::after(limit))
    }

    fn from_deadline(deadline: Deadline) -> Self {
        Self {
            node: Arc::new(Node::root(deadline)),
        }
    }

    /// Makes a token that is cancelled with this one, and may be by itself.
    ///
    /// It has this token's deadline. A child that is dropped leaves nothing
    /// behind in its parent.
    ///
    /// # Examples
    ///
    /// ```
    /// let parent = raddle::CancellationToken::new();
    /// let (one, two) = (parent.child(), parent.child());
    /// one.cancel();
    /// assert!(!parent.is_cancelled() && !two.is_cancelled());
    /// parent.cancel();
    /// assert!(two.is_cancelled());
    /// ```
    pub fn child(&self) -> Self {
        Self {
            node: self.node.child(Deadline::NEVER),
        }
    }

    /// Makes a [`child`](Self::child) that counts as cancelled from `at` on, or
    /// from this token's deadline on if that is earlier.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let parent = raddle::CancellationToken::new();
    /// assert!(parent.child_with_deadline(Instant::now()).is_cancelled());
    /// assert!(!parent.is_cancelled());
    /// ```
    pub fn child_with_deadline(&self, at: Instant) -> Self {
        Self {
            node: self.node.child(Deadline::at(at)),
        }
    }

    /// Cancels this token and all its descendants.
    ///
    /// Wakes everybody who waits for one of them. Callbacks and wakers run in
    /// this call; it does not block otherwise. Only the first call does
    /// anything; one that comes while the first is still at work returns at
    /// once, perhaps before every descendant and waiter knows.
    ///
    /// # Memory ordering
    ///
    /// What precedes the call is seen by whoever sees the token cancelled by it.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = raddle::CancellationToken::new();
    /// token.cancel();
    /// token.cancel();
    /// assert!(token.is_cancelled());
    /// ```
    pub fn cancel(&self) {
        self.node.cancel();
    }

    /// Whether the token was cancelled or its deadline has passed.
    ///
    /// One load, and a look at the clock if there is a deadline. Once `true`,
    /// always `true`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!raddle::CancellationToken::new().is_cancelled());
    /// ```
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// Turns a cancelled token into an error, for use with `?`.
    ///
    /// # Errors
    ///
    /// [`TaskError::Cancelled`] if the token was cancelled or its deadline has
    /// passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::{CancellationToken, TaskError};
    ///
    /// fn sum(numbers: &[u64], stop: &CancellationToken) -> Result<u64, TaskError> {
    ///     let mut sum = 0;
    ///     for part in numbers.chunks(1000) {
    ///         stop.check()?;
    ///         sum += part.iter().sum::<u64>();
    ///     }
    ///     Ok(sum)
    /// }
    /// assert_eq!(sum(&[1, 2, 3], &CancellationToken::new()).unwrap(), 6);
    /// ```
    #[inline]
    pub fn check(&self) -> Result<(), TaskError> {
        if self.is_cancelled() {
            Err(TaskError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// When the token counts as cancelled by itself: its own deadline or that
    /// of an ancestor, whichever is first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use raddle::CancellationToken;
    ///
    /// let at = Instant::now();
    /// assert_eq!(CancellationToken::with_deadline(at).child().deadline(), Some(at));
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.node.deadline().instant()
    }

    /// Blocks until the token is cancelled or its deadline has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// raddle::CancellationToken::with_timeout(Duration::from_millis(1)).wait();
    /// ```
    pub fn wait(&self) {
        self.node.block_until(Deadline::NEVER);
    }

    /// Blocks until the token is cancelled, but no longer than `limit`; `true`
    /// says that it is cancelled.
    ///
    /// `Duration::ZERO` looks once, `Duration::MAX` waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let token = raddle::CancellationToken::new();
    /// assert!(!token.wait_timeout(Duration::from_millis(1)));
    /// token.cancel();
    /// assert!(token.wait_timeout(Duration::ZERO));
    /// ```
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        self.node.block_until(Deadline::after(limit))
    }

    /// Blocks until the token is cancelled, but no longer than until `at`;
    /// `true` says that it is cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// assert!(!raddle::CancellationToken::new().wait_deadline(Instant::now()));
    /// ```
    pub fn wait_deadline(&self, at: Instant) -> bool {
        self.node.block_until(Deadline::at(at))
    }

    /// A future that is ready when the token is cancelled or its deadline has
    /// passed.
    ///
    /// It runs on any executor, and may be dropped at any time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{future::Future, pin::pin, task::{Context, Waker}};
    ///
    /// let token = raddle::CancellationToken::new();
    /// let mut cancelled = pin!(token.cancelled());
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(cancelled.as_mut().poll(&mut context).is_pending());
    /// token.cancel();
    /// assert!(cancelled.as_mut().poll(&mut context).is_ready());
    /// ```
    pub fn cancelled(&self) -> Cancelled {
        Cancelled::new(self.node.clone())
    }

    /// Runs `f` when the token is cancelled, once, in the thread that cancels
    /// (the timer's, at the deadline); at once and here if it is already.
    ///
    /// Dropping the [`Registration`] takes `f` out again. If the system has no
    /// thread for the timer, a deadline does not run `f`, only `cancel` does.
    pub(crate) fn on_cancel(&self, f: impl FnOnce() + Send + 'static) -> Registration {
        Registration::new(self.node.clone(), Box::new(f))
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken")
            .field("cancelled", &self.is_cancelled())
            .field("deadline", &self.deadline())
            .finish()
    }
}

#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(test)]
mod tests;
