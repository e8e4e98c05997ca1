//! What only some tasks have: a name, a token, time limits.
//!
//! Extras are a second allocation, made when the task is submitted with
//! options, or when a running task asks for its token. A *link* lets a token
//! or the timer reach a task: it counts as a reference to the cell, next to
//! the one which handle and queue hold together.
//!
//! ```text
//!    token ──► Registration ──► Link ──► cell ──► Extras ──► Registration
//!    timer ──► TimerKey ──────► Link ──►            └──────► TimerKey
//! ```
//!
//! The circle is cut when the task ends: [`Extras::unlink`] takes token and
//! timer their entries. It may come before [`Extras::keep`] has stored one, so
//! it leaves a mark, and `keep` then drops what it was given.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cancel::{CancellationToken, Registration};
use super::cell::Header;
use super::options::Priority;
use super::reference::Ref;
use super::state::Phase;
use crate::error::{TaskError, TimedOut};
use crate::primitive::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::primitive::unmodelled::OnceLock;
use crate::primitive::{Mutex, mutant, now, weaken};
use crate::wait::timer::{self, Fire, TimerKey};

/// What a task was submitted with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) priority: Option<Priority>,
    pub(crate) token: Option<CancellationToken>,
    /// Further tokens that cancel the task.
    pub(crate) tokens: Vec<CancellationToken>,
}

impl Options {
    /// Both: the stricter limits, all tokens; the outer name and priority, if there
    /// is one.
    pub(super) fn merge(mut self, inner: Self) -> Self {
        self.name = self.name.or(inner.name);
        self.priority = self.priority.or(inner.priority);
        self.timeout = match (self.timeout, inner.timeout) {
            (Some(outer), Some(inner)) => Some(outer.min(inner)),
            (outer, inner) => outer.or(inner),
        };
        self.deadline = match (self.deadline, inner.deadline) {
            (Some(outer), Some(inner)) => Some(outer.min(inner)),
            (outer, inner) => outer.or(inner),
        };
        self.tokens.extend(inner.tokens);
        match (&self.token, inner.token) {
            (Some(_), Some(inner)) => self.tokens.push(inner),
            (None, inner) => self.token = inner,
            (Some(_), None) => {}
        }
        self
    }

    pub(super) fn is_limited(&self) -> bool {
        self.timeout.is_some() || self.deadline.is_some()
    }
}

/// The cell's pointer to its extras; null for most tasks.
#[derive(Debug)]
pub(super) struct ExtrasSlot(AtomicPtr<Extras>);

impl ExtrasSlot {
    #[inline]
    pub(super) fn new(options: Option<Box<Options>>) -> Self {
        let extras = options.map_or(ptr::null_mut(), Extras::boxed);
        Self(AtomicPtr::new(extras))
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&Extras> {
        // ORDERING: Acquire pairs with the Release in `get_or_make`.
        let extras = self.0.load(Ordering::Acquire);
        // SAFETY: extras are freed only together with the slot.
        unsafe { extras.as_ref() }
    }

    /// Frees the extras, if there are any: all that a drop does.
    ///
    /// # Safety
    ///
    /// The slot is neither used nor dropped afterwards.
    #[inline]
    pub(super) unsafe fn free(&self) {
        // ORDERING: Acquire, another thread may have made the extras.
        let extras = self.0.load(Ordering::Acquire);
        if !extras.is_null() {
            // SAFETY: it came from a box, and the slot is its only owner.
            drop(unsafe { Box::from_raw(extras) });
        }
    }

    /// The extras, made now if the task had none.
    fn get_or_make(&self) -> &Extras {
        if let Some(extras) = self.get() {
            return extras;
        }
        let made = Box::into_raw(Box::new(Extras::new(Options::default())));
        // ORDERING: Release shows what was made; Acquire shows what another made.
        let put =
            (self.0).compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
        let extras = match put {
            Ok(_) => made,
            Err(other) => {
                // SAFETY: ours was not put into the slot, so it is ours alone.
                drop(unsafe { Box::from_raw(made) });
                other
            }
        };
        // SAFETY: extras are freed only together with the slot.
        unsafe { &*extras }
    }
}

impl Drop for ExtrasSlot {
    fn drop(&mut self) {
        // SAFETY: it is used no more.
        unsafe { self.free() };
    }
}

/// Name, limits and token of a task, and its links.
#[derive(Debug)]
pub(super) struct Extras {
    /// Links, and one for handle and queue together.
    references: AtomicUsize,
    options: Options,
    made: Instant,
    started: OnceLock<Instant>,
    expired: OnceLock<TimedOut>,
    token: OnceLock<CancellationToken>,
    /// The system gave no thread for the timer: the token must look at the clock.
    no_timer: OnceLock<()>,
    clocked: OnceLock<CancellationToken>,
    links: Mutex<Links>,
}

#[derive(Debug, Default)]
struct Links {
    ended: bool,
    tokens: Vec<Registration>,
    timers: Vec<TimerKey>,
}

impl Extras {
    #[cold]
    #[expect(clippy::boxed_local, reason = "unboxed here, off the path of most")]
    fn boxed(options: Box<Options>) -> *mut Self {
        Box::into_raw(Box::new(Self::new(*options)))
    }

