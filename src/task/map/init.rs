//! States for the function of a map: one for each worker, made at its first item.
//!
//! An item takes its worker's state out of its place, and puts it back when it ends,
//! also when it panics. An item that runs on top of it, in the same thread, finds the
//! place empty and makes a state of its own, which is dropped if the place is taken
//! when it ends.

use std::cell::Cell;

use crate::primitive::{drop_contained, mutant};
use crate::sync::WorkerLocal;

pub(super) struct States<S, N> {
    idle: WorkerLocal<Cell<Option<S>>>,
    init: N,
}

impl<S, N: Fn() -> S> States<S, N> {
    pub(super) fn new(init: N) -> Self {
        Self {
            idle: WorkerLocal::default(),
            init,
        }
    }

    /// Gives `f` a state that nobody else has.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut S) -> R) -> R {
        let mut lent = Lent {
            place: &self.idle,
            state: self.idle.with(Cell::take),
        };
        f(lent.state.get_or_insert_with(&self.init))
    }
}

/// A state that is put back at its end.
struct Lent<'a, S> {
    place: &'a WorkerLocal<Cell<Option<S>>>,
    state: Option<S>,
}

impl<S> Drop for Lent<'_, S> {
    fn drop(&mut self) {
        if mutant("map-init-keeps-no-state") {
            return;
        }
        let state = self.state.take();
        let second = self.place.with(|place| match place.take() {
            None => {
                place.set(state);
                None
            }
            first => {
                place.set(first);
                state
            }
        });
        // Of the user's, perhaps while it unwinds.
        drop_contained(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_on_top_of_another_gets_a_fresh_state() {
        let made = Cell::new(0);
        let states = States::new(|| {
            made.set(made.get() + 1);
            made.get()
        });
        states.with(|outer| {
            assert_eq!(*outer, 1);
            states.with(|inner| assert_eq!(*inner, 2));
            // What was left there is there again.
            states.with(|inner| *inner += 10);
            assert_eq!(*outer, 1);
            *outer = 5;
        });
        // The place was taken, so one of the two is gone.
        states.with(|state| assert_eq!(*state, 12));
        assert_eq!(made.get(), 2);
    }

    #[test]
    fn a_panic_keeps_the_state() {
        let made = Cell::new(0);
        let states = States::new(|| made.set(made.get() + 1));
        for _ in 0..3 {
            let caught = crate::primitive::catch_unwind(|| states.with(|()| panic!("on purpose")));
            assert!(caught.is_err());
        }
        assert_eq!(made.get(), 1);
    }

    #[test]
    fn a_panic_of_init_leaves_nothing() {
        let tries = Cell::new(0);
        let states = States::new(|| {
            tries.set(tries.get() + 1);
            assert!(tries.get() > 1, "on purpose");
        });
        assert!(crate::primitive::catch_unwind(|| states.with(|()| ())).is_err());
        states.with(|()| ());
        states.with(|()| ());
        assert_eq!(tries.get(), 2);
    }
}
