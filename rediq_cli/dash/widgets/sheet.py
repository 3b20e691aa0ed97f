"""The card of a dialog: facts, fields to type in, a box to tick, two buttons.

It draws what it is given and turns keys into changes of it; what the answer means is the caller's.
The way out has the focus when something would be lost, and for a moment after it opened no key
counts: what was typed ahead was meant for the screen below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from rediq_cli.dash.deeds import Entry
from rediq_cli.dash.widgets.lines import EMPTY, Line, Span, cut, say, text_of, width_of
from rediq_cli.dash.widgets.pane import Pane
from rediq_cli.dash.widgets.typed import Typed
from rediq_cli.output.neutralise import safe
from rediq_core.clock import Clock
from rediq_core.errors import InvalidOption

# Keys are dropped for so long after a question appeared, in seconds.
GUARD_S = 0.25
_MARGIN = Span("  ")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        values: What stands in the fields, by name.
        is_ticked: The box is ticked.
    """

    values: Mapping[str, str]
    is_ticked: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What a dialog asks.

    Attributes:
        title: In the upper edge.
        go: On the button that does it.
        preview: Returns the command line that an answer stands for; raises InvalidOption where it
            is none.
        facts: Lines above the fields.
        entries: The fields.
        must: By field, what must stand in it before the button works.
        tick: Beside the box, or "" for none.
        is_ticked: It is ticked at first.
        is_guarded: A deed hangs on it: the way out has the focus, and y is the answer.
        is_grave: Something may be lost.
    """

    title: str
    go: str
    preview: Callable[[Answer], str]
    facts: Sequence[Line] = ()
    entries: Sequence[Entry] = ()
    must: Mapping[str, str] | None = None
    tick: str = ""
    is_ticked: bool = False
    is_guarded: bool = False
    is_grave: bool = False


class Sheet(Pane, can_focus=True):
    """The card.

    Attributes:
        question: What is asked.
        problem: Why the answer cannot be used, or "".
        is_ticked: The box is ticked.
    """

    class Answered(Message):
        """The question was answered, or left with None."""

        def __init__(self, answer: Answer | None) -> None:
            super().__init__()
            self.answer = answer

    def __init__(self, question: Question, clock: Clock) -> None:
        """Take what is asked, and the clock of the guard."""
        super().__init__()
        self.question = question
        self.problem = ""
        self.is_ticked = question.is_ticked
        self._clock = clock
        self._open_s = clock.monotonic()
        self._fields = {entry.name: Typed(entry.value) for entry in question.entries}
        self._stops = [*self._fields]
        if question.tick:
            self._stops.append("(tick)")
        self._stops += ["(cancel)", "(go)"]
        must = question.must or {}
        first = next(iter(must or self._fields), "(cancel)")
        self._at = self._stops.index("(cancel)" if question.is_guarded and not must else first)
        self.title = (
            Span(safe(question.title, 100), "bad+bold" if question.is_grave else "title"),
        )

    @property
    def answer(self) -> Answer:
        """The answer as it stands."""
        values = {name: typed.text for name, typed in self._fields.items()}
        return Answer(values, self.is_ticked)

    @property
    def is_ready(self) -> bool:
        """What must be typed has been typed."""
        must = self.question.must or {}
        return all(self._fields[name].text == text for name, text in must.items())

    @property
    def lines_needed(self) -> int:
        """Lines of the whole card, its frame included."""
        return len(self._body(200)) + 2

    # What it looks like.

    def draw(self, width: int, height: int) -> list[Line]:
        """Return the card; where there is little room, facts give way."""
        body = self._body(width)
        surplus = len(body) - height
        if surplus > 0:
            # The first lines tell most, the fields and buttons at the end are needed.
            facts = len(self.question.facts)
            kept = max(facts - surplus, 0)
            body = self._body(width, facts=kept)
            if len(body) > height:
                body = [line for line in body if line]
        self.note = self._note(width)
        return body[:height]

    def _body(self, width: int, facts: int | None = None) -> list[Line]:
        question = self.question
        shown = [*question.facts][:facts]
        lines: list[Line] = [EMPTY, *((_MARGIN, *cut(line, width - 4)) for line in shown)]
        if question.entries or question.tick:
            lines.append(EMPTY)
        label = max((len(entry.label) for entry in question.entries), default=0)
        lines += [self._field(entry, label, width) for entry in question.entries]
        if question.tick:
            sign = "x" if self.is_ticked else " "
            role = "cursor" if self._stop == "(tick)" else ""
            lines.append((_MARGIN, Span(f"[{sign}] {safe(question.tick, 100)}", role)))
        lines += [EMPTY, self._buttons(width)]
        if self.problem:
            lines += [(_MARGIN, *cut(say(self.problem, "bad"), width - 4))]
        else:
            lines.append(EMPTY)
        return lines

    def _field(self, entry: Entry, label: int, width: int) -> Line:
        typed, is_here = self._fields[entry.name], self._stop == entry.name
        room = max(min(width - label - 10, 56), 8)
        head = (_MARGIN, Span(f"{entry.label:<{label}}  ", "dim"), Span("[", "dim"))
        before, under, after = typed.seen(room)
        body: Line
        if not typed.text:
            hint = safe(entry.hint, room - 1)
            cursor = Span(" ", "badge") if is_here else Span(" ")
            body = (cursor, Span(f"{hint:<{room - 1}}", "dim"))
        elif is_here:
            body = (Span(safe(before, 0)), Span(safe(under, 0), "badge"), Span(safe(after, 0)))
        else:
            body = (Span(safe(before + under + after, 0).rstrip()),)
        gap = max(room - width_of(body), 0)
        must = (self.question.must or {}).get(entry.name)
        sign = Span(" ✓", "good") if must is not None and typed.text == must else Span("")
        return (*head, *body, Span(" " * gap), Span("]", "dim"), sign)

    def _buttons(self, width: int) -> Line:
        go = self.question.go
        role = ("alarm" if self.question.is_grave else "badge") if self.is_ready else "dim"
        cancel = self._button("Cancel", "(cancel)", "bold")
        # Leaves room for Cancel, brackets and margins.
        deed = self._button(safe(go, max(width - 24, 12)), "(go)", role)
        return (
            Span(" " * max((width - width_of((*cancel, *deed)) - 4) // 2, 1)),
            *cancel,
            Span("    "),
            *deed,
        )

    def _button(self, text: str, stop: str, role: str) -> Line:
        if self._stop == stop:
            is_off = stop == "(go)" and not self.is_ready
            return (
                Span(f"▸ {text} ◂", "dim" if is_off else "cursor" if stop == "(cancel)" else role),
            )
        return (Span(f"( {text} )", "dim" if stop == "(go)" and not self.is_ready else ""),)

    def _note(self, width: int) -> Line:
        keys = "esc cancel"
        if self.question.is_guarded and not self.question.must:
            keys = "y yes · n no"
        try:
            command = self.question.preview(self.answer)
        except InvalidOption:
            return (Span(keys, "dim"),)
        head: Line = (Span(f"{keys} · ", "dim"),)
        shown = cut((*head, *say(command, "accent")), max(width - 4, 0))
        return shown if len(text_of(shown)) > len(keys) + 8 else (Span(keys, "dim"),)

    # What keys do.

    @property
    def _stop(self) -> str:
        return self._stops[self._at]

    @property
    def _is_guarded(self) -> bool:
        return self.question.is_guarded and self._clock.monotonic() - self._open_s < GUARD_S

    def on_key(self, event: events.Key) -> None:
        """Take every key: nothing of a dialog reaches what lies below."""
        event.stop()
        event.prevent_default()
        if self._is_guarded:
            return
        self._press(event.key, event.character)
        self.redraw()

    def _press(self, key: str, character: str | None) -> None:
        typed = self._fields.get(self._stop)
        if key == "escape":
            self._leave()
        elif key in ("tab", "down", "shift+tab", "up"):
            step = 1 if key in ("tab", "down") else -1
            self._at = (self._at + step) % len(self._stops)
        elif key == "enter":
            self._enter()
        elif typed is not None:
            if typed.press(key, character):
                self.problem = ""
        else:
            self._press_button(key)

    def _press_button(self, key: str) -> None:
        if key in ("left", "right", "h", "l"):
            stops = ["(cancel)", "(go)"]
            if self._stop in stops:
                self._at = self._stops.index(stops[1 - stops.index(self._stop)])
        elif key == "space" and self._stop == "(tick)":
            self.is_ticked = not self.is_ticked
        elif key in ("n", "q"):
            self._leave()
        elif key == "y":
            self._go()

    def _enter(self) -> None:
        if self._stop == "(cancel)":
            self._leave()
        elif self._stop == "(tick)":
            self.is_ticked = not self.is_ticked
        else:
            self._go()

    def _leave(self) -> None:
        self.post_message(self.Answered(None))

    def _go(self) -> None:
        if not self.is_ready:
            self.problem = "That is not what is to be typed."
            return
        try:
            self.question.preview(self.answer)
        except InvalidOption as error:
            self.problem = " ".join(
                part for part in (error.message, error.cause, error.next_step) if part
            )
            return
        self.post_message(self.Answered(self.answer))

    def on_paste(self, event: events.Paste) -> None:
        """Take a paste into a field; what must be typed must be typed."""
        event.stop()
        typed = self._fields.get(self._stop)
        if typed is not None and self._stop not in (self.question.must or {}):
            typed.insert(event.text)
            self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Press the button that was clicked."""
        row = event.y - 1
        body = self._body(self.inner_width)
        if self._is_guarded or row >= len(body) or body[row] != self._buttons(self.inner_width):
            return
        text = text_of(body[row])
        middle = text.find("Cancel") + len("Cancel") + 4
        self._at = self._stops.index("(cancel)" if event.x - 1 < middle else "(go)")
        self._enter()
        self.redraw()
