//! Room for small things that come and go all the time: a few pieces of memory that
//! each thread keeps for its next one.
//!
//! A task is one piece of memory, and where tasks submit tasks, malloc and free were
//! a quarter of their cost: 160 of 640 instructions with glibc, 25 so. Pieces wander
//! with the tasks: who frees one keeps it.
//!
//! At most [`KEPT_MAX`] pieces of each size are kept by a thread, 12 KiB in all; they go
//! with the thread. Not under loom, and not under Miri, which would miss a use after
//! the free.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// The sizes that are kept; for other things there is malloc.
const SIZES: [usize; 2] = [64, 128];
const ALIGN: usize = 16;

/// So many pieces of a size a thread keeps.
const KEPT_MAX: usize = 64;

/// A piece that is kept: it lies in the piece itself.
struct Kept {
    next: *mut Kept,
}

/// The pieces of one size.
struct Shelf {
    top: Cell<*mut Kept>,
    count: Cell<usize>,
}

struct Shelves([Shelf; SIZES.len()]);

impl Shelf {
    const fn new() -> Self {
        Self {
            top: Cell::new(ptr::null_mut()),
            count: Cell::new(0),
        }
    }

    #[inline]
    fn take(&self) -> Option<NonNull<u8>> {
        let kept = NonNull::new(self.top.get())?;
        // SAFETY: it lies on the shelf, so it is ours, and was written by `keep`.
        self.top.set(unsafe { kept.as_ref() }.next);
        self.count.set(self.count.get() - 1);
        Some(kept.cast())
    }

    /// # Safety
    ///
    /// The piece has this shelf's size, and nobody uses it.
    #[inline]
    unsafe fn keep(&self, piece: NonNull<u8>) -> bool {
        if self.count.get() == KEPT_MAX {
            return false;
        }
        let kept: NonNull<Kept> = piece.cast();
        let next = self.top.get();
        // SAFETY: by the contract above.
        unsafe { kept.write(Kept { next }) };
        self.top.set(kept.as_ptr());
        self.count.set(self.count.get() + 1);
        true
    }
}

impl Drop for Shelves {
    fn drop(&mut self) {
        for (shelf, size) in self.0.iter().zip(SIZES) {
            while let Some(piece) = shelf.take() {
                // SAFETY: what is kept was allocated with this layout.
                unsafe { dealloc(piece.as_ptr(), layout_of(size)) };
            }
        }
    }
}

const fn layout_of(size: usize) -> Layout {
    match Layout::from_size_align(size, ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("the alignment is a power of two"),
    }
}

std::thread_local! {
    static SHELVES: Shelves = const { Shelves([Shelf::new(), Shelf::new()]) };
}

/// On which shelf what has this layout lies.
const fn shelf_of(layout: Layout) -> Option<usize> {
    if cfg!(any(raddle_loom, miri)) || layout.align() > ALIGN || layout.size() > SIZES[1] {
        None
    } else {
        Some((layout.size() > SIZES[0]) as usize)
    }
}

/// Room for a `T`.
#[inline]
pub(crate) fn take<T>() -> NonNull<T> {
    let layout = const { Layout::new::<T>() };
    assert!(layout.size() > 0, "nothing needs no room");
    let Some(shelf) = (const { shelf_of(Layout::new::<T>()) }) else {
        return fresh(layout).cast();
    };
    let kept = SHELVES.try_with(|shelves| shelves.0[shelf].take());
    match kept {
        Ok(Some(piece)) => piece.cast(),
        _ => fresh(layout_of(SIZES[shelf])).cast(),
    }
}

#[cold]
fn fresh(layout: Layout) -> NonNull<u8> {
    // SAFETY: the size is not zero.
    let piece = unsafe { alloc(layout) };
    NonNull::new(piece).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Gives room back.
///
/// # Safety
///
/// It comes from [`take`] with this `T`, which has been dropped, and nobody uses it.
#[inline]
pub(crate) unsafe fn give_back<T>(room: NonNull<T>) {
    let piece: NonNull<u8> = room.cast();
    let Some(shelf) = (const { shelf_of(Layout::new::<T>()) }) else {
        // SAFETY: it was allocated with this layout.
        return unsafe { dealloc(piece.as_ptr(), Layout::new::<T>()) };
    };
    let kept = SHELVES.try_with(|shelves| {
        // SAFETY: by the contract, and it has the size of the shelf.
        unsafe { shelves.0[shelf].keep(piece) }
    });
    if kept != Ok(true) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(piece.as_ptr(), layout_of(SIZES[shelf])) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_was_given_back_is_taken_next() {
        let one = take::<[u64; 7]>();
        // SAFETY: it was taken above.
        unsafe { give_back(one) };
        let other = take::<[u64; 8]>();
        assert_eq!(
            one.cast::<u8>() == other.cast(),
            shelf_of(Layout::new::<[u64; 8]>()).is_some()
        );
        // SAFETY: it was taken above.
        unsafe { give_back(other) };
    }

    #[test]
    fn sizes_do_not_mix_and_large_things_are_not_kept() {
        let (small, middle, large) = (take::<u8>(), take::<[u64; 9]>(), take::<[u64; 99]>());
        // SAFETY: each was taken above.
        unsafe { give_back(small) };
        // SAFETY: as above.
        unsafe { give_back(large) };
        let next = take::<[u64; 16]>();
        assert!(next.cast::<u8>() != small && next.cast() != middle);
        // SAFETY: as above.
        unsafe { give_back(middle) };
        // SAFETY: as above.
        unsafe { give_back(next) };
    }

    #[test]
    fn what_is_too_much_is_freed_and_the_rest_goes_with_the_thread() {
        std::thread::spawn(|| {
            let taken: Vec<_> = (0..3 * KEPT_MAX).map(|_| take::<u64>()).collect();
            for piece in taken {
                // SAFETY: it was taken above.
                unsafe { give_back(piece) };
            }
            if shelf_of(Layout::new::<u64>()).is_some() {
                SHELVES.with(|shelves| assert_eq!(shelves.0[0].count.get(), KEPT_MAX));
            }
        })
        .join()
        .unwrap();
    }
}
