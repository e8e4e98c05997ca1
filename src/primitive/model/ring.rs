//! The room of a deque in a model: a few slots that loom watches.
//!
//! An item is taken in one step with the exchange that gives it: a thief that has
//! not synchronised with the push is reported, and so is an item taken twice.
//!
//! The native slot is read before the exchange. So whoever peeks leaves a mark, which
//! loom watches; if the exchange gives it the item, the mark stays in the slot, and who
//! fills the slot anew writes to it: a put that is not ordered after the read of what
//! lay there before is reported. A read whose exchange fails leaves nothing: it may meet
//! a put, and carries no promise.

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
    Modelled([Mutex<Slot<T>>; CAPACITY]),
}

pub(crate) struct Slot<T> {
    item: Option<UnsafeCell<T>>,
    /// That of the item; it stays when the item is taken, as in the native slot.
    address: usize,
    /// The mark of who took the item before.
    read: Option<UnsafeCell<()>>,
}

/// What a slot held when it was read; in a model, which slot, and the mark of the read.
pub(crate) enum Peeked {
    Native(native::Peeked),
    Modelled(usize, UnsafeCell<()>),
}

/// As the native view; a model's ring never grows.
#[derive(Clone, Copy)]
pub(crate) enum View {
    Native(native::View),
    Modelled,
}

impl View {
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Native(view) => view.capacity(),
            Self::Modelled => CAPACITY,
        }
    }
}

impl<T: Pointed> Ring<T> {
    pub(crate) fn new() -> Self {
        match context::current() {
            None => Self::Native(native::Ring::new()),
            Some(_) => Self::Modelled(std::array::from_fn(|_| {
                Mutex::new(Slot {
                    item: None,
                    address: 0,
                    read: None,
                })
            })),
        }
    }

    pub(crate) fn view(&self) -> View {
        match self {
            Self::Native(native) => View::Native(native.view()),
            Self::Modelled(_) => View::Modelled,
        }
    }

    /// # Safety
    ///
    /// As the native ring's.
    pub(crate) unsafe fn put(&self, view: View, index: usize, item: T) {
        match (self, view) {
            (Self::Native(native), View::Native(view)) => {
                context::refuse_native("deque");
                // SAFETY: the same contract.
                unsafe { native.put(view, index, item) };
            }
            (Self::Native(_), View::Modelled) => unreachable!("a view of another ring"),
            (Self::Modelled(slots), _) => {
                let mut slot = plain(&slots[index % CAPACITY]);
                if let Some(read) = slot.read.take() {
                    read.with_mut(|_| ());
                }
                slot.address = item.pointer().addr();
                let before = slot.item.replace(UnsafeCell::new(item));
                assert!(before.is_none(), "raddle model: a slot is filled twice");
            }
        }
    }

    /// # Safety
    ///
    /// As the native ring's.
    pub(crate) unsafe fn peek_own(&self, _view: View, index: usize) -> Peeked {
        self.peek(index)
    }

    /// Whether the slot holds `pointer`.
    ///
    /// # Safety
    ///
    /// As the native ring's.
    pub(crate) unsafe fn holds(&self, view: View, index: usize, pointer: *const ()) -> bool {
        match (self, view) {
            // SAFETY: the same contract.
            (Self::Native(native), View::Native(view)) => unsafe {
                native.holds(view, index, pointer)
            },
            (Self::Native(_), View::Modelled) => unreachable!("a view of another ring"),
            (Self::Modelled(slots), _) => plain(&slots[index % CAPACITY]).address == pointer.addr(),
        }
    }

    pub(crate) fn peek(&self, index: usize) -> Peeked {
        match self {
            Self::Native(native) => {
                context::refuse_native("deque");
                Peeked::Native(native.peek(index))
            }
            Self::Modelled(_) => {
                let mark = UnsafeCell::new(());
                mark.with(|_| ());
                Peeked::Modelled(index, mark)
            }
        }
    }

    /// # Safety
    ///
    /// As the native ring's.
    pub(crate) unsafe fn claim(&self, peeked: Peeked) -> T {
        match (self, peeked) {
            // SAFETY: the same contract.
            (Self::Native(native), Peeked::Native(peeked)) => unsafe { native.claim(peeked) },
            (Self::Modelled(slots), Peeked::Modelled(index, mark)) => {
                let mut slot = plain(&slots[index % CAPACITY]);
                slot.read = Some(mark);
                let cell = slot.item.take();
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
