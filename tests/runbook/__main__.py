"""Let every incident happen and write what was shown into docs/runbook.md."""

from __future__ import annotations

from tests.runbook.incidents import play
from tests.runbook.writing import RUNBOOK, rewritten


def main() -> None:
    shown = {one.name: f"$ rediq {one.line}\n{one.out}" for one in play()}
    RUNBOOK.write_text(rewritten(RUNBOOK.read_text(), shown))


if __name__ == "__main__":
    main()
