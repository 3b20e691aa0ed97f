"""Finding tasks: by id, by the end of an id, and by WHERE, a bounded piece at a time."""

from __future__ import annotations

import pytest

from rediq_core.admin import lookup
from rediq_core.admin.search import Selection, Tally
from rediq_core.errors import InvalidOption, QueueNotFound, TaskNotFound
from rediq_core.model.ids import new_id
from rediq_core.model.state import TaskState
from rediq_core.model.task import Task
from rediq_core.model.where import Where
from tests.support.desk import Desk, where


def ids_of(selection: Selection) -> list[str]:
    return [task.id for task in selection.tasks]


def all_pieces(desk: Desk, text: str, **options: int) -> list[Selection]:
    """Follow the cursor to the end."""
    pieces = [desk.admin.select(where(text), **options)]  # type: ignore[arg-type]
    while not pieces[-1].is_complete:
        pieces.append(
            desk.admin.select(where(text), cursor=pieces[-1].cursor, **options)  # type: ignore[arg-type]
        )
    return pieces


# By id.


def test_an_id_leads_to_its_task_in_any_queue_and_state(desk: Desk) -> None:
    ids = {
        desk.dead("payment", 1)[0]: "dead",
        desk.held("mail", 1)[0]: "pending",
        desk.pending("sms", 1)[0]: "pending",
        desk.pending("later", 1, delay="1h")[0]: "delayed",
    }
    desk.admin.move("delete", [next(iter(ids))], by="ada")

    found = {id_: desk.admin.task(id_).state.value for id_ in ids}

    assert found == {**ids, next(iter(ids)): "trash"}


def test_an_id_of_its_own_form_is_asked_for_in_all_queues(desk: Desk) -> None:
    desk.pending("other", 1)
    desk.queue("mail").put(Task("mail", id="cron:nightly:1700000000", queue="mail"))

    assert desk.admin.task("cron:nightly:1700000000").queue == "mail"


def test_an_id_made_for_another_queue_is_found_where_it_is(desk: Desk) -> None:
    desk.pending("other", 1)
    strange = new_id("other")
    desk.queue("mail").put(Task("mail", id=strange, queue="mail"))

    assert desk.admin.task(strange).queue == "mail"


@pytest.mark.parametrize("length", [6, 12, 25])
def test_the_end_of_an_id_stands_for_it(desk: Desk, length: int) -> None:
    desk.pending("sms", 3)
    dead = desk.dead("mail", 3)

    assert desk.admin.task(dead[1][-length:]).id == dead[1]


def test_the_end_of_an_id_may_be_typed_in_lower_case(desk: Desk) -> None:
    (task_id,) = desk.pending("mail", 1)

    assert desk.admin.task(task_id[-8:].lower()).id == task_id


def test_the_end_of_an_id_is_found_in_every_place(desk: Desk) -> None:
    active = desk.active("busy", 1)[0].id
    held, suspect = desk.held("mail", 1)[0], desk.suspects("mail", 1)[0]
    done, retried = desk.completed("mail", 1)[0], desk.retry("mail", 1)[0]
    delayed = desk.pending("mail", 1, delay="1h")[0]
    cancelled, trashed = desk.pending("mail", 2)
    desk.admin.move("cancel", [cancelled], by="ada")
    desk.admin.move("delete", [trashed], by="ada")
    ids = [active, held, suspect, done, retried, delayed, cancelled, trashed]

    assert [desk.admin.task(id_[-8:]).id for id_ in ids] == ids


def test_an_end_that_two_ids_share_is_refused_and_names_both(desk: Desk) -> None:
    rig = desk.queue("mail")
    rig.put(Task("mail", id="aSAMEEND", queue="mail"), Task("mail", id="bSAMEEND", queue="mail"))

    with pytest.raises(InvalidOption) as caught:
        desk.admin.task("SAMEEND")

    assert str(caught.value) == (
        "E005 SAMEEND is the end of 2 ids.\n"
        "     They are aSAMEEND, bSAMEEND.\n"
        "     Give more characters, or the whole id."
    )


def test_a_whole_id_wins_over_the_end_of_another(desk: Desk) -> None:
    desk.queue("mail").put(
        Task("mail", id="SAMEEND", queue="mail"), Task("mail", id="bSAMEEND", queue="mail")
    )

    assert desk.admin.task("SAMEEND").id == "SAMEEND"


