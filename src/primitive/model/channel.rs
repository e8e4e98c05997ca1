//! A channel in a model, no stronger than crossbeam-channel promises.
//!
//! ```text
//!   send   wrap: mark, Release │ step: put it in, or sleep, and again
//!   recv                       │ step: take it out, or sleep, and again │ mark, Acquire
//!   drop                       │ step: count; the last one wakes the other side
//! ```
//!
//! The items lie in plain data, which changes in one step with the [`Turn`]
//! before it. A turn synchronises nothing; each item has a mark while it is
//! under way, which its sender stores and its receiver exchanges.
//! So what precedes a send happens-before the receive of that item, and nothing
//! else is ordered: neither a receive before the send that gets its room, nor
//! the drop of the last sender before the end that a receiver is told, nor an
//! operation that fails. (The wake-up of a sleeper does order; loom gives no
//! other.)
//!
//! A timed operation looks twice, with time for the others in between.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::atomics::{AtomicU32, Ordering};
use super::context::{self, Execution};
use super::loads::Turn;
use super::park::{Seat, plain};
use crate::primitive::mutant::{mutant, weaken};
use crate::primitive::native::channel as native;
pub use native::{
    InnerReceiver, InnerSender, RecvError, RecvTimeoutError, Select, SelectedOperation, SendError,
    SendTimeoutError, TryRecvError, TrySendError, select, select_biased,
};

const NO_INNER: &str = "raddle model: a channel made inside a model has no crossbeam end, so \
    `inner()` and `select!` do not work: give each source a thread, or send everything through \
    one channel whose items say where they come from";

/// How many items may be under way at once.
const MARKS: usize = 8;

/// An item under way, and the index of its mark.
struct Parcel<T> {
    item: T,
    mark: usize,
}

struct State<T> {
    items: VecDeque<Parcel<T>>,
    unused_marks: Vec<usize>,
    senders: usize,
    receivers: usize,
    sleeping_senders: VecDeque<Arc<Seat>>,
    sleeping_receivers: VecDeque<Arc<Seat>>,
}

/// What both ends share.
pub(crate) struct Core<T> {
    made: Execution,
    capacity: Option<usize>,
    steps: Turn,
    marks: [AtomicU32; MARKS],
    state: Mutex<State<T>>,
}

impl<T> Core<T> {
    fn wrap(&self, item: T) -> Parcel<T> {
        let mark = plain(&self.state).unused_marks.pop();
        let mark = mark.unwrap_or_else(|| {
            panic!("raddle model: at most {MARKS} items are under way in a channel of a model")
        });
        // ORDERING: Release pairs with the Acquire in `take`.
        let order = weaken("channel-model-send-relaxed", Ordering::Release);
        self.marks[mark].store(1, order);
        Parcel { item, mark }
    }

    /// The item of a parcel that was not sent.
    fn unwrap(&self, parcel: Parcel<T>) -> T {
        plain(&self.state).unused_marks.push(parcel.mark);
        parcel.item
    }

    /// The state, in a step of its own. Not to be kept over the next one.
    fn step(&self) -> MutexGuard<'_, State<T>> {
        if !context::doomed() {
            context::require(self.made);
        }
        self.steps.take();
        plain(&self.state)
    }

    /// `Err` gives the parcel back, with whether anybody could still take it.
    fn put(&self, parcel: Parcel<T>, seat: Option<&Arc<Seat>>) -> Result<(), (Parcel<T>, bool)> {
        let mut state = self.step();
        if state.receivers == 0 {
            return Err((parcel, false));
        }
        if (self.capacity).is_some_and(|capacity| state.items.len() >= capacity) {
            state.sleeping_senders.extend(seat.cloned());
            return Err((parcel, true));
        }
        state.items.push_back(parcel);
        let sleeper = state.sleeping_receivers.pop_front();
        drop(state);
        if !mutant("channel-model-send-wakes-nobody") {
            wake(sleeper);
        }
        Ok(())
    }

    /// `Err` says whether anything could still come.
    fn take(&self, seat: Option<&Arc<Seat>>) -> Result<T, bool> {
        let mut state = self.step();
        let Some(parcel) = state.items.pop_front() else {
            let may_come = state.senders > 0;
            if may_come {
                state.sleeping_receivers.extend(seat.cloned());
            }
            return Err(may_come);
        };
        let sleeper = state.sleeping_senders.pop_front();
        drop(state);
        wake(sleeper);
        // ORDERING: Acquire pairs with the Release in `wrap`.
        let order = weaken("channel-model-receive-relaxed", Ordering::Acquire);
        self.marks[parcel.mark].swap(2, order);
        Ok(self.unwrap(parcel))
    }
}

