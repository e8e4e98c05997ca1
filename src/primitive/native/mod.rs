//! The native backend: std, parking_lot and crossbeam, as thin as it can be.

use std::any::Any;
use std::cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Instant;

mod fence;
mod injector;
mod lock;
mod ring;

pub(crate) use crossbeam_deque::Steal;
pub(crate) use injector::{Chute, Injector};
pub(crate) use lock::{
    Condvar, MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard,
    ReentrantMutex, ReentrantMutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, Word,
};
#[cfg(raddle_loom)]
pub(crate) use ring::Peeked;
pub(crate) use ring::{Pointed, Ring, View};

/// Atomic integers and fences.
pub(crate) mod atomic {
    pub(crate) use super::fence::fence;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
}

/// Threads.
pub(crate) mod thread {
    use std::io;

    pub(crate) use std::thread::{JoinHandle, panicking, yield_now};

    /// Starts a thread.
    ///
    /// # Errors
    ///
    /// What the system says when it has no thread to give.
    pub(crate) fn spawn<F, T>(
        name: String,
        stack_size: Option<usize>,
        body: F,
    ) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mut builder = std::thread::Builder::new().name(name);
        if let Some(bytes) = stack_size {
            builder = builder.stack_size(bytes);
        }
        let cpus = crate::primitive::affinity::inherited();
        builder.spawn(move || {
            if let Some(cpus) = cpus {
                cpus.untie();
            }
            body()
        })
    }

    /// Tells the processor that this thread spins.
    #[inline(always)]
    pub(crate) fn spin_hint() {
        std::hint::spin_loop();
    }

    /// Tries for a moment, with growing pauses, before a wait that costs more.
    pub(crate) fn spin_briefly<R>(mut attempt: impl FnMut() -> Option<R>) -> Option<R> {
        /// The last pause is 2 to the power of this, in hints.
        const ROUNDS: u32 = 7;
        (0..ROUNDS).find_map(|round| {
            (0..1_u32 << round).for_each(|_| spin_hint());
            attempt()
        })
    }

    /// The number of this thread: no other thread of the process has had it.
    #[inline]
    pub(crate) fn number() -> u64 {
        std::thread_local! {
            static NUMBER: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
        }
        // A slot without destructor can be read at any time of a thread's life.
        if NUMBER.get() == 0 {
            NUMBER.set(crate::primitive::next_id());
        }
        NUMBER.get()
    }
}

