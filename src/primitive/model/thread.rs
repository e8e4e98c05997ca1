//! Threads: loom's inside a model, std's outside of one.
//!
//! A model holds at most five threads, the first and those that have ended
//! included. A thread that panics does not end the model: `join` gives the
//! payload. If nobody joins it, the runner lets the model fail.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;

use super::atomics::{AtomicBool, Ordering};
use super::context;
use super::unwind::catch_unwind;
use crate::primitive::native;

pub(crate) use super::unwind::panicking;

type Outcome<T> = Result<T, Box<dyn Any + Send>>;

/// The stack of a thread of a model, in words, whatever size was asked for.
const STACK_WORDS: usize = 0x1_0000;

/// Starts a thread.
///
/// # Errors
///
/// What the system says when it has no thread to give; never in a model.
pub(crate) fn spawn<F, T>(
    name: String,
    stack_size: Option<usize>,
    body: F,
) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    if !context::inside() {
        return native::thread::spawn(name, stack_size, body)
            .map(|handle| JoinHandle(Handle::Native(handle)));
    }
    context::refuse_to_block_if_doomed();
    let finished = Arc::new(AtomicBool::new(false));
    let handle = loom::thread::Builder::new()
        .name(name)
        .stack_size(STACK_WORDS)
        .spawn({
            let finished = Arc::clone(&finished);
            move || {
                let outcome = catch_unwind(body);
                if outcome.is_err() {
                    context::panic_to_join();
                }
                // ORDERING: Relaxed, `is_finished` promises nothing; `join` does.
                finished.store(true, Ordering::Relaxed);
                outcome
            }
        })?;
    Ok(JoinHandle(Handle::Modelled { handle, finished }))
}

/// The right to wait for a thread.
pub(crate) struct JoinHandle<T>(Handle<T>);

enum Handle<T> {
    Native(std::thread::JoinHandle<T>),
    Modelled {
        handle: loom::thread::JoinHandle<Outcome<T>>,
        finished: Arc<AtomicBool>,
    },
}

impl<T> JoinHandle<T> {
    /// Waits for the thread.
    ///
    /// # Errors
    ///
    /// The payload of the thread's panic.
    pub(crate) fn join(self) -> Outcome<T> {
        match self.0 {
            Handle::Native(handle) => {
                assert!(
                    !context::inside() || context::doomed(),
                    "raddle model: joins a thread that was started outside this model"
                );
                handle.join()
            }
            Handle::Modelled { handle, .. } => {
                if context::doomed() {
                    return Err(Box::new("raddle model: loom has failed"));
                }
                let outcome = handle.join().and_then(|outcome| outcome);
                if outcome.is_err() {
                    context::panic_joined();
                }
                outcome
            }
        }
    }

    /// Whether the thread's body has ended.
    pub(crate) fn is_finished(&self) -> bool {
        match &self.0 {
            Handle::Native(handle) => handle.is_finished(),
            // ORDERING: Relaxed, as std promises nothing.
            Handle::Modelled { finished, .. } => finished.load(Ordering::Relaxed),
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("JoinHandle { .. }")
    }
}

/// Lets others run. loom comes back only after one of them has taken a step.
pub(crate) fn yield_now() {
    if context::inside() {
        context::refuse_to_block_if_doomed();
        loom::thread::yield_now();
    } else {
        std::thread::yield_now();
    }
}

/// Tells the processor that this thread spins; in a model, [`yield_now`].
pub(crate) fn spin_hint() {
    if context::inside() {
        yield_now();
    } else {
        native::thread::spin_hint();
    }
}

/// Tries for a moment before a wait that costs more; never in a model, where a
/// thread that spins is explored badly.
pub(crate) fn spin_briefly<R>(attempt: impl FnMut() -> Option<R>) -> Option<R> {
    if context::inside() {
        None
    } else {
        native::thread::spin_briefly(attempt)
    }
}

/// The number of this thread: no other thread of the process has had it.
pub(crate) fn number() -> u64 {
    static NUMBER: loom::thread::LocalKey<u64> = loom::thread::LocalKey {
        init: crate::primitive::next_id,
        _p: PhantomData,
    };
    if context::inside() && !context::doomed() {
        NUMBER.with(|number| *number)
    } else {
        native::thread::number()
    }
}

type Slot = Cell<*const ()>;

/// A pointer of each thread's own; [`thread_slot!`] declares it.
pub(crate) struct ThreadSlot {
    native: &'static std::thread::LocalKey<Slot>,
    modelled: loom::thread::LocalKey<Slot>,
}

impl ThreadSlot {
    pub(crate) const fn new(native: &'static std::thread::LocalKey<Slot>) -> Self {
        Self {
            native,
            modelled: loom::thread::LocalKey {
                init: || Cell::new(ptr::null()),
                _p: PhantomData,
            },
        }
    }

    /// The pointer; null at first, and while loom destroys the thread's locals.
    pub(crate) fn get(&'static self) -> *const () {
        if context::inside() && !context::doomed() {
            self.modelled.try_with(Cell::get).unwrap_or(ptr::null())
        } else {
            self.native.get()
        }
    }

    pub(crate) fn set(&'static self, pointer: *const ()) {
        if context::inside() && !context::doomed() {
            let _ = self.modelled.try_with(|slot| slot.set(pointer));
        } else {
            self.native.set(pointer);
        }
    }
}

impl fmt::Debug for ThreadSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("ThreadSlot { .. }")
    }
}

/// Declares a pointer of each thread's own, null at first.
///
/// `SLOT.get()` and `SLOT.set(pointer)`. It has no destructor, so it can be
/// used at any time of a thread's life.
macro_rules! thread_slot {
    ($(#[$meta:meta])* $vis:vis static $name:ident) => {
        $(#[$meta])*
        $vis static $name: $crate::primitive::thread::ThreadSlot =
            $crate::primitive::thread::ThreadSlot::new({
                ::std::thread_local! {
                    static NATIVE: ::std::cell::Cell<*const ()> =
                        const { ::std::cell::Cell::new(::std::ptr::null()) };
                }
                &NATIVE
            });
    };
}
pub(crate) use thread_slot;
