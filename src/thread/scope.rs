//! Scopes: tasks that borrow from the stack of the thread that waits for them.
//!
//! The children of a scope are tasks as any other: they lie in deques, thieves
//! take them, handles wait for them. Only two things differ: the cell of a child
//! tells its scope when all is over (task/children/), and the scope's owner runs
//! what nobody has started, however it came to wait:
//!
//! ```text
//!   body returns or panics
//!        │
//!        ▼                        yes
//!   a child on top of the own deque? ──► run it, look again
//!        │ no
//!        ▼
//!   park; a spare thread may have this one's place
//!        │ called, because no thread is left: dig in all queues for a child
//!        ▼
//!   all have ended: a panic that no handle has shown goes on
//! ```
//!
//! It never runs a task that is not a child of its scope. Those that it finds
//! above a child it puts back where they were before it runs the child.
//!
//! In a FIFO scope the children lie in a queue of the scope's own, and in the
//! deque lie *tickets*, children too, each of which runs the oldest one.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{Location, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::Core;
use super::guest::{self, Visitor};
use super::slot::Slot;
use super::worker::{self, Worker};
use crate::error::TaskError;
use crate::primitive::block::{BlockedOn, Blocking, Offer};
use crate::primitive::{Injector, Parker, Steal, catch_unwind, drop_contained, fork, thread};
use crate::task::{Cancel, Children, Claim, Handle, Job, Origin, TaskState, accept_child};

/// So many tasks of others an owner lifts to look for a child below them. Beyond,
/// other threads are as near.
const LIFTED_MAX: usize = if cfg!(raddle_loom) { 1 } else { 32 };

/// A scope: what [`ThreadPool::scope`](super::ThreadPool::scope) gives its body.
///
/// # Examples
///
/// ```
/// let pool = raddle::ThreadPool::new(2)?;
/// let text = String::from("so many words");
/// let (words, letters) = pool.scope(|s| {
///     let words = s.submit(|| text.split(' ').count());
///     let letters = s.submit(|| text.len());
///     (words.result().unwrap(), letters.result().unwrap())
/// });
/// assert_eq!((words, letters), (3, 13));
/// # Ok::<_, raddle::StartError>(())
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    core: Arc<Core>,
    children: Children,
    /// Of a FIFO scope: what its tickets run.
    in_order: Option<Injector<Job>>,
    /// The pool was shut down when the scope began.
    is_alone: bool,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Submits a task that may borrow what outlives the scope.
    ///
    /// It may not borrow what the scope's body owns, which is gone when the body
    /// returns and the task may not have run: declare that before the scope, or `move`
    /// it into the task.
    ///
    /// Never blocks, whatever the pool's queue limit. Children may submit further
    /// ones. After the pool was shut down they run here, at once; a shutdown that
    /// cancels the queue cancels children that nobody has started.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut counts = [0; 3];
    /// raddle::scope(|s| {
    ///     for (n, count) in counts.iter_mut().enumerate() {
    ///         s.submit(move || *count = n * n);
    ///     }
    /// });
    /// assert_eq!(counts, [0, 1, 4]);
    /// ```
    #[doc(alias = "spawn")]
    #[track_caller]
    pub fn submit<F, T>(&'scope self, f: F) -> ScopedHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let origin = Origin {
            site: Location::caller(),
            pool: self.core.id,
            claim: Claim::Anybody,
        };
        // SAFETY: `run` waits for all children, also when the body panics; what
        // `f` borrows and returns outlives 'scope, which the handle does not.
        let (job, handle) = unsafe { accept_child(f, &self.children, origin) };
        let Some(queue) = &self.in_order else {
            self.push(job);
            return ScopedHandle::new(handle);
        };
        queue.push(job);
        let ticket = Ticket(queue);
        let ticket = move || ticket.run();
        // SAFETY: as above.
        let (ticket, handle_of_ticket) = unsafe { accept_child(ticket, &self.children, origin) };
        handle_of_ticket.detach();
        self.push(ticket);
        ScopedHandle::new(handle)
    }

    fn push(&self, job: Job) {
        if self.is_alone || fork::is_forked(self.core.id) || self.core.sleep.has_ended() {
            let _ = job.run(&());
        } else {
            self.core.push_child(job);
        }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("pool", &self.core.config.name)
            .finish_non_exhaustive()
    }
}

