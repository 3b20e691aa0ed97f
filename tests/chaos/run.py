"""One run: start everything, let the nemesis loose, heal, drain, judge."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rediq_core.keys import queue_key
from rediq_core.model.views import TaskView
from rediq_core.scripts.call import Space
from rediq_core.verbs.inspect import read_tasks
from tests.chaos import report
from tests.chaos.judge import FINAL, Asked, Verdict, forgotten, judge, read_asked
from tests.chaos.nemesis import Nemesis
from tests.chaos.sampler import Sampler
from tests.chaos.scene import NAMESPACE, QUEUES, Scene, open_scene
from tests.support.waiting import wait_until

# After the last fault: every lease has run out, every retry is due, every sweep has been.
DRAIN_S = 90.0
READY_S = 60.0
_PAGE = 100
# Keys that are empty once everything has finished.
_SPENT = ("claims", "active", "leases", "outbox", "early", "progress", "cancels", "unique")


class Ended(NamedTuple):
    """A judged run."""

    verdict: Verdict
    history: str
    path: Path
    seconds: float


def run(
    topology: str,
    seconds: float,
    seed: str,
    folder: Path,
    *,
    kinds: list[str] | None = None,
    drain_s: float = DRAIN_S,
    is_durable: bool = True,
    tell: Callable[[str], None] = print,
) -> Ended:
    """Run chaos for so long and judge it.

    Args:
        topology: standalone, sentinel or cluster.
        seconds: How long faults are done; starting and draining come on top.
        seed: Decides faults and orders.
        folder: For configuration and logs.
        kinds: Only these faults; all by default.
        drain_s: How long what was acknowledged has to finish, after the last fault.
        is_durable: Whether the server keeps what it acknowledged.
        tell: Takes lines of progress.
    """
    began = time.monotonic()
    with open_scene(topology, folder, is_durable=is_durable) as scene:
        scene.start(seed)
        wait_until(lambda: len(scene.ledger) > 100, f"tasks run\n{scene.log_tail()}", READY_S)
        sampler, nemesis = Sampler(scene), Nemesis(scene, seed, kinds)
        sampler.start()

        def progress(line: str) -> None:
            tell(f"{time.monotonic() - began:6.1f} s  {line}; {len(scene.ledger)} rows")

        progress(f"{topology}, seed {seed}")
        nemesis.run(seconds, progress)
        _stop_producers(scene)
        _drain(scene, drain_s, progress)
        codes = _stop_workers(scene)
        sampler.stop()
        for queue in QUEUES:
            sampler.look(queue)
        rows = scene.ledger.read()
        tasks = read_asked(rows)
        views = _read(scene, tasks)
        verdict = judge(tasks, nemesis.faults, views)
        verdict.violations += [(f"{said} ({n}×)", "") for said, n in sampler.violations.items()]
        verdict.violations += [(said, "") for said in _left_over(scene)]
        if topology == "standalone" and is_durable:
            verdict.violations += forgotten(views)
        verdict.violations += [(f"a worker ended with {code}", "") for code in codes if code]
        history = report.histories(verdict, rows, nemesis.faults, views)
        if history:
            history += f"\n{scene.log_tail()}"
        path = report.write_report(
            topology, seconds, seed, verdict, nemesis.faults, sampler.samples
        )
        numbers = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in verdict.numbers.items())
        progress(f"{len(nemesis.faults)} faults, {sampler.samples} samples, {numbers}")
    return Ended(verdict, history, path, time.monotonic() - began)


def _stop_producers(scene: Scene) -> None:
    for producer in scene.producers:
        assert producer.poll() is None, f"a producer ended by itself\n{scene.log_tail()}"
        producer.send_signal(signal.SIGTERM)
    for producer in scene.producers:
        producer.wait(READY_S)


def _drain(scene: Scene, seconds: float, progress: Callable[[str], None]) -> None:
    """Wait until all has finished and been swept, or as long as anything could take."""
    tasks = {
        task_id: task
        for task_id, task in read_asked(scene.ledger.read()).items()
        if task.answer == "ack"
    }
    until = time.monotonic() + seconds
    left = tasks
    while left and time.monotonic() < until:
        views = _read(scene, left)
        left = {
            task_id: task
            for task_id, task in left.items()
            if (view := views[task_id]) is None or view.state not in FINAL
        }
        time.sleep(0.2)
        if all(views[task_id] is None for task_id in left):
            break  # what no server knows will not come
    # A sweep a minute tells what a failover made forget, and takes back what lies under no lease.
    while _left_over(scene) and time.monotonic() < until:
        time.sleep(0.2)
    progress(f"drained, {len(left)} left")


def _stop_workers(scene: Scene) -> list[int]:
    for worker in scene.workers:
        worker.process.send_signal(signal.SIGTERM)
    return [worker.process.wait(READY_S) for worker in scene.workers]


def _read(scene: Scene, tasks: dict[str, Asked]) -> dict[str, TaskView | None]:
    """Read tasks where they live, a page a call."""
    space = Space(NAMESPACE)
    views: dict[str, TaskView | None] = {}
    for queue in QUEUES:
        ids = [task.id for task in tasks.values() if task.said["queue"] == queue]
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            found = scene.executor.run(read_tasks(space, queue, page), deadline_s=20.0)
            views.update(zip(page, found, strict=True))
    return views


def _left_over(scene: Scene) -> list[str]:
    found = []
    for queue in QUEUES:
        for name in _SPENT:
            key = queue_key(NAMESPACE, queue, name)
            if scene.link.command("EXISTS", key, key=key):
                found.append(f"queue {queue}: {name} is not empty at the end")
    return found
