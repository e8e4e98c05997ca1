//! What we fear of the timer's thread. Time stands still in a model: every
//! entry is due at once, and an idle thread may end at any time.

use super::*;
use crate::primitive::model::run::Model;
use crate::primitive::{Parker, UnsafeCell};

/// Tells the sleeper, and shows it what the scheduler wrote.
struct Alarm {
    letter: UnsafeCell<u32>,
    fired: Mutex<u32>,
    sleeper: Arc<Parker>,
}

// SAFETY: the letter is written before `schedule`, and read in `fire` only.
unsafe impl Sync for Alarm {}

impl Alarm {
    fn new(sleeper: &Arc<Parker>) -> Arc<Self> {
        let alarm = Arc::new(Self {
            letter: UnsafeCell::new(0),
            fired: Mutex::new(0),
            sleeper: sleeper.clone(),
        });
        // SAFETY: nobody else has it yet.
        alarm.letter.with_mut(|letter| unsafe { *letter = 42 });
        alarm
    }

    fn times(&self) -> u32 {
        *self.fired.lock()
    }

    fn wait(&self) {
        while self.times() == 0 {
            self.sleeper.park();
        }
    }
}

impl Fire for Alarm {
    fn fire(self: Arc<Self>) {
        // SAFETY: by the timer's promise, after it was written.
        self.letter
            .with(|letter| assert_eq!(unsafe { *letter }, 42));
        *self.fired.lock() += 1;
        self.sleeper.unpark();
    }
}

/// Fear: the thread ends although an entry has just come, or one more is
/// started than is needed, and an entry fires twice or never.
/// Must fail when: the thread ends without looking again.
/// Bound: 3 preemptions, two or three threads.
#[test]
fn an_entry_racing_with_the_end_of_the_thread_fires_once() {
    Model::new("timer::an_entry_racing_with_the_end_of_the_thread_fires_once")
        .preemptions(3)
        .check(|| {
            let timer = Timer::with_idle(Duration::from_secs(1));
            let sleeper = Arc::new(Parker::new());
            let (one, two) = (Alarm::new(&sleeper), Alarm::new(&sleeper));
            timer.schedule(now(), one.clone()).unwrap();
            one.wait();
            timer.schedule(now(), two.clone()).unwrap();
            two.wait();
            assert_eq!((one.times(), two.times()), (1, 1));
        });
}

/// Fear: an entry that was cancelled fires, or one that was not does not.
/// Must fail when: nothing seeded; each begins by taking the entry out.
/// Bound: 3 preemptions, two or three threads.
#[test]
fn an_entry_is_fired_or_cancelled_and_never_both() {
    Model::new("timer::an_entry_is_fired_or_cancelled_and_never_both")
        .preemptions(3)
        .check(|| {
            let timer = Timer::with_idle(Duration::from_secs(1));
            let sleeper = Arc::new(Parker::new());
            let alarm = Alarm::new(&sleeper);
            let key = timer.schedule(now(), alarm.clone()).unwrap();
            if timer.cancel(key) {
                assert_eq!(alarm.times(), 0);
            } else {
                alarm.wait();
                assert_eq!(alarm.times(), 1);
            }
            assert!(!timer.cancel(key));
        });
}
