//! Channels: crossbeam-channel's, known to the pool.
//!
//! A channel has two kinds of ends, and its life hangs on them: when the last
//! [`Sender`] is dropped, receivers get what is left and then an error; when the
//! last [`Receiver`] is dropped, senders get an error with their item. What is
//! left then is dropped at once if the channel is unbounded, and with the last
//! sender if it is bounded. ([`Queue`](crate::sync::Queue) has one kind of handle
//! and an explicit `close`; it works with futures, counts what is done, has
//! other orders, and serves those who wait in turn.)
//!
//! # Waiting
//!
//! `send` and `recv` try first. When they must wait on a worker of a pool, they
//! tell the pool, and a spare worker takes its place. [`select!`] waits without
//! telling: see there.
//!
//! # Fairness
//!
//! A newcomer may overtake those who wait, any number of times; those who wait are
//! woken in turn. ([`Queue`](crate::sync::Queue) lets nobody overtake.)
//!
//! # Memory ordering
//!
//! What precedes the send of an item happens-before the return of the receive
//! that gets it. Nothing else is ordered: not even the drop of the last sender
//! before the error that tells of it. Send a last item if that matters.
//!
//! # In a model
//!
//! Channels made inside a model are a stand-in with these promises and no more.
//! It has no `inner()` ends, so no [`select!`], and no `bounded(0)`; time stands
//! still there, so it has no [`after`], [`at`] and [`tick`] either. Each says so.
//!
//! # Examples
//!
//! ```
//! use raddle::{ThreadPool, sync::channel};
//!
//! let pool = ThreadPool::new(2)?;
//! let (sender, receiver) = channel::bounded(4);
//! for part in 0..3u32 {
//!     let sender = sender.clone();
//!     pool.submit(move || sender.send(part * part).unwrap());
//! }
//! drop(sender);
//! assert_eq!(receiver.iter().sum::<u32>(), 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod receiver;
mod sender;

#[cfg(all(test, raddle_loom))]
mod models;
#[cfg(all(test, raddle_loom))]
mod tests;

/// crossbeam-channel's receiving end: what [`Receiver::inner`] gives.
pub use crate::primitive::channel::InnerReceiver;
/// crossbeam-channel's sending end: what [`Sender::inner`] gives.
pub use crate::primitive::channel::InnerSender;
/// Waits for the first of several channels that is ready: crossbeam-channel's,
/// on the [`inner`](Receiver::inner) ends.
///
/// Blocks, unless it has a `default` branch. The pool does not know of this
/// wait: on a worker it keeps its place, and no spare takes it. So let a thread
/// of its own select, or the worker of a pool that has one to spare.
///
/// # Examples
///
/// ```
/// use raddle::sync::channel::{self, select};
///
/// let (numbers, from_numbers) = channel::bounded(1);
/// let (_words, from_words) = channel::bounded::<&str>(1);
/// numbers.send(7).unwrap();
/// select! {
///     recv(from_numbers.inner()) -> number => assert_eq!(number, Ok(7)),
///     recv(from_words.inner()) -> word => unreachable!("{word:?}"),
/// }
/// ```
pub use crate::primitive::channel::select;
pub use crate::primitive::channel::{
    RecvError, RecvTimeoutError, Select, SelectedOperation, SendError, SendTimeoutError,
    TryRecvError, TrySendError, select_biased,
};
pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::Sender;

use std::time::{Duration, Instant};

use crate::primitive::block::{BlockedOn, Blocking};
use crate::primitive::channel as door;

/// Makes a channel that holds at most `capacity` items.
///
/// With 0 it holds none: a send waits until a receive takes its item.
///
/// # Examples
///
/// ```
/// use raddle::sync::channel;
///
/// let (sender, receiver) = channel::bounded(1);
/// sender.send("one").unwrap();
/// assert!(sender.try_send("two").is_err());
/// assert_eq!(receiver.recv(), Ok("one"));
/// ```
#[doc(alias = "sync_channel")]
#[doc(alias = "Pipe")]
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = door::bounded(capacity);
    (Sender(sender), Receiver(receiver))
}

/// Makes a channel without a limit.
///
/// Senders that are faster than the receivers fill the memory: prefer
/// [`bounded`].
///
/// # Examples
///
/// ```
/// use raddle::sync::channel;
///
/// let (sender, receiver) = channel::unbounded();
/// (0..100).for_each(|n| sender.send(n).unwrap());
/// assert_eq!(receiver.len(), 100);
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = door::unbounded();
    (Sender(sender), Receiver(receiver))
}

/// Makes a receiver that gets one message, the moment it was sent, when `limit`
/// has passed, and nothing else ever. No sender ends it.
///
/// For a branch of [`select!`] or another loop over several sources; to wait for
/// one of them with a limit, there is [`recv_timeout`](Receiver::recv_timeout).
/// Clones share the one message. `Duration::MAX` is [`never()`].
///
/// # Panics
///
/// Inside a model: there time stands still.
///
/// # Examples
///
/// ```
/// use raddle::sync::channel::{self, select};
/// use std::time::Duration;
///
/// let (_sender, receiver) = channel::bounded::<u8>(1);
/// let time_is_up = channel::after(Duration::from_millis(1));
/// select! {
///     recv(receiver.inner()) -> item => unreachable!("{item:?}"),
///     recv(time_is_up.inner()) -> _ => {}
/// }
/// ```
#[must_use]
pub fn after(limit: Duration) -> Receiver<Instant> {
    Receiver(door::after(limit))
}

/// Makes a receiver that gets one message at `when`: that moment. At once, if it
/// is past. Else as [`after`].
///
/// # Panics
///
/// As [`after`].
///
/// # Examples
///
/// ```
/// use raddle::sync::channel;
/// use std::time::Instant;
///
/// let now = Instant::now();
/// assert!(channel::at(now).recv().unwrap() >= now);
/// ```
#[must_use]
pub fn at(when: Instant) -> Receiver<Instant> {
    Receiver(door::at(when))
}

/// Makes a receiver that gets a message, the moment it was sent, each time
/// `every` has passed. No sender ends it.
///
/// It keeps one message at most: whoever is late finds one, and the next comes
/// `every` after that was received. Clones share the messages. With
/// `Duration::MAX`, or any other above 136 years, it is [`never()`].
///
/// # Panics
///
/// As [`after`].
///
/// # Examples
///
/// ```
/// use raddle::sync::channel;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let ticks = channel::tick(Duration::from_millis(2));
/// assert_eq!(ticks.iter().take(3).count(), 3);
/// assert!(start.elapsed() >= Duration::from_millis(6));
/// ```
#[doc(alias = "interval")]
#[must_use]
pub fn tick(every: Duration) -> Receiver<Instant> {
    // crossbeam adds it to the time of the next one, which may overflow.
    let is_never = every > Duration::from_secs(u64::from(u32::MAX));
    Receiver(door::tick(if is_never { Duration::MAX } else { every }))
}

/// Makes a receiver that gets no message, and no end: in place of a source that
/// is not there.
///
/// [`recv`](Receiver::recv) on it blocks for ever.
///
/// # Examples
///
/// ```
/// use raddle::sync::channel::{self, TryRecvError};
///
/// let nothing = channel::never::<u8>();
/// assert_eq!(nothing.try_recv(), Err(TryRecvError::Empty));
/// ```
#[must_use]
pub fn never<T>() -> Receiver<T> {
    Receiver(door::never())
}

/// Tells the pool, while this lives, that its worker waits.
fn waiting() -> Blocking {
    Blocking::start(BlockedOn::Thing("a channel"))
}
