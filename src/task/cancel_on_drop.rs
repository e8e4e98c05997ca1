//! A handle that cancels its task when it is dropped.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Handle;
use crate::error::TaskError;

/// A handle whose drop cancels the task: [`Handle::cancel_on_drop`].
///
/// Awaiting it works as with the handle, and dropping the await cancels.
///
/// # Examples
///
/// ```
/// let pool = raddle::ThreadPool::new(1)?;
/// let first = pool.submit(|| std::thread::sleep(std::time::Duration::from_millis(5)));
/// drop(pool.submit(|| unreachable!("the first is still running")).cancel_on_drop());
/// first.result().unwrap();
/// # Ok::<_, raddle::StartError>(())
/// ```
#[must_use = "dropping it cancels the task"]
pub struct CancelOnDrop<T> {
    handle: Option<Handle<T>>,
}

impl<T> CancelOnDrop<T> {
    pub(super) fn new(handle: Handle<T>) -> Self {
        Self {
            handle: Some(handle),
        }
    }

    /// Gives the handle back; dropping that one detaches.
    ///
    /// # Examples
    ///
    /// ```
    /// let guard = raddle::Inline.submit(|| 1).cancel_on_drop();
    /// guard.into_handle().detach();
    /// ```
    pub fn into_handle(mut self) -> Handle<T> {
        match self.handle.take() {
            Some(handle) => handle,
            None => unreachable!("the handle leaves only by value"),
        }
    }
}

impl<T> std::ops::Deref for CancelOnDrop<T> {
    type Target = Handle<T>;

    fn deref(&self) -> &Handle<T> {
        match &self.handle {
            Some(handle) => handle,
            None => unreachable!("the handle leaves only by value"),
        }
    }
}

impl<T> Future for CancelOnDrop<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.handle {
            Some(handle) => Pin::new(handle).poll(context),
            None => unreachable!("the handle leaves only by value"),
        }
    }
}

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.cancel();
        }
    }
}

impl<T> fmt::Debug for CancelOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelOnDrop").field(&self.handle).finish()
    }
}
