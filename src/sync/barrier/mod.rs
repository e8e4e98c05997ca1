//! Where a number of parties meet, again and again.
//!
//! ```text
//!   mod.rs     what users call; the leader's way
//!   state.rs   who waits, and for what      ◄── the story
//! ```

mod state;
mod told;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::primitive::{Mutex, mutant};
use crate::wait::deadline::Deadline;
use crate::wait::queue::Wakes;
use crate::wait::waited::{Waiting, wait};
use state::{Outcome, State};

pub use told::{BarrierError, BarrierWaitResult};

/// Where a number of threads and async tasks wait for each other, again and
/// again.
///
/// When the last of them has come, one, the leader, runs the action, if there is
/// one; then all go on.
///
/// The barrier *breaks* when the time limit of one passes before it is free, when
/// the action panics, or somebody calls [`abort`](Self::abort). All who wait, and
/// all who come, then get [`Broken`](BarrierError::Broken), until a
/// [`reset`](Self::reset). Only a round for which all have come already is not
/// concerned when the limit of one passes who waits for a *later* round.
///
/// A party that fails *before it comes* tells nobody, nor does a future that is
/// dropped: the others wait for it. So wait with a limit, or let the party
/// [`abort`](Self::abort) when it fails (in the `drop` of a value, say).
///
/// # Fairness
///
/// Those who wait go on in the order of their coming: first the threads, then the
/// futures, whose wakers may take their time. Who comes while a round is being
/// freed is of the next one.
///
/// # Memory ordering
///
/// What each party did before it came happens-before the action, and that before
/// the return of every party's wait. What precedes a break happens-before
/// [`Broken`](BarrierError::Broken) is returned because of it.
///
/// # Waiting
///
/// A worker that waits tells its pool, and a spare worker takes its place. Parties
/// that all block in tasks of one pool need a thread each: with a `workers_max`
/// below their number they never meet.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use raddle::sync::Barrier;
///
/// let steps = Barrier::new(3);
/// let leaders: usize = thread::scope(|s| {
///     let parties = [(); 3].map(|()| {
///         s.spawn(|| {
///             // .. a first step ..
///             let is_leader = steps.wait().unwrap().is_leader();
///             // .. a second one: all have done the first ..
///             usize::from(is_leader)
///         })
///     });
///     parties.map(|party| party.join().unwrap()).iter().sum()
/// });
/// assert_eq!(leaders, 1);
/// ```
#[doc(alias("CyclicBarrier", "rendezvous", "Phaser"))]
pub struct Barrier {
    parties: usize,
    action: Option<Box<dyn Fn() + Send + Sync>>,
    state: Mutex<State>,
}

impl Barrier {
    maybe_const! {
        /// A barrier for `parties` threads or tasks.
        ///
        /// # Panics
        ///
        /// When `parties` is 0: nobody could ever come.
        ///
        /// # Examples
        ///
        /// ```
        /// use raddle::sync::Barrier;
        ///
        /// static BOTH: Barrier = Barrier::new(2);
        /// assert_eq!(BOTH.parties(), 2);
        /// ```
        #[track_caller]
        pub fn new(parties: usize) -> Self {
            assert!(
                parties > 0,
                "raddle: a `Barrier` for 0 parties is one at which nobody meets: give it 1 or more"
            );
            Self {
                parties,
                action: None,
                state: Mutex::new(State::new(parties)),
            }
        }
    }

    /// A barrier whose leader runs `action` in each round, when all have come
    /// and before any goes on.
    ///
    /// Under no lock; but if the time limit of one of its round passes meanwhile,
    /// that breaks the barrier. A panic of the action breaks it, and goes on in
    /// the leader's wait.
    ///
    /// # Panics
    ///
    /// When `parties` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use raddle::sync::Barrier;
    ///
    /// let rounds = Arc::new(AtomicU32::new(0));
    /// let counts = rounds.clone();
    /// let alone = Barrier::with_action(1, move || {
    ///     counts.fetch_add(1, Ordering::Relaxed);
    /// });
    /// alone.wait()?;
    /// alone.wait()?;
    /// assert_eq!(rounds.load(Ordering::Relaxed), 2);
    /// # Ok::<_, raddle::sync::BarrierError>(())
    /// ```
    #[track_caller]
    pub fn with_action(parties: usize, action: impl Fn() + Send + Sync + 'static) -> Self {
        let mut barrier = Self::new(parties);
        barrier.action = Some(Box::new(action));
        barrier
    }

