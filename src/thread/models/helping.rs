//! What we fear of a task's waiter that helps with what the task has forked.
//!
//! The waiter is a guest of a pool of one, which may run tasks: so two threads show
//! runner and helper.

use std::sync::Arc;
use std::time::Duration;

use super::{Letter, ThreadPool, signal};
use crate::primitive::model::run::{Model, in_one_order, rest_in_one_order};
use crate::primitive::unmodelled::Mutex;
use crate::primitive::{Parker, UnsafeCell};
use crate::task::Handle;
use crate::thread::{guest, worker};

/// What each half writes once.
struct Pages([UnsafeCell<u32>; 2]);

// SAFETY: a half writes its own, and the joins order the reads after it; that this
// is enough is what the models show.
unsafe impl Sync for Pages {}

impl Pages {
    fn new() -> Arc<Self> {
        Arc::new(Self([UnsafeCell::new(0), UnsafeCell::new(0)]))
    }
    fn write(&self, n: usize) {
        // SAFETY: one half writes.
        self.0[n].with_mut(|page| unsafe { *page += 1 });
    }
    fn read(&self) -> [u32; 2] {
        // SAFETY: after the join.
        [0, 1].map(|n| self.0[n].with(|page| unsafe { *page }))
    }
}

/// A pool of one for which any thread may run tasks.
fn pool() -> Arc<ThreadPool> {
    let build = || {
        let builder = ThreadPool::builder().workers(1).workers_max(1);
        let builder = builder.keep_alive(Duration::MAX).panic_hook(false);
        builder.caller_runs(true).build().unwrap()
    };
    Arc::new(in_one_order(build))
}

/// Waits as a guest, which helps.
fn wait_as_guest<T>(pool: &ThreadPool, handle: &Handle<T>) {
    guest::visit(&pool.core, |visitor| {
        assert!(visitor.worker().is_some());
        handle.wait();
    });
}

/// The half of a stranger: not for the guest, which is in its wait.
fn not_on_top_of_the_guest() {
    // SAFETY: used here only.
    let here = unsafe { worker::current() };
    assert!(!here.unwrap().is_guest(), "a stranger's half on top");
}

/// Fear: the task comes to its end while its waiter steals: a half is run twice or by
/// nobody, its result is not seen, or one of the two sleeps for ever.
/// Must fail when: the end of a stolen half is Relaxed.
/// Bound: 3 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn a_task_ends_while_its_waiter_helps() {
    Model::new("thread::a_task_ends_while_its_waiter_helps")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let (pool, began, pages) = (pool(), signal(), Pages::new());
            let (inner, begins, writes) = (pool.clone(), began.clone(), pages.clone());
            let task = pool.submit(move || {
                begins.unpark();
                inner.join(|| writes.write(0), || writes.write(1));
                drop(inner);
                writes.read()
            });
            began.park();
            wait_as_guest(&pool, &task);
            rest_in_one_order();
            assert_eq!(task.result().unwrap(), [1, 1]);
            assert_eq!(pages.read(), [1, 1]);
            pool.end();
        });
}

/// Fear: the task ends while its waiter steals, and its thread is at something else by
/// then: a stranger's half runs on top of the waiter.
/// Must fail when: the waiter does not look whether the task has ended after it has
/// stolen.
/// Bound: 3 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn a_waiter_of_a_task_runs_no_half_of_the_next_task() {
    Model::new("thread::a_waiter_of_a_task_runs_no_half_of_the_next_task")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let (pool, began, goes) = (pool(), signal(), signal());
            let letter = Letter::new();
            let (inner, begins, go) = (pool.clone(), began.clone(), goes.clone());
            let task = pool.submit(move || forks_and_waits(&inner, &begins, &go));
            began.park();
            let (inner, writes) = (pool.clone(), letter.clone());
            let over = signal();
            let ended = over.clone();
            let stranger = pool.submit(move || {
                stranger(&inner, &writes);
                ended.unpark();
            });
            goes.unpark();
            wait_as_guest(&pool, &task);
            rest_in_one_order();
            // Not claimed: it is the worker that runs it.
            over.park();
            stranger.result().unwrap();
            assert_eq!(letter.read(), 42);
            drop(task);
            pool.end();
        });
}

/// A join that says when its half is there to be stolen.
fn forks_and_waits(pool: &ThreadPool, begins: &Parker, go: &Parker) {
    let first = || {
        begins.unpark();
        go.park();
    };
    pool.join(first, || ());
}

fn stranger(pool: &ThreadPool, writes: &Letter) {
    let half = || {
        not_on_top_of_the_guest();
        writes.write();
    };
    pool.join(|| (), half);
}

/// Fear: the task runs on top of another one, and its waiter steals what that one has
/// forked before.
/// Must fail when: a thief takes what lies below its mark.
/// Bound: 3 preemptions, a guest and a pool of one; 2 in the quick tier.
#[test]
fn a_waiter_runs_no_half_that_is_older_than_its_task() {
    Model::new("thread::a_waiter_runs_no_half_that_is_older_than_its_task")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let (pool, began) = (pool(), signal());
            let (letter, handed) = (Letter::new(), Arc::new(Mutex::new(None)));
            let (inner, begins) = (pool.clone(), began.clone());
            let (writes, hands) = (letter.clone(), handed.clone());
            let outer = pool.submit(move || {
                let on_top = || {
                    let task = Arc::new(inner.submit(move || begins.unpark()));
                    *hands.lock() = Some(task.clone());
                    task.wait();
                };
                let older = || {
                    not_on_top_of_the_guest();
                    writes.write();
                };
                inner.join(on_top, older);
            });
            began.park();
            let task: Option<Arc<Handle<()>>> = handed.lock().take();
            wait_as_guest(&pool, &task.unwrap());
            rest_in_one_order();
            outer.result().unwrap();
            assert_eq!(letter.read(), 42);
            pool.end();
        });
}
