"""make chaos: one run; the last line says lost, unexplained duplicates, violations."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.nemesis import TOPOLOGIES
from tests.chaos.report import last_line
from tests.chaos.run import DRAIN_S, run


def main() -> int:
    """Run once; 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--topology", choices=TOPOLOGIES, default="standalone")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--faults", help="only these, by commas")
    parser.add_argument("--drain", type=float, default=DRAIN_S, help="seconds, at most")
    parser.add_argument("--forgetful", action="store_true", help="a server that keeps nothing")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rediq-chaos-") as folder:
        ended = run(
            words.topology,
            words.seconds,
            words.seed,
            Path(folder),
            kinds=words.faults.split(",") if words.faults else None,
            drain_s=words.drain,
            is_durable=not words.forgetful,
            tell=lambda line: print(line, flush=True),
        )
    if not ended.verdict.is_good:
        print(ended.history)
        print(f"seed {words.seed}, {words.topology}: again with the same seed, see {ended.path}")
    print(last_line(ended.verdict))
    return 0 if ended.verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
