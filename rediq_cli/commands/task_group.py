"""The noun `task`; its commands are declared in `task`, `task_acts` and `task_files`."""

from __future__ import annotations

from rediq_cli.leaf import Group

GROUP = Group("task")
