"""What a configuration says of schedules becomes what is registered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rediq_core.config.loader import load_settings
from rediq_core.errors import ConfigError
from rediq_core.model.schedule import Misfire, Overlap, Source
from rediq_core.model.task import Task
from rediq_core.verbs.schedule import Declaration, declare
from rediq_core.worker.declared import declared_schedules, revision

MINUTE = "[schedules.tick]\ntype = 'tick'\ncron = '* * * * *'\n"


def declared(folder: Path, text: str) -> tuple[Declaration, ...]:
    path = folder / "rediq.toml"
    path.write_text(text)
    settings = load_settings(path, {}, {}, None).settings
    return declared_schedules(settings.schedules, path, settings.worker.config_rev)


def test_every_option_of_the_file_is_in_the_schedule(tmp_path: Path) -> None:
    (found,) = declared(
        tmp_path,
        MINUTE + "queue = 'q'\ntimezone = 'Europe/Vienna'\npayload = { n = 1 }\npriority = 7\n"
        "misfire = 'skip'\noverlap = 'allow'\njitter = '30s'\nmax_retry = 2\ntimeout = '1m'\n"
        "backoff = ['1s']\nexpires_in = '5m'\nkeep = '7d'\n",
    )

    task: Task[object] = Task(
        *("tick", {"n": 1}),
        queue="q",
        priority=7,
        max_retry=2,
        timeout="1m",
        backoff=["1s"],
        expires_in="5m",
        keep="7d",
    )
    schedule = found.schedule
    assert (schedule.name, schedule.cron, schedule.timezone) == (
        *("tick", "* * * * *", "Europe/Vienna"),
    )
    assert (schedule.misfire, schedule.overlap) == (Misfire.SKIP, Overlap.ALLOW)
    assert schedule.jitter_ms == 30_000
    assert (found.source, found.by) == (Source.CONFIG, "")
    assert found.task == declare(type(schedule)("tick", "* * * * *", task)).task


def test_without_options_it_has_those_of_any_schedule(tmp_path: Path) -> None:
    (found,) = declared(tmp_path, MINUTE)

    by_api = declare(type(found.schedule)("tick", "* * * * *", Task("tick")))
    assert (found.json, found.task) == (by_api.json, by_api.task)


def test_the_revision_is_when_the_file_last_changed(tmp_path: Path) -> None:
    declared(tmp_path, MINUTE)
    os.utime(tmp_path / "rediq.toml", ns=(0, 1_800_000_000_123_000_000))

    assert revision(tmp_path / "rediq.toml", None) == 1_800_000_000_123


def test_a_revision_that_is_given_is_above_every_time(tmp_path: Path) -> None:
    (found,) = declared(tmp_path, "[worker]\nconfig_rev = 3\n" + MINUTE)

    assert found.rev == revision(None, 3) > 9_999_999_999_999
    assert revision(None, 3) < revision(None, 4)
    assert revision(None, None) == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cron = '0 0 30 2 *'", "never fires"),
        ("cron = '60 * * * *'", "cannot be read"),
        ("cron = '* * * * *'\nunknown = 1", "unknown"),
        ("cron = '* * * * *'\njitter = 'long'", "long"),
    ],
)
def test_what_cannot_be_is_refused_when_the_file_is_read(
    tmp_path: Path, line: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        declared(tmp_path, f"[schedules.tick]\ntype = 'tick'\n{line}\n")

    assert words in str(refused.value)


def test_a_payload_that_is_too_large_names_its_schedule(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[schedules.tick\] cannot be"):
        declared(tmp_path, MINUTE + f"payload = '{'x' * 600_000}'\n")
