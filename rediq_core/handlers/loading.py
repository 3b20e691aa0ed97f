"""Find a Mux or a middleware by the path that a configuration or command line gives.

"order_system.handlers.payment" is a module that holds exactly one Mux; "order_system.handlers:mux"
names one; "order_system.log:audit" names a middleware. The path is checked, then imported; nothing
else is looked up in it, and nothing that came from Redis ever gets here. A module that is not there
and one that fails while it is imported are told apart: they need different fixes.
"""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from rediq_core.errors import ConfigError
from rediq_core.handlers.middleware import Middleware, check_middleware
from rediq_core.handlers.mux import Mux
from rediq_core.handlers.tracebacks import message_of

_SPEC = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::([^\W\d]\w*))?")
_SHOWN_CHARACTERS = 120


def import_root(folder: Path) -> Path:
    """Let modules be imported from this folder before any other.

    Args:
        folder: The folder of the configuration file, or the current one.

    Returns:
        The absolute folder that now is first on `sys.path`.
    """
    root = folder.resolve()
    entry = str(root)
    sys.path[:] = [entry, *(other for other in sys.path if other != entry)]
    importlib.invalidate_caches()
    return root


def load_mux(spec: str, origin: str = "", *, looked_in: str = "", run_from: str = "") -> Mux:
    """Import a module and return its Mux.

    Args:
        spec: "package.module", or "package.module:attribute".
        origin: Where the path was given, such as "[queues.payment] handlers, config.toml line 9".
        looked_in: Where modules are looked for first, such as "/srv/shop (the folder of
            config.toml)".
        run_from: A command that would look in the right place.

    Raises:
        ConfigError: It is no path, cannot be imported, or holds no Mux or several.
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ConfigError(
            f"{spec[:_SHOWN_CHARACTERS]!r} is not a handler module{_given(origin)}.",
            next_step='Write "package.module", or "package.module:attribute".',
        )
    module_name, attribute = match.groups()
    module = _import(module_name, spec, origin, looked_in=looked_in, run_from=run_from)
    if attribute is None:
        return _only_mux(module, spec, origin)
    mux = getattr(module, attribute, None)
    if not isinstance(mux, Mux):
        found = "There is no such name" if mux is None else f"It is of type {type(mux).__name__}"
        raise ConfigError(
            f'"{spec}" is not a Mux{_given(origin)}.',
            cause=f"{found}; it holds {_muxes_in(module)}.",
        )
    return mux


def import_middleware(spec: str, origin: str = "", *, looked_in: str = "") -> Middleware:
    """Import a middleware that a configuration names.

    Args:
        spec: "package.module:attribute"; a class is called without arguments.
        origin: Where the path was given.
        looked_in: Where modules are looked for first.

    Raises:
        ConfigError: It is no such path, cannot be imported or made, or is no middleware.
    """
    match = _SPEC.fullmatch(spec)
    if match is None or match[2] is None:
        raise ConfigError(
            f"{spec[:_SHOWN_CHARACTERS]!r} does not name a middleware{_given(origin)}.",
            next_step='Write "package.module:attribute".',
        )
    module = _import(match[1], spec, origin, looked_in=looked_in, run_from="")
    try:
        found: object = getattr(module, match[2], None)
        if found is None:
            raise ConfigError(f"{match[1]} has no {match[2]}.", next_step="Check the spelling.")
        return check_middleware(found() if isinstance(found, type) else found)
    except ConfigError as error:
        raise ConfigError(
            f'"{spec}" is not a middleware{_given(origin)}.',
            cause=error.cause or error.message,
            next_step=error.next_step,
        ) from error
    except Exception as error:  # making it runs a user's code, which may raise anything
        raise ConfigError(
            f'cannot make a middleware of "{spec}"{_given(origin)}.',
            cause=f"It was called without arguments, and failed with {type(error).__name__}:"
            f" {message_of(error, 500)} {_place_in_module(error)}".rstrip(),
            next_step="Make an instance in a module, and name that.",
        ) from error


def _import(
    module_name: str, spec: str, origin: str, *, looked_in: str, run_from: str
) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and (module_name == missing or module_name.startswith(f"{missing}.")):
            looked = f"; looked first in {looked_in}" if looked_in else ""
            run = f", or run from the project: {run_from}" if run_from else ""
            raise ConfigError(
                _cannot_import(spec, origin),
                cause=f"No module named {missing!r}{looked}.",
                next_step=f"Check the spelling{run}",
            ) from error
        raise _failed_inside(spec, origin, error) from error
    except Exception as error:  # importing runs a user's module, which may raise anything
        raise _failed_inside(spec, origin, error) from error


def _failed_inside(spec: str, origin: str, error: Exception) -> ConfigError:
    return ConfigError(
        _cannot_import(spec, origin),
        cause=f"It was found, and failed with {type(error).__name__}:"
        f" {message_of(error, 500)} {_place_in_module(error)}".rstrip(),
        next_step="Fix it, or see the whole traceback with --debug",
    )


def _place_in_module(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return ""  # its text names the place
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    return f'(File "{frames[-1].filename}", line {frames[-1].lineno})' if frames else ""


def _cannot_import(spec: str, origin: str) -> str:
    return f'cannot import "{spec}"{_given(origin)}.'


def _given(origin: str) -> str:
    return f" ({origin})" if origin else ""


def _only_mux(module: ModuleType, spec: str, origin: str) -> Mux:
    muxes = _named_muxes(module)
    if len(set(map(id, muxes.values()))) == 1:
        return next(iter(muxes.values()))
    raise ConfigError(
        f'"{spec}" holds {"no Mux" if not muxes else "more than one Mux"}{_given(origin)}.',
        cause=f"It holds {_muxes_in(module)}.",
        next_step=f'Name one: "{spec}:{next(iter(muxes))}"'
        if muxes
        else "Add one: mux = Mux(), with the module's handlers under @mux.handler(…).",
    )


def _named_muxes(module: ModuleType) -> dict[str, Mux]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Mux)}


def _muxes_in(module: ModuleType) -> str:
    names = ", ".join(_named_muxes(module))
    return names or "no Mux"
