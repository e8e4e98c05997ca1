//! What lies in a queue, and in which order it comes out.
//!
//! The heap is written here, because a comparison is user code that runs under
//! the queue's lock and may panic. Each change of the heap has two parts:
//!
//! ```text
//!   compare, by reference  ──panics──► nothing has moved
//!            │ where it belongs
//!            ▼
//!   move, without user code
//! ```
//!
//! std's `BinaryHeap` moves while it compares: a panic in its `pop` loses the
//! item that was to come out.

use std::cmp::Ordering;
use std::collections::VecDeque;

use crate::primitive::{Payload, catch_unwind};

/// The items of a queue.
pub(super) enum Store<T> {
    /// The oldest first.
    Fifo(VecDeque<T>),
    /// The newest first.
    Lifo(Vec<T>),
    /// The smallest first, of equal ones the oldest.
    Priority(Heap<T>),
}

impl<T> Store<T> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Fifo(items) => items.len(),
            Self::Lifo(items) => items.len(),
            Self::Priority(heap) => heap.items.len(),
        }
    }

    /// Puts an item in; a comparison that panics gives it back.
    pub(super) fn push(&mut self, item: T) -> Result<(), (T, Payload)> {
        match self {
            Self::Fifo(items) => items.push_back(item),
            Self::Lifo(items) => items.push(item),
            Self::Priority(heap) => return heap.push(item),
        }
        Ok(())
    }

    /// Takes the next one out; a comparison that panics leaves it there.
    pub(super) fn pop(&mut self) -> Result<Option<T>, Payload> {
        match self {
            Self::Fifo(items) => Ok(items.pop_front()),
            Self::Lifo(items) => Ok(items.pop()),
            Self::Priority(heap) => heap.pop(),
        }
    }

    /// Takes everything out, and leaves the order as it is.
    pub(super) fn take(&mut self) -> Self {
        match self {
            Self::Fifo(items) => Self::Fifo(std::mem::take(items)),
            Self::Lifo(items) => Self::Lifo(std::mem::take(items)),
            Self::Priority(heap) => Self::Priority(Heap {
                items: std::mem::take(&mut heap.items),
                ..*heap
            }),
        }
    }

    /// Everything, in the order in which `pop` would have given it. Runs user
    /// code: not under the lock. When a comparison panics, in any order.
    pub(super) fn into_vec(self) -> Vec<T> {
        match self {
            Self::Fifo(items) => items.into(),
            Self::Lifo(mut items) => {
                items.reverse();
                items
            }
            Self::Priority(Heap {
                mut items, compare, ..
            }) => {
                let sorted = catch_unwind(|| items.sort_by(|a, b| a.compare(b, compare)));
                if let Err(payload) = sorted {
                    crate::primitive::drop_contained(payload);
                }
                items.into_iter().map(|ranked| ranked.item).collect()
            }
        }
    }
}

/// A binary heap: no item precedes its parent, which is at half its index.
pub(super) struct Heap<T> {
    items: Vec<Ranked<T>>,
    /// Of the next item; 2^64 items are never reached.
    turn: u64,
    compare: fn(&T, &T) -> Ordering,
}

struct Ranked<T> {
    item: T,
    turn: u64,
}

impl<T> Ranked<T> {
    fn compare(&self, other: &Self, compare: fn(&T, &T) -> Ordering) -> Ordering {
        compare(&self.item, &other.item).then(self.turn.cmp(&other.turn))
    }
}

impl<T: Ord> Heap<T> {
    pub(super) fn new() -> Self {
        Self {
            items: Vec::new(),
            turn: 0,
            compare: T::cmp,
        }
    }
}

impl<T> Heap<T> {
    fn push(&mut self, item: T) -> Result<(), (T, Payload)> {
        let turn = self.turn;
        let last = self.items.len();
        self.items.push(Ranked { item, turn });
        match catch_unwind(|| self.place_from_below(last)) {
            Ok(place) => {
                self.turn += 1;
                let mut at = last;
                while at > place {
                    self.items.swap(at, parent(at));
                    at = parent(at);
                }
                Ok(())
            }
            Err(payload) => match self.items.pop() {
                Some(ranked) => Err((ranked.item, payload)),
                None => unreachable!("what was just pushed is gone"),
            },
        }
    }

    fn pop(&mut self) -> Result<Option<T>, Payload> {
        let Some(last) = self.items.len().checked_sub(1) else {
            return Ok(None);
        };
        let place = catch_unwind(|| self.place_from_above(last))?;
        self.items.swap(0, last);
        let first = self.items.pop();
        // What was last goes down to its place; the way there is the chain of
        // that place's parents.
        let depth = (place + 1).ilog2();
        let mut at = 0;
        for level in (0..depth).rev() {
            let next = ((place + 1) >> level) - 1;
            self.items.swap(at, next);
            at = next;
        }
        Ok(first.map(|ranked| ranked.item))
    }

    /// Where the item at `at`, a leaf, belongs among its parents.
    fn place_from_below(&self, at: usize) -> usize {
        let mut place = at;
        while place > 0 && self.precedes(at, parent(place)) {
            place = parent(place);
        }
        place
    }

    /// Where the item at `last` belongs when it takes the place of the first.
    fn place_from_above(&self, last: usize) -> usize {
        let mut place = 0;
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            if left >= last {
                return place;
            }
            let child = match right < last && self.precedes(right, left) {
                true => right,
                false => left,
            };
            if !self.precedes(child, last) {
                return place;
            }
            place = child;
        }
    }

    fn precedes(&self, a: usize, b: usize) -> bool {
        self.items[a].compare(&self.items[b], self.compare).is_lt()
    }
}

fn parent(at: usize) -> usize {
    (at - 1) / 2
}
