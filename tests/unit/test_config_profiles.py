"""A person's own profiles lie beneath the project's, and bring nothing else along."""

from __future__ import annotations

from pathlib import Path

import pytest

from rediq_core.config.loader import load_settings, server_url
from rediq_core.config.profiles import own_file
from rediq_core.config.quick import resolve_server
from rediq_core.config.server import ServerChoice
from rediq_core.errors import ConfigError

OWN = """\
[profiles.prod]
url = "redis://own-prod:6379/0"
protected = true
read_only = true

[profiles.stage]
url = "redis://own-stage:6379/0"
password_file = "stage.secret"
"""


class Home:
    """A home with a file of profiles, and a project."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "home" / ".config" / "rediq" / "config.toml"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(OWN)
        (self.file.parent / "stage.secret").write_text("s3cret\n")
        self.project = folder / "project"
        self.project.mkdir()
        self.environ = {"HOME": str(folder / "home")}

    def choose(self, profile: str, **environ: str) -> ServerChoice:
        """Return the quick choice, which the full loader has to share."""
        environment = {**self.environ, **environ}
        quick = resolve_server(None, environment, None, self.project, profile=profile)
        loaded = load_settings(None, environment, {}, self.project)
        assert server_url(loaded, None, profile) == quick
        return quick


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_profile_of_ones_own_is_used_and_its_place_is_named(home: Home) -> None:
    choice = home.choose("prod")

    assert choice.url == "redis://own-prod:6379/0"
    assert choice.origin == f"file {home.file} line 2"
    assert (choice.is_protected, choice.is_read_only, choice.profile) == (True, True, "prod")


def test_a_password_file_lies_beside_ones_own_file(home: Home) -> None:
    choice = home.choose("stage")

    assert choice.url == "redis://:s3cret@own-stage:6379/0"
    assert (choice.is_protected, choice.is_read_only) == (False, False)


def test_a_projects_profile_of_the_same_name_goes_before(home: Home) -> None:
    (home.project / "rediq.toml").write_text('[profiles.prod]\nurl = "redis://project:6379/0"\n')

    choice = home.choose("prod")

    assert choice.url == "redis://project:6379/0"
    assert choice.origin == "file rediq.toml line 2"
    assert not choice.is_read_only
    assert home.choose("stage").url.endswith("@own-stage:6379/0")


def test_a_profile_goes_before_the_environments_url(home: Home) -> None:
    assert home.choose("prod", REDIQ_URL="redis://env:6379/0").url == "redis://own-prod:6379/0"
    assert home.choose("", REDIQ_URL="redis://env:6379/0").url == "redis://env:6379/0"


def test_other_tables_of_ones_own_file_are_left_out_and_named(home: Home) -> None:
    home.file.write_text(OWN + '[redis]\nurl = "redis://sneaky:6379/0"\n')

    choice = home.choose("")

    assert choice.url == "redis://localhost:6379/0"
    assert choice.warnings == (f"{home.file}: only [profiles] is read there, not [redis].",)


def test_an_unknown_profile_names_both_files(home: Home) -> None:
    (home.project / "rediq.toml").write_text('[profiles.shop]\nurl = "redis://shop:6379/0"\n')

    with pytest.raises(ConfigError) as refused:
        home.choose("prd")

    assert refused.value.message == 'there is no profile "prd".'
    assert refused.value.cause == (
        f"Profiles are the tables of [profiles] in {home.project / 'rediq.toml'} and {home.file}:"
        " prod, shop, stage."
    )
    assert refused.value.next_step == "Did you mean prod?"


def test_a_file_that_others_may_write_is_refused(home: Home) -> None:
    home.file.chmod(0o666)

    with pytest.raises(ConfigError, match="may be written by everybody"):
        home.choose("prod")


def test_a_mistake_in_ones_own_profile_is_refused_with_its_place(home: Home) -> None:
    home.file.write_text("[profiles.prod]\nprotected = 3\n")

    with pytest.raises(ConfigError, match=str(home.file)):
        home.choose("prod")


def test_a_library_reads_no_file_of_a_person(home: Home) -> None:
    with pytest.raises(ConfigError, match='no profile "prod"'):
        resolve_server(None, home.environ, None, None, profile="prod")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, Path("/x/rediq/config.toml")),
        ({"HOME": "/h"}, Path("/h/.config/rediq/config.toml")),
        ({}, None),
    ],
)
def test_where_ones_own_file_is(environ: dict[str, str], expected: Path | None) -> None:
    assert own_file(environ) == expected
