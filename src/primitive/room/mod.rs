//! Room for small things that come and go all the time.
//!
//! A task is one piece of memory, and with the system's allocator that was a quarter of
//! what a small task costs, and half of what its submitter does.
//!
//! ```text
//!   slab:  ┌──────┬────────┬────────┬────────┬── ── ──┬────────┐
//!          │ live │  piece │  piece │  piece │        │  piece │   all of one size
//!          └──────┴────────┴────────┴────────┴── ── ──┴────────┘
//!          ▲ aligned to 4 KiB                ▲ next: the thread's own, not yet given out
//! ```
//!
//! A thread cuts pieces from a slab of its own, one after the other, and takes those
//! first that were given back to it lately: a few lie on its *shelf*. What is given back
//! where the shelf is full is counted off its slab, by whatever thread; who counts the
//! last one off frees the slab. So to give out a piece changes nothing that is shared.
//!
//! # States of a piece
//!
//! | a piece is | until | and then |
//! |---|---|---|
//! | uncut, its thread's | the thread takes it; or ends | somebody's; counted off |
//! | somebody's | it is given back | on the shelf of that thread, or counted off |
//! | on a shelf | the thread takes it; or ends | somebody's; counted off |
//!
//! `live` begins with all pieces of the slab, and only falls: no piece is counted off
//! twice, so who brings it to zero is the last.
//!
//! # Orderings
//!
//! Counting off releases what was done to the piece; who comes last acquires it from all
//! others, before it frees the slab.
//!
//! # What it costs
//!
//! A piece that stays keeps its slab: who keeps one handle in 62, each with its result,
//! keeps 4 KiB for each. A thread keeps two slabs that it cuts, and two shelves of at most
//! [`KEPT_MAX`] pieces, which may lie in as many slabs; they go with the thread. A thread
//! that submits one task takes a whole slab for it.
//!
//! Not under loom, nor under Miri, and not with `--cfg raddle_no_room`: a use after the
//! free would not be seen.
//!
//! Source: Bonwick, "The Slab Allocator" (1994).

#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(test)]
mod tests;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};

#[cfg(all(test, raddle_loom))]
use super::UnsafeCell;
use super::atomic::{AtomicUsize, Ordering, fence};
use super::{mutant, weaken};

use Ordering::{Acquire, Release};

/// The sizes of pieces; for other things there is the system's allocator.
const SIZES: [usize; 2] = [64, 128];
const PIECE_ALIGN: usize = 64;

/// So many pieces of a size lie on a shelf.
const KEPT_MAX: usize = 32;

const SLAB_ALIGN: usize = 4096;
/// A little less than the alignment: an allocator that writes a header before each
/// allocation would else leave a hole of the same size behind each slab.
const SLAB_SIZE: usize = SLAB_ALIGN - 64;

const SLAB: Layout = match Layout::from_size_align(SLAB_SIZE, SLAB_ALIGN) {
    Ok(layout) => layout,
    Err(_) => panic!("the alignment is a power of two"),
};

/// What a slab begins with.
#[repr(C, align(64))]
struct Slab {
    /// Pieces that were not counted off.
    live: AtomicUsize,
    /// What loom watches in place of the pieces.
    #[cfg(all(test, raddle_loom))]
    memory: UnsafeCell<()>,
}

/// The uncut pieces of one size.
struct Cut {
    next: Cell<*mut u8>,
    left: Cell<usize>,
}

/// A piece that lies on a shelf: this is written into it.
struct Kept {
    next: *mut Kept,
}

/// The pieces of one size that a thread has at hand.
struct Shelf {
    size: usize,
    top: Cell<*mut Kept>,
    count: Cell<usize>,
    cut: Cut,
}

struct Shelves([Shelf; SIZES.len()]);

std::thread_local! {
    static SHELVES: Shelves = const { Shelves([Shelf::new(SIZES[0]), Shelf::new(SIZES[1])]) };
}

