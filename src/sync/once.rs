//! A value that is set once.
//!
//! ```text
//!             begin                     finish
//!   EMPTY ────────────► RUNNING(thread) ───────► READY
//!     ▲                    │
//!     └── panic or error ──┘  and the next one begins
//! ```
//!
//! 1. `running` says which thread initialises; a mutex guards it for a few
//!    instructions, and the initialiser runs without it.
//! 2. Only the running thread writes the value, and READY is final as long as
//!    the object is shared.
//! 3. Whoever finds another one running waits, and looks again when that ends,
//!    one way or the other. It tells its pool without the mutex, and looks again.
//!
//! Orderings: READY is released, and acquired by [`get`](OnceLock::get).
//! Models: `models/once.rs`.

use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, Instant};

use crate::primitive::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{Condvar, Mutex, UnsafeCell, Word, mutant, thread, weaken};
use crate::wait::deadline::Deadline;

const READY: u32 = 1;
/// No thread has this number.
const NOBODY: u64 = 0;

/// A value that is set once, and then only read.
///
/// As `std::sync::OnceLock`; a worker of a pool that waits for an initialiser
/// says so, and a spare worker takes its place. For a `static` whose value is
/// computed, [`lazy!`](crate::sync::lazy) is shorter.
///
/// # Fairness
///
/// Who comes first initialises, and all others go on together. After a failure it
/// is the turn of whoever gets there first, a newcomer perhaps.
///
/// # Memory ordering
///
/// What precedes the end of the initialiser happens-before each return that shows
/// the value. A `get` costs one acquiring load.
///
/// # Waiting
///
/// [`get`](Self::get) never waits. The others wait while another thread
/// initialises, [`wait`](Self::wait) also until one begins.
///
/// # A failing initialiser
///
/// It leaves the value empty, and the next call runs its own. An initialiser that
/// uses the value it makes panics.
///
/// # Examples
///
/// ```
/// use raddle::sync::OnceLock;
///
/// static CONFIG: OnceLock<String> = OnceLock::new();
///
/// assert_eq!(CONFIG.get(), None);
/// assert_eq!(CONFIG.get_or_init(|| "from a file".to_owned()), "from a file");
/// assert!(CONFIG.set("too late".to_owned()).is_err());
/// ```
#[doc(alias = "OnceCell")]
#[doc(alias = "Once")]
pub struct OnceLock<T> {
    state: Word,
    /// The number of the thread that initialises.
    running: Mutex<u64>,
    changed: Condvar,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value goes wherever this goes, and it may.
unsafe impl<T: Send> Send for OnceLock<T> {}
// SAFETY: one thread writes the value, before READY; all others only read it
// after that. It may come from one thread and be dropped by another.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// Makes an empty one. `const`: it can be a `static`, except in a model,
    /// where [`lazy!`](crate::sync::lazy) is for that.
    ///
    /// # Examples
    ///
    /// ```
    /// static NAME: raddle::sync::OnceLock<String> = raddle::sync::OnceLock::new();
    /// assert!(NAME.get().is_none());
    /// ```
    pub const fn new() -> Self {
        Self {
            state: Word::zero(),
            running: Mutex::undecided(NOBODY),
            changed: Condvar::undecided(),
            value: UnsafeCell::undecided(None),
        }
    }

