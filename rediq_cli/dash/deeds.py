"""What a person asks to be done: frozen at the key press, asked about, then carried out elsewhere.

A `Deed` holds its targets as they were when the key was pressed (ids with the state they were seen
in, or a WHERE), so no reading that comes later can lead it to others; the engine checks each task
again where it lies. How much is asked before a deed is its tier. Values only: what carries them out
is `hands`, and who asks is the app.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from rediq_cli.dash.hands import NOTHING_GIVEN, Counted, Given, Hands

if TYPE_CHECKING:
    from rediq_core.admin import Conduct

# A removal of more tasks than this asks for a typed name; a key is hit more easily than a command.
MANY = 100


class Tier(IntEnum):
    """What stands between a key and the deed; a protected profile asks for one more."""

    AT_ONCE = 0
    YES = 1
    NAME = 2
    PROFILE = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done.

    Attributes:
        text: In a sentence.
        note: What else is worth knowing, or "".
        undo: Takes it back, or None.
        is_partial: Something was left as it was, or undone.
        command: The command line that does the same, if the deed's own says less; else empty.
    """

    text: str
    note: str = ""
    undo: Deed | None = None
    is_partial: bool = False
    command: tuple[str, ...] = ()


Act = Callable[[Hands, "Conduct", Given], Outcome]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to be done.

    Attributes:
        title: In a few words, such as "Retry 3 tasks of dead:mail"; the question and the button.
        doing: What is said meanwhile, such as "retrying".
        command: The command line that does the same, without "rediq".
        act: Does it; called off the screen's thread.
        tier: The least that is asked.
        number: Tasks it is meant for; 0 if it is not about tasks.
        is_removal: The tasks go to trash.
        is_selected: The tasks are picked by a WHERE and not named.
        count: Counts them now, for what is picked by a WHERE; None for what is named.
        name: What is typed to confirm it.
        facts: Lines of the question: what it means.
        samples: Lines of the question: what it is about.
        has_rate: It can be slowed down.
        save: Beginning of the name of a file that copies are offered in, or "".
    """

    title: str
    doing: str
    command: tuple[str, ...]
    act: Act
    tier: Tier = Tier.AT_ONCE
    number: int = 0
    is_removal: bool = False
    is_selected: bool = False
    count: Callable[[Hands], Counted] | None = None
    name: str = ""
    facts: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    has_rate: bool = False
    save: str = ""

    def words(self, given: Given = NOTHING_GIVEN) -> tuple[str, ...]:
        """Return the command line with what was given."""
        rate = ("--rate", given.rate) if given.rate else ()
        save = ("--save", given.save) if given.save else ()
        return (*self.command, *rate, *save)


def tier_of(deed: Deed, number: int, *, is_protected: bool) -> Tier:
    """Return what is asked before a deed.

    Args:
        deed: The deed.
        number: Tasks it would act on now.
        is_protected: The profile is protected: one more is asked.
    """
    tier = deed.tier
    if deed.is_removal:
        is_large = number > MANY or deed.is_selected
        tier = max(tier, Tier.NAME if is_large else Tier.YES)
    elif deed.is_selected or number > 1:
        tier = max(tier, Tier.YES)
    return Tier(min(tier + is_protected, Tier.PROFILE))


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a form.

    Attributes:
        name: What it is known by.
        label: Stands before it.
        hint: Shown while it is empty.
        value: What stands in it at first.
    """

    name: str
    label: str
    hint: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """Fields to be filled in before there is a deed.

    Attributes:
        title: What they are for.
        entries: The fields.
        make: Makes the deed of what stands in them; raises InvalidOption where that cannot be.
        facts: Lines above the fields.
        go: On the button.
    """

    title: str
    entries: tuple[Entry, ...]
    make: Callable[[Mapping[str, str]], Deed]
    facts: tuple[str, ...] = ()
    go: str = "Do it"


Wish = Deed | Form


def command_line(words: Sequence[str], profile: str = "") -> str:
    """Return words as a line for a shell, for the same profile."""
    where = ("--profile", profile) if profile else ()
    return shlex.join(("rediq", *where, *words))
