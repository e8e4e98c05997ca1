//! How long does one task take there and back: one after the other, and after
//! a millisecond of rest?

use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use raddle::ThreadPool;
use raddle_peers::{Limit, Of, Options, Question, Sample};

use crate::pools::{self, Pool};
use crate::python;

/// The median in microseconds, and the CPU of the process meanwhile.
fn trips(
    count: usize,
    idle: Duration,
    trip: impl Fn() -> ThreadId,
    is_right: impl Fn(ThreadId) -> bool,
) -> Sample {
    for _ in 0..count / 10 + 1 {
        trip();
    }
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let mut times: Vec<_> = (0..count)
        .map(|_| {
            if !idle.is_zero() {
                thread::sleep(idle);
            }
            let since = Instant::now();
            let ran_on = trip();
            let time = since.elapsed();
            assert!(is_right(ran_on), "not where it should have run");
            time
        })
        .collect();
    let cpu = cpu.elapsed().as_secs_f64() / wall.elapsed().as_secs_f64();
    times.sort();
    Sample {
        value: times[count / 2].as_secs_f64() * 1e6,
        cpu: Some(cpu),
    }
}

fn elsewhere<P: Pool>(count: usize, idle: Duration) -> Sample {
    let pool = P::start(2);
    let here = thread::current().id();
    trips(
        count,
        idle,
        || pool.once(|| thread::current().id()),
        |ran_on| ran_on != here,
    )
}

/// Claimed by who waits for it. A worker that is faster is right as well; that
/// it is the caller in the median is checked by its time.
fn claimed(count: usize) -> Sample {
    let pool = ThreadPool::builder()
        .workers(2)
        .caller_runs(true)
        .build()
        .unwrap();
    trips(
        count,
        Duration::ZERO,
        || pool.once(|| thread::current().id()),
        |_| true,
    )
}

fn question(name: &'static str, idle: Duration, count: usize, note: &'static str) -> Question {
    let mut question = Question::new(name, "us, p50", note);
    macro_rules! add {
        ($role:ident: $($pool:ty),*) => {
            $(question = question.$role(<$pool as Pool>::NAME, move || elsewhere::<$pool>(count, idle));)*
        };
    }
    add!(own: ThreadPool);
    add!(peer: pools::Rayon, pools::Install, pools::Forte, pools::Tokio, pools::TokioBlocking);
    add!(peer: pools::AsyncExecutor, threadpool::ThreadPool, pools::ExecutorsChannel);
    add!(peer: pools::Executors, affinitypool::Threadpool, pools::Handmade);
    if python::is_there() {
        let idle = idle.as_nanos() as u64;
        question = question.shown("Python ThreadPoolExecutor", move || {
            python::nanoseconds_after(python::ROUND_TRIP, count as u64, idle) / 1e3
        });
    }
    question
}

pub fn questions(options: &Options) -> Vec<Question> {
    let count = options.pick(5_000, 100);
    let by_another = question(
        "round trip, back to back",
        Duration::ZERO,
        count,
        "run on another thread: its id is checked",
    );
    let note = "threads, mutex and condvar: two threads that one writes oneself";
    let millisecond = Duration::from_millis(1);
    let after_idle = question(
        "round trip after 1 ms idle",
        millisecond,
        options.pick(150, 10),
        note,
    );
    let by_waiter = Question::new(
        "round trip, claimed by the waiter",
        "us, p50",
        "no peer has it: the thread that waits runs what nobody has begun",
    );
    vec![
        by_another
            .bar("raddle", Limit::Times(1.0, Of::Named("rayon")))
            .bar("raddle", Limit::Cpu(1.05)),
        by_waiter
            .own("raddle caller_runs", move || claimed(count))
            .bar("raddle caller_runs", Limit::AtMost(1.0)),
        after_idle.bar(
            "raddle",
            Limit::Times(1.15, Of::Named(pools::Handmade::NAME)),
        ),
    ]
}
