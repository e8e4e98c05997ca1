//! The promise: the `par_` calls do what the loop would, once for each item, and
//! borrow what they work on.

mod common;

use proptest::prelude::*;
use raddle::ThreadPool;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

static POOL: LazyLock<ThreadPool> = LazyLock::new(|| ThreadPool::new(3).unwrap());

/// Slow enough for thieves to come, where it says so.
fn linger(n: usize, slow: usize) {
    if slow != 0 && n.is_multiple_of(slow) {
        std::thread::sleep(Duration::from_micros(50));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn they_are_as_the_loop(items in prop::collection::vec(any::<u32>(), 0..400), slow in 0usize..40, size in 1usize..50) {
        let pool = &*POOL;
        let squares: Vec<u64> = items.iter().map(|n| u64::from(*n).pow(2)).collect();
        let of = |n: &u32| { linger(*n as usize, slow); u64::from(*n).pow(2) };
        prop_assert_eq!(&pool.par_map(&items, of), &squares);
        let texts = pool.par_map(&items, |n| n.to_string());
        prop_assert!(texts.iter().zip(&items).all(|(text, n)| *text == n.to_string()));

        let joined = pool.par_reduce(&items, String::new, |text, n| text + &n.to_string(), |a, b| a + &b);
        prop_assert_eq!(joined, texts.concat());

        let mut each = items.clone();
        pool.par_for_each(&mut each, |n| { linger(*n as usize, slow); *n ^= 1 });
        prop_assert!(each.iter().zip(&items).all(|(a, b)| *a == b ^ 1));

        let mut chunks = items.clone();
        pool.par_chunks_mut(&mut chunks, size, |number, chunk| {
            linger(number, slow);
            chunk.iter_mut().for_each(|n| *n = number as u32);
        });
        prop_assert!(chunks.iter().enumerate().all(|(at, n)| *n as usize == at / size));

        let seen: Vec<AtomicUsize> = items.iter().map(|_| AtomicUsize::new(0)).collect();
        pool.par_for(0..items.len(), |n| { linger(n, slow); seen[n].fetch_add(1, SeqCst); });
        prop_assert!(seen.iter().all(|count| count.load(SeqCst) == 1));
    }
}

/// Counts how many of it exist.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[test]
fn a_panic_comes_out_and_the_results_before_it_are_dropped() {
    common::quiet();
    for bad in [0, 1, 17, 500, 999] {
        let live = Arc::new(AtomicUsize::new(0));
        let items: Vec<usize> = (0..1000).collect();
        let thrown = catch_unwind(AssertUnwindSafe(|| {
            POOL.par_map(&items, |n| {
                linger(*n, 10);
                assert!(*n != bad, "on purpose");
                Counted::new(&live)
            })
        }));
        assert!(thrown.is_err());
        assert_eq!(live.load(SeqCst), 0);
    }
    let live = Arc::new(AtomicUsize::new(0));
    let results = POOL.par_map(&[(); 500], |()| Counted::new(&live));
    assert_eq!((results.len(), live.load(SeqCst)), (500, 500));
    drop(results);
    assert_eq!(live.load(SeqCst), 0);
}

#[test]
fn loops_nest_and_may_be_called_by_tasks() {
    let rows: Vec<usize> = (0..50).collect();
    let sums = POOL.par_map(&rows, |row| {
        POOL.par_reduce(&rows, || 0, |sum, n| sum + n * row, |a, b| a + b)
    });
    assert_eq!(sums, rows.iter().map(|row| 1225 * row).collect::<Vec<_>>());
    let task = POOL.submit(move || POOL.par_map(&rows, |n| n + 1).into_iter().sum::<usize>());
    assert_eq!(task.result().unwrap(), 1275);
}

#[test]
fn slow_items_are_shared_out() {
    let threads = std::sync::Mutex::new(std::collections::HashSet::new());
    POOL.par_for(0..6, |_| {
        std::thread::sleep(Duration::from_millis(30));
        threads.lock().unwrap().insert(std::thread::current().id());
    });
    assert!(
        threads.into_inner().unwrap().len() > 1,
        "one thread did it all"
    );
}

/// Fails, and does not hang, where the first item runs before the others may begin.
#[test]
fn of_two_items_each_gets_a_thread() {
    let begun = AtomicUsize::new(0);
    let limit = std::time::Instant::now() + Duration::from_secs(20);
    POOL.par_for(0..2, |_| {
        begun.fetch_add(1, SeqCst);
        while begun.load(SeqCst) < 2 {
            assert!(std::time::Instant::now() < limit, "one waits for the other");
            std::thread::yield_now();
        }
    });
}

#[test]
#[should_panic(expected = "a chunk of 0 items never ends")]
fn chunks_of_nothing_are_refused() {
    POOL.par_chunks_mut(&mut [1, 2], 0, |_, _| ());
}
