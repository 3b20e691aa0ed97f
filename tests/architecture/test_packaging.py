"""What is declared, what is locked and what is shipped are the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import rediq_cli
import rediq_core

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]


def requirements_of(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-r "))}


def locked_names(name: str) -> set[str]:
    text = (ROOT / "requirements" / name).read_text()
    return set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))


def bare(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9-]+", requirement)
    assert match is not None, requirement
    return match.group().lower()


def test_the_environment_holds_what_the_project_declares() -> None:
    declared = {
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["embedded"],
        *PYPROJECT["build-system"]["requires"],  # installed without isolation
    }

    assert requirements_of("run.in") == declared


def test_every_requirement_is_locked_and_the_locks_agree() -> None:
    run, dev = locked_names("run.lock"), locked_names("dev.lock")
    examples = locked_names("examples.lock")
    needed = requirements_of("../examples/order_system/requirements.txt")

    assert {bare(line) for line in requirements_of("run.in")} - run == set()
    assert {bare(line) for line in needed} - examples == set()
    assert {bare(line) for line in requirements_of("dev.in")} - dev == set()
    assert run - examples == set()
    assert examples - dev == set()


def test_the_command_says_the_version_of_the_distribution() -> None:
    assert rediq_cli.__version__ == rediq_core.__version__ == PROJECT["version"]
