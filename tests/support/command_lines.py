"""Check command lines that stand in documents and deployments, without running them."""

from __future__ import annotations

from collections.abc import Sequence
from unittest import mock

from rediq_cli.main import dispatch


class ParsedError(BaseException):
    """The words were understood, and the command would begin now."""


def check_words(words: Sequence[str]) -> None:
    """Let the real parser read the words behind `rediq`, up to where the command would begin.

    Raises:
        AssertionError: It was no command at all, such as a help page.
        RediqError: The parser refuses them.
    """
    with mock.patch("rediq_cli.leaf.Session", side_effect=ParsedError):
        try:
            dispatch(list(words))
        except ParsedError:
            return
    raise AssertionError(f"rediq {' '.join(words)} runs no command")
