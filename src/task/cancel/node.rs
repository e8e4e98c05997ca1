//! One token of the tree: its flag, its children and those who watch it.
//!
//! The invariants are numbered in `mod.rs`; what is said here refers to them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::task::Waker;

use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::{Mutex, Parker, drop_contained, mutant, run_contained, weaken};
use crate::wait::deadline::Deadline;
use crate::wait::timer::{self, Fire, TimerKey};

pub(super) struct Node {
    cancelled: AtomicBool,
    /// Its own or an ancestor's, the earliest. Fixed.
    deadline: Deadline,
    /// The way to the root; none for a root and for the child of a cancelled token.
    parent: Option<Link>,
    inner: Mutex<Inner>,
}

/// A child's place in its parent.
struct Link {
    parent: Arc<Node>,
    key: u64,
}

#[derive(Default)]
struct Inner {
    next_key: u64,
    /// Each child leaves when it is dropped.
    children: BTreeMap<u64, Weak<Node>>,
    /// In the order of their coming. Each is taken out by its owner or by the
    /// canceller, whoever is first.
    watchers: BTreeMap<u64, Watcher>,
    /// The node's entry in the timer, from the first waker or callback on.
    timer: Option<TimerKey>,
}

impl Inner {
    fn new_key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }
}

pub(super) type Callback = Box<dyn FnOnce() + Send>;

/// Whom to tell.
pub(super) enum Watcher {
    Sleeper(Arc<Parker>),
    Waker(Waker),
    Callback(Callback),
}

impl Watcher {
    /// Runs user code: never under a lock.
    fn tell(self) {
        match self {
            Self::Sleeper(parker) => parker.unpark(),
            Self::Waker(waker) => drop(run_contained(|| waker.wake())),
            Self::Callback(f) => drop(run_contained(f)),
        }
    }
}

/// What became of a watcher that wanted to come in.
#[must_use]
pub(super) enum Watch {
    /// It will be told. Take it out by this key.
    Registered(u64),
    /// The token is cancelled; here it is back, untold.
    Already(Watcher),
}

/// What became of a waker.
#[must_use]
pub(super) enum WakerIn {
    /// The one that is registered wakes the same task.
    Kept,
    /// There is none, or one for another task: clone yours and register it.
    Wanted,
}

impl Node {
    pub(super) fn root(deadline: Deadline) -> Self {
        Self::with(false, deadline, None)
    }

    fn with(cancelled: bool, deadline: Deadline, parent: Option<Link>) -> Self {
        Self {
            cancelled: AtomicBool::new(cancelled),
            deadline,
            parent,
            inner: Mutex::new(Inner::default()),
        }
    }

    pub(super) fn child(self: &Arc<Self>, deadline: Deadline) -> Arc<Self> {
        let deadline = self.deadline.earlier(deadline);
        let mut inner = self.inner.lock();
        if self.is_flagged() && !mutant("token-child-without-look") {
            // By (1) nobody comes to tell this child: it is born cancelled.
            drop(inner);
            return Arc::new(Self::with(true, deadline, None));
        }
        let key = inner.new_key();
        let link = Link {
            parent: self.clone(),
            key,
        };
        let child = Arc::new(Self::with(false, deadline, Some(link)));
        inner.children.insert(key, Arc::downgrade(&child));
        child
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    #[inline]
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_flagged() || self.deadline.has_passed()
    }

    #[inline]
    fn is_flagged(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `set_flag`: who sees the
        // flag sees what the canceller did before.
        self.cancelled
            .load(weaken("token-look-acquire", Ordering::Acquire))
    }

    /// `true` for the one caller who moved LIVE to CANCELLED.
    fn set_flag(&self) -> bool {
        // ORDERING: Release pairs with the Acquire in `is_flagged`. It needs no
        // Acquire: the loser does nothing, and the winner takes the lock.
        !self
            .cancelled
            .swap(true, weaken("token-cancel-release", Ordering::Release))
    }

    pub(super) fn cancel(self: &Arc<Self>) {
        let early = mutant("token-collect-before-flag").then(|| self.take_children());
        if !self.set_flag() {
            return;
        }
        // (3): first the flags of the whole tree, level by level, ...
        let mut flagged = vec![self.clone()];
        let mut next = 0;
        let mut early = early;
        while let Some(node) = flagged.get(next) {
            next += 1;
            let children = early.take().unwrap_or_else(|| node.take_children());
            // (1) of each child: whoever cancelled it already tells its own.
            let live = children.into_values().filter_map(|child| child.upgrade());
            // Those that were cancelled already are dropped here, without a lock.
            flagged.extend(live.filter(|child| child.set_flag()));
        }
        // ... then the watchers.
        for node in flagged {
            node.disarm();
            node.tell_watchers();
        }
    }

    fn take_children(&self) -> BTreeMap<u64, Weak<Node>> {
        std::mem::take(&mut self.inner.lock().children)
    }

