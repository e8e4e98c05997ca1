//! What we fear of signals and meeting points, and loom's answer.
//!
//! The payload is a cell that who signals writes and who waited reads.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::primitive::UnsafeCell;
use crate::primitive::thread::{self, JoinHandle};

mod barrier;
mod signals;

fn start<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(String::from("other"), None, body).unwrap()
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What one writes and others read later.
struct Letter(UnsafeCell<u32>);

// SAFETY: each model writes before a signal and reads after it; that this is
// enough is what the model shows.
unsafe impl Sync for Letter {}

impl Letter {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn write(&self) {
        // SAFETY: see `Letter`.
        self.0.with_mut(|letter| unsafe { *letter = 42 });
    }

    fn read(&self) {
        // SAFETY: see `Letter`.
        self.0.with(|letter| assert_eq!(unsafe { *letter }, 42));
    }
}

/// Something to share, and a letter.
fn with_letter<T>(shared: T) -> Arc<(T, Letter)> {
    Arc::new((shared, Letter::new()))
}
