//! When a worker may sleep, and why no job is forgotten.
//!
//! A pool has as many *permits* as it has workers. A thread works only with a
//! permit; one that waits inside a task gives its permit away, so that another
//! thread, a *spare*, can take its place.
//!
//! ```text
//!                     found nothing: give the permit back
//!        ┌──────── AT WORK ─────────────────────────────► PARKED ──┐
//!        │        ▲   │   ▲                                 │      │ too many, too
//!        │ wait in│   │   │ called: a permit, and the search │      │ long: retire
//!        │ a task │   │   └─────────────────────────────────┘      ▼
//!        ▼        │   └─ found something, left more: call another  gone
//!      BLOCKED ───┘
//!        awake again: a permit if one is idle, else work on without
//!        one to the end of the task, and then park
//! ```
//!
//! One word, the [`Census`], counts the idle permits and the searching
//! threads; in a pool that shrinks (`resize`) also the permits that are owed. Who is parked stands in the [`Crew`], under a lock that is taken
//! only to fall asleep, to wake somebody, and to start or end a thread.
//!
//! # Why no job is forgotten
//!
//! A submitter publishes its job, *then* fences, *then* reads the census. A
//! thread that gives up its permit or its search changes the census, *then*
//! fences, *then* looks everywhere for jobs. By the two fences one of the two
//! sees the other:
//!
//! * The submitter sees no idle permit: every permit is at work, and its
//!   holder looks everywhere after giving it back. It sees the job.
//! * The submitter sees a searcher: the searcher looks everywhere after it has
//!   ended its search, and calls another if it finds something. Likewise.
//! * The submitter sees an idle permit and no searcher: it calls one thread.
//!   The called thread searches, and the first two cases hold from there on.
//!
//! A permit may be idle while nobody is parked and no thread may be started:
//! all are blocked. The last one to block has seen the job and asks for the
//! *last resort*: a thread that waits for a queued task runs it itself
//! (last_resort.rs). Without one, the job waits until a thread is awake again.
//! A thread that parks looks everywhere *after* it is on the list, so a call
//! that came too early to find it there has left its job in sight.
//!
//! # Orderings
//!
//! The census publishes nothing: its changes and reads are Relaxed, the fences
//! above order them against the queues, and what a job carries comes with its
//! queue. `signal` is written under the lock before the unpark, whose token
//! orders it.

mod census;
mod end;
mod errands;
#[cfg(all(test, raddle_loom))]
mod models;
mod post;
mod resize;
mod sight;
mod standing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::primitive::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};
use crate::primitive::{Condvar, Mutex, Parker, mutant, unmodelled};
use crate::wait::deadline::Deadline;

use census::Census;
pub(super) use census::THREADS_MAX;
pub(super) use sight::Sight;
pub(super) use standing::{Awake, Call, Standing, Start};

use Ordering::{Acquire, Relaxed, Release, SeqCst};

/// Where one thread sleeps.
#[derive(Debug)]
struct Seat {
    parker: Arc<Parker>,
    signal: AtomicU32,
}

const ASLEEP: u32 = 0;
const CALLED: u32 = 1;
const DISMISSED: u32 = 2;
const SENT: u32 = 3;
const POST: u32 = 4;

/// Who is there.
#[derive(Debug)]
struct Crew {
    /// Threads that sleep, the latest last.
    parked: Vec<usize>,
    /// Indices without a thread, the smallest last.
    free: Vec<usize>,
    /// One more index, for while a thread of the pool waits for its end.
    extra: Option<usize>,
    /// Threads that exist, or are being started.
    live: usize,
    /// Threads that are sent for an errand and have not yet looked for it.
    sent: usize,
    /// Threads of the pool that wait for its end.
    closers: usize,
    /// So many threads stay, however long they find nothing.
    resident: usize,
    /// What is in no queue now, and may be later: the pool does not end before.
    held: usize,
    closing: bool,
    ended: bool,
}

