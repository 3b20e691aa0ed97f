"""The exit code of each outcome, in one table.

Scripts branch on these numbers, so they never change meaning. `rediq check` alone uses the
monitoring codes 0 to 3. This is not the place that exits: `diagnostics` does.
"""

from __future__ import annotations

from enum import IntEnum

from rediq_core import errors


class ExitCode(IntEnum):
    """What a number returned to the shell means."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    REFUSED = 5
    TIMED_OUT = 6
    INTERRUPTED = 130


# Looked up along the class's bases, so a new error class is FAILED until it says otherwise.
_BY_CLASS: dict[type[BaseException], ExitCode] = {
    errors.RedisUnavailable: ExitCode.UNREACHABLE,
    errors.InvalidPayload: ExitCode.USAGE,
    errors.PayloadTooLarge: ExitCode.USAGE,
    errors.InvalidOption: ExitCode.USAGE,
    errors.InvalidCron: ExitCode.USAGE,
    errors.ConfigError: ExitCode.USAGE,
    errors.QueueNotFound: ExitCode.NOT_FOUND,
    errors.TaskNotFound: ExitCode.NOT_FOUND,
    errors.WorkerNotFound: ExitCode.NOT_FOUND,
    errors.OperationNotFound: ExitCode.NOT_FOUND,
    errors.ScheduleNotFound: ExitCode.NOT_FOUND,
    errors.GroupNotFound: ExitCode.NOT_FOUND,
    errors.UnknownDependency: ExitCode.NOT_FOUND,
    errors.Refused: ExitCode.REFUSED,
    errors.TaskTimeout: ExitCode.TIMED_OUT,
    errors.ResultTimeout: ExitCode.TIMED_OUT,
    errors.RediqError: ExitCode.FAILED,
}


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit code of an error; anything outside the error tree is FAILED."""
    for base in type(error).__mro__:
        if base in _BY_CLASS:
            return _BY_CLASS[base]
    return ExitCode.FAILED
