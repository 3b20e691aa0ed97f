"""An exception as bounded text: whatever a handler raises, the record of it stays small.

Nothing here trusts the exception: its text may be 50 MB, raise, or hold terminal codes; its chain
may be long or a circle; its stack a thousand frames deep. Local variables are never looked at.
Frames of Rediq itself are left out, so a reader starts at the handler. Control characters are
kept: whoever prints them neutralises them.
"""

from __future__ import annotations

import linecache
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

# Most bytes of an error's text and of its traceback that are kept.
MAX_MESSAGE_BYTES = 2 * 1024
MAX_TRACEBACK_BYTES = 16 * 1024
# Of a traceback that is cut, the part that comes from its start; the end says what happened.
_HEAD_BYTES = 6 * 1024
# Most exceptions of one chain or group, and most frames of one stack: first and last ones.
_MAX_EXCEPTIONS = 8
_HEAD_FRAMES, _TAIL_FRAMES = 10, 30
_SOURCE_LENGTH = 200
_ELLIPSIS = "…"

# Frames with the line each was at.
Stack = list[tuple[FrameType, int]]

_REDIQ = str(Path(__file__).parents[1]) + "/"
_STANDARD_LIBRARY = sysconfig.get_path("stdlib") + "/"
_INSTALLED = ("/site-packages/", "/dist-packages/")


def message_of(error: BaseException, limit_bytes: int = MAX_MESSAGE_BYTES) -> str:
    """Return the exception's text, at most `limit_bytes` of UTF-8; never raises."""
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001  # a user's __str__ may raise anything
        return f"<the text of this {type(error).__name__} raised {type(second).__name__}>"
    return cut_text(text, limit_bytes)


def cut_text(text: str, limit_bytes: int) -> str:
    """Return valid text of at most `limit_bytes` of UTF-8, an ellipsis at the end if it was cut."""
    encoded = text[:limit_bytes].encode("utf-8", "backslashreplace")
    if len(text) <= limit_bytes and len(encoded) <= limit_bytes:
        return encoded.decode()
    kept = encoded[: limit_bytes - len(_ELLIPSIS.encode())]
    return kept.decode("utf-8", "ignore") + _ELLIPSIS


def traceback_of(error: BaseException) -> str:
    """Return a traceback of the exception and its causes, at most 16 KiB, head and tail kept."""
    text = "\n".join(_lines(error))
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) <= MAX_TRACEBACK_BYTES:
        return encoded.decode()
    mark = f"\n  … {len(encoded) - MAX_TRACEBACK_BYTES:,} bytes and more left out …\n".encode()
    tail = encoded[len(encoded) - (MAX_TRACEBACK_BYTES - _HEAD_BYTES - len(mark)) :]
    return (
        encoded[:_HEAD_BYTES].decode("utf-8", "ignore")
        + mark.decode()
        + tail.decode("utf-8", "ignore")
    )


def blamed_place(error: BaseException) -> str:
    """Return "file.py:function" of the innermost frame that is the user's own code, or "".

    Installed packages and the standard library are blamed only if the stack has nothing else.
    """
    stack = _stack(error)
    frames = [frame.f_code for frame, _ in _outside(stack) or stack]
    if not frames:
        return ""
    own = [code for code in frames if not _is_library(code.co_filename)]
    code = (own or frames)[-1]
    return f"{Path(code.co_filename).name}:{code.co_name}"


def _is_library(filename: str) -> bool:
    return filename.startswith((_STANDARD_LIBRARY, "<frozen ")) or any(
        part in filename for part in _INSTALLED
    )


def _lines(error: BaseException) -> Iterator[str]:
    chain = _chain(error)
    # Only a failure of Rediq itself has no frame outside, and then ours are all there is to say.
    has_outside = any(_outside(_stack(exception)) for exception, _ in chain)
    for link, (exception, how) in enumerate(chain):
        if link:
            yield f"\n{how}\n"
        stack = _stack(exception)
        yield from _lines_of_one(exception, _outside(stack) if has_outside else stack)
    if isinstance(error, BaseExceptionGroup):
        yield from _lines_of_group(error)


def _chain(error: BaseException) -> list[tuple[BaseException, str]]:
    """Return the exception's causes, oldest first, each with how it led to the one before."""
    chain: list[tuple[BaseException, str]] = []
    current: BaseException | None = error
    seen: set[int] = set()
    how = ""
    while current is not None and id(current) not in seen and len(chain) < _MAX_EXCEPTIONS:
        seen.add(id(current))
        chain.append((current, how))
        if current.__cause__ is not None:
            current, how = current.__cause__, "That was the cause of:"
        elif current.__suppress_context__:
            current = None
        else:
            current, how = current.__context__, "While that was handled, this happened:"
    # `how` was noted with the older of two; it is written in front of the newer.
    exceptions = [exception for exception, _ in reversed(chain)]
    hows = ["", *(how for _, how in reversed(chain))]
    return list(zip(exceptions, hows, strict=False))


def _lines_of_group(group: BaseExceptionGroup[BaseException]) -> Iterator[str]:
    for number, member in enumerate(group.exceptions[:_MAX_EXCEPTIONS], 1):
        yield f"\nMember {number} of {len(group.exceptions)}:\n"
        yield from _lines_of_one(member, _outside(_stack(member)))


def _lines_of_one(error: BaseException, frames: Stack) -> Iterator[str]:
    if frames:
        yield "Traceback (most recent call last):"
    left_out = len(frames) - _HEAD_FRAMES - _TAIL_FRAMES
    if left_out > 0:
        yield from map(_frame_text, frames[:_HEAD_FRAMES])
        yield f"  … {left_out} frames left out …"
        frames = frames[-_TAIL_FRAMES:]
    yield from map(_frame_text, frames)
    yield f"{_class_name(error)}: {message_of(error)}"
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        yield from (cut_text(note, 500) for note in notes[:_MAX_EXCEPTIONS] if type(note) is str)


def _class_name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else (f"{kind.__module__}.{kind.__qualname__}")
    )


def _stack(error: BaseException) -> Stack:
    """Return the frames an exception came through, outermost first."""
    stack = []
    traceback = error.__traceback__
    while traceback is not None:
        stack.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return stack


def _outside(stack: Stack) -> Stack:
    """Return the frames that are not Rediq's."""
    return [pair for pair in stack if not pair[0].f_code.co_filename.startswith(_REDIQ)]


def _frame_text(frame_and_line: tuple[FrameType, int]) -> str:
    frame, line_number = frame_and_line
    code = frame.f_code
    source = linecache.getline(code.co_filename, line_number, frame.f_globals).strip()
    place = f'  File "{code.co_filename}", line {line_number}, in {code.co_name}'
    return f"{place}\n    {source[:_SOURCE_LENGTH]}" if source else place
