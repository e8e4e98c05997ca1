//! Run, cancel, time limit, drop: who ends a task, and who frees it.

use super::super::extras::timer_entry;
use super::super::{Cancel, CancellationToken, current, task};
use super::*;
use crate::error::TaskError;
use crate::primitive::now;
use crate::wait::timer::Fire;

/// Fear: a task runs and is cancelled; or neither.
/// Must fail when: starting is not one step; the result is not released.
/// Bound: none, two threads.
#[test]
fn a_task_runs_or_is_cancelled_and_never_both() {
    model("task::a_task_runs_or_is_cancelled_and_never_both")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let worker = start(move || run(job));
            let cancel = handle.cancel();
            match handle.result() {
                Ok(same) => {
                    assert_ne!(cancel, Cancel::Prevented);
                    same.0.read();
                }
                Err(error) => {
                    assert!(matches!(error, TaskError::Cancelled));
                    assert_eq!(cancel, Cancel::Prevented);
                }
            }
            worker.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: a handle that is dropped while its task ends frees twice, or never.
/// Must fail when: the end is not released to the handle, or the drop to the
/// runner.
/// Bound: none, two threads.
#[test]
fn a_handle_dropped_while_its_task_ends_frees_once() {
    model("task::a_handle_dropped_while_its_task_ends_frees_once")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let worker = start(move || run(job));
            drop(handle);
            worker.join().unwrap();
            desk.is_cleared();
            desk.0.read();
        });
}

