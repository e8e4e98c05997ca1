//! Which of `raddle::sync` may be used on after a panic that was caught, without
//! `AssertUnwindSafe`: those of std's that poison nothing and have nothing to
//! poison, and those like them. The compiler is the test.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};

use raddle::sync::{
    Barrier, Condition, Condvar, Event, Latch, Lazy, Mutex, OnceLock, Queue, ReentrantMutex,
    RwLock, Semaphore, channel,
};

const fn safe<T: UnwindSafe + RefUnwindSafe>() {}
const fn moves<T: UnwindSafe>() {}

const _: () = {
    safe::<Barrier>();
    safe::<Condvar>();
    safe::<Event>();
    safe::<Latch>();
    safe::<Semaphore>();
    // Items come and go whole.
    safe::<Queue<Cell<u8>>>();
    safe::<channel::Sender<Cell<u8>>>();
    safe::<channel::Receiver<Cell<u8>>>();
    // As safe as the value.
    safe::<OnceLock<String>>();
    safe::<Lazy<String>>();
    safe::<ReentrantMutex<String>>();
    // Moved, they are gone for whoever catches the panic.
    moves::<Mutex<String>>();
    moves::<RwLock<String>>();
    moves::<Condition<String>>();
};

struct Asks<T>(PhantomData<T>);

/// What `Asks` says for every type ..
trait Otherwise {
    const IS_SAFE: bool = false;
}

impl<T> Otherwise for Asks<T> {}

/// .. and of its own for those that are safe.
impl<T: RefUnwindSafe> Asks<T> {
    const IS_SAFE: bool = true;
}

/// Nothing is poisoned: who locks after a panic may find half a change. The same
/// goes for parking_lot's; and for a value with a cell in it, set once.
#[test]
fn what_a_panic_may_leave_half_changed_is_not_said_to_be_safe() {
    let safe = [
        Asks::<Mutex<u8>>::IS_SAFE,
        Asks::<RwLock<u8>>::IS_SAFE,
        Asks::<Condition<u8>>::IS_SAFE,
        Asks::<OnceLock<Cell<u8>>>::IS_SAFE,
        Asks::<Lazy<Cell<u8>>>::IS_SAFE,
        Asks::<ReentrantMutex<Cell<u8>>>::IS_SAFE,
    ];
    assert_eq!(safe, [false; 6]);
    const { assert!(Asks::<Event>::IS_SAFE) };
}

#[test]
fn a_panic_with_signals_in_reach_is_caught_without_more_words() {
    let (event, seats) = (Event::new(), Semaphore::new(1));
    let caught = catch_unwind(|| {
        let _seat = seats.acquire().unwrap();
        event.set();
        panic!("on purpose");
    });
    assert!(caught.is_err() && event.is_set());
    assert_eq!(seats.available(), 1);
}
