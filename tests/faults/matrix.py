"""Which tests prove the outcome of each fault: W of workers, R of Redis, S of schedules and rules.

Each row says what happens and what is to come of it, and names tests that fail if it does not.
`test_matrix.py` holds the names to tests that are there and not skipped; `make reliability` runs
them and writes the table of `docs/reliability.md`.
"""

from __future__ import annotations

from tests.faults.rows import row
from tests.faults.rules import RULES

_FAULTS = "e2e/test_worker_faults.py::test_"
_WORKER = "e2e/test_worker.py::test_"
_LASTING = "e2e/test_worker_endurance.py::test_"
_RECYCLING = "e2e/test_worker_recycling.py::test_"
_TROUBLE = "faults/test_worker_trouble.py::test_"
_SERVER = "faults/test_server_trouble.py::test_"
_FAILOVER = "faults/test_failover.py::test_"
_SETTLE = "scripts/test_exchange_settle.py::test_"

WORKERS = (
    row(
        "W1",
        "A task process is killed",
        "Its supervisor gives its tasks back at once; they run again elsewhere",
        _FAULTS + "tasks_of_a_killed_process_run_again_within_a_second",
        _WORKER + "kill_9_of_a_task_process_loses_nothing",
    ),
    row(
        "W2",
        "A whole worker is killed, or its machine",
        "Its leases run out; any other worker gives the tasks back",
        _FAULTS + "a_whole_worker_killed_is_recovered_after_its_lease",
        "scripts/test_reap.py::test_expired_leases_are_found_without_being_named",
    ),
    row(
        "W3",
        "SIGTERM while idle",
        "Nothing more is claimed, exit 0",
        _TROUBLE + "sigterm_ends_an_idle_worker_at_once",
    ),
    row(
        "W4",
        "SIGTERM while short tasks run",
        "They finish; exit 0; nothing runs twice",
        _WORKER + "sigterm_lets_short_tasks_finish",
    ),
    row(
        "W5",
        "SIGTERM while long tasks run",
        "After the grace they are handed back, no attempt used; a second signal ends the grace",
        _LASTING + "sigterm_hands_back_what_does_not_end_within_the_grace",
        _LASTING + "sigterm_waits_for_the_whole_grace",
        _WORKER + "a_second_signal_hands_running_tasks_back",
        _FAULTS + "what_comes_after_the_grace_is_handed_back_and_not_begun",
    ),
    row(
        "W6",
        "A handler blocks its event loop for three leases",
        "The supervisor keeps the leases; nothing runs twice",
        _LASTING + "a_loop_that_stands_still_for_three_leases_costs_no_duplicate",
        _LASTING + "the_watchdog_leaves_a_blocking_handler_its_time",
    ),
    row(
        "W7",
        "A worker stands still for longer than its lease and goes on",
        "Others ran its tasks; what it settles then changes nothing",
        _FAULTS + "a_worker_stopped_past_its_lease_changes_nothing_when_it_goes_on",
        _SETTLE + "a_settle_while_another_runs_the_task_is_lost",
    ),
    row(
        "W8",
        "An async handler never returns",
        "Stopped at its timeout; one that cannot be stopped costs its process, and only itself",
        _WORKER + "a_run_past_its_timeout_fails_with_e004",
        _WORKER + "a_stuck_process_is_replaced_and_only_its_stuck_task_is_charged",
    ),
    row(
        "W9",
        "A handler in a thread never returns",
        "Its task fails at the timeout, its process is retired, all places work",
        _RECYCLING + "a_thread_past_its_timeout_fails_its_task_and_retires_its_process",
    ),
    row(
        "W10",
        "Handlers leak memory or threads",
        "Processes are replaced between tasks; nothing is lost",
        _RECYCLING + "a_process_ends_after_its_number_of_tasks_and_loses_none",
        _RECYCLING + "a_process_that_grew_too_large_is_replaced",
        _RECYCLING + "what_runs_finishes_while_the_heir_already_works",
    ),
    row(
        "W11",
        "A task kills its process each time",
        "Dead after exactly three crashes; no other task dies of it",
        _TROUBLE + "one_poison_task_among_a_thousand_costs_none_of_the_others",
        _WORKER + "poison_dies_alone_after_three_losses",
        _WORKER + "a_dying_handler_process_costs_only_its_own_task",
    ),
    row(
        "W12",
        "No worker knows the type",
        "Held, shown as unroutable, claimed by who knows it; no attempt is used",
        _TROUBLE + "an_unknown_type_is_taken_once_and_not_again",
        "e2e/test_promises.py::test_unknown_types_are_shown_unroutable_and_taken_at_once_by_who_knows_them",
    ),
    row(
        "W13",
        "A payload is no JSON, too deep, NaN, or the task is damaged",
        "Dead with E002; no process ends",
        _TROUBLE + "nonsense_written_by_hand_is_dead_and_ends_no_worker",
        "unit/test_handlers_payloads.py::test_bytes_that_are_not_strict_json_are_refused",
        _SETTLE + "a_damaged_task_does_not_stop_the_others",
    ),
    row(
        "W14",
        "A payload is huge",
        "Refused before it is sent",
        _TROUBLE + "a_huge_payload_is_refused_before_it_is_sent",
        "contract/test_client_limits.py::test_clients_refuse_a_payload_over_the_configured_size",
    ),
    row(
        "W15",
        "Clocks of workers are an hour wrong",
        "Only the server's clock decides; nothing is early, late or lost",
        _TROUBLE + "a_clock_that_is_an_hour_wrong_moves_no_due_time",
        "scripts/test_lease.py::test_a_clock_that_went_back_is_an_outage",
    ),
    row(
        "W16",
        "A run is settled twice, or after its lease was lost",
        "The token counts once: ALREADY, or LOST, and nothing changes",
        _SETTLE + "a_token_is_good_once",
        _SETTLE + "already_is_told_for_every_outcome",
        _SETTLE + "a_settle_after_the_task_was_reaped_is_lost",
        "contract/test_dependencies_killed.py::test_two_relays_at_once_tell_each_child_once",
    ),
    row(
        "W17",
        "A process forks after it used a client",
        "The child opens connections of its own",
        "contract/test_connection_sync.py::test_a_child_process_gets_connections_of_its_own",
    ),
)

