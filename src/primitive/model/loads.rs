//! Loads that loom would forget.
//!
//! To decide what to try in another order, loom keeps the last access to each
//! atomic only. Loads do not depend on each other, so in
//!
//! ```text
//!   reader: load                     writer: load, then store
//! ```
//!
//! the writer's load replaces the reader's, nothing seems to be left to reorder,
//! and the execution in which the reader sees the store is never tried.
//!
//! So each thread that loads an atomic has a [`Turn`] there, an operation that
//! depends on all others on the same turn. A load takes the loader's own; a
//! write takes that of each other thread that has loaded since the last write.
//! Thus a write depends on all loads before it and not on the last one alone,
//! while loads go on not to depend on each other.
//!
//! An operation and its turns are one step: nobody is let in between, where
//! there would be nothing new to see. What loom would reorder with a turn it
//! reorders with the operation then, for that is the last place before the turn
//! where it may let others go first.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use super::context;
use super::park::plain;
use crate::primitive::mutant;

/// A step that loom puts before and after each other one on the same object,
/// and that synchronises nothing: the notification of nobody.
pub(super) struct Turn(loom::sync::Condvar);

impl Turn {
    pub(super) fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    pub(super) fn take(&self) {
        if !context::doomed() {
            self.0.notify_one();
        }
    }

    /// Takes the turn in one step with the operation before.
    fn take_along(&self) {
        context::in_one_step(|| self.0.notify_one());
    }
}

/// Who has loaded an atomic, in one execution.
pub(super) struct Loads(Mutex<Vec<Loader>>);

struct Loader {
    thread: u64,
    turn: Arc<Turn>,
    /// Whether it has loaded since the last write.
    is_new: bool,
}

impl Loads {
    pub(super) fn none() -> Self {
        Self(Mutex::default())
    }

    /// Says that this thread has loaded, just now.
    pub(super) fn add(&self) {
        let me = this_thread();
        let turn = {
            let mut loaders = plain(&self.0);
            match loaders.iter_mut().find(|loader| loader.thread == me) {
                Some(loader) => {
                    loader.is_new = true;
                    Arc::clone(&loader.turn)
                }
                None => {
                    let turn = Arc::new(Turn::new());
                    loaders.push(Loader {
                        thread: me,
                        turn: Arc::clone(&turn),
                        is_new: true,
                    });
                    turn
                }
            }
        };
        turn.take_along();
    }

    /// Says that this thread has written, just now.
    pub(super) fn overwrite(&self) {
        let me = this_thread();
        while let Some((thread, turn)) = self.next_new() {
            if thread != me && !mutant("loads-write-forgets-readers") {
                turn.take_along();
            }
        }
    }

    fn next_new(&self) -> Option<(u64, Arc<Turn>)> {
        let mut loaders = plain(&self.0);
        let loader = loaders.iter_mut().find(|loader| loader.is_new)?;
        loader.is_new = false;
        Some((loader.thread, Arc::clone(&loader.turn)))
    }
}

/// A number that no other thread of the process has.
fn this_thread() -> u64 {
    static NUMBER: loom::thread::LocalKey<u64> = loom::thread::LocalKey {
        init: crate::primitive::next_id,
        _p: PhantomData,
    };
    // A thread that has dropped its own values loads under a new name each time.
    NUMBER
        .try_with(|number| *number)
        .unwrap_or_else(|_| crate::primitive::next_id())
}
