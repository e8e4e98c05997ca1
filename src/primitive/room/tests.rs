//! What the room promises, with real threads.

use super::*;
use std::collections::HashSet;
use std::sync::mpsc;

const IS_KEPT: bool = shelf_of(Layout::new::<u64>()).is_some();

fn slab_of<T>(piece: NonNull<T>) -> usize {
    piece.as_ptr().addr() & !(SLAB_ALIGN - 1)
}

#[test]
fn a_piece_that_was_given_back_is_taken_next() {
    let one = take::<[u64; 7]>();
    // SAFETY: it was taken above.
    unsafe { give_back(one) };
    let other = take::<[u64; 8]>();
    assert_eq!(one.cast::<u8>() == other.cast(), IS_KEPT);
    // SAFETY: it was taken above.
    unsafe { give_back(other) };
}

#[test]
fn sizes_do_not_mix_and_large_things_are_the_systems() {
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

/// No two pieces overlap, whatever was given back in between, and each can be
/// written from end to end.
#[test]
fn pieces_are_disjoint_and_whole() {
    let mut taken = Vec::new();
    let mut seen = HashSet::new();
    for round in 0..1_000_u64 {
        let piece = take::<[u64; 8]>();
        assert!(piece.as_ptr().is_aligned());
        assert!(seen.insert(piece), "given out twice");
        // SAFETY: it was taken above.
        unsafe { piece.write([round; 8]) };
        taken.push((piece, round));
        if round % 3 == 0 {
            let (piece, round) = taken.swap_remove(round as usize % taken.len());
            // SAFETY: it was written when it was taken.
            assert_eq!(unsafe { piece.read() }, [round; 8]);
            seen.remove(&piece);
            // SAFETY: it was taken above.
            unsafe { give_back(piece) };
        }
    }
    for (piece, round) in taken {
        // SAFETY: as above.
        assert_eq!(unsafe { piece.read() }, [round; 8]);
        // SAFETY: as above.
        unsafe { give_back(piece) };
    }
}

#[test]
fn what_is_too_much_is_counted_off_and_the_rest_goes_with_the_thread() {
    std::thread::spawn(|| {
        let taken: Vec<_> = (0..3 * KEPT_MAX).map(|_| take::<u64>()).collect();
        for piece in taken {
            // SAFETY: it was taken above.
            unsafe { give_back(piece) };
        }
        if IS_KEPT {
            SHELVES.with(|shelves| assert_eq!(shelves.0[0].count.get(), KEPT_MAX));
        }
    })
    .join()
    .unwrap();
}

/// The slab of a thread that has ended stands as long as one of its pieces does.
#[test]
fn a_piece_outlives_its_thread_and_is_given_back_by_another() {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let taken: Vec<_> = (0..200_u64)
            .map(|number| {
                let piece = take::<[u64; 8]>();
                // SAFETY: it was taken above.
                unsafe { piece.write([number; 8]) };
                piece.as_ptr().expose_provenance()
            })
            .collect();
        sender.send(taken).unwrap();
    })
    .join()
    .unwrap();
    let taken = receiver.recv().unwrap();
    let givers = taken.chunks(50).map(|part| {
        let part = part.to_vec();
        std::thread::spawn(move || {
            for address in part {
                let piece = ptr::with_exposed_provenance_mut::<[u64; 8]>(address);
                let piece = NonNull::new(piece).unwrap();
                // SAFETY: it was written by the thread that has ended.
                let first = unsafe { piece.read() }[0];
                // SAFETY: as above.
                assert_eq!(unsafe { piece.read() }, [first; 8]);
                // SAFETY: it was taken there, and is given back once.
                unsafe { give_back(piece) };
            }
        })
    });
    let givers: Vec<_> = givers.collect();
    givers.into_iter().for_each(|giver| giver.join().unwrap());
}

/// Destructors of a thread's locals may submit tasks.
#[test]
fn a_thread_that_ends_takes_and_gives_back() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            let has_shelves = shelf_of(Layout::new::<[u64; 8]>()).is_some();
            if cfg!(target_os = "linux") && has_shelves {
                assert!(SHELVES.try_with(|_| ()).is_err(), "they end before this");
            }
            let one = take::<[u64; 8]>();
            let other = take::<[u64; 8]>();
            assert_ne!(one, other);
            // SAFETY: both were taken above.
            unsafe { give_back(one) };
            // SAFETY: as above.
            unsafe { give_back(other) };
        }
    }
    std::thread_local!(static LATE: Late = const { Late });
    std::thread::spawn(|| {
        // Before the shelves, and so destroyed after them.
        LATE.with(|_| ());
        let piece = take::<u64>();
        // SAFETY: it was taken above.
        unsafe { give_back(piece) };
    })
    .join()
    .unwrap();
}

#[test]
fn pieces_of_a_slab_lie_side_by_side() {
    if !IS_KEPT {
        return;
    }
    std::thread::spawn(|| {
        let taken: Vec<_> = (0..62).map(|_| take::<[u64; 8]>()).collect();
        let slabs: HashSet<_> = taken.iter().map(|piece| slab_of(*piece)).collect();
        assert_eq!(slabs.len(), 1);
        for piece in taken {
            // SAFETY: it was taken above.
            unsafe { give_back(piece) };
        }
    })
    .join()
    .unwrap();
}

/// Also where nothing is kept, so that Miri sees it.
#[test]
fn a_shelf_gives_out_what_it_was_given_and_frees_the_rest() {
    let shelf = Shelf::new(SIZES[0]);
    let taken: Vec<_> = (0..200_u8)
        .map(|number| {
            let piece = shelf.take();
            // SAFETY: it was just taken, and is so large.
            unsafe { piece.write_bytes(number, SIZES[0]) };
            (piece, number)
        })
        .collect();
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 200);
    for (piece, number) in &taken {
        for at in [0, SIZES[0] - 1] {
            // SAFETY: it lies within the piece.
            let byte = unsafe { piece.add(at) };
            // SAFETY: it was written above.
            assert_eq!(unsafe { byte.read() }, *number);
        }
    }
    for (piece, _) in taken {
        // SAFETY: it was taken above.
        unsafe { shelf.keep(piece) };
    }
    assert_eq!(shelf.count.get(), KEPT_MAX);
}
