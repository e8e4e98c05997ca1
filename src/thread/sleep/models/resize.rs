//! A pool that grows or shrinks while jobs come.

use super::*;

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

/// Fear: a job comes as the pool shrinks to one. Who publishes it saw an idle permit
/// that is gone when it calls; or two give theirs up for one that is owed, and nobody
/// works.
/// Must fail when: a thread parks, or blocks, without a look.
/// Bound: 3 preemptions, a worker, another that publishes and blocks, and one who
/// resizes.
#[test]
fn a_job_published_while_the_pool_shrinks_to_one_is_run() {
    Model::new("sleep::a_job_published_while_the_pool_shrinks_to_one_is_run")
        .preemptions(3)
        .check(|| {
            let room = Room::new(Flags::new(1), 2, 2, 2).open_for([1, 1], 1);
            let me = room.work_here();
            let other = start({
                let room = room.clone();
                move || room.resize(1)
            });
            room.submit(&[0]);
            room.leave_to_others(&me);
            other.join().unwrap();
            room.join();
            room.is_quiet(1);
        });
}

/// Fear: two threads at work see that one permit is owed, and both pay, or park,
/// with a job in sight.
/// Must fail when: a thread parks, or blocks, without a look.
/// Bound: 4 preemptions, two threads; 3 in the quick tier.
#[test]
fn two_workers_that_pay_what_is_owed_leave_no_job() {
    Model::new("sleep::two_workers_that_pay_what_is_owed_leave_no_job")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let room = Room::new(Flags::new(2), 2, 2, 2);
            room.lay_out(0);
            let room = room.open_for([2, 2], 1);
            let me = room.work_here();
            room.submit(&[1]);
            room.resize(1);
            // As after a task.
            let _ = room.sleep.take_permit(&me);
            room.leave_to_others(&me);
            room.join();
            room.is_quiet(2);
        });
}

impl<Q: Queue> Room<Q> {
    /// The calling thread is one of the room's that is at work.
    fn work_here(&self) -> Standing {
        let Call::Start(start) = self.sleep.first_threads() else {
            panic!("there is a permit");
        };
        let me = Standing::of(start);
        assert_eq!(self.sleep.stop_searching(&me, || false), Call::Nothing);
        me
    }

    /// It blocks, and nobody wakes it.
    fn leave_to_others(self: &Arc<Self>, me: &Standing) {
        let call = self.sleep.block_starts(me, || self.in_sight());
        self.answer(call);
    }
}
