//! `map` against the serial iterator, whatever its settings.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use raddle::{Inline, Map, TaskError, ThreadPool};

#[derive(Clone, Debug)]
struct Case {
    items: Vec<u8>,
    buffer: Option<usize>,
    chunk: usize,
    unordered: bool,
    taken: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let items = prop::collection::vec(any::<u8>(), 0..24);
    let buffer = prop::option::of(0..9_usize);
    (items, buffer, 0..6_usize, any::<bool>(), 0..30_usize).prop_map(
        |(items, buffer, chunk, unordered, taken)| Case {
            items,
            buffer,
            chunk,
            unordered,
            taken,
        },
    )
}

fn pool() -> &'static ThreadPool {
    static POOL: OnceLock<ThreadPool> = OnceLock::new();
    POOL.get_or_init(|| {
        std::panic::set_hook(Box::new(|_| {}));
        ThreadPool::new(2).unwrap()
    })
}

/// Every item divisible by 11 fails.
fn compute(item: u8) -> u32 {
    assert!(!item.is_multiple_of(11), "{item}");
    u32::from(item) * 3
}

fn told(result: Result<u32, TaskError>) -> Result<u32, String> {
    result.map_err(|error| match error {
        TaskError::Panicked(panic) => panic.message().to_owned(),
        other => other.to_string(),
    })
}

fn check<'p, I: ExactSizeIterator<Item = u8>>(
    case: &Case,
    alive: &AtomicUsize,
    width: usize,
    mut map: Map<'p, I, u32>,
) {
    let serial = |item: &u8| match item % 11 {
        0 => Err(item.to_string()),
        _ => Ok(compute(*item)),
    };
    let mut expected: Vec<_> = case.items.iter().map(serial).collect();
    let bound = (case.buffer).map_or(2 * width * case.chunk.max(1), |buffer| buffer.max(1));
    if let Some(buffer) = case.buffer {
        map = map.buffer(buffer);
    }
    map = map.chunk(case.chunk);
    if case.unordered {
        map = map.unordered();
    }
    let mut results = Vec::new();
    while results.len() < case.taken {
        assert_eq!(map.len(), expected.len() - results.len());
        let Some(result) = map.next() else { break };
        // One of them has just been yielded.
        assert!(alive.fetch_sub(1, SeqCst) <= bound, "{case:?}");
        results.push(told(result));
    }
    drop(map);
    let count = case.taken.min(expected.len());
    assert_eq!(results.len(), count);
    if case.unordered {
        for result in results {
            let at = expected.iter().position(|other| *other == result);
            let at = at.expect("an item's own result, once");
            let _ = expected.swap_remove(at);
        }
    } else {
        assert_eq!(results, expected[..count]);
    }
}

proptest! {
    // What fails is written down as a test of its own, not in a file of seeds.
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_map_is_the_serial_iterator(case in cases()) {
        let pool = pool();
        let alive = Arc::new(AtomicUsize::new(0));
        let pulled = alive.clone();
        let items = case.items.clone().into_iter().inspect(|_| { pulled.fetch_add(1, SeqCst); });
        check(&case, &alive, 2, pool.map(items, compute));
        let alive = AtomicUsize::new(0);
        let items = case.items.clone().into_iter().inspect(|_| { alive.fetch_add(1, SeqCst); });
        check(&case, &alive, 1, Inline.map(items, compute));
    }
}
