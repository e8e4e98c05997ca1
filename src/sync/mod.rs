//! Locks and conditions, known to the pool.
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
//!
//! # What holds for all of them
//!
//! * *Waiting.* A worker of a pool that has to wait for one of these tells its
//!   pool, and a spare worker takes its place until it goes on: a lock that is
//!   held for long does not starve the pool. Below its `workers_max`, that is: a
//!   pool all of whose threads wait for locks stands still until one is free.
//! * *Time.* What waits has twins with `_timeout` and `_deadline`.
//!   `Duration::ZERO` tries once, `Duration::MAX` waits for ever. Time is
//!   monotonic: setting the clock changes nothing.
//! * *Panics.* Nothing is poisoned. A guard unlocks when its thread unwinds.
//! * *Futures.* Guards stay on their thread (they are not `Send`), so a future
//!   that keeps one across an `.await` does not go to another.
//! * *Signals and forks.* A signal handler that interrupts a wait does not end
//!   it. A child made by `fork` finds each lock as it was.
//! * *Nothing of yours* runs while a lock of raddle's own is held: no
//!   initialiser, no destructor, no `Debug`.
//!
//! # In a model
//!
//! The same sources run under loom (`cargo model`). All constructors are `const`
//! in both builds; an object decides at its first use whether it belongs to an
//! execution of a model. A `static` would outlive its execution, and a model that
//! uses one panics and asks for [`lazy!`](lazy).
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

mod condition;
mod condvar;
mod guard;
#[cfg(all(test, raddle_loom))]
mod models;
mod mutex;
mod once;
mod reentrant;
mod rwlock;
mod statics;
mod worker_local;

pub use condition::{Condition, ConditionGuard};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard};
pub use once::OnceLock;
pub use reentrant::{ReentrantMutex, ReentrantMutexGuard};
pub use rwlock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub use statics::Lazy;
#[doc(inline)]
pub use statics::lazy;
pub use worker_local::WorkerLocal;
