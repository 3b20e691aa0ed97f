"""Help is complete, fits the screen, and shows examples that can be parsed."""

from __future__ import annotations

import shlex

import pytest
from syrupy.assertion import SnapshotAssertion

from rediq_cli.topics import TOPICS
from rediq_cli.tree import NOUNS, Noun, load
from tests.support.cli import run

WIDTH = 100
LEAVES = [(noun, leaf) for noun in NOUNS.values() for leaf in load(noun).leaves.values()]
PATHS = [leaf.help.path for _, leaf in LEAVES]


def test_the_first_page(snapshot: SnapshotAssertion) -> None:
    assert run("--help").out == snapshot
    assert run("-h").out == run("help").out == run("--help").out


def test_a_bare_call_shows_the_commands_and_exits_0(snapshot: SnapshotAssertion) -> None:
    ended = run()

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == snapshot


@pytest.mark.parametrize("noun", [name for name, noun in NOUNS.items() if noun.verbs])
def test_a_group_lists_its_commands(noun: str, snapshot: SnapshotAssertion) -> None:
    ended = run(noun)

    assert ended == run(noun, "--help") == run("help", noun)
    assert ended.code == 0
    assert ended.out == snapshot


@pytest.mark.parametrize("path", PATHS)
def test_each_command_explains_itself(path: str, snapshot: SnapshotAssertion) -> None:
    ended = run(*path.split(), "--help")

    assert ended == run(*path.split(), "-h")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == snapshot


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_fits_the_screen(topic: str, snapshot: SnapshotAssertion) -> None:
    ended = run("help", topic)

    assert ended.code == 0
    assert max(map(len, ended.out.splitlines())) <= WIDTH
    assert ended.out == snapshot


@pytest.mark.parametrize("path", PATHS)
def test_help_fits_the_screen(path: str) -> None:
    assert max(map(len, run(*path.split(), "--help").out.splitlines())) <= WIDTH


@pytest.mark.parametrize("noun", NOUNS.values(), ids=lambda noun: noun.name)
def test_the_table_names_the_verbs_that_exist(noun: Noun) -> None:
    leaves = load(noun).leaves

    assert (noun.verbs or (noun.name,)) == tuple(leaves)


@pytest.mark.parametrize("path", PATHS)
def test_each_command_has_an_example_of_itself(path: str) -> None:
    leaf = next(leaf for _, leaf in LEAVES if leaf.help.path == path)

    assert leaf.help.examples
    for line, _ in leaf.help.examples:
        words = [word for word in shlex.split(line) if "=" not in word or word.startswith("-")]
        words = words[1:] if words[0] == "rediq" else words
        assert " ".join(words).startswith(path), line


@pytest.mark.parametrize("path", PATHS)
def test_each_option_is_explained(path: str) -> None:
    leaf = next(leaf for _, leaf in LEAVES if leaf.help.path == path)

    assert [parameter.names for parameter in leaf.help.parameters if not parameter.text] == []
