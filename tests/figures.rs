//! What a pool says of itself: `stats`, `dump`, and the times in an error.

mod common;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{Gate, hold, pool, until, watch};
use raddle::{Inline, TaskError, TaskGroup, TimedOut, dump, task};

fn timed_out(error: &TaskError) -> &TimedOut {
    match error {
        TaskError::TimedOut(late) => late,
        other => panic!("not a time limit: {other}"),
    }
}

/// Each task that a pool has accepted is in one figure.
#[test]
fn stats_count_every_end() {
    watch(|| {
        let pool = pool(1);
        let gate = hold(&pool);
        let cancelled: Vec<_> = (0..10).map(|_| pool.submit(|| ())).collect();
        for handle in &cancelled {
            handle.cancel();
        }
        let expired: Vec<_> = (0..5)
            .map(|_| pool.submit(task(|| ()).deadline(Instant::now())))
            .collect();
        let fine: Vec<_> = (0..3).map(|_| pool.submit(|| ())).collect();
        pool.submit(|| std::panic::resume_unwind(Box::new(())))
            .detach();
        drop(gate);
        fine.into_iter().for_each(|handle| handle.wait());
        until(|| pool.stats().panicked == 1);
        let stats = pool.stats();
        assert_eq!((stats.finished, stats.cancelled, stats.expired), (4, 10, 5));
        drop((cancelled, expired));
    });
}

#[test]
fn a_dump_shows_who_waits_for_what() {
    watch(|| {
        let pool = Arc::new(pool(2));
        let gate = Gate::default();
        let (inner, opens) = (pool.clone(), gate.clone());
        let waits = pool.submit(move || {
            let (started, starts) = channel();
            let child = task(move || {
                started.send(()).unwrap();
                opens.wait();
            });
            let child = inner.submit(child.named("child"));
            // Now it is too late to claim it.
            starts.recv().unwrap();
            child.result().unwrap();
        });
        until(|| pool.stats().blocked == 1);
        let text = dump();
        let waiting = text.lines().find(|line| line.contains("waits for task #"));
        let waiting = waiting.unwrap_or_else(|| panic!("nobody waits:\n{text}"));
        assert!(
            waiting.contains("\"child\", submitted at tests/figures.rs:"),
            "{text}"
        );
        gate.open();
        waits.result().unwrap();
    });
}

#[test]
fn a_task_that_never_started_has_run_for_no_time() {
    watch(|| {
        let pool = pool(1);
        let gate = hold(&pool);
        let soon = || Instant::now() + Duration::from_millis(5);
        let queued = pool.submit(task(|| ()).deadline(soon()));
        let alone = queued.result().unwrap_err();
        assert_eq!(timed_out(&alone).ran_for(), Duration::ZERO);
        assert!(alone.to_string().ends_with("before it started"), "{alone}");

        let mapped: Vec<_> = pool.map(0..4, |n| n).buffer(4).deadline(soon()).collect();
        assert_eq!(mapped.len(), 4);
        for result in mapped {
            assert_eq!(timed_out(&result.unwrap_err()).ran_for(), Duration::ZERO);
        }

        let mut group = TaskGroup::new(&pool).deadline(soon());
        group.submit(|| ());
        let failed = group.all().unwrap_err();
        assert_eq!(timed_out(&failed.errors()[0]).ran_for(), Duration::ZERO);
        drop(gate);

        let overran = task(|| std::thread::sleep(Duration::from_millis(2)));
        let error = Inline.submit(overran.timeout(Duration::from_millis(1)));
        let error = error.result().unwrap_err();
        assert!(timed_out(&error).ran_for() >= Duration::from_millis(1));
    });
}
