//! Fork-join: one recursion for all, by each one's `join`.
//!
//! Who calls from outside is itself one of the threads where the peer works so
//! (chili, forte); rayon's caller waits. So every peer has as many threads at work.

use std::hint::black_box;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Instant;

use crate::pools::{FORTE, Forte, Pool as _, Rayon};

/// A node of a binary tree.
pub struct Node {
    value: u64,
    left: Option<Box<Node>>,
    right: Option<Box<Node>>,
}

impl Node {
    /// A tree of `count` nodes with values from `first` on, of which `share`
    /// hundredths are on the left of each node.
    ///
    /// In memory a node is before its left, and that before its right: who goes
    /// left first walks straight on. That is worth more than any join costs (the
    /// other way round takes ten times as long), so everybody does; see
    /// `recursions`.
    pub fn tree(first: u64, count: u64, share: u64) -> Option<Box<Self>> {
        let rest = count.checked_sub(1)?;
        let to_left = rest * share / 100;
        let mut node = Box::new(Self {
            value: first,
            left: None,
            right: None,
        });
        node.left = Self::tree(first + 1, to_left, share);
        node.right = Self::tree(first + 1 + to_left, rest - to_left, share);
        Some(node)
    }
}

/// What is computed: the same for every peer, and it knows what comes out.
#[derive(Clone)]
pub enum Recursion {
    /// The number with this index, without a cut-off.
    Fib(u32),
    /// The sum of so many nodes.
    Tree(Arc<Node>, u64),
    /// The sum of the squares below a number, in leaves of 32: what one nested
    /// task does.
    Squares(u64),
}

/// A leaf, one for all contenders: where the compiler puts a copy of this loop, within a
/// line of the processor's cache or across two, makes half of a nested task's time.
#[inline(never)]
fn sum_of_squares(from: u64, to: u64) -> u64 {
    (from..to).map(|number| black_box(number) * number).sum()
}

impl Recursion {
    /// How many joins, nodes or numbers it has.
    pub fn size(&self) -> u64 {
        match self {
            // Calls with more than one are joins.
            Self::Fib(number) => fib(number + 1) - 1,
            Self::Tree(_, count) => *count,
            Self::Squares(count) => *count,
        }
    }

    /// What comes out.
    pub fn expected(&self) -> u64 {
        match self {
            Self::Fib(number) => fib(*number),
            Self::Tree(_, count) => count * (count - 1) / 2,
            Self::Squares(count) => (0..*count).map(|number| number * number).sum(),
        }
    }

    /// Nanoseconds for each of `size`, of a run that must come out right.
    pub fn time(&self, run: impl FnOnce() -> u64) -> f64 {
        let since = Instant::now();
        let got = run();
        let time = since.elapsed();
        assert_eq!(got, self.expected());
        time.as_secs_f64() * 1e9 / self.size() as f64
    }

    /// Something smaller, before the clock starts.
    pub fn warm_up() -> Self {
        Self::Fib(18)
    }
}

fn fib(number: u32) -> u64 {
    let (mut last, mut this) = (0, 1);
    for _ in 0..number {
        (last, this) = (this, last + this);
    }
    last
}

/// A recursion on so many threads: nanoseconds for each of its size.
pub type By = fn(usize, &Recursion) -> f64;

/// Both halves, of which `$near` is to be run first.
macro_rules! in_order {
    (first, $context:ident, $near:expr, $far:expr) => {
        $context.join($near, $far)
    };
    (second, $context:ident, $near:expr, $far:expr) => {{
        let (far, near) = $context.join($far, $near);
        (near, far)
    }};
}