impl Crew {
    /// An index for a further thread, if there may be one.
    ///
    /// A thread that waits for the end of its own pool does not count: it would
    /// wait for a queue that nobody works off.
    fn take_place(&mut self) -> Option<usize> {
        let extra = &mut self.extra;
        let is_closing = self.closers > 0;
        (self.free.pop()).or_else(|| extra.take_if(|_| is_closing))
    }
}

/// Sleep and waking of a pool's threads.
#[derive(Debug)]
pub(super) struct Sleep {
    census: Census,
    crew: Mutex<Crew>,
    changed: Condvar,
    seats: Box<[Seat]>,
    /// So many permits there are; changed under the crew's lock.
    permits: unmodelled::AtomicU32,
    /// The pool has been made smaller: threads look whether permits are owed.
    has_shrunk: AtomicBool,
    /// Errands that are queued, and that nobody has taken: see `errands`.
    errands: AtomicUsize,
}

impl Sleep {
    /// `permits` threads may work at once, `threads_max` may exist (and one more
    /// while a thread waits for the pool's end), and `resident` of them never
    /// retire. None exists yet, and every permit is idle.
    pub(super) fn new(permits: usize, threads_max: usize, resident: usize) -> Self {
        debug_assert!(permits <= threads_max && threads_max <= THREADS_MAX);
        let seat = |_| Seat {
            parker: Arc::new(Parker::new()),
            signal: AtomicU32::new(ASLEEP),
        };
        Self {
            census: Census::new(permits),
            crew: Mutex::new(Crew {
                parked: Vec::new(),
                free: (0..threads_max).rev().collect(),
                extra: Some(threads_max),
                live: 0,
                sent: 0,
                closers: 0,
                resident,
                held: 0,
                closing: false,
                ended: false,
            }),
            changed: Condvar::new(),
            seats: (0..=threads_max).map(seat).collect(),
            permits: unmodelled::AtomicU32::new(permits as u32),
            has_shrunk: AtomicBool::new(false),
            errands: AtomicUsize::new(0),
        }
    }

    /// A job was published: calls somebody, if somebody is needed.
    #[inline]
    pub(super) fn job_published(&self) -> Call {
        if !mutant("sleep-publish-without-fence") {
            // ORDERING: pairs with the fences after every change of the census.
            fence(SeqCst);
        }
        if self.census.load().wants_call() {
            self.call(true)
        } else {
            Call::Nothing
        }
    }

    /// Whether the pool has ended. After `job_published` this is exact: a job
    /// that was pushed before an end it did not see will be found.
    pub(super) fn has_ended(&self) -> bool {
        self.census.load().has_ended()
    }

    /// Gives one thread a permit and the search: a parked one, or a new one.
    #[cold]
    fn call(&self, may_start: bool) -> Call {
        let mut crew = self.crew.lock();
        if !self.census.load().wants_call() {
            return Call::Nothing;
        }
        if crew.parked.is_empty() {
            let Some(index) = may_start.then(|| crew.take_place()).flatten() else {
                return Call::LastResort;
            };
            if !self.census.take(true) {
                self.give_place_back(&mut crew, index);
                return Call::Nothing;
            }
            crew.live += 1;
            return Call::Start(Start::called(index));
        }
        if !self.census.take(true) {
            return Call::Nothing;
        }
        if let Some(index) = crew.parked.pop() {
            let seat = &self.seats[index];
            // ORDERING: Release pairs with the Acquire in `sleep`.
            seat.signal.store(CALLED, Release);
            drop(crew);
            if !mutant("sleep-call-without-unpark") {
                seat.parker.unpark();
            }
        }
        Call::Nothing
    }

    fn give_place_back(&self, crew: &mut Crew, index: usize) {
        if index + 1 == self.seats.len() {
            crew.extra = Some(index);
        } else {
            crew.free.push(index);
        }
    }

