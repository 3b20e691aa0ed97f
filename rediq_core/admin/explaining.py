"""The part of `Admin` that explains and checks: why, doctor, events, where a task stands.

One mixin, so that the object stays one and each file one idea. What explains is imported when it
is asked for: a `queue list` needs none of it, and would start a tenth slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rediq_core.admin.access import Access
from rediq_core.admin.lookup import find_task

if TYPE_CHECKING:
    from rediq_core.admin.bulk import OnProgress
    from rediq_core.admin.doctor import Checkup
    from rediq_core.admin.events import EventReader
    from rediq_core.admin.graph import TaskGraph
    from rediq_core.admin.kin import Kin
    from rediq_core.admin.pulse import Pulse
    from rediq_core.admin.why import Answer, Place
    from rediq_core.model.views import TaskView
    from rediq_core.model.where import Where


class ExplainingAdmin:
    """What `Admin` says about tasks, queues and the server.

    Attributes:
        access: What the methods stand on.
    """

    access: Access

    def server_info(self) -> dict[str, str]:
        """Return what INFO says of the server, or of one master of a Cluster: 1 round trip."""
        link = self.access.executor.link
        raw = bytes(link.command("INFO", deadline_s=self.access.deadline_s))
        lines = raw.decode("utf-8", "replace").splitlines()
        fields = (line.partition(":") for line in lines if not line.startswith("#"))
        return {name: value for name, separator, value in fields if separator}

    def pulse(self) -> Pulse:
        """Return how fast the server answers and what held it up: 12 round trips."""
        from rediq_core.admin.pulse import take_pulse  # noqa: PLC0415 - start-up

        return take_pulse(self.access)

    def why(self, word: str) -> Answer:
        """Say why a queue or a task does or does not run: about 12 round trips. See `why.why`.

        Raises:
            QueueNotFound: The word is neither a queue nor a task.
        """
        from rediq_core.admin.why import why  # noqa: PLC0415 - start-up

        return why(self.access, word)

    def place(self, task: TaskView) -> Place | None:
        """Return where a pending task stands in line, None for any other: 9 round trips."""
        from rediq_core.admin.why import where_in_line  # noqa: PLC0415 - start-up

        return where_in_line(self.access, task)

    def kin(self, task: TaskView) -> Kin:
        """Return the parents and the children of a task: 2 round trips a queue of theirs."""
        from rediq_core.admin.kin import read_kin  # noqa: PLC0415 - start-up

        return read_kin(self.access, task)

    def graph(self, word: str) -> TaskGraph:
        """Return what a task depends on and what depends on it, all levels. See `graph`.

        Raises:
            TaskNotFound: The word means no task.
            InvalidOption: It is the end of several ids.
        """
        from rediq_core.admin.graph import read_graph  # noqa: PLC0415 - start-up

        return read_graph(self.access, find_task(self.access, word))

    def doctor(self, *, by: str = "", on_progress: OnProgress | None = None) -> Checkup:
        """Look at everything a queue relies on; with `by` repair it. See `doctor.examine_all`."""
        from rediq_core.admin.doctor import examine_all  # noqa: PLC0415 - start-up

        return examine_all(self.access, by=by, on_progress=on_progress)

    def events(self, where: Where) -> EventReader:
        """Return a reader of what happened in the queues that a WHERE names."""
        from rediq_core.admin.events import EventReader  # noqa: PLC0415 - start-up

        return EventReader(self.access, where)
