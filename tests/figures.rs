//! What a pool says of itself: `stats`, `dump`, and the times in an error.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use common::{Gate, Held, hold, pool, until, watch};
use raddle::{
    CancellationToken, Inline, Shutdown, TaskError, TaskGroup, ThreadPool, TimedOut, dump, task,
};

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
fn a_dump_shows_guests_and_the_shares_that_are_to_come() {
    watch(|| {
        let pool = ThreadPool::builder().workers(1).name("visited").build();
        let pool = Arc::new(pool.unwrap());
        let line = |what: &str| {
            let text = dump();
            let own = text
                .split("pool ")
                .find(|pool| pool.starts_with("\"visited"));
            own.is_some_and(|own| own.lines().any(|line| line == what))
        };
        let guest = "  guest 0: a thread from outside that takes part";
        let share = "  worker 0: a share of a broadcast is to come";
        assert!(!line(guest) && !line(share));
        pool.scope(|_| {
            assert!(line(guest), "{}", dump());
            raddle::blocking(|| {
                let waits = format!("{guest}, waits for something outside raddle");
                assert!(line(&waits), "{}", dump());
            });
        });
        assert!(!line(guest), "{}", dump());

        let gate = hold(&pool);
        let inner = pool.clone();
        let caller = std::thread::spawn(move || inner.broadcast(|_| ()));
        until(|| line(share));
        drop(gate);
        caller.join().unwrap();
        assert!(!line(share), "{}", dump());
    });
}

#[test]
fn a_dump_shows_a_task_once_and_the_parts_of_it_where_they_run() {
    watch(|| {
        let pool = Arc::new(pool(2));
        let inner = pool.clone();
        let (stolen, starts) = (Gate::default(), Gate::default());
        let (steals, goes) = (stolen.clone(), starts.clone());
        let task = task(move || {
            inner.join(
                || steals.wait(),
                || {
                    steals.open();
                    goes.wait();
                },
            );
        });
        let task = pool.submit(task.named("forks"));
        stolen.wait();
        let text = dump();
        assert_eq!(text.matches("\"forks\"").count(), 1, "{text}");
        let part = format!(": a part of task {}\n", task.id());
        assert!(text.contains(&part), "{text}");
        let report = pool.shutdown(Shutdown::FinishWithin(Duration::ZERO));
        assert_eq!(report.still_running.len(), 1, "{report}");
        starts.open();
        task.result().unwrap();
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

/// A spare for a thread that waits in its start hook would wait in it too.
#[test]
fn a_start_hook_that_waits_calls_no_spares() {
    watch(|| {
        let other = Arc::new(pool(1));
        let (gate, asked) = (hold(&other), other.clone());
        let builder = ThreadPool::builder().workers(1);
        let hook = move |_| asked.submit(|| ()).wait();
        let pool = builder.on_worker_start(hook).build().unwrap();
        let first = pool.submit(|| 1);
        until(|| other.stats().queued == 1);
        (0..100).for_each(|_| pool.submit(|| ()).detach());
        assert_eq!(pool.stats().threads, 1);
        drop(gate);
        assert_eq!(first.result().unwrap(), 1);
        assert_eq!(pool.stats().threads, 1);
    });
}

/// Lets the pool's workers go on, and then waits for one of its tasks.
struct LetsGo(Mutex<Option<(Held, Receiver<()>)>>);

impl Wake for LetsGo {
    fn wake(self: Arc<Self>) {
        if let Some((gate, waits)) = self.0.lock().unwrap().take() {
            drop(gate);
            let _ = waits.recv();
        }
    }
}

/// A task whose token is cancelled does not start, though the cancel has not
/// come to it yet.
#[test]
fn no_task_starts_after_its_token_was_cancelled() {
    watch(|| {
        let pool = pool(1);
        let gate = hold(&pool);
        let token = CancellationToken::new();
        // The first one that is told runs the queue before the others are.
        let (told, waits) = channel::<()>();
        let waker = Waker::from(Arc::new(LetsGo(Mutex::new(Some((gate, waits))))));
        let mut first = pin!(token.cancelled());
        assert!(
            first
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        let tasks: Vec<_> = (0..10)
            .map(|_| pool.submit(task(|| panic!("it starts")).cancelled_by(&token)))
            .collect();
        let last = pool.submit(move || drop(told));
        token.cancel();
        last.result().unwrap();
        for task in tasks {
            let outcome: Result<(), _> = task.result();
            assert!(matches!(outcome, Err(TaskError::Cancelled)), "{outcome:?}");
        }
    });
}

/// How often one worker robs the other, which has submitted so many tasks, each with so
/// many of its own, and looks on while they are run.
fn thefts(tasks: usize, children: usize) -> u64 {
    let pool = Arc::new(pool(2));
    let done = Arc::new(AtomicUsize::new(0));
    let (may_submit, may_steal) = (Gate::default(), Gate::default());
    let (victim_is_there, thief_is_there) = (Gate::default(), Gate::default());
    let victim = pool.submit({
        let (pool, done, may_submit, may_steal) = (
            pool.clone(),
            done.clone(),
            may_submit.clone(),
            may_steal.clone(),
        );
        let is_there = victim_is_there.clone();
        move || {
            is_there.open();
            may_submit.wait();
            for _ in 0..tasks {
                let (inner, done) = (pool.clone(), done.clone());
                let task = move || {
                    for _ in 0..children {
                        let done = done.clone();
                        inner.submit(move || done.fetch_add(1, SeqCst)).detach();
                    }
                    done.fetch_add(1, SeqCst)
                };
                pool.submit(task).detach();
            }
            may_steal.open();
            until(|| done.load(SeqCst) == tasks * (children + 1));
        }
    });
    victim_is_there.wait();
    let thief = pool.submit({
        let is_there = thief_is_there.clone();
        move || {
            is_there.open();
            may_steal.wait();
        }
    });
    thief_is_there.wait();
    may_submit.open();
    victim.result().unwrap();
    thief.result().unwrap();
    pool.stats().stolen
}

/// In batches of 1, 2, 4, 8, 16, and then of half of what is left: 37 and less.
#[test]
fn a_row_is_stolen_in_growing_batches() {
    watch(|| assert_eq!(thefts(100, 0), 12));
}

/// The others of the victim's tasks are parts that it may wait for soon.
#[test]
fn of_tasks_that_submit_others_one_is_stolen_at_a_time() {
    watch(|| assert_eq!(thefts(20, 3), 20));
}
