//! Waiting: who sleeps or polls, and how they are told.
//!
//! Shared by everything that can be waited for: tasks now, locks and queues
//! next. [`waiter`] is one entry in a list of those who wait; [`block_on()`]
//! turns a future into a blocking wait; [`deadline`] and [`timer`] are about
//! time.

mod block_on;
pub(crate) mod deadline;
#[allow(dead_code)] // the semaphore uses the rest
pub(crate) mod queue;
pub(crate) mod timer;
pub(crate) mod waited;
pub(crate) mod waiter;

pub use block_on::{TimedOutWaiting, block_on, block_on_timeout};
