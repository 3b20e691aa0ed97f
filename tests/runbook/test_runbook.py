"""Every incident of docs/runbook.md still happens, and its one command still answers it."""

from __future__ import annotations

import re

import pytest

from tests.runbook.incidents import play
from tests.runbook.world import SCREEN
from tests.runbook.writing import RUNBOOK, blocks, rewritten

# What each answer must say, whatever the ids, times and counts of a run are.
ESSENTIAL = {
    "grows": [
        r"no live worker takes queue shipping",
        r"→ rediq worker start -c FILE --queues shipping",
    ],
    "fails": [
        r"\b16 +[0-9a-f]{8} +order:payment +TimeoutError: bank did not answer",
        r"\b12 +[0-9a-f]{8} +order:payment +Permanent: card declined",
    ],
    "order": [
        r"payment +✓ completed +order:payment",
        r"shipping +○ pending +order:shipping",
    ],
    "slowly": [r"(?m)^retried 16 tasks of dead:payment error:TimeoutError$"],
    "undo": [r"restored 12 tasks of flush dead:payment"],
    "died": [r"✗ lost +exports", r"was lost; recovered 2 tasks: 2 pending"],
    "stop": [r"asked 1 running task of \w+ to stop", r"(?m)^ended: 1 cancelled$"],
    "redis": [
        r"answers in \d+\.\d ms",
        r"[\d,]+ ms +EVAL +by \S+ \(nightly-report\.py\), .* ago",
    ],
    "backlog": [r"notifications +● run +[1-9][\d,]+ .* (?:\dm \d+s|\d+s)$"],
    "nightly": [r"✓ completed +cron:nightly:\d+"],
    "waits": [r"waits for task \w+ \(order:export, running, 43 ?%\)", r"→ rediq why \w+"],
    "colleague": [r"grace@\S+ +flush +12 +payment +dead:payment +stuck since Friday"],
}


def missing(name: str, block: str) -> list[str]:
    """Return what an answer does not say."""
    return [pattern for pattern in ESSENTIAL[name] if not re.search(pattern, block, re.MULTILINE)]


def test_the_runbook_shows_an_answer_to_each_of_the_twelve() -> None:
    shown = blocks(RUNBOOK.read_text())

    assert sorted(shown) == sorted(ESSENTIAL)
    assert {name: lines for name, block in shown.items() if (lines := missing(name, block))} == {}
    assert [
        line for block in shown.values() for line in block.splitlines() if len(line) > 100
    ] == []


def test_what_was_shown_again_replaces_what_stood_there() -> None:
    text = "a\n<!-- output: one -->\n\n```console\nold\n```\n\nb\n<!-- output: two -->\nc\n"

    again = rewritten(text, {"one": "new\n", "two": "more\n"})

    assert blocks(again) == {"one": "new\n", "two": "more\n"}
    assert rewritten(again, {"one": "old\n"}).startswith(text[:40])


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_incident_is_answered_by_its_command() -> None:
    shown = list(play())

    assert {one.name for one in shown} == set(ESSENTIAL)
    assert {one.line: said for one in shown if (said := missing(one.name, one.out))} == {}
    widest = max(len(line) for one in shown for line in one.out.splitlines())
    assert widest <= SCREEN[1]