    /// The value, if it is set. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let once = raddle::sync::OnceLock::from(3);
    /// assert_eq!(once.get(), Some(&3));
    /// ```
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // ORDERING: Acquire pairs with the Release in `finish`.
        if self.state.load(weaken("lock-once-get-relaxed", Acquire)) != READY {
            return None;
        }
        // SAFETY: after READY there is no writer as long as this is shared.
        self.value.with(|value| unsafe { (*value).as_ref() })
    }

    /// Sets the value; waits while another thread initialises.
    ///
    /// # Errors
    ///
    /// `value` itself, if there is one already.
    ///
    /// # Panics
    ///
    /// If this thread initialises the value at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// let once = raddle::sync::OnceLock::new();
    /// assert_eq!(once.set(1), Ok(()));
    /// assert_eq!(once.set(2), Err(2));
    /// ```
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        match self.begin() {
            Ok(_) => Err(value),
            Err(turn) => {
                turn.finish(value);
                Ok(())
            }
        }
    }

    /// The value; if there is none, that which `init` makes.
    ///
    /// Of the calls that come at the same time one runs its `init`, and the
    /// others wait.
    ///
    /// # Panics
    ///
    /// As `init` does (the value stays empty), and if `init` uses this value.
    ///
    /// # Examples
    ///
    /// ```
    /// let once = raddle::sync::OnceLock::new();
    /// assert_eq!(once.get_or_init(|| 1), &1);
    /// assert_eq!(once.get_or_init(|| 2), &1);
    /// ```
    #[track_caller]
    #[inline]
    pub fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        let outcome = self.get_or_try_init(|| Ok::<_, Infallible>(init()));
        match outcome {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`get_or_init`](Self::get_or_init), with an `init` that may fail.
    ///
    /// # Errors
    ///
    /// That of `init`. The value stays empty, and the next call tries again.
    ///
    /// # Panics
    ///
    /// As `get_or_init` does.
    ///
    /// # Examples
    ///
    /// ```
    /// let once = raddle::sync::OnceLock::new();
    /// assert!(once.get_or_try_init(|| "many".parse::<u32>()).is_err());
    /// assert_eq!(once.get_or_try_init(|| "3".parse::<u32>()), Ok(&3));
    /// ```
    #[track_caller]
    #[inline]
    pub fn get_or_try_init<E>(&self, init: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        match self.begin() {
            Ok(value) => Ok(value),
            Err(turn) => Ok(turn.finish(init()?)),
        }
    }

    /// Waits until somebody has set the value.
    ///
    /// # Panics
    ///
    /// If this thread initialises the value at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// static ANSWER: raddle::sync::OnceLock<u32> = raddle::sync::OnceLock::new();
    ///
    /// let other = std::thread::spawn(|| ANSWER.set(42));
    /// assert_eq!(ANSWER.wait(), &42);
    /// # other.join().unwrap().unwrap();
    /// ```
    #[track_caller]
    pub fn wait(&self) -> &T {
        loop {
            // Once is enough: the wait has no end but the value.
            if let Some(value) = self.wait_by(Deadline::NEVER) {
                return value;
            }
        }
    }

    /// As [`wait`](Self::wait), for `limit` at most; `None` says that the time
    /// is over. `Duration::ZERO` looks once, `Duration::MAX` waits for ever.
    ///
    /// # Panics
    ///
    /// As `wait` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let once = raddle::sync::OnceLock::<u32>::new();
    /// assert_eq!(once.wait_timeout(Duration::from_millis(1)), None);
    /// ```
    #[must_use = "it may have ended because of the limit"]
    #[track_caller]
    pub fn wait_timeout(&self, limit: Duration) -> Option<&T> {
        self.wait_by(Deadline::after(limit))
    }

    /// As [`wait`](Self::wait), until `at` at most; `None` says that the time
    /// is over.
    ///
    /// # Panics
    ///
    /// As `wait` does.
    ///
    /// # Examples
    ///
    /// ```
    /// let once = raddle::sync::OnceLock::<u32>::new();
    /// assert_eq!(once.wait_deadline(std::time::Instant::now()), None);
    /// ```
    #[must_use = "it may have ended because of the limit"]
    #[track_caller]
    pub fn wait_deadline(&self, at: Instant) -> Option<&T> {
        self.wait_by(Deadline::at(at))
    }

    #[track_caller]
    fn wait_by(&self, by: Deadline) -> Option<&T> {
        if let Some(value) = self.get() {
            return Some(value);
        }
        let mut blocking = None;
        let mut running = self.running.lock();
        loop {
            if let Some(value) = self.get() {
                return Some(value);
            }
            if *running == thread::number() {
                drop(running);
                refuse_to_wait_for_itself();
            }
            if by.has_passed() {
                return None;
            }
            if blocking.is_none() {
                // Without the lock: the pool may start a thread now, and the end
                // of the initialiser must not wait for that.
                drop(running);
                blocking = Some(Blocking::start(BlockedOn::Thing("a value set once")));
                running = self.running.lock();
                continue;
            }
            match by.instant() {
                None => self.changed.wait(&mut running),
                Some(at) => {
                    if !self.changed.wait_until(&mut running, at) {
                        return self.get();
                    }
                }
            }
        }
    }

    /// The value, for whoever owns this alone.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut once = raddle::sync::OnceLock::from(1);
    /// *once.get_mut().unwrap() += 1;
    /// assert_eq!(once.into_inner(), Some(2));
    /// ```
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// Takes the value out and leaves this empty.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut once = raddle::sync::OnceLock::from(1);
    /// assert_eq!(once.take(), Some(1));
    /// assert_eq!(once.get(), None);
    /// ```
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }

    /// Takes the value out.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::OnceLock::from(1).into_inner(), Some(1));
    /// ```
    pub fn into_inner(mut self) -> Option<T> {
        self.value.get_mut().take()
    }

    /// The value, or the right and the duty to make it.
    #[cold]
    #[track_caller]
    fn begin(&self) -> Result<&T, Turn<'_, T>> {
        let me = thread::number();
        let mut blocking = None;
        let mut running = self.running.lock();
        loop {
            if !mutant("lock-once-no-second-look")
                && let Some(value) = self.get()
            {
                return Ok(value);
            }
            if *running == NOBODY {
                *running = me;
                return Err(Turn { once: self });
            }
            if *running == me {
                drop(running);
                refuse_to_wait_for_itself();
            }
            if blocking.is_none() {
                // As in `wait_by`.
                drop(running);
                blocking = Some(Blocking::start(BlockedOn::Thing("a value set once")));
                running = self.running.lock();
                continue;
            }
            self.changed.wait(&mut running);
        }
    }
}