/// Fear: the result is seen before what the task wrote.
/// Must fail when: `finish` releases less; `load` acquires less; the waiter's
/// entry is not released; a thread is not woken.
/// Bound: none, two threads.
#[test]
fn the_result_comes_with_what_the_task_wrote() {
    model("task::the_result_comes_with_what_the_task_wrote")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let worker = start(move || run(job));
            handle.result().unwrap().0.read();
            worker.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: whoever finds the task finished without waiting sees half of it.
/// Must fail when: `load` acquires less.
/// Bound: none, two threads.
#[test]
fn whoever_looks_and_finds_it_finished_sees_it_whole() {
    model("task::whoever_looks_and_finds_it_finished_sees_it_whole")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let worker = start(move || run(job));
            if handle.state() == TaskState::Finished {
                desk.0.read();
            }
            drop(handle);
            worker.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: the limit and the end of the task both resolve the handle, or free
/// the cell twice; a late result leaks.
/// Must fail when: the end overrides the limit.
/// Bound: none, two threads.
#[test]
fn a_limit_that_strikes_while_the_task_runs_resolves_it_once() {
    model("task::a_limit_that_strikes_while_the_task_runs_resolves_it_once")
        .unbounded()
        .quick(3)
        .check(|| {
            let desk = Desk::new();
            let later = now() + std::time::Duration::from_secs(1);
            let (job, handle) = queued(task(desk.task()).deadline(later));
            let entry = timer_entry(handle.task());
            let worker = start(move || run(job));
            entry.fire();
            match handle.result() {
                Ok(same) => same.0.read(),
                Err(error) => assert!(matches!(error, TaskError::TimedOut(_))),
            }
            worker.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: the handle of a limited task looks, finds it running, and leaves after
/// its end: handle and runner each think that the other drops the result.
/// Must fail when: a handle looks and leaves in two steps.
/// Bound: none, two threads.
#[test]
fn a_limited_task_left_at_its_end_keeps_no_result() {
    model("task::a_limited_task_left_at_its_end_keeps_no_result")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let later = now() + std::time::Duration::from_secs(1);
            let (job, handle) = queued(task(desk.task()).deadline(later));
            let worker = start(move || run(job));
            drop(handle);
            worker.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: the handle is gone, the limit strikes, the task ends: nobody frees.
/// Must fail when: a link is not counted.
/// Bound: 3 preemptions, three threads.
#[test]
fn limit_end_and_drop_free_once() {
    model("task::limit_end_and_drop_free_once")
        .preemptions(3)
        .quick(1)
        .check(|| {
            let desk = Desk::new();
            let later = now() + std::time::Duration::from_secs(1);
            let (job, handle) = queued(task(desk.task()).deadline(later));
            let entry = timer_entry(handle.task());
            let worker = start(move || run(job));
            let timer = start(move || entry.fire());
            drop(handle);
            worker.join().unwrap();
            timer.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: a queue that is dropped and a handle that cancels drop the closure
/// twice, or wake nobody.
/// Must fail when: resolving is not one step.
/// Bound: none, two threads.
#[test]
fn two_cancels_drop_the_closure_once() {
    model("task::two_cancels_drop_the_closure_once")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = queued(desk.task());
            let queue = start(move || drop(job));
            let cancel = handle.cancel();
            assert_ne!(cancel, Cancel::Asked);
            assert!(matches!(handle.result(), Err(TaskError::Cancelled)));
            queue.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: a waiter claims the task while a worker pops its entry: it runs
/// twice, or the cell is freed under the runner.
/// Must fail when: starting is not one step; the stale entry's reference is
/// not released or acquired.
/// Bound: none, two threads.
#[test]
fn a_claimed_task_runs_once_and_its_entry_frees_it() {
    model("task::a_claimed_task_runs_once_and_its_entry_frees_it")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = submit(Claim::Anybody, desk.task());
            let worker = start(move || run(job));
            handle.result().unwrap().0.read();
            worker.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: a waiter claims what somebody else cancels.
/// Must fail when: starting is not one step.
/// Bound: none, two threads.
#[test]
fn a_claim_racing_with_a_cancel_is_one_or_the_other() {
    model("task::a_claim_racing_with_a_cancel_is_one_or_the_other")
        .unbounded()
        .check(|| {
            let desk = Desk::new();
            let (job, handle) = submit(Claim::Anybody, desk.task());
            let queue = start(move || job.cancel());
            let result = handle.result();
            let cancelled = queue.join().unwrap();
            assert_eq!(cancelled, result.is_err());
            if let Ok(same) = result {
                same.0.read();
            }
            desk.is_cleared();
        });
}

/// Fear: a token cancels the task while it starts or ends: its link leaks, or
/// reaches a cell that is gone.
/// Must fail when: `keep` stores after the end; a link is not counted.
/// Bound: none, two threads.
#[test]
fn a_token_that_cancels_while_the_task_runs_leaves_no_link() {
    model("task::a_token_that_cancels_while_the_task_runs_leaves_no_link")
        .unbounded()
        .quick(2)
        .check(|| {
            let desk = Desk::new();
            let token = CancellationToken::new();
            let (job, handle) = queued(task(desk.task()).cancelled_by(&token));
            let canceller = token.clone();
            let other = start(move || canceller.cancel());
            run(job);
            match handle.result() {
                Ok(same) => same.0.read(),
                Err(error) => assert!(matches!(error, TaskError::Cancelled)),
            }
            other.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: a task without a handle counts as its runner's alone, though its token reaches
/// it: its closure is run and dropped.
/// Must fail when: whether anybody refers to the task is asked of its word alone.
/// Bound: none, two threads.
#[test]
fn a_token_that_cancels_a_task_without_handle_drops_it_or_not() {
    model("task::a_token_that_cancels_a_task_without_handle_drops_it_or_not")
        .unbounded()
        .quick(2)
        .check(|| {
            let desk = Desk::new();
            let token = CancellationToken::new();
            let (job, handle) = queued(task(desk.task()).cancelled_by(&token));
            drop(handle);
            let canceller = token.clone();
            let other = start(move || canceller.cancel());
            run(job);
            other.join().unwrap();
            desk.is_cleared();
        });
}

/// Fear: the task ends while it is still being tied to its token: the entry
/// that comes late stays in the token for ever.
/// Must fail when: `keep` stores after the end.
/// Bound: none, two threads.
#[test]
fn a_task_cancelled_while_it_is_tied_to_its_token_leaves_no_link() {
    model("task::a_task_cancelled_while_it_is_tied_to_its_token_leaves_no_link")
        .unbounded()
        .quick(2)
        .check(|| {
            let desk = Desk::new();
            let token = CancellationToken::new();
            let canceller = token.clone();
            let other = start(move || canceller.cancel());
            let (job, handle) = queued(task(desk.task()).cancelled_by(&token));
            other.join().unwrap();
            assert!(matches!(handle.result(), Err(TaskError::Cancelled)));
            run(job);
            desk.is_cleared();
        });
}

/// Fear: a running task makes its token while it is asked to stop, and the
/// token never learns of it.
/// Must fail when: whoever comes second does not look.
/// Bound: none, two threads.
#[test]
fn a_task_asked_to_stop_while_it_makes_its_token_learns_of_it() {
    model("task::a_task_asked_to_stop_while_it_makes_its_token_learns_of_it")
        .unbounded()
        .quick(3)
        .check(|| {
            let (job, handle) = queued(|| current().map(|task| task.token().clone()));
            let worker = start(move || run(job));
            let cancel = handle.cancel();
            match handle.result() {
                Ok(token) => {
                    let token = token.unwrap();
                    assert_eq!(cancel == Cancel::Asked, token.is_cancelled());
                }
                Err(_) => assert_eq!(cancel, Cancel::Prevented),
            }
            worker.join().unwrap();
            assert_eq!(LIVE.get(), 0);
        });
}
