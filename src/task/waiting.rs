//! Waiting for a task: claim it, or sleep until it has ended.
//!
//! ```text
//!   the newest in this worker's own deque, and nobody else knows it? (`result` only)
//!     │ no                          └► yes: pop it and run it here, on top
//!     ▼
//!   ended? ──► yes: done
//!     │ no
//!     ▼
//!   a worker of its pool, no time limit, nobody has started it?
//!     │ no                          └► yes: CLAIM: run it here, on top
//!     ▼
//!   HELP: run what the task has forked and nobody has started
//!     │
//!     ▼
//!   PARK: push an entry, let a spare worker have the place, sleep
//!     │                                     │
//!     ▼ woken: the task has ended           ▼ the time is up: take the entry
//!   done                                    out; if it is gone, the notifier
//!                                           has it: wait for it, then done
//! ```
//!
//! Only the awaited task, or parts of it, are ever run by its waiter, so a lock held
//! across the wait is never wanted by a stranger on top of it (rayon#592), and the
//! stack grows only with the depth of the user's own nesting. What HELP may run, and
//! how a stranger is told, is the matter of thread/fork/.

use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::asks::Claims;
use super::cell::Header;
use super::frame;
use super::job::run_claimed;
use super::reference::Ref;
use super::state::Phase;
use super::unread;
use crate::error::{Refusal, TaskError};
use crate::primitive::block::{self, BlockHook, BlockedOn, Blocking, Offer};
use crate::primitive::{Parker, drop_contained, fork, mutant};
use crate::wait::deadline::Deadline;
use crate::wait::waiter::{self, Collect, List, Waiter, Wake};

/// Waits until the task has ended or the deadline has passed; `Ok` says which.
pub(super) fn wait(task: Ref, deadline: Deadline) -> Result<bool, TaskError> {
    let header = task.header();
    if header.state.load().is_final() {
        return Ok(true);
    }
    if fork::is_forked(header.pool) {
        return Err(TaskError::Refused(Refusal::Forked));
    }
    if !deadline.is_never() {
        return Ok(park(task, deadline, Claims::Anytime));
    }
    // One look: a task that comes due after it is claimed by nobody, and in the
    // queue.
    let claims = claims(task);
    if claims == Claims::Anytime && claim_now(task) {
        return Ok(true);
    }
    help(task);
    if fork::is_forked(task.header().pool) {
        // What it ran has forked, and returned in the child.
        return Err(TaskError::Refused(Refusal::Forked));
    }
    Ok(park(task, deadline, claims))
}

/// Waits until the task has ended, or runs it here if it is the newest of this
/// worker's: then it is nobody else's, and needs none of the steps by which others would
/// know.
///
/// # Safety
///
/// The caller has the task's handle, and nobody else uses it until this returns.
#[inline]
pub(super) unsafe fn wait_by_owner(task: Ref) -> Result<(), TaskError> {
    let is_run = block::current(|hook| {
        // SAFETY: by the contract above.
        hook.is_some_and(|hook| unsafe { hook.run_newest(task.0.cast()) })
    });
    if is_run {
        return Ok(());
    }
    wait(task, Deadline::NEVER).map(drop)
}

/// Whether only the holder of the handle, who asks, and the queue know the task, and
/// the holder may run it if he is a worker of its pool. The link of a token is counted
/// in the extras, not in the state, so the task must be plain, too.
///
/// # Safety
///
/// The task is alive.
pub(crate) unsafe fn is_between_two(task: NonNull<()>, pool: u32) -> bool {
    let task = Ref(task.cast());
    let header = task.header();
    header.pool == pool
        && (header.asks.is_plain() || mutant("claim-newest-forgets-its-token"))
        && claims(task) == Claims::Anytime
        && (header.state.load().is_untouched() || mutant("claim-newest-forgets-waiters"))
        && !fork::is_forked(pool)
}

/// Runs the task here if this is a worker of its pool and nobody has started
/// it; says whether it did.
pub(super) fn claim(task: Ref) -> bool {
    claims(task) == Claims::Anytime && claim_now(task)
}

