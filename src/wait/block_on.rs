//! From futures to blocking waits.
//!
//! A waker that unparks one thread, and a loop that polls and parks. On a
//! worker of a pool the sleep is announced, so that a spare takes its place.
//!
//! The waker owns its parker (an `Arc`), so it may outlive the call.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::deadline::Deadline;
use crate::primitive::Parker;
use crate::primitive::block::{BlockedOn, Blocking};

struct Unpark(Arc<Parker>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
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
    let waker = Waker::from(Arc::new(Unpark(Arc::clone(&parker))));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        let _blocking = Blocking::start(BlockedOn::Thing("a future"));
        if !parker.park_until(deadline.instant()) {
            // The wake-up may have come with the limit.
            return match future.as_mut().poll(&mut context) {
                Poll::Ready(output) => Ok(output),
                Poll::Pending => Err(TimedOutWaiting),
            };
        }
    }
}
