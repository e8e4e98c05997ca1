//! What threads and futures share: locks, signals and queues, known to the pool.
//!
//! What std has keeps std's name; what Python has besides keeps Python's. All
//! of it can be searched for by the name that Python gives it, too.
//!
//! | you want | take |
//! |---|---|
//! | one thread at a time at some data | [`Mutex`] |
//! | to lock again what this thread holds already (Python's `RLock`) | [`ReentrantMutex`] |
//! | many readers or one writer | [`RwLock`] |
//! | to wait until the data are as you like | [`Condition`] |
//! | several conditions for one lock, or std's shape | [`Condvar`] |
//! | a value that is set once, by whoever comes first | [`OnceLock`] |
//! | a `static` that is computed at its first use | [`lazy!`](lazy) |
//! | a value for each worker, gathered at the end | [`WorkerLocal`] |
//! | only so many at once | [`Semaphore`] |
//! | to say "now", take it back, and say it again | [`Event`] |
//! | to wait until so many things have happened, once | [`Latch`] |
//! | so many to wait for each other, again and again | [`Barrier`] |
//! | to hand items from producers to consumers, with an end | [`Queue`] |
//! | to send until one side is gone, or to select among several sources | [`channel`] |
//! | a lock that is held across an `.await` | a [`Semaphore`] of one permit |
//!
//! Each page says who may overtake whom (*fairness*) and what happens-before what
//! (*memory ordering*). `docs/which_lock.md` of the repository lays them side by
//! side, with Python's names.
//!
//! # What holds for all of them
//!
//! * *Waiting.* A worker of a pool that has to wait for one of these tells its
//!   pool, and a spare worker takes its place until it goes on: a lock that is
//!   held for long does not starve the pool. Below its `workers_max`, that is: a
//!   pool all of whose threads wait for locks stands still until one is free.
//!   (`channel::select!` does not tell.)
//! * *Time.* What waits has twins with `_timeout` and `_deadline`, and one with
//!   `try_` that does not wait ([`OnceLock::get`] for a value set once).
//!   `Duration::ZERO` tries once, `Duration::MAX` waits for ever. Time is
//!   monotonic: setting the clock changes nothing.
//! * *Async.* Semaphores, signals and queues have `_async` twins on the same
//!   object: threads and futures wait for it together.
//! * *Leaving.* Whoever stops waiting (its time is up, its future is dropped)
//!   takes nothing away from the others: what it was given goes to the next. (A
//!   [`Barrier`] cannot be met without one whose time is up: it breaks, and the
//!   others are told.)
//! * *Panics.* Nothing is poisoned. A guard unlocks when its thread unwinds, and
//!   a permit goes back. So [`Mutex`], [`RwLock`] and [`Condition`] are not
//!   `RefUnwindSafe`, as parking_lot's are not: the next one may find half a
//!   change. Semaphores, signals, queues and channels are, and a [`OnceLock`]
//!   whose value is.
//! * *Futures.* Guards stay on their thread (they are not `Send`), so a future
//!   that keeps one across an `.await` does not go to another. Permits may go.
//! * *Signals and forks.* A signal handler that interrupts a wait does not end
//!   it. A child made by `fork` finds each lock as it was.
//! * *Nothing of yours* runs while a lock of raddle's own is held: no
//!   initialiser, no destructor, no waker, no `Debug`. With one exception: the
//!   comparisons of a [priority](Queue::priority) queue run under the queue's lock,
//!   and must not use that queue.
//!
//! # In a model
//!
//! The same sources run under loom (`cargo model`). The constructors of locks,
//! conditions and [`OnceLock`] are `const` in both builds; such an object decides at
//! its first use whether it belongs to an execution of a model. A `static` would
//! outlive its execution, and a model that uses one panics and asks for
//! [`lazy!`](lazy). Those of [`Semaphore`], [`Event`], [`Latch`] and [`Barrier`] are
//! `const` in ordinary builds only: a `static` of them that a model build shall
//! compile is made by `lazy!`. So is one of a [`Queue`], in any build.
//!
//! # Examples
//!
//! ```
//! use raddle::ThreadPool;
//! use raddle::sync::Condition;
//! use std::sync::Arc;
//!
//! let pool = ThreadPool::new(2)?;
//! let temperature = Arc::new(Condition::new(20));
//! let alarm = pool.submit({
//!     let temperature = temperature.clone();
//!     move || *temperature.wait_for(|degrees| *degrees > 90)
//! });
//! for degrees in [50, 80, 95] {
//!     temperature.update(|now| *now = degrees);
//! }
//! assert_eq!(alarm.result()?, 95);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

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
pub mod channel;
mod condition;
mod condvar;
mod event;
mod guard;
mod latch;
#[cfg(all(test, raddle_loom))]
mod models;
mod mutex;
mod once;
pub mod queue;
mod reentrant;
mod rwlock;
mod semaphore;
mod statics;
mod unwind;
mod worker_local;

pub use barrier::{Barrier, BarrierError, BarrierWaitResult};
pub use condition::{Condition, ConditionGuard};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use event::Event;
pub use latch::{Latch, LatchIsOpen};
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard};
pub use once::OnceLock;
pub use queue::{PopError, PushError, Queue, TooManyDone};
pub use reentrant::{ReentrantMutex, ReentrantMutexGuard};
pub use rwlock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{AcquireError, AddPermitsError, OwnedPermit, Permit, Semaphore};
pub use statics::Lazy;
#[doc(inline)]
pub use statics::lazy;
pub use worker_local::WorkerLocal;