/// When this thread may run the task. Inside a poll only as the last resort: a
/// poll is to be short, and the task on top of it may take its time.
fn claims(task: Ref) -> Claims {
    match task.header().asks.claims() {
        Claims::Anytime if frame::is_in_poll() => Claims::AtLast,
        claims => claims,
    }
}

/// As `claim`, for a task that a waiter may run at any time.
fn claim_now(task: Ref) -> bool {
    let header = task.header();
    block::current(|hook| {
        let Some(hook) = hook else {
            if !header.asks.outsiders_run() || header.state.start().is_err() {
                return false;
            }
            // SAFETY: the exchange above moved it from queued to running, and
            // the waiter holds its handle for as long as it waits.
            let _ = unsafe { run_claimed(task.0.cast(), &()) };
            return true;
        };
        serving(hook, task).is_some_and(|hook| claim_for(hook, task))
    })
}

/// Runs what the task has forked, if it runs elsewhere in this worker's pool. Not
/// inside a poll, which is to be short.
fn help(task: Ref) {
    let header = task.header();
    if frame::is_in_poll() || header.state.load().phase() != Phase::Running {
        return;
    }
    // A future runs on when its poll has ended, and its thread polls others: no look
    // at it tells whose half was stolen.
    if header.asks.is_driven() && !mutant("help-with-a-poll") {
        return;
    }
    block::current(|hook| {
        if let Some(hook) = hook.and_then(|hook| serving(hook, task)) {
            hook.help(task.0.cast(), &|| header.state.load().is_final());
        }
    });
}

/// The hook of this thread that may run the task. A guest runs only what any
/// thread may.
fn serving(hook: &dyn BlockHook, task: Ref) -> Option<&dyn BlockHook> {
    let header = task.header();
    let hook = hook.serving(header.pool)?;
    (!hook.is_guest() || header.asks.outsiders_run()).then_some(hook)
}

/// Whether the task is in a queue of this worker's pool, and nobody has started it.
pub(super) fn needs_a_thread(task: Ref) -> bool {
    let header = task.header();
    block::current(|hook| hook.is_some_and(|hook| serving(hook, task).is_some()))
        && !header.asks.is_driven()
        && header.asks.is_due_now()
        && header.state.load().phase() == Phase::Queued
}

/// As `claim`, when no thread is left that could run the task, which is due: a
/// time limit does not count.
pub(super) fn claim_as_last_resort(task: Ref) -> bool {
    block::current(|hook| {
        hook.and_then(|hook| serving(hook, task))
            .is_some_and(|hook| claim_for(hook, task))
    })
}

/// Runs the task in this thread, which is `hook`'s, if nobody has started it.
fn claim_for(hook: &dyn BlockHook, task: Ref) -> bool {
    let header: NonNull<Header> = task.0;
    let is_driven = task.header().asks.is_driven();
    if is_driven || task.header().state.start().is_err() {
        return false;
    }
    // SAFETY: the exchange above moved it from queued to running, and the
    // waiter holds its handle for as long as it waits.
    unsafe { hook.run_claimed(header.cast()) };
    true
}

/// A task that `claims` keeps from its waiter runs there rather than never.
fn park(task: Ref, deadline: Deadline, claims: Claims) -> bool {
    let header = task.header();
    if deadline.has_passed() {
        return header.state.load().is_final();
    }
    let parker = Parker::current();
    let entry = Waiter::for_thread(parker.clone());
    // SAFETY: the entry stays in this frame until it is done or removed, and
    // was just made.
    if unsafe { header.state.push(&entry) }.is_err() {
        return true;
    }
    let offer = matches!(claims, Claims::AtLast | Claims::NotYet)
        .then(|| Offer::make(&parker, claims == Claims::NotYet))
        .flatten();
    let on = || BlockedOn::Task {
        id: header.id.get(),
        name: header.name().map(str::to_owned),
        submitted_at: header.site,
    };
    let mut blocking = Blocking::start_on(on);
    while !entry.is_done() {
        if parker.park_until(deadline.instant()) {
            // An early one sleeps on if it was called in vain: those who block
            // look for work, and would call it for ever. Any other looks, and so
            // passes the call on.
            if offer.as_ref().is_some_and(Offer::take_call)
                && (claims == Claims::AtLast || needs_a_thread(task))
            {
                drop(blocking);
                claim_as_last_resort(task);
                blocking = Blocking::start_on(on);
            }
            continue;
        }
        if remove(header, |other| other.addr() == entry.addr()).is_some() {
            drop(blocking);
            return false;
        }
        // The notifier has the entry: its wake-up is on the way.
        while !entry.is_done() {
            parker.park();
        }
    }
    drop(blocking);
    true
}

