"""Which Redis commands a script sends, read from its text: what an ACL user has to be allowed.

The text is constant, so the answer is too. It says what a script may send, not what one call does.
"""

from __future__ import annotations

import re
from functools import cache

from rediq_core.scripts.loader import load

# Up to the first comma: the command, or an expression that chooses one of two.
_CALL = re.compile(r"redis\.call\(([^,)]*)")
_APPLY = re.compile(r"\bapply\('([A-Z]+)'")
_WORD = re.compile(r"'([A-Z]+)'")


@cache
def commands_of(name: str) -> tuple[str, ...]:
    """Return the commands of a script and of all its steps, in order of the alphabet.

    Raises:
        ScriptError: There is no such script.
    """
    body = load(name).body
    called = {word for text in _CALL.findall(body) for word in _WORD.findall(text)}
    return tuple(sorted(called | set(_APPLY.findall(body))))
