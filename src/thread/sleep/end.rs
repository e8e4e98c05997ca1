//! The end of a pool's threads: who sees it, and who is told.
//!
//! Once the crew is closing, the last thread that parks ends the pool: all
//! that live are parked (or wait inside a shutdown), no guest is in the pool, and
//! no job is in sight. That thread holds the lock, nobody may enter, and all
//! permits and searches have been given back; *then* it fences, *then* looks
//! everywhere, *then* marks the end. A submitter from outside that sees a permit
//! taken or a searcher has left its job in sight of that look, and the pool goes
//! on. One that sees neither calls somebody: it gets the lock before the look, and
//! the same is true; or after the mark, which it then sees, and cancels what it has
//! pushed itself.

use super::{Call, Crew, DISMISSED, Sight, Sleep};
use crate::primitive::atomic::{Ordering, fence};
use crate::primitive::mutant;
use crate::wait::deadline::Deadline;

use Ordering::{Release, SeqCst};

impl Crew {
    /// Whether the end is over: all have left who do not wait for it.
    fn is_gone(&self) -> bool {
        self.ended && self.live <= self.closers
    }
}

impl Sleep {
    /// From now on the pool ends as soon as nothing is left to do.
    pub(in crate::thread) fn close(&self, sight: &impl Sight) {
        let mut crew = self.crew.lock();
        crew.closing = true;
        self.end_if_done(&mut crew, sight);
    }

    pub(super) fn end_if_done(&self, crew: &mut Crew, sight: &impl Sight) {
        let still = crew.parked.len() + crew.closers;
        let stays = crew.held > 0 && !mutant("sleep-end-forgets-held");
        if !crew.closing || crew.ended || still != crew.live || stays {
            return;
        }
        sight.if_nobody_visits(|| self.end_if_nothing_is_left(crew, sight));
    }

    fn end_if_nothing_is_left(&self, crew: &mut Crew, sight: &impl Sight) {
        if !mutant("sleep-end-without-fence") {
            // ORDERING: pairs with the fence in `job_published`; see the top of
            // this file.
            fence(SeqCst);
        }
        if sight.has_tasks() || self.has_errands() && !mutant("errand-end-unseen") {
            return;
        }
        crew.ended = true;
        self.census.end();
        for index in crew.parked.drain(..) {
            let seat = &self.seats[index];
            // ORDERING: Release pairs with the Acquire in `sleep`.
            seat.signal.store(DISMISSED, Release);
            if !mutant("sleep-dismiss-without-unpark") {
                seat.parker.unpark();
            }
        }
        self.changed.notify_all();
    }

    /// The pool does not end before as many that are held back have gone as have come.
    pub(in crate::thread) fn held_comes(&self) {
        self.crew.lock().held += 1;
    }

    /// One goes; who was the last ends the pool, if nobody else is left to do it.
    pub(in crate::thread) fn held_goes(&self, sight: &impl Sight) {
        let mut crew = self.crew.lock();
        crew.held -= 1;
        if !mutant("sleep-held-goes-without-look") {
            self.end_if_done(&mut crew, sight);
        }
    }

    /// The last guest has left; what it left behind, somebody was called for.
    pub(in crate::thread) fn visitor_left(&self, sight: &impl Sight) {
        self.end_if_done(&mut self.crew.lock(), sight);
    }

    /// A thread of the pool is going to wait for its end. It has given up its
    /// permit; the end does not wait for it, and it does not count as one of the
    /// threads that there may be.
    pub(in crate::thread) fn closer_comes(&self, sight: &impl Sight) -> Call {
        {
            let mut crew = self.crew.lock();
            crew.closers += 1;
            self.end_if_done(&mut crew, sight);
        }
        // Whoever published a job and found no place for a thread had the lock
        // before us: the job is in sight.
        let mut call = Call::Nothing;
        if !mutant("sleep-closer-without-look") && sight.has_work() {
            call = self.call(true);
        }
        self.send_if_needed(call, true)
    }

    /// Waits until the pool has ended and its threads are gone (but for those
    /// that wait here); `false` says that the deadline came first.
    ///
    /// A thread of the pool says so with `is_member`, after `closer_comes`.
    pub(in crate::thread) fn wait_for_end(&self, is_member: bool, deadline: Deadline) -> bool {
        let mut crew = self.crew.lock();
        let mut in_time = true;
        while !crew.is_gone() && in_time {
            match deadline.instant() {
                None => self.changed.wait(&mut crew),
                Some(at) => {
                    in_time = self.changed.wait_until(&mut crew, at) || !deadline.has_passed();
                }
            }
        }
        let ended = crew.is_gone();
        // After the end it stays counted: other closers do not wait for it.
        let stays = ended && !mutant("sleep-closers-wait-for-each-other");
        crew.closers -= usize::from(is_member && !stays);
        ended
    }
}
