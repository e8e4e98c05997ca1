//! What we fear of sleep and waking, and loom's answer.
//!
//! The rooms here are pools without tasks: the shipping [`Sleep`], threads that
//! use it as `worker.rs` does, and jobs that lie in lock-free flags or in the
//! queues' stand-ins, which synchronise no more than the real ones. A job that
//! is forgotten leaves a thread asleep for ever: loom calls that a deadlock.

use std::sync::Arc;
use std::time::Duration;

mod errands;
mod naps;
mod resize;
mod spares;

use super::{Awake, Call, Sight, Sleep, Standing, Start};
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::unmodelled::{self, AtomicU64};
use crate::primitive::{Condvar, Injector, Mutex, Pointed, Steal, UnsafeCell};
use crate::thread::deque::{Deque, Stealer};
use crate::wait::deadline::Deadline;

use Ordering::{Acquire, Relaxed, Release};

/// At most so many jobs in a room.
const JOBS: usize = 3;

/// Where the jobs of a room lie.
trait Queue: Send + Sync + 'static {
    fn put(&self, job: usize);
    fn take(&self) -> Option<usize>;
    fn in_sight(&self) -> bool;
}

/// One flag a job: nothing could order less.
struct Flags(Box<[AtomicBool]>);

impl Flags {
    fn new(jobs: usize) -> Self {
        Self((0..jobs).map(|_| AtomicBool::new(false)).collect())
    }
}

impl Queue for Flags {
    fn put(&self, job: usize) {
        // ORDERING: Release pairs with the Acquire in `take`, for the letter.
        self.0[job].store(true, Release);
    }
    fn take(&self) -> Option<usize> {
        let is_up = |flag: &&AtomicBool| flag.load(Relaxed) && flag.swap(false, Acquire);
        let flag = self.0.iter().find(is_up)?;
        self.0.iter().position(|other| std::ptr::eq(flag, other))
    }
    fn in_sight(&self) -> bool {
        self.0.iter().any(|flag| flag.load(Relaxed))
    }
}

