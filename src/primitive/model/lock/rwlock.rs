//! A lock of many readers or one writer, with priority for those who wait to write.
//!
//! ```text
//!   read          add a reader, unless somebody writes or waits to; else sleep  (one step)
//!   write         take it if it is free, else announce it and sleep             (one step)
//!   try_          the same, or fail                                             (one step)
//!   read_until    as try_                                                       (one step)
//!   write_until   take it or announce it │ take it or recant
//!   unlock        take away, wake the first writer or all readers               (one step)
//!   downgrade     WRITER → one reader, wake the readers unless a writer waits   (one step)
//!
//!    31        16 15       1    0
//!   ┌────────────┬───────────┬────────┐
//!   │ announced  │  readers  │ WRITER │
//!   └────────────┴───────────┴────────┘
//! ```
//!
//! Who sleeps is plain data, which changes in one step with the operation on the
//! word before it. A thread that is woken competes anew: who comes in between
//! may go first, which is more than parking_lot allows.
//!
//! Orderings: an unlock releases, a lock acquires, a failed attempt does neither.
//! What readers release only writers acquire, so it goes through an atomic of
//! its own (`past`), in a step beside that on the word.

use std::cell;
use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{self, Arc};
use std::time::Instant;

use crate::primitive::model::atomics::{AtomicU32, Ordering};
use crate::primitive::model::context;
use crate::primitive::model::late::{Late, early_zero};
use crate::primitive::model::park::{Seat, plain};
use crate::primitive::{mutant, native, weaken};

const WRITER: u32 = 1;
const READER: u32 = 2;
const ANNOUNCED: u32 = 1 << 16;
/// What the word never is.
const IMPOSSIBLE: u32 = u32::MAX;

fn is_free(word: u32) -> bool {
    word % ANNOUNCED == 0
}

fn is_announced(word: u32) -> bool {
    word >= ANNOUNCED
}

/// What to make of the word.
enum Wish {
    /// The lock is ours.
    Take(u32),
    /// It is not, but something changes.
    Note(u32),
    Nothing,
}

/// Who sleeps.
#[derive(Default)]
struct Asleep {
    readers: Vec<Arc<Seat>>,
    writers: VecDeque<Arc<Seat>>,
}

struct Lock {
    word: AtomicU32,
    /// By it what readers did is ordered before the next writer.
    past: AtomicU32,
    asleep: sync::Mutex<Asleep>,
}

impl Lock {
    fn early() -> Self {
        Self {
            word: early_zero(),
            past: early_zero(),
            asleep: sync::Mutex::default(),
        }
    }

    /// One step from the newest value; whether the lock is ours.
    fn step(&self, wish: impl Fn(u32) -> Wish) -> bool {
        let mut seen = self.word.newest();
        loop {
            // ORDERING: Acquire pairs with the Release in `leave` and
            // `downgrade`; Relaxed without the lock, nothing was received.
            let (from, to, order, takes) = match wish(seen) {
                Wish::Take(to) => (seen, to, Ordering::Acquire, true),
                Wish::Note(to) => (seen, to, Ordering::Relaxed, false),
                Wish::Nothing => (IMPOSSIBLE, IMPOSSIBLE, Ordering::Relaxed, false),
            };
            match self
                .word
                .compare_exchange(from, to, order, Ordering::Relaxed)
            {
                Ok(_) => return takes,
                // The step has shown what others left.
                Err(now) if matches!(wish(now), Wish::Nothing) => return false,
                Err(now) => seen = now,
            }
        }
    }

    fn try_read(&self) -> bool {
        self.step(|word| {
            if word & WRITER != 0 || is_announced(word) {
                Wish::Nothing
            } else {
                Wish::Take(word + READER)
            }
        })
    }

    fn read(&self) {
        while !self.try_read() {
            let seat = Seat::take();
            plain(&self.asleep).readers.push(Arc::clone(&seat));
            seat.sleep();
        }
    }

    /// Takes the lock if it is free; else the word becomes what `otherwise` says.
    /// `announced` is what this writer has announced before.
    fn write_or(&self, announced: u32, otherwise: impl Fn(u32) -> Wish) -> bool {
        let takes = self.step(|word| {
            if is_free(word) {
                Wish::Take(word - announced + WRITER)
            } else {
                otherwise(word)
            }
        });
        if takes {
            // ORDERING: Acquire pairs with the Release of readers in `leave`.
            self.past.fetch_add(0, Ordering::Acquire);
        }
        takes
    }

