"""Our own themes: dark, light, high contrast, and one without a pair of red and green.

`mono` uses no colour at all. Textual's themes, `ansi-dark` and `ansi-light` among them, can be
chosen as well.
"""

from __future__ import annotations

from textual.theme import Theme

DEFAULT_THEME = "rediq-dark"

THEMES = (
    Theme(
        name="rediq-dark",
        primary="#5aa9e6",
        secondary="#3d6f99",
        accent="#f2b134",
        warning="#f2b134",
        error="#ff6b6b",
        success="#63c987",
        foreground="#d7dce2",
        background="#101419",
        surface="#161b22",
        panel="#1d242d",
    ),
    Theme(
        name="rediq-light",
        primary="#0b63a5",
        secondary="#4d7fa8",
        accent="#9a5b00",
        warning="#9a5b00",
        error="#b3261e",
        success="#1b6e3c",
        foreground="#1c2127",
        background="#fbfbf8",
        surface="#f2f2ee",
        panel="#e6e6e0",
        dark=False,
    ),
    Theme(
        name="rediq-contrast",
        primary="#66ccff",
        secondary="#99ddff",
        accent="#ffff00",
        warning="#ffd000",
        error="#ff8080",
        success="#66ff66",
        foreground="#ffffff",
        background="#000000",
        surface="#0a0a0a",
        panel="#1a1a1a",
    ),
    Theme(
        name="rediq-deuter",
        primary="#56b4e9",
        secondary="#0072b2",
        accent="#f0e442",
        warning="#e69f00",
        error="#d55e00",
        success="#56b4e9",
        foreground="#dddddd",
        background="#111317",
        surface="#191c21",
        panel="#21252b",
    ),
    Theme(
        name="mono",
        primary="#c0c0c0",
        secondary="#a0a0a0",
        accent="#ffffff",
        warning="#ffffff",
        error="#ffffff",
        success="#c0c0c0",
        foreground="#d0d0d0",
        background="#000000",
        surface="#000000",
        panel="#101010",
    ),
)