@pytest.mark.parametrize("length", [1, 5])
def test_fewer_than_six_characters_mean_nothing(desk: Desk, length: int) -> None:
    (task_id,) = desk.pending("mail", 1)

    with pytest.raises(TaskNotFound):
        desk.admin.task(task_id[-length:])


@pytest.mark.parametrize("word", ["", "NOSUCH", "0" * 26, "cron:nightly:1", "é" * 30])
def test_an_unknown_id_is_an_error_with_a_way_on(desk: Desk, word: str) -> None:
    desk.pending("mail", 1)

    with pytest.raises(TaskNotFound) as caught:
        desk.admin.task(word)

    assert caught.value.message == f"No task has the id {word}."
    assert caught.value.next_step == "Look for it: rediq task list all text:WORD"


def test_ends_are_searched_for_beyond_the_first_page(desk: Desk) -> None:
    ids = desk.pending("mail", 2_500)

    assert desk.admin.task(ids[0][-10:]).id == ids[0]
    assert desk.admin.task(ids[1_700][-10:]).id == ids[1_700]


def test_a_short_id_that_might_mean_an_unread_task_is_not_guessed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MAX_SEARCHED", 0)
    ids = desk.pending("mail", 1_001)

    with pytest.raises(InvalidOption) as caught:
        desk.admin.task(ids[-1][-10:])

    assert caught.value.cause == "I looked at 1,000 of 1,001 ids."
    assert caught.value.next_step == f"Give the whole id: {ids[-1]}"


