"""A recording gives back what was seen, holds no secret, and survives its recorder's death."""

from __future__ import annotations

import gzip
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from rediq_cli.dash import record
from rediq_cli.dash import record_format as form
from rediq_cli.dash.record import Recorder, RecordingSource
from rediq_cli.dash.record_format import LAST_MS
from rediq_cli.dash.recording import Recording
from rediq_cli.dash.replay import Player, ReplaySource, moments
from rediq_cli.dash.replay_app import ReplayDash
from rediq_cli.dash.source import PARTS, RedisSource
from rediq_cli.dash.view_model import (
    Charts,
    Demand,
    QueueRow,
    Series,
    Server,
    Snapshot,
    TaskDetail,
    TaskList,
    ViewName,
)
from rediq_core.admin.meter import Meter
from rediq_core.errors import InvalidOption, RedisUnavailable
from rediq_core.model.state import TaskState
from rediq_core.model.where import parse_where
from tests.dash.fixed import AT_MS, HOSTILE, FixedSource, failure, queue, snapshot, task
from tests.support.clock import ManualClock
from tests.support.desk import Desk, worker_row

DEAD = Demand(ViewName.TASKS, "payment", TaskState.DEAD)


def reading(second: int, pending: int = 5, **changes: object) -> Snapshot:
    """Return what was seen in a second: a queue, a worker, a list and the failures."""
    rows = (QueueRow(queue("payment", pending), "behind", 16, 840.0, (1.0, None), 3),)
    tasks = (task(1), task(2, HOSTILE))
    charts = Charts("5m", done=Series((1.0, 2.0), 2.5), backlog=Series((), float(pending)))
    seen = replace(
        snapshot(*rows),
        at_ms=AT_MS + second * 1_000,
        queues=tuple(
            replace(row, view=replace(row.view, at_ms=AT_MS + second * 1_000)) for row in rows
        ),
        server=Server({"redis_version": "7.2.4", "used_memory": "412"}, 1.25),
        workers=(worker_row(queues=("payment",), running=({"id": "x", "type": "order:pay"},)),),
        charts=charts,
        tasks=TaskList(DEAD, tasks, total=2),
        detail=TaskDetail(tasks[0].id, tasks[0], ("why",), ("link",)),
        extra={ViewName.FAILURES: (failure(),), ViewName.EVENTS: ()},
        demand=DEAD,
    )
    return replace(seen, **changes)  # type: ignore[arg-type]  # fields by name


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT_MS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "night.rec"


@pytest.fixture
def recorder(path: Path, clock: ManualClock) -> Iterator[Recorder]:
    recorder = Recorder(path, label="redis://there:6379/0", profile="prod", clock=clock)
    yield recorder
    recorder.close()


def seen(path: Path, at_ms: int, demand: Demand = DEAD) -> Snapshot:
    recording = Recording(path)
    player = Player(recording.times)
    player.pause_at(at_ms)
    return ReplaySource(recording, player).read(demand)


def test_a_replay_shows_what_was_read(recorder: Recorder, path: Path) -> None:
    wanted = reading(0)
    recorder.write(wanted)
    recorder.close()

    found = seen(path, AT_MS)

    assert (found.queues, found.workers, found.server) == (
        wanted.queues,
        wanted.workers,
        wanted.server,
    )
    assert (found.at_ms, found.attention) == (wanted.at_ms, wanted.attention)
    assert found.charts.done.now == 2.5
    assert found.extra[ViewName.EVENTS] == ()
    assert Recording(path).heading.label == "redis://there:6379/0"


def test_a_replay_shows_each_moment_whichever_way_it_is_reached(
    recorder: Recorder, path: Path, clock: ManualClock
) -> None:
    for second in range(150):  # full readings among them, and a queue that comes and goes
        shown = reading(second, pending=second)
        recorder.write(shown if second % 50 else replace(shown, queues=()))
        clock.advance(1_000)
    recorder.close()
    recording = Recording(path)
    player = Player(recording.times)
    source = ReplaySource(recording, player)

    for second in (149, 0, 75, 76, 74, 100, 50, 149, 1):
        player.pause_at(AT_MS + second * 1_000)
        found = source.read(Demand())
        counts = [row.view.pending for row in found.queues]
        assert (found.at_ms, counts) == (
            AT_MS + second * 1_000,
            [second] if second % 50 else [],
        )


def test_a_recording_is_small_and_only_its_owner_can_read_it(
    recorder: Recorder, path: Path, clock: ManualClock
) -> None:
    rows = tuple(QueueRow(queue(f"queue-{n}", n), "run") for n in range(100))
    for second in range(60):
        recorder.write(replace(reading(second), queues=rows))
        clock.advance(1_000)
    recorder.close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size < 60 * 1_000


