"""Every key of the dashboard, in one table: the bindings, the footer and the help come from it.

A key belongs to a scope: it works while a part of that scope is in use. Lower case never loses
data; what asks before it acts ends in "…". To add a key, add a row here (or in `deed_keys`, if it
changes something) and an `action_…` method to the part of its scope. Textual's own type is the only
thing of it that is known here.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingType

from rediq_cli.dash.deed_keys import DEED_KEYS
from rediq_cli.dash.keyrow import Key, Scope

__all__ = ["KEYS", "Key", "Scope", "bindings", "footer_keys", "help_rows"]

_G, _T, _K = Scope.GLOBAL, Scope.TABLE, Scope.TASKS
_R = Scope.REPLAY

KEYS: tuple[Key, ...] = (
    Key("help", "question_mark,f1", "help", "this help", _G, "help", 90),
    Key("command", "colon", "command", "command line", _G, "cmd", 80),
    Key("palette", "ctrl+p", "palette", "find a command or a key", _G, "find", 91),
    Key("filter", "slash", "filter", "filter what is listed", _G, "filter", 70),
    *(Key(f"view.{n}", str(n), f"view({n})", f"view {n}", _G) for n in range(1, 8)),
    Key("focus.next", "tab", "app.focus_next", "next panel", _G),
    Key("focus.previous", "shift+tab", "app.focus_previous", "previous panel", _G),
    Key("leave", "escape", "leave", "close, clear marks, clear filter, go up", _G),
    Key("back", "q", "back", "go up; at the top: quit", _G, "quit", 92),
    Key("quit", "ctrl+c,ctrl+q", "quit", "stop what is under way; else quit at once", _G),
    Key("suspend", "ctrl+z", "suspend_process", "to the shell; fg comes back", _G),
    Key("refresh", "ctrl+r,R", "refresh_now", "read again now", _G, shown="^r R"),
    Key("slower", "minus", "slower", "refresh less often", _G),
    Key("faster", "plus,equals_sign", "faster", "refresh more often", _G, shown="+"),
    Key("freeze", "f", "freeze", "freeze the display; f again goes on", _G, "freeze", 85),
    Key("range", "t", "range(1)", "longer time range of the charts", _G, "range", 75),
    Key("range.back", "T", "range(-1)", "shorter time range of the charts", _G),
    Key("zoom", "z", "zoom", "give the panel the whole screen", _G),
    Key("previous", "backspace", "previous", "the view before this one", _G),
    Key("theme", "ctrl+t", "next_theme", "next theme", _G),
    Key("screenshot", "exclamation_mark", "screenshot_files", "save the screen, SVG and text", _G),
    Key("down", "j,down", "down", "down", _T),
    Key("up", "k,up", "up", "up", _T),
    Key("half_down", "ctrl+d", "half_down", "half a screen down", _T),
    Key("half_up", "ctrl+u", "half_up", "half a screen up", _T),
    Key("page_down", "ctrl+f,pagedown", "page_down", "a screen down", _T),
    Key("page_up", "ctrl+b,pageup", "page_up", "a screen up", _T),
    Key("first", "g,home", "first", "first row", _T),
    Key("last", "G,end", "last", "last row", _T),
    Key("open", "enter", "open", "open", _T, "open", 1),
    Key("sort", "s", "sort", "sort by the next column", _T, "sort", 76),
    Key("reverse", "S", "reverse", "turn the order round", _T),
    Key("wide", "w", "wide", "more columns, or fewer", _T),
    Key("mark", "space", "mark", "mark, and go down", _T, "mark", 20),
    Key(
        "mark.range",
        "ctrl+space,ctrl+@",
        "mark_range",
        "mark from the last mark to here",
        _T,
        "to here",
        21,
        shown="^spc",
    ),
    Key("mark.all", "a", "mark_all", "mark all that are loaded", _T, "all", 22),
    Key(
        "state.next",
        "l,right_square_bracket,right",
        "state(1)",
        "next state",
        _K,
        "state",
        15,
        shown="] l →",
    ),
    Key(
        "state.previous",
        "h,left_square_bracket,left",
        "state(-1)",
        "previous state",
        _K,
        shown="[ h ←",
    ),
    Key("tail", "ctrl+e", "tail", "from the other end of the state, or back", _K),
    Key("task.open", "d", "drawer", "open the task beside the list", _K),
    Key("text.down", "j,down", "down", "down", Scope.TEXT),
    Key("text.up", "k,up", "up", "up", Scope.TEXT),
    Key("text.half_down", "ctrl+d", "half_down", "half a screen down", Scope.TEXT),
    Key("text.half_up", "ctrl+u", "half_up", "half a screen up", Scope.TEXT),
    Key("text.page_down", "ctrl+f,pagedown", "page_down", "a screen down", Scope.TEXT),
    Key("text.page_up", "ctrl+b,pageup", "page_up", "a screen up", Scope.TEXT),
    Key("text.first", "g,home", "first", "to the beginning", Scope.TEXT),
    Key("text.last", "G,end", "last", "to the end", Scope.TEXT),
    Key(
        "tab.next",
        "right,l,right_square_bracket",
        "tab(1)",
        "next tab",
        Scope.DRAWER,
        "tabs",
        10,
        shown="→ l ]",
    ),
    Key(
        "tab.previous",
        "left,h,left_square_bracket",
        "tab(-1)",
        "previous tab",
        Scope.DRAWER,
        shown="← h [",
    ),
    Key("task.next", "n", "neighbour(1)", "next task", Scope.DRAWER, "next", 12),
    Key("task.previous", "N", "neighbour(-1)", "previous task", Scope.DRAWER),
    Key("hex", "x", "hex", "payload as bytes, and back", Scope.DRAWER, "hex", 40),
    Key("replay.toggle", "space", "replay_toggle", "play or pause", _R, "play", 2, shown="spc"),
    Key("replay.step", "full_stop", "replay_step(1)", "next reading", _R, "step", 3),
    Key("replay.back", "comma", "replay_step(-1)", "previous reading", _R, "back", 4),
    Key("replay.faster", "greater_than_sign", "replay_speed(1)", "play faster", _R, "faster", 6),
    Key("replay.slower", "less_than_sign", "replay_speed(-1)", "play slower", _R),
    Key(
        "replay.moment",
        "right_curly_bracket",
        "replay_moment(1)",
        "next moment that needed attention",
        _R,
        "attention",
        5,
    ),
    Key(
        "replay.moment.back",
        "left_curly_bracket",
        "replay_moment(-1)",
        "the moment before that needed attention",
        _R,
    ),
    Key("secrets", "v", "secrets", "show or hide secret fields", Scope.DRAWER),
    *DEED_KEYS,
)


def bindings(scope: Scope) -> list[BindingType]:
    """Return Textual's bindings of a scope."""
    return [
        Binding(
            key.keys,
            key.action,
            key.text,
            show=False,
            # Ctrl-C quits from everywhere, also from a field that is being typed in.
            # The keys of a replay take Space from the marks, which lead nowhere there.
            priority=key.id == "quit" or scope is Scope.REPLAY,
        )
        for key in KEYS
        if key.scope is scope
    ]


def footer_keys(scopes: Iterable[Scope]) -> list[Key]:
    """Return what the footer offers in these scopes, by rank.

    Inner scopes come first; a key that an inner scope has taken is left out.
    """
    taken: set[str] = set()
    offered: list[Key] = []
    for scope in scopes:
        for key in KEYS:
            names = set(key.keys.split(","))
            if key.scope is not scope or names <= taken:
                continue
            if key.footer:
                offered.append(key)
        taken |= {name for key in KEYS if key.scope is scope for name in key.keys.split(",")}
    return sorted(offered, key=lambda key: key.rank)


def help_rows(scopes: Iterable[Scope] | None = None) -> list[tuple[Scope, list[Key]]]:
    """Return the table by scope: these scopes first and then the others, or all as they stand."""
    wanted = list(scopes or ())
    order = [*wanted, *(scope for scope in Scope if scope not in wanted)]
    rows = ((scope, [key for key in KEYS if key.scope is scope]) for scope in order)
    return [(scope, keys) for scope, keys in rows if keys]
