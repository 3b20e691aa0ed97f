"""The seven views, by name; each is imported and mounted when it is first opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from rediq_cli.dash.view_model import ViewName

if TYPE_CHECKING:
    from rediq_cli.dash.screens.view import View


class Views(Mapping[ViewName, "type[View]"]):
    """The class of each view: `Tasks` of `screens.tasks` for `ViewName.TASKS`."""

    def __getitem__(self, name: ViewName) -> type[View]:
        module = import_module(f"{__name__}.{name.value}")
        found: type[View] = getattr(module, name.value.capitalize())
        return found

    def __iter__(self) -> Iterator[ViewName]:
        return iter(ViewName)

    def __len__(self) -> int:
        return len(ViewName)


VIEWS = Views()
