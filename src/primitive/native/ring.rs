//! The room of a work-stealing deque: pointers in a ring that grows.
//!
//! The ring moves pointers and keeps no order: whose a slot is, the indices of the
//! deque say (thread/deque/mod.rs).
//!
//! Only the owner grows it. A thief may still read the smaller ring that it has
//! loaded before, so that stays until the end; all of them together take no more
//! room than the greatest. What a thief reads there of a slot that is gone is
//! worthless, and its exchange fails.

use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use Ordering::{Acquire, Relaxed, Release};

/// What fits into a slot: a pointer that owns what it points to.
///
/// # Safety
///
/// 1. `from_pointer` gives the value that `into_pointer` was called on, in whatever
///    thread, as far as the value is `Send`.
/// 2. `pointer` is the pointer that `into_pointer` would give.
/// 3. None of the three panics: a slot would be left half moved.
pub(crate) unsafe trait Pointed: Sized {
    fn into_pointer(self) -> *mut ();

    #[cfg_attr(not(raddle_loom), expect(dead_code, reason = "the native ring has it"))]
    fn pointer(&self) -> *const ();

    /// # Safety
    ///
    /// The pointer comes from `into_pointer`, and is turned back once.
    unsafe fn from_pointer(pointer: *mut ()) -> Self;
}

// SAFETY: `into_raw` and `from_raw` are each other's inverse, and do not panic.
unsafe impl<T> Pointed for Box<T> {
    fn into_pointer(self) -> *mut () {
        Box::into_raw(self).cast()
    }

    fn pointer(&self) -> *const () {
        ptr::from_ref::<T>(self).cast()
    }

    unsafe fn from_pointer(pointer: *mut ()) -> Self {
        // SAFETY: by the contract.
        unsafe { Box::from_raw(pointer.cast()) }
    }
}

// SAFETY: as for `Box`.
unsafe impl<T> Pointed for Arc<T> {
    fn into_pointer(self) -> *mut () {
        Arc::into_raw(self).cast_mut().cast()
    }

    fn pointer(&self) -> *const () {
        Arc::as_ptr(self).cast()
    }

    unsafe fn from_pointer(pointer: *mut ()) -> Self {
        // SAFETY: by the contract.
        unsafe { Arc::from_raw(pointer.cast_const().cast()) }
    }
}

/// So many slots a ring has at first.
const FIRST: usize = 64;

struct Slots {
    slots: Box<[AtomicPtr<()>]>,
    /// The one that was too small.
    smaller: *mut Slots,
}

impl Slots {
    fn new(count: usize, smaller: *mut Slots) -> *mut Self {
        debug_assert!(count.is_power_of_two());
        let slots = (0..count)
            .map(|_| AtomicPtr::new(ptr::null_mut()))
            .collect();
        Box::into_raw(Box::new(Self { slots, smaller }))
    }

    #[inline]
    fn at(&self, index: usize) -> &AtomicPtr<()> {
        &self.slots[index & (self.slots.len() - 1)]
    }
}

/// A ring of `T`s.
pub(crate) struct Ring<T> {
    slots: AtomicPtr<Slots>,
    items: PhantomData<T>,
}

// SAFETY: what is put in is taken out by one thread, maybe another.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above; all shared state is atomic.
unsafe impl<T: Send> Sync for Ring<T> {}

/// What a slot held when it was read.
pub(crate) struct Peeked(*mut ());

/// The slots as the owner has last seen them, without a step in between.
#[derive(Clone, Copy)]
pub(crate) struct View {
    first: *const AtomicPtr<()>,
    mask: usize,
}

// SAFETY: it is an address; what is done with it says `Ring`, which is `Send`.
unsafe impl Send for View {}

impl View {
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.mask + 1
    }

    /// # Safety
    ///
    /// The ring stands, and has not grown since the view was taken.
    #[inline]
    unsafe fn at<'a>(self, index: usize) -> &'a AtomicPtr<()> {
        // SAFETY: the mask keeps the index below the length.
        let slot = unsafe { self.first.add(index & self.mask) };
        // SAFETY: by the contract the slots stand.
        unsafe { &*slot }
    }
}

impl<T: Pointed> Ring<T> {
    pub(crate) fn new() -> Self {
        Self {
            slots: AtomicPtr::new(Slots::new(FIRST, ptr::null_mut())),
            items: PhantomData,
        }
    }

