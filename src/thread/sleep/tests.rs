//! What needs no second thread to be seen.

use super::*;

fn start(sleep: &Sleep) -> Standing {
    match sleep.first_threads() {
        Call::Start(start) => Standing::of(start),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_thread_beyond_the_size_gives_its_permit_up_after_its_task() {
    let sleep = Sleep::new(3, 4, 3);
    let threads = [start(&sleep), start(&sleep), start(&sleep)];
    assert_eq!(sleep.resize(1, 1, || false), Call::Nothing);
    assert_eq!(sleep.permits(), 1);
    let has = |sleep: &Sleep| threads.each_ref().map(|me| sleep.take_permit(me));
    // The first two pay what is owed, and none is left for them.
    assert_eq!(has(&sleep), [false, false, true]);
    assert_eq!(has(&sleep), [false, false, true]);
    // One that blocks leaves its permit to another.
    assert_eq!(sleep.block_starts(&threads[2], || false), Call::Nothing);
    assert_eq!(has(&sleep), [true, false, false]);
    assert_eq!(sleep.resize(2, 2, || false), Call::Nothing);
    assert_eq!(has(&sleep), [true, true, false]);
}

#[test]
fn who_blocks_pays_first() {
    let sleep = Sleep::new(2, 4, 2);
    let threads = [start(&sleep), start(&sleep)];
    assert_eq!(sleep.resize(1, 1, || false), Call::Nothing);
    assert_eq!(sleep.block_starts(&threads[0], || true), Call::Nothing);
    assert!(sleep.take_permit(&threads[1]));
    sleep.block_ends(&threads[0]);
    assert!(!threads[0].has_permit());
    // The greatest debt that there can be.
    let sleep = Sleep::new(THREADS_MAX, THREADS_MAX, 1);
    while sleep.census.take(false) {}
    assert_eq!(sleep.resize(1, 1, || true), Call::Nothing);
    assert!(sleep.census.load().is_overdrawn() && !sleep.has_ended());
    assert_eq!(sleep.resize(THREADS_MAX, 1, || false), Call::Nothing);
    assert_eq!(sleep.census.load().idle(), 0);
}

/// Work is in sight, and something is addressed to the first thread.
struct PostAndJob;

impl Sight for PostAndJob {
    fn has_work(&self) -> bool {
        true
    }

    fn has_tasks(&self) -> bool {
        true
    }

    fn has_post_for(&self, index: usize) -> bool {
        index == 0
    }
}

/// Whoever published a job counts on the search: it goes to the post with the thread,
/// which ends it with a look before it runs what is addressed to it.
#[test]
fn a_searcher_that_finds_its_post_keeps_the_search() {
    let sleep = Sleep::new(2, 2, 2);
    let searcher = start(&sleep);
    assert_eq!(sleep.job_published(), Call::Nothing, "it will look");
    let awake = sleep.fall_asleep(&searcher, Duration::from_secs(1), &PostAndJob);
    assert_eq!(awake, Awake::Post);
    assert!(searcher.is_searching() && searcher.has_permit());
    let call = sleep.stop_searching(&searcher, || true);
    assert!(matches!(call, Call::Start(_)), "{call:?}");
}
