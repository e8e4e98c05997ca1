//! Errands: jobs that need a thread and no permit.

use super::*;

/// Fear: an errand comes while the only thread falls asleep; who queues it finds
/// no place for a thread, and the thread parks.
/// Must fail when: the thread does not look for errands as it parks; the count of
/// errands does not release.
/// Bound: none, two threads.
#[test]
fn an_errand_queued_while_the_worker_falls_asleep_is_run() {
    Model::new("sleep::an_errand_queued_while_the_worker_falls_asleep_is_run")
        .unbounded()
        .quick(4)
        .check(|| {
            let room = Room::new(Flags::new(0), 1, 1, 1).open_for([1, 1], 1);
            room.send(0);
            room.join();
            room.is_quiet(1);
        });
}

/// Fear: an errand waits for the permit that the worker has, whose job waits for
/// the errand.
/// Must fail when: nobody is sent beside the worker.
/// Bound: 4 preemptions, two threads after the first; 3 in the quick tier.
#[test]
fn an_errand_is_run_beside_a_worker_that_waits_for_it() {
    Model::new("sleep::an_errand_is_run_beside_a_worker_that_waits_for_it")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let mut room = Room::new(Flags::new(1), 1, 2, 1);
            room.run = |room, _, job| match job {
                // With its permit.
                0 => room.wait_for_done(1),
                _ => room.count_done(),
            };
            room.lay_out(0);
            let room = room.open_for([1, 1], 1);
            room.send(1);
            room.join();
            room.is_quiet(2);
        });
}

/// Fear: a thread goes on an errand as it parks, and the job that comes at that
/// moment counts on the look that it has not made.
/// Must fail when: a thread blocks without a look.
/// Bound: 3 preemptions, two threads and a submitter; 2 in the quick tier.
#[test]
fn a_job_published_while_the_worker_goes_on_an_errand_is_run() {
    Model::new("sleep::a_job_published_while_the_worker_goes_on_an_errand_is_run")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 1, 2, 1);
            room.run = |room, _, job| match job {
                // The errand ends when the job has been run: elsewhere.
                0 => room.wait_for_done(1),
                _ => room.count_done(),
            };
            let room = room.open_for([1, 1], 1);
            room.send(0);
            room.submit(&[1]);
            room.join();
            room.is_quiet(2);
        });
}

/// Fear: an errand finds no place, and the thread whose place it was just leaves.
/// Must fail when: one that has left does not look for errands.
/// Bound: 4 preemptions, three threads; 3 in the quick tier.
#[test]
fn an_errand_queued_while_the_last_thread_retires_is_run() {
    Model::new("sleep::an_errand_queued_while_the_last_thread_retires_is_run")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let mut room = Room::new(Flags::new(0), 1, 1, 0);
            room.keep_alive = Duration::ZERO;
            let room = room.open(1);
            room.send(0);
            room.join();
            room.is_quiet(1);
            room.is_empty();
        });
}

/// Fear: an errand that comes as the pool ends is neither run nor cancelled.
/// Must fail when: who queues it does not ask whether the pool has ended.
/// Bound: 4 preemptions, a pool of one; 2 in the quick tier.
#[test]
fn an_errand_queued_while_the_pool_ends_is_run_or_cancelled() {
    Model::new("sleep::an_errand_queued_while_the_pool_ends_is_run_or_cancelled")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let room = Room::new(Flags::new(0), 1, 1, 1).open(1);
            let submitter = start({
                let room = room.clone();
                move || room.send(0)
            });
            room.end();
            submitter.join().unwrap();
            room.is_quiet(1);
            room.is_empty();
        });
}
