//! Threads that are tied to one CPU, where the system does that: Linux.
//!
//! A thread is born with the CPUs of the one that starts it. What a tied thread
//! starts through this house (a spare, the timer, the workers of another pool) gets
//! back all that there were before: [`inherited`] is asked at each start.

/// The CPUs that a thread may use.
#[derive(Clone, Copy)]
pub(crate) struct Cpus(system::Set);

impl Cpus {
    /// Those of this thread, or if it is tied, those that it had before. `None`
    /// where the system does not say.
    pub(crate) fn here() -> Option<Self> {
        inherited().or_else(|| system::get().map(Self))
    }

    pub(crate) fn count(&self) -> usize {
        system::members(&self.0).count()
    }

    /// Ties this thread to one of them, the `nth` of a circle; says whether the
    /// system has done so.
    pub(crate) fn tie(self, nth: usize) -> bool {
        let Some(cpu) = system::members(&self.0).nth(nth % self.count().max(1)) else {
            return false;
        };
        let tied = system::set(&system::one(cpu));
        if tied {
            TIED.set(Some(self));
        }
        tied
    }

    /// Lets this thread use all of them.
    pub(crate) fn untie(self) {
        let _ = system::set(&self.0);
        TIED.set(None);
    }
}

impl std::fmt::Debug for Cpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(system::members(&self.0)).finish()
    }
}

std::thread_local! {
    /// What this thread could use before it was tied. It has no destructor, so it can
    /// be read at any time of a thread's life.
    static TIED: std::cell::Cell<Option<Cpus>> = const { std::cell::Cell::new(None) };
}

/// What a thread that this one starts is to use, if this one is tied.
pub(crate) fn inherited() -> Option<Cpus> {
    TIED.get()
}

#[cfg(target_os = "linux")]
mod system {
    use std::mem::size_of;

    pub(super) type Set = libc::cpu_set_t;

    fn none() -> Set {
        // SAFETY: a set of bits, of which none is a valid one.
        unsafe { std::mem::zeroed() }
    }

    pub(super) fn get() -> Option<Set> {
        let mut set = none();
        // SAFETY: the pointer is to a local of that size; 0 is this thread.
        let failed = unsafe { libc::sched_getaffinity(0, size_of::<Set>(), &raw mut set) };
        (failed == 0).then_some(set)
    }

    pub(super) fn set(set: &Set) -> bool {
        // SAFETY: the pointer is to a set of that size; 0 is this thread.
        unsafe { libc::sched_setaffinity(0, size_of::<Set>(), set) == 0 }
    }

    pub(super) fn one(cpu: usize) -> Set {
        let mut set = none();
        // SAFETY: the number comes from `members`, so the set has room for it.
        unsafe { libc::CPU_SET(cpu, &mut set) };
        set
    }

    pub(super) fn members(set: &Set) -> impl Iterator<Item = usize> {
        let room = size_of::<Set>() * 8;
        // SAFETY: the number is below the size of the set.
        (0..room).filter(move |cpu| unsafe { libc::CPU_ISSET(*cpu, set) })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    /// No system of this kind makes one.
    #[derive(Clone, Copy)]
    pub(super) enum Set {}

    pub(super) fn get() -> Option<Set> {
        None
    }

    pub(super) fn set(set: &Set) -> bool {
        match *set {}
    }

    pub(super) fn one(_cpu: usize) -> Set {
        unreachable!("there are no members")
    }

    pub(super) fn members(set: &Set) -> std::iter::Empty<usize> {
        match *set {}
    }
}
