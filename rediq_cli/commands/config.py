"""`rediq config`: write, show, change and check the configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rediq_cli.exit_codes import ExitCode
from rediq_cli.leaf import Group
from rediq_cli.output.json import Json, line
from rediq_cli.output.neutralise import safe
from rediq_cli.output.table import Cell, Column
from rediq_cli.output.writer import Listing
from rediq_cli.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from rediq_core.config.loader import LoadedSettings
    from rediq_core.config.show import Row
    from rediq_core.errors import ConfigError

GROUP = Group("config")


@GROUP.leaf(
    "init",
    examples=[("config init", "write ./rediq.toml"), ("config init shop.toml", "")],
)
def init(
    session: Session,
    path: Annotated[
        str | None, typer.Argument(metavar="FILE", help="the new file; else -c, else ./rediq.toml")
    ] = None,
) -> None:
    """Write a commented configuration file that names every setting."""
    from pathlib import Path

    from rediq_core.config.editing import init_file
    from rediq_core.config.files import DEFAULT_FILE

    session.refuse_if_read_only()
    target = Path(path or session.options.config or DEFAULT_FILE)
    init_file(target)
    session.out.one(
        lines=lambda: [f"wrote {safe(str(target))}; check it: rediq config check -c {target}"],
        record=lambda: {"path": str(target)},
        ids=[str(target)],
    )


@GROUP.leaf(
    "show",
    examples=[
        ("config show", "the settings in force"),
        ("config show --origin", "where each value comes from"),
        ("config show worker", "one section"),
    ],
)
def show(
    session: Session,
    section: Annotated[
        str | None, typer.Argument(metavar="SECTION", help="a section, or the start of a key")
    ] = None,
    has_origin: Annotated[
        bool, typer.Option("--origin", help="say where each value comes from")
    ] = False,
) -> None:
    """Show the settings in force, secrets hidden."""
    from rediq_core.config.show import rows_of
    from rediq_core.errors import InvalidOption

    rows = [row for row in rows_of(_load(session)) if section is None or _is_in(row, section)]
    if section is not None and not rows:
        raise InvalidOption(
            f"no setting is called {section!r} or starts with it.",
            next_step="See all: rediq config show",
        )
    has_origin = has_origin or session.out.format == "wide"
    columns = [Column("KEY"), Column("VALUE", is_flexible=True)]
    columns += [Column("ORIGIN", is_flexible=True)] if has_origin else []
    listing: Listing[Row] = Listing(
        columns=columns,
        row=lambda row: _cells(row, has_origin=has_origin),
        record=_record,
        id_of=lambda row: row.key,
    )
    session.out.items(rows, listing)


@GROUP.leaf(
    "set",
    examples=[
        ("config set worker.concurrency 20", ""),
        ("config set queues.payment.timeout 60s -c shop.toml", ""),
    ],
)
def set_value(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="KEY", help="such as worker.concurrency")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="text, number, true or a list")],
) -> None:
    """Change one setting in the file, which loses its comments."""
    from rediq_core.config.editing import set_key
    from rediq_core.config.redact import redact_fields

    session.refuse_if_read_only()
    target = _file_to_edit(session)
    written = set_key(target, key, value)
    shown = redact_fields({key.rpartition(".")[2]: written})
    text = next(iter(shown.values())) if isinstance(shown, dict) else written
    session.out.one(
        lines=lambda: [f"{safe(key)} = {safe(line(_json(text)))} in {safe(str(target))}"],
        record=lambda: {"key": key, "value": _json(text), "path": str(target)},
        ids=[key],
    )


@GROUP.leaf(
    "check",
    examples=[
        ("config check", "exit 6 if something is wrong"),
        ("config check -c /srv/shop/config.toml", ""),
    ],
)
def check(session: Session) -> None:
    """Check every setting and import every handler, without connecting."""
    import os
    from pathlib import Path

    from rediq_core.config.files import find_file
    from rediq_core.config.loader import server_url
    from rediq_core.errors import ConfigError
    from rediq_core.worker import check_handlers, plan_worker

    types: dict[str, list[str]] = {}
    problems: list[ConfigError] = []
    path: Path | None = None
    try:
        path = find_file(session.config_path, os.environ, Path.cwd())
        loaded = _load(session)
        if loaded.settings.queues or loaded.settings.worker.handlers:
            server = server_url(loaded, None, session.options.profile or "")
            plan = plan_worker(loaded, server, [], _root(loaded))
            types, problems = check_handlers(plan)
    except ConfigError as error:
        problems = [error]
    _show_check(session, path or session.config_path, types, problems)
    if problems:
        raise typer.Exit(ExitCode.TIMED_OUT)


@GROUP.leaf(
    "acl",
    examples=[
        ("config acl", "users with the least that each part needs; put passwords in"),
        ("config acl --role readonly | sed s/CHANGE-ME/s3cret/ | redis-cli", ""),
        ("config acl --json", "the commands and scripts of each role"),
    ],
)
def acl(
    session: Session,
    role: Annotated[
        str | None,
        typer.Option("--role", metavar="ROLE", help="worker, producer, operator or readonly"),
    ] = None,
) -> None:
    """Print ACL rules for Redis users: worker, producer, operator, read-only.

    They are made from what the scripts send, for the namespace in use. Nothing is connected to.
    """
    from rediq_core.admin import Role, acl_rules, sentinel_rule
    from rediq_core.errors import InvalidOption

    if role is not None and role not in tuple(Role):
        raise InvalidOption(
            f"there is no role {role!r}.",
            cause=f"Roles are {', '.join(Role)}.",
            next_step="See them all: rediq config acl",
        )
    server = session.server
    scheme = server.url.partition("://")[0]
    rules = acl_rules(server.namespace, is_cluster=scheme.endswith("+cluster"))
    shown = [rule for rule in rules if role in (None, rule.role.value)]
    for_sentinels = [sentinel_rule(server.namespace)] if scheme.endswith("+sentinel") else []
    session.out.one(
        lines=lambda: [*(safe(rule.command, limit=0) for rule in shown)],
        record=lambda: [
            {
                "role": rule.role.value,
                "user": rule.name,
                "rule": rule.rule,
                "command": rule.command,
                "commands": list(rule.commands),
                "scripts": list(rule.scripts),
            }
            for rule in shown
        ],
        ids=[rule.name for rule in shown],
    )
    session.say.note("Replace CHANGE-ME by a password for each user.")
    for line_ in for_sentinels:
        session.say.note(f"On each Sentinel: {line_}")


def _show_check(
    session: Session,
    path: Path | None,
    types: dict[str, list[str]],
    problems: list[ConfigError],
) -> None:
    if session.out.is_for_people:
        for error in problems:
            session.say.error(error)
    said = f"{len(problems)} problems found" if len(problems) > 1 else "1 problem found"
    session.out.one(
        lines=lambda: [
            f"{safe(str(path or 'the defaults'))}: {said if problems else 'no problems found'}",
            *(f"  {safe(queue)}: {safe(', '.join(names))}" for queue, names in types.items()),
        ],
        record=lambda: {
            "path": str(path) if path else None,
            "problems": [
                {
                    "code": error.code,
                    "message": error.message,
                    "cause": error.cause,
                    "next_step": error.next_step,
                }
                for error in problems
            ],
            "types": types,
        },
        ids=[error.code for error in problems],
    )


def _root(loaded: LoadedSettings) -> Path:
    from pathlib import Path

    return loaded.path.parent if loaded.path is not None else Path.cwd()


def _load(session: Session) -> LoadedSettings:
    import os
    from pathlib import Path

    from rediq_core.config.loader import load_settings

    flags = {"redis.url": session.options.url}
    loaded = load_settings(session.config_path, os.environ, flags, Path.cwd())
    for warning in loaded.warnings:
        session.say.warn(warning)
    return loaded


def _is_in(row: Row, section: str) -> bool:
    return row.key == section or row.key.startswith(section.rstrip(".") + ".")


def _cells(row: Row, *, has_origin: bool) -> list[Cell]:
    value = None if row.value is None else line(_json(row.value))
    return [row.key, value, row.origin] if has_origin else [row.key, value]


def _record(row: Row) -> Json:
    return {"key": row.key, "value": _json(row.value), "origin": row.origin}


def _json(value: object) -> Json:
    """Return a value of the settings as JSON; they are dumped as JSON values already."""
    if isinstance(value, dict):
        return {str(key): _json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _file_to_edit(session: Session) -> Path:
    import os
    from pathlib import Path

    from rediq_core.config.files import DEFAULT_FILE, find_file

    named = session.config_path
    if named is not None:
        return named
    return find_file(None, os.environ, Path.cwd()) or Path(DEFAULT_FILE)
