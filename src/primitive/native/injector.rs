//! The queue where outsiders put jobs: crossbeam's.

use std::cell::{OnceCell, RefCell};

use crossbeam_deque::{Steal, Worker};

/// First in, first out, for any number of threads.
#[derive(Debug)]
pub(crate) struct Injector<T>(crossbeam_deque::Injector<T>);

/// What a batch passes on its way from an injector to a deque.
pub(crate) struct Chute<T>(OnceCell<(Worker<T>, RefCell<Vec<T>>)>);

impl<T> Chute<T> {
    pub(crate) fn new() -> Self {
        Self(OnceCell::new())
    }
}

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self(crossbeam_deque::Injector::new())
    }

    #[inline]
    pub(crate) fn push(&self, item: T) {
        self.0.push(item);
    }

    #[inline]
    pub(crate) fn steal(&self) -> Steal<T> {
        self.0.steal()
    }

    /// Steals the oldest item; gives those after it to `keep`, the newest first.
    pub(crate) fn steal_batch(&self, chute: &Chute<T>, keep: impl FnMut(T)) -> Steal<T> {
        if self.0.is_empty() {
            // As good as always, and cheaper to find.
            return Steal::Empty;
        }
        let (batch, turned) =
            (chute.0).get_or_init(|| (Worker::new_fifo(), RefCell::new(Vec::new())));
        let oldest = self.0.steal_batch_and_pop(batch);
        if oldest.is_success() {
            let mut turned = turned.borrow_mut();
            turned.extend(std::iter::from_fn(|| batch.pop()));
            turned.drain(..).rev().for_each(keep);
        }
        oldest
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
