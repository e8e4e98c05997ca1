//! The lock of readers and writers: who is alone, who comes first, who is woken.

use super::*;
use crate::sync::{RwLock, RwLockWriteGuard};

type Shared = (RwLock<u32>, Payload);

fn shared() -> Arc<Shared> {
    Arc::new((RwLock::new(0), Payload::default()))
}

fn write((lock, payload): &Shared) {
    let mut value = lock.write();
    payload.add();
    *value += 1;
}

fn read((lock, payload): &Shared) {
    let value = lock.read();
    assert_eq!(payload.read(), *value);
}

/// Fear: a reader beside a writer; a writer that misses what readers or the
/// writer before did.
/// Must fail when: the door's lock or unlock orders less.
/// Bound: none, two threads.
#[test]
fn a_writer_is_alone_and_what_it_wrote_is_read() {
    Model::new("sync::a_writer_is_alone_and_what_it_wrote_is_read")
        .unbounded()
        .check(|| {
            let shared = shared();
            let other = spawn(&shared, write);
            read(&shared);
            write(&shared);
            other.join().unwrap();
            assert_eq!(*shared.0.read(), 2);
            assert_eq!(shared.1.read(), 2);
        });
}

/// Fear: the last of two readers does not wake the writer, or the writer wakes
/// one reader only.
/// Must fail when: a reader's unlock wakes nobody.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn two_readers_and_a_writer_all_get_their_turn() {
    Model::new("sync::two_readers_and_a_writer_all_get_their_turn")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let shared = shared();
            let others = [spawn(&shared, read), spawn(&shared, read)];
            write(&shared);
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(shared.1.read(), 1);
        });
}

/// Fear: readers that keep coming starve who waits to write.
/// Must fail when: a reader does not see that somebody waits to write.
/// Bound: none, two threads.
#[test]
fn who_waits_to_write_keeps_new_readers_out() {
    Model::new("sync::who_waits_to_write_keeps_new_readers_out")
        .unbounded()
        .check(|| {
            let shared = shared();
            let first = shared.0.read();
            let writer = spawn(&shared, write);
            let second = shared.0.try_read();
            let writer_waits = second.is_none();
            drop((first, second));
            if writer_waits {
                assert_eq!(*shared.0.read(), 1, "it overtook the writer");
            }
            writer.join().unwrap();
        });
}

/// Fear: another writer gets in between writing and reading.
/// Must fail when: `downgrade` unlocks first.
/// Bound: none, two threads.
#[test]
fn no_writer_comes_between_writing_and_reading() {
    Model::new("sync::no_writer_comes_between_writing_and_reading")
        .unbounded()
        .check(|| {
            let shared = shared();
            let other = spawn(&shared, write);
            let mut writer = shared.0.write();
            shared.1.add();
            *writer += 1;
            let written = *writer;
            let reader = RwLockWriteGuard::downgrade(writer);
            assert_eq!((*reader, shared.1.read()), (written, written));
            drop(reader);
            other.join().unwrap();
            assert_eq!(*shared.0.read(), 2);
        });
}

/// Fear: readers sleep on while the one who downgraded reads; or they miss what
/// it wrote.
/// Must fail when: `downgrade` wakes nobody, or orders less.
/// Bound: none, two threads.
#[test]
fn who_downgrades_lets_readers_in() {
    Model::new("sync::who_downgrades_lets_readers_in")
        .unbounded()
        .check(|| {
            let shared = shared();
            let mut writer = shared.0.write();
            let other = spawn(&shared, read);
            shared.1.add();
            *writer += 1;
            let reader = RwLockWriteGuard::downgrade(writer);
            other.join().unwrap();
            drop(reader);
        });
}

/// Fear: who waits to write gives up, and the readers that it kept out sleep on.
/// Must fail when: who gives up wakes nobody.
/// Bound: 3 preemptions, three threads; 2 in the quick tier.
#[test]
fn a_writer_that_gives_up_lets_readers_go_on() {
    Model::new("sync::a_writer_that_gives_up_lets_readers_go_on")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let shared = shared();
            let first = shared.0.read();
            let writer = spawn(&shared, |(lock, _)| lock.write_timeout(LIMIT).is_some());
            let reader = spawn(&shared, read);
            reader.join().unwrap();
            drop(first);
            writer.join().unwrap();
        });
}

/// Fear: an attempt or a timed reader gets in beside a writer.
/// Must fail when: these do not exclude.
/// Bound: none, two threads.
#[test]
fn attempts_hold_the_lock_or_nothing() {
    Model::new("sync::attempts_hold_the_lock_or_nothing")
        .unbounded()
        .check(|| {
            let shared = shared();
            let other = spawn(&shared, |(lock, payload)| {
                if let Some(mut value) = lock.try_write() {
                    payload.add();
                    *value += 1;
                }
            });
            if let Some(value) = shared.0.read_timeout(LIMIT) {
                assert_eq!(shared.1.read(), *value);
            }
            other.join().unwrap();
            assert_eq!(*shared.0.read(), shared.1.read());
        });
}
