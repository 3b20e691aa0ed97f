"""Workers as they announce themselves, as they are lost, and what they can be told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rediq_core.admin import LOST, Do, connect
from rediq_core.errors import InvalidOption, Refused, WorkerNotFound
from rediq_core.keys import global_key
from rediq_core.scripts.call import Space
from rediq_core.verbs.presence import (
    Order,
    give_orders,
    note_beside,
    orders_key,
    parse_order,
    withdraw_commands,
)
from tests.support.desk import NAMESPACE, Desk, worker_row

DAY_MS = 86_400_000


def orders_of(desk: Desk, supervisor: str) -> list[Order | None]:
    return [
        parse_order(line) for line in desk.client.lrange(orders_key(NAMESPACE, supervisor), 0, -1)
    ]


def run(desk: Desk, commands: list[tuple[bytes | str | float, ...]]) -> None:
    for command in commands:
        desk.client.execute_command(*command)


def test_a_worker_reads_as_it_announced_itself(desk: Desk) -> None:
    row = worker_row(
        queues=("mail", "sms"),
        types=("mail:send", "sms:send"),
        rss_bytes=12_345,
        loop_lag_ms=3,
        version="1.2.3",
        running=({"id": "x", "queue": "mail", "type": "t", "running_ms": 5, "token": "w#1:2"},),
        note="hello",
    )
    desk.announce(row)

    (worker,) = desk.admin.workers()

    assert replace(worker, beat_ms=0, beat_age_ms=0) == row
    assert 0 <= worker.beat_age_ms < 5_000


def test_announcing_again_replaces_the_row(desk: Desk) -> None:
    desk.announce(worker_row(busy=1), age_ms=9_000)
    desk.announce(worker_row(busy=2))

    assert [(worker.busy, worker.state) for worker in desk.admin.workers()] == [(2, "running")]


def test_the_latest_beat_comes_first(desk: Desk) -> None:
    desk.announce(worker_row("old"), age_ms=9_000)
    desk.announce(worker_row("new"))

    assert [worker.id for worker in desk.admin.workers()] == ["new", "old"]


@pytest.mark.parametrize(("age_ms", "state"), [(14_000, "running"), (15_500, LOST)])
def test_three_missed_beats_make_a_worker_lost(desk: Desk, age_ms: int, state: str) -> None:
    desk.announce(worker_row(), age_ms=age_ms)

    assert desk.admin.worker("w-1-a").state == state


def test_a_worker_that_stopped_is_not_lost(desk: Desk) -> None:
    desk.announce(worker_row(state="stopped"), age_ms=60_000)

    assert desk.admin.worker("w-1-a").state == "stopped"


def test_a_lost_worker_is_shown_for_a_day_with_what_was_recovered(desk: Desk) -> None:
    desk.announce(worker_row("yesterday"), age_ms=DAY_MS + 1_000)
    desk.announce(worker_row("today"), age_ms=DAY_MS - 60_000)
    desk.send(note_beside(Space(NAMESPACE), "today", "3 tasks went back to mail"))

    shown = [(worker.id, worker.state, worker.note) for worker in desk.admin.workers()]

    assert shown == [("today", LOST, "3 tasks went back to mail")]


def test_beats_and_rows_end_by_themselves(desk: Desk) -> None:
    desk.announce(worker_row("yesterday"), age_ms=DAY_MS + 1_000)
    desk.announce(worker_row("now"))

    assert desk.client.zrange(global_key(NAMESPACE, "workers"), 0, -1) == [b"now"]
    assert 89_000 < desk.client.ttl(global_key(NAMESPACE, "worker", "now")) <= 90_000


def test_a_note_never_makes_a_row_that_stays_for_ever(desk: Desk) -> None:
    desk.send(note_beside(Space(NAMESPACE), "gone", "x"))

    assert desk.client.ttl(global_key(NAMESPACE, "worker", "gone")) > 0


def test_a_withdrawn_worker_is_gone(desk: Desk) -> None:
    desk.announce(worker_row())
    run(desk, withdraw_commands(NAMESPACE, "w-1-a"))

    assert desk.admin.workers() == []
    assert desk.client.keys() == []


def test_a_beat_whose_row_expired_is_left_out(desk: Desk) -> None:
    desk.announce(worker_row())
    desk.client.delete(global_key(NAMESPACE, "worker", "w-1-a"))

    assert desk.admin.workers() == []


@pytest.mark.parametrize(
    "scrap", [b"", b"\xff\xfe", b"[[[", b"7", b'{"a":1}', b"[1,null]", b"1e999"]
)
def test_a_damaged_row_is_read_as_far_as_it_can_be(desk: Desk, scrap: bytes) -> None:
    desk.announce(worker_row())
    fields = ("pid", "queues", "types", "running", "busy", "rss_bytes", "state", "supervisor")
    desk.client.hset(global_key(NAMESPACE, "worker", "w-1-a"), mapping=dict.fromkeys(fields, scrap))

    (worker,) = desk.admin.workers()

    assert (worker.id, worker.host, worker.processed) == ("w-1-a", "w", 7)
    assert worker.running == ()
    assert all(isinstance(queue, str) for queue in worker.queues)
    assert isinstance(worker.busy, int)


def test_a_part_of_an_id_that_only_one_worker_has_stands_for_it(desk: Desk) -> None:
    desk.announce(worker_row("host-1-aaaa"))
    desk.announce(worker_row("host-2-bbbb"))

    assert desk.admin.worker("bbbb").id == "host-2-bbbb"


def test_a_whole_id_wins_over_the_part_of_another(desk: Desk) -> None:
    desk.announce(worker_row("host-1"))
    desk.announce(worker_row("host-12"))

    assert desk.admin.worker("host-1").id == "host-1"


def test_a_part_that_several_workers_have_is_refused(desk: Desk) -> None:
    desk.announce(worker_row("host-1-aaaa"), age_ms=1_000)
    desk.announce(worker_row("host-2-bbbb"))

    with pytest.raises(InvalidOption) as caught:
        desk.admin.worker("host")

    assert caught.value.message == "'host' stands for 2 workers."
    assert caught.value.cause == "Among them host-2-bbbb, host-1-aaaa."


@pytest.mark.parametrize("name", ["", "w-1-b"])
def test_an_unknown_worker_is_an_error(desk: Desk, name: str) -> None:
    with pytest.raises(WorkerNotFound):
        desk.admin.worker(name)


def test_an_unknown_worker_is_guessed_at(desk: Desk) -> None:
    desk.announce(worker_row("host-1-aaaa"))

    with pytest.raises(WorkerNotFound) as caught:
        desk.admin.worker("host-1-aaba")

    assert caught.value.next_step == "Did you mean host-1-aaaa?"


@pytest.mark.parametrize("do", ["pause", "resume", "stop"])
def test_an_order_lies_before_the_workers_supervisor(desk: Desk, do: str) -> None:
    desk.announce(worker_row(supervisor="boss"))

    worker = desk.admin.tell_worker("w-1-a", do)

    (order,) = orders_of(desk, "boss")
    assert worker.id == "w-1-a"
    assert order is not None
    assert replace(order, at_ms=0) == Order(Do(do), "w-1-a", 0)
    assert abs(order.at_ms - desk.server_ms()) < 5_000


def test_an_order_that_nobody_takes_ends_after_a_minute(desk: Desk) -> None:
    desk.announce(worker_row(supervisor="boss"))

    desk.admin.tell_worker("w-1-a", "stop")

    assert 55 < desk.client.ttl(orders_key(NAMESPACE, "boss")) <= 60


def test_a_lost_worker_cannot_be_told_anything(desk: Desk) -> None:
    desk.announce(worker_row(supervisor="boss"), age_ms=60_000)

    with pytest.raises(InvalidOption, match=r"Worker w-1-a is lost, so it cannot be told to pause"):
        desk.admin.tell_worker("w-1-a", "pause")

    assert orders_of(desk, "boss") == []


def test_a_read_only_admin_tells_workers_nothing(desk: Desk) -> None:
    desk.announce(worker_row(supervisor="boss"))

    with (
        connect(desk.url, namespace=NAMESPACE, is_read_only=True) as admin,
        pytest.raises(Refused, match="did not stop worker w-1-a"),
    ):
        admin.tell_worker("w-1-a", "stop")

    assert orders_of(desk, "boss") == []


def test_an_order_reads_as_it_was_written(desk: Desk) -> None:
    orders = [
        Order(Do.CANCEL, "w", 5, queue="mail", task="x", is_forced=True),
        Order(Do.PAUSE, "w", 6),
    ]
    desk.send(give_orders(Space(NAMESPACE), "boss", orders))

    assert orders_of(desk, "boss") == orders


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"[" * 200_000,
        b"[]",
        b"7",
        b"{}",
        b'{"do":"dance","worker":"w"}',
        b'{"do":"stop"}',
    ],
)
def test_an_order_that_nobody_here_wrote_is_none(line: bytes) -> None:
    assert parse_order(line) is None
