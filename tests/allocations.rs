//! What a task costs in memory, and what the public types promise of
//! themselves: size, `Send`, `Sync`, `Debug`.
//!
//! One task of a 16-byte closure with a `u64` result is 64 bytes; 62 of them share one
//! allocation. The injector's blocks come on top: 63 tasks share one. A future is one
//! allocation, of its own size and 88 bytes.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Debug;
use std::hint::black_box;

use common::{hold, pool, watch};
use raddle::*;

struct Counting;

thread_local! {
    /// Whether this thread counts; allocations up to 64 bytes; larger ones; bytes of these.
    static COUNT: Cell<(bool, usize, usize, usize)> = const { Cell::new((false, 0, 0, 0)) };
}

// SAFETY: everything goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| {
            let (on, small, large, bytes) = count.get();
            match (on, layout.size()) {
                (false, _) => {}
                (true, size @ 0..=64) => count.set((on, small + 1, large, bytes + size)),
                (true, size) => count.set((on, small, large + 1, bytes + size)),
            }
        });
        // SAFETY: by the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: by the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of this thread in `f`: up to 64 bytes, larger, bytes of all.
fn count<R>(f: impl FnOnce() -> R) -> (R, usize, usize, usize) {
    COUNT.set((true, 0, 0, 0));
    let result = f();
    let (_, small, large, bytes) = COUNT.replace((false, 0, 0, 0));
    (result, small, large, bytes)
}

#[test]
fn a_task_is_64_bytes_and_less_than_an_allocation() {
    const TASKS: usize = 63 * 100;
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        let mut handles = Vec::with_capacity(TASKS);
        let (a, b) = (black_box(1_u64), black_box(2_u64));
        assert_eq!(size_of_val(&(move || a + b)), 16);
        let ((), small, large, bytes) = count(|| {
            for _ in 0..TASKS {
                handles.push(pool.submit(move || a + b));
            }
        });
        println!("{TASKS} tasks: {small} small and {large} large allocations, {bytes} bytes");
        assert_eq!(small, 0);
        // Half a block may have been there already.
        let (slabs, blocks) = (TASKS / 62 + 1, TASKS / 63 + 1);
        assert!(
            large <= slabs + blocks,
            "{large} slabs and blocks of the injector"
        );
        let each = bytes as f64 / TASKS as f64;
        assert!(each <= 64.0 + 16.0 + 2.0, "{each} bytes a task");
        held.release();
        let (sum, more, blocks, _) = count(|| {
            handles
                .into_iter()
                .map(|handle| handle.result().unwrap())
                .sum::<u64>()
        });
        assert_eq!(sum, 3 * TASKS as u64);
        // The first wait of a thread makes its parker.
        assert!(
            more + blocks <= 8,
            "waiting allocates {more} + {blocks} times"
        );
    });
}

#[test]
fn a_future_is_one_allocation_too() {
    const FUTURES: usize = 63 * 100;
    watch(|| {
        let pool = pool(1);
        let held = hold(&pool);
        let mut handles = Vec::with_capacity(FUTURES);
        let (a, b) = (black_box(1_u64), black_box(2_u64));
        let ((), small, large, bytes) = count(|| {
            for _ in 0..FUTURES {
                handles.push(pool.spawn_async(async move {
                    futures_lite::future::yield_now().await;
                    a + b
                }));
            }
        });
        println!("{FUTURES} futures: {small} + {large} allocations, {bytes} bytes");
        // The injector's blocks, and the pool's list as it grows.
        let more = small + large - FUTURES;
        assert!(more <= FUTURES / 63 + 1 + 16, "{more} beside the cells");
        held.release();
        let (sum, small, large, _) = count(|| {
            let results = handles.into_iter().map(|handle| handle.result().unwrap());
            results.sum::<u64>()
        });
        assert_eq!(sum, 3 * FUTURES as u64);
        assert!(
            small + large <= 8,
            "waiting allocates {small} + {large} times"
        );
        assert_eq!(pool.stats().futures, 0);
    });
}

#[test]
fn inline_tasks_take_the_same_room() {
    watch(|| {
        let (a, b) = (black_box(1_u64), black_box(2_u64));
        let (sum, small, large, _) = count(|| Inline.submit(move || a + b).result().unwrap());
        assert!(sum == 3 && small == 0 && large <= 1, "{small}, {large}");
        let (sum, small, large, _) = count(|| Inline.submit(move || a + b).result().unwrap());
        assert_eq!((sum, small, large), (3, 0, 0), "the room of the one before");
    });
}

#[test]
fn sizes_and_auto_traits() {
    fn anywhere<T: Send + Sync + 'static>() {}
    fn shown<T: Debug>() {}
    fn awaited<T: Send + Sync + Unpin + std::future::Future>() {}
    assert_eq!(size_of::<Handle<()>>(), size_of::<usize>());
    assert_eq!(size_of::<Handle<[u64; 100]>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Handle<String>>>(), size_of::<usize>());
    assert!(size_of::<TaskError>() <= 16);

    awaited::<Handle<String>>();
    awaited::<CancelOnDrop<String>>();
    // A result need not be `Sync`.
    anywhere::<Handle<Cell<u8>>>();
    macro_rules! all {
        ($($type:ty),+ $(,)?) => {$( anywhere::<$type>(); shown::<$type>(); )+};
    }
    all!(
        Handle<String>,
        CancelOnDrop<String>,
        ThreadPool,
        Inline,
        CancellationToken,
        Cancelled,
        TaskId,
        TaskInfo,
        TaskState,
        TaskContext,
        Cancel,
        Panic,
        Refusal,
        StartError,
        SubmitError<fn()>,
        TaskError,
        GroupError,
        TimedOut,
        TimedOutWaiting,
        PoolStats,
        Shutdown,
        ShutdownReport,
        WhenFull,
        When,
    );
    // Without `Debug` of what is inside, and without a second thread's hands.
    struct Opaque;
    shown::<Handle<Opaque>>();
    shown::<SubmitError<Opaque>>();
    shown::<With<fn()>>();
    shown::<ThreadPoolBuilder>();
    shown::<AsCompleted<u8, Opaque>>();
    fn sent<T: Send>() {}
    sent::<ThreadPoolBuilder>();
    sent::<With<fn()>>();
    sent::<AsCompleted<u8, String>>();
}
