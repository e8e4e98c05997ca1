//! The promise: a lock that is held across a wait is never wanted by what the
//! waiter runs meanwhile (rayon#592).
//!
//! A thousand requests, each holding one shared lock across a parallel sum of 16
//! uneven items, on two workers. A pool whose waiters run whatever they find puts
//! another request on top of one that waits, and hangs.

use raddle::ThreadPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

const REQUESTS: u64 = 1000;
const TIMES: usize = 100;

/// Takes the longer, the greater `n` is.
fn item(n: &u64) -> u64 {
    (0..n * n).fold(*n, |sum, i| std::hint::black_box(sum ^ i).max(*n)) & 1
}

fn sum(pool: &ThreadPool, items: &[u64]) -> u64 {
    if items.len() < 2 {
        return items.iter().map(item).sum();
    }
    let (a, b) = items.split_at(items.len() / 2);
    let (a, b) = pool.join(|| sum(pool, a), || sum(pool, b));
    a + b
}

fn requests(lock: impl Fn(&mut dyn FnMut()) + Sync) {
    let pool = ThreadPool::new(2).unwrap();
    let items: Vec<u64> = (0..16).collect();
    for round in 0..TIMES {
        let done = AtomicU64::new(0);
        pool.scope(|s| {
            for _ in 0..REQUESTS {
                s.submit(|| {
                    lock(&mut || {
                        if round % 2 == 0 {
                            sum(&pool, &items);
                        } else {
                            pool.par_reduce(&items, || 0, |sum, n| sum + item(n), |a, b| a + b);
                        }
                        done.fetch_add(1, SeqCst);
                    });
                });
            }
        });
        assert_eq!(done.load(SeqCst), REQUESTS);
    }
}

#[test]
fn t07_a_lock_of_raddle_held_across_joins() {
    let lock = raddle::sync::Mutex::new(());
    requests(|work| {
        let _guard = lock.lock();
        work();
    });
}

#[test]
fn t07_a_lock_of_std_held_across_joins() {
    let lock = std::sync::Mutex::new(());
    requests(|work| {
        let _guard = lock.lock().unwrap();
        work();
    });
}

#[test]
fn t07_a_lock_held_across_handles() {
    let pool = Arc::new(ThreadPool::new(2).unwrap());
    let lock = Arc::new(raddle::sync::Mutex::new(()));
    for _ in 0..TIMES / 10 {
        let requests = pool.submit_many((0..REQUESTS).map(|_| {
            let (inner, lock) = (pool.clone(), lock.clone());
            move || {
                let _guard = lock.lock();
                let items = inner.submit_many((0..16).map(|n: u64| move || item(&n)));
                items
                    .into_iter()
                    .map(|item| item.result().unwrap())
                    .sum::<u64>()
            }
        }));
        for request in requests {
            request.result().unwrap();
        }
    }
}