    /// Takes a permit for one of the threads that a pool starts with.
    pub(super) fn first_threads(&self) -> Call {
        let mut crew = self.crew.lock();
        if !self.census.take(true) {
            return Call::Nothing;
        }
        match crew.free.pop() {
            Some(index) => {
                crew.live += 1;
                Call::Start(Start::called(index))
            }
            None => {
                self.census.give_back(true, true);
                Call::Nothing
            }
        }
    }

    /// The thread that a call asked for could not be started; never asks for
    /// another.
    pub(super) fn start_failed(&self, start: Start, sight: &impl Sight) -> Call {
        {
            let mut crew = self.crew.lock();
            crew.live -= 1;
            crew.sent -= usize::from(start.is_sent);
            self.give_place_back(&mut crew, start.index);
            self.census.give_back(start.is_called, start.is_called);
            self.end_if_done(&mut crew, sight);
        }
        // ORDERING: pairs with the fence in `job_published`: a submitter that
        // counted on the thread we did not get has left its job in sight.
        fence(SeqCst);
        if !mutant("sleep-start-failed-without-look") && sight.has_work() {
            return self.call(false);
        }
        self.send_if_needed(Call::Nothing, false)
    }

    /// Begins to search, if nobody does.
    pub(super) fn start_searching(&self, me: &Standing) -> bool {
        let searches = me.has_permit() && self.census.take_search();
        me.is_searching.set(me.is_searching() || searches);
        searches
    }

    /// Ends a search that has found something; calls another if there is more.
    pub(super) fn stop_searching(&self, me: &Standing, has_work: impl Fn() -> bool) -> Call {
        me.is_searching.set(false);
        self.census.give_back(false, true);
        if mutant("sleep-search-ends-without-look") {
            return Call::Nothing;
        }
        // ORDERING: pairs with the fence in `job_published`: whoever saw us
        // searching has left its job in sight.
        fence(SeqCst);
        if has_work() {
            self.call(true)
        } else {
            Call::Nothing
        }
    }

    /// This thread is about to wait inside a task: its permit is free.
    pub(super) fn block_starts(&self, me: &Standing, has_work: impl Fn() -> bool) -> Call {
        // A thread without a permit looks as well: it may be the last one that
        // is awake, and what it waits for may be what it sees.
        let (permit, search) = (me.has_permit.replace(false), me.is_searching.replace(false));
        self.census.give_back(permit, search);
        let counts_on_others = !permit && mutant("sleep-permitless-block-without-look");
        if mutant("sleep-block-without-look") || counts_on_others {
            return Call::Nothing;
        }
        // ORDERING: pairs with the fence in `job_published`; and with that of
        // another thread that blocks here, for errands.
        fence(SeqCst);
        let call = if has_work() {
            self.call(true)
        } else {
            Call::Nothing
        };
        self.send_if_needed(call, true)
    }

    /// This thread is awake again inside its task, which goes on at once.
    pub(super) fn block_ends(&self, me: &Standing) {
        self.take_permit(me);
    }

    /// Takes a permit, if the thread has none and one is idle; gives it up, if
    /// permits are owed. Says whether the thread has one now; one that has none
    /// goes on to park, and looks.
    pub(super) fn take_permit(&self, me: &Standing) -> bool {
        if !me.has_permit() {
            me.has_permit.set(self.census.take(false));
        } else if self.owes_permits() {
            me.has_permit.set(false);
            self.census.give_back(true, false);
        }
        me.has_permit()
    }