fn wake(sleepers: impl IntoIterator<Item = Arc<Seat>>) {
    for seat in sleepers {
        seat.wake();
    }
}

/// The end that sends.
pub(crate) enum Sender<T> {
    Native(InnerSender<T>),
    Modelled(Arc<Core<T>>),
}

/// The end that receives.
pub(crate) enum Receiver<T> {
    Native(InnerReceiver<T>),
    Modelled(Arc<Core<T>>),
}

pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0 || !context::inside(),
        "raddle model: `channel::bounded(0)` is not modelled: use `bounded(1)`"
    );
    pair(Some(capacity), || native::bounded(capacity))
}

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    pair(None, native::unbounded)
}

fn pair<T>(
    capacity: Option<usize>,
    native: impl FnOnce() -> (InnerSender<T>, InnerReceiver<T>),
) -> (Sender<T>, Receiver<T>) {
    let Some(made) = context::current() else {
        let (sender, receiver) = native();
        return (Sender::Native(sender), Receiver::Native(receiver));
    };
    let core = core(made, capacity);
    (
        Sender::Modelled(Arc::clone(&core)),
        Receiver::Modelled(core),
    )
}

/// A channel whose one sender nobody drops.
pub(crate) fn never<T>() -> Receiver<T> {
    match context::current() {
        None => Receiver::Native(native::never()),
        Some(made) => {
            let core = core(made, Some(0));
            if mutant("channel-model-never-ends") {
                plain(&core.state).senders = 0;
            }
            Receiver::Modelled(core)
        }
    }
}

pub(crate) fn after(limit: Duration) -> Receiver<Instant> {
    by_time("after", || native::after(limit))
}

pub(crate) fn at(when: Instant) -> Receiver<Instant> {
    by_time("at", || native::at(when))
}

pub(crate) fn tick(every: Duration) -> Receiver<Instant> {
    by_time("tick", || native::tick(every))
}

fn by_time(name: &str, native: impl FnOnce() -> InnerReceiver<Instant>) -> Receiver<Instant> {
    assert!(
        !context::inside(),
        "raddle model: `channel::{name}` is not modelled, time stands still in a model: use \
         `recv_timeout`, or a thread that sends"
    );
    Receiver::Native(native())
}

/// With one sender and one receiver.
fn core<T>(made: Execution, capacity: Option<usize>) -> Arc<Core<T>> {
    Arc::new(Core {
        made,
        capacity,
        steps: Turn::new(),
        marks: std::array::from_fn(|_| AtomicU32::new(0)),
        state: Mutex::new(State {
            items: VecDeque::new(),
            unused_marks: (0..MARKS).collect(),
            senders: 1,
            receivers: 1,
            sleeping_senders: VecDeque::new(),
            sleeping_receivers: VecDeque::new(),
        }),
    })
}

fn not_inside<T>(native: &T) -> &T {
    context::refuse_native("channel");
    native
}

/// What both ends tell of their channel.
macro_rules! looks {
    ($end:ident) => {
        impl<T> $end<T> {
            pub(crate) fn len(&self) -> usize {
                match self {
                    Self::Native(native) => native.len(),
                    Self::Modelled(core) => core.step().items.len(),
                }
            }

            pub(crate) fn is_empty(&self) -> bool {
                self.len() == 0
            }

            pub(crate) fn is_full(&self) -> bool {
                match self {
                    Self::Native(native) => native.is_full(),
                    Self::Modelled(core) => Some(self.len()) == core.capacity,
                }
            }

            pub(crate) fn capacity(&self) -> Option<usize> {
                match self {
                    Self::Native(native) => native.capacity(),
                    Self::Modelled(core) => core.capacity,
                }
            }

            pub(crate) fn same_channel(&self, other: &Self) -> bool {
                match (self, other) {
                    (Self::Native(one), Self::Native(other)) => one.same_channel(other),
                    (Self::Modelled(one), Self::Modelled(other)) => Arc::ptr_eq(one, other),
                    _ => false,
                }
            }
        }

        impl<T> fmt::Debug for $end<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(concat!(stringify!($end), " { .. }"))
            }
        }
    };
}

looks!(Sender);
looks!(Receiver);

