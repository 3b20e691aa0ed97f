"""Register a function as a command, with the global options and its own help.

A command is a function whose first parameter is its `Session`. Typer sees it under a signature
in which the session is replaced by the global options; the function stays as it is written. What
Typer cannot know, the examples, is kept beside the command for help and completion. Options that
several commands share are a dataclass: a parameter of that type stands for its fields.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Concatenate, ParamSpec, get_args

import typer
from typer.models import ArgumentInfo, OptionInfo

from rediq_cli.diagnostics import DIAGNOSTICS, ReaderGoneError
from rediq_cli.help import LeafHelp, ParameterHelp, leaf_help
from rediq_cli.importing import end_imports
from rediq_cli.options import (
    GlobalOptions,
    is_read_only_by_environment,
    output_format,
    profile_by_environment,
)
from rediq_cli.session import Session
from rediq_cli.tree import VERB_ALIASES

P = ParamSpec("P")

Examples = Sequence[tuple[str, str]]


def _declared(
    *,
    url: Annotated[str | None, typer.Option("--url")] = None,
    config: Annotated[str | None, typer.Option("--config", "-c")] = None,
    profile: Annotated[str | None, typer.Option("--profile", "-P")] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FORMAT")] = None,
    is_json: Annotated[bool, typer.Option("--json")] = False,
    no_color: Annotated[bool, typer.Option("--no-color")] = False,
    is_quiet: Annotated[bool, typer.Option("--quiet", "-q")] = False,
    is_debug: Annotated[bool, typer.Option("--debug")] = False,
    is_read_only: Annotated[bool, typer.Option("--read-only")] = False,
) -> GlobalOptions:
    """Declare the global options by this signature, and read their values."""
    return GlobalOptions(
        url=url,
        config=config,
        profile=profile or profile_by_environment(),
        output=output_format(output, is_json=is_json),
        has_color=not no_color,
        is_quiet=is_quiet,
        is_debug=is_debug,
        is_read_only=is_read_only or is_read_only_by_environment(),
    )


_GLOBALS = inspect.signature(_declared, eval_str=True).parameters


@dataclass(frozen=True, slots=True)
class Leaf:
    """A command as it was declared.

    Attributes:
        verb: Its last word.
        help: What its help says.
        parameters: Its own parameters, without the session; bundles taken apart.
        bundles: Parameter to the dataclass of shared options that it is given.
    """

    verb: str
    help: LeafHelp
    parameters: tuple[inspect.Parameter, ...]
    bundles: Mapping[str, type]

    def arguments(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return what the function is called with, from the values of the parameters."""
        own = {parameter.name: values[parameter.name] for parameter in self.parameters}
        for name, bundle in self.bundles.items():
            own[name] = bundle(**{field: own.pop(field) for field in _fields(bundle)})
        return own


class Group:
    """The commands of one noun.

    Attributes:
        noun: The first word.
        app: The Typer application that parses the rest.
        leaves: The commands by verb, in the order of their declaration.
    """

    def __init__(self, noun: str, *, is_single: bool = False) -> None:
        self.noun = noun
        self.is_single = is_single
        self.leaves: dict[str, Leaf] = {}
        self.app = typer.Typer(
            add_completion=False,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            pretty_exceptions_show_locals=False,
        )

    def leaf(
        self, verb: str, *, examples: Examples = ()
    ) -> Callable[
        [Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]
    ]:
        """Register a command under a verb and under the verb's short form.

        Args:
            verb: The second word; of a single command, the noun.
            examples: Command lines without "rediq", each with what it does or "".
        """

        def register(
            function: Callable[Concatenate[Session, P], None],
        ) -> Callable[Concatenate[Session, P], None]:
            declared = tuple(inspect.signature(function, eval_str=True).parameters.values())[1:]
            bundles = {each.name: each.annotation for each in declared if _is_bundle(each)}
            parameters = tuple(
                parameter
                for each in declared
                for parameter in (_fields(each.annotation).values() if _is_bundle(each) else [each])
            )
            path = verb if self.is_single else f"{self.noun} {verb}"
            shown = tuple(map(_parameter_help, parameters))
            text = LeafHelp(path, _description(function), examples, shown)
            leaf = Leaf(verb, text, parameters, bundles)
            self.leaves[verb] = leaf
            callback = _callback(leaf, function)
            for name in filter(None, (verb, VERB_ALIASES.get(verb))):
                self.app.command(name, add_help_option=False)(callback)
            return function

        return register


def _is_bundle(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)


def _fields(bundle: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(bundle, eval_str=True).parameters


def _callback(leaf: Leaf, function: Callable[..., None]) -> Callable[..., None]:
    """Return what Typer calls: it reads the global options and hands on a session."""

    def callback(**values: object) -> None:
        options = _options({name: values[name] for name in _GLOBALS})
        try:
            end_imports()
            with Session(options) as session:
                function(session, **leaf.arguments(values))
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    declared = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (*leaf.parameters, *_GLOBALS.values(), _help_parameter(leaf))
    ]
    callback.__signature__ = inspect.Signature(declared)  # type: ignore[attr-defined]  # functions take any attribute
    callback.__annotations__ = {}
    return callback


def _options(values: Mapping[str, object]) -> GlobalOptions:
    # Typer has checked the values against the signature of `_declared`.
    options = _declared(**values)  # type: ignore[arg-type]  # a mapping by name has no types
    DIAGNOSTICS.configure(
        is_quiet=options.is_quiet, is_debug=options.is_debug, no_color=not options.has_color
    )
    return options


def _help_parameter(leaf: Leaf) -> inspect.Parameter:
    def show(is_wanted: bool) -> None:
        if is_wanted:
            sys.stdout.write(leaf_help(leaf.help) + "\n")
            raise typer.Exit

    option = typer.Option("--help", "-h", is_eager=True, callback=show)
    return inspect.Parameter(
        "is_help_wanted",
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, option],
    )


def _description(function: Callable[..., None]) -> str:
    return inspect.getdoc(function) or ""


def _parameter_help(parameter: inspect.Parameter) -> ParameterHelp:
    kind, info = get_args(parameter.annotation)[:2]
    if isinstance(info, ArgumentInfo):
        name = info.metavar or parameter.name.upper()
        is_required = parameter.default is inspect.Parameter.empty
        return ParameterHelp(name if is_required else f"[{name}]", name, info.help or "")
    names = ", ".join(option_names(info))
    value = "" if kind is bool else f" {info.metavar or 'TEXT'}"
    return ParameterHelp("", names + value, info.help or "")


def option_names(info: OptionInfo) -> list[str]:
    """Return how an option is written, short form first."""
    # In Annotated, Typer keeps the first name where a default would stand.
    first = [info.default] if isinstance(info.default, str) else []
    return sorted([*first, *(info.param_decls or ())], key=len)
