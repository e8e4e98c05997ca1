//! What the system says of this process, and how slow the machine is.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

/// Resident memory in bytes.
pub(crate) fn resident() -> Option<u64> {
    // The roll-up is counted page by page; `status` is a sum of estimates.
    let kilobytes = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let exact = kilobytes("/proc/self/smaps_rollup", "Rss:");
    Some(exact.or_else(|| kilobytes("/proc/self/status", "VmRSS:"))? * 1024)
}

pub(crate) fn threads() -> Option<u64> {
    Some(fs::read_dir("/proc/self/task").ok()?.count() as u64)
}

/// Open files, the one that lists them included.
pub(crate) fn files() -> Option<u64> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

/// What the threads that live now have had of CPUs, and how long they were ready
/// and had none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sched {
    pub(crate) ran: Duration,
    pub(crate) delayed: Duration,
}

/// Of all threads together; nothing where the system does not tell.
pub(crate) fn sched() -> Sched {
    let mut sum = Sched::default();
    for thread in (fs::read_dir("/proc/self/task").into_iter().flatten()).flatten() {
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let mut fields = text.split_whitespace().map(|field| field.parse().ok());
        let mut next = || Duration::from_nanos(fields.next().flatten().unwrap_or(0));
        sum.ran += next();
        sum.delayed += next();
    }
    sum
}

/// What is counted of a process at rest, to be the same after the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Belongings {
    pub(crate) resident: u64,
    pub(crate) threads: u64,
    pub(crate) files: u64,
}

impl Belongings {
    /// As soon as there are no more than so many threads; or after five seconds.
    pub(crate) fn settled(threads_max: u64) -> Option<Self> {
        let start = Instant::now();
        while threads()? > threads_max && start.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(10));
        }
        Some(Self {
            resident: resident()?,
            threads: threads()?,
            files: files()?,
        })
    }
}

const TICK: Duration = Duration::from_millis(5);
static LATE: AtomicU64 = AtomicU64::new(0);

/// Starts a thread that does nothing but wake up in time, and notes when it does not.
pub(crate) fn watch_lateness() {
    thread::spawn(|| {
        loop {
            let start = Instant::now();
            thread::sleep(TICK);
            let late = start.elapsed().saturating_sub(TICK);
            if late > TICK {
                LATE.fetch_add(late.as_nanos() as u64, Ordering::Relaxed);
            }
        }
    });
}

/// By how much that thread was late, all in all.
pub(crate) fn lateness() -> Duration {
    Duration::from_nanos(LATE.load(Ordering::Relaxed))
}

/// Panics are part of the programmes.
pub(crate) fn panic_silently() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// This process has next to no CPU.
pub(crate) struct Starved {
    pub(crate) how: String,
    pub(crate) is_on_one_cpu: bool,
    /// Why there is no control group.
    pub(crate) why_not: Option<String>,
    /// The group, and the one that we were in.
    group: Option<(PathBuf, PathBuf)>,
}

impl Starved {
    /// By a control group with a fifth of a CPU, and by the choice of one CPU for
    /// the calling thread, and those that it makes.
    pub(crate) fn begin() -> Self {
        let is_on_one_cpu = stays_on_one_cpu();
        let (group, why_not) = match join_group() {
            Ok(group) => (Some(group), None),
            Err(why) => (None, Some(why)),
        };
        let how = match (is_on_one_cpu, group.is_some()) {
            (true, true) => "a fifth of one CPU",
            (true, false) => "one CPU",
            (false, true) => "a fifth of a CPU",
            (false, false) => "not at all",
        };
        Self {
            how: how.to_owned(),
            is_on_one_cpu,
            why_not,
            group,
        }
    }
}

impl Drop for Starved {
    fn drop(&mut self) {
        if let Some((group, old)) = &self.group {
            let _ = fs::write(old.join("cgroup.procs"), std::process::id().to_string());
            let _ = fs::remove_dir(group);
        }
    }
}

/// A new group with a fifth of a CPU, which we have joined, and the old one.
///
/// # Errors
///
/// Why there is none.
fn join_group() -> Result<(PathBuf, PathBuf), String> {
    let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
    let name = format!("raddle-soak-{}", std::process::id());
    // `0::/path` in version 2, `4:cpu,cpuacct:/path` in version 1.
    let path = |is_ours: &dyn Fn(&str) -> bool| {
        own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            is_ours(controllers).then(|| path.trim_start_matches('/').to_owned())
        })
    };
    let old = match path(&|controllers| controllers.split(',').any(|name| name == "cpu")) {
        Some(path) => PathBuf::from("/sys/fs/cgroup/cpu").join(path),
        None => {
            let path = path(&str::is_empty).ok_or("no group has a CPU controller")?;
            PathBuf::from("/sys/fs/cgroup").join(path)
        }
    };
    let group = old.join(name);
    let text = |error: io::Error| format!("{}: {error}", group.display());
    fs::create_dir(&group).map_err(text)?;
    let joined = if group.join("cpu.cfs_quota_us").exists() {
        fs::write(group.join("cpu.cfs_period_us"), "100000")
            .and_then(|()| fs::write(group.join("cpu.cfs_quota_us"), "20000"))
    } else if group.join("cpu.max").exists() {
        fs::write(group.join("cpu.max"), "20000 100000")
    } else {
        Err(io::Error::other("it has no limit on CPUs"))
    };
    let joined =
        joined.and_then(|()| fs::write(group.join("cgroup.procs"), std::process::id().to_string()));
    match joined {
        Ok(()) => Ok((group, old)),
        Err(error) => {
            let why = text(error);
            let _ = fs::remove_dir(&group);
            Err(why)
        }
    }
}

/// The calling thread, and those that it makes, stay on the CPU it is on.
#[cfg(target_os = "linux")]
fn stays_on_one_cpu() -> bool {
    // SAFETY: a set of CPUs is plain numbers, and all zeros is the empty one.
    let mut cpus: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: it has no conditions.
    let Ok(cpu) = usize::try_from(unsafe { libc::sched_getcpu() }) else {
        return false;
    };
    if cpu >= libc::CPU_SETSIZE as usize {
        return false;
    }
    // SAFETY: the number is one of the set's.
    unsafe { libc::CPU_SET(cpu, &mut cpus) };
    // SAFETY: the set is there, and of this size.
    unsafe { libc::sched_setaffinity(0, size_of_val(&cpus), &raw const cpus) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn stays_on_one_cpu() -> bool {
    false
}

/// The calling thread runs by SCHED_IDLE from now on, if that can be had.
#[cfg(target_os = "linux")]
pub(crate) fn become_weak() -> bool {
    // SAFETY: plain numbers; zero is the one priority that SCHED_IDLE has.
    let param: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the parameters are there.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const param) == 0 }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn become_weak() -> bool {
    false
}