/// The recursions with `context.join(|context| .., |context| ..)`, where `$first`
/// says which half a thread without help runs first: chili the second (forte the
/// first where it does not share, in nearly all joins).
/// What should be run first is then given as that one.
macro_rules! recursions {
    ($(#[$attribute:meta])* $module:ident, $context:ty, $first:ident) => {
        $(#[$attribute])*
        pub mod $module {
            use std::hint::black_box;
            use super::{Node, Recursion, sum_of_squares};

            fn fib(context: $context, number: u32) -> u64 {
                if number < 2 {
                    return u64::from(number);
                }
                let (a, b) = in_order!(
                    $first,
                    context,
                    |context| fib(context, number - 1),
                    |context| fib(context, number - 2)
                );
                a + b
            }

            fn tree(context: $context, node: &Node) -> u64 {
                let (left, right) = in_order!(
                    $first,
                    context,
                    |context| node.left.as_deref().map_or(0, |node| tree(context, node)),
                    |context| node.right.as_deref().map_or(0, |node| tree(context, node))
                );
                node.value + left + right
            }

            fn squares(context: $context, from: u64, to: u64) -> u64 {
                if to - from <= 32 {
                    return sum_of_squares(from, to);
                }
                let middle = u64::midpoint(from, to);
                let (a, b) = in_order!(
                    $first,
                    context,
                    |context| squares(context, from, middle),
                    |context| squares(context, middle, to)
                );
                a + b
            }

            pub fn run(context: $context, what: &Recursion) -> u64 {
                match black_box(what) {
                    Recursion::Fib(number) => fib(context, *number),
                    Recursion::Tree(node, _) => tree(context, node),
                    Recursion::Squares(count) => squares(context, 0, *count),
                }
            }
        }
    };
}

recursions!(plain, super::Plain, first);
recursions!(rayon, super::RayonJoin, first);
recursions!(chili, &mut ::chili::Scope<'_>, second);
recursions!(forte, &::forte::Worker, first);
recursions!(
    #[cfg(feature = "prototypes")]
    list,
    crate::join_prototypes::list::Join<{ usize::MAX }>,
    first
);
recursions!(
    #[cfg(feature = "prototypes")]
    short_list,
    crate::join_prototypes::list::Join<4>,
    first
);
recursions!(
    #[cfg(feature = "prototypes")]
    split,
    crate::join_prototypes::split::Join<{ usize::MAX }>,
    first
);
recursions!(
    #[cfg(feature = "prototypes")]
    short_split,
    crate::join_prototypes::split::Join<4>,
    first
);
recursions!(raddle, crate::ours::Join, first);

/// One after the other.
#[derive(Clone, Copy)]
pub struct Plain;

impl Plain {
    #[inline(always)]
    fn join<A, B>(self, a: impl FnOnce(Self) -> A, b: impl FnOnce(Self) -> B) -> (A, B) {
        (a(self), b(self))
    }
}

/// `rayon::join`, which needs no context.
#[derive(Clone, Copy)]
pub struct RayonJoin;

impl RayonJoin {
    #[inline(always)]
    fn join<A: Send, B: Send>(
        self,
        a: impl FnOnce(Self) -> A + Send,
        b: impl FnOnce(Self) -> B + Send,
    ) -> (A, B) {
        ::rayon::join(|| a(self), || b(self))
    }
}

/// chili with so many threads, the caller among them.
pub fn chili_pool(threads: usize) -> ::chili::ThreadPool {
    ::chili::ThreadPool::with_config(::chili::Config {
        thread_count: NonZero::new(threads),
        ..Default::default()
    })
}

pub fn by_plain(what: &Recursion) -> f64 {
    what.time(|| plain::run(Plain, what))
}

pub fn by_rayon(threads: usize, what: &Recursion) -> f64 {
    let pool = Rayon::start(threads).0;
    pool.install(|| rayon::run(RayonJoin, &Recursion::warm_up()));
    what.time(|| pool.install(|| rayon::run(RayonJoin, what)))
}

pub fn by_chili(threads: usize, what: &Recursion) -> f64 {
    let pool = chili_pool(threads);
    let mut scope = pool.scope();
    chili::run(&mut scope, &Recursion::warm_up());
    what.time(|| chili::run(&mut scope, what))
}

pub fn by_forte(threads: usize, what: &Recursion) -> f64 {
    let _pool = Forte::start(threads - 1);
    FORTE.with_worker(|worker| {
        forte::run(worker, &Recursion::warm_up());
        what.time(|| forte::run(worker, what))
    })
}

#[cfg(feature = "prototypes")]
macro_rules! by_prototype {
    ($name:ident, $way:ident, $module:ident) => {
        pub fn $name(threads: usize, what: &Recursion) -> f64 {
            use crate::join_prototypes::$way::{Join, Pool};
            let pool = Pool::start(threads);
            pool.run(|| $module::run(Join, &Recursion::warm_up()));
            what.time(|| pool.run(|| $module::run(Join, what)))
        }
    };
}

#[cfg(feature = "prototypes")]
by_prototype!(by_list, list, list);
#[cfg(feature = "prototypes")]
by_prototype!(by_short_list, list, short_list);
#[cfg(feature = "prototypes")]
by_prototype!(by_split, split, split);
#[cfg(feature = "prototypes")]
by_prototype!(by_short_split, split, short_split);

/// Named as they are shown.
#[cfg(feature = "prototypes")]
pub const PROTOTYPES: [(&str, By); 4] = [
    ("prototype: private list", by_list),
    ("prototype: private list, at most 4", by_short_list),
    ("prototype: split deque", by_split),
    ("prototype: split deque, at most 4 private", by_short_split),
];
