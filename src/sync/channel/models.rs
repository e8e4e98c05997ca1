//! What we fear of a channel, and of its stand-in; and loom's answer.

use std::sync::Arc;
use std::time::Duration;

use super::{TryRecvError, bounded, never, unbounded};
use crate::primitive::UnsafeCell;
use crate::primitive::model::run::Model;
use crate::primitive::thread::{self, JoinHandle};

pub(super) fn start<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(String::from("other"), None, body).unwrap()
}

/// Written by the sender, read by the receiver.
pub(super) struct Letter(UnsafeCell<u32>);

// SAFETY: one writes and then sends, the other receives and then reads; that
// this is enough is what the model shows.
unsafe impl Sync for Letter {}

impl Letter {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }

    pub(super) fn write(&self, text: u32) {
        // SAFETY: nobody reads before it is sent.
        self.0.with_mut(|place| unsafe { *place = text });
    }

    pub(super) fn read(&self) -> u32 {
        // SAFETY: it was written before it was sent.
        self.0.with(|place| unsafe { *place })
    }
}

/// Fear: an item is lost, or comes without what its sender wrote; the end comes
/// before the last item.
/// Must fail when: an item's mark is not released, or not acquired; a send, or the
/// drop of the last sender, wakes nobody.
/// Bound: none, two threads.
#[test]
fn items_come_with_what_was_written_and_then_the_end() {
    Model::new("sync::items_come_with_what_was_written_and_then_the_end")
        .unbounded()
        .check(|| {
            let (sender, receiver) = bounded(1);
            let other = start(move || {
                for text in [1, 2] {
                    let letter = Letter::new();
                    letter.write(text);
                    sender.send(letter).unwrap();
                }
            });
            let texts: Vec<_> = receiver.iter().map(|letter| letter.read()).collect();
            assert_eq!(texts, [1, 2]);
            other.join().unwrap();
        });
}

/// Fear: a receiver whose time is up takes an item with it.
/// Must fail when: the last look drops what it finds.
/// Bound: none, two threads.
#[test]
fn a_timed_receive_leaves_the_item_or_has_it() {
    Model::new("sync::a_timed_receive_leaves_the_item_or_has_it")
        .unbounded()
        .check(|| {
            let (sender, receiver) = unbounded();
            let other = start(move || sender.send(7).unwrap());
            let first = receiver.recv_timeout(Duration::from_secs(1));
            other.join().unwrap();
            assert_eq!(first.is_ok(), receiver.try_recv().is_err());
        });
}

/// Fear: a sender sleeps on, with its item, though the last receiver has gone.
/// Must fail when: the drop of the last receiver wakes nobody.
/// Bound: none, two threads.
#[test]
fn a_sender_is_told_that_nobody_receives() {
    Model::new("sync::a_sender_is_told_that_nobody_receives")
        .unbounded()
        .check(|| {
            let (sender, receiver) = bounded(1);
            sender.send(1).unwrap();
            let other = start(move || (sender.send(2), sender.send(3)));
            assert_eq!(receiver.recv(), Ok(1));
            drop(receiver);
            let (second, third) = other.join().unwrap();
            // Into the room that became free, or refused: never asleep.
            assert_eq!(
                second.map_or_else(|refused| refused.into_inner(), |()| 2),
                2
            );
            assert_eq!(third.unwrap_err().into_inner(), 3);
        });
}

/// Fear: a channel that never has anything comes to an end, or keeps who waits for
/// a time only.
/// Must fail when: it counts no sender.
/// Bound: none, two threads.
#[test]
fn never_is_empty_and_has_no_end() {
    Model::new("sync::never_is_empty_and_has_no_end")
        .unbounded()
        .check(|| {
            let nothing = never::<u8>();
            let other = start({
                let nothing = nothing.clone();
                move || nothing.recv_timeout(Duration::from_secs(1)).unwrap_err()
            });
            let looked = nothing.try_recv();
            assert!(other.join().unwrap().is_timeout());
            assert_eq!(looked, Err(TryRecvError::Empty));
            assert_eq!((nothing.len(), nothing.capacity()), (0, Some(0)));
        });
}
