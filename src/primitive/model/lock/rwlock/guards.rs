//! The data, and the guards: of either kind, whole or of a part.

use std::cell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use super::{Lock, READER, WRITER};
use crate::primitive::model::context;
use crate::primitive::model::late::Late;
use crate::primitive::native;

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