REDIS = (
    row(
        "R1",
        "Redis is killed and starts again",
        "Workers stay up and go on; nothing that was acknowledged is lost",
        _FAULTS + "a_killed_server_comes_back_and_nothing_is_lost",
        _FAULTS + "an_outage_of_three_leases_runs_nothing_twice",
    ),
    row(
        "R2",
        "Sentinel fails over (down-after 500 ms)",
        "Calls wait, none fails",
        _FAILOVER + "sentinels_promote_and_no_call_fails",
        "contract/test_connection_sentinel.py::test_a_failover_surfaces_no_error",
    ),
    row(
        "R3",
        "A Cluster's master dies (node-timeout 1 s)",
        "Calls wait, none fails; queues on other masters go on",
        _FAILOVER + "a_cluster_promotes_and_no_call_fails_while_other_queues_go_on",
        "contract/test_connection_cluster.py::test_the_death_of_a_master_surfaces_no_error",
    ),
    row(
        "R4",
        "A master has lost its replicas",
        "With min-replicas-to-write it takes no task; doctor tells where it is not set",
        "faults/test_replicas.py::test_a_master_alone_takes_no_task",
        "contract/test_admin_doctor.py::test_what_info_says_of_a_server",
    ),
    row(
        "R5",
        "Redis is slow, or the network swallows everything",
        "No lease is lost to delay; what a black hole cost runs elsewhere and counts once",
        _SERVER + "a_slow_network_costs_no_lease",
        _SERVER + "a_black_hole_of_a_lease_and_a_half_runs_nothing_twice_at_once",
        "contract/test_connection_async.py::test_a_silent_server_ends_a_call_at_its_deadline_as_ambiguous",
    ),
    row(
        "R6",
        "Redis forgets the scripts",
        "They are sent again with their body; nobody sees it",
        _FAULTS + "scripts_may_be_forgotten_at_any_time",
        "contract/test_connection_async.py::test_a_flush_of_scripts_is_never_seen",
    ),
    row(
        "R7",
        "maxmemory is reached",
        "New tasks are refused with a clear error; the queue drains to 0",
        _SERVER + "a_full_server_refuses_new_tasks_and_the_queue_drains",
        "scripts/test_out_of_memory.py::test_failures_leases_progress_and_recovery_go_on",
    ),
    row(
        "R8",
        "The server may evict keys",
        "The worker says so at its start, doctor reports it",
        "faults/test_eviction.py::test_a_worker_says_at_its_start_that_its_server_may_evict",
        "contract/test_admin_doctor.py::test_settings_of_the_server_are_found_and_never_changed",
    ),
    row(
        "R9",
        "A key has a wrong type",
        "The script stops before it writes, and names the key",
        "scripts/test_keys.py::test_a_key_of_a_wrong_type_stops_a_script_before_it_writes",
    ),
    row(
        "R10",
        "The disk is full",
        "Enqueue is refused with the reason; all goes on when there is room; nothing is lost",
        _SERVER + "a_full_disk_stops_writes_until_there_is_room",
    ),
    row(
        "R11",
        "500 clients reconnect at once",
        "They spread over two seconds",
        _SERVER + "five_hundred_clients_that_reconnect_do_not_storm",
        "unit/test_connection_retry.py::test_reconnects_of_many_processes_spread_over_two_seconds",
    ),
    row(
        "R12",
        "The server takes no more connections",
        "Workers wait and come back",
        _SERVER + "a_server_without_room_for_connections_ends_no_worker",
    ),
    row(
        "R13",
        "Slots move while they are used",
        "No call fails, none is executed twice, nothing is lost",
        "faults/test_reshard.py::test_a_third_of_all_slots_moves_under_fifty_callers",
        "faults/test_reshard.py::test_the_move_of_a_queue_of_a_million_tasks_stalls_its_node_for_so_long",
        "contract/test_connection_cluster.py::test_each_call_runs_once_while_its_slot_moves_to_and_fro",
    ),
    row(
        "R14",
        "A Cluster loses a shard",
        "Queues of other shards go on, and its own when it is back",
        _FAILOVER + "queues_of_other_shards_go_on_while_a_shard_is_gone",
        "contract/test_connection_waiter_lanes.py::test_a_shard_that_comes_back_is_listened_to_again",
    ),
    row(
        "R15",
        "FLUSHALL while workers run",
        "No worker ends; new work is taken",
        _SERVER + "a_wiped_server_ends_no_worker_and_takes_new_work",
    ),
    row(
        "R16",
        "A script holds the server",
        "Every script is bounded",
        "faults/test_due_at_once.py::test_a_million_tasks_due_at_once",
        "scripts/test_sweep.py::test_no_piece_holds_up_the_server",
    ),
    row(
        "R17",
        "1,000,000 tasks are due at once",
        "Promoted in small steps; other clients are served between them",
        "faults/test_due_at_once.py::test_a_million_tasks_due_at_once",
        "scripts/test_exchange_claim.py::test_due_tasks_are_promoted_in_bounded_steps",
    ),
    row(
        "R18",
        "More values than Lua can unpack",
        "Batches are bounded below that",
        "scripts/test_enqueue.py::test_five_hundred_tasks_fit_one_call",
        "scripts/test_enqueue.py::test_many_parents_of_many_tasks_fit_one_call",
        "scripts/test_moves.py::test_five_hundred_ids_fit_one_call",
    ),
    row(
        "R19",
        "Very much is deleted",
        "In pieces that hold up nobody",
        "scripts/test_sweep.py::test_no_piece_holds_up_the_server",
        "contract/test_admin_moves.py::test_flushing_5000_dead_tasks_takes_exactly_those_and_their_keys",
    ),
)

MATRIX = (*WORKERS, *REDIS, *RULES)
