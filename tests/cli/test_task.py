"""`rediq task`: finds what WHERE says, adds what it is told, and changes exactly what it names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from rediq_core.model.state import TaskState
from tests.cli.conftest import Rediq
from tests.support.desk import Desk, where, worker_row

Stable = Callable[[str], str]
NOBODY = "01KG7Q5ZC4M9X8W2T6R3PBVN1A"


def state_of(desk: Desk, task_id: str) -> TaskState:
    return desk.admin.task(task_id).state


def test_list_shows_all_queues_with_their_states(
    rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    desk.pending("mail", 1)
    desk.dead("payment", 1, type="order:payment")

    ended = rediq("task", "list")

    assert (ended.code, ended.err) == (0, "")
    assert stable(ended.out) == snapshot


def test_list_picks_by_terms_and_says_how_much_it_looked_at(rediq: Rediq, desk: Desk) -> None:
    ids = desk.pending("mail", 30)

    ended = rediq("task", "list", "mail", "payload.n:7", "-o", "ids")
    none = rediq("task", "list", "mail", "payload.n:77")
    cut = rediq("task", "list", "mail", "payload.n:7", "--scan", "5")

    assert (ended.out, ended.err) == (f"{ids[7]}\n", "scanned 30 of 30, 1 hit.\n")
    assert none.code == 0
    assert none.err == "No task of mail payload.n:77; scanned 30 of 30.\n"
    assert cut.err == "No task of mail payload.n:77; scanned 5 of 30.\n".replace("77", "7")


def test_list_takes_ids_from_stdin(desk: Desk, rediq: Rediq) -> None:
    ids = desk.pending("mail", 3)

    ended = rediq("task", "list", "-", "-o", "ids", stdin=f"{ids[2]}\n{ids[0]}\n")

    assert sorted(ended.out.split()) == sorted([ids[0], ids[2]])


def test_list_as_json_is_an_array_of_views(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.retry("mail", 1)

    (task,) = rediq("task", "list", "retry", "--json").json  # type: ignore[misc]  # it is an array

    assert (task["id"], task["state"], task["attempts"]) == (task_id, "retry", 1)
    assert (task["payload"], task["error"]) == ({"n": 0}, "ValueError: no")
    assert task["due_at"].endswith("Z")


def test_a_mistyped_term_exits_2_and_lists_nothing(rediq: Rediq, desk: Desk) -> None:
    desk.pending("mail", 1)

    ended = rediq("task", "list", "mail", "tpye:mail")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("Did you mean type:mail\n")


def test_inspect_shows_all_there_is(
    rediq: Rediq, desk: Desk, stable: Stable, snapshot: SnapshotAssertion
) -> None:
    (task_id,) = desk.retry(
        "mail", 1, max_retry=3, unique_key="order-7", extra={"tenant": "acme"}, timeout="30s"
    )

    ended = rediq("task", "inspect", task_id)

    assert (ended.code, ended.err) == (0, "")
    assert stable(ended.out) == snapshot


def test_inspect_takes_the_end_of_an_id(rediq: Rediq, desk: Desk) -> None:
    ids = desk.pending("mail", 50)

    assert rediq("task", "show", ids[7][-8:], "-o", "ids").out == f"{ids[7]}\n"


def test_inspect_as_json_has_the_whole_view(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.retry("mail", 1)

    task = rediq("task", "inspect", task_id, "--json").json

    assert isinstance(task, dict)
    assert (task["id"], task["queue"], task["state"]) == (task_id, "mail", "retry")
    (run,) = task["timeline"]
    assert (run["kind"], run["attempt"], run["error"]) == ("retry", 1, "no")


def test_inspect_of_an_unknown_id_exits_3(rediq: Rediq, desk: Desk) -> None:
    desk.pending("mail", 1)

    ended = rediq("task", "inspect", NOBODY)

    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith(f"E011 no task has the id {NOBODY}.\n")


def test_secret_fields_are_hidden_in_every_form(rediq: Rediq, desk: Desk) -> None:
    enqueued = rediq(
        *("task", "enqueue", "mail", "--queue", "mail", "-o", "ids"),
        *("--payload", '{"password": "c4nary", "card": {"cvc": "c4nary"}, "to": 7}'),
    )
    task_id = enqueued.out.strip()

    for words in (["inspect", task_id], ["list", "mail"]):
        for form in ("table", "wide", "json", "jsonl"):
            ended = rediq("task", *words, "-o", form)
            assert ended.code == 0
            assert "c4nary" not in ended.out + ended.err


# Adding tasks.


def test_enqueue_prints_the_id_alone(rediq: Rediq, desk: Desk) -> None:
    ended = rediq("task", "enqueue", "mail:send", "--queue", "mail", "-o", "ids")

    task = desk.admin.task(ended.out.strip())
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{task.id}\n"
    assert (task.type, task.queue, task.payload) == ("mail:send", "mail", None)


def test_enqueue_takes_every_option(rediq: Rediq, desk: Desk) -> None:
    ended = rediq(
        *("task", "enqueue", "mail:send", "--queue", "mail", "--json"),
        *("--payload", '{"to": 7}', "--priority", "10", "--delay", "1h", "--timeout", "5s"),
        *("--max-retry", "2", "--unique-key", "to-7"),
    )
    grouped = rediq("task", "enqueue", "mail:send", "--queue", "mail", "--group", "7", "-o", "ids")

    assert isinstance(ended.json, dict)
    task = desk.admin.task(ended.json["id"])
    assert (task.state, task.payload, task.priority) == (TaskState.DELAYED, {"to": 7}, 10)
    assert (task.timeout_ms, task.max_retry, task.unique_key) == (5_000, 2, "to-7")
    assert ended.json == {"id": task.id, "queue": "mail", "type": "mail:send", "is_new": True}
    assert desk.admin.task(grouped.out.strip()).group == "7"


def test_enqueue_at_an_instant_without_a_zone_is_local_time(rediq: Rediq, desk: Desk) -> None:
    there = rediq("task", "enqueue", "a", "--queue", "q", "--at", "2100-01-01T00:00Z", "-o", "ids")

    assert desk.admin.task(there.out.strip()).due_ms == 4_102_444_800_000
    assert rediq("task", "enqueue", "a", "--queue", "q", "--at", "tomorrow").code == 2


@pytest.mark.parametrize("source", ["stdin", "file"])
def test_enqueue_reads_its_payload_from_elsewhere(
    source: str, rediq: Rediq, desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "payload.json").write_text('{"to": "é"}')
    given = "-" if source == "stdin" else f"@{tmp_path}/payload.json"

    ended = rediq(
        *("task", "enqueue", "mail", "--queue", "mail", "--payload", given, "-o", "ids"),
        stdin='{"to": "é"}',
    )

    assert desk.admin.task(ended.out.strip()).payload == {"to": "é"}


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (["--payload", "{to: 7}"], "E005 --payload is not JSON.\n"),
        (["--payload", "@/nowhere/x.json"], "E005 cannot read /nowhere/x.json.\n"),
        (["--payload", "NaN"], "E002 "),
        (["--priority", "101"], "E005 priority 101 is not"),
        (["--delay", "soon"], "E005 delay 'soon' is not a duration.\n"),
        (["--on-duplicate", "ignore"], "E005 invalid value for '--on-duplicate'"),
    ],
)
def test_enqueue_refuses_what_cannot_be(
    words: list[str], err: str, rediq: Rediq, desk: Desk
) -> None:
    ended = rediq("task", "enqueue", "mail", "--queue", "mail", *words)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(err)
    assert "mail" not in desk.admin.queue_names()


def test_enqueue_goes_where_live_workers_take_the_type(rediq: Rediq, desk: Desk) -> None:
    desk.announce(worker_row(queues=("orders",), types=("order:payment",)))

    announced = rediq("task", "enqueue", "order:payment", "--json")
    unknown = rediq("task", "enqueue", "mail:send", "--json")

    assert isinstance(announced.json, dict)
    assert isinstance(unknown.json, dict)
    assert announced.json["queue"] == "orders"
    assert announced.err == "Queue orders: live workers take this type from it.\n"
    assert unknown.json["queue"] == "default"
    assert unknown.err == (
        "Queue default: no live worker knows this type, and no --queue was given.\n"
    )


def test_a_taken_unique_key_is_refused_or_named(rediq: Rediq, desk: Desk) -> None:
    words = ("task", "enqueue", "mail", "--queue", "mail", "--unique-key", "k")
    first = rediq(*words, "-o", "ids").out.strip()

    refused = rediq(*words)
    returned = rediq(*words, "--on-duplicate", "return")
    replaced = rediq(*words, "--on-duplicate", "replace", "-o", "ids").out.strip()

    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("E009 ")
    assert returned.out == f"already there: {first} in mail\n"
    assert (state_of(desk, first), state_of(desk, replaced)) == ("cancelled", "pending")


# Acting on tasks.


def test_one_named_task_is_acted_on_without_a_question(
    rediq: Rediq, desk: Desk, stable: Stable
) -> None:
    (task_id,) = desk.dead("mail", 1)

    ended = rediq("task", "retry", task_id)

    assert (ended.code, stable(ended.out)) == (0, "retried 1 task of ID1\n")
    assert state_of(desk, task_id) is TaskState.PENDING


def test_a_selection_asks_unless_yes_is_said(rediq: Rediq, desk: Desk, stable: Stable) -> None:
    ids = desk.dead("mail", 3)

    refused = rediq("task", "retry", "dead:mail")
    unchanged = [state_of(desk, task_id) for task_id in ids]
    done = rediq("task", "retry", "dead:mail", "--yes")

    assert (refused.code, refused.out, unchanged) == (5, "", [TaskState.DEAD] * 3)
    assert stable(refused.err) == (
        "  ID1  mail\n  ID2  mail\n  ID3  mail\n"
        "E016 not confirmed: retry 3 tasks of dead:mail?\n"
        "     There is no terminal to ask on.\n"
        "     To go on: rediq task retry dead:mail --yes\n"
    )
    assert (done.code, done.out) == (0, "retried 3 tasks of dead:mail\n")
    assert desk.admin.queue("mail").pending == 3


def test_terms_narrow_what_is_acted_on(rediq: Rediq, desk: Desk) -> None:
    ids = desk.dead("mail", 4)

    ended = rediq("task", "retry", "dead:mail", "payload.n:2", "--yes", "-o", "ids")

    assert ended.out == f"{ids[2]}\n"
    assert desk.admin.queue("mail").counts[TaskState.DEAD] == 3


def test_a_queue_without_a_state_is_refused_with_its_counts(rediq: Rediq, desk: Desk) -> None:
    desk.dead("mail", 2)
    desk.pending("mail", 1)

    ended = rediq("task", "retry", "mail", "--yes")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "E005 retry needs a state, and mail is a whole queue.\n"
        "     It has 1 pending, 2 dead.\n"
        "     Name one: rediq task retry dead:mail     Or all that it takes: all:mail\n"
    )


def test_all_of_a_queue_means_what_the_verb_takes(rediq: Rediq, desk: Desk) -> None:
    desk.dead("mail", 2)
    desk.pending("mail", 1)

    report = rediq("task", "retry", "all:mail", "--dry-run", "--json").json

    assert isinstance(report, dict)
    assert (report["tasks"], report["by_state"]) == (2, {"dead": 2})


def test_nothing_to_do_is_no_failure(rediq: Rediq, desk: Desk) -> None:
    desk.pending("mail", 1)

    ended = rediq("task", "retry", "dead:mail")

    assert (ended.code, ended.out) == (0, "retried 0 tasks of dead:mail\n")


@pytest.mark.parametrize(
    ("verb", "state", "next_step"),
    [
        ("retry", "active", "It is running. To stop it: rediq task cancel"),
        ("delete", "active", "Cancel it first: rediq task cancel"),
        ("cancel", "dead", "It will not run by itself. To remove it: rediq task delete"),
        ("run", "dead", "To run it again with fresh attempts: rediq task retry"),
    ],
)
def test_a_wrong_state_names_the_right_verb(
    verb: str, state: str, next_step: str, rediq: Rediq, desk: Desk
) -> None:
    if state == "active":
        task_id = desk.active("mail", 1)[0].id
    else:
        (task_id,) = desk.dead("mail", 1)

    ended = rediq("task", verb, task_id)

    assert ended.code == 1
    assert f"E012 task {task_id} is {state}, so it was not" in ended.err
    assert f"{next_step} {task_id}\n" in ended.err
    assert state_of(desk, task_id) == state


def test_cancel_takes_waiting_work_and_asks_running_work(
    rediq: Rediq, desk: Desk, stable: Stable
) -> None:
    (running,) = desk.active("mail", 1)
    (waiting,) = desk.pending("mail", 1)

    ended = rediq("task", "cancel", running.id, waiting)

    assert ended.code == 0
    assert stable(ended.out) == "cancelled 1 task of ID1 ID2, asked 1 running task to stop\n"
    assert state_of(desk, waiting) is TaskState.CANCELLED
    assert "@" in desk.admin.task(running.id).cancel_note


def test_some_named_tasks_that_could_not_be_done_exit_1(rediq: Rediq, desk: Desk) -> None:
    (dead,) = desk.dead("mail", 1)
    (pending,) = desk.pending("mail", 1)

    ended = rediq("task", "retry", dead, pending, NOBODY, "--json")

    report = ended.json
    assert isinstance(report, dict)
    assert ended.code == 1
    assert report["moved"] == [dead]
    assert report["skipped"] == {pending: "pending", NOBODY: "unknown"}


def test_delete_and_restore_bring_back_what_was(rediq: Rediq, desk: Desk, stable: Stable) -> None:
    ids = desk.dead("mail", 2)

    deleted = rediq("task", "delete", *ids)
    in_trash = [state_of(desk, task_id) for task_id in ids]
    restored = rediq("task", "restore", "trash:mail", "--yes")

    assert stable(deleted.out) == (
        "deleted 2 tasks of ID1 ID2; in trash for 24 h, take back: rediq undo OPERATION\n"
    )
    assert in_trash == [TaskState.TRASH] * 2
    assert restored.out == "restored 2 tasks of trash:mail\n"
    assert [state_of(desk, task_id) for task_id in ids] == [TaskState.DEAD] * 2


def test_delete_hard_needs_the_typed_name(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.dead("mail", 1)

    assert rediq("task", "rm", "dead:mail", "--hard").code == 5
    assert rediq("task", "rm", "dead:mail", "--hard", "--confirm", "mail").code == 0
    assert rediq("task", "inspect", task_id).code == 3


def test_run_makes_tasks_due_now(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.retry("mail", 1)

    assert rediq("task", "run", task_id).code == 0
    assert (state_of(desk, task_id), desk.admin.task(task_id).attempts) == (TaskState.PENDING, 1)


def test_ids_from_stdin_are_acted_on(rediq: Rediq, desk: Desk) -> None:
    ids = desk.dead("mail", 3)

    ended = rediq("task", "retry", "-", "-o", "ids", stdin="\n".join(ids[:2]))

    assert sorted(ended.out.split()) == sorted(ids[:2])
    assert rediq("task", "retry", "-", stdin="").code == 2


def test_the_reason_is_kept_with_the_task(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.dead("mail", 1)

    rediq("task", "retry", task_id, "--reason", "bank is back")

    assert "bank is back" in desk.admin.task(task_id).timeline[-1].note


def test_a_protected_profile_asks_for_the_name(desk: Desk, rediq: Rediq, tmp_path: Path) -> None:
    desk.dead("mail", 1)
    path = tmp_path / "rediq.toml"
    path.write_text(f'[profiles.prod]\nurl = "{desk.url}"\nprotected = true\n')
    path.chmod(0o600)
    words = ("--profile", "prod", "-c", str(path), "task", "retry", "dead:mail", "--yes")

    refused = rediq(*words)
    done = rediq(*words, "--confirm", "mail")

    assert refused.code == 5
    assert refused.err.rstrip().endswith("--yes --confirm mail")
    assert done.code == 0
    assert desk.admin.select(where("pending:mail")).total == 1


def test_an_own_id_that_is_no_queue_names_its_task(rediq: Rediq, desk: Desk) -> None:
    (task_id,) = desk.pending("mail", 1, id="order-7")

    ended = rediq("task", "cancel", "order-7")

    assert (ended.code, ended.out) == (0, "cancelled 1 task of order-7\n")
    assert state_of(desk, task_id) is TaskState.CANCELLED


@pytest.mark.parametrize(
    "words",
    [
        ["enqueue", "mail", "--queue", "mail"],
        ["retry", "dead:mail", "--yes"],
        ["run", "retry:mail", "--yes"],
        ["cancel", "pending:mail", "--yes"],
        ["delete", "dead:mail"],
        ["restore", "trash:mail", "--yes"],
    ],
)
def test_read_only_changes_nothing(words: list[str], rediq: Rediq, desk: Desk) -> None:
    desk.dead("mail", 1)
    before = desk.everything()

    ended = rediq("task", *words, "--read-only")

    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("E016 ")
    assert desk.everything() == before


def test_output_for_scripts_has_one_line_a_task(rediq: Rediq, desk: Desk) -> None:
    ids = desk.pending("mail", 3)

    lines = rediq("task", "list", "pending:mail", "-o", "jsonl").out.splitlines()

    assert [json.loads(line)["id"] for line in lines] == ids