    /// Sleeps until there may be work, after a search that has found nothing,
    /// or at the end of a task without a permit.
    pub(super) fn fall_asleep(
        &self,
        me: &Standing,
        keep_alive: Duration,
        sight: &impl Sight,
    ) -> Awake {
        let seat = &self.seats[me.index];
        {
            let mut crew = self.crew.lock();
            crew.sent -= usize::from(me.is_sent.take());
            if crew.ended {
                self.give_back_all(me);
                return Awake::Ended;
            }
            if sight.has_post_for(me.index) && !mutant("broadcast-parks-without-look") {
                // With the search, if it has it: who ends that looks.
                return Awake::Post;
            }
            // ORDERING: Relaxed, whoever calls us has the lock after us.
            seat.signal.store(ASLEEP, Relaxed);
            crew.parked.push(me.index);
            self.give_back_all(me);
            if self.has_errands() && !mutant("errand-park-without-look") {
                crew.parked.pop();
                return Awake::Errand;
            }
            self.end_if_done(&mut crew, sight);
        }
        if !mutant("sleep-park-without-fence") {
            // ORDERING: pairs with the fence in `job_published`.
            fence(SeqCst);
        }
        if !mutant("sleep-park-without-look") && sight.has_work() {
            let mut crew = self.crew.lock();
            let mine = crew.parked.iter().rposition(|index| *index == me.index);
            // With the search, as if called: whoever counted on the search that
            // we have just given up may have left more than one job.
            let search = !mutant("sleep-look-without-search");
            if let Some(at) = mine
                && self.census.take(search)
            {
                crew.parked.remove(at);
                me.has_permit.set(true);
                me.is_searching.set(search);
                return Awake::Work;
            }
            // Called already; or those who hold the permits will look.
        }
        self.sleep(me, seat, keep_alive, sight)
    }

    fn give_back_all(&self, me: &Standing) {
        let permit = me.has_permit.replace(false);
        let search = me.is_searching.replace(false);
        self.census
            .give_back(permit, search && !mutant("sleep-search-not-given-back"));
    }

    fn sleep(&self, me: &Standing, seat: &Seat, keep_alive: Duration, sight: &impl Sight) -> Awake {
        let mut retire_at = Deadline::after(keep_alive);
        loop {
            // ORDERING: Acquire pairs with the Release of whoever called.
            match seat.signal.load(Acquire) {
                CALLED => {
                    me.has_permit.set(true);
                    me.is_searching.set(true);
                    return Awake::Work;
                }
                SENT => {
                    self.crew.lock().sent -= 1;
                    return Awake::Errand;
                }
                POST => return Awake::Post,
                DISMISSED => return Awake::Ended,
                _ => {}
            }
            if seat.parker.park_until(retire_at.instant()) {
                if retire_at.is_never() {
                    // Fewer may stay than when it was told to.
                    retire_at = Deadline::after(keep_alive);
                }
                continue;
            }
            if !retire_at.has_passed() {
                continue;
            }
            let mut crew = self.crew.lock();
            if crew.live <= crew.resident {
                // For good: more threads come only when nobody is parked.
                retire_at = Deadline::NEVER;
                continue;
            }
            let mine = crew.parked.iter().rposition(|index| *index == me.index);
            let Some(at) = mine else {
                if mutant("sleep-retire-though-called") {
                    crew.live -= 1;
                    return Awake::Retired;
                }
                // Called, or dismissed, in the last moment.
                continue;
            };
            crew.parked.remove(at);
            crew.live -= 1;
            self.end_if_done(&mut crew, sight);
            return Awake::Retired;
        }
    }

    /// A thread that was told to go has left its place as it should be found.
    pub(super) fn left(&self, me: &Standing, why: &Awake, has_work: impl Fn() -> bool) -> Call {
        let mut crew = self.crew.lock();
        if *why == Awake::Ended {
            crew.live -= 1;
        }
        self.give_place_back(&mut crew, me.index);
        drop(crew);
        if !mutant("sleep-left-without-notify") {
            self.changed.notify_all();
        }
        if mutant("sleep-left-without-look") {
            return Call::Nothing;
        }
        // ORDERING: pairs with the fence in `job_published`: a call that found
        // no free place has left its job in sight.
        fence(SeqCst);
        if has_work() {
            let call = self.call(true);
            return self.send_if_needed(call, true);
        }
        self.send_if_needed(Call::Nothing, true)
    }

    /// Threads that exist.
    pub(super) fn live(&self) -> usize {
        self.crew.lock().live
    }
}
