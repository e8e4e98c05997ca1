//! A crowd around one semaphore: threads and futures that ask for permits, wait,
//! give up, hold, and give back, until they are told to stop.
//!
//! Each says in its [`Slot`] what it does, before it does it or after it has
//! done it, so that what `permits.rs` concludes from the slots is never too much:
//!
//! * *waits* from before the call until permits were had or given up;
//! * *holds* until before they are given back, then *moves* until they are.
//!
//! Each request draws a number when it starts. One that obtains its permits while
//! somebody is watched, and started later than that one joined the line, has
//! passed it: it counts that before it gives anything back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use raddle::sync::{AcquireError, Permit, Semaphore};

use crate::checks::Doing;
use crate::progress;
use crate::report::Dice;

/// Nobody is watched; no request is under way.
pub(crate) const NEVER: u64 = u64::MAX;

/// What one of the crowd does.
#[derive(Default)]
pub(crate) struct Slot {
    /// A kind in the upper half, a number of permits in the lower.
    doing: AtomicU64,
    /// The number of its request, or [`NEVER`].
    request: AtomicU64,
}

impl Slot {
    fn is(&self, doing: Doing) {
        let (kind, count) = match doing {
            Doing::Nothing => (0, 0),
            Doing::Waits(need) => (1, need),
            Doing::Holds(count) => (2, count),
            Doing::Moves => (3, 0),
        };
        self.doing.store(kind << 32 | count, SeqCst);
    }

    pub(crate) fn doing(&self) -> Doing {
        let word = self.doing.load(SeqCst);
        let count = word & u64::from(u32::MAX);
        match word >> 32 {
            0 => Doing::Nothing,
            1 => Doing::Waits(count),
            2 => Doing::Holds(count),
            _ => Doing::Moves,
        }
    }

    pub(crate) fn request(&self) -> u64 {
        self.request.load(SeqCst)
    }
}

/// Half of the crowd may wait for ever. The others never do: else all would
/// soon stand in a line that few pass, and nobody would give up.
fn is_patient(who: usize) -> bool {
    who.is_multiple_of(2)
}

/// The semaphore and what is known of those around it.
pub(crate) struct Crowd {
    pub(crate) semaphore: Semaphore,
    pub(crate) permits: u64,
    pub(crate) slots: Vec<Slot>,
    /// Permits that are held, as the holders count them.
    pub(crate) held: AtomicU64,
    /// More were held than there are.
    pub(crate) too_many: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) obtained: AtomicU64,
    /// By futures that this crowd drives, of those.
    pub(crate) by_futures: AtomicU64,
    pub(crate) given_up: AtomicU64,
    /// Requests from this number on are later than the one that is watched.
    pub(crate) later_from: AtomicU64,
    pub(crate) passed: AtomicU64,
    /// The same from when the watched one was first in line.
    pub(crate) later_than_first_from: AtomicU64,
    pub(crate) passed_first: AtomicU64,
    /// Holders hold, and nobody begins anything.
    pub(crate) is_frozen: AtomicBool,
    pub(crate) is_over: AtomicBool,
    /// What everybody asks for; 0: whatever they like.
    pub(crate) need: AtomicU64,
}

impl Crowd {
    pub(crate) fn new(semaphore: Semaphore, people: u64) -> Self {
        let slots: Vec<Slot> = (0..people).map(|_| Slot::default()).collect();
        for slot in &slots {
            slot.request.store(NEVER, SeqCst);
        }
        Self {
            permits: semaphore.max() as u64,
            semaphore,
            slots,
            held: AtomicU64::new(0),
            too_many: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            obtained: AtomicU64::new(0),
            by_futures: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            later_from: AtomicU64::new(NEVER),
            passed: AtomicU64::new(0),
            later_than_first_from: AtomicU64::new(NEVER),
            passed_first: AtomicU64::new(0),
            is_frozen: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            need: AtomicU64::new(0),
        }
    }

    fn begins(&self, slot: &Slot, dice: &mut Dice) -> (u64, u64) {
        let need = match self.need.load(SeqCst) {
            // Now and then all of them.
            0 if dice.roll(64) == 0 => self.permits,
            0 => 1 + dice.roll(self.permits / 2),
            need => need,
        };
        slot.is(Doing::Waits(need));
        let request = self.requests.fetch_add(1, SeqCst);
        slot.request.store(request, SeqCst);
        (need, request)
    }

    fn obtains(&self, slot: &Slot, need: u64, request: u64) {
        if self.held.fetch_add(need, SeqCst) + need > self.permits {
            self.too_many.fetch_add(1, SeqCst);
        }
        if request >= self.later_from.load(SeqCst) {
            self.passed.fetch_add(1, SeqCst);
        }
        if request >= self.later_than_first_from.load(SeqCst) {
            self.passed_first.fetch_add(1, SeqCst);
        }
        self.obtained.fetch_add(1, SeqCst);
        slot.request.store(NEVER, SeqCst);
        slot.is(Doing::Holds(need));
        progress();
    }

    fn gives_up(&self, slot: &Slot) {
        self.given_up.fetch_add(1, SeqCst);
        slot.request.store(NEVER, SeqCst);
        slot.is(Doing::Nothing);
    }

    fn gives_back(&self, slot: &Slot, need: u64, permit: Permit<'_>) {
        slot.is(Doing::Moves);
        self.held.fetch_sub(need, SeqCst);
        drop(permit);
        slot.is(Doing::Nothing);
    }

