"""A line that is being typed: text and cursor, and what the editing keys do to them.

Plain values without a screen; whoever shows it draws the cursor. Text is kept as typed and is
neutralised where it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

# Longest line, in characters.
LIMIT = 4_096


class Typed:
    """One line.

    Attributes:
        text: What was typed.
        at: Where the cursor stands, from 0.
    """

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.at = len(text)
        self._keys: dict[str, Callable[[], None]] = {
            "backspace": self._backspace,
            "ctrl+h": self._backspace,
            "delete": self._delete,
            "left": lambda: self._go(self.at - 1),
            "right": lambda: self._go(self.at + 1),
            "home": lambda: self._go(0),
            "ctrl+a": lambda: self._go(0),
            "end": lambda: self._go(len(self.text)),
            "ctrl+e": lambda: self._go(len(self.text)),
            "ctrl+u": lambda: self.set(self.text[self.at :], 0),
            "ctrl+k": lambda: self.set(self.text[: self.at]),
            "ctrl+w": self._word_back,
        }

    def set(self, text: str, at: int | None = None) -> None:
        """Put another text in its place, the cursor behind it unless told otherwise."""
        self.text = text[:LIMIT]
        self._go(len(self.text) if at is None else at)

    def press(self, key: str, character: str | None) -> bool:
        """Take a key; returns False if it is none of this line's."""
        act = self._keys.get(key)
        if act is not None:
            act()
        elif character is not None and character.isprintable():
            self.insert(character)
        else:
            return False
        return True

    def insert(self, text: str) -> None:
        """Put text at the cursor; only its first line, as a paste may have more."""
        line = "".join(filter(str.isprintable, text.partition("\n")[0]))
        self.set(self.text[: self.at] + line + self.text[self.at :], self.at + len(line))

    def _go(self, at: int) -> None:
        self.at = min(max(at, 0), len(self.text))

    def _backspace(self) -> None:
        if self.at:
            self.set(self.text[: self.at - 1] + self.text[self.at :], self.at - 1)

    def _delete(self) -> None:
        self.set(self.text[: self.at] + self.text[self.at + 1 :], self.at)

    def _word_back(self) -> None:
        kept = self.text[: self.at].rstrip()
        kept = kept[: len(kept) - len(kept.rpartition(" ")[2])]
        self.set(kept + self.text[self.at :], len(kept))

    def seen(self, width: int) -> tuple[str, str, str]:
        """Return what is left of the cursor, under it and right of it, within a width."""
        start = max(self.at - width + 1, 0)
        under = self.text[self.at : self.at + 1] or " "
        return self.text[start : self.at], under, self.text[self.at + 1 : start + width]