def test_no_secret_is_written(recorder: Recorder, path: Path) -> None:
    secret = "hunter2"
    error = f"cannot reach redis://admin:{secret}@there:6379/0"
    leaky = replace(
        task(1, error),
        payload_json=json.dumps({"user": {"password": secret}, "to": 7}).encode(),
        result_json=b'{"token": "hunter2"}',
        extra={"authorization": secret},
    )
    binary = replace(task(2), payload_json=b"\x80\x04hunter2")
    large = replace(task(3), payload_json=json.dumps({"note": secret * 2_000}).encode())
    tasks = (leaky, binary, large)
    recorder.write(
        reading(
            0,
            tasks=TaskList(DEAD, tasks, total=3),
            detail=TaskDetail(leaky.id, leaky),
            extra={ViewName.FAILURES: (failure(f"OSError: {error}"),)},
        )
    )
    recorder.close()

    assert secret not in gzip.decompress(path.read_bytes()).decode()
    found = seen(path, AT_MS)
    assert found.tasks is not None
    assert found.tasks.tasks[0].payload == {"user": {"password": "***"}, "to": 7}
    assert found.tasks.tasks[1].payload == "not recorded: 9B that are no JSON"
    assert found.tasks.tasks[2].payload == "not recorded: 14K"


def test_a_killed_recorder_loses_at_most_the_last_reading(
    recorder: Recorder, path: Path, clock: ManualClock
) -> None:
    sizes = []
    for second in range(90):
        recorder.write(reading(second, pending=second))
        sizes.append(path.stat().st_size)
        clock.advance(1_000)
    whole = path.read_bytes()  # as kill -9 leaves it: never closed

    path.write_bytes(whole)
    assert len(Recording(path).heads) == 90
    path.write_bytes(whole[: sizes[80] + 3])
    cut = Recording(path)
    assert (len(cut.heads), cut.damage) == (81, "it ends in the middle, as after a kill")
    path.write_bytes(whole[: sizes[80]] + b"\xff" * 40 + whole[sizes[81] :])
    damaged = Recording(path)
    assert (65 < len(damaged.heads) <= 81, damaged.damage) == (True, "it is damaged")


def test_a_file_is_never_replaced(path: Path) -> None:
    path.write_text("mine")

    with pytest.raises(InvalidOption, match="exists"):
        Recorder(path)

    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no recording"),
        (b"plain text\n", "no recording"),
        (gzip.compress(b'{"queues": []}\n'), "no recording"),
        (gzip.compress(b'{"rediq_recording": 99, "heading": {}}\n'), "has version 99"),
        (gzip.compress(b'{"rediq_recording": 1, "heading": {}}\n'), "holds no reading"),
        (gzip.compress(b'{"rediq_recording": 1, "heading": {}}\n[{"at_ms": 1e9}]\n'), "no reading"),
        (gzip.compress(b"[" * 200_000 + b"\n"), "no recording"),
    ],
    # What gzip writes holds the time, and every process of a test run must find the same names.
    ids=("empty", "text", "other", "version", "no reading", "half a reading", "deep"),
)
def test_what_is_no_recording_is_refused_in_words(path: Path, content: bytes, told: str) -> None:
    path.write_bytes(content)

    with pytest.raises(InvalidOption, match=told):
        Recording(path)


def hostile_file(path: Path, body: object, at_ms: object = AT_MS) -> None:
    heading = {"rediq_recording": 1, "heading": {"label": HOSTILE, "profile": HOSTILE}}
    head = {"at_ms": at_ms, "figures": [1, 2, 3, 4, 5, 6], "is_full": True}
    lines = json.dumps(heading) + "\n" + json.dumps([head, body]) + "\n"
    path.write_bytes(gzip.compress(lines.replace('"HUGE"', "9" * 4_000).encode()))


BODIES = (
    {"set": {"queue:x": 7}, "del": []},
    {"set": {"queue:x": {"view": {"name": "x", "counts": {"pending": "HUGE"}}}}, "del": []},
    {"set": {"list:payment/dead/up//0": [], "worker:x": None}, "del": [None]},
    {"set": {"info:used_memory": "nan", "rtt_ms": "HUGE"}, "del": []},
    {"set": [], "del": 3},
    7,
)


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_a_hostile_file_breaks_no_reading(path: Path, body: object) -> None:
    hostile_file(path, body)

    for view in ViewName:
        found = seen(path, AT_MS, Demand(view, "payment", TaskState.DEAD, task_id="x"))
        assert found.at_ms == AT_MS


async def test_a_hostile_file_cannot_act_on_a_terminal(path: Path) -> None:
    row = {"name": HOSTILE, "counts": {"pending": "HUGE", "dead": -5}, "oldest_ms": "HUGE"}
    hostile = {"view": row, "word": HOSTILE, "p95_ms": 1e300, "trend": ["HUGE", None]}
    hostile_file(path, {"set": {"queue:x": hostile, "info:redis_version": HOSTILE}, "del": []})

    app = ReplayDash(Recording(path))
    async with app.run_test(size=(120, 35)) as pilot:
        while not app.snapshot.seq:
            await pilot.pause(0.02)
        assert app.snapshot.queues
        for key in "1234567":
            await pilot.press(key)
            assert all(line.isprintable() for line in app.frame().split("\n"))


