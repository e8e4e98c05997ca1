//! What `Task::priority` promises: high before normal before low, and nobody waits
//! for ever.

mod common;

use std::sync::{Arc, Mutex};

use common::{Gate, hold, pool, running, until, watch};
use raddle::{Inline, Priority, Shutdown, Task, TaskGroup, ThreadPool, task};

const ALL: [Priority; 3] = [Priority::Low, Priority::Normal, Priority::High];

#[test]
fn high_comes_before_normal_and_normal_before_low() {
    watch(|| {
        let (pool, order) = (pool(1), Arc::new(Mutex::new(Vec::new())));
        let held = hold(&pool);
        let tasks: Vec<_> = (0..30)
            .map(|i| {
                let (priority, order) = (ALL[i % 3], order.clone());
                let note = move || order.lock().unwrap().push((priority, i));
                match priority {
                    Priority::Normal => pool.submit(note),
                    _ => pool.submit(note.priority(priority)),
                }
            })
            .collect();
        assert_eq!(pool.stats().queued, 30);
        held.release();
        tasks.into_iter().for_each(|task| task.result().unwrap());
        let order = order.lock().unwrap();
        // Within so few, one low one and one normal one may have come early.
        let is_early = |at: usize| order[at..].iter().any(|later| later.0 > order[at].0);
        assert!((0..30).filter(|at| is_early(*at)).count() <= 2, "{order:?}");
        // High ones and low ones in their own order.
        for priority in [Priority::High, Priority::Low] {
            let of: Vec<_> = order.iter().filter(|task| task.0 == priority).collect();
            assert!(of.is_sorted(), "{of:?}");
        }
    });
}

/// A task of each higher priority that leaves another behind, for ever.
#[test]
fn nobody_starves() {
    fn goes_on(pool: &Arc<ThreadPool>, stop: &Gate, priority: Priority) {
        if !stop.is_open() {
            let (inner, stop) = (pool.clone(), stop.clone());
            let next = task(move || goes_on(&inner, &stop, priority)).priority(priority);
            pool.submit(next).detach();
        }
    }
    watch(|| {
        for workers in [1, 2] {
            for endless in ALL {
                let (pool, stop) = (Arc::new(pool(workers)), Gate::new());
                for _ in 0..workers + 1 {
                    goes_on(&pool, &stop, endless);
                }
                let tasks = ALL.map(|priority| pool.submit(task(|| 1).priority(priority)));
                // Not claimed: an outsider waits.
                assert_eq!(tasks.map(|task| task.result().unwrap()), [1; 3]);
                assert_eq!(pool.submit_blocking(|| 1).result().unwrap(), 1);
                stop.open();
            }
        }
    });
}

#[test]
fn a_priority_goes_with_other_options_and_into_groups() {
    watch(|| {
        let pool = pool(1);
        let named = task(|| raddle::current().unwrap().name().map(str::to_owned));
        let named = named.priority(Priority::High).named("urgent");
        assert_eq!(
            pool.submit(named).result().unwrap().as_deref(),
            Some("urgent")
        );
        let mut group = TaskGroup::new(&pool);
        ALL.iter().for_each(|p| group.submit((|| 1).priority(*p)));
        assert_eq!(group.all().unwrap(), [1; 3]);
        assert_eq!(
            Inline
                .submit((|| 1).priority(Priority::Low))
                .result()
                .unwrap(),
            1
        );
        let low = (|| 1).priority(Priority::Low);
        let later = pool.submit_after(std::time::Duration::from_millis(1), low);
        assert_eq!(later.result().unwrap(), 1);
    });
}

#[test]
fn a_task_claims_its_child_of_any_priority() {
    watch(|| {
        let builder = ThreadPool::builder().workers(1).workers_max(1);
        let pool = Arc::new(builder.build().unwrap());
        let inner = pool.clone();
        let sum = pool.submit(move || {
            let children = ALL.map(|priority| inner.submit(task(|| 1).priority(priority)));
            children
                .map(|child| child.result().unwrap())
                .iter()
                .sum::<i32>()
        });
        assert_eq!(sum.result().unwrap(), 3);
        until(|| pool.stats().queued == 0);
    });
}

#[test]
fn a_shutdown_finishes_or_cancels_every_priority() {
    watch(|| {
        let pool = pool(1);
        let handles = ALL.map(|priority| pool.submit(task(|| 1).priority(priority)));
        assert_eq!(pool.shutdown(Shutdown::Finish).finished, 3);
        handles
            .into_iter()
            .for_each(|handle| assert!(handle.result().is_ok()));

        let (pool, gate) = (common::pool(1), Gate::new());
        let runs = running(&pool, &gate, || ());
        let handles = ALL.map(|priority| pool.submit(task(|| 1).priority(priority)));
        handles[0].on_done(move |_| gate.open());
        let report = pool.shutdown(Shutdown::CancelQueued);
        assert_eq!((report.finished, report.cancelled), (1, 3));
        runs.result().unwrap();
        handles
            .into_iter()
            .for_each(|h| assert!(h.result().unwrap_err().is_cancelled()));
    });
}
