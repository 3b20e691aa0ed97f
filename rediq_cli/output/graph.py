"""How a graph of tasks looks: a tree for people, nodes with their edges for scripts.

A task with several parents stands once in full, under the first; below the others it is named only.
"""

from __future__ import annotations

from collections.abc import Iterator

from rediq_cli.output.json import Json
from rediq_cli.output.neutralise import safe
from rediq_cli.output.states import state_cell
from rediq_cli.output.terminal import Terminal
from rediq_core.admin import TaskGraph
from rediq_core.model.views import TaskView


def graph_lines(graph: TaskGraph, terminal: Terminal) -> Iterator[str]:
    """Yield the tree, neutralised: each task with its state, those that depend on it below it."""
    shown: set[str] = set()
    # A stack, not recursion: a chain may be as long as a graph is large.
    stack = [(root, "", "") for root in reversed(graph.roots or [graph.task_id])]
    while stack:
        task_id, lead, indent = stack.pop()
        children = graph.children.get(task_id, ())
        is_again = task_id in shown and bool(children)
        yield lead + _node(graph, task_id, terminal) + ("  (above)" if is_again else "")
        if task_id in shown:
            continue
        shown.add(task_id)
        for number in range(len(children) - 1, -1, -1):
            is_last = number == len(children) - 1
            branch = terminal.glyph("└─ ", "`- ") if is_last else terminal.glyph("├─ ", "|- ")
            below = "   " if is_last else terminal.glyph("│  ", "|  ")
            stack.append((children[number], indent + branch, indent + below))
    if graph.has_more:
        yield "There are more tasks than these."


def _node(graph: TaskGraph, task_id: str, terminal: Terminal) -> str:
    task = graph.nodes.get(task_id)
    if task is None:
        return f"{safe(task_id)}  gone: no queue knows it"
    cell = state_cell(task.state.value, terminal, _detail(task))
    parts = [terminal.paint(cell.text, cell.style), safe(task.type), safe(task.id)]
    parts.append(f"in {safe(task.queue)}")
    if task_id == graph.task_id:
        parts.append(terminal.glyph("◀", "<"))
    return "  ".join(parts)


def _detail(task: TaskView) -> str:
    return f"{task.progress.percent:.0f}%" if task.progress is not None else ""


def graph_record(graph: TaskGraph) -> Json:
    """Return a graph as an object."""
    parents: dict[str, list[str]] = {}
    for parent, children in graph.children.items():
        for child in children:
            parents.setdefault(child, []).append(parent)
    return {
        "id": graph.task_id,
        "tasks": [
            {
                "id": task_id,
                "queue": task.queue if task is not None else None,
                "type": task.type if task is not None else None,
                "state": task.state.value if task is not None else None,
                "progress": task.progress.percent if task is not None and task.progress else None,
                "parents": parents.get(task_id, []),
                "children": list(graph.children.get(task_id, ())),
            }
            for task_id, task in graph.nodes.items()
        ],
        "has_more": graph.has_more,
    }