async def test_the_keys_of_a_replay_step_seek_and_play(recorder: Recorder, path: Path) -> None:
    for second in range(20):
        calm = second < 10
        recorder.write(reading(second, pending=0 if calm else 12))
    recorder.close()
    recording = Recording(path)
    app = ReplayDash(recording)
    assert moments(recording) == [10]

    def at() -> int:
        return recording.at(app.player.ms)

    async with app.run_test(size=(120, 35)) as pilot:
        await pilot.press("right_curly_bracket")
        assert (at(), app.player.is_playing) == (10, False)
        await pilot.press("full_stop", "full_stop", "comma")
        assert at() == 11
        await pilot.press("left_curly_bracket")
        assert at() == 10
        await pilot.press("greater_than_sign", "greater_than_sign")
        assert app.player.speed == 4
        await pilot.press("less_than_sign", "space")
        assert (app.player.speed, app.player.is_playing) == (2, True)
        await pilot.press("space", "colon", *"goto", "space", *_time(recording.times[3]), "enter")
        assert (at(), app.player.is_playing) == (3, False)
        while app.snapshot.at_ms != recording.times[3]:
            await pilot.pause(0.02)
        frame = app.frame()
    assert " REPLAY " in frame
    assert "4/20" in frame


def _time(ms: int) -> list[str]:
    from rediq_cli.dash.widgets.task_text import clock_text

    return ["colon" if sign == ":" else sign for sign in clock_text(ms)]


def test_what_nobody_looked_at_is_said_and_what_is_known_is_found(
    recorder: Recorder, path: Path
) -> None:
    recorder.write(reading(0))
    recorder.close()

    cause = task(1).last_failure
    assert cause is not None
    known = seen(path, AT_MS, Demand(ViewName.TASKS, where=parse_where(["dead:payment"])))
    other = seen(path, AT_MS, Demand(ViewName.TASKS, "email", TaskState.DEAD))
    schedules = seen(path, AT_MS, Demand(ViewName.SCHEDULES))

    assert known.tasks is not None
    assert [found.id for found in known.tasks.tasks] == [task(1).id, task(2).id]
    assert "Not in the recording" in other.problems["tasks"]
    assert "Not in the recording" in schedules.problems["schedules"]


class Away(FixedSource):
    """A source that cannot be read any more after the first time."""

    def read(self, demand: Demand) -> Snapshot:
        if self.readings:
            raise RedisUnavailable("no Redis at there:6379.", cause="Connection refused")
        return super().read(demand)


def test_a_lost_redis_is_part_of_the_recording(recorder: Recorder, path: Path) -> None:
    source = RecordingSource(Away(reading(0)), recorder)
    source.read(DEAD)
    with pytest.raises(RedisUnavailable):
        source.read(DEAD)
    source.close()

    found = seen(path, LAST_MS)

    assert found.trouble is not None
    assert (found.trouble.title, found.trouble.tries) == ("Redis does not answer", 1)
    assert "Connection refused" in found.trouble.reason
    assert [row.name for row in found.queues] == ["payment"]


def test_a_full_disk_ends_the_recording_and_not_the_dashboard(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    source = RecordingSource(FixedSource(reading(0)), recorder)
    source.read(DEAD)
    monkeypatch.setattr(os, "write", full)

    found = source.read(DEAD)

    assert found.problems == {"recording": "recording ended: No space left on device"}
    assert [row.name for row in found.queues] == ["payment"]


def test_what_every_part_reads_can_be_recorded(
    desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.dead("mail", 3)
    desk.pending("mail", 2)
    desk.announce(worker_row())
    monkeypatch.setattr(record, "PART_EVERY_S", 0.0)
    recorder = Recorder(path)
    source = RecordingSource(RedisSource(desk.admin, Meter()), recorder)
    demand = Demand(ViewName.TASKS, "mail", TaskState.DEAD)
    live = [source.read(demand) for _ in range(len(PARTS) + 1)][-1]
    recorder.close()

    found = seen(path, live.at_ms, demand)

    assert set(found.extra) == set(PARTS) == set(form.EXTRAS)
    # One instant for all queues; the server read them within the same millisecond or the next.
    views = [replace(row.view, at_ms=live.at_ms) for row in live.queues]
    assert ([row.view for row in found.queues], found.workers) == (views, live.workers)
    assert live.tasks is not None
    assert found.tasks is not None
    assert found.tasks.tasks == live.tasks.tasks
    assert found.problems == {}


@pytest.fixture
def desk(redis_url: str, redis_client: redis.Redis) -> Iterator[Desk]:
    with Desk(redis_url, redis_client, is_read_only=False) as desk:
        yield desk
