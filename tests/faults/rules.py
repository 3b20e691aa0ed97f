"""Faults of schedules, dependencies, unique keys and operators: S1 to S15."""

from __future__ import annotations

from tests.faults.rows import row

_TROUBLE = "faults/test_worker_trouble.py::test_"

RULES = (
    row(
        "S1",
        "Five schedulers are killed and stopped in turn",
        "Every due time once: none missed, none doubled",
        "e2e/test_schedulers.py::test_killed_and_stopped_schedulers_miss_nothing_and_double_nothing",
        "contract/test_scheduler.py::test_a_scheduler_that_dies_between_two_steps_neither_loses_nor_doubles",
    ),
    row(
        "S2",
        "No scheduler for ten minutes",
        "Missed times follow the policy, exactly",
        "contract/test_scheduler.py::test_ten_minutes_without_a_scheduler_follow_the_policy",
        "contract/test_scheduler.py::test_catching_up_stops_at_a_hundred",
    ),
    row(
        "S3",
        "Summer time begins and ends",
        "Fixed times once, intervals by the clock on the wall",
        "unit/test_model_cron.py::test_instants_around_changes_of_clocks_and_calendar",
        "unit/test_model_cron.py::test_fixed_times_are_each_wall_clock_time_once",
        "unit/test_model_cron.py::test_intervals_are_every_instant_whose_clock_matches",
    ),
    row(
        "S4",
        "A date that never comes",
        "Refused when it is declared",
        "unit/test_model_cron.py::test_a_date_that_never_comes_is_refused",
        "unit/test_model_schedule.py::test_a_schedule_that_never_fires_is_refused",
    ),
    row(
        "S5",
        "A parent dies",
        "Its children follow their policy; none waits for ever",
        "contract/test_dependencies.py::test_a_child_follows_its_policy_when_its_parent_ends",
        "contract/test_dependencies.py::test_a_failure_runs_through_all_levels_each_in_its_own_queue",
        "e2e/test_dependencies.py::test_random_graphs_end_as_predicted_while_workers_are_killed",
    ),
    row(
        "S6",
        "A parent is unknown, gone or finished",
        "Refused, or released, as its child asked",
        "contract/test_dependencies.py::test_an_unknown_parent_is_refused_and_nothing_is_written",
        "contract/test_dependencies.py::test_a_child_that_comes_after_its_parent_ended_follows_its_policy",
        "contract/test_dependencies_killed.py::test_a_parent_that_is_gone_counts_as_completed_for_whom_it_may",
    ),
    row(
        "S7",
        "Tasks wait for each other",
        "Refused with the path",
        "contract/test_dependencies.py::test_a_cycle_in_one_call_is_refused_with_its_path_and_the_rest_is_taken",
        "contract/test_dependencies_graphs.py::test_a_random_graph_ends_as_predicted",
    ),
    row(
        "S8",
        "Who tells children in another slot is killed",
        "Told by another one, once",
        "contract/test_dependencies_killed.py::test_a_relay_killed_between_any_two_calls",
        "contract/test_dependencies_graphs.py::test_a_random_graph_ends_as_predicted_on_a_cluster",
    ),
    row(
        "S9",
        "The owner of a unique key is gone",
        "The key is free when its owner has ended, and not before",
        "scripts/test_unique.py::test_an_owner_that_is_gone_does_not_hold_the_key",
        "scripts/test_unique.py::test_an_owner_in_a_final_state_does_not_hold_the_key",
        "scripts/test_unique.py::test_poison_releases_the_key",
        "scripts/test_unique.py::test_an_unfinished_owner_keeps_the_key",
    ),
    row(
        "S10",
        "Many enqueue one unique key at once",
        "One wins; all get its id",
        "scripts/test_enqueue.py::test_one_unique_key_has_one_winner_among_processes",
        "scripts/test_enqueue.py::test_one_unique_key_has_one_winner_among_threads",
    ),
    row(
        "S11",
        "A queue is flushed while tasks run",
        "Running ones are left; keys and counts agree",
        "contract/test_admin_moves.py::test_flushing_all_states_leaves_active_tasks_and_trash",
        "contract/test_admin_moves.py::test_what_is_claimed_while_a_flush_works_is_left_and_said",
    ),
    row(
        "S12",
        "A queue is paused while tasks run",
        "They finish, nothing is claimed; a resume wakes at once",
        _TROUBLE + "a_queue_paused_a_hundred_times_claims_nothing_while_paused",
        "scripts/test_exchange_policy.py::test_a_paused_queue_hands_out_nothing_but_goes_on",
    ),
    row(
        "S13",
        "Priorities in any order",
        "Strictly by priority, in one by age; no inversion",
        "scripts/test_exchange_claim.py::test_ten_thousand_random_priorities_have_no_inversion",
        "scripts/test_exchange_claim.py::test_places_are_kept_over_retry_release_and_recovery",
    ),
    row(
        "S14",
        "Many dead tasks are retried",
        "In pieces, resumable, with their ids",
        "contract/test_admin_scale.py::test_a_hundred_thousand_failures_of_three_causes",
        "contract/test_admin_operations.py::test_a_stopped_operation_is_gone_on_with_and_touches_each_task_once",
    ),
    row(
        "S15",
        "Two versions of Rediq use one server",
        "Keys of a version that is not known are refused by name, and left alone",
        "contract/test_admin_doctor.py::test_keys_of_another_version_are_left",
        "scripts/test_enqueue.py::test_both_scripts_leave_the_same_behind",
    ),
)