impl<T> Sender<T> {
    pub(crate) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        match self {
            Self::Native(native) => not_inside(native).try_send(item),
            Self::Modelled(core) => {
                let sent = core.put(core.wrap(item), None);
                sent.map_err(|(parcel, may_take)| match may_take {
                    true => TrySendError::Full(core.unwrap(parcel)),
                    false => TrySendError::Disconnected(core.unwrap(parcel)),
                })
            }
        }
    }

    pub(crate) fn send(&self, item: T) -> Result<(), SendError<T>> {
        let core = match self {
            Self::Native(native) => return not_inside(native).send(item),
            Self::Modelled(core) => core,
        };
        let mut parcel = core.wrap(item);
        loop {
            let seat = Seat::take();
            match core.put(parcel, Some(&seat)) {
                Ok(()) => return Ok(()),
                Err((refused, false)) => return Err(SendError(core.unwrap(refused))),
                Err((refused, true)) => parcel = refused,
            }
            seat.sleep();
        }
    }

    pub(crate) fn send_deadline(&self, item: T, at: Instant) -> Result<(), SendTimeoutError<T>> {
        if let Self::Native(native) = self {
            return not_inside(native).send_deadline(item, at);
        }
        let item = match self.try_send(item) {
            Err(TrySendError::Full(item)) => item,
            ended => return ended.map_err(late),
        };
        context::timed_wait();
        self.try_send(item).map_err(late)
    }
}

fn late<T>(error: TrySendError<T>) -> SendTimeoutError<T> {
    match error {
        TrySendError::Full(item) => SendTimeoutError::Timeout(item),
        TrySendError::Disconnected(item) => SendTimeoutError::Disconnected(item),
    }
}

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self {
            Self::Native(native) => not_inside(native).try_recv(),
            Self::Modelled(core) => core.take(None).map_err(|may_come| match may_come {
                true => TryRecvError::Empty,
                false => TryRecvError::Disconnected,
            }),
        }
    }

    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        let core = match self {
            Self::Native(native) => return not_inside(native).recv(),
            Self::Modelled(core) => core,
        };
        loop {
            let seat = Seat::take();
            match core.take(Some(&seat)) {
                Ok(item) => return Ok(item),
                Err(false) => return Err(RecvError),
                Err(true) => seat.sleep(),
            }
        }
    }

    pub(crate) fn recv_deadline(&self, at: Instant) -> Result<T, RecvTimeoutError> {
        if let Self::Native(native) = self {
            return not_inside(native).recv_deadline(at);
        }
        let late = |error| match error {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        };
        match self.try_recv() {
            Err(TryRecvError::Empty) => {}
            ended => return ended.map_err(late),
        }
        context::timed_wait();
        let last = self.try_recv().map_err(late);
        match mutant("channel-model-late-receive-drops-its-item") {
            true => last.and(Err(RecvTimeoutError::Timeout)),
            false => last,
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Native(native) => Self::Native(native.clone()),
            Self::Modelled(core) => {
                core.step().senders += 1;
                Self::Modelled(Arc::clone(core))
            }
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Native(native) => Self::Native(native.clone()),
            Self::Modelled(core) => {
                core.step().receivers += 1;
                Self::Modelled(Arc::clone(core))
            }
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Self::Modelled(core) = self {
            let mut state = core.step();
            state.senders -= 1;
            let sleepers = match state.senders {
                0 => std::mem::take(&mut state.sleeping_receivers),
                _ => VecDeque::new(),
            };
            drop(state);
            if !mutant("channel-model-end-tells-no-receiver") {
                wake(sleepers);
            }
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Self::Modelled(core) = self {
            let mut state = core.step();
            state.receivers -= 1;
            let is_last = state.receivers == 0;
            let sleepers = match is_last {
                true => std::mem::take(&mut state.sleeping_senders),
                false => VecDeque::new(),
            };
            // As in crossbeam: a bounded channel keeps it for its last sender.
            let unread = match is_last && core.capacity.is_none() {
                true => std::mem::take(&mut state.items),
                false => VecDeque::new(),
            };
            drop(state);
            if !mutant("channel-model-end-tells-no-sender") {
                wake(sleepers);
            }
            drop(unread);
        }
    }
}

/// crossbeam's end of a channel.
pub(crate) fn inner_sender<T>(sender: &Sender<T>) -> &InnerSender<T> {
    match sender {
        Sender::Native(native) => not_inside(native),
        Sender::Modelled(_) => panic!("{NO_INNER}"),
    }
}

/// crossbeam's end of a channel.
pub(crate) fn inner_receiver<T>(receiver: &Receiver<T>) -> &InnerReceiver<T> {
    match receiver {
        Receiver::Native(native) => not_inside(native),
        Receiver::Modelled(_) => panic!("{NO_INNER}"),
    }
}
