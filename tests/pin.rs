//! Workers tied to CPUs: `ThreadPoolBuilder::pin`.
#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::{Gate, running, until, watch};
use raddle::{ThreadPool, dump};

/// The CPUs that this thread may use, as the kernel says.
fn cpus() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.unwrap().trim().to_owned()
}

fn pinned(workers: usize) -> Arc<ThreadPool> {
    Arc::new(
        ThreadPool::builder()
            .workers(workers)
            .pin(true)
            .build()
            .unwrap(),
    )
}

#[test]
fn each_worker_has_a_cpu_of_its_own() {
    watch(|| {
        let before = cpus();
        let number = thread::available_parallelism().unwrap().get();
        let pool = pinned(number);
        let all = Arc::new(Barrier::new(number));
        let meet = (0..number).map(|_| all.clone()).map(|all| {
            move || {
                all.wait();
                cpus()
            }
        });
        let tasks = pool.submit_many(meet);
        let tied: BTreeSet<_> = tasks
            .into_iter()
            .map(|task| task.result().unwrap())
            .collect();
        if number > 1 {
            assert!(!tied.contains(&before), "{tied:?}");
        }
        // Fewer only where a quota allows fewer than the CPUs are.
        assert_eq!(tied.len(), number, "{tied:?}");
        assert_eq!(pool.stats().pinned, number);
        assert!(dump().contains(&format!(", {number} pinned")));
        assert_eq!(cpus(), before, "this thread is not tied");
    });
}

#[test]
fn more_workers_than_cpus_share_them() {
    watch(|| {
        let number = thread::available_parallelism().unwrap().get();
        let pool = pinned(2 * number);
        until(|| pool.stats().pinned == 2 * number);
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
    });
}

/// A tied thread's children would be tied: spares, the timer, other pools.
#[test]
fn what_a_pinned_worker_starts_is_not_tied() {
    watch(|| {
        let before = cpus();
        let pool = pinned(1);
        let (inner, gate) = (pool.clone(), Gate::new());
        let waits = running(&pool, &gate, move || {
            assert!(!cpus().contains([',', '-']));
            // The spare, which this worker starts.
            let limit = Duration::from_secs(3600);
            let spare = inner.submit(cpus).result_timeout(limit).unwrap().unwrap();
            let blocks = inner.submit_blocking(cpus).result().unwrap();
            // The workers of another pool, and how many there are of them.
            let other = ThreadPool::builder().build().unwrap();
            let of_other = other.submit(cpus).result().unwrap();
            (spare, blocks, of_other, other.width())
        });
        gate.open();
        let (spare, blocks, of_other, width) = waits.result().unwrap();
        assert_eq!([spare, blocks, of_other], [(); 3].map(|()| before.clone()));
        if std::env::var_os("RADDLE_WORKERS").is_none() {
            assert_eq!(width, ThreadPool::builder().build().unwrap().width());
        }
        assert_eq!(pool.stats().pinned, 1);
    });
}

#[test]
fn without_it_nobody_is_tied() {
    watch(|| {
        let pool = common::pool(2);
        assert_eq!(pool.submit(cpus).result().unwrap(), cpus());
        assert_eq!(pool.stats().pinned, 0);
    });
}
