//! What we fear of a task, its handle and those who wait for it, and loom's
//! answer.
//!
//! Each task carries a [`Letter`], which it writes and whoever gets its result
//! reads, and a token of its closure and its result, which shows whether both
//! were dropped. `LIVE` counts the cells.

mod ends;
mod waits;

use std::panic::Location;
use std::sync::Arc;

use super::cell::{Claim, LIVE, Origin};
use super::executor::accept;
use super::job::Job;
use super::options::Task;
use super::{Handle, TaskState};
use crate::primitive::UnsafeCell;
use crate::primitive::fork::NO_POOL;
use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};

fn start<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(String::from("other"), None, body).unwrap()
}

/// What the task writes, and whoever has its result reads.
struct Letter(UnsafeCell<u32>);

// SAFETY: a task writes it once, and it is read by whoever has seen the task
// finished; that this is enough is what the models show.
unsafe impl Sync for Letter {}

impl Letter {
    fn write(&self) {
        // SAFETY: one task writes, and readers come after it.
        self.0.with_mut(|letter| unsafe { *letter = 42 });
    }

    fn read(&self) {
        // SAFETY: the task has written and ended.
        self.0.with(|letter| assert_eq!(unsafe { *letter }, 42));
    }
}

/// A letter, and a count of the closures and results that refer to it.
#[derive(Clone)]
struct Desk(Arc<Letter>);

impl Desk {
    fn new() -> Self {
        Self(Arc::new(Letter(UnsafeCell::new(0))))
    }

    /// A task that writes the letter and returns the desk.
    fn task(&self) -> impl FnOnce() -> Desk + Send + use<> {
        let desk = self.clone();
        move || {
            desk.0.write();
            desk
        }
    }

    /// Nothing is left: no closure, no result, no cell.
    fn is_cleared(&self) {
        assert_eq!(Arc::strong_count(&self.0), 1, "a closure or a result leaks");
        assert_eq!(LIVE.get(), 0, "a cell leaks");
    }
}

fn submit<T: Task>(claim: Claim, task: T) -> (Job, Handle<T::Output>) {
    let site = Location::caller();
    let pool = NO_POOL;
    accept(task, Origin { site, pool, claim })
}

/// A task that only its queue runs.
fn queued<T: Task>(task: T) -> (Job, Handle<T::Output>) {
    submit(Claim::Nobody, task)
}

fn run(job: Job) {
    let _ = job.run(&());
}

fn model(name: &'static str) -> Model {
    LIVE.set(0);
    Model::new(name)
}
