//! What we fear of the room.

use super::{LIVE, SIZES, Shelf, count_off, new_slab};
use crate::primitive::model::run::Model;
use crate::primitive::thread;

/// Fear: a slab is freed while somebody still uses one of its pieces.
/// Must fail when: counting off releases nothing; who comes last does not acquire.
/// Bound: none, three threads.
#[test]
fn a_slab_is_freed_after_its_last_piece() {
    Model::new("room::a_slab_is_freed_after_its_last_piece")
        .unbounded()
        .check(|| {
            LIVE.set(0);
            let (first, count) = new_slab(SIZES[0], 3);
            assert_eq!(count, 3);
            let others = [1, 2].map(|at| {
                let piece = first
                    .as_ptr()
                    .wrapping_add(at * SIZES[0])
                    .expose_provenance();
                thread::spawn("giver".to_owned(), None, move || {
                    let piece = std::ptr::with_exposed_provenance_mut(piece);
                    let piece = std::ptr::NonNull::new(piece).expect("a piece");
                    // SAFETY: it is one of three, each counted off once.
                    unsafe { count_off(piece, 1) };
                })
            });
            // SAFETY: as above.
            unsafe { count_off(first, 1) };
            for other in others {
                other.expect("a thread").join().expect("no panic");
            }
            assert_eq!(LIVE.get(), 0, "a slab was not freed");
        });
}

/// Fear: a thread ends, with pieces that it has not cut and one on its shelf, as another
/// gives back the last of those it has given out: the slab is freed too early, or never.
/// Must fail when: counting off releases nothing; who comes last does not acquire; what
/// was not cut, or lies on the shelf, is not counted off.
/// Bound: none, two threads.
#[test]
fn a_thread_ends_as_its_last_piece_is_given_back() {
    Model::new("room::a_thread_ends_as_its_last_piece_is_given_back")
        .unbounded()
        .check(|| {
            LIVE.set(0);
            let shelf = Shelf::new(SIZES[1]);
            let piece = shelf.take().as_ptr().expose_provenance();
            let kept = shelf.take();
            // SAFETY: it was just taken.
            unsafe { shelf.keep(kept) };
            let other = thread::spawn("giver".to_owned(), None, move || {
                let piece = std::ptr::with_exposed_provenance_mut(piece);
                let piece = std::ptr::NonNull::new(piece).expect("a piece");
                // SAFETY: it was taken by the other thread, and is given back once.
                unsafe { count_off(piece, 1) };
            });
            drop(shelf);
            other.expect("a thread").join().expect("no panic");
            assert_eq!(LIVE.get(), 0, "the slab was not freed");
        });
}
