"""How a checkup looks: a line a finding, its advice under it, and what is left at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from rediq_cli.output.humanise import count
from rediq_cli.output.json import Json, iso
from rediq_cli.output.neutralise import safe
from rediq_cli.output.terminal import Terminal
from rediq_cli.output.width import pad
from rediq_core.admin import Checkup, Finding, Level

# level → symbol, symbol for a screen without Unicode, colour
_LOOKS: dict[Level, tuple[str, str, str]] = {
    Level.OK: ("✓", "+", "green"),
    Level.ADVICE: ("!", "!", "yellow"),
    Level.FAULT: ("✗", "x", "red"),
}

# Sound queues that have a line each; more share one.
SHOWN_SOUND = 10


def doctor_page(checkup: Checkup, terminal: Terminal) -> Iterator[str]:
    """Yield the report, neutralised, without newlines."""
    width = max(len(finding.check) for finding in checkup.findings)
    for finding in _gathered(checkup.findings):
        yield f"{_mark(finding, terminal)} {pad(finding.check, width)}  {_text(finding)}"
        if finding.next_step and finding.level is not Level.OK and not finding.is_fixed:
            arrow = terminal.paint(terminal.glyph("→", "->"), "dim")
            yield f"  {'':<{width}}  {arrow} {safe(finding.next_step)}"
    yield ""
    yield verdict(checkup)


def _gathered(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the findings, those of many sound queues as one: a hundred lines hide what is wrong."""
    for is_sound, group in groupby(findings, key=_is_sound_queue):
        together = list(group)
        if not is_sound or len(together) <= SHOWN_SOUND:
            yield from together
            continue
        rows = sum(finding.count for finding in together)
        text = f"{len(together):,} queues: {rows:,} rows, every id in exactly one state"
        yield replace(together[0], text=text, queue="", count=rows)


def _is_sound_queue(finding: Finding) -> bool:
    return finding.check == "content" and finding.level is Level.OK


def verdict(checkup: Checkup) -> str:
    """Return the last line: what is left, and what was repaired."""
    advice = sum(finding.level is Level.ADVICE for finding in checkup.findings)
    parts = [f"{count(len(checkup.left), 'fault')} left"]
    parts += [f"{len(checkup.fixed)} repaired"] if checkup.fixed else []
    parts += [f"{advice} to think about"] if advice else []
    looked = f"{count(checkup.queues, 'queue')} and {count(checkup.members, 'row')} looked at"
    return f"{', '.join(parts)}; {looked}"


def _mark(finding: Finding, terminal: Terminal) -> str:
    symbol, plain, style = _LOOKS[Level.OK if finding.is_fixed else finding.level]
    return terminal.paint(terminal.glyph(symbol, plain), style)


def _text(finding: Finding) -> str:
    samples = f" ({', '.join(finding.samples)})" if _has_samples(finding) else ""
    done = ": repaired" if finding.is_fixed else ""
    return safe(f"{finding.text}{samples}{done}")


def _has_samples(finding: Finding) -> bool:
    return bool(finding.samples) and not any(name in finding.text for name in finding.samples)


def doctor_record(checkup: Checkup) -> Json:
    """Return a checkup as an object."""
    return {
        "at": iso(checkup.at_ms),
        "queues": checkup.queues,
        "rows": checkup.members,
        "left": len(checkup.left),
        "fixed": len(checkup.fixed),
        "findings": [finding_record(finding) for finding in checkup.findings],
    }


def finding_record(finding: Finding) -> Json:
    """Return a finding as an object."""
    return {
        "check": finding.check,
        "level": finding.level.value,
        "text": finding.text,
        "next_step": finding.next_step or None,
        "queue": finding.queue or None,
        "count": finding.count,
        "samples": list(finding.samples),
        "fixable": finding.is_fixable,
        "fixed": finding.is_fixed,
    }