    /// (2): one at a time, so that an owner can still take the others out.
    fn tell_watchers(&self) {
        if mutant("token-take-all-watchers") {
            let all = std::mem::take(&mut self.inner.lock().watchers);
            all.into_values().for_each(Watcher::tell);
            return;
        }
        loop {
            let first = self.inner.lock().watchers.pop_first();
            match first {
                Some((_, Watcher::Sleeper(_))) if mutant("token-forget-sleeper") => {}
                Some((_, watcher)) => watcher.tell(),
                None => return,
            }
        }
    }

    pub(super) fn watch(self: &Arc<Self>, watcher: Watcher) -> Watch {
        let mut inner = self.inner.lock();
        // By (1) the canceller has collected, or will: look under the lock.
        if self.is_flagged() && !mutant("token-watch-without-look") {
            return Watch::Already(watcher);
        }
        let key = inner.new_key();
        inner.watchers.insert(key, watcher);
        Watch::Registered(key)
    }

    /// Takes a watcher out; `None` says that it was or is being told.
    pub(super) fn unwatch(&self, key: u64) -> Option<Watcher> {
        self.inner.lock().watchers.remove(&key)
    }

    /// Whether the waker under `key` is as good as `waker`. Compares pointers
    /// only: no user code.
    pub(super) fn look_at_waker(&self, key: u64, waker: &Waker) -> WakerIn {
        match self.inner.lock().watchers.get(&key) {
            Some(Watcher::Waker(old)) if old.will_wake(waker) => WakerIn::Kept,
            Some(_) if mutant("token-keep-stale-waker") => WakerIn::Kept,
            _ => WakerIn::Wanted,
        }
    }

    /// Asks the timer to cancel this node at its deadline; once.
    pub(super) fn arm(self: &Arc<Self>) -> io::Result<()> {
        let Some(at) = self.deadline.instant() else {
            return Ok(());
        };
        let mut inner = self.inner.lock();
        // By (1) a canceller that set the flag after this look disarms later.
        if inner.timer.is_none() && !self.is_flagged() {
            let expiry = Arc::new(Expiry(Arc::downgrade(self)));
            inner.timer = Some(timer::schedule(at, expiry)?);
        }
        Ok(())
    }

    fn disarm(&self) {
        if self.deadline != Deadline::NEVER {
            let key = self.inner.lock().timer.take();
            key.map(timer::cancel);
        }
    }

    /// Where a thread blocks for a token: the only place.
    ///
    /// `true` says that the token is cancelled, `false` that `limit` passed.
    pub(super) fn block_until(self: &Arc<Self>, limit: Deadline) -> bool {
        if self.is_cancelled() || limit.has_passed() {
            return self.is_cancelled();
        }
        let limit = self.deadline.earlier(limit);
        let parker = Parker::current();
        let Watch::Registered(key) = self.watch(Watcher::Sleeper(parker.clone())) else {
            return true;
        };
        // A token left in the parker by an earlier wait wakes too early: look again.
        let blocking = Blocking::start(BlockedOn::Thing("a cancellation token"));
        while !self.is_cancelled() && parker.park_until(limit.instant()) {}
        drop(blocking);
        drop(self.unwatch(key));
        self.is_cancelled()
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let inner = self.inner.lock();
        (inner.children.len(), inner.watchers.len())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.disarm();
        // (6): a long chain of parents, each held by its child alone, ends here
        // and not in one another's drop.
        let mut link = self.parent.take();
        while let Some(Link { parent, key }) = link {
            drop(parent.inner.lock().children.remove(&key));
            link = Arc::into_inner(parent).and_then(|mut node| node.parent.take());
        }
    }
}

/// What the timer fires at a node's deadline.
struct Expiry(Weak<Node>);

impl Fire for Expiry {
    fn fire(self: Arc<Self>) {
        if let Some(node) = self.0.upgrade() {
            node.cancel();
        }
    }
}

/// Keeps a callback registered.
///
/// Dropping it takes the callback out: it will not start any more. One that the
/// canceller has taken out already may be about to run, or run still, in the
/// canceller's thread; nobody waits for it.
#[must_use = "dropping a Registration takes its callback out"]
pub(crate) struct Registration {
    node: Arc<Node>,
    /// `None`: it has run at once.
    key: Option<u64>,
}

impl Registration {
    pub(super) fn new(node: Arc<Node>, callback: Callback) -> Self {
        if node.is_cancelled() {
            Watcher::Callback(callback).tell();
            return Self { node, key: None };
        }
        // An error leaves the deadline to others: see `CancellationToken::on_cancel`.
        drop(node.arm());
        let key = match node.watch(Watcher::Callback(callback)) {
            Watch::Registered(key) => Some(key),
            Watch::Already(watcher) => {
                watcher.tell();
                None
            }
        };
        Self { node, key }
    }

    /// Takes the callback out; `true` says that it has not run and never will.
    #[cfg(test)]
    pub(super) fn unregister(mut self) -> bool {
        self.take_out()
    }

    fn take_out(&mut self) -> bool {
        let watcher = self.key.take().and_then(|key| self.node.unwatch(key));
        let was_there = watcher.is_some();
        drop_contained(watcher);
        was_there
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.take_out();
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
