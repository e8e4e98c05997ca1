//! What the integration tests share: a watchdog, gates, counted values.
//!
//! 1. No test asserts on time: a watchdog turns a hang into an abort that
//!    names the test, and everything else waits for an event.
//! 2. A panic that a test causes says "on purpose", or carries no text: those
//!    are not printed.

#![allow(dead_code)] // each test program uses a part

use std::panic::{self, resume_unwind};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, Once};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use raddle::{Handle, Inline, Task, ThreadPool};

/// So long a test may take; longer is a hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Runs a test's body; ends the process with the test's name when it hangs.
#[track_caller]
pub(crate) fn watch(body: impl FnOnce() + Send + 'static) {
    watch_for(LIMIT, body);
}

/// As [`watch`], for a test that runs many cases.
#[track_caller]
pub(crate) fn watch_for(limit: Duration, body: impl FnOnce() + Send + 'static) {
    quiet();
    let at = panic::Location::caller();
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (done, ended) = channel::<()>();
    let thread = thread::Builder::new().name(name.clone()).spawn(move || {
        let _done = done;
        body();
    });
    let thread = thread.expect("a thread for the test");
    if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
        // Not captured: the process ends here.
        use std::io::Write as _;
        let text = format!("\nWATCHDOG: {name} ({at}) hangs\n{}\n", dump_if_possible());
        let _ = std::io::stderr().write_all(text.as_bytes());
        std::process::abort();
    }
    if let Err(payload) = thread.join() {
        resume_unwind(payload);
    }
}

/// `dump()` may hang as well, so it gets a moment of its own.
fn dump_if_possible() -> String {
    let (send, receive) = channel();
    thread::spawn(move || send.send(raddle::dump()));
    let limit = Duration::from_secs(2);
    receive
        .recv_timeout(limit)
        .unwrap_or("dump() hangs too".into())
}

/// Silences the panics that tests cause on purpose.
pub(crate) fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            match info.payload_as_str() {
                Some(text) if !text.contains("on purpose") => usual(info),
                _ => {}
            };
        }));
    });
}

/// Where a test's tasks run.
#[derive(Debug)]
pub(crate) enum Backend {
    Pool(ThreadPool),
    Inline,
}

impl Backend {
    #[track_caller]
    pub(crate) fn submit<T: Task>(&self, task: T) -> Handle<T::Output> {
        match self {
            Backend::Pool(pool) => pool.submit(task),
            Backend::Inline => Inline.submit(task),
        }
    }
}

/// Runs a test's body on a pool of one, on a pool of two, and on `Inline`.
#[track_caller]
pub(crate) fn watch_all(body: impl Fn(&Backend) + Send + 'static) {
    watch(move || {
        body(&Backend::Pool(pool(1)));
        body(&Backend::Pool(pool(2)));
        body(&Backend::Inline);
    });
}

pub(crate) fn pool(workers: usize) -> ThreadPool {
    ThreadPool::new(workers).expect("a pool")
}

/// Closed until somebody opens it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
    }

    /// Waits like [`wait`](Self::wait), but in steps: for tests that must
    /// not depend on one wake-up.
    pub(crate) fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap()
    }
}

/// Workers that are kept busy until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(Gate, Vec<Handle<()>>);

impl Held {
    /// Lets the workers go on.
    pub(crate) fn release(self) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Keeps all workers of a pool busy: what is submitted now stays queued.
pub(crate) fn hold(pool: &ThreadPool) -> Held {
    let gate = Gate::new();
    let (started, starts) = channel();
    let handles = (0..pool.width()).map(|_| {
        let (gate, started) = (gate.clone(), started.clone());
        pool.submit(move || {
            started.send(()).unwrap();
            gate.wait();
        })
    });
    let handles = handles.collect();
    for _ in 0..pool.width() {
        starts.recv().unwrap();
    }
    Held(gate, handles)
}

/// Submits a task that has started when this returns, and ends with the gate.
pub(crate) fn running<T: Send + 'static>(
    pool: &ThreadPool,
    gate: &Gate,
    value: impl FnOnce() -> T + Send + 'static,
) -> Handle<T> {
    let (begun, gate) = (Gate::new(), gate.clone());
    let told = begun.clone();
    let handle = pool.submit(move || {
        told.open();
        gate.wait();
        value()
    });
    begun.wait();
    handle
}

