"""pause.lua: who stopped a queue, why and until when, said once and written down."""

from __future__ import annotations

from rediq_core.model.views import Pause
from tests.support.rig import START_MS, Rig


def test_a_pause_says_who_why_and_until_when(rig: Rig) -> None:
    assert rig.pause(by="ada@host", reason="deploy", until_ms=START_MS + 60_000) is False

    assert rig.view().pause == Pause("ada@host", "deploy", START_MS, START_MS + 60_000)


def test_pausing_again_changes_the_reason_and_says_that_it_was_paused(rig: Rig) -> None:
    rig.pause(by="ada@host", reason="deploy")

    assert rig.pause(by="eve@host", reason="incident") is True

    assert rig.view().pause == Pause("eve@host", "incident", START_MS, 0)


def test_resuming_leaves_nothing_of_the_pause(rig: Rig) -> None:
    rig.pause(reason="deploy", until_ms=START_MS + 60_000)

    assert rig.resume() is True

    assert rig.view().pause is None
    assert rig.hash("policy") == {}
    assert rig.resume() is False


def test_a_pause_that_is_over_is_not_shown(rig: Rig) -> None:
    rig.pause(until_ms=START_MS + 1_000)
    rig.advance(1_000)

    assert rig.view().pause is None


def test_both_are_in_the_audit_and_the_events(rig: Rig) -> None:
    rig.pause(by="ada@host", reason="deploy")
    rig.resume(by="eve@host")

    audit = [row for _, row in rig.client.xrange(rig.key("audit"))]
    assert audit == [
        {b"verb": b"pause", b"by": b"ada@host", b"why": b"deploy"},
        {b"verb": b"resume", b"by": b"eve@host", b"why": b""},
    ]
    events = [row[b"kind"] for _, row in rig.client.xrange(rig.key("events"))]
    assert events == [b"pause", b"resume"]
