"""What the palette offers for what was typed: commands, their arguments, keys that work here.

The same words and the same parser as the `:` line; keys are found by what they do. Nothing here
touches the screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rediq_cli.dash.commands import WORDS, complete, parse
from rediq_cli.dash.keymap import KEYS
from rediq_cli.dash.keyrow import Key, Scope
from rediq_cli.dash.words import Known
from rediq_core.errors import RediqError

# Offers that are shown at most.
MOST = 200
# Rank of what does not fit at all.
UNFIT = 9
# Keys that move or type: pressing them is easier than finding them.
_DULL = frozenset({Scope.TEXT, Scope.TABLE})


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the palette.

    Attributes:
        name: What it is called, or what is typed for it.
        text: What it does.
        shortcut: Its key, or "".
        line: What the `:` line would be, or "" for a key.
        key_id: The key it stands for, or "".
        is_open: Something must follow: choosing it goes on typing.
    """

    name: str
    text: str
    shortcut: str = ""
    line: str = ""
    key_id: str = ""
    is_open: bool = False


def offers(typed: str, known: Known, scopes: Iterable[Scope]) -> list[Offer]:
    """Return what can be chosen, best first.

    Args:
        typed: What was typed so far.
        known: What commands can name.
        scopes: Whose keys work here, inner ones first.
    """
    line = typed.lstrip()
    word = WORDS.get(line.partition(" ")[0])
    if word is not None and " " in line:
        whole = [Offer(line.strip(), word.text, line=line.strip())] if _means(line, known) else []
        return [*whole, *(Offer(each, word.text, line=each) for each in complete(line, known))][
            :MOST
        ]
    found = [*_keys(scopes), *_words()]
    found += [Offer(name, "open this queue", line=name) for name in known.queues]
    ranked = [
        (rank, at, offer) for at, offer in enumerate(found) if (rank := _rank(line, offer)) < 9
    ]
    return [offer for _, _, offer in sorted(ranked, key=lambda row: row[:2])][:MOST]


def _means(line: str, known: Known) -> bool:
    try:
        parse(line, known)
    except RediqError:
        return False
    return True


def _words() -> list[Offer]:
    return [
        Offer(
            f"{word.name} {word.argument}".rstrip(),
            word.text,
            line=word.name,
            is_open=bool(word.argument) and not word.argument.startswith("["),
        )
        for word in WORDS.values()
    ]


def _keys(scopes: Iterable[Scope]) -> list[Offer]:
    taken: set[str] = set()
    found: list[Offer] = []
    for scope in scopes:
        rows: Sequence[Key] = [key for key in KEYS if key.scope is scope]
        for key in sorted(rows, key=lambda key: key.rank):
            names = set(key.keys.split(","))
            if scope not in _DULL and not names <= taken and key.id != "palette":
                found.append(Offer(key.text, scope.value.lower(), key.first, key_id=key.id))
        taken |= {name for key in rows for name in key.keys.split(",")}
    return found


def _rank(typed: str, offer: Offer) -> int:
    """Return how well an offer fits: 0 is best."""
    wanted, name = typed.lower().strip(), offer.name.lower()
    if not wanted:
        return 0
    if name.startswith(wanted) or offer.shortcut == typed:
        return 1
    if all(part in f"{name} {offer.text.lower()}" for part in wanted.split()):
        return 2 if wanted.split()[0] in name else 3
    return 4 if _is_within(wanted.replace(" ", ""), name) else UNFIT


def _is_within(wanted: str, name: str) -> bool:
    """Say whether the letters of one text follow one another in the other."""
    rest = iter(name)
    return len(wanted) > 2 and all(sign in rest for sign in wanted)