/// Gives the processor away until something holds.
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// Submits until the pool refuses; says how many empty tasks it took until then.
pub(crate) fn until_closed(pool: &ThreadPool) -> u64 {
    (0..)
        .find(|_| {
            thread::yield_now();
            pool.try_submit(|| ()).is_err()
        })
        .expect("u64 is enough")
}

/// How many values were made, and how many dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<(AtomicUsize, AtomicUsize)>);

impl Tally {
    pub(crate) fn make(&self) -> Counted {
        self.0.0.fetch_add(1, SeqCst);
        Counted(self.clone())
    }

    pub(crate) fn made(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    pub(crate) fn dropped(&self) -> usize {
        self.0.1.load(SeqCst)
    }
}

/// Counts its drop. Dropped twice it would be counted twice.
#[derive(Debug)]
pub(crate) struct Counted(Tally);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, SeqCst);
    }
}

/// A waker that counts its calls.
#[derive(Debug, Default)]
pub(crate) struct CountWaker(AtomicUsize);

impl CountWaker {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        (counter.clone(), Waker::from(counter))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for CountWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// What this process was started for by [`child`], if it was.
pub(crate) fn role() -> Option<String> {
    std::env::var("RADDLE_CHILD").ok()
}

/// Runs one test of this program again in a process of its own, where
/// [`role`] is `role`.
pub(crate) fn child(test: &str, role: &str, more: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("RADDLE_CHILD", role)
        .env_remove("RUST_BACKTRACE");
    for (name, value) in more {
        command.env(name, value);
    }
    command.output().expect("the test's child")
}

/// Says that a test, or a part of one, cannot run here. Straight to the
/// terminal: what a test prints with the macros is seen only when it fails.
pub(crate) fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(format!("\nSKIPPED: {why}\n").as_bytes());
}

/// The number that the system gives this thread.
#[cfg(target_os = "linux")]
pub(crate) fn thread_number() -> i32 {
    // SAFETY: the call has no preconditions.
    unsafe { libc::gettid() }
}

/// Whether a thread of this process sleeps, at five looks in a row.
#[cfg(target_os = "linux")]
pub(crate) fn is_asleep(thread: i32) -> bool {
    (0..5).all(|_| {
        thread::yield_now();
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
        stat.is_ok_and(|stat| stat.rsplit(')').next().unwrap().starts_with(" S"))
    })
}

/// Whether all threads of this process but the calling one sleep.
#[cfg(target_os = "linux")]
pub(crate) fn others_sleep() -> bool {
    let mut all = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let number = |name: std::ffi::OsString| name.to_str().and_then(|name| name.parse().ok());
    all.all(|entry| {
        number(entry.file_name()).is_some_and(|other| other == thread_number() || is_asleep(other))
    })
}

/// Starts a thread that waits for something by `body`; returns when it sleeps.
/// Whatever ends the wait comes after, so the wait has blocked indeed.
#[cfg(target_os = "linux")]
pub(crate) fn asleep<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let (told, number) = channel();
    let waiter = thread::spawn(move || {
        told.send(thread_number()).unwrap();
        body()
    });
    let number = number.recv().unwrap();
    until(|| is_asleep(number));
    waiter
}

/// Elsewhere nobody says what a thread does: it gets some time.
#[cfg(not(target_os = "linux"))]
pub(crate) fn asleep<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let waiter = thread::spawn(body);
    thread::sleep(Duration::from_millis(50));
    waiter
}

/// Threads of this process at this moment.
#[cfg(target_os = "linux")]
pub(crate) fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}
