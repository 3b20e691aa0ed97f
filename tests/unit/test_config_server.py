"""The fast path and the full loader choose the same server, or refuse with the same words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rediq_core.config.loader import load_settings, server_url
from rediq_core.config.quick import resolve_server
from rediq_core.config.redact import SECRET_FIELDS
from rediq_core.config.server import ServerChoice, TlsOptions
from rediq_core.errors import ConfigError

EMBEDDED = "unix:///run/rediq/s.sock"


@dataclass(frozen=True)
class Case:
    """What one command meets."""

    text: str = ""
    flag: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    env_file: str = ""
    profile: str = ""
    embedded: str | None = None


def prepare(folder: Path, case: Case) -> Path:
    for name, text in (("config.toml", case.text), (".env", case.env_file)):
        path = folder / name
        path.write_text(text)
        path.chmod(0o600)
    (folder / "url").write_text("redis://from-file:1/2\n")
    (folder / "pw").write_text("pw-file\n")
    (folder / "empty").write_text("\n")
    return folder / "config.toml"


def in_full(folder: Path, case: Case) -> ServerChoice:
    config = prepare(folder, case)
    loaded = load_settings(config, case.environ, {"redis.url": case.flag}, folder)
    return server_url(loaded, case.embedded, case.profile)


def fast(folder: Path, case: Case) -> ServerChoice:
    config = prepare(folder, case)
    return resolve_server(
        case.flag,
        case.environ,
        config,
        folder,
        profile=case.profile,
        find_embedded=lambda: case.embedded,
    )


FILE = "[redis]\nurl = 'redis://file'\n"
PROFILE = "[profiles.prod]\nurl = 'redis://prod'\n"
SECRET_FILE = "[redis]\nurl = 'redis://file'\npassword = 'pw-toml'\n"
ENV = {"REDIQ_URL": "redis://rediq-url", "REDIS_URL": "redis://redis-url"}
PASSWORD = {"REDIQ_REDIS_PASSWORD": "pw/env"}

CHOICES = [
    (Case(), "redis://localhost:6379/0", "default", True),
    (Case(embedded=EMBEDDED), EMBEDDED, "embedded server", True),
    (Case(FILE, embedded=EMBEDDED), "redis://file", "line 2", False),
    (Case(FILE, environ={"REDIS_URL": "redis://r"}), "redis://r", "environment REDIS_URL", False),
    (Case(FILE, environ=ENV), "redis://rediq-url", "environment REDIQ_URL", False),
    (
        Case(FILE, environ={**ENV, "REDIQ_URL": ""}),
        "redis://redis-url",
        "environment REDIS_URL",
        False,
    ),
    (Case(FILE, env_file="REDIS_URL=redis://e"), "redis://e", ".env REDIS_URL", False),
    (
        Case(FILE, env_file="REDIQ_URL=redis://e", environ={"REDIS_URL": "redis://r"}),
        "redis://r",
        "environment REDIS_URL",
        False,
    ),
    (Case(FILE, "redis://flag", ENV, embedded=EMBEDDED), "redis://flag", "flag", False),
    (Case(FILE + PROFILE, profile="prod", environ=ENV), "redis://prod", "line 4", False),
    (Case(PROFILE, "redis://flag", profile="prod"), "redis://flag", "flag", False),
    (Case("[profiles.x]\n" + FILE, profile="x"), "redis://file", "line 3", False),
    (Case("[redis]\nurl_file = 'url'"), "redis://from-file:1/2", "line 2", False),
    (
        Case("[redis]\nurl_file = 'url'", environ=ENV),
        "redis://rediq-url",
        "environment REDIQ_URL",
        False,
    ),
    (
        Case(FILE, environ={"REDIQ_REDIS_URL_FILE": "url"}),
        "redis://from-file:1/2",
        "environment REDIQ_REDIS_URL_FILE",
        False,
    ),
    (Case("[profiles.p]\nurl_file = 'url'", profile="p"), "redis://from-file:1/2", "line 2", False),
    # Passwords: put in where none is, from a stronger place over a weaker, never to another host.
    (Case(SECRET_FILE), "redis://:pw-toml@file", "line 2", False),
    (Case(SECRET_FILE, "redis://flag"), "redis://flag", "flag", False),
    (Case(SECRET_FILE, environ=ENV), "redis://rediq-url", "environment REDIQ_URL", False),
    (Case("[redis]\npassword = 'x'"), "redis://:x@localhost:6379/0", "default", True),
    (Case("[redis]\npassword = 'x'", embedded=EMBEDDED), EMBEDDED, "embedded server", True),
    (
        Case("[redis]\npassword_file = 'pw'\nurl = 'redis://ana@h'"),
        "redis://ana:pw-file@h",
        "line 3",
        False,
    ),
    (Case(SECRET_FILE, environ=PASSWORD), "redis://:pw%2Fenv@file", "line 2", False),
    (
        Case("[redis]\nurl = 'redis://:old@h'", environ=PASSWORD),
        "redis://:pw%2Fenv@h",
        "line 2",
        False,
    ),
    (Case("[redis]\nurl = 'redis://:old@h'\npassword = 'new'"), "redis://:old@h", "line 2", False),
    (Case(flag="redis://flag", environ=PASSWORD), "redis://:pw%2Fenv@flag", "flag", False),
    (
        Case(environ={**PASSWORD, "REDIQ_URL": "redis://:own@h"}),
        "redis://:own@h",
        "environment REDIQ_URL",
        False,
    ),
    (Case(SECRET_FILE + PROFILE, profile="prod"), "redis://prod", "line 5", False),
    (Case(PROFILE, profile="prod", environ=PASSWORD), "redis://:pw%2Fenv@prod", "line 2", False),
    (
        Case(PROFILE + "password_file = 'pw'", profile="prod", environ=PASSWORD),
        "redis://:pw-file@prod",
        "line 2",
        False,
    ),
    (
        Case(
            "[profiles.p]\nurl = 'redis://:own@h'\npassword_file = 'pw'",
            profile="p",
            environ=PASSWORD,
        ),
        "redis://:own@h",
        "line 2",
        False,
    ),
]


@pytest.mark.parametrize(("case", "url", "origin", "is_fallback"), CHOICES)
def test_the_strongest_place_names_the_server(
    tmp_path: Path, case: Case, url: str, origin: str, is_fallback: bool
) -> None:
    choice = in_full(tmp_path, case)
    assert choice.url == url
    assert choice.origin.removeprefix("file config.toml ") == origin
    assert choice.is_fallback is is_fallback


OPTIONS = """
[redis]
url = "rediss://file"
namespace = "shop"
connection_pool_size = 3
socket_timeout = "4s"
deadline = 9
tls = { ca = "ca.pem", cert = "c.pem", key = "/k.pem", verify = false, insecure = true }
[safety]
read_only = true
protected = ["prod*", "*.example.com"]
redact = ["pin"]
[profiles.prod]
url = "redis://db.example.org"
namespace = "other"
protected = false
[profiles.ro]
read_only = true
[profiles.careful]
protected = true
"""
LOOSE = OPTIONS.replace("read_only = true\nprotected", "read_only = false\nprotected")

SAME = [
    *(case for case, *_ in CHOICES),
    Case(OPTIONS),
    Case(OPTIONS, profile="prod"),
    Case(LOOSE, profile="ro"),
    Case(LOOSE, profile="careful"),
    Case(LOOSE, "redis://Cache.Example.com"),
    Case(LOOSE, environ={"REDIQ_READ_ONLY": "true", "REDIQ_REDIS_NAMESPACE": "env"}),
    Case("[redis]\ntls.insecure = true", "rediss://:p@h?ssl_cert_reqs=none"),
    Case(environ={"REDIQ_REDIS_NAMESPAC": "x"}),
]


@pytest.mark.parametrize("case", SAME)
def test_the_fast_path_makes_the_choice_of_the_full_one(tmp_path: Path, case: Case) -> None:
    assert fast(tmp_path, case) == in_full(tmp_path, case)


WRONG = [
    Case("[redis]\nurl = 3"),
    Case("[redis]\nurl = ''"),
    Case("[redis]\nurl = 'http://h'"),
    Case("[redis]\nurl = 'redis://h/zero'"),
    Case("[redis]\nuri = 'redis://h'"),
    Case("[redsi]\nurl = 'redis://h'"),
    Case("redis = 3"),
    Case("[redis]\ntls = 3"),
    Case("[redis]\nnamespace = 'a b'"),
    Case("[redis]\nconnection_pool_size = 0"),
    Case("[redis]\nconnection_pool_size = true"),
    Case("[redis]\nconnection_pool_size = '3'"),
    Case("[redis]\nsocket_timeout = 'x'"),
    Case("[redis]\nsocket_timeout = true"),
    Case("[redis]\nsocket_timeout = '1ms'"),
    Case("[redis]\ndeadline = -1"),
    Case("[redis]\npassword = 3"),
    Case("[redis.tls]\nverify = 'no'"),
    Case("[redis.tls]\nverify = false"),
    Case("[redis.tls]\nkey = 'k'"),
    Case("[redis.tls]\nca_file = 'k'"),
    Case("[safety]\nread_only = 'yes'"),
    Case("[safety]\nreadonly = true"),
    Case("[safety]\nprotected = 'prod'"),
    Case("[safety]\nredact = [1]"),
    Case("[safety]\nmax_payload = 'x'"),
    Case("[safety]\nmax_payload = 0"),
    Case("[safety]\nallowed_modules = ['a b']"),
    Case("profiles = 1"),
    Case("[profiles]\na = 1"),
    Case("[profiles.'a b']"),
    Case("[profiles.a]\nport = 1"),
    Case("[profiles.a]\nurl = 'redis://h:x'"),
    Case("[profiles.a]\nnamespace = ''"),
    Case("[profiles.a]\nprotected = 1"),
    Case("x ="),
    Case(FILE, "redis://:p/w@h"),
    Case(environ={"REDIQ_URL": "localhost:6379"}),
    Case(environ={"REDIQ_READ_ONLY": "maybe"}),
    Case(environ={"REDIQ_REDIS_CONNECTION_POOL_SIZE": "many"}),
    Case(PROFILE, profile="prd"),
    Case(profile="prod"),
    Case("[redis]\nurl = 'redis://h'\nurl_file = 'url'"),
    Case("[profiles.p]\nurl = 'redis://h'\nurl_file = 'url'", profile="p"),
    Case("[redis]\nurl_file = 'no-such'"),
    Case("[redis]\nurl_file = 'pw'"),
    Case("[redis]\npassword_file = 'empty'"),
    Case("[redis]\npassword_file = 'no-such'"),
    Case("[redis]\nurl = 'rediss://h?ssl_cert_reqs=none'"),
    Case("[redis]\nurl = '${NO_SUCH}'"),
]


@pytest.mark.parametrize("case", WRONG)
def test_the_fast_path_refuses_with_the_words_of_the_full_one(tmp_path: Path, case: Case) -> None:
    with pytest.raises(ConfigError) as full_error:
        in_full(tmp_path, case)
    with pytest.raises(ConfigError) as fast_error:
        fast(tmp_path, case)
    assert str(fast_error.value) == str(full_error.value)


def test_a_mistake_in_a_section_for_workers_keeps_nobody_from_looking(tmp_path: Path) -> None:
    case = Case(FILE + "[worker]\nconcurrency = 'ten'\n")
    assert fast(tmp_path, case).url == "redis://file"
    with pytest.raises(ConfigError):
        in_full(tmp_path, case)


def test_every_option_of_a_server_is_read(tmp_path: Path) -> None:
    choice = in_full(tmp_path, Case(OPTIONS))
    assert choice == ServerChoice(
        url="rediss://file",
        origin="file config.toml line 3",
        is_fallback=False,
        namespace="shop",
        tls=TlsOptions(tmp_path / "ca.pem", tmp_path / "c.pem", Path("/k.pem"), verify=False),
        connection_pool_size=3,
        socket_timeout_ms=4_000,
        deadline_ms=9_000,
        is_read_only=True,
        redact=(*SECRET_FIELDS, "pin"),
        config_path=tmp_path / "config.toml",
        warnings=("the server's certificate is not checked ([redis.tls] insecure).",),
    )


@pytest.mark.parametrize(
    ("case", "is_protected", "is_read_only", "namespace"),
    [
        (Case(LOOSE), False, False, "shop"),
        (Case(LOOSE, profile="prod"), True, False, "other"),
        (Case(LOOSE, profile="ro"), False, True, "shop"),
        (Case(LOOSE, profile="careful"), True, False, "shop"),
        (Case(LOOSE, "redis://Cache.Example.com"), True, False, "shop"),
        (Case(LOOSE, "redis+cluster://a,b.example.com"), True, False, "shop"),
        (Case(LOOSE, environ={"REDIQ_READ_ONLY": "1"}), False, True, "shop"),
        (Case(OPTIONS, environ={"REDIQ_READ_ONLY": "0"}), False, False, "shop"),
        (Case(), False, False, "rediq"),
    ],
)
def test_what_may_be_done_on_a_server_is_known(
    tmp_path: Path, case: Case, is_protected: bool, is_read_only: bool, namespace: str
) -> None:
    choice = fast(tmp_path, case)
    assert (choice.is_protected, choice.is_read_only) == (is_protected, is_read_only)
    assert choice.namespace == namespace


def test_a_password_on_the_command_line_is_warned_about_and_not_shown(tmp_path: Path) -> None:
    choice = fast(tmp_path, Case(flag="redis://:kAnArY@h/0"))
    assert choice.safe_url == "redis://:***@h/0"
    assert "kAnArY" not in repr(choice)
    assert [warning for warning in choice.warnings if "--url" in warning]
    assert "kAnArY" not in "".join(choice.warnings)


def test_a_password_from_elsewhere_is_not_warned_about(tmp_path: Path) -> None:
    assert fast(tmp_path, Case(flag="redis://h", environ=PASSWORD)).warnings == ()
    assert fast(tmp_path, Case(environ={"REDIQ_URL": "redis://:x@h"})).warnings == ()


def test_a_profile_that_is_nearly_right_is_proposed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        fast(tmp_path, Case(PROFILE, profile="prd"))
    assert caught.value.next_step == "Did you mean prod?"


def test_the_embedded_server_is_looked_for_only_if_nothing_is_configured(tmp_path: Path) -> None:
    def unwanted() -> str | None:
        raise AssertionError("looked for")

    config = prepare(tmp_path, Case(FILE))
    assert resolve_server(None, {}, config, tmp_path, find_embedded=unwanted).url == "redis://file"


def test_a_library_reads_its_argument_its_variables_and_no_file(tmp_path: Path) -> None:
    assert resolve_server("redis://a", {}).origin == "argument"
    assert resolve_server("redis://:a@h", {}).warnings == ()
    assert resolve_server(None, ENV).origin == "environment REDIQ_URL"
    config = prepare(tmp_path, Case(FILE))
    assert resolve_server(None, {"REDIQ_CONFIG": str(config)}).url == "redis://file"


def test_the_fast_path_imports_neither_pydantic_nor_redis(tmp_path: Path) -> None:
    prepare(tmp_path, Case(OPTIONS, env_file="REDIS_URL=redis://e"))
    script = (
        "import sys, pathlib\n"
        "from rediq_core.config.quick import resolve_server\n"
        "import rediq_core.config.redact\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "resolve_server(None, {}, folder / 'config.toml', folder, profile='prod')\n"
        "print(sorted({'pydantic', 'pydantic_core', 'redis', 'tomli_w'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
