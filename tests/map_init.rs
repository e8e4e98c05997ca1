//! `map_init`: `init` runs at most once for each worker.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use common::{Tally, pool, until, watch};
use raddle::{ThreadPool, blocking, current};

#[test]
fn init_runs_at_most_once_for_each_worker() {
    watch(|| {
        for workers in [1, 2, 4] {
            let pool = pool(workers);
            let made = Arc::new(AtomicUsize::new(0));
            let counts = made.clone();
            let init = move || counts.fetch_add(1, SeqCst);
            let who = |state: &mut usize, _| (current().unwrap().worker().unwrap(), *state);
            let mut seen = BTreeMap::new();
            for item in pool.map_init(0..2_000, init, who) {
                let (worker, state) = item.unwrap();
                // One worker, one state.
                assert_eq!(*seen.entry(worker).or_insert(state), state);
            }
            let states = made.load(SeqCst);
            assert!(
                (1..=workers).contains(&states) && states == seen.len(),
                "{states} {seen:?}"
            );
        }
    });
}

/// Chunks, and items that block: spares have states of their own.
#[test]
fn a_spare_has_a_state_of_its_own() {
    watch(|| {
        let pool = pool(2);
        let made = Arc::new(AtomicUsize::new(0));
        let counts = made.clone();
        let workers = Arc::new(Mutex::new(Vec::new()));
        let notes = workers.clone();
        let init = move || {
            let worker = current().unwrap().worker().unwrap();
            counts.fetch_add(1, SeqCst);
            notes.lock().unwrap().push(worker);
        };
        let f = |_: &mut (), n: u32| {
            blocking(thread::yield_now);
            n
        };
        let map = pool
            .map_init(0..1_000, init, f)
            .chunk(3)
            .buffer(60)
            .unordered();
        assert_eq!(map.map(Result::unwrap).sum::<u32>(), 499_500);
        let mut workers = workers.lock().unwrap().clone();
        workers.sort_unstable();
        workers.dedup();
        assert_eq!(workers.len(), made.load(SeqCst), "none has two");
    });
}

#[test]
fn the_states_are_dropped_with_the_map() {
    watch(|| {
        let (pool, tally) = (pool(2), Tally::default());
        let makes = tally.clone();
        let mut map = pool.map_init(0..100, move || makes.make(), |_, n| n);
        assert_eq!(map.next().unwrap().unwrap(), 0);
        drop(map);
        until(|| tally.made() == tally.dropped());
        assert!(tally.made() > 0);
    });
}

#[test]
fn an_item_that_panics_fails_alone_and_its_worker_keeps_its_state() {
    watch(|| {
        let (pool, tally) = (pool(1), Tally::default());
        let makes = tally.clone();
        let f = |_: &mut common::Counted, n| assert!(n % 2 == 0, "on purpose");
        let map = pool.map_init(0..10, move || makes.make(), f);
        assert_eq!(map.filter(Result::is_err).count(), 5);
        assert_eq!(tally.made(), 1);
    });
}

#[test]
fn an_init_that_panics_is_tried_again() {
    watch(|| {
        let pool: ThreadPool = pool(1);
        let tries = AtomicUsize::new(0);
        let init = move || assert!(tries.fetch_add(1, SeqCst) >= 2, "on purpose");
        let map = pool.map_init(0..10, init, |(), n| n);
        let good: Vec<_> = map.filter_map(Result::ok).collect();
        assert_eq!(good, [2, 3, 4, 5, 6, 7, 8, 9]);
    });
}
