"""The table of legal moves is whole and leads every task somewhere."""

from __future__ import annotations

from rediq_core.model.state import FINAL_STATES, LEGAL_MOVES, STATE_WORDS, TaskState


def test_states_are_words_in_reading_order() -> None:
    assert (
        *("pending", "active", "delayed", "retry", "waiting"),
        *("completed", "dead", "cancelled", "trash"),
    ) == STATE_WORDS
    assert TaskState("dead") == "dead"


def test_every_state_has_its_moves() -> None:
    assert set(LEGAL_MOVES) == set(TaskState)


def test_only_what_is_active_completes() -> None:
    sources = {state for state, targets in LEGAL_MOVES.items() if TaskState.COMPLETED in targets}

    assert sources == {TaskState.ACTIVE, TaskState.TRASH}


def test_only_what_is_pending_becomes_active() -> None:
    sources = {state for state, targets in LEGAL_MOVES.items() if TaskState.ACTIVE in targets}

    assert sources == {TaskState.PENDING}


def test_every_unfinished_task_can_still_finish() -> None:
    for start in set(TaskState) - {TaskState.TRASH}:
        reached = {start}
        while grown := {target for state in reached for target in LEGAL_MOVES[state]} - reached:
            reached |= grown
        assert reached & FINAL_STATES, start


def test_what_is_deleted_can_come_back_to_where_it_was() -> None:
    deletable = {state for state, targets in LEGAL_MOVES.items() if TaskState.TRASH in targets}

    assert LEGAL_MOVES[TaskState.TRASH] == deletable == set(TaskState) - {"active", "trash"}