    fn try_write(&self) -> bool {
        self.write_or(0, |_| Wish::Nothing)
    }

    fn announce(&self) -> bool {
        self.write_or(0, |word| Wish::Note(word + ANNOUNCED))
    }

    fn write(&self) {
        let mut held = self.announce();
        while !held {
            let seat = Seat::take();
            plain(&self.asleep).writers.push_back(Arc::clone(&seat));
            seat.sleep();
            held = self.write_or(ANNOUNCED, |_| Wish::Nothing);
        }
    }

    /// Keeps new readers out between its two looks.
    fn write_in_time(&self) -> bool {
        if self.announce() {
            return true;
        }
        context::timed_wait();
        let held = self.write_or(ANNOUNCED, |word| Wish::Note(word - ANNOUNCED));
        if !held && !mutant("lock-model-gives-up-silently") {
            self.wake(self.word.newest());
        }
        held
    }

    fn leave_read(&self) {
        // ORDERING: Release pairs with the Acquire in `write_or`; the word is
        // Relaxed, since readers show each other nothing.
        (self.past).fetch_add(1, weaken("lock-model-reader-relaxed", Ordering::Release));
        let word = self.word.fetch_sub(READER, Ordering::Relaxed) - READER;
        self.wake(word);
    }

    fn leave_write(&self) {
        // ORDERING: Release pairs with the Acquire in `step`.
        let order = weaken("lock-model-writer-relaxed", Ordering::Release);
        let word = self.word.fetch_sub(WRITER, order) - WRITER;
        self.wake(word);
    }

    fn downgrade(&self) {
        const STEP: u32 = READER - WRITER;
        // ORDERING: Release pairs with the Acquire in `step`.
        let order = weaken("lock-model-downgrade-relaxed", Ordering::Release);
        let word = self.word.fetch_add(STEP, order) + STEP;
        if !mutant("lock-model-downgrade-wakes-nobody") {
            self.wake(word);
        }
    }

    /// Wakes those who may go on when the word is `word`.
    fn wake(&self, word: u32) {
        let mut asleep = plain(&self.asleep);
        let mut woken = Vec::new();
        if is_free(word) && is_announced(word) {
            woken.extend(asleep.writers.pop_front());
        } else if word & WRITER == 0 && !is_announced(word) {
            woken.append(&mut asleep.readers);
        }
        drop(asleep);
        for seat in woken {
            seat.wake();
        }
    }
}

/// A lock of many readers or one writer.
pub(crate) struct RwLock<T: ?Sized> {
    native: native::RwLock<()>,
    modelled: Late<Lock>,
    data: cell::UnsafeCell<T>,
}

// SAFETY: the data go wherever the lock goes, and they may.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: one of the two locks keeps a writer alone; readers share the data.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// The first use decides.
    pub(crate) const fn undecided(value: T) -> Self {
        Self {
            native: native::RwLock::undecided(()),
            modelled: Late::undecided(),
            data: cell::UnsafeCell::new(value),
        }
    }

    pub(crate) fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    fn modelled(&self) -> Option<&Lock> {
        self.modelled.get("rwlock", Lock::early)
    }

    fn reader<'a>(&'a self, hold: Hold<'a>) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard(Part::new(self.data.get(), hold))
    }

    fn writer<'a>(&'a self, hold: Hold<'a>) -> RwLockWriteGuard<'a, T> {
        RwLockWriteGuard(Part::new(self.data.get(), hold))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.reader(match self.modelled() {
            Some(lock) => {
                lock.read();
                Hold::modelled(lock, READER)
            }
            None => Hold::Reads(self.native.read()),
        })
    }

    pub(crate) fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        let hold = match self.modelled() {
            Some(lock) => lock.try_read().then(|| Hold::modelled(lock, READER)),
            None => self.native.try_read().map(Hold::Reads),
        };
        hold.map(|hold| self.reader(hold))
    }

    /// Waits until `at` at most.
    pub(crate) fn read_until(&self, at: Instant) -> Option<RwLockReadGuard<'_, T>> {
        let hold = match self.modelled() {
            Some(lock) => {
                context::timed_wait();
                lock.try_read().then(|| Hold::modelled(lock, READER))
            }
            None => self.native.read_until(at).map(Hold::Reads),
        };
        hold.map(|hold| self.reader(hold))
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.writer(match self.modelled() {
            Some(lock) => {
                lock.write();
                Hold::modelled(lock, WRITER)
            }
            None => Hold::Writes(self.native.write()),
        })
    }

    pub(crate) fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        let hold = match self.modelled() {
            Some(lock) => lock.try_write().then(|| Hold::modelled(lock, WRITER)),
            None => self.native.try_write().map(Hold::Writes),
        };
        hold.map(|hold| self.writer(hold))
    }

    /// Waits until `at` at most.
    pub(crate) fn write_until(&self, at: Instant) -> Option<RwLockWriteGuard<'_, T>> {
        let hold = match self.modelled() {
            Some(lock) => lock.write_in_time().then(|| Hold::modelled(lock, WRITER)),
            None => self.native.write_until(at).map(Hold::Writes),
        };
        hold.map(|hold| self.writer(hold))
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("RwLock { .. }")
    }
}