    /// Waits until all parties have come, in this thread.
    ///
    /// Blocks; a worker of a pool lends its place to a spare meanwhile. The last
    /// to come does not wait: it leads.
    ///
    /// # Errors
    ///
    /// [`Broken`](BarrierError::Broken).
    ///
    /// # Panics
    ///
    /// In the leader, when the action does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use raddle::sync::Barrier;
    ///
    /// let pair = Barrier::new(2);
    /// thread::scope(|s| {
    ///     s.spawn(|| pair.wait());
    ///     pair.wait().unwrap();
    /// });
    /// ```
    #[doc(alias("arrive_and_wait", "await"))]
    pub fn wait(&self) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_by(Deadline::NEVER, BarrierError::TimedOut)
    }

    /// As [`wait`](Self::wait), at most for `limit`. When it has passed, the
    /// barrier is broken: the others do not wait for this party.
    ///
    /// A limit that has passed before the party has come breaks nothing: so
    /// `Duration::ZERO` tries once. `Duration::MAX` waits for ever.
    ///
    /// # Errors
    ///
    /// [`Broken`](BarrierError::Broken), [`TimedOut`](BarrierError::TimedOut).
    ///
    /// # Panics
    ///
    /// In the leader, when the action does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use raddle::sync::{Barrier, BarrierError};
    ///
    /// let pair = Barrier::new(2);
    /// let late = pair.wait_timeout(Duration::from_millis(1));
    /// assert_eq!(late.unwrap_err(), BarrierError::TimedOut);
    /// assert!(pair.is_broken());
    /// ```
    pub fn wait_timeout(&self, limit: Duration) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_by(Deadline::after(limit), BarrierError::TimedOut)
    }

    /// As [`wait_timeout`](Self::wait_timeout), at most until `at`. A time that
    /// has passed breaks nothing.
    ///
    /// # Errors
    ///
    /// As `wait_timeout`.
    ///
    /// # Panics
    ///
    /// In the leader, when the action does.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{Barrier, BarrierError};
    /// use std::time::Instant;
    ///
    /// let pair = Barrier::new(2);
    /// let late = pair.wait_deadline(Instant::now());
    /// assert_eq!(late.unwrap_err(), BarrierError::TimedOut);
    /// ```
    pub fn wait_deadline(&self, at: Instant) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_by(Deadline::at(at), BarrierError::TimedOut)
    }

    /// Meets the others if all of them wait already.
    ///
    /// # Errors
    ///
    /// [`Broken`](BarrierError::Broken), [`NotNow`](BarrierError::NotNow).
    ///
    /// # Panics
    ///
    /// When the action does.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{Barrier, BarrierError};
    ///
    /// let pair = Barrier::new(2);
    /// assert_eq!(pair.try_wait().unwrap_err(), BarrierError::NotNow);
    /// assert!(!pair.is_broken());
    /// ```
    pub fn try_wait(&self) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_by(Deadline::after(Duration::ZERO), BarrierError::NotNow)
    }

    /// Waits until all parties have come, as a future: it comes when it is first
    /// polled.
    ///
    /// Cancel-safe: dropped before all have come, it has not come; the others wait
    /// on, and another may come in its place. Dropped later, it has met them, and
    /// lets another lead if that was its part. So a limit *around* the future
    /// breaks nothing, unlike that of [`wait_timeout`](Self::wait_timeout): where
    /// the others are to know that nobody comes, [`abort`](Self::abort).
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// Its poll, in the leader, when the action does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use raddle::sync::Barrier;
    /// use raddle::{block_on, block_on_timeout};
    ///
    /// let pair = Barrier::new(2);
    /// let alone = block_on_timeout(pair.wait_async(), Duration::from_millis(1));
    /// assert!(alone.is_err() && pair.waiting() == 0 && !pair.is_broken());
    ///
    /// let alone = Barrier::new(1);
    /// assert!(block_on(alone.wait_async())?.is_leader());
    /// # Ok::<_, raddle::sync::BarrierError>(())
    /// ```
    pub fn wait_async(
        &self,
    ) -> impl Future<Output = Result<BarrierWaitResult, BarrierError>> + Send + Unpin + fmt::Debug
    {
        Meeting {
            barrier: self,
            waiting: Waiting::new(&self.state, ()),
        }
    }

    /// Breaks the barrier: all who wait get [`Broken`](BarrierError::Broken), and
    /// all who come, until a [`reset`](Self::reset).
    ///
    /// Does not block.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{Barrier, BarrierError};
    ///
    /// let pair = Barrier::new(2);
    /// pair.abort();
    /// assert_eq!(pair.wait().unwrap_err(), BarrierError::Broken);
    /// pair.reset();
    /// assert!(!pair.is_broken());
    /// ```
    pub fn abort(&self) {
        self.change(State::break_up);
    }

    /// Begins anew: all who wait get [`Broken`](BarrierError::Broken), who comes
    /// later does not. Repairs a broken barrier.
    ///
    /// Does not block. A leader whose action still runs gets `Broken` as well.
    ///
    /// # Examples
    ///
    /// ```
    /// use raddle::sync::{Barrier, BarrierError};
    ///
    /// let alone = Barrier::new(1);
    /// alone.abort();
    /// alone.reset();
    /// assert!(alone.wait().is_ok());
    /// ```
    pub fn reset(&self) {
        self.change(State::begin_anew);
    }

    /// Whether it is broken: who comes gets [`Broken`](BarrierError::Broken).
    ///
    /// # Examples
    ///
    /// ```
    /// let pair = raddle::sync::Barrier::new(2);
    /// pair.abort();
    /// assert!(pair.is_broken());
    /// ```
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.state.lock().is_broken()
    }

    /// How many meet.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::Barrier::new(2).parties(), 2);
    /// ```
    #[must_use]
    pub const fn parties(&self) -> usize {
        self.parties
    }

    /// How many wait at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(raddle::sync::Barrier::new(2).waiting(), 0);
    /// ```
    #[must_use]
    #[doc(alias("n_waiting", "getNumberWaiting"))]
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting()
    }

    fn wait_by(
        &self,
        deadline: Deadline,
        late: BarrierError,
    ) -> Result<BarrierWaitResult, BarrierError> {
        match wait(&self.state, (), deadline, "a barrier") {
            Some(outcome) => self.end(outcome),
            None => Err(late),
        }
    }

    fn end(&self, outcome: Outcome) -> Result<BarrierWaitResult, BarrierError> {
        match outcome {
            Outcome::Met => Ok(BarrierWaitResult::new(false)),
            Outcome::Leads(round) => self.lead(round),
            Outcome::Broken => Err(BarrierError::Broken),
        }
    }

    fn lead(&self, round: u64) -> Result<BarrierWaitResult, BarrierError> {
        /// Breaks the barrier, if the action unwinds.
        struct Lead<'a>(&'a Barrier, u64);
        impl Drop for Lead<'_> {
            fn drop(&mut self) {
                let Self(barrier, round) = *self;
                barrier.change(|state, wakes| {
                    if state.is_led(round) && !mutant("barrier-panic-breaks-nothing") {
                        state.break_up(wakes);
                    }
                });
            }
        }
        let lead = Lead(self, round);
        if let Some(action) = &self.action {
            action();
        }
        std::mem::forget(lead);
        self.change(|state, wakes| {
            if !state.is_led(round) && !mutant("barrier-frees-an-old-round") {
                return Err(BarrierError::Broken);
            }
            state.free(wakes);
            Ok(BarrierWaitResult::new(true))
        })
    }

    /// Changes the state, then wakes whom the change concerns.
    fn change<R>(&self, change: impl FnOnce(&mut State, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::default();
        let mut state = self.state.lock();
        let result = change(&mut state, &mut wakes);
        drop(state);
        wakes.wake();
        result
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("has_action", &self.action.is_some())
            .finish_non_exhaustive()
    }
}

/// A wait at a barrier, as a future.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
struct Meeting<'a> {
    barrier: &'a Barrier,
    waiting: Waiting<'a, State>,
}

impl Future for Meeting<'_> {
    type Output = Result<BarrierWaitResult, BarrierError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.waiting).poll(context));
        Poll::Ready(self.barrier.end(outcome))
    }
}
