//! What may be used on after a panic that somebody caught.
//!
//! Semaphores, signals and conditions have no data of the user's, and no user code
//! runs while their state is half changed: nobody ever finds it broken. (A barrier
//! whose action panics says so: it is broken, until somebody resets it. What the
//! action itself keeps is its own affair, as a task's is.) A value
//! set once is there whole, or not at all; it is as safe as the value itself. A
//! reentrant lock gives out shared references only.
//!
//! `Mutex`, `RwLock` and `Condition` are not among them: a panic lets go of the
//! lock and poisons nothing, so the next one may find half a change. That is said
//! by `AssertUnwindSafe` where it is meant, as for parking_lot's locks.

use std::panic::{RefUnwindSafe, UnwindSafe};

use super::{Barrier, Condvar, Event, Latch, OnceLock, ReentrantMutex, Semaphore};

impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}
impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}
impl UnwindSafe for Event {}
impl RefUnwindSafe for Event {}
impl UnwindSafe for Latch {}
impl RefUnwindSafe for Latch {}
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe + RefUnwindSafe> RefUnwindSafe for OnceLock<T> {}
impl<T: ?Sized + UnwindSafe> UnwindSafe for ReentrantMutex<T> {}
impl<T: ?Sized + RefUnwindSafe> RefUnwindSafe for ReentrantMutex<T> {}