impl Queue for Injector<usize> {
    fn put(&self, job: usize) {
        self.push(job);
    }
    fn take(&self) -> Option<usize> {
        loop {
            match self.steal() {
                Steal::Success(job) => return Some(job),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }
    fn in_sight(&self) -> bool {
        !self.is_empty()
    }
}

// SAFETY: the number is the address, which is never followed.
unsafe impl Pointed for usize {
    fn into_pointer(self) -> *mut () {
        std::ptr::without_provenance_mut(self)
    }

    fn pointer(&self) -> *const () {
        std::ptr::without_provenance(*self)
    }

    unsafe fn from_pointer(pointer: *mut ()) -> Self {
        pointer.addr()
    }
}

/// The deque of a thread outside the room, as its thieves see it.
impl Queue for Stealer<usize> {
    fn put(&self, _: usize) {
        unreachable!("the owner pushes");
    }
    fn take(&self) -> Option<usize> {
        loop {
            match self.steal() {
                Steal::Success(job) => return Some(job),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }
    fn in_sight(&self) -> bool {
        !self.is_empty()
    }
}

/// What a job does, beside reading its letter.
type Run<Q> = fn(&Arc<Room<Q>>, &Standing, usize);

struct Room<Q> {
    sleep: Sleep,
    queue: Q,
    /// Jobs that need no permit.
    errands: Flags,
    run: Run<Q>,
    keep_alive: Duration,
    /// After so many jobs a thread goes, with its permit, and nobody needs to
    /// end the pool: that is a model of its own.
    quits_after: [usize; 3],
    /// So many threads the system gives.
    gives: AtomicU64,
    /// Permits that those who went have kept.
    kept: AtomicU64,
    threads_max: usize,
    /// What the submitter of each job writes before, and its runner reads.
    letters: [UnsafeCell<usize>; JOBS],
    ran: AtomicU64,
    cancelled: AtomicU64,
    threads: unmodelled::Mutex<Vec<JoinHandle<()>>>,
    /// For jobs that wait for jobs: how many are done.
    done: Mutex<usize>,
    more_done: Condvar,
}

// SAFETY: a letter is written before its job is put, and read after it was
// taken; that this is enough is what the models show.
unsafe impl<Q: Sync> Sync for Room<Q> {}

impl<Q: Queue> Sight for Room<Q> {
    fn has_work(&self) -> bool {
        self.in_sight()
    }

    fn has_tasks(&self) -> bool {
        self.in_sight()
    }
}

fn nothing<Q>(_: &Arc<Room<Q>>, _: &Standing, _: usize) {}

impl<Q: Queue> Room<Q> {
    fn new(queue: Q, permits: usize, threads_max: usize, resident: usize) -> Self {
        Self {
            sleep: Sleep::new(permits, threads_max, resident),
            queue,
            errands: Flags::new(JOBS),
            run: nothing,
            keep_alive: Duration::MAX,
            quits_after: [usize::MAX; 3],
            gives: AtomicU64::new(u64::MAX),
            kept: AtomicU64::new(0),
            threads_max,
            letters: Default::default(),
            ran: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            threads: unmodelled::Mutex::new(Vec::new()),
            done: Mutex::new(0),
            more_done: Condvar::new(),
        }
    }

    /// Starts the room's first threads.
    fn open(self, threads: usize) -> Arc<Self> {
        let room = Arc::new(self);
        for _ in 0..threads {
            let call = room.sleep.first_threads();
            room.answer(call);
        }
        room
    }

    /// As `open`; each of the two threads goes after so many jobs.
    fn open_for(mut self, jobs: [usize; 2], threads: usize) -> Arc<Self> {
        self.quits_after[..2].copy_from_slice(&jobs);
        self.open(threads)
    }

    fn in_sight(&self) -> bool {
        self.queue.in_sight()
    }

    fn answer(self: &Arc<Self>, call: Call) {
        if let Call::Start(start) = call {
            if self.gives.load(Relaxed) == 0 {
                let _ = self.sleep.start_failed(start, &**self);
                return;
            }
            self.gives.fetch_sub(1, Relaxed);
            let room = Arc::clone(self);
            let body = move || room.work(start);
            let thread = thread::spawn(String::from("worker"), None, body).unwrap();
            self.threads.lock().push(thread);
        }
    }

    /// What `worker::main` does, without the tasks.
    fn work(self: &Arc<Self>, start: Start) {
        let (me, index) = (Standing::of(start), start.index);
        let mut jobs = 0;
        let mut may_work = me.has_permit();
        let awake = loop {
            while may_work && let Some(job) = self.queue.take() {
                if me.is_searching() {
                    let call = self.sleep.stop_searching(&me, || self.in_sight());
                    self.answer(call);
                }
                self.run(&me, job);
                jobs += 1;
                if jobs == self.quits_after[index] {
                    self.kept.fetch_add(u64::from(me.has_permit()), Relaxed);
                    return;
                }
                may_work = self.sleep.take_permit(&me);
            }
            let awake = (self.sleep).fall_asleep(&me, self.keep_alive, &**self);
            match awake {
                Awake::Work => may_work = true,
                Awake::Errand => {
                    if self.sleep.take_errand() {
                        self.run_errand(&me);
                        jobs += 1;
                        if jobs == self.quits_after[index] {
                            self.kept.fetch_add(u64::from(me.has_permit()), Relaxed);
                            return;
                        }
                    }
                    may_work = self.sleep.take_permit(&me);
                }
                Awake::Post => unreachable!("nothing is addressed to one of these"),
                Awake::Retired | Awake::Ended => break awake,
            }
        };
        let call = self.sleep.left(&me, &awake, || self.in_sight());
        self.answer(call);
    }

    /// As `blocking` does for an errand that was taken.
    fn run_errand(self: &Arc<Self>, me: &Standing) {
        let job = self.errands.take().expect("what was taken is there");
        let call = self.sleep.block_starts(me, || self.in_sight());
        self.answer(call);
        self.run(me, job);
        self.sleep.block_ends(me);
    }

    fn run(self: &Arc<Self>, me: &Standing, job: usize) {
        // SAFETY: the writer has written before it put the job.
        self.letters[job].with(|letter| assert_eq!(unsafe { *letter }, 40 + job));
        self.ran.fetch_add(1, Relaxed);
        (self.run)(self, me, job);
    }

    fn write(&self, job: usize) {
        // SAFETY: the only writer, and the reader comes after it.
        self.letters[job].with_mut(|letter| unsafe { *letter = 40 + job });
    }

    /// Puts a job before there are threads.
    fn lay_out(&self, job: usize) {
        self.write(job);
        self.queue.put(job);
    }

    /// What `Core::push` does from outside.
    fn submit(self: &Arc<Self>, jobs: &[usize]) {
        for job in jobs {
            self.lay_out(*job);
        }
        self.published();
    }

    /// What `Core::push_errand` does.
    fn send(self: &Arc<Self>, job: usize) {
        self.write(job);
        self.errands.put(job);
        let call = self.sleep.errand_published();
        self.answer(call);
        if self.sleep.has_ended() {
            while self.sleep.take_errand() {
                assert!(self.errands.take().is_some());
                self.cancelled.fetch_add(1, Relaxed);
            }
        }
    }

    fn resize(self: &Arc<Self>, permits: usize) {
        let call = self.sleep.resize(permits, permits, || self.in_sight());
        self.answer(call);
    }

    /// Waits inside a job, as a task does for another.
    fn block(self: &Arc<Self>, me: &Standing, done: usize) {
        let call = self.sleep.block_starts(me, || self.in_sight());
        self.answer(call);
        self.wait_for_done(done);
        self.sleep.block_ends(me);
    }

    fn published(self: &Arc<Self>) {
        let call = self.sleep.job_published();
        self.answer(call);
        if self.sleep.has_ended() {
            while self.queue.take().is_some() {
                self.cancelled.fetch_add(1, Relaxed);
            }
        }
    }

    fn end(self: &Arc<Self>) {
        self.sleep.close(&**self);
        assert!(self.sleep.wait_for_end(false, Deadline::NEVER));
        self.join();
    }

    /// As `Core::wait_for_end` inside a job, which has closed the room.
    fn wait_for_end(self: &Arc<Self>) {
        let call = self.sleep.closer_comes(&**self);
        self.answer(call);
        assert!(self.sleep.wait_for_end(true, Deadline::NEVER));
    }

    fn join(&self) {
        loop {
            let next = self.threads.lock().pop();
            let Some(thread) = next else { return };
            thread.join().unwrap();
        }
    }

    /// How things must stand when all is quiet.
    fn is_quiet(&self, jobs: usize) {
        assert!(!self.in_sight(), "a job is forgotten");
        assert!(!self.sleep.has_errands(), "an errand is forgotten");
        let resolved = self.ran.load(Relaxed) + self.cancelled.load(Relaxed);
        assert_eq!(resolved, jobs as u64, "a job was run twice, or not at all");
        let idle = self.sleep.permits() - self.kept.load(Relaxed) as usize;
        assert_eq!(self.sleep.counts(), (idle, 0, 0), "a permit leaks");
        let places = self.sleep.live() + self.sleep.vacant();
        assert_eq!(places, self.threads_max, "a place leaks");
    }

    /// Nobody is left, and so it was meant.
    fn is_empty(&self) {
        assert_eq!(self.sleep.live(), 0);
    }

    fn count_done(&self) {
        *self.done.lock() += 1;
        self.more_done.notify_all();
    }

    fn wait_for_done(&self, count: usize) {
        let mut done = self.done.lock();
        while *done < count {
            self.more_done.wait(&mut done);
        }
    }
}

fn start(body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::spawn(String::from("other"), None, body).unwrap()
}

impl Sleep {
    /// Idle permits, searching threads, parked threads.
    pub(in crate::thread) fn counts(&self) -> (usize, usize, usize) {
        let (idle, searching) = self.census.counts();
        (idle, searching, self.crew.lock().parked.len())
    }

    /// How many indices have no thread, the extra one apart.
    pub(in crate::thread) fn vacant(&self) -> usize {
        let crew = self.crew.lock();
        assert!(crew.extra.is_some(), "the extra place leaks");
        crew.free.len()
    }
}
