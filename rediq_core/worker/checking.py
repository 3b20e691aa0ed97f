"""Import every handler of a plan without serving anything, for `rediq config check`.

Goes on after a failure, so that one look finds every mistake. It connects to nothing; but modules
are imported, so what they do at import happens.
"""

from __future__ import annotations

from dataclasses import replace

from rediq_core.errors import ConfigError
from rediq_core.handlers.loading import import_root
from rediq_core.worker.plan import WorkerPlan
from rediq_core.worker.process import load_handlers, load_middleware


def check_handlers(plan: WorkerPlan) -> tuple[dict[str, list[str]], list[ConfigError]]:
    """Import the middlewares, and the modules of every queue.

    Args:
        plan: From `plan_worker`; its folder goes first on the import path.

    Returns:
        The types that each queue runs, and what is wrong, each module and middleware once.
    """
    import_root(plan.root)
    types: dict[str, list[str]] = {}
    problems: dict[str, ConfigError] = {}
    for named in plan.middleware:
        try:
            load_middleware(replace(plan, middleware=(named,)))
        except ConfigError as error:
            problems.setdefault(named.spec, error)
    for queue, modules in plan.modules.items():
        found: dict[str, None] = {}
        for module in modules:
            try:
                registries, _ = load_handlers(
                    replace(plan, modules={queue: (module,)}, middleware=())
                )
            except ConfigError as error:
                problems.setdefault(module.spec, error)
            else:
                found.update(dict.fromkeys(registries[queue]))
        types[queue] = sorted(found)
    return types, list(problems.values())
