//! The seeded bugs: what each breaks, and which tests must fail for it.
//!
//! A name here is a name in `mutant("..")` or `weaken("..", ..)` in `src`, and
//! the other way round. `caught_by` names tests by a part of their path, as
//! `cargo test` takes it; `properties/some_name` is a test of
//! `tests/properties.rs`. *Each* of them must fail when the bug is switched on.

/// What a seeded bug breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
pub(crate) const MIN_ORDERING: usize = 8;
/// At least so many leave out a re-check or its fence.
pub(crate) const MIN_RECHECK: usize = 4;
/// At least so many in all.
pub(crate) const MIN_ALL: usize = 20;
/// At most this part of all may survive, in percent.
pub(crate) const SURVIVORS_PERCENT_MAX: usize = 10;

pub(crate) const SEEDED_BUGS: &[SeededBug] = &[
    // task/state: one word says it all
    bug(
        "state-load-relaxed",
        Kind::Ordering,
        &["task::models::ends::whoever_looks_and_finds_it_finished_sees_it_whole"],
    ),
    bug(
        "state-start-without-exchange",
        Kind::Logic,
        &["task::models::ends::a_task_runs_or_is_cancelled_and_never_both"],
    ),
    bug(
        "state-finish-acquire-only",
        Kind::Ordering,
        &["task::models::ends::the_result_comes_with_what_the_task_wrote"],
    ),
    bug(
        "state-finish-release-only",
        Kind::Ordering,
        &["task::models::ends::the_result_comes_with_what_the_task_wrote"],
    ),
    bug(
        "state-resolve-relaxed",
        Kind::Ordering,
        &["task::models::waits::a_waiter_of_a_task_that_is_cancelled_is_woken"],
    ),
    bug(
        "state-release-handle-relaxed",
        Kind::Ordering,
        &["task::models::ends::a_claimed_task_runs_once_and_its_entry_frees_it"],
    ),
    SeededBug {
        name: "state-abandon-relaxed",
        kind: Kind::Ordering,
        caught_by: &["task::models::ends::a_handle_dropped_while_its_task_ends_frees_once"],
        survives: Some(
            "the free must come after what the handle did to the cell, and a handle that \
             leaves before the end has only read what loom does not watch",
        ),
    },
    bug(
        "state-abandon-in-two-steps",
        Kind::Recheck,
        &["task::models::ends::a_limited_task_left_at_its_end_keeps_no_result"],
    ),
    bug(
        "state-release-queue-relaxed",
        Kind::Ordering,
        &["task::models::ends::a_claimed_task_runs_once_and_its_entry_frees_it"],
    ),
    bug(
        "state-push-relaxed",
        Kind::Ordering,
        &["task::models::waits::an_await_racing_with_the_end_gets_the_result"],
    ),
    bug(
        "state-push-on-final",
        Kind::Recheck,
        &["task::models::waits::an_await_racing_with_the_end_gets_the_result"],
    ),
    bug(
        "state-take-list-relaxed",
        Kind::Ordering,
        &["task::models::waits::a_waiter_that_leaves_hands_the_wake_up_on"],
    ),
    bug(
        "state-put-back-relaxed",
        Kind::Ordering,
        &["task::models::waits::a_waiter_that_leaves_hands_the_wake_up_on"],
    ),
    bug(
        "state-put-back-forgets",
        Kind::Notify,
        &["task::models::waits::a_waiter_that_leaves_hands_the_wake_up_on"],
    ),
    bug(
        "extras-release-link-relaxed",
        Kind::Ordering,
        &["task::models::ends::limit_end_and_drop_free_once"],
    ),
    bug(
        "asks-token-misses-cancel",
        Kind::Recheck,
        &["task::models::ends::a_task_asked_to_stop_while_it_makes_its_token_learns_of_it"],
    ),
    // wait: threads and futures that wait
    bug(
        "block-on-trusts-the-token",
        Kind::Notify,
        &["wait::block_on::models::a_wake_up_during_a_poll_that_blocks_is_not_lost"],
    ),
    bug(
        "block-on-woken-relaxed",
        Kind::Ordering,
        &["wait::block_on::models::a_wake_up_during_a_poll_that_blocks_is_not_lost"],
    ),
    bug(
        "waiter-done-relaxed",
        Kind::Ordering,
        &["task::models::ends::the_result_comes_with_what_the_task_wrote"],
    ),
    bug(
        "waiter-done-release",
        Kind::Ordering,
        &["task::models::ends::the_result_comes_with_what_the_task_wrote"],
    ),
    bug(
        "waiter-notify-skips-thread",
        Kind::Notify,
        &["task::models::ends::the_result_comes_with_what_the_task_wrote"],
    ),
    bug(
        "timer-end-without-look",
        Kind::Recheck,
        &["timer::models::an_entry_racing_with_the_end_of_the_thread_fires_once"],
    ),
    // task/cancel: the tree of tokens
    bug(
        "token-cancel-release",
        Kind::Ordering,
        &["cancel::models::what_the_canceller_wrote_is_seen_by_whoever_sees_its_child_cancelled"],
    ),
    bug(
        "token-look-acquire",
        Kind::Ordering,
        &["cancel::models::what_the_canceller_wrote_is_seen_by_whoever_sees_its_child_cancelled"],
    ),
    bug(
        "token-child-without-look",
        Kind::Recheck,
        &["cancel::models::a_child_born_during_cancel_is_cancelled"],
    ),
    bug(
        "token-collect-before-flag",
        Kind::Logic,
        &["cancel::models::a_child_born_during_cancel_is_cancelled"],
    ),
    bug(
        "token-watch-without-look",
        Kind::Recheck,
        &["cancel::models::a_callback_registered_and_taken_out_during_cancel_runs_once_or_never"],
    ),
    bug(
        "token-take-all-watchers",
        Kind::Logic,
        &["cancel::models::a_callback_taken_out_by_an_earlier_one_never_starts"],
    ),
    bug(
        "token-forget-sleeper",
        Kind::Notify,
        &["cancel::models::a_wait_racing_with_cancel_ends"],
    ),
    bug(
        "token-keep-stale-waker",
        Kind::Notify,
        &["cancel::models::a_future_polled_during_cancel_is_woken_by_its_last_waker"],
    ),
    // properties: map is the serial iterator; what each handle may say
    bug(
        "map-newest-first",
        Kind::Logic,
        &["prop_map/a_map_is_the_serial_iterator"],
    ),
    bug(
        "map-overfills",
        Kind::Logic,
        &["prop_map/a_map_is_the_serial_iterator"],
    ),
    bug(
        "map-chunk-fails-as-one",
        Kind::Logic,
        &["prop_map/a_map_is_the_serial_iterator"],
    ),
    bug(
        "job-starts-overdue",
        Kind::Recheck,
        &["prop_tasks/programs_inline"],
    ),
    bug(
        "cancel-late-says-asked",
        Kind::Logic,
        &[
            "prop_tasks/programs_inline",
            "prop_tasks/programs_on_a_pool_of_one",
        ],
    ),
    bug(
        "delayed-survives-the-pool",
        Kind::Logic,
        &[
            "prop_tasks/programs_on_a_pool_of_one",
            "prop_tasks/programs_on_a_pool_of_two",
        ],
    ),
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
    bug(
        "waited-too-late-for-its-gift",
        Kind::Notify,
        &["queue::models::a_consumer_that_gives_up_takes_nobodys_item"],
    ),
    // sync/queue: nobody waits in vain, nothing is lost
    bug(
        "queue-item-to-nobody",
        Kind::Notify,
        &[
            "queue::models::an_item_reaches_the_consumer_with_what_was_written",
            "queue::models::a_future_gets_what_a_thread_pushes",
        ],
    ),
    bug(
        "queue-room-to-nobody",
        Kind::Notify,
        &[
            "queue::models::a_pop_lets_the_next_push_in",
            "queue::models::a_thread_gets_what_a_future_pushes",
        ],
    ),
    bug(
        "queue-room-promised-twice",
        Kind::Logic,
        &["queue::models::two_producers_take_turns_in_one_place"],
    ),
    bug(
        "queue-item-promised-twice",
        Kind::Logic,
        &["queue::models::two_consumers_get_one_item_each"],
    ),
    bug(
        "queue-push-after-close",
        Kind::Recheck,
        &["queue::models::a_push_during_close_is_delivered_or_refused"],
    ),
    bug(
        "queue-end-tells-no-pusher",
        Kind::Notify,
        &["queue::models::close_releases_a_producer"],
    ),
    bug(
        "queue-end-tells-no-popper",
        Kind::Notify,
        &["queue::models::a_consumer_gets_the_last_item_and_then_the_end"],
    ),
    bug(
        "queue-ends-with-promised-item",
        Kind::Recheck,
        &["queue::models::the_last_item_is_delivered_though_its_first_owner_leaves"],
    ),
    bug(
        "queue-leaver-keeps-item",
        Kind::Notify,
        &["queue::models::a_dropped_pop_hands_its_item_on"],
    ),
    bug(
        "queue-leaver-keeps-room",
        Kind::Notify,
        &["queue::models::a_dropped_push_hands_its_room_on"],
    ),
    bug(
        "queue-done-wakes-one",
        Kind::Notify,
        &["queue::models::all_done_tells_a_thread_and_a_future"],
    ),
    bug(
        "queue-close-now-leaves-work",
        Kind::Logic,
        &["queue::models::close_now_ends_the_wait_for_all"],
    ),
    // thread/core: the way in
    bug(
        "core-push-after-end",
        Kind::Recheck,
        &["thread::models::pools::a_task_submitted_during_shutdown_has_an_end"],
    ),
    bug(
        "last-resort-not-called",
        Kind::Notify,
        &[
            "thread::models::pools::at_the_cap_a_waiter_runs_its_limited_child",
            "thread::models::pools::at_the_cap_the_last_to_block_calls_another_waiter",
        ],
    ),
    // thread/running: who looks at a running task
    bug(
        "running-ends-while-looked-at",
        Kind::Recheck,
        &["thread::models::look::a_frame_does_not_end_while_it_is_looked_at"],
    ),
    bug(
        "running-misses-kill",
        Kind::Recheck,
        &["thread::models::look::a_task_that_begins_during_a_kill_is_asked_to_stop"],
    ),
    // thread/sleep: when a thread may sleep
    bug(
        "sleep-publish-without-fence",
        Kind::Recheck,
        &[
            "sleep::models::naps::a_flag_raised_while_the_worker_falls_asleep_is_seen",
            "sleep::models::naps::a_job_injected_while_the_worker_falls_asleep_is_seen",
            "sleep::models::naps::a_job_pushed_while_the_thief_falls_asleep_is_seen",
        ],
    ),
    bug(
        "sleep-park-without-fence",
        Kind::Recheck,
        &[
            "sleep::models::naps::a_flag_raised_while_the_worker_falls_asleep_is_seen",
            "sleep::models::naps::a_job_injected_while_the_worker_falls_asleep_is_seen",
        ],
    ),
    bug(
        "sleep-park-without-look",
        Kind::Recheck,
        &[
            "sleep::models::naps::a_flag_raised_while_the_worker_falls_asleep_is_seen",
            "sleep::models::naps::a_job_injected_while_the_worker_falls_asleep_is_seen",
            "sleep::models::naps::a_job_pushed_while_the_thief_falls_asleep_is_seen",
        ],
    ),
    bug(
        "sleep-look-without-search",
        Kind::Logic,
        &["sleep::models::naps::of_two_jobs_published_together_each_gets_a_thread"],
    ),
    bug(
        "sleep-call-without-unpark",
        Kind::Notify,
        &[
            "sleep::models::naps::a_flag_raised_while_the_worker_falls_asleep_is_seen",
            "sleep::models::naps::jobs_published_while_the_last_two_fall_asleep_are_run",
        ],
    ),
    bug(
        "sleep-search-ends-without-look",
        Kind::Recheck,
        &[
            "sleep::models::naps::a_submitter_may_count_on_a_searcher_that_ends_its_search",
            "sleep::models::naps::of_two_jobs_published_together_each_gets_a_thread",
        ],
    ),
    bug(
        "sleep-search-not-given-back",
        Kind::Logic,
        &["sleep::models::naps::a_flag_raised_while_the_worker_falls_asleep_is_seen"],
    ),
    bug(
        "sleep-block-without-look",
        Kind::Recheck,
        &[
            "sleep::models::spares::a_job_published_while_the_worker_blocks_gets_a_spare",
            "sleep::models::spares::a_parked_spare_is_called_again",
        ],
    ),
    bug(
        "sleep-retire-though-called",
        Kind::Logic,
        &["sleep::models::spares::a_job_published_while_the_last_thread_retires_is_run"],
    ),
    bug(
        "sleep-left-without-look",
        Kind::Recheck,
        &["sleep::models::spares::a_job_published_while_the_last_thread_retires_is_run"],
    ),
    bug(
        "sleep-left-without-notify",
        Kind::Notify,
        &["sleep::models::spares::a_job_submitted_while_the_pool_ends_is_run_or_cancelled"],
    ),
    SeededBug {
        name: "sleep-start-failed-without-look",
        kind: Kind::Recheck,
        caught_by: &["sleep::models::spares::a_job_published_while_a_start_fails_is_run"],
        survives: Some("needs 3 preemptions: only the full tier finds it"),
    },
    bug(
        "sleep-end-without-fence",
        Kind::Recheck,
        &["sleep::models::spares::a_job_submitted_while_the_pool_ends_is_run_or_cancelled"],
    ),
    bug(
        "sleep-dismiss-without-unpark",
        Kind::Notify,
        &["sleep::models::spares::a_job_submitted_while_the_pool_ends_is_run_or_cancelled"],
    ),
    bug(
        "sleep-closers-wait-for-each-other",
        Kind::Logic,
        &["sleep::models::spares::two_threads_that_wait_for_the_end_of_their_pool_get_it"],
    ),
    // sync: permits, signals, meeting points
    bug(
        "semaphore-put-relaxed",
        Kind::Ordering,
        &["sync::semaphore::models::one_permit_lets_one_thread_in_at_a_time"],
    ),
    bug(
        "semaphore-take-relaxed",
        Kind::Ordering,
        &["sync::semaphore::models::one_permit_lets_one_thread_in_at_a_time"],
    ),
    bug(
        "semaphore-join-without-look",
        Kind::Recheck,
        &[
            "sync::semaphore::models::one_permit_lets_one_thread_in_at_a_time",
            "sync::semaphore::models::a_strict_permit_lets_a_thread_or_a_future_in",
        ],
    ),
    bug(
        "semaphore-sleeps-on-as-coming",
        Kind::Recheck,
        &["sync::semaphore::models::a_thread_that_came_in_vain_is_called_again"],
    ),
    bug(
        "semaphore-put-without-serve",
        Kind::Notify,
        &[
            "sync::semaphore::models::one_permit_lets_a_thread_or_a_future_in",
            "sync::semaphore::models::two_releases_at_once_serve_a_request_for_both",
        ],
    ),
    bug(
        "semaphore-leaves-without-serve",
        Kind::Notify,
        &["sync::semaphore::models::a_big_request_that_leaves_lets_the_small_ones_in"],
    ),
    bug(
        "semaphore-close-tells-one",
        Kind::Notify,
        &["sync::semaphore::models::a_close_racing_with_a_thread_and_a_future_ends_both"],
    ),
    bug(
        "semaphore-drop-keeps-the-grant",
        Kind::Logic,
        &[
            "sync::semaphore::models::a_dropped_future_hands_its_permit_on",
            "sync::semaphore::models::a_dropped_future_hands_its_strict_permit_on",
        ],
    ),
    bug(
        "semaphore-one-more-may-pass",
        Kind::Logic,
        &[
            "sync::semaphore::tests::exactly_so_many_newcomers_pass_the_first",
            "sync::semaphore::models::no_more_than_the_bound_pass_the_first",
            "sync::semaphore::models::a_big_request_is_served_before_a_small_one_that_came_later",
        ],
    ),
    bug(
        "event-set-relaxed",
        Kind::Ordering,
        &["sync::models::signals::who_sees_it_set_sees_what_was_done_before"],
    ),
    bug(
        "event-is-set-relaxed",
        Kind::Ordering,
        &["sync::models::signals::who_sees_it_set_sees_what_was_done_before"],
    ),
    bug(
        "event-set-wakes-one",
        Kind::Notify,
        &["sync::models::signals::who_was_there_before_set_and_clear_goes_on"],
    ),
    bug(
        "latch-count-relaxed",
        Kind::Ordering,
        &["sync::models::signals::who_sees_it_open_sees_what_was_done_before"],
    ),
    bug(
        "latch-open-relaxed",
        Kind::Ordering,
        &["sync::models::signals::who_sees_it_open_sees_what_was_done_before"],
    ),
    bug(
        "latch-opens-silently",
        Kind::Notify,
        &[
            "sync::models::signals::a_count_down_racing_with_a_future_opens",
            "sync::models::signals::two_parts_counted_down_release_a_thread",
        ],
    ),
    bug(
        "barrier-left-unbroken",
        Kind::Logic,
        &[
            "sync::models::barrier::a_time_limit_racing_with_the_last_party_is_told_to_both",
            "sync::models::barrier::a_dropped_future_racing_with_the_last_party_breaks_or_has_met",
        ],
    ),
    bug(
        "barrier-break-tells-one",
        Kind::Notify,
        &["sync::models::barrier::an_abort_racing_with_parties_that_come_ends_their_wait"],
    ),
    bug(
        "barrier-frees-an-old-round",
        Kind::Recheck,
        &["sync::models::barrier::a_reset_racing_with_the_leader_frees_nobody_of_the_next_round"],
    ),
    // sync: locks, conditions, values set once
    bug(
        "lock-wait-looks-once",
        Kind::Recheck,
        &["sync::models::condvar::a_waiter_goes_on_when_the_gate_is_open_and_not_before"],
    ),
    bug(
        "lock-timed-wait-no-last-look",
        Kind::Recheck,
        &[
            "sync::models::condvar::a_timed_wait_tells_the_truth",
            "sync::models::condition::a_timed_wait_for_a_value_tells_the_truth",
        ],
    ),
    bug(
        "lock-update-forgets",
        Kind::Notify,
        &[
            "sync::models::condition::an_update_reaches_who_waits_for_it",
            "sync::models::condition::an_update_that_panics_reaches_who_waits",
        ],
    ),
    bug(
        "lock-update-notifies-one",
        Kind::Notify,
        &["sync::models::condition::an_update_reaches_all_who_wait"],
    ),
    bug(
        "lock-update-notifies-too-early",
        Kind::Notify,
        &["sync::models::condition::an_update_reaches_who_waits_for_it"],
    ),
    bug(
        "lock-once-get-relaxed",
        Kind::Ordering,
        &[
            "sync::models::once::who_only_looks_finds_nothing_or_the_whole",
            "sync::models::once::of_two_one_initialises_and_both_see_the_whole",
        ],
    ),
    bug(
        "lock-once-ready-relaxed",
        Kind::Ordering,
        &["sync::models::once::who_only_looks_finds_nothing_or_the_whole"],
    ),
    bug(
        "lock-once-no-second-look",
        Kind::Recheck,
        &[
            "sync::models::once::of_two_one_initialises_and_both_see_the_whole",
            "sync::models::lazy::each_execution_has_a_value_of_its_own",
        ],
    ),
    bug(
        "lock-once-ready-forgets",
        Kind::Notify,
        &[
            "sync::models::once::of_two_one_initialises_and_both_see_the_whole",
            "sync::models::once::who_waits_for_a_value_gets_it",
        ],
    ),
    bug(
        "lock-once-failure-forgets",
        Kind::Notify,
        &[
            "sync::models::once::after_a_failure_the_next_one_initialises",
            "sync::models::lazy::a_static_whose_initialiser_panics_is_tried_again",
        ],
    ),
    // primitive/model/lock: the lock of readers and writers that models use
    bug(
        "lock-model-reader-relaxed",
        Kind::Ordering,
        &["sync::models::rwlock::a_writer_is_alone_and_what_it_wrote_is_read"],
    ),
    bug(
        "lock-model-writer-relaxed",
        Kind::Ordering,
        &["sync::models::rwlock::a_writer_is_alone_and_what_it_wrote_is_read"],
    ),
    bug(
        "lock-model-downgrade-relaxed",
        Kind::Ordering,
        &["sync::models::rwlock::who_downgrades_lets_readers_in"],
    ),
    bug(
        "lock-model-downgrade-wakes-nobody",
        Kind::Notify,
        &["sync::models::rwlock::who_downgrades_lets_readers_in"],
    ),
    bug(
        "lock-model-gives-up-silently",
        Kind::Notify,
        &["sync::models::rwlock::a_writer_that_gives_up_lets_readers_go_on"],
    ),
];

/// A bug that each of `caught_by` finds.
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
