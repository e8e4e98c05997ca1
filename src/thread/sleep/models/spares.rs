//! Spares that step in, retire, fail to start; and the end of all threads.

use super::*;

/// Fear: the only worker blocks, and the job it waits for finds no thread.
/// Must fail when: a thread blocks without a look, or its look comes too early.
/// Bound: 4 preemptions, three threads; 3 in the quick tier.
#[test]
fn a_job_published_while_the_worker_blocks_gets_a_spare() {
    Model::new("sleep::a_job_published_while_the_worker_blocks_gets_a_spare")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 1, 2, 1);
            room.run = |room, me, job| match job {
                0 => room.block(me, 1),
                _ => room.count_done(),
            };
            room.lay_out(0);
            let room = room.open_for([1, 1], 1);
            room.submit(&[1]);
            room.join();
            room.is_quiet(2);
        });
}

/// Fear: the spare is just parking when it is needed once more; or it keeps
/// the permit that its worker wants back.
/// Must fail when: a thread blocks without a look; a thread that parks keeps
/// its search.
/// Bound: 4 preemptions, two threads after the first; 2 in the quick tier.
#[test]
fn a_parked_spare_is_called_again() {
    Model::new("sleep::a_parked_spare_is_called_again")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(3), 1, 2, 1);
            room.run = |room, me, job| match job {
                0 => {
                    room.submit(&[1]);
                    room.block(me, 1);
                    room.submit(&[2]);
                    room.block(me, 2);
                }
                _ => room.count_done(),
            };
            room.lay_out(0);
            let room = room.open_for([1, 2], 1);
            room.join();
            room.is_quiet(3);
        });
}

/// Fear: a thread retires in the moment it is called, or a call finds neither
/// it nor its free place; the job is lost.
/// Must fail when: a called thread retires; one that has left does not look.
/// Bound: 4 preemptions, three threads; 3 in the quick tier.
#[test]
fn a_job_published_while_the_last_thread_retires_is_run() {
    Model::new("sleep::a_job_published_while_the_last_thread_retires_is_run")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let mut room = Room::new(Flags::new(1), 1, 1, 0);
            room.keep_alive = Duration::ZERO;
            let room = room.open(1);
            room.submit(&[0]);
            // Nobody stays: the job must be done when all have gone.
            room.join();
            room.is_quiet(1);
            room.is_empty();
        });
}

/// Fear: a submitter counts on a thread that could not be started.
/// Must fail when: `start_failed` does not look, or keeps permit or search.
/// Bound: 3 preemptions, three threads.
#[test]
fn a_job_published_while_a_start_fails_is_run() {
    Model::new("sleep::a_job_published_while_a_start_fails_is_run")
        .preemptions(3)
        .check(|| {
            let mut room = Room::new(Flags::new(3), 2, 2, 1);
            room.gives.store(1, Relaxed);
            room.run = |room, _, _| room.count_done();
            room.lay_out(0);
            let room = room.open_for([3, 0], 1);
            // Now nobody searches, and a permit is idle.
            room.wait_for_done(1);
            let other = start({
                let room = room.clone();
                move || room.submit(&[2])
            });
            room.submit(&[1]);
            other.join().unwrap();
            room.join();
            room.is_quiet(3);
        });
}

/// Fear: a job that comes in as the pool ends is neither run nor cancelled.
/// Must fail when: the last thread ends the pool with a look from before its
/// fence; the submitter does not ask whether the pool has ended.
/// Bound: 4 preemptions, a pool of one; 2 in the quick tier.
#[test]
fn a_job_submitted_while_the_pool_ends_is_run_or_cancelled() {
    Model::new("sleep::a_job_submitted_while_the_pool_ends_is_run_or_cancelled")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let room = Room::new(Flags::new(1), 1, 1, 1).open(1);
            let submitter = start({
                let room = room.clone();
                move || room.submit(&[0])
            });
            room.end();
            submitter.join().unwrap();
            room.is_quiet(1);
            room.is_empty();
        });
}

/// Fear: two tasks that end their pool wait for each other, or nobody ends it.
/// Must fail when: a closer waits for what another does after the end; the
/// dismissed are not woken; nobody is told that one has left.
/// Bound: 3 preemptions, a pool of two; 2 in the quick tier.
#[test]
fn two_threads_that_wait_for_the_end_of_their_pool_get_it() {
    Model::new("sleep::two_threads_that_wait_for_the_end_of_their_pool_get_it")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 2, 2, 2);
            room.run = |room, me, job| {
                room.sleep.close(&**room);
                let call = room.sleep.block_starts(me, || room.in_sight());
                room.answer(call);
                room.wait_for_end();
                room.sleep.block_ends(me);
                // The first may go on to wait for the second.
                match job {
                    0 => room.wait_for_done(1),
                    _ => room.count_done(),
                }
            };
            room.lay_out(0);
            room.lay_out(1);
            let room = room.open(2);
            room.join();
            room.is_quiet(2);
            room.is_empty();
        });
}

/// Fear: a task ends its own pool at the cap of threads, and waits for a job
/// that no thread is left to run.
/// Must fail when: a closer does not look after it has given its place away.
/// Bound: 4 preemptions, the closer, its substitute and a submitter; 2 in the
/// quick tier.
#[test]
fn a_job_submitted_while_the_only_thread_ends_its_pool_is_run_or_cancelled() {
    Model::new("sleep::a_job_submitted_while_the_only_thread_ends_its_pool_is_run_or_cancelled")
        .preemptions(4)
        .quick(2)
        .check(|| {
            let mut room = Room::new(Flags::new(2), 1, 1, 1);
            room.run = |room, me, job| {
                if job == 0 {
                    room.sleep.close(&**room);
                    let call = room.sleep.block_starts(me, || room.in_sight());
                    room.answer(call);
                    room.wait_for_end();
                    room.sleep.block_ends(me);
                }
            };
            room.lay_out(0);
            let room = room.open(1);
            room.submit(&[1]);
            room.join();
            room.is_quiet(2);
            room.is_empty();
        });
}
