//! One face for `Queue` and `channel`, so that a test runs on both.

#![allow(dead_code)] // each test program uses a part

use std::sync::Arc;
use std::time::{Duration, Instant};

use raddle::sync::channel::{
    self, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError,
};
use raddle::sync::{PopError, PushError, Queue};

/// A kind of pipe.
pub(crate) trait Pipe {
    const NAME: &'static str;
    type Tx<T: Send + 'static>: Tx<T>;
    type Rx<T: Send + 'static>: Rx<T>;

    fn make<T: Send + 'static>(capacity: Option<usize>) -> (Self::Tx<T>, Self::Rx<T>);

    fn bounded<T: Send + 'static>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>) {
        Self::make(Some(capacity))
    }
}

/// The end that puts in. When the last clone is dropped, the pipe is closed.
pub(crate) trait Tx<T>: Clone + Send + Sync + 'static {
    fn put(&self, item: T) -> Result<(), PushError<T>>;
    fn try_put(&self, item: T) -> Result<(), PushError<T>>;
    fn put_for(&self, item: T, limit: Duration) -> Result<(), PushError<T>>;
    fn put_until(&self, item: T, at: Instant) -> Result<(), PushError<T>>;
}

/// The end that takes out.
pub(crate) trait Rx<T>: Clone + Send + Sync + 'static {
    fn take(&self) -> Result<T, PopError>;
    fn try_take(&self) -> Result<T, PopError>;
    fn take_for(&self, limit: Duration) -> Result<T, PopError>;
    fn take_until(&self, at: Instant) -> Result<T, PopError>;
    fn len(&self) -> usize;
    fn is_full(&self) -> bool;
    /// Nobody takes anything any more, and what is there is dropped.
    fn hang_up(self);

    fn all(&self) -> Vec<T> {
        std::iter::from_fn(|| self.take().ok()).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Queues;

#[derive(Debug)]
pub(crate) struct QueueTx<T>(Arc<CloseAtEnd<T>>);

#[derive(Debug)]
struct CloseAtEnd<T>(Queue<T>);

impl<T> Drop for CloseAtEnd<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Clone for QueueTx<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Pipe for Queues {
    const NAME: &'static str = "queue";
    type Tx<T: Send + 'static> = QueueTx<T>;
    type Rx<T: Send + 'static> = Queue<T>;

    fn make<T: Send + 'static>(capacity: Option<usize>) -> (QueueTx<T>, Queue<T>) {
        let queue = capacity.map_or_else(Queue::unbounded, Queue::bounded);
        (QueueTx(Arc::new(CloseAtEnd(queue.clone()))), queue)
    }
}

impl<T: Send + 'static> Tx<T> for QueueTx<T> {
    fn put(&self, item: T) -> Result<(), PushError<T>> {
        self.0.0.push(item)
    }
    fn try_put(&self, item: T) -> Result<(), PushError<T>> {
        self.0.0.try_push(item)
    }
    fn put_for(&self, item: T, limit: Duration) -> Result<(), PushError<T>> {
        self.0.0.push_timeout(item, limit)
    }
    fn put_until(&self, item: T, at: Instant) -> Result<(), PushError<T>> {
        self.0.0.push_deadline(item, at)
    }
}

impl<T: Send + 'static> Rx<T> for Queue<T> {
    fn take(&self) -> Result<T, PopError> {
        self.pop()
    }
    fn try_take(&self) -> Result<T, PopError> {
        self.try_pop()
    }
    fn take_for(&self, limit: Duration) -> Result<T, PopError> {
        self.pop_timeout(limit)
    }
    fn take_until(&self, at: Instant) -> Result<T, PopError> {
        self.pop_deadline(at)
    }
    fn len(&self) -> usize {
        self.len()
    }
    fn is_full(&self) -> bool {
        self.is_full()
    }
    fn hang_up(self) {
        drop(self.close_now());
    }
}

#[derive(Debug)]
pub(crate) struct Channels;

impl Pipe for Channels {
    const NAME: &'static str = "channel";
    type Tx<T: Send + 'static> = Sender<T>;
    type Rx<T: Send + 'static> = Receiver<T>;

    fn make<T: Send + 'static>(capacity: Option<usize>) -> (Sender<T>, Receiver<T>) {
        capacity.map_or_else(channel::unbounded, channel::bounded)
    }
}

fn late<T>(error: SendTimeoutError<T>) -> PushError<T> {
    match error {
        SendTimeoutError::Timeout(item) => PushError::Full(item),
        SendTimeoutError::Disconnected(item) => PushError::Closed(item),
    }
}

impl<T: Send + 'static> Tx<T> for Sender<T> {
    fn put(&self, item: T) -> Result<(), PushError<T>> {
        self.send(item)
            .map_err(|error| PushError::Closed(error.into_inner()))
    }
    fn try_put(&self, item: T) -> Result<(), PushError<T>> {
        self.try_send(item).map_err(|error| match error {
            TrySendError::Full(item) => PushError::Full(item),
            TrySendError::Disconnected(item) => PushError::Closed(item),
        })
    }
    fn put_for(&self, item: T, limit: Duration) -> Result<(), PushError<T>> {
        self.send_timeout(item, limit).map_err(late)
    }
    fn put_until(&self, item: T, at: Instant) -> Result<(), PushError<T>> {
        self.send_deadline(item, at).map_err(late)
    }
}

fn missed(error: RecvTimeoutError) -> PopError {
    match error {
        RecvTimeoutError::Timeout => PopError::Empty,
        RecvTimeoutError::Disconnected => PopError::Closed,
    }
}

impl<T: Send + 'static> Rx<T> for Receiver<T> {
    fn take(&self) -> Result<T, PopError> {
        self.recv().map_err(|_| PopError::Closed)
    }
    fn try_take(&self) -> Result<T, PopError> {
        self.try_recv().map_err(|error| match error {
            TryRecvError::Empty => PopError::Empty,
            TryRecvError::Disconnected => PopError::Closed,
        })
    }
    fn take_for(&self, limit: Duration) -> Result<T, PopError> {
        self.recv_timeout(limit).map_err(missed)
    }
    fn take_until(&self, at: Instant) -> Result<T, PopError> {
        self.recv_deadline(at).map_err(missed)
    }
    fn len(&self) -> usize {
        self.len()
    }
    fn is_full(&self) -> bool {
        self.is_full()
    }
    fn hang_up(self) {
        drop(self);
    }
}
