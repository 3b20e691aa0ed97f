"""The command line: `setup`, `list`, `run`, `report`."""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks.peers.cases import CASES, Limits
from benchmarks.peers.environments import setup
from benchmarks.peers.report import markdown
from benchmarks.peers.roster import BY_NAME, PEERS, Peer
from benchmarks.peers.rounds import run
from benchmarks.peers.targets import verdicts


def _parser() -> argparse.ArgumentParser:
    """All options with their defaults."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, help_text in (
        ("setup", "make the peers' environments"),
        ("list", "say who can take part here"),
    ):
        _add_peers(verbs.add_parser(verb, help=help_text))
    _add_run(verbs.add_parser("run", help="measure, print and write the results"))
    report = verbs.add_parser("report", help="print the tables of an earlier run again")
    report.add_argument("file", type=Path)
    return parser


def _add_peers(parser: argparse.ArgumentParser) -> None:
    """The option that three verbs share."""
    parser.add_argument(
        "--peers", type=_peers, default=list(PEERS), help="comma-separated; default: all"
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    """What to measure, how long, and where the results go."""
    _add_peers(parser)
    add = parser.add_argument
    defaults = Limits()
    add("--cases", type=_cases, default=list(CASES), help=f"of {','.join(CASES)}; default: all")
    add("--rounds", type=int, default=3)
    add("--kill-rounds", type=int, default=1, help="rounds of kill and killchild")
    add("--out", type=Path, default=Path("benchmarks/peers/results/latest.json"))
    add("--server", help="server program; default: REDIQ_SERVER_BIN, then PATH")
    add("--seconds", type=float, default=defaults.seconds, help="about, per throughput case")
    add("--tasks", type=int, help="task count of every throughput case instead")
    add("--timeout", type=float, default=defaults.timeout_s, help="most one wait may last, s")
    add("--idle-seconds", type=float, default=defaults.idle_s)
    add("--samples", type=int, default=defaults.samples, help="of the latency case")
    add("--memory-tasks", type=int, default=defaults.memory_tasks)
    add("--kill-wait", type=float, default=defaults.kill_wait_s, help="seconds")


def _peers(text: str) -> list[Peer]:
    """Peers by name, in the order given."""
    unknown = [name for name in text.split(",") if name not in BY_NAME]
    if unknown:
        raise argparse.ArgumentTypeError(f"no peer {unknown[0]!r}; known: {', '.join(BY_NAME)}")
    return [BY_NAME[name] for name in text.split(",")]


def _cases(text: str) -> list[str]:
    """Case names, in the order given."""
    unknown = [name for name in text.split(",") if name not in CASES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no case {unknown[0]!r}; known: {', '.join(CASES)}")
    return text.split(",")


def _run(arguments: argparse.Namespace) -> int:
    """Measure, then write JSON and Markdown beside each other and print the Markdown."""
    limits = Limits(
        seconds=arguments.seconds,
        tasks=arguments.tasks,
        timeout_s=arguments.timeout,
        idle_s=arguments.idle_seconds,
        samples=arguments.samples,
        memory_tasks=arguments.memory_tasks,
        kill_wait_s=arguments.kill_wait,
    )
    results = run(
        arguments.peers,
        arguments.cases,
        rounds=arguments.rounds,
        kill_rounds=arguments.kill_rounds,
        limits=limits,
        out=arguments.out,
        server_binary=arguments.server,
    )
    text = _text(results)
    arguments.out.with_suffix(".md").write_text(text)
    print(text)
    failed = any(row["status"] == "failed" for row in results["rows"])
    absent = any(peer["unavailable"] for peer in results["peers"].values())
    return 1 if failed or absent else 0


def _text(results: dict[str, Any]) -> str:
    """The report; ratios are Rediq's, or the first peer's when Rediq did not take part."""
    present = [name for name, peer in results["peers"].items() if not peer["unavailable"]]
    subject = "rediq" if "rediq" in present else next(iter(present), "rediq")
    return "\n\n".join(
        part for part in (markdown(results, subject=subject), verdicts(results)) if part
    )


def main() -> int:
    """Run one verb; returns the exit code, 1 if anything failed or is missing."""
    # SIGTERM would leave workers and server behind; this way the with-blocks end them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = _parser().parse_args()
    match arguments.verb:
        case "setup":
            return 1 if setup(arguments.peers) else 0
        case "list":
            for peer in arguments.peers:
                print(f"{peer.name:<12} {peer.why_unavailable() or 'ready'}")
            return 0
        case "run":
            return _run(arguments)
        case _:
            print(_text(json.loads(arguments.file.read_text())))
            return 0


if __name__ == "__main__":
    sys.exit(main())