/// A lock that is held, of either kind.
enum Hold<'a> {
    Modelled(Held<'a>),
    Reads(native::RwLockReadGuard<'a, ()>),
    Writes(native::RwLockWriteGuard<'a, ()>),
}

impl<'a> Hold<'a> {
    fn modelled(lock: &'a Lock, what: u32) -> Self {
        Self::Modelled(Held { lock, what })
    }

    fn downgrade(self) -> Self {
        match self {
            Self::Modelled(mut held) => {
                held.lock.downgrade();
                held.what = READER;
                Self::Modelled(held)
            }
            Self::Writes(guard) => Self::Reads(native::RwLockWriteGuard::downgrade(guard)),
            reads @ Self::Reads(_) => reads,
        }
    }
}

/// A lock of a model that is held as `READER` or `WRITER`; its end unlocks.
struct Held<'a> {
    lock: &'a Lock,
    what: u32,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        match self.what {
            READER => self.lock.leave_read(),
            _ => self.lock.leave_write(),
        }
    }
}

/// A part of the data, and the lock that is held for it.
struct Part<'a, T: ?Sized> {
    data: *mut T,
    hold: Hold<'a>,
}

impl<'a, T: ?Sized> Part<'a, T> {
    fn new(data: *mut T, hold: Hold<'a>) -> Self {
        Self { data, hold }
    }
}

macro_rules! guard {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[must_use]
        pub(crate) struct $name<'a, T: ?Sized>(Part<'a, T>);

        // SAFETY: shared, it gives out `&T` only.
        unsafe impl<T: ?Sized + Sync> Sync for $name<'_, T> {}

        impl<T: ?Sized> Deref for $name<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                // SAFETY: the lock is held as long as this guard lives.
                unsafe { &*self.0.data }
            }
        }
    };
}

macro_rules! read_guard {
    ($(#[$meta:meta])* $name:ident) => {
        guard!($(#[$meta])* $name);

        impl<'a, T: ?Sized> $name<'a, T> {
            /// Goes on with a part of the data.
            pub(crate) fn map<U: ?Sized>(
                this: Self,
                part: impl FnOnce(&T) -> &U,
            ) -> MappedRwLockReadGuard<'a, U> {
                let part = std::ptr::from_ref(part(&this)).cast_mut();
                MappedRwLockReadGuard(Part::new(part, this.0.hold))
            }
        }
    };
}

macro_rules! write_guard {
    ($(#[$meta:meta])* $name:ident) => {
        guard!($(#[$meta])* $name);

        impl<T: ?Sized> DerefMut for $name<'_, T> {
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: the lock is held for writing as long as this guard
                // lives, and the guard is borrowed exclusively.
                unsafe { &mut *self.0.data }
            }
        }

        impl<'a, T: ?Sized> $name<'a, T> {
            /// Goes on with a part of the data.
            pub(crate) fn map<U: ?Sized>(
                mut this: Self,
                part: impl FnOnce(&mut T) -> &mut U,
            ) -> MappedRwLockWriteGuard<'a, U> {
                let part = std::ptr::from_mut(part(&mut this));
                MappedRwLockWriteGuard(Part::new(part, this.0.hold))
            }
        }
    };
}

read_guard!(/// The right to read what a [`RwLock`] guards.
    RwLockReadGuard);
read_guard!(/// The right to read a part of what a [`RwLock`] guards.
    MappedRwLockReadGuard);
write_guard!(/// The right to change what a [`RwLock`] guards.
    RwLockWriteGuard);
write_guard!(/// The right to change a part of what a [`RwLock`] guards.
    MappedRwLockWriteGuard);

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Goes on as a reader, with no writer in between.
    pub(crate) fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard(Part::new(this.0.data, this.0.hold.downgrade()))
    }
}