#[cfg(all(test, raddle_loom))]
std::thread_local! {
    /// Slabs that were made and not yet freed, in the models of one thread.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// A slab of `count` pieces at most that nobody has yet; its first piece, and how many
/// there are.
#[cold]
fn new_slab(size: usize, count: usize) -> (NonNull<u8>, usize) {
    // SAFETY: the size is not zero.
    let slab = unsafe { alloc(SLAB) };
    let Some(slab) = NonNull::new(slab) else {
        handle_alloc_error(SLAB)
    };
    let first = size_of::<Slab>().next_multiple_of(size);
    let count = count.min((SLAB_SIZE - first) / size);
    let shared = Slab {
        live: AtomicUsize::new(count),
        #[cfg(all(test, raddle_loom))]
        memory: UnsafeCell::new(()),
    };
    // SAFETY: it has room for this.
    unsafe { slab.cast().write(shared) };
    #[cfg(all(test, raddle_loom))]
    LIVE.set(LIVE.get() + 1);
    // SAFETY: the first piece lies within.
    (unsafe { slab.add(first) }, count)
}

/// Counts pieces off their slab.
///
/// # Safety
///
/// `count` pieces of a slab are the caller's, `piece` one of them, and are used no more.
#[inline(never)]
unsafe fn count_off(piece: NonNull<u8>, count: usize) {
    let slab = piece
        .as_ptr()
        .map_addr(|address| address & !(SLAB_ALIGN - 1));
    // SAFETY: the slab stands as long as there are pieces.
    let shared = unsafe { &*slab.cast::<Slab>() };
    #[cfg(all(test, raddle_loom))]
    shared.memory.with(|_| ());
    // ORDERING: Release, what was done to these pieces comes before the free.
    let order = weaken("room-count-off-relaxed", Release);
    if shared.live.fetch_sub(count, order) == count {
        if !mutant("room-frees-without-fence") {
            // ORDERING: Acquire pairs with the Release of all others.
            fence(Acquire);
        }
        #[cfg(all(test, raddle_loom))]
        {
            shared.memory.with_mut(|_| ());
            LIVE.set(LIVE.get() - 1);
        }
        // SAFETY: all pieces were counted off, each once.
        unsafe { slab.cast::<Slab>().drop_in_place() };
        // SAFETY: as above.
        unsafe { dealloc(slab, SLAB) };
    }
}

impl Shelf {
    const fn new(size: usize) -> Self {
        Self {
            size,
            top: Cell::new(ptr::null_mut()),
            count: Cell::new(0),
            cut: Cut {
                next: Cell::new(ptr::null_mut()),
                left: Cell::new(0),
            },
        }
    }

    #[inline]
    fn take(&self) -> NonNull<u8> {
        match self.take_kept() {
            Some(piece) => piece,
            None => self.take_uncut(),
        }
    }

    #[inline]
    fn take_kept(&self) -> Option<NonNull<u8>> {
        let kept = NonNull::new(self.top.get())?;
        // SAFETY: it lies on the shelf, so it is ours, and was written by `keep`.
        self.top.set(unsafe { kept.as_ref() }.next);
        self.count.set(self.count.get() - 1);
        Some(kept.cast())
    }

    // Not inlined: who finds one on the shelf would pay for its registers.
    #[inline(never)]
    fn take_uncut(&self) -> NonNull<u8> {
        let (piece, left) = match (NonNull::new(self.cut.next.get()), self.cut.left.get()) {
            (Some(next), left @ 1..) => (next, left),
            _ => new_slab(self.size, usize::MAX),
        };
        // Behind the last one it is the end of the slab, and is not used.
        self.cut.next.set(piece.as_ptr().wrapping_add(self.size));
        self.cut.left.set(left - 1);
        piece
    }

    /// # Safety
    ///
    /// The piece has this shelf's size, and nobody uses it.
    #[inline]
    unsafe fn keep(&self, piece: NonNull<u8>) {
        if self.count.get() == KEPT_MAX {
            // SAFETY: by the contract above.
            return unsafe { count_off(piece, 1) };
        }
        let kept: NonNull<Kept> = piece.cast();
        let next = self.top.get();
        // SAFETY: by the contract above.
        unsafe { kept.write(Kept { next }) };
        self.top.set(kept.as_ptr());
        self.count.set(self.count.get() + 1);
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        while let Some(piece) = self.take_kept() {
            if !mutant("room-forgets-its-shelf") {
                // SAFETY: it is ours, and we use it no more.
                unsafe { count_off(piece, 1) };
            }
        }
        if let (Some(next), left @ 1..) = (NonNull::new(self.cut.next.get()), self.cut.left.get())
            && !mutant("room-forgets-what-is-not-cut")
        {
            // SAFETY: as above.
            unsafe { count_off(next, left) };
        }
    }
}

/// On which shelf what has this layout lies.
const fn shelf_of(layout: Layout) -> Option<usize> {
    if cfg!(any(raddle_loom, raddle_no_room, miri))
        || layout.align() > PIECE_ALIGN
        || layout.size() > SIZES[1]
    {
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
        return alone(layout).cast();
    };
    let piece = SHELVES.try_with(|shelves| shelves.0[shelf].take());
    // Of a thread that is about to end: a slab for one.
    piece.unwrap_or_else(|_| new_slab(SIZES[shelf], 1).0).cast()
}

/// Room of the system's.
fn alone(layout: Layout) -> NonNull<u8> {
    // SAFETY: the size is not zero.
    let room = unsafe { alloc(layout) };
    NonNull::new(room).unwrap_or_else(|| handle_alloc_error(layout))
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
        unsafe { shelves.0[shelf].keep(piece) };
    });
    if kept.is_err() {
        // SAFETY: by the contract above.
        unsafe { count_off(piece, 1) };
    }
}
