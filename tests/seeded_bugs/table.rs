//! The seeded bugs: what each breaks, and which tests must fail for it.
//!
//! A name here is a name in `mutant("..")` or `weaken("..", ..)` in `src`, and
//! the other way round. `caught_by` names tests by a part of their path, as
//! `cargo test` takes it; `properties/some_name` is a test of
//! `tests/properties.rs`. *Each* of them must fail when the bug is switched on.

/// What a seeded bug breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(dead_code, reason = "the table below decides which kinds occur")]
pub(crate) enum Kind {
    /// One memory ordering is weakened.
    Ordering,
    /// A second look, or the fence before it, is left out.
    Recheck,
    /// A wake-up is left out.
    Notify,
    /// Anything else.
    Logic,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeededBug {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) caught_by: &'static [&'static str],
    /// Why no test can fail for it: equivalent, or an execution that loom
    /// cannot produce.
    pub(crate) survives: Option<&'static str>,
}

/// At least so many weaken one ordering each.
pub(crate) const MIN_ORDERING: usize = 0;
/// At least so many leave out a re-check or its fence.
pub(crate) const MIN_RECHECK: usize = 0;
/// At least so many in all.
pub(crate) const MIN_ALL: usize = 0;
/// At most this part of all may survive, in percent.
pub(crate) const SURVIVORS_PERCENT_MAX: usize = 10;

pub(crate) const SEEDED_BUGS: &[SeededBug] = &[
    // task/collect: waiting for many tasks
    bug(
        "collect-sleeps-without-look",
        Kind::Recheck,
        &[
            "collect::models::two_ends_racing_with_the_consumer_come_once_each",
            "collect::models::a_wait_for_the_first_sees_it_and_leaves_nothing",
        ],
    ),
    bug(
        "collect-wakes-late",
        Kind::Notify,
        &["collect::models::two_ends_racing_with_the_consumer_come_once_each"],
    ),
    bug(
        "collect-keeps-entries",
        Kind::Logic,
        &["collect::models::a_wait_for_the_first_sees_it_and_leaves_nothing"],
    ),
    // thread/sleep: when a thread may sleep
    bug(
        "sleep-publish-without-fence",
        Kind::Recheck,
        &[
            "sleep::models::a_flag_raised_while_the_worker_falls_asleep_is_seen",
            "sleep::models::a_job_injected_while_the_worker_falls_asleep_is_seen",
            "sleep::models::a_job_pushed_while_the_thief_falls_asleep_is_seen",
        ],
    ),
    bug(
        "sleep-park-without-fence",
        Kind::Recheck,
        &[
            "sleep::models::a_flag_raised_while_the_worker_falls_asleep_is_seen",
            "sleep::models::a_job_injected_while_the_worker_falls_asleep_is_seen",
        ],
    ),
    bug(
        "sleep-park-without-look",
        Kind::Recheck,
        &[
            "sleep::models::a_flag_raised_while_the_worker_falls_asleep_is_seen",
            "sleep::models::a_job_injected_while_the_worker_falls_asleep_is_seen",
            "sleep::models::a_job_pushed_while_the_thief_falls_asleep_is_seen",
        ],
    ),
    bug(
        "sleep-look-without-search",
        Kind::Logic,
        &["sleep::models::of_two_jobs_published_together_each_gets_a_thread"],
    ),
    bug(
        "sleep-call-without-unpark",
        Kind::Notify,
        &[
            "sleep::models::a_flag_raised_while_the_worker_falls_asleep_is_seen",
            "sleep::models::jobs_published_while_the_last_two_fall_asleep_are_run",
        ],
    ),
    bug(
        "sleep-search-ends-without-look",
        Kind::Recheck,
        &[
            "sleep::models::a_submitter_may_count_on_a_searcher_that_ends_its_search",
            "sleep::models::of_two_jobs_published_together_each_gets_a_thread",
        ],
    ),
    bug(
        "sleep-search-not-given-back",
        Kind::Logic,
        &["sleep::models::a_flag_raised_while_the_worker_falls_asleep_is_seen"],
    ),
    bug(
        "sleep-block-without-look",
        Kind::Recheck,
        &[
            "sleep::models::a_job_published_while_the_worker_blocks_gets_a_spare",
            "sleep::models::a_parked_spare_is_called_again",
        ],
    ),
    bug(
        "sleep-retire-though-called",
        Kind::Logic,
        &["sleep::models::a_job_published_while_the_last_thread_retires_is_run"],
    ),
    bug(
        "sleep-left-without-look",
        Kind::Recheck,
        &["sleep::models::a_job_published_while_the_last_thread_retires_is_run"],
    ),
    bug(
        "sleep-left-without-notify",
        Kind::Notify,
        &["sleep::models::a_job_submitted_while_the_pool_ends_is_run_or_cancelled"],
    ),
    SeededBug {
        name: "sleep-start-failed-without-look",
        kind: Kind::Recheck,
        caught_by: &["sleep::models::a_job_published_while_a_start_fails_is_run"],
        survives: Some("needs 3 preemptions: only the full tier finds it"),
    },
    bug(
        "sleep-end-without-fence",
        Kind::Recheck,
        &["sleep::models::a_job_submitted_while_the_pool_ends_is_run_or_cancelled"],
    ),
    bug(
        "sleep-dismiss-without-unpark",
        Kind::Notify,
        &["sleep::models::a_job_submitted_while_the_pool_ends_is_run_or_cancelled"],
    ),
    bug(
        "sleep-closers-wait-for-each-other",
        Kind::Logic,
        &["sleep::models::two_threads_that_wait_for_the_end_of_their_pool_get_it"],
    ),
];

/// A bug that each of `caught_by` finds.
#[allow(dead_code, reason = "the table above may be empty")]
pub(crate) const fn bug(
    name: &'static str,
    kind: Kind,
    caught_by: &'static [&'static str],
) -> SeededBug {
    SeededBug {
        name,
        kind,
        caught_by,
        survives: None,
    }
}
