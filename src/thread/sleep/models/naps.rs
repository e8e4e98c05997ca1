//! Workers that fall asleep and are woken.

use super::*;

/// Fear: the submitter looks before the worker sleeps, the worker looks before
/// the job is there, and nobody wakes anybody.
/// Must fail when: one of the two fences is missing; the worker parks without a
/// look; the caller forgets the unpark.
/// Bound: none, two threads.
#[test]
fn a_flag_raised_while_the_worker_falls_asleep_is_seen() {
    Model::new("sleep::a_flag_raised_while_the_worker_falls_asleep_is_seen")
        .unbounded()
        .check(|| {
            let room = Room::new(Flags::new(1), 1, 1, 1).open_for([1, 1], 1);
            room.submit(&[0]);
            room.join();
            room.is_quiet(1);
        });
}

/// Fear: as above, with the queue of outsiders.
/// Must fail when: as above.
/// Bound: none, two threads.
#[test]
fn a_job_injected_while_the_worker_falls_asleep_is_seen() {
    Model::new("sleep::a_job_injected_while_the_worker_falls_asleep_is_seen")
        .unbounded()
        .quick(4)
        .check(|| {
            let room = Room::new(Injector::new(), 1, 1, 1).open_for([1, 1], 1);
            room.submit(&[0]);
            room.join();
            room.is_quiet(1);
        });
}

/// Fear: as above, with a job in the deque of a thread that works.
/// Must fail when: as above.
/// Bound: none, two threads.
#[test]
fn a_job_pushed_while_the_thief_falls_asleep_is_seen() {
    Model::new("sleep::a_job_pushed_while_the_thief_falls_asleep_is_seen")
        .unbounded()
        .quick(4)
        .check(|| {
            let deque = Deque::new();
            let room = Room::new(deque.stealer(), 1, 1, 1).open_for([1, 1], 1);
            room.write(0);
            deque.push(0);
            room.published();
            room.join();
            room.is_quiet(1);
        });
}

/// Fear: one of two sleepers is woken for two jobs, and the other sleeps on.
/// Must fail when: a search that has found something does not look again; the
/// thread that finds a job as it falls asleep does not search.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn of_two_jobs_published_together_each_gets_a_thread() {
    Model::new("sleep::of_two_jobs_published_together_each_gets_a_thread")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 2, 2, 2);
            // Each job ends only when both run.
            room.run = |room, _, _| {
                room.count_done();
                room.wait_for_done(2);
            };
            let room = room.open_for([1, 1], 2);
            room.submit(&[0, 1]);
            room.join();
            room.is_quiet(2);
        });
}

/// Fear: the last two threads fall asleep, each relying on the other.
/// Must fail when: a thread parks without a look; a fence is missing.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn jobs_published_while_the_last_two_fall_asleep_are_run() {
    Model::new("sleep::jobs_published_while_the_last_two_fall_asleep_are_run")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 2, 2, 2);
            // Who runs the first job brings the second, and goes.
            room.run = |room, _, job| {
                if job == 0 {
                    room.submit(&[1]);
                }
            };
            let room = room.open_for([1, 1], 2);
            room.submit(&[0]);
            room.join();
            room.is_quiet(2);
        });
}

/// Fear: a submitter counts on a searcher that is just ending its search.
/// Must fail when: a search ends without a look; the search is not given back.
/// Bound: 4 preemptions, three threads; 3 in the quick tier.
#[test]
fn a_submitter_may_count_on_a_searcher_that_ends_its_search() {
    Model::new("sleep::a_submitter_may_count_on_a_searcher_that_ends_its_search")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 2, 2, 1);
            // The first job ends only when the second has run: elsewhere.
            room.run = |room, _, job| match job {
                0 => room.wait_for_done(1),
                _ => room.count_done(),
            };
            room.lay_out(0);
            let room = room.open_for([1, 1], 1);
            room.submit(&[1]);
            room.join();
            room.is_quiet(2);
        });
}
