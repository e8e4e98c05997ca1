//! What threads and futures share: permits, signals, meeting points.
//!
//! | you want to | take |
//! |---|---|
//! | let only so many in at once | [`Semaphore`] |
//! | say "now", take it back, and say it again | [`Event`] |
//! | wait until so many things have happened, once | [`Latch`] |
//! | let so many wait for each other, again and again | [`Barrier`] |
//!
//! Threads and async tasks wait for the same object: `x` blocks the thread,
//! `try_x` does not wait, `x_timeout` and `x_deadline` wait so long, `x_async` is
//! a future. Whoever stops waiting (its time is up, its future is dropped) takes
//! nothing away from the others. No waker and no action runs under a lock.

/// A constructor: `const`, but in a model build, where objects must know at
/// their birth whether they belong to a model.
macro_rules! maybe_const {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(raddle_loom))]
        $(#[$meta])*
        $vis const fn $($rest)*
        #[cfg(raddle_loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}

mod barrier;
mod event;
mod latch;
#[cfg(all(test, raddle_loom))]
mod models;
mod semaphore;

pub use barrier::{Barrier, BarrierError, BarrierWaitResult};
pub use event::Event;
pub use latch::{Latch, LatchIsOpen};
pub use semaphore::{AcquireError, AddPermitsError, OwnedPermit, Permit, Semaphore};