    #[inline]
    fn slots(&self) -> &Slots {
        // ORDERING: Acquire pairs with the Release in `grow`.
        let slots = self.slots.load(Acquire);
        // SAFETY: it is freed with the ring.
        unsafe { &*slots }
    }

    /// The slots as they are until the ring grows.
    pub(crate) fn view(&self) -> View {
        let slots = &self.slots().slots;
        View {
            first: slots.as_ptr(),
            mask: slots.len() - 1,
        }
    }

    /// Fills a slot.
    ///
    /// # Safety
    ///
    /// 1. The caller is the owner, and the slot's former item was claimed.
    /// 2. The ring has not grown since the view was taken.
    #[inline]
    pub(crate) unsafe fn put(&self, view: View, index: usize, item: T) {
        // SAFETY: by (2).
        let slot = unsafe { view.at(index) };
        // ORDERING: Relaxed, the deque's index publishes it.
        slot.store(item.into_pointer(), Relaxed);
    }

    /// As [`peek`](Self::peek), by the owner.
    ///
    /// # Safety
    ///
    /// The ring has not grown since the view was taken.
    #[inline]
    pub(crate) unsafe fn peek_own(&self, view: View, index: usize) -> Peeked {
        // SAFETY: by the contract above.
        let slot = unsafe { view.at(index) };
        // ORDERING: Relaxed, the owner has filled it.
        Peeked(slot.load(Relaxed))
    }

    /// Whether the slot holds `pointer`. If so, what it points to may be another's.
    ///
    /// # Safety
    ///
    /// As [`peek_own`](Self::peek_own).
    #[inline]
    pub(crate) unsafe fn holds(&self, view: View, index: usize, pointer: *const ()) -> bool {
        // SAFETY: the same contract.
        ptr::eq(unsafe { self.peek_own(view, index) }.0, pointer)
    }

    /// Reads a slot, which may be another's by now.
    #[inline]
    pub(crate) fn peek(&self, index: usize) -> Peeked {
        // ORDERING: Relaxed; whoever claims it has acquired the index.
        Peeked(self.slots().at(index).load(Relaxed))
    }

    /// Turns what was read into an item.
    ///
    /// # Safety
    ///
    /// The deque's indices have given the caller the item that was read.
    #[inline]
    pub(crate) unsafe fn claim(&self, peeked: Peeked) -> T {
        // SAFETY: an index is given to one only.
        unsafe { T::from_pointer(peeked.0) }
    }

    /// Doubles the ring, with the items from `front` up to `back`.
    ///
    /// # Safety
    ///
    /// The caller is the owner.
    #[cold]
    pub(crate) unsafe fn grow(&self, front: usize, back: usize) {
        // ORDERING: Relaxed, only the owner changes it.
        let smaller = self.slots.load(Relaxed);
        // SAFETY: it is freed with the ring.
        let old = unsafe { &*smaller };
        let greater = Slots::new(old.slots.len() * 2, smaller);
        // SAFETY: it was just made.
        let new = unsafe { &*greater };
        let mut index = front;
        while index != back {
            // ORDERING: Relaxed, the items are copied by whoever has put them.
            let item = old.at(index).load(Relaxed);
            // ORDERING: Relaxed, the Release below.
            new.at(index).store(item, Relaxed);
            index = index.wrapping_add(1);
        }
        // ORDERING: Release pairs with the Acquire in `slots`.
        self.slots.store(greater, Release);
    }
}

impl<T: Pointed> Ring<T> {
    /// Drops the items from the first index up to the second.
    ///
    /// # Safety
    ///
    /// They are there, and nobody takes them.
    pub(crate) unsafe fn drop_items(&self, indices: impl FnOnce() -> (usize, usize)) {
        let (mut index, end) = indices();
        while index != end {
            // SAFETY: by the contract above.
            drop(unsafe { self.claim(self.peek(index)) });
            index = index.wrapping_add(1);
        }
    }
}

impl<T> Drop for Ring<T> {
    /// The items are the deque's to drop.
    fn drop(&mut self) {
        let mut slots = *self.slots.get_mut();
        while !slots.is_null() {
            // SAFETY: each was made by `Slots::new`, and nobody reads any more.
            let smaller = unsafe { Box::from_raw(slots) }.smaller;
            slots = smaller;
        }
    }
}
