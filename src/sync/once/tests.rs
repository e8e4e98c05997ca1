//! What runs under the lock: nothing that takes its time.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;

use super::*;
use crate::primitive::block::{BlockHook, LastResort, with_hook};

/// A pool that looks at the value while it is told of a wait.
struct Looks<'a> {
    once: &'a OnceLock<u32>,
    /// Called when the wait starts.
    starts: &'a dyn Fn(),
    told: Cell<[u32; 2]>,
}

impl Looks<'_> {
    fn look(&self, told: usize) {
        let free = self.once.running.try_lock().is_some();
        assert!(free, "the initialiser's end waits for the pool");
        let mut all = self.told.get();
        all[told] += 1;
        self.told.set(all);
    }
}

impl BlockHook for Looks<'_> {
    fn pool(&self) -> u32 {
        0
    }
    fn worker(&self) -> usize {
        0
    }
    fn serving(&self, _: u32) -> Option<&dyn BlockHook> {
        None
    }
    fn block_starts(&self, _: BlockedOn) {
        self.look(0);
        (self.starts)();
    }
    fn block_ends(&self) {
        self.look(1);
    }
    fn offer(&self, _: &Arc<LastResort>) {}
    fn withdraw(&self, _: &Arc<LastResort>) {}
    fn help(&self, _: NonNull<()>, _: &dyn Fn() -> bool) {}

    unsafe fn run_claimed(&self, _: NonNull<()>) {}
}

/// `wait` begins while the value is set by another thread, which goes on when the
/// pool has heard of the wait.
fn waits(wait: impl Fn(&OnceLock<u32>) -> Option<u32>) {
    let once = OnceLock::new();
    let turn = once.begin().err();
    let turn = Cell::new(turn);
    let starts = || {
        if let Some(turn) = turn.take() {
            turn.finish(7);
        }
    };
    let hook = Looks {
        once: &once,
        starts: &starts,
        told: Cell::default(),
    };
    // As if another thread had begun.
    *once.running.lock() = u64::MAX;
    assert_eq!(with_hook(&hook, || wait(&once)), Some(7));
    assert_eq!(hook.told.get(), [1, 1]);
}

#[test]
fn the_pool_is_told_of_a_wait_without_the_lock() {
    waits(|once| Some(*once.get_or_init(|| 8)));
    waits(|once| Some(*once.wait()));
    waits(|once| once.wait_timeout(Duration::MAX).copied());
    waits(|once| once.wait_timeout(Duration::from_secs(60)).copied());
}