    fn new(mut options: Options) -> Self {
        let token = OnceLock::new();
        if let Some(parent) = options.token.take() {
            let _ = token.set(parent.child());
        }
        Self {
            references: AtomicUsize::new(1),
            options,
            made: now(),
            started: OnceLock::new(),
            expired: OnceLock::new(),
            token,
            no_timer: OnceLock::new(),
            clocked: OnceLock::new(),
            links: Mutex::new(Links::default()),
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.options.name.as_deref()
    }

    pub(super) fn existing_token(&self) -> Option<CancellationToken> {
        self.token.get().cloned()
    }

    /// Whether the task's token, as the task would see it, is cancelled.
    pub(super) fn is_token_cancelled(&self) -> bool {
        let token = self.clocked.get().or_else(|| self.token.get());
        token.is_some_and(CancellationToken::is_cancelled)
            || (self.no_timer.get().is_some() && self.is_overdue())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let by_timeout = match (self.options.timeout, self.started.get()) {
            (Some(limit), Some(started)) => started.checked_add(limit),
            _ => None,
        };
        match (by_timeout, self.options.deadline) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Whether a limit has passed.
    pub(super) fn is_overdue(&self) -> bool {
        self.deadline().is_some_and(|at| at <= now())
    }

    /// Gives up one reference; `true` says that it was the last.
    pub(super) fn release_link(&self) -> bool {
        // ORDERING: Release, our last deeds come before the free by another;
        // Acquire, the others' come before ours.
        (self.references).fetch_sub(1, weaken("extras-release-link-relaxed", Ordering::AcqRel)) == 1
    }

    /// Ties a task that was just made to its token and its deadline.
    pub(super) fn link(&self, task: Ref) {
        if let Some(token) = self.token.get() {
            let link = Link::new(task);
            let registration = token.on_cancel(move || link.cancel());
            self.keep(|links| links.tokens.push(registration));
            for further in &self.options.tokens {
                let token = token.clone();
                let registration = further.on_cancel(move || token.cancel());
                self.keep(|links| links.tokens.push(registration));
            }
        }
        if let Some(at) = self.options.deadline {
            self.schedule(task, at);
        }
    }

    /// The task starts now: its `timeout` begins to run.
    pub(super) fn started(&self, task: Ref) {
        let started = *self.started.get_or_init(now);
        if let Some(at) = (self.options.timeout).and_then(|limit| started.checked_add(limit)) {
            self.schedule(task, at);
        }
    }

    fn schedule(&self, task: Ref, at: Instant) {
        let entry: io::Result<TimerKey> = timer::schedule(at, Arc::new(Link::new(task)));
        match entry {
            Ok(key) => self.keep(|links| links.timers.push(key)),
            // The limit is still seen when the task starts, when it ends, and by
            // its token.
            Err(_) => drop(self.no_timer.set(())),
        }
    }

    /// `token`, or where there is no timer a child of it that knows the limit.
    fn clocked(&self, token: CancellationToken) -> CancellationToken {
        match self.deadline() {
            Some(at) if self.no_timer.get().is_some() => {
                let clocked = self.clocked.get_or_init(|| token.child_with_deadline(at));
                clocked.clone()
            }
            _ => token,
        }
    }

    /// Stores a link's entry, or drops it at once if the task has ended.
    fn keep(&self, store: impl FnOnce(&mut Links)) {
        let mut late = Links::default();
        {
            let mut links = self.links.lock();
            if links.ended {
                store(&mut late);
            } else {
                store(&mut links);
            }
        }
        late.drop_entries();
    }

    /// Takes the task's entries out of token and timer: it has ended.
    pub(super) fn unlink(&self) {
        let mut entries = Links::default();
        {
            let mut links = self.links.lock();
            std::mem::swap(&mut *links, &mut entries);
            links.ended = true;
        }
        entries.drop_entries();
    }

    /// What a task is told whose limit passes now.
    fn late(&self) -> TimedOut {
        let ran_for = self.started.get().map_or(Duration::ZERO, Instant::elapsed);
        let by_timeout = self.options.timeout.filter(|limit| ran_for >= *limit);
        let by_deadline = (self.options.deadline).map(|at| at.saturating_duration_since(self.made));
        let limit = by_timeout.or(by_deadline).unwrap_or(ran_for);
        TimedOut::new(limit, ran_for, false)
    }

    /// Resolves a task whose limit has passed, if it is not yet resolved.
    pub(super) fn expire(&self, header: &Header) {
        self.expired.get_or_init(|| self.late());
        if header.resolve_unstarted(Phase::TimedOut).is_ok() {
            return;
        }
        if let Ok(done) = header.state.expire_running() {
            header.ask_cancel();
            let (pool, site) = (header.pool, header.site);
            Header::notify(pool, site, done, Phase::TimedOut);
        }
    }

    /// The error of a task whose limit has passed.
    pub(super) fn timed_out(&self) -> TaskError {
        match self.expired.get() {
            Some(limit) => TaskError::TimedOut(Box::new(limit.clone())),
            None => TaskError::Cancelled,
        }
    }
}

impl Links {
    /// Outside of the lock: an entry may hold the last reference to a link.
    fn drop_entries(self) {
        drop(self.tokens);
        for key in self.timers {
            timer::cancel(key);
        }
    }
}

impl Header {
    /// The error of a task that somebody gives up at its deadline, whatever its
    /// timer has done by now.
    pub(super) fn given_up(&self) -> TaskError {
        let late = self.extras.get().map(Extras::late);
        late.map_or(TaskError::Cancelled, |late| {
            TaskError::TimedOut(Box::new(late))
        })
    }

    /// The task's token, made now if it had none. Only while the task runs, or
    /// by its handle.
    pub(super) fn token(&self) -> CancellationToken {
        let extras = self.extras.get_or_make();
        let token = extras.token.get_or_init(CancellationToken::new).clone();
        if self.asks.token_made() && !mutant("asks-token-misses-cancel") {
            token.cancel();
        }
        extras.clocked(token)
    }

    /// Asks a running task to stop, by its token.
    pub(super) fn ask_cancel(&self) {
        if self.asks.ask_cancel()
            && let Some(token) = self.extras.get().and_then(|extras| extras.token.get())
        {
            token.cancel();
        }
    }
}

/// A reference by which a token or the timer reaches a task.
#[derive(Debug)]
struct Link(Ref);

// SAFETY: a link reaches the header only, whose fields are `Sync`, and counts
// as a reference.
unsafe impl Send for Link {}
// SAFETY: as above.
unsafe impl Sync for Link {}

impl Link {
    /// The caller holds a reference of its own to `task`.
    fn new(task: Ref) -> Self {
        if let Some(extras) = task.header().extras.get() {
            // ORDERING: Relaxed, the caller's reference keeps the cell alive.
            extras.references.fetch_add(1, Ordering::Relaxed);
        }
        Self(task)
    }

    fn cancel(&self) {
        let _ = self.0.header().resolve_unstarted(Phase::Cancelled);
    }
}

/// The timer's entry for a task, for models to fire.
#[cfg(all(test, raddle_loom))]
pub(super) fn timer_entry(task: Ref) -> Arc<impl Fire> {
    Arc::new(Link::new(task))
}

impl Fire for Link {
    fn fire(self: Arc<Self>) {
        let header = self.0.header();
        if let Some(extras) = header.extras.get() {
            extras.expire(header);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let header: NonNull<Header> = self.0.0;
        // SAFETY: this link was a reference, and is gone now.
        unsafe { super::cell::free(header) };
    }
}