/// The right to the oldest child of a FIFO scope; dropped unused, it cancels it.
struct Ticket<'a>(&'a Injector<Job>);

impl Ticket<'_> {
    fn take(&self) -> Option<Job> {
        drain(|| self.0.steal(), &mut Some)
    }

    fn run(self) {
        if let Some(job) = ManuallyDrop::new(self).take() {
            let _ = job.run(&());
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// In which order one thread alone runs the children of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
}

/// Runs a scope as `visitor`.
fn run<'env, R>(
    core: &Arc<Core>,
    visitor: &Visitor<'_>,
    order: Order,
    body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
) -> R {
    let scope = Scope {
        core: Arc::clone(core),
        children: Children::new(),
        in_order: (order == Order::OldestFirst).then(Injector::new),
        is_alone: matches!(visitor, Visitor::Alone),
        scope: PhantomData,
        env: PhantomData,
    };
    let outcome = catch_unwind(|| body(&scope));
    wait_for(&scope.children, core, visitor);
    let unread = scope.children.take_panic();
    match (outcome, unread) {
        (Err(payload), unread) => {
            drop_contained(unread);
            resume_unwind(payload)
        }
        (Ok(result), Some(panic)) => {
            drop_contained(result);
            panic.resume()
        }
        (Ok(result), None) => result,
    }
}

/// Runs a scope wherever this thread stands.
pub(super) fn scope<'env, R>(
    core: &Arc<Core>,
    order: Order,
    body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
) -> R {
    // SAFETY: it is used here only.
    match unsafe { worker::current_of(core.id) } {
        Some(worker) => run(core, &Visitor::Working(worker), order, body),
        None => guest::visit(core, |visitor| run(core, &visitor, order, body)),
    }
}

/// Waits until all children have ended, and runs those that nobody has started.
fn wait_for(children: &Children, core: &Arc<Core>, visitor: &Visitor<'_>) {
    let worker = visitor.worker();
    let run_own = || {
        while !children.have_ended()
            && let Some(worker) = worker
            && let Some(job) = worker.pop_child(children)
        {
            worker.run_child(job);
        }
    };
    run_own();
    if children.have_ended() {
        return;
    }
    assert!(
        !fork::is_forked(core.id),
        "children of this scope run in the process that this one was forked from"
    );
    let parker = Parker::current();
    children.set_waiter(&parker);
    let on = || BlockedOn::Thing("the children of a scope");
    let offer = Offer::make(&parker, true);
    let mut blocking = Blocking::start_on(on);
    while !children.have_ended() {
        parker.park();
        if offer.as_ref().is_some_and(Offer::take_call)
            && let Some(worker) = worker
            && let Some(job) = worker.inside(|| core.dig_for_child(children))
        {
            drop(blocking);
            worker.run_child(job);
            run_own();
            blocking = Blocking::start_on(on);
        }
    }
    drop(blocking);
}

impl Worker {
    /// The newest child in this thread's deque, if it is not far below the top.
    fn pop_child(&self, children: &Children) -> Option<Job> {
        let mut lifted = Vec::new();
        let child = loop {
            match self.pop_newest() {
                Some(job) if job.is_child_of(children) => break Some(job),
                Some(job) => {
                    lifted.push(job);
                    if lifted.len() == LIFTED_MAX {
                        break None;
                    }
                }
                None => break None,
            }
        };
        if !lifted.is_empty() {
            for job in lifted.into_iter().rev() {
                self.push_newest(job);
            }
            // Whoever looked for work in between has not seen them.
            self.published();
        }
        child
    }
}

impl Core {
    /// Takes a child out of whatever queue it lies in.
    fn dig_for_child(self: &Arc<Self>, children: &Children) -> Option<Job> {
        let mut lifted = Vec::new();
        let mut is_child = |job: Job| {
            if job.is_child_of(children) {
                return Some(job);
            }
            lifted.push(job);
            None
        };
        let stealers = self.used_slots().filter_map(Slot::stealer);
        let child = drain(|| self.injector.steal(), &mut is_child).or_else(|| {
            stealers
                .map(|stealer| drain(|| stealer.steal(), &mut is_child))
                .find_map(|child| child)
        });
        if !lifted.is_empty() {
            for job in lifted {
                self.injector.push(job);
            }
            // The digger may be a guest, and the pool have ended meanwhile.
            self.published(true);
        }
        child
    }
}