/// Data that a protocol guards. loom sees every access in a model.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T: ?Sized>(cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    #[inline(always)]
    pub(crate) const fn new(value: T) -> Self {
        Self(cell::UnsafeCell::new(value))
    }

    /// As `new`; for a `static`, which even in a model build is native.
    #[allow(dead_code)] // nothing of ours is one now
    pub(crate) const fn new_static(value: T) -> Self {
        Self::new(value)
    }

    /// As `new`; in a model build, its first use decides whether loom looks.
    #[inline(always)]
    pub(crate) const fn undecided(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// The data, for whoever owns the cell alone.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// Gives `f` a pointer to read through.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Gives `f` a pointer to write through.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// One token between one sleeper and any number of wakers.
///
/// ```text
///            park, no token              unpark
///   EMPTY ────────────────► PARKED ────────────────┐
///     │  ◄──────────────────────────── NOTIFIED ◄──┤
///     │      the sleeper takes it                  │
///     └──────────────── unpark ────────────────────┘
/// ```
///
/// It needs no thread-local state, so it also works while a thread's locals
/// are being destroyed. What precedes [`unpark`](Self::unpark) happens-before
/// the return of the [`park`](Self::park) that takes its token.
#[derive(Debug)]
pub(crate) struct Parker {
    state: atomic::AtomicU32,
    lock: std::sync::Mutex<()>,
    changed: std::sync::Condvar,
}

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

impl Parker {
    pub(crate) const fn new() -> Self {
        Self {
            state: atomic::AtomicU32::new(EMPTY),
            lock: std::sync::Mutex::new(()),
            changed: std::sync::Condvar::new(),
        }
    }

    /// As `new`; for a `static`, which even in a model build is native.
    #[allow(dead_code)] // for the locks of `raddle::sync`
    pub(crate) const fn new_static() -> Self {
        Self::new()
    }

    /// This thread's parker. A token left in it by an earlier wait is a
    /// spurious wake-up for the next one, so every wait looks at its condition.
    pub(crate) fn current() -> Arc<Self> {
        std::thread_local! {
            static CURRENT: Arc<Parker> = Arc::new(Parker::new());
        }
        // While the thread's locals are being destroyed, one of its own serves.
        CURRENT
            .try_with(Arc::clone)
            .unwrap_or_else(|_| Arc::new(Self::new()))
    }

    /// Takes the token; sleeps until there is one.
    pub(crate) fn park(&self) {
        self.park_until(None);
    }

    /// Takes the token; `false` says that `at` passed without one.
    pub(crate) fn park_until(&self, at: Option<Instant>) -> bool {
        use atomic::Ordering::{Acquire, Relaxed};
        // ORDERING: Acquire pairs with the Release in `unpark`.
        if self.take_token(Acquire) {
            return true;
        }
        let mut guard = self.lock.lock().unwrap_or_else(|e| e.into_inner());
        // ORDERING: Relaxed, the sleeper publishes nothing by falling asleep;
        // Acquire on failure, the token has come.
        if (self.state.compare_exchange(EMPTY, PARKED, Relaxed, Acquire)).is_err() {
            return self.take_token(Acquire);
        }
        loop {
            guard = match at {
                None => self.changed.wait(guard).unwrap_or_else(|e| e.into_inner()),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        // ORDERING: Acquire, the token may have come just now.
                        return self.state.swap(EMPTY, Acquire) == NOTIFIED;
                    }
                    let (guard, _) =
                        (self.changed.wait_timeout(guard, left)).unwrap_or_else(|e| e.into_inner());
                    guard
                }
            };
            if self.take_token(Acquire) {
                return true;
            }
        }
    }

    fn take_token(&self, success: atomic::Ordering) -> bool {
        // ORDERING: Relaxed on failure, nothing was received.
        self.state
            .compare_exchange(NOTIFIED, EMPTY, success, atomic::Ordering::Relaxed)
            .is_ok()
    }

    /// Leaves the token and wakes the sleeper, if it sleeps.
    ///
    /// The sleeper may go on before this returns, so a parker never lies on
    /// the sleeper's stack: both ends hold the `Arc` of [`current`](Self::current).
    pub(crate) fn unpark(&self) {
        // ORDERING: Release pairs with the Acquire in `park_until`.
        if self.state.swap(NOTIFIED, atomic::Ordering::Release) == PARKED {
            // Between the sleeper's exchange and its wait it holds the lock:
            // taking it once makes sure that the notification is not too early.
            drop(self.lock.lock().unwrap_or_else(|e| e.into_inner()));
            self.changed.notify_one();
        }
    }
}

/// Channels, and what selects among them.
pub(crate) mod channel {
    pub use crossbeam_channel::{
        Receiver as InnerReceiver, RecvError, RecvTimeoutError, Select, SelectedOperation,
        SendError, SendTimeoutError, Sender as InnerSender, TryRecvError, TrySendError, select,
        select_biased,
    };
    pub(crate) use crossbeam_channel::{
        Receiver, Sender, after, at, bounded, never, tick, unbounded,
    };

    /// crossbeam's end of a channel.
    pub(crate) fn inner_sender<T>(sender: &Sender<T>) -> &InnerSender<T> {
        sender
    }

    /// crossbeam's end of a channel.
    pub(crate) fn inner_receiver<T>(receiver: &Receiver<T>) -> &InnerReceiver<T> {
        receiver
    }
}

/// Runs `f`; a panic becomes its payload.
pub(crate) fn catch_unwind<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// The present.
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How many CPUs this process may use: affinity and cgroup quota included.
pub(crate) fn available_cpus() -> usize {
    // A worker that is tied to one sees only that one.
    let before = super::affinity::inherited().map(|cpus| cpus.count());
    before.unwrap_or_else(num_cpus::get).max(1)
}

/// What takes the place of `native` here: in a model, what `make` made for the
/// execution; outside of one, `native` itself.
#[inline(always)]
pub(crate) fn of_this_execution<C: 'static>(native: &C, _make: fn() -> C) -> &C {
    native
}

/// Declares a pointer of each thread's own, null at first.
///
/// `SLOT.get()` and `SLOT.set(pointer)`. It has no destructor, so it can be
/// used at any time of a thread's life.
#[cfg(not(raddle_loom))]
macro_rules! thread_slot {
    ($(#[$meta:meta])* $vis:vis static $name:ident) => {
        ::std::thread_local! {
            $(#[$meta])*
            $vis static $name: ::std::cell::Cell<*const ()> =
                const { ::std::cell::Cell::new(::std::ptr::null()) };
        }
    };
}
#[cfg(not(raddle_loom))]
pub(crate) use thread_slot;
