//! A flag that one sets and others wait for.
//!
//! ```text
//!              set: everybody who waits goes on
//!   CLEAR ──────────────────────────────────────► SET
//!     ▲                                            │
//!     └─────────────────── clear ──────────────────┘
//! ```
//!
//! 1. The flag changes under the lock of the queue only; the atomic outside of
//!    it is a copy, for those who find it set.
//! 2. Whoever sets takes everybody out of the queue in the same step: a `clear`
//!    that follows comes too late to hold them back.
//!
//! Orderings: `set` releases, whoever sees the flag acquires. A `set` of an
//! event that is set is an exchange of SET for SET: it releases as well.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::{Mutex, mutant, weaken};
use crate::wait::deadline::Deadline;
use crate::wait::queue::{Sleeper, Ticket, WaitQueue, Wakes};
use crate::wait::waited::{Leaves, Waited, Waiting, wait};

/// A flag that threads and async tasks wait for: set, it lets all through
/// until it is cleared.
///
/// What it says is a state, not a message: a `set` that nobody waits for is not
/// lost, and ten `set`s are one. To count, take a [`Semaphore`](super::Semaphore);
/// for what happens once, a [`Latch`](super::Latch).
///
/// # Fairness
///
/// [`set`](Self::set) lets everybody go who waits at that moment, in the order
/// of their coming: first the threads, then the futures, whose wakers may take
/// their time. A [`clear`](Self::clear) right after it holds none of them back. So
/// a wait ends if the event was set at some moment while it lasted.
///
/// # Memory ordering
///
/// What was done before a `set` happens-before the return of a wait that it
/// ends, before [`is_set`](Self::is_set) says `true` for it, and before the
/// return of the [`clear`](Self::clear) that takes it back. So whoever waits,
/// clears, and then looks what there is to do misses nothing.
///
/// # Waiting
///
/// A worker that waits tells its pool, and a spare worker takes its place.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use raddle::sync::Event;
///
/// static READY: Event = Event::new();
///
/// let server = thread::spawn(|| {
///     READY.wait();
///     "serves"
/// });
/// READY.set();
/// assert_eq!(server.join().unwrap(), "serves");
/// ```
#[doc(alias("ManualResetEvent", "ManualResetEventSlim", "Notify", "Signal"))]
pub struct Event {
    is_set: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    is_set: bool,
    queue: WaitQueue<(), ()>,
}

impl Waited for State {
    type Need = ();
    type Gift = ();

    fn queue(&mut self) -> &mut WaitQueue<(), ()> {
        &mut self.queue
    }

    fn take(&mut self, (): &()) -> Option<()> {
        (self.is_set && !mutant("event-join-without-look")).then_some(())
    }

    // A signal is for everybody: who leaves has none of another.
    fn leave(&mut self, ticket: Ticket, _: Leaves, _: &mut Wakes) -> Option<Sleeper> {
        self.queue.leave(ticket).1
    }
}

impl Event {
    maybe_const! {
        /// An event that is not set.
        ///
        /// # Examples
        ///
        /// ```
        /// use raddle::sync::Event;
        ///
        /// static STOP: Event = Event::new();
        /// assert!(!STOP.is_set());
        /// ```
        pub fn new() -> Self {
            Self {
                is_set: AtomicBool::new(false),
                state: Mutex::new(State {
                    is_set: false,
                    queue: WaitQueue::new(),
                }),
            }
        }
    }

    /// Sets the event: everybody who waits goes on, and who comes does not wait.
    ///
    /// Does not block.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = raddle::sync::Event::new();
    /// event.set();
    /// event.wait(); // returns at once
    /// ```
    #[doc(alias("notify_all", "notify_waiters", "signal"))]
    pub fn set(&self) {
        // ORDERING: Release pairs with the Acquire in `is_set`. Relaxed on
        // failure, the lock follows.
        let again =
            (self.is_set).compare_exchange(true, true, Ordering::Release, Ordering::Relaxed);
        if again.is_ok() {
            return;
        }
        let mut wakes = Wakes::default();
        let mut state = self.state.lock();
        state.is_set = true;
        let order = weaken("event-set-relaxed", Ordering::Release);
        // ORDERING: Release pairs with the Acquire in `is_set`.
        self.is_set.store(true, order);
        while let Some(sleeper) = state.queue.give_first(()) {
            wakes.add(Some(sleeper));
            if mutant("event-set-wakes-one") {
                break;
            }
        }
        drop(state);
        wakes.wake();
    }

