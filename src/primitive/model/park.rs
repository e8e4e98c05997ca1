//! Sleeping and waking inside a model: the seat, and the parker built on it.
//!
//! loom's `park` forgets a token that meets a thread which is not asleep. A
//! [`Seat`] therefore wakes a thread only if it does sleep, and has a flag for
//! the case that the waker comes first:
//!
//! ```text
//!   TAKEN ── sleep ──► ASLEEP ── wake ──► WOKEN
//!     └────────────── wake ─────────────────▲
//! ```
//!
//! A seat serves one wait. It is plain data: it changes in one step with the
//! loom operation before it. So whoever uses it makes an operation on the atomic
//! of the object concerned just before, and loom tries both orders of these.
//!
//! The wake-up of a sleeper carries a happens-before edge (loom gives no other).
//! [`Parker`] promises that edge anyway. It does not promise one from `park` to
//! a later `unpark`, and there is none.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::atomics::{AtomicU32, Ordering};
use super::context;
use crate::primitive::native;

const TAKEN: u8 = 0;
const ASLEEP: u8 = 1;
const WOKEN: u8 = 2;

/// Where one thread waits once.
pub(super) struct Seat {
    state: AtomicU8,
    thread: loom::thread::Thread,
}

impl Seat {
    pub(super) fn take() -> Arc<Self> {
        context::refuse_to_block_if_doomed();
        Arc::new(Self {
            state: AtomicU8::new(TAKEN),
            thread: loom::thread::current(),
        })
    }

    /// Sleeps until woken; returns at once if that has happened.
    pub(super) fn sleep(&self) {
        // ORDERING: Relaxed throughout, all threads of a model are one.
        while self.state.load(Ordering::Relaxed) != WOKEN {
            context::refuse_to_block_if_doomed();
            self.state.store(ASLEEP, Ordering::Relaxed);
            loom::thread::park();
        }
    }

    pub(super) fn wake(&self) {
        if self.state.swap(WOKEN, Ordering::Relaxed) == ASLEEP && !context::doomed() {
            self.thread.unpark();
        }
    }
}

/// Locks what only the threads of one model use: nobody ever waits here.
pub(super) fn plain<T>(data: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    data.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One token between one sleeper and any number of wakers.
///
/// What precedes [`unpark`](Self::unpark) happens-before the return of the
/// [`park`](Self::park) that takes its token.
pub(crate) struct Parker {
    native: native::Parker,
    modelled: Option<Modelled>,
}

struct Modelled {
    token: AtomicU32,
    sleeper: Mutex<Option<Arc<Seat>>>,
}

const NO_TOKEN: u32 = 0;
const TOKEN: u32 = 1;

static CURRENT: loom::thread::LocalKey<Arc<Parker>> = loom::thread::LocalKey {
    init: || Arc::new(Parker::new()),
    _p: PhantomData,
};

std::thread_local! {
    static CURRENT_NATIVE: Arc<Parker> = Arc::new(Parker::new_static());
}

impl Parker {
    pub(crate) fn new() -> Self {
        Self {
            native: native::Parker::new(),
            modelled: context::current().map(|_| Modelled {
                token: AtomicU32::new(NO_TOKEN),
                sleeper: Mutex::new(None),
            }),
        }
    }

    /// A native parker, for a `static`.
    pub(crate) const fn new_static() -> Self {
        Self {
            native: native::Parker::new(),
            modelled: None,
        }
    }

    /// This thread's parker. A token left in it by an earlier wait is a
    /// spurious wake-up for the next one, so every wait looks at its condition.
    pub(crate) fn current() -> Arc<Self> {
        if context::inside() && !context::doomed() {
            CURRENT
                .try_with(Arc::clone)
                .unwrap_or_else(|_| Arc::new(Self::new()))
        } else {
            CURRENT_NATIVE
                .try_with(Arc::clone)
                .unwrap_or_else(|_| Arc::new(Self::new_static()))
        }
    }

    /// Takes the token; sleeps until there is one.
    pub(crate) fn park(&self) {
        self.park_until(None);
    }

    /// Takes the token; `false` says that `at` passed without one.
    ///
    /// In a model, time passes as soon as nobody looks: a park with an end is
    /// one look at the token. loom tries that look before and after each
    /// `unpark`, which is both outcomes.
    pub(crate) fn park_until(&self, at: Option<Instant>) -> bool {
        let Some(modelled) = &self.modelled else {
            context::refuse_native("parker");
            return self.native.park_until(at);
        };
        if at.is_some() {
            context::timed_wait();
            return modelled.take_token();
        }
        while !modelled.take_token() {
            let seat = Seat::take();
            let other = plain(&modelled.sleeper).replace(Arc::clone(&seat));
            assert!(
                other.is_none(),
                "raddle model: two threads sleep on one parker"
            );
            seat.sleep();
        }
        true
    }

    /// Leaves the token and wakes the sleeper, if it sleeps.
    pub(crate) fn unpark(&self) {
        let Some(modelled) = &self.modelled else {
            context::refuse_native("parker");
            return self.native.unpark();
        };
        // ORDERING: Release pairs with the Acquire in `take_token`.
        modelled.token.swap(TOKEN, Ordering::Release);
        if let Some(seat) = plain(&modelled.sleeper).take() {
            seat.wake();
        }
    }
}

impl Modelled {
    fn take_token(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `unpark`. Without a token
        // it receives only what this sleeper took with an earlier one.
        self.token.swap(NO_TOKEN, Ordering::Acquire) == TOKEN
    }
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Parker { .. }")
    }
}
