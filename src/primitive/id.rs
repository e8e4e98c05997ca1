//! Numbers for tasks, unique within the process.
//!
//! Threads take them by the block, so that submitting from many threads does
//! not share a cache line.

use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

use super::unmodelled::AtomicU64;

const BLOCK: u64 = 1 << 10;

/// With `--cfg raddle_preage` the numbers wrap within a short program.
const FIRST_BLOCK: u64 = if cfg!(raddle_preage) {
    0_u64.wrapping_sub(16 * BLOCK)
} else {
    0
};

/// A number that no other call returns.
#[inline]
pub(crate) fn next_id() -> u64 {
    std::thread_local! {
        static NEXT: Cell<u64> = const { Cell::new(0) };
    }
    // A slot without destructor can be read at any time of a thread's life.
    let id = NEXT.get();
    if id & (BLOCK - 1) != 0 {
        NEXT.set(id.wrapping_add(1));
        return id;
    }
    let first = next_block();
    NEXT.set(first + 1);
    first
}

/// The first usable number of a fresh block. A block's number 0 stays unused,
/// since it marks a block that is used up.
#[cold]
fn next_block() -> u64 {
    static NEXT_BLOCK: AtomicU64 = AtomicU64::new(FIRST_BLOCK);
    // ORDERING: Relaxed, the numbers order nothing.
    NEXT_BLOCK.fetch_add(BLOCK, Relaxed) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_number_comes_twice() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..5_000).map(|_| next_id()).collect::<Vec<_>>()))
            .collect();
        let mut seen = HashSet::new();
        for thread in threads {
            for id in thread.join().expect("no panic") {
                assert!(seen.insert(id), "{id} came twice");
            }
        }
    }
}