#[cold]
#[track_caller]
fn refuse_to_wait_for_itself() -> ! {
    panic!("raddle: the initialiser of a value set once (`OnceLock`, `lazy!`) uses that value");
}

/// The right of one thread to initialise; its end is the end of the attempt.
struct Turn<'a, T> {
    once: &'a OnceLock<T>,
}

impl<'a, T> Turn<'a, T> {
    fn finish(self, value: T) -> &'a T {
        let once = self.once;
        let shown = once.value.with_mut(|slot| {
            // SAFETY: the running thread is alone with the value until READY.
            let slot: &'a mut Option<T> = unsafe { &mut *slot };
            &*slot.insert(value)
        });
        // ORDERING: Release pairs with the Acquire in `get`.
        (once.state).store(READY, weaken("lock-once-ready-relaxed", Release));
        shown
    }
}

impl<T> Drop for Turn<'_, T> {
    /// Ready or not: those who wait look again.
    fn drop(&mut self) {
        *self.once.running.lock() = NOBODY;
        // ORDERING: Relaxed, only this thread could have changed it.
        let ready = self.once.state.load(Relaxed) == READY;
        let forgets = (ready && mutant("lock-once-ready-forgets"))
            || (!ready && mutant("lock-once-failure-forgets"));
        if mutant("lock-once-ready-wakes-one") {
            self.once.changed.notify_one();
        } else if !forgets {
            self.once.changed.notify_all();
        }
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    /// One that is set.
    fn from(value: T) -> Self {
        let once = Self::new();
        if let Err(turn) = once.begin() {
            turn.finish(value);
        }
        once
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> Self {
        self.get().cloned().map_or_else(Self::new, Self::from)
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

/// Shows the value, or `<empty>`; does not wait.
impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => shown.field(value),
            None => shown.field(&format_args!("<empty>")),
        };
        shown.finish()
    }
}

#[cfg(test)]
mod tests;