    /// Clears the event: who comes from now on waits. Nobody is held back who
    /// waited when it was set.
    ///
    /// Does not block.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = raddle::sync::Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    #[doc(alias("reset"))]
    pub fn clear(&self) {
        let mut state = self.state.lock();
        state.is_set = false;
        // ORDERING: Acquire pairs with the Release of a `set` that found it set
        // and went without the lock: what came before that `set` is seen by
        // whoever clears the event and then looks whether there is more to do.
        self.is_set
            .swap(false, weaken("event-clear-relaxed", Ordering::Acquire));
    }

    /// Whether it is set.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = raddle::sync::Event::new();
    /// assert!(!event.is_set());
    /// event.set();
    /// assert!(event.is_set());
    /// ```
    #[must_use]
    #[inline]
    pub fn is_set(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `set`.
        self.is_set
            .load(weaken("event-is-set-relaxed", Ordering::Acquire))
    }

    /// Waits until the event is set, in this thread.
    ///
    /// Blocks; a worker of a pool lends its place to a spare meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use raddle::sync::Event;
    ///
    /// let loaded = Event::new();
    /// thread::scope(|s| {
    ///     s.spawn(|| loaded.wait());
    ///     loaded.set();
    /// });
    /// ```
    #[inline]
    pub fn wait(&self) {
        self.wait_by(Deadline::NEVER);
    }

    /// As [`wait`](Self::wait), but does not wait: whether the event is set, as
    /// [`is_set`](Self::is_set).
    ///
    /// # Examples
    ///
    /// ```
    /// let event = raddle::sync::Event::new();
    /// assert!(!event.try_wait());
    /// event.set();
    /// assert!(event.try_wait());
    /// ```
    #[must_use = "it does not wait: the event may not be set"]
    #[inline]
    pub fn try_wait(&self) -> bool {
        self.is_set()
    }

    /// As [`wait`](Self::wait), at most for `limit`; `false` says that it has
    /// passed. `Duration::ZERO` looks once, `Duration::MAX` waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event = raddle::sync::Event::new();
    /// assert!(!event.wait_timeout(Duration::from_millis(1)));
    /// event.set();
    /// assert!(event.wait_timeout(Duration::ZERO));
    /// ```
    #[must_use = "it may have ended because of the limit"]
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        self.wait_by(Deadline::after(limit))
    }

    /// As [`wait`](Self::wait), at most until `at`; `false` says that it has
    /// passed.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = raddle::sync::Event::new();
    /// let soon = std::time::Instant::now() + std::time::Duration::from_millis(1);
    /// assert!(!event.wait_deadline(soon));
    /// ```
    #[must_use = "it may have ended because of the limit"]
    pub fn wait_deadline(&self, at: Instant) -> bool {
        self.wait_by(Deadline::at(at))
    }

    /// Waits until the event is set, as a future. It may be dropped at any time.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = raddle::sync::Event::new();
    /// event.set();
    /// raddle::block_on(event.wait_async());
    /// ```
    pub fn wait_async(&self) -> impl Future<Output = ()> + Send + Unpin + fmt::Debug {
        Signalled {
            event: self,
            waiting: Waiting::new(&self.state, ()),
        }
    }

    /// How many wait at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::Event::new().waiting(), 0);
    /// ```
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().queue.len()
    }

    #[inline]
    fn wait_by(&self, deadline: Deadline) -> bool {
        self.is_set() || wait(&self.state, (), deadline, "an event").is_some()
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("is_set", &self.is_set())
            .finish_non_exhaustive()
    }
}

/// A wait for an event, as a future.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
struct Signalled<'a> {
    event: &'a Event,
    waiting: Waiting<'a, State>,
}

impl Future for Signalled<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.event.is_set() {
            ready!(Pin::new(&mut self.waiting).poll(context));
        }
        Poll::Ready(())
    }
}
