"""Write copies of tasks to a file before something is done to them.

The file is new, readable by its owner alone (payloads may hold secrets), and written out before
each batch is acted on. It holds what `rediq task import` takes back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from rediq_core.errors import InvalidOption


class SaveFile:
    """A file of task lines; leaving the with-block closes it.

    Attributes:
        path: Where it is.
        count: Lines written so far.
    """

    def __init__(self, name: str) -> None:
        """Make the file.

        Raises:
            InvalidOption: It is there already, or cannot be made.
        """
        self.path = Path(name)
        self.count = 0
        try:
            self._descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise InvalidOption(
                f"{name} is there already.",
                cause="A copy of tasks never replaces a file.",
                next_step="Name another file.",
            ) from error
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def __enter__(self) -> SaveFile:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def write(self, lines: Iterable[bytes]) -> None:
        """Write lines and hand them to the disk.

        Raises:
            InvalidOption: The disk refuses them.
        """
        chunk = list(lines)
        left = memoryview(b"".join(chunk))
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self.count += len(chunk)


def _unwritable(path: Path, error: OSError) -> InvalidOption:
    return InvalidOption(
        f"cannot write {path}.",
        cause=f"{error.strerror}.",
        next_step="Name another file. What was not saved was not touched.",
    )
