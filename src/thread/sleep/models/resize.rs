//! A pool that grows or shrinks while jobs come.

use super::*;
use crate::primitive::model::run::rest_in_one_order;

/// Fear: a job comes as the pool grows; who publishes it sees no idle permit, the
/// one who grows the pool sees no job.
/// Must fail when: a pool grows without a look, or without a fence before it.
/// Bound: 3 preemptions, a worker, a submitter and one who resizes; 2 in the quick
/// tier.
#[test]
fn a_job_published_while_the_pool_grows_gets_a_thread() {
    Model::new("sleep::a_job_published_while_the_pool_grows_gets_a_thread")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 1, 2, 1);
            // The first job ends only when the second has run: elsewhere.
            room.run = |room, _, job| match job {
                0 => room.wait_for_done(1),
                _ => room.count_done(),
            };
            room.lay_out(0);
            let room = room.open_for([1, 1], 1);
            let other = start({
                let room = room.clone();
                move || room.resize(2)
            });
            room.submit(&[1]);
            other.join().unwrap();
            room.join();
            room.is_quiet(2);
        });
}

/// Fear: all sleep when the pool grows, and jobs that need all of its threads get
/// but one.
/// Must fail when: a search that has found something does not look again.
/// Bound: 3 preemptions, two threads and a submitter; 2 in the quick tier.
#[test]
fn a_pool_that_has_grown_runs_as_many_jobs_at_once() {
    Model::new("sleep::a_pool_that_has_grown_runs_as_many_jobs_at_once")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 1, 2, 1);
            // Each job ends only when both run.
            room.run = |room, _, _| {
                room.count_done();
                room.wait_for_done(2);
            };
            let room = room.open_for([1, 1], 1);
            room.resize(2);
            room.submit(&[0, 1]);
            room.join();
            room.is_quiet(2);
        });
}

/// Fear: jobs come as the pool shrinks to one. Who publishes them saw an idle permit
/// that is gone when it calls; or one too many is paid, and nobody works.
/// Must fail when: a thread parks without a look.
/// Bound: 3 preemptions, a worker, a submitter and one who resizes; 2 in the quick
/// tier.
#[test]
fn jobs_published_while_the_pool_shrinks_to_one_are_run() {
    Model::new("sleep::jobs_published_while_the_pool_shrinks_to_one_are_run")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 2, 2, 2);
            room.run = |room, _, _| room.count_done();
            let room = room.open(1);
            let other = start({
                let room = room.clone();
                move || room.resize(1)
            });
            room.submit(&[0, 1]);
            room.wait_for_done(2);
            other.join().unwrap();
            rest_in_one_order();
            room.end();
            room.is_quiet(2);
            room.is_empty();
        });
}

/// Fear: two threads at work see that one permit is owed, and both park with a job
/// in sight.
/// Must fail when: a thread parks without a look.
/// Bound: 3 preemptions, two threads; 2 in the quick tier.
#[test]
fn two_workers_that_pay_what_is_owed_leave_no_job() {
    Model::new("sleep::two_workers_that_pay_what_is_owed_leave_no_job")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(3), 2, 2, 2);
            room.run = |room, _, job| {
                room.count_done();
                if job == 0 {
                    // Both are at work now.
                    room.wait_for_done(2);
                    room.lay_out(2);
                    room.resize(1);
                }
                if job == 1 {
                    room.wait_for_done(2);
                }
            };
            room.lay_out(0);
            room.lay_out(1);
            let room = room.open(2);
            room.wait_for_done(3);
            rest_in_one_order();
            room.end();
            room.is_quiet(3);
            room.is_empty();
        });
}