/// Takes one after the other until `pick` is content.
fn drain(take: impl Fn() -> Steal<Job>, pick: &mut impl FnMut(Job) -> Option<Job>) -> Option<Job> {
    loop {
        match take() {
            Steal::Success(job) => {
                if let Some(job) = pick(job) {
                    return Some(job);
                }
            }
            Steal::Empty => return None,
            Steal::Retry => thread::spin_hint(),
        }
    }
}

/// The handle of a scope's child: it borrows the scope, and stays in its body.
///
/// What leaves the body is the child's result: `scope(|s| s.submit(f).result())`.
/// Dropping it detaches the child; the scope waits for it all the same. A panic of
/// the child is its reader's; one that nobody has read comes out of the scope.
///
/// # Examples
///
/// ```
/// let numbers = vec![1, 2, 3];
/// let sum: i32 = raddle::scope(|s| s.submit(|| numbers.iter().sum()).result().unwrap());
/// assert_eq!(sum, 6);
/// ```
pub struct ScopedHandle<'scope, T> {
    handle: Handle<T>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedHandle<'_, T> {
    fn new(handle: Handle<T>) -> Self {
        Self {
            handle,
            scope: PhantomData,
        }
    }

    /// Waits for the child and returns its result.
    ///
    /// Runs it here if nobody has started it; else blocks, as
    /// [`Handle::result`] does. [`result_timeout`](Self::result_timeout) and
    /// [`result_deadline`](Self::result_deadline) are its timed twins.
    ///
    /// # Errors
    ///
    /// [`TaskError::Panicked`] with the payload if the child panicked,
    /// [`TaskError::Cancelled`] if it was cancelled before it started.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = raddle::scope(|s| s.submit(|| panic!("no luck")).result().unwrap_err());
    /// assert!(error.to_string().contains("no luck"));
    /// ```
    #[doc(alias = "join")]
    pub fn result(self) -> Result<T, TaskError> {
        self.handle.result()
    }

    /// Waits at most `limit` for the result; gives the handle back otherwise.
    ///
    /// `Duration::ZERO` looks once, `Duration::MAX` waits for ever.
    ///
    /// # Errors
    ///
    /// The handle, if the child has not ended; inside, as [`result`](Self::result).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// raddle::scope(|s| match s.submit(|| 1).result_timeout(Duration::from_secs(1)) {
    ///     Ok(result) => assert_eq!(result.unwrap(), 1),
    ///     Err(_handle) => println!("not yet"),
    /// });
    /// ```
    pub fn result_timeout(self, limit: Duration) -> Result<Result<T, TaskError>, Self> {
        self.handle.result_timeout(limit).map_err(Self::new)
    }

    /// Waits until `at` for the result; gives the handle back otherwise.
    ///
    /// # Errors
    ///
    /// As [`result_timeout`](Self::result_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// raddle::scope(|s| {
    ///     let now = s.submit(|| 1).result_deadline(std::time::Instant::now());
    ///     assert!(now.is_err() || now.is_ok_and(|result| result.unwrap() == 1));
    /// });
    /// ```
    pub fn result_deadline(self, at: Instant) -> Result<Result<T, TaskError>, Self> {
        self.handle.result_deadline(at).map_err(Self::new)
    }

    /// Whether the child has ended, well or not. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// raddle::scope(|s| {
    ///     let child = s.submit(|| 1);
    ///     println!("{}", child.is_finished());
    /// });
    /// ```
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Where the child stands. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// raddle::scope(|s| println!("{:?}", s.submit(|| 1).state()));
    /// ```
    pub fn state(&self) -> TaskState {
        self.handle.state()
    }

    /// Cancels the child if it has not started, else asks it to stop: see
    /// [`Handle::cancel`].
    ///
    /// # Examples
    ///
    /// ```
    /// raddle::scope(|s| println!("{:?}", s.submit(|| 1).cancel()));
    /// ```
    pub fn cancel(&self) -> Cancel {
        self.handle.cancel()
    }
}

impl<T> fmt::Debug for ScopedHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedHandle")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
