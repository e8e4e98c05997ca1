//! Atomics, fences and cells: what loom must see of them.

use super::*;

fn publish(store: Ordering, load: Ordering) {
    beside(
        Arc::new((Payload::default(), AtomicBool::new(false))),
        move |(payload, flag)| {
            payload.write(1);
            flag.store(true, store);
        },
        move |(payload, flag)| {
            if flag.load(load) {
                assert_eq!(payload.read(), 1);
            }
        },
    );
}

#[test]
fn a_released_payload_is_seen() {
    Model::new("model::atomics::a_released_payload_is_seen")
        .unbounded()
        .check(|| publish(Ordering::Release, Ordering::Acquire));
}

#[test]
fn a_relaxed_publication_is_found() {
    must_fail(
        RACE,
        "model::atomics::a_relaxed_publication_is_found",
        || {
            publish(Ordering::Relaxed, Ordering::Acquire);
        },
    );
}

#[test]
fn a_relaxed_reception_is_found() {
    must_fail(RACE, "model::atomics::a_relaxed_reception_is_found", || {
        publish(Ordering::Release, Ordering::Relaxed);
    });
}

fn dekker(fenced: bool) {
    type Flags = (AtomicBool, AtomicBool);
    let go = move |mine: &AtomicBool, theirs: &AtomicBool| {
        mine.store(true, Ordering::Relaxed);
        if fenced {
            fence(Ordering::SeqCst);
        }
        theirs.load(Ordering::Relaxed)
    };
    let flags: Arc<Flags> = Arc::default();
    let handle = spawn({
        let flags = Arc::clone(&flags);
        move || go(&flags.0, &flags.1)
    });
    let seen = go(&flags.1, &flags.0);
    assert!(join(handle) || seen, "neither saw the other");
}

#[test]
fn two_flags_with_fences_see_each_other() {
    Model::new("model::atomics::two_flags_with_fences_see_each_other")
        .unbounded()
        .check(|| dekker(true));
}

#[test]
fn two_flags_without_fences_are_found() {
    must_fail(
        "neither saw",
        "model::atomics::two_flags_without_fences_are_found",
        || {
            dekker(false);
        },
    );
}

/// loom remembers only the last access to an atomic: the writer's own load
/// hides the reader's, and loom alone would never try the write first.
#[test]
fn a_load_of_the_writer_does_not_hide_the_reader() {
    must_fail("written", "model::atomics::a_load_of_the_writer", || {
        beside(
            Arc::new(AtomicUsize::new(0)),
            |word| {
                word.load(Ordering::Relaxed);
                word.swap(1, Ordering::Relaxed);
            },
            |word| assert_eq!(word.load(Ordering::Relaxed), 0, "written"),
        );
    });
}

/// The same, where the hiding load belongs to a third thread.
#[test]
fn a_load_that_precedes_the_write_does_not_hide_the_reader() {
    must_fail(
        "written",
        "model::atomics::a_load_that_precedes_the_write",
        || {
            let shared: Arc<(AtomicUsize, AtomicBool)> = Arc::default();
            let others = [true, false].map(|looks| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    let (word, flag) = &*shared;
                    if looks {
                        word.load(Ordering::Relaxed);
                        flag.store(true, Ordering::Release);
                    } else if flag.load(Ordering::Acquire) {
                        word.store(1, Ordering::Relaxed);
                    }
                })
            });
            let seen = shared.0.load(Ordering::Relaxed);
            others.into_iter().for_each(join);
            assert_eq!(seen, 0, "written");
        },
    );
}

#[test]
fn a_cell_taken_apart_too_early_is_found() {
    must_fail(
        RACE,
        "model::cell::a_cell_taken_apart_too_early_is_found",
        || {
            let shared = Arc::new((Payload::default(), AtomicBool::new(false)));
            let handle = spawn({
                let shared = Arc::clone(&shared);
                move || {
                    shared.0.write(1);
                    shared.1.store(true, Ordering::Relaxed);
                    std::mem::forget(shared);
                }
            });
            if shared.1.load(Ordering::Acquire) {
                // SAFETY: the other owner has forgotten its share; that it
                // could still be writing is what loom must see.
                let payload = unsafe { std::ptr::read(&shared.0) };
                payload.0.into_inner();
            }
            std::mem::forget(shared);
            join(handle);
        },
    );
}
