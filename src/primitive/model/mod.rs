//! The model backend: loom inside a model, the native backend outside of one.
//!
//! Each object decides once, when it is made; what has a `const` constructor
//! decides at its first use (`late.rs`). Made inside a model it belongs to
//! that one execution of it; made anywhere else it is native. Native locks,
//! condvars, parkers and queues refuse to be used inside a model: blocking on
//! one would hang the only system thread there is. Native atomics and cells
//! work there, and loom does not look at them.
//!
//! ```text
//!   run.rs ── says "inside execution N" ──► context.rs ◄── asks ── all others
//!
//!   atomics.rs   loom's, with a native copy for the time after a failure
//!   loads.rs     what loom would forget of loads
//!   cell.rs      loom's race detector beside a plain cell
//!   late.rs      what is decided at its first use; one value for each execution
//!   park.rs      Seat: sleep and wake without loss; Parker
//!   lock/        mutexes, rwlock and condvar, made of atomics and seats
//!   deque.rs     a Chase-Lev deque
//!   injector.rs  a queue of slots with head and tail
//!   channel.rs   a channel; each item orders by itself
//!   stacks.rs    what makes models fast: stacks serve the next execution too
//!   thread.rs    spawn, join, panicking, thread slots
//!   unwind.rs    whose panic is it, loom's or the user's?
//! ```
//!
//! What loom cannot do stays so: a thread that spins is explored badly, and two
//! that spin on one atomic are never explored to the end; let them sleep instead.
//!
//! Two facts about loom carry this backend:
//!
//! 1. All threads of a model are coroutines of one system thread, and one is
//!    left for another only where a loom operation begins, in
//!    `loom::thread::yield_now` and in `loom::thread::park`. Between these, plain
//!    data changes in one step.
//! 2. loom orders two operations both ways only when they touch the same loom
//!    object. So each step that others can observe is a read-modify-write of an
//!    atomic of the object concerned, with the ordering that the native object
//!    promises and no more.

#![allow(
    dead_code,
    unused_imports,
    reason = "what stands for std's and parking_lot's types offers all that these do, used or \
              not; and the runner is for models, which a build without tests has not"
)]

pub(crate) mod atomics;
mod cell;
pub(crate) mod channel;
pub(crate) mod context;
mod injector;
pub(crate) mod late;
mod loads;
mod lock;
#[cfg(test)]
mod models;
mod park;
mod ring;
#[cfg(test)]
pub(crate) mod run;
#[cfg(test)]
mod runner_tests;
#[cfg(test)]
mod stacks;
pub(crate) mod thread;
mod unwind;

use std::sync::OnceLock;
use std::time::Instant;

pub(crate) use super::native::{Chute, Pointed};
pub(crate) use atomics as atomic;
pub(crate) use cell::UnsafeCell;
pub(crate) use crossbeam_deque::Steal;
pub(crate) use injector::Injector;
pub(crate) use late::{Word, of_this_execution};
pub(crate) use lock::{
    Condvar, MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard,
    ReentrantMutex, ReentrantMutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub(crate) use park::Parker;
pub(crate) use ring::{Ring, View};
pub(crate) use thread::thread_slot;
pub(crate) use unwind::catch_unwind;

/// The present; inside a model always the same one, since timed waits decide
/// by themselves when they end.
pub(crate) fn now() -> Instant {
    static STANDSTILL: OnceLock<Instant> = OnceLock::new();
    if context::inside() {
        *STANDSTILL.get_or_init(Instant::now)
    } else {
        super::native::now()
    }
}

/// How many CPUs this process may use; two in a model.
pub(crate) fn available_cpus() -> usize {
    if context::inside() {
        2
    } else {
        super::native::available_cpus()
    }
}