def test_a_short_id_that_was_not_found_says_how_far_the_search_came(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MAX_SEARCHED", 0)
    ids = desk.pending("mail", 1_001)

    with pytest.raises(TaskNotFound) as caught:
        desk.admin.task(ids[0][-10:])

    assert caught.value.cause == "I looked at 1,000 of 1,001 ids."


# By WHERE.


@pytest.mark.parametrize("limit", [1, 3, 7, 500])
def test_following_the_cursor_reads_every_task_once(desk: Desk, limit: int) -> None:
    ids = [
        *desk.pending("a", 4),
        *desk.pending("a", 3, delay="1h"),
        *desk.dead("a", 2),
        *desk.retry("c", 5),
    ]
    desk.queue("b")
    order = [*ids[:4], *ids[4:7], *ids[7:9], *ids[9:]]

    pieces = all_pieces(desk, "all", limit=limit)

    assert [id_ for piece in pieces for id_ in ids_of(piece)] == order
    assert [len(piece.tasks) for piece in pieces[:-1]] == [limit] * (len(pieces) - 1)
    assert {piece.total for piece in pieces} == {14}
    assert len(pieces) == -(-14 // limit)


def test_a_search_with_terms_reads_on_until_it_has_enough(desk: Desk) -> None:
    ids = desk.pending("mail", 1_200)

    piece = desk.admin.select(where("mail payload.n:*00"), limit=3)

    assert ids_of(piece) == [ids[100], ids[200], ids[300]]
    assert (piece.scanned, piece.total, piece.is_complete) == (301, 1_200, False)


def test_a_search_stops_at_its_budget_and_goes_on_from_there(desk: Desk) -> None:
    ids = desk.pending("mail", 30)

    pieces = all_pieces(desk, "mail payload.n:*9", budget=8)

    assert [ids_of(piece) for piece in pieces] == [[], [ids[9]], [ids[19]], [ids[29]]]
    assert [piece.scanned for piece in pieces] == [8, 8, 8, 6]


def test_a_search_that_finds_nothing_says_that_it_looked_at_all(desk: Desk) -> None:
    desk.pending("mail", 30)

    piece = desk.admin.select(where("mail text:nowhere"))

    assert (ids_of(piece), piece.scanned, piece.total) == ([], 30, 30)
    assert (piece.is_complete, piece.cursor) == (True, "")


def test_all_states_leave_out_trash_and_its_name_brings_it(desk: Desk) -> None:
    kept, thrown = desk.pending("mail", 2)
    desk.admin.move("delete", [thrown], by="ada")

    assert ids_of(desk.admin.select(where("mail"))) == [kept]
    assert ids_of(desk.admin.select(where("all"))) == [kept]
    assert ids_of(desk.admin.select(where("trash:mail"))) == [thrown]


def test_latest_first_turns_each_state_round(desk: Desk) -> None:
    ids = desk.dead("mail", 5)

    piece = desk.admin.select(where("dead:mail"), limit=2, is_reversed=True)
    rest = desk.admin.select(where("dead:mail"), cursor=piece.cursor, is_reversed=True)

    assert ids_of(piece) + ids_of(rest) == ids[::-1]


def test_a_state_of_all_queues_is_read_queue_by_queue(desk: Desk) -> None:
    ids = [*desk.dead("a", 1), *desk.dead("b", 2)]
    desk.pending("a", 1)

    assert ids_of(desk.admin.select(where("dead"))) == ids


def test_ids_are_looked_up_and_terms_narrow_them(desk: Desk) -> None:
    first, second = desk.pending("mail", 2)
    (third,) = desk.dead("sms", 1)
    chosen = Where(ids=(first, third[-9:], second))

    piece = desk.admin.select(chosen)
    narrowed = desk.admin.select(where(f"{first} {second} payload.n:1"))

    assert ids_of(piece) == [first, third, second]
    assert (piece.total, piece.is_complete) == (3, True)
    assert ids_of(narrowed) == [second]


def test_an_unknown_id_among_others_is_an_error(desk: Desk) -> None:
    (task_id,) = desk.pending("mail", 1)

    with pytest.raises(TaskNotFound, match="0NOSUCHTASK"):
        desk.admin.select(Where(ids=(task_id, "0NOSUCHTASK")))


def test_age_is_counted_by_the_servers_clock(desk: Desk) -> None:
    rig = desk.queue("mail")
    rig.now_ms -= 7_200_000
    (old,) = desk.dead("mail", 1)
    rig.now_ms += 7_200_000
    (new,) = desk.dead("mail", 1)

    assert ids_of(desk.admin.select(where("dead:mail older:1h"))) == [old]
    assert ids_of(desk.admin.select(where("dead:mail newer:1h"))) == [new]


@pytest.mark.parametrize("cursor", ["x", "a/b/c", "mail/dead/x", "mail/nowhere/1", "////"])
def test_a_cursor_from_elsewhere_is_refused(desk: Desk, cursor: str) -> None:
    desk.pending("mail", 1)

    with pytest.raises(InvalidOption):
        desk.admin.select(where("all"), cursor=cursor)


def test_an_unknown_queue_is_refused_by_search_and_count(desk: Desk) -> None:
    with pytest.raises(QueueNotFound):
        desk.admin.select(where("dead:mail"))
    with pytest.raises(QueueNotFound):
        desk.admin.counts(where("mail"))


# Counting.


def test_counts_without_terms_are_those_of_the_queues(desk: Desk) -> None:
    desk.pending("a", 4)
    desk.dead("a", 2)
    desk.dead("b", 3)

    assert desk.admin.counts(where("all")) == {TaskState.PENDING: 4, TaskState.DEAD: 5}
    assert desk.admin.counts(where("dead:b")) == {TaskState.DEAD: 3}
    assert desk.admin.counts(where("retry")) == {}


def test_counts_with_terms_look_at_every_task(desk: Desk) -> None:
    desk.pending("a", 600)
    desk.dead("b", 11)

    counted = desk.admin.counts(where("all payload.n:1?"))

    assert counted == {TaskState.PENDING: 10, TaskState.DEAD: 1}


def test_a_tally_says_how_far_its_budget_reached(desk: Desk) -> None:
    desk.pending("a", 30)

    tally = desk.admin.tally(where("a payload.n:*9"), budget=20)

    assert tally == Tally({TaskState.PENDING: 2}, 20, 30, is_complete=False)
    assert tally.number == 2


def test_a_tally_within_its_budget_is_complete(desk: Desk) -> None:
    desk.pending("a", 30)

    tally = desk.admin.tally(where("a payload.n:*9"), budget=30)

    assert tally == Tally({TaskState.PENDING: 3}, 30, 30, is_complete=True)


def test_ids_are_counted_by_the_states_they_are_in(desk: Desk) -> None:
    first, second = desk.pending("a", 2)
    (dead,) = desk.dead("a", 1)

    counted = desk.admin.counts(Where(ids=(first, second, dead)))

    assert counted == {TaskState.PENDING: 2, TaskState.DEAD: 1}
