//! The injector: each task once, its payload with it, no fence too many.

use super::*;

fn steal_until_decided<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

/// Pushing and then looking at a flag, with the searcher doing the reverse,
/// needs a fence on both sides: the injector has none.
fn announce(fenced: bool) {
    let shared = Arc::new((Injector::new(), AtomicBool::new(false)));
    let searcher = spawn({
        let shared = Arc::clone(&shared);
        move || {
            let (injector, asleep) = &*shared;
            asleep.store(true, Ordering::Relaxed);
            if fenced {
                fence(Ordering::SeqCst);
            }
            injector.is_empty()
        }
    });
    let (injector, asleep) = &*shared;
    injector.push(1);
    if fenced {
        fence(Ordering::SeqCst);
    }
    let wakes = asleep.load(Ordering::Relaxed);
    let found_nothing = join(searcher);
    assert!(wakes || !found_nothing, "a task and a sleeper");
}

#[test]
fn a_push_and_a_sleeper_with_fences_do_not_miss_each_other() {
    Model::new("model::injector::push_then_flag")
        .unbounded()
        .check(|| announce(true));
}

#[test]
fn a_push_and_a_sleeper_without_fences_are_found() {
    must_fail("a task and a sleeper", "model::injector::no_fence", || {
        announce(false);
    });
}

/// Fear: two pushers use one slot, or a thief takes a slot before it is
/// written.
#[test]
fn each_injected_task_is_taken_once_with_its_payload() {
    Model::new("model::injector::each_task_is_taken_once")
        .preemptions(3)
        .quick(2)
        .check(|| {
            let injector = Arc::new(Injector::new());
            let pusher = spawn({
                let injector = Arc::clone(&injector);
                move || {
                    let payload = Payload::default();
                    payload.write(1);
                    injector.push(payload);
                }
            });
            let thief = spawn({
                let injector = Arc::clone(&injector);
                move || steal_until_decided(|| injector.steal()).map(|payload| payload.read())
            });
            let payload = Payload::default();
            payload.write(2);
            injector.push(payload);
            join(pusher);
            let mut taken: Vec<u32> = join(thief).into_iter().collect();
            let (chute, mut kept) = (Chute::new(), vec![]);
            while let Some(payload) =
                steal_until_decided(|| injector.steal_batch(&chute, |payload| kept.push(payload)))
            {
                taken.push(payload.read());
                taken.extend(kept.drain(..).map(|payload| payload.read()));
            }
            taken.sort_unstable();
            assert_eq!(taken, [1, 2]);
            assert!(injector.is_empty());
            assert_eq!(injector.len(), 0);
        });
}

#[test]
fn tasks_left_behind_are_dropped() {
    Model::new("model::injector::tasks_left_behind_are_dropped")
        .unbounded()
        .check(|| {
            let task = Arc::new(());
            let injector = Arc::new(Injector::new());
            beside(
                Arc::clone(&injector),
                {
                    let task = Arc::clone(&task);
                    move |injector| injector.push(task)
                },
                |injector| assert!(injector.len() < 2),
            );
            drop(injector);
            assert_eq!(Arc::strong_count(&task), 1);
        });
}
