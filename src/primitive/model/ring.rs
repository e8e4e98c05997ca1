//! The room of a deque in a model: a few slots that loom watches.
//!
//! An item is taken in one step with the exchange that gives it: a thief that has
//! not synchronised with the push is reported, and so is an item taken twice. That
//! the native ring is read before the exchange carries no promise.

use std::sync::Mutex;

use super::cell::UnsafeCell;
use super::context;
use super::park::plain;
use crate::primitive::native;
use native::Pointed;

const CAPACITY: usize = 8;

/// As the native ring.
pub(crate) enum Ring<T> {
    Native(native::Ring<T>),
    Modelled([Mutex<Option<UnsafeCell<T>>>; CAPACITY]),
}

/// What a slot held when it was read; in a model, which slot.
#[derive(Clone, Copy)]
pub(crate) enum Peeked {
    Native(native::Peeked),
    Modelled(usize),
}

impl<T: Pointed> Ring<T> {
    pub(crate) fn new() -> Self {
        match context::current() {
            None => Self::Native(native::Ring::new()),
            Some(_) => Self::Modelled(Default::default()),
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Native(native) => native.capacity(),
            Self::Modelled(_) => CAPACITY,
        }
    }

    /// # Safety
    ///
    /// As the native ring's.
    pub(crate) unsafe fn put(&self, index: usize, item: T) {
        match self {
            Self::Native(native) => {
                context::refuse_native("deque");
                // SAFETY: the same contract.
                unsafe { native.put(index, item) };
            }
            Self::Modelled(slots) => {
                let before = plain(&slots[index % CAPACITY]).replace(UnsafeCell::new(item));
                assert!(before.is_none(), "raddle model: a slot is filled twice");
            }
        }
    }

    pub(crate) fn peek(&self, index: usize) -> Peeked {
        match self {
            Self::Native(native) => {
                context::refuse_native("deque");
                Peeked::Native(native.peek(index))
            }
            Self::Modelled(_) => Peeked::Modelled(index),
        }
    }

    /// # Safety
    ///
    /// As the native ring's.
    pub(crate) unsafe fn claim(&self, peeked: Peeked) -> T {
        match (self, peeked) {
            // SAFETY: the same contract.
            (Self::Native(native), Peeked::Native(peeked)) => unsafe { native.claim(peeked) },
            (Self::Modelled(slots), Peeked::Modelled(index)) => {
                let cell = plain(&slots[index % CAPACITY]).take();
                cell.expect("raddle model: a task of a deque is taken twice")
                    .into_inner()
            }
            _ => panic!("raddle model: a ring is native and modelled"),
        }
    }

    /// # Safety
    ///
    /// As the native ring's. In a model the slots own what is left.
    pub(crate) unsafe fn drop_items(&self, indices: impl FnOnce() -> (usize, usize)) {
        if let Self::Native(native) = self {
            // SAFETY: the same contract.
            unsafe { native.drop_items(indices) };
        }
    }

    /// # Safety
    ///
    /// As the native ring's.
    pub(crate) unsafe fn grow(&self, front: usize, back: usize) {
        match self {
            // SAFETY: the same contract.
            Self::Native(native) => unsafe { native.grow(front, back) },
            Self::Modelled(_) => {
                panic!("raddle model: a deque of a model holds {CAPACITY} tasks")
            }
        }
    }
}
