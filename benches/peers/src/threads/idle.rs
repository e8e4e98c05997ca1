//! What does a pool burn that has nothing to do, and one that has one thing to do?

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use raddle::ThreadPool;
use raddle_peers::{Limit, Of, Options, Question};

use crate::forks::chili_pool;
use crate::pools::{self, Pool};

/// Milliseconds of processor in a second with nothing to do.
fn burnt(time: Duration) -> f64 {
    // What is just falling asleep is not yet idle.
    std::thread::sleep(Duration::from_millis(20));
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    std::thread::sleep(time);
    cpu.elapsed().as_secs_f64() * 1e3 / wall.elapsed().as_secs_f64()
}

/// A pool that has had a task.
fn idle<P: Pool>(time: Duration) -> f64 {
    let pool = P::start(2);
    assert_eq!(pool.once(|| 6 * 7), 42);
    burnt(time)
}

/// Processor seconds by second while one task keeps one worker busy.
fn busy<P: Pool>(time: Duration) -> f64 {
    let pool = P::start(2);
    assert_eq!(pool.once(|| 6 * 7), 42);
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    pool.once(move || {
        let since = Instant::now();
        while since.elapsed() < time {
            std::hint::spin_loop();
        }
    });
    cpu.elapsed().as_secs_f64() / wall.elapsed().as_secs_f64()
}

pub fn questions(options: &Options) -> Vec<Question> {
    let time = Duration::from_millis(options.pick(1_000, 50));
    let mut at_rest = Question::new("idle pool", "CPU ms/s", "two threads, nothing to do");
    let note = "one task that takes its time, of two threads: the other has nothing to do";
    let mut at_work = Question::new("busy pool, one task", "CPU s/s", note);
    macro_rules! add {
        ($role:ident: $($pool:ty),*) => {
            $(
                at_rest = at_rest.$role(<$pool as Pool>::NAME, move || idle::<$pool>(time));
                at_work = at_work.$role(<$pool as Pool>::NAME, move || busy::<$pool>(time / 4));
            )*
        };
    }
    add!(own: ThreadPool);
    add!(peer: pools::Install, pools::Forte, pools::Tokio, pools::AsyncExecutor);
    add!(peer: threadpool::ThreadPool, pools::ExecutorsChannel, pools::Executors);
    add!(peer: affinitypool::Threadpool, pools::Handmade);
    let at_rest = at_rest
        .shown("no pool", move || burnt(time))
        .shown("chili with a scope", move || {
            let pool = chili_pool(2);
            let mut scope = pool.scope();
            scope.join(|_| (), |_| ());
            burnt(time)
        })
        .shown("fork_union", move || {
            let mut pool = fork_union::spawn(2);
            pool.for_n(2, |_| ());
            burnt(time)
        });
    vec![
        at_rest.bar("raddle", Limit::Above(0.3, Of::Named("no pool"))),
        at_work,
    ]
}
