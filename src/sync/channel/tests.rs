//! Wrong programs that a model must find: the stand-in promises no more than
//! crossbeam-channel.

use std::time::{Duration, Instant};

use super::models::{Letter, start};
use super::{after, at, bounded, tick};
use crate::primitive::model::run::Model;

/// Fear: the stand-in orders more than crossbeam-channel promises, so that a
/// model passes whose program is wrong: here room that is free again, which
/// says nothing of who made it.
#[test]
#[should_panic(expected = "Causality violation")]
fn room_says_nothing_of_what_its_receiver_did() {
    Model::new("sync::room_says_nothing_of_what_its_receiver_did")
        .unbounded()
        .check(|| {
            let (sender, receiver) = bounded(1);
            sender.send(0).unwrap();
            let letter = Letter::new();
            let other = start({
                let letter = letter.clone();
                move || {
                    letter.write(1);
                    receiver.recv().unwrap();
                    receiver
                }
            });
            if sender.try_send(0).is_ok() {
                letter.read();
            }
            drop(other.join().unwrap());
        });
}

/// Fear: a program that selects is modelled as something else.
#[test]
#[should_panic(expected = "through one channel")]
fn select_says_what_to_use_instead() {
    Model::new("sync::select_says_what_to_use_instead")
        .unbounded()
        .check(|| {
            let (_sender, receiver) = bounded::<u8>(1);
            let _ = receiver.inner();
        });
}

/// Runs `body` in a model.
fn in_a_model(body: fn()) {
    Model::new("sync::in_a_model").unbounded().check(move || {
        let other = start(|| ());
        body();
        other.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "`channel::after` is not modelled")]
fn after_says_what_to_use_instead() {
    in_a_model(|| drop(after(Duration::ZERO)));
}

#[test]
#[should_panic(expected = "`channel::at` is not modelled")]
fn at_says_what_to_use_instead() {
    in_a_model(|| drop(at(Instant::now())));
}

#[test]
#[should_panic(expected = "`channel::tick` is not modelled")]
fn tick_says_what_to_use_instead() {
    in_a_model(|| drop(tick(Duration::from_secs(1))));
}