    fn stays_while_frozen(&self) {
        while self.is_frozen.load(SeqCst) {
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// One thread of the crowd.
    pub(crate) fn thread(&self, who: usize, mut dice: Dice) {
        let slot = &self.slots[who];
        while !self.is_over.load(SeqCst) {
            self.stays_while_frozen();
            let (need, request) = self.begins(slot, &mut dice);
            let count = need as usize;
            let limit = Duration::from_nanos(1 << dice.roll(21));
            let ways = if is_patient(who) { 8 } else { 4 };
            let got = match dice.roll(ways) {
                0 => self.semaphore.try_acquire_many(count),
                1 | 2 => self.semaphore.acquire_many_timeout(count, limit),
                3 => raddle::block_on_timeout(self.semaphore.acquire_many_async(count), limit)
                    .unwrap_or(Err(AcquireError::TimedOut)),
                4 => raddle::block_on(self.semaphore.acquire_many_async(count)),
                _ => self.semaphore.acquire_many(count),
            };
            let Ok(permit) = got else {
                self.gives_up(slot);
                continue;
            };
            self.obtains(slot, need, request);
            self.stays_while_frozen();
            // Held by one that sleeps, permits are waited for.
            match dice.roll(16) {
                0 | 1 => thread::sleep(Duration::from_micros(10)),
                2 => thread::yield_now(),
                _ => {}
            }
            self.gives_back(slot, need, permit);
        }
    }

    /// One thread that drives some futures of the crowd, until it is over and
    /// each has come to an end.
    pub(crate) fn drive(&self, people: std::ops::Range<usize>, seed: u64) {
        let mut tasks: Vec<AsyncTask<'_>> = people
            .map(|who| AsyncTask::new(self, who, Dice::new(seed, who as u64)))
            .collect();
        loop {
            let mut has_moved = false;
            let mut is_idle = true;
            for task in &mut tasks {
                has_moved |= task.turn();
                is_idle &= matches!(task.state, State::Idle);
            }
            if is_idle && self.is_over.load(SeqCst) {
                return;
            }
            if !has_moved {
                // The limit is for those that lose their patience.
                thread::park_timeout(Duration::from_micros(200));
            }
        }
    }
}

/// Notes that a future was called, and by nothing else is it polled.
pub(crate) struct Flag {
    is_set: AtomicBool,
    thread: Thread,
}

impl Flag {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            is_set: AtomicBool::new(false),
            thread: thread::current(),
        })
    }

    pub(crate) fn take(&self) -> bool {
        self.is_set.swap(false, SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.is_set.store(true, SeqCst);
        self.thread.unpark();
    }
}

type Acquiring<'a> = Pin<Box<dyn Future<Output = Result<Permit<'a>, AcquireError>> + 'a>>;

enum State<'a> {
    Idle,
    Waits {
        future: Acquiring<'a>,
        need: u64,
        request: u64,
        /// It is dropped after so many more polls. `None`: it is polled when it
        /// was called, and not before: so a wake-up that is lost stays lost.
        patience: Option<u64>,
    },
    /// It is given back after so many more turns.
    Holds {
        permit: Permit<'a>,
        need: u64,
        turns: u64,
    },
}

struct AsyncTask<'a> {
    who: usize,
    crowd: &'a Crowd,
    slot: &'a Slot,
    dice: Dice,
    flag: Arc<Flag>,
    waker: Waker,
    state: State<'a>,
}

impl<'a> AsyncTask<'a> {
    fn new(crowd: &'a Crowd, who: usize, dice: Dice) -> Self {
        let flag = Flag::new();
        Self {
            who,
            crowd,
            slot: &crowd.slots[who],
            dice,
            waker: Waker::from(Arc::clone(&flag)),
            flag,
            state: State::Idle,
        }
    }

    /// Does what can be done now; says whether anything was.
    fn turn(&mut self) -> bool {
        let crowd = self.crowd;
        let is_frozen = crowd.is_frozen.load(SeqCst);
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle if is_frozen || crowd.is_over.load(SeqCst) => false,
            State::Idle => {
                let (need, request) = crowd.begins(self.slot, &mut self.dice);
                let future = Box::pin(crowd.semaphore.acquire_many_async(need as usize));
                let never = is_patient(self.who) && self.dice.roll(2) == 0;
                let patience = (!never).then(|| self.dice.roll(20));
                self.poll(future, need, request, patience);
                true
            }
            State::Waits {
                future,
                need,
                request,
                patience,
            } => {
                if patience == Some(0) {
                    drop(future);
                    crowd.gives_up(self.slot);
                    return true;
                }
                let is_called = self.flag.take();
                if is_called || patience.is_some() {
                    self.poll(future, need, request, patience.map(|left| left - 1));
                } else {
                    self.state = State::Waits {
                        future,
                        need,
                        request,
                        patience,
                    };
                }
                is_called
            }
            State::Holds {
                permit,
                need,
                turns,
            } if is_frozen || turns > 0 => {
                self.state = State::Holds {
                    permit,
                    need,
                    turns: turns.saturating_sub(1),
                };
                !is_frozen
            }
            State::Holds { permit, need, .. } => {
                crowd.gives_back(self.slot, need, permit);
                true
            }
        }
    }

    fn poll(&mut self, mut future: Acquiring<'a>, need: u64, request: u64, patience: Option<u64>) {
        match future.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(Ok(permit)) => {
                self.crowd.by_futures.fetch_add(1, SeqCst);
                self.crowd.obtains(self.slot, need, request);
                let turns = self.dice.roll(12);
                self.state = State::Holds {
                    permit,
                    need,
                    turns,
                };
            }
            Poll::Ready(Err(why)) => unreachable!("nobody closes it: {why}"),
            Poll::Pending => {
                self.state = State::Waits {
                    future,
                    need,
                    request,
                    patience,
                };
            }
        }
    }
}
