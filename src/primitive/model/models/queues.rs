//! The deque and the injector: each task once, its payload with it, no fence too many.

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

/// Fear: the owner and a thief both take the last task, or neither does.
#[test]
fn the_last_task_is_taken_once() {
    Model::new("model::deque::the_last_task_is_taken_once")
        .unbounded()
        .check(|| {
            let deque = Deque::new_lifo();
            let stealer = deque.stealer();
            deque.push(Box::new(7));
            let thief = spawn(move || steal_until_decided(|| stealer.steal()));
            let mine = deque.pop();
            let stolen = join(thief);
            assert!(mine.is_some() != stolen.is_some());
            assert!(deque.is_empty());
        });
}

/// Fear: of several tasks one is lost or taken twice.
#[test]
fn each_task_is_taken_once() {
    Model::new("model::deque::each_task_is_taken_once")
        .preemptions(4)
        .quick(3)
        .check(|| {
            let deque = Deque::new_lifo();
            let thieves = [(); 2].map(|()| {
                let stealer = deque.stealer();
                spawn(move || steal_until_decided(|| stealer.steal()))
            });
            deque.push(Box::new(1));
            deque.push(Box::new(2));
            let mut taken = vec![];
            taken.extend(deque.pop());
            taken.extend(thieves.map(join).into_iter().flatten());
            while let Some(task) = deque.pop() {
                taken.push(task);
            }
            taken.sort();
            assert_eq!(taken, [Box::new(1), Box::new(2)]);
        });
}

/// Fear: a batch loses the task that it moves, or hides it from its owner.
#[test]
fn a_batch_moves_each_task_once() {
    Model::new("model::deque::a_batch_moves_each_task_once")
        .preemptions(4)
        .check(|| {
            let deque = Deque::new_lifo();
            deque.push(Box::new(1));
            deque.push(Box::new(2));
            let thief = spawn({
                let stealer = deque.stealer();
                move || {
                    let own = Deque::new_lifo();
                    let mut taken = vec![];
                    taken.extend(steal_until_decided(|| stealer.steal_batch_and_pop(&own)));
                    taken.extend(own.pop());
                    taken
                }
            });
            let mut taken = vec![];
            taken.extend(deque.pop());
            taken.extend(join(thief));
            taken.extend(deque.pop());
            taken.sort();
            assert_eq!(taken, [Box::new(1), Box::new(2)]);
        });
}

/// Fear: the thief has the task and not what it points to.
#[test]
fn a_stolen_task_brings_its_payload() {
    Model::new("model::deque::a_stolen_task_brings_its_payload")
        .unbounded()
        .check(|| {
            let payload = Arc::new(Payload::default());
            let deque = Deque::new_lifo();
            let stealer = deque.stealer();
            let thief = spawn(move || {
                if let Steal::Success(task) = stealer.steal() {
                    let task: Arc<Payload> = task;
                    assert_eq!(task.read(), 5);
                }
            });
            payload.write(5);
            deque.push(payload);
            join(thief);
        });
}

/// Pushing and then looking at a flag, with the searcher doing the reverse,
/// needs a fence on both sides: neither the deque nor the injector has one.
fn announce(fenced: bool, injected: bool) {
    let deque = Deque::new_lifo();
    let stealer = deque.stealer();
    let shared = Arc::new((Injector::new(), AtomicBool::new(false)));
    let searcher = spawn({
        let shared = Arc::clone(&shared);
        move || {
            let (injector, asleep) = &*shared;
            asleep.store(true, Ordering::Relaxed);
            if fenced {
                fence(Ordering::SeqCst);
            }
            if injected {
                injector.is_empty()
            } else {
                stealer.is_empty()
            }
        }
    });
    let (injector, asleep) = &*shared;
    if injected {
        injector.push(1);
    } else {
        deque.push(1);
    }
    if fenced {
        fence(Ordering::SeqCst);
    }
    let wakes = asleep.load(Ordering::Relaxed);
    let found_nothing = join(searcher);
    assert!(wakes || !found_nothing, "a task and a sleeper");
}

#[test]
fn a_push_and_a_sleeper_with_fences_do_not_miss_each_other() {
    Model::new("model::deque::push_then_flag")
        .unbounded()
        .check(|| announce(true, false));
    Model::new("model::injector::push_then_flag")
        .unbounded()
        .check(|| announce(true, true));
}

#[test]
fn a_push_and_a_sleeper_without_fences_are_found() {
    for injected in [false, true] {
        must_fail(
            "a task and a sleeper",
            "model::deque::no_fence",
            move || {
                announce(false, injected);
            },
        );
    }
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
            let own = Deque::new_lifo();
            while let Some(payload) = steal_until_decided(|| injector.steal_batch_and_pop(&own)) {
                taken.push(payload.read());
                taken.extend(own.pop().map(|payload| payload.read()));
            }
            taken.sort_unstable();
            assert_eq!(taken, [1, 2]);
            assert!(injector.is_empty());
            assert_eq!(injector.len(), 0);
        });
}

#[test]
fn tasks_left_behind_are_dropped() {
    Model::new("model::deque::tasks_left_behind_are_dropped")
        .unbounded()
        .check(|| {
            let task = Arc::new(());
            let deque = Deque::new_lifo();
            let injector = Arc::new(Injector::new());
            deque.push(Arc::clone(&task));
            beside(
                Arc::clone(&injector),
                {
                    let task = Arc::clone(&task);
                    move |injector| injector.push(task)
                },
                |injector| assert!(injector.len() < 2),
            );
            drop((deque, injector));
            assert_eq!(Arc::strong_count(&task), 1);
        });
}