/// Takes an entry out of the task's list; `None` says that it is not there, or
/// that the task has ended and its entries are being notified.
fn remove<'a>(header: &Header, pick: impl Fn(&Waiter) -> bool) -> Option<&'a Waiter> {
    let mut list = header.state.take_list()?;
    let found = list.remove(pick);
    if let Err((word, rest)) = header.state.put_back(list) {
        // The task has ended while we had the list: we wake the rest.
        for payload in rest.notify(word.outcome() as usize) {
            unread::report_payload(header.pool, Some(payload), header.site);
        }
    }
    found
}

/// Adds a boxed entry; one that comes too late is notified here and now.
pub(super) fn register(task: Ref, entry: &Waiter) {
    let header = task.header();
    // SAFETY: a boxed entry stays where it is, and this one was just made.
    if let Err(word) = unsafe { header.state.push(entry) } {
        entry.set_next(List::EMPTY);
        for payload in List::from_addr(entry.addr()).notify(word.outcome() as usize) {
            unread::report_payload(header.pool, Some(payload), header.site);
        }
    }
}

/// One step of awaiting: ready, or the waker is in the list.
pub(super) fn poll(task: Ref, context: &mut Context<'_>) -> Poll<Result<Phase, TaskError>> {
    let header = task.header();
    let word = header.state.load();
    if word.is_final() {
        return Poll::Ready(Ok(word.phase()));
    }
    if fork::is_forked(header.pool) {
        return Poll::Ready(Err(TaskError::Refused(Refusal::Forked)));
    }
    // User code: outside of the list.
    let waker = context.waker().clone();
    let entry = if header.asks.is_awaited() {
        match remove(header, Waiter::is_future) {
            Some(entry) => {
                drop_contained(entry.replace_wake(Wake::Future(waker)));
                entry
            }
            None => Waiter::boxed(Wake::Future(waker)),
        }
    } else {
        header.asks.set_awaited();
        Waiter::boxed(Wake::Future(waker))
    };
    // SAFETY: a boxed entry stays where it is, and is in no list.
    match unsafe { header.state.push(entry) } {
        Ok(()) => Poll::Pending,
        Err(word) => {
            waiter::free(entry);
            Poll::Ready(Ok(word.phase()))
        }
    }
}

/// Takes the entry of an awaited handle that is dropped out of the list.
pub(super) fn forget_future(task: Ref) {
    let header = task.header();
    // In a forked child the list may be in the hands of a thread that is not.
    if header.state.load().is_final() || fork::is_forked(header.pool) {
        return;
    }
    if let Some(entry) = remove(header, Waiter::is_future) {
        waiter::free(entry);
    }
}

/// Tells `collector` the `key` when the task ends, or now if it has; the
/// entry's address is for [`delist`].
pub(super) fn enlist(task: Ref, collector: Arc<dyn Collect>, key: usize) -> usize {
    let entry = Waiter::boxed(Wake::Collect(collector, key));
    let address = entry.addr();
    register(task, entry);
    address
}

/// Takes the entry out again; nothing, if the task has ended.
///
/// Addresses tell entries apart although they are reused: an entry leaves the
/// list of a task that goes on only through here.
pub(super) fn delist(task: Ref, address: usize) {
    let header = task.header();
    // A list may have been caught in the hands of a thread that a fork ended.
    if header.state.load().is_final() || fork::is_forked(header.pool) {
        return;
    }
    if mutant("collect-keeps-entries") {
        return;
    }
    if let Some(entry) = remove(header, |entry| entry.addr() == address) {
        waiter::free(entry);
    }
}
