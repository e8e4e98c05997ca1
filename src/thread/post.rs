//! What is addressed to one thread of a pool: its shares of broadcasts.
//!
//! How it gets there, and why none is forgotten: `broadcast/mod.rs`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::broadcast::{Round, Share, Taken};
use crate::primitive::atomic::Ordering::Relaxed;
use crate::primitive::block::BlockedOn;
use crate::primitive::unmodelled::{AtomicU32, AtomicU64};
use crate::primitive::{Mutex, Parker, mutant};

/// Where a thread stands, and what waits there for it.
pub(super) struct Post {
    inbox: Mutex<Inbox>,
    /// Something lies there. Written with the lock; who looks without it looks once
    /// more with a lock before it sleeps.
    pending: AtomicU32,
    /// The round of the share that the thread runs, on top of whatever else; or 0. Set
    /// with the lock, by the thread. Who sees too late that a share has ended finds
    /// another place for its own.
    runs: AtomicU64,
}

struct Inbox {
    /// There is a thread, or it is being started, and it will look here again.
    is_there: bool,
    /// What it is blocked on, for `dump()` too.
    blocked_on: Option<BlockedOn>,
    /// It waits in a broadcast, and takes part in others.
    receiver: Option<Arc<Parker>>,
    /// In the order of their rounds, the oldest first.
    shares: VecDeque<Share>,
}

impl Inbox {
    /// Whether what lies here will be run, whatever the thread waits for.
    fn is_open(&self) -> bool {
        self.is_there && (self.blocked_on.is_none() || self.receiver.is_some())
    }
}

impl Post {
    pub(super) fn new() -> Self {
        Self {
            inbox: Mutex::new(Inbox {
                is_there: false,
                blocked_on: None,
                receiver: None,
                shares: VecDeque::new(),
            }),
            pending: AtomicU32::new(0),
            runs: AtomicU64::new(0),
        }
    }

    /// A thread is about to be started here.
    pub(super) fn open(&self) {
        self.inbox.lock().is_there = true;
    }

    /// The thread will not look here again: gives what has come.
    pub(super) fn close(&self) -> VecDeque<Share> {
        let mut inbox = self.inbox.lock();
        inbox.is_there = false;
        self.take_all(&mut inbox)
    }

    fn take_all(&self, inbox: &mut Inbox) -> VecDeque<Share> {
        // ORDERING: Relaxed, the lock.
        self.pending.store(0, Relaxed);
        std::mem::take(&mut inbox.shares)
    }

    pub(super) fn is_open(&self) -> bool {
        self.inbox.lock().is_open()
    }

    /// Whether a share of the round with this number will be run, and not behind one
    /// of a younger round.
    fn is_open_for(&self, inbox: &Inbox, number: u64) -> bool {
        // ORDERING: Relaxed; see `runs`.
        let runs = self.runs.load(Relaxed);
        let is_behind = inbox.receiver.is_none() && runs > number;
        inbox.is_open() && (!is_behind || mutant("broadcast-old-behind-young"))
    }

    /// Puts a share here; the parker of a thread that waits in a broadcast. If it may
    /// not be run soon, gives it back; with `is_last_resort` only if it never will be.
    pub(super) fn deliver(
        &self,
        share: Share,
        is_last_resort: bool,
    ) -> Result<Option<Arc<Parker>>, Share> {
        let mut inbox = self.inbox.lock();
        let number = share.number();
        if !(self.is_open_for(&inbox, number) || is_last_resort && inbox.is_there) {
            return Err(share);
        }
        let at = (inbox.shares).partition_point(|other| other.number() <= number);
        inbox.shares.insert(at, share);
        // ORDERING: Relaxed, the lock; see `pending`.
        self.pending.store(1, Relaxed);
        Ok(inbox.receiver.clone())
    }

    /// Whether something lies here, as seen without the lock.
    pub(super) fn is_pending(&self) -> bool {
        // ORDERING: Relaxed; see `pending`.
        self.pending.load(Relaxed) != 0
    }

    /// How many shares lie here.
    pub(super) fn len(&self) -> usize {
        self.inbox.lock().shares.len()
    }

    /// The oldest share, which the thread is about to run.
    pub(super) fn take(&self) -> Option<Taken> {
        if !self.is_pending() {
            return None;
        }
        let mut inbox = self.inbox.lock();
        let share = inbox.shares.pop_front()?;
        // ORDERING: Relaxed, the lock.
        self.pending
            .store(u32::from(!inbox.shares.is_empty()), Relaxed);
        Some(self.takes_up(share))
    }

    /// The thread is about to run a share, from here or as the last resort of its round.
    pub(super) fn takes_up(&self, share: Share) -> Taken {
        // ORDERING: Relaxed, only this thread writes it.
        let covers = self.runs.swap(share.number(), Relaxed);
        Taken { share, covers }
    }

    /// What was taken has ended, and the thread is back at what it covers.
    pub(super) fn runs_again(&self, covers: u64) {
        // ORDERING: Relaxed; see `runs`.
        self.runs.store(covers, Relaxed);
    }

    /// Takes a share of `round` from a thread that is blocked.
    pub(super) fn reclaim(&self, round: &Arc<Round>) -> Option<Share> {
        let mut inbox = self.inbox.lock();
        let at = (inbox.shares.iter()).position(|share| share.is_of(round))?;
        if self.is_open_for(&inbox, inbox.shares[at].number()) {
            // Its thread is awake again, or has ended the younger share that it ran.
            return None;
        }
        let share = inbox.shares.remove(at);
        // ORDERING: Relaxed, the lock.
        self.pending
            .store(u32::from(!inbox.shares.is_empty()), Relaxed);
        share
    }

    /// The thread is about to wait in a broadcast; `false` says that it has something
    /// to do first.
    pub(super) fn starts_receiving(&self, parker: &Arc<Parker>) -> bool {
        let mut inbox = self.inbox.lock();
        if !inbox.shares.is_empty() {
            return false;
        }
        inbox.receiver = Some(Arc::clone(parker));
        true
    }

    pub(super) fn stops_receiving(&self) {
        let parker = self.inbox.lock().receiver.take();
        drop(parker);
    }

    /// The thread blocks: what it was blocked on before, and what it leaves to others.
    pub(super) fn blocks(&self, on: BlockedOn) -> (Option<BlockedOn>, VecDeque<Share>) {
        let mut inbox = self.inbox.lock();
        let outer = inbox.blocked_on.replace(on);
        if inbox.receiver.is_some() || !inbox.is_there || mutant("broadcast-blocks-with-its-share")
        {
            return (outer, VecDeque::new());
        }
        (outer, self.take_all(&mut inbox))
    }

    /// It is awake again, or blocked on what it was before.
    pub(super) fn unblocks(&self, outer: Option<BlockedOn>) {
        let inner = std::mem::replace(&mut self.inbox.lock().blocked_on, outer);
        drop(inner);
    }

    pub(super) fn blocked_on(&self) -> Option<BlockedOn> {
        self.inbox.lock().blocked_on.clone()
    }
}
