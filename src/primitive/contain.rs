//! User code that may panic, kept from unwinding into raddle's own.
//!
//! A destructor, a waker or a callback of the user can panic anywhere raddle
//! runs it. Three panics can follow one another, and each has its end here:
//!
//! ```text
//!   user code panics ──► its payload is dropped
//!                              └── and panics ──► that payload is forgotten
//! ```
//!
//! 1. Nothing unwinds out of this file, except the first panic of an [`Each`],
//!    where it is safe to, and loom's own panics in a model.
//! 2. At most one payload leaks, and only when dropping the payload of a panic
//!    panics in its turn: to drop it would be to ask the same question again.
//!
//! A panic inside is contained also while the thread unwinds already: it ends
//! inside the destructor that caused it.

use std::any::Any;
use std::mem;
use std::panic::resume_unwind;
use std::thread;

use super::catch_unwind;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Drops `value`; a panic of its destructor becomes its payload.
#[inline]
pub(crate) fn catch_drop<T>(value: T) -> Result<(), Payload> {
    if mem::needs_drop::<T>() {
        catch_unwind(move || drop(value))
    } else {
        Ok(())
    }
}

/// Drops `value`; `true` says that its destructor panicked.
pub(crate) fn drop_contained<T>(value: T) -> bool {
    run_contained(move || drop(value))
}

/// Runs `f` and drops what it captured; `true` says that it panicked.
pub(crate) fn run_contained(f: impl FnOnce()) -> bool {
    match catch_unwind(f) {
        Ok(()) => false,
        Err(payload) => {
            drop_payload(payload);
            true
        }
    }
}

/// Drops each of `values`; a panic of one keeps no other from its drop.
pub(crate) fn drop_each<T>(values: impl IntoIterator<Item = T>) {
    if mem::needs_drop::<T>() {
        for value in values {
            drop_contained(value);
        }
    }
}

/// Values that are dropped one by one. The first panic passes on after the last
/// drop, for whoever reports it; it is contained where the thread unwinds
/// already. In a `Vec` the second panic would end the process.
#[derive(Debug)]
pub(crate) struct Each<T>(Vec<T>);

impl<T> Each<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn push(&mut self, value: T) {
        self.0.push(value);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The values, whose drop is the caller's from now on.
    pub(crate) fn take(mut self) -> Vec<T> {
        mem::take(&mut self.0)
    }
}

impl<T> From<Vec<T>> for Each<T> {
    fn from(values: Vec<T>) -> Self {
        Self(values)
    }
}

impl<T> Drop for Each<T> {
    fn drop(&mut self) {
        if !mem::needs_drop::<T>() {
            return;
        }
        let mut first = None;
        for value in mem::take(&mut self.0) {
            if let Err(payload) = catch_drop(value) {
                match &first {
                    None => first = Some(payload),
                    Some(_) => drop_payload(payload),
                }
            }
        }
        match first {
            Some(payload) if thread::panicking() => drop_payload(payload),
            Some(payload) => resume_unwind(payload),
            None => {}
        }
    }
}

/// Drops the payload of a panic; what panics again is forgotten.
fn drop_payload(payload: Payload) {
    if let Err(again) = catch_unwind(move || drop(payload)) {
        mem::forget(again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    /// Panics `.0` times, each time with a payload that panics once less.
    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Bomb(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_quiet_drop_is_told_from_a_panicking_one() {
        assert!(!drop_contained(String::from("quiet")));
        assert!(drop_contained(Bomb(1)));
    }

    #[test]
    fn a_chain_of_bombs_ends() {
        for depth in 1..5 {
            assert!(drop_contained(Bomb(depth)));
            assert!(run_contained(|| panic_any(Bomb(depth))));
        }
    }

    #[test]
    fn each_of_many_bombs_goes_off() {
        drop_each([Bomb(1), Bomb(2)]);
        let each = Each::from(vec![Bomb(1), Bomb(0), Bomb(2)]);
        assert!(drop_contained(each));
        assert!(run_contained(|| {
            let _each = Each::from(vec![Bomb(2), Bomb(1)]);
            panic!("the first");
        }));
        assert!(!drop_contained(Each::from(vec![Bomb(0)])));
    }

    #[test]
    fn a_bomb_is_contained_while_the_thread_unwinds() {
        struct Outer;
        impl Drop for Outer {
            fn drop(&mut self) {
                assert!(drop_contained(Bomb(2)));
            }
        }
        let caught = catch_unwind(|| {
            let _outer = Outer;
            panic!("the first");
        });
        assert_eq!(
            caught
                .err()
                .and_then(|p| p.downcast::<&str>().ok())
                .as_deref(),
            Some(&"the first")
        );
    }
}
