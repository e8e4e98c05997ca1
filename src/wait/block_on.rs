//! From futures to blocking waits.
//!
//! A waker that unparks one thread, and a loop that polls and parks. On a
//! worker of a pool the sleep is announced, so that a spare takes its place.
//!
//! The waker owns its parker and its flag (an `Arc`), so it may outlive the call.
//! The flag says that the future was woken, the parker only ends the sleep.

#[cfg(all(test, raddle_loom))]
mod models;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::deadline::Deadline;
use crate::primitive::atomic::AtomicBool;
use crate::primitive::atomic::Ordering::{AcqRel, Release};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{Parker, mutant, weaken};

struct Unpark {
    parker: Arc<Parker>,
    /// Whether the future was woken since its last poll. The parker's token
    /// alone does not do: the future may block in its poll, in a wait that
    /// takes the token and knows nothing of it.
    is_woken: AtomicBool,
}

impl Unpark {
    fn take_wake(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `wake_by_ref`: the poll
        // sees what the waker did. AcqRel, so that no later poll is moved up.
        self.is_woken.swap(false, AcqRel)
    }
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: Release pairs with `take_wake`. A swap, because loom orders
        // a plain store against the other side's swaps less than C++ does.
        self.is_woken
            .swap(true, weaken("block-on-woken-relaxed", Release));
        self.parker.unpark();
    }
}

/// Runs a future on this thread until it is ready.
///
/// Blocks; [`block_on_timeout`] is its timed twin. On a worker of a pool a
/// spare worker takes its place while it sleeps.
///
/// # Panics
///
/// When the future does.
///
/// # Examples
///
/// ```
/// assert_eq!(raddle::block_on(async { 6 * 7 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    match run(pin!(future), Deadline::NEVER) {
        Ok(output) => output,
        Err(_) => unreachable!("a deadline that never comes has passed"),
    }
}

/// Runs a future on this thread until it is ready or `limit` has passed.
///
/// The future is dropped when the limit strikes first. `Duration::ZERO` polls
/// once; `Duration::MAX` waits for ever.
///
/// # Errors
///
/// [`TimedOutWaiting`] when the limit has passed.
///
/// # Panics
///
/// When the future does.
///
/// # Examples
///
/// ```
/// use std::{future, time::Duration};
///
/// let never = future::pending::<()>();
/// assert!(raddle::block_on_timeout(never, Duration::from_millis(1)).is_err());
/// ```
pub fn block_on_timeout<F: Future>(
    future: F,
    limit: Duration,
) -> Result<F::Output, TimedOutWaiting> {
    run(pin!(future), Deadline::after(limit))
}

/// The limit of a wait has passed.
///
/// # Examples
///
/// ```
/// use raddle::{TimedOutWaiting, block_on_timeout};
/// use std::{future, time::Duration};
///
/// let outcome = block_on_timeout(future::pending::<u32>(), Duration::from_millis(1));
/// assert_eq!(outcome, Err(TimedOutWaiting));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time limit of the wait has passed")]
pub struct TimedOutWaiting;

fn run<F: Future>(
    mut future: std::pin::Pin<&mut F>,
    deadline: Deadline,
) -> Result<F::Output, TimedOutWaiting> {
    let parker = Parker::current();
    let unpark = Arc::new(Unpark {
        parker: Arc::clone(&parker),
        is_woken: AtomicBool::new(false),
    });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        // Also for a future that wakes itself at every poll.
        if deadline.has_passed() {
            return Err(TimedOutWaiting);
        }
        let mut blocking = None;
        while !unpark.take_wake() || mutant("block-on-trusts-the-token") {
            let _ = blocking.get_or_insert_with(|| Blocking::start(BlockedOn::Thing("a future")));
            if !parker.park_until(deadline.instant()) {
                drop(blocking.take());
                // The wake-up may have come with the limit.
                return match future.as_mut().poll(&mut context) {
                    Poll::Ready(output) => Ok(output),
                    Poll::Pending => Err(TimedOutWaiting),
                };
            }
            if mutant("block-on-trusts-the-token") {
                break;
            }
        }
    }
}
