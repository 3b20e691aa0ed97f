"""Handler modules by path: what is found, and what the refusals say."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rediq_core.errors import ConfigError
from rediq_core.handlers.loading import import_root, load_mux

ORIGIN = "[queues.payment] handlers, config.toml line 9"
ONE_MUX = "from rediq_core.handlers.mux import Mux\nmux = Mux()\n"
Write = Callable[[str, str], None]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Write]:
    """An importable folder; forgotten, modules and all, at the end."""
    path, modules = list(sys.path), set(sys.modules)
    import_root(tmp_path)

    def write(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    yield write
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def refusal(spec: str, **where: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_mux(spec, ORIGIN, **where)
    return caught.value


def test_a_module_with_one_mux_is_enough(project: Write) -> None:
    project("shop_a/__init__.py", "")
    project("shop_a/payment.py", ONE_MUX)

    assert load_mux("shop_a.payment") is sys.modules["shop_a.payment"].mux


def test_an_attribute_picks_one_of_several(project: Write) -> None:
    project("shop_b.py", ONE_MUX + "other = Mux()\n")

    assert load_mux("shop_b:other") is sys.modules["shop_b"].other


def test_two_names_of_one_mux_are_one(project: Write) -> None:
    project("shop_c.py", ONE_MUX + "app = mux\n")

    assert load_mux("shop_c") is sys.modules["shop_c"].mux


def test_a_missing_module_says_where_it_was_looked_for(project: Write) -> None:
    error = refusal(
        "shop_nowhere.handlers.payment",
        looked_in="/srv/shop (the folder of config.toml)",
        run_from="rediq worker start -c /srv/shop/config.toml",
    )

    assert str(error) == (
        'E014 cannot import "shop_nowhere.handlers.payment"'
        " ([queues.payment] handlers, config.toml line 9).\n"
        "     No module named 'shop_nowhere'; looked first in /srv/shop"
        " (the folder of config.toml).\n"
        "     Check the spelling, or run from the project:"
        " rediq worker start -c /srv/shop/config.toml"
    )


def test_a_missing_part_of_a_package_is_named(project: Write) -> None:
    project("shop_d/__init__.py", "")

    assert refusal("shop_d.payment").cause == "No module named 'shop_d.payment'."


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "import stripe_of_nobody\n",
            "It was found, and failed with ModuleNotFoundError:"
            " No module named 'stripe_of_nobody' (File \"{file}\", line 1)",
        ),
        (
            "\nfrom os import nothing_such\n",
            "It was found, and failed with ImportError:"
            " cannot import name 'nothing_such' from 'os' ({os}) (File \"{file}\", line 2)",
        ),
        (
            "\n\n1 / 0\n",
            "It was found, and failed with ZeroDivisionError: division by zero"
            ' (File "{file}", line 3)',
        ),
    ],
)
def test_a_module_that_fails_says_how_and_where(
    project: Write, tmp_path: Path, text: str, cause: str
) -> None:
    import os

    project("shop_e.py", text)

    error = refusal("shop_e")

    assert error.message == f'cannot import "shop_e" ({ORIGIN}).'
    assert error.cause == cause.format(file=tmp_path / "shop_e.py", os=os.__file__)


def test_a_module_that_is_not_python_says_where(project: Write) -> None:
    project("shop_f.py", "def (\n")

    assert "failed with SyntaxError: invalid syntax (shop_f.py, line 1)" in refusal("shop_f").cause


def test_a_module_without_a_mux_is_refused(project: Write) -> None:
    project("shop_g.py", "x = 1\n")

    error = refusal("shop_g")

    assert error.message == f'"shop_g" holds no Mux ({ORIGIN}).'
    assert error.cause == "It holds no Mux."


def test_a_module_with_several_lists_them(project: Write) -> None:
    project("shop_h.py", ONE_MUX + "Other = Mux()\n")

    error = refusal("shop_h")

    assert error.message == f'"shop_h" holds more than one Mux ({ORIGIN}).'
    assert error.cause == "It holds mux, Other."
    assert error.next_step == 'Name one: "shop_h:mux"'


@pytest.mark.parametrize(
    ("attribute", "cause"),
    [
        ("nothing", "There is no such name; it holds mux."),
        ("number", "It is of type int; it holds mux."),
    ],
)
def test_an_attribute_that_is_no_mux_is_refused(project: Write, attribute: str, cause: str) -> None:
    project("shop_i.py", ONE_MUX + "number = 1\n")

    error = refusal(f"shop_i:{attribute}")

    assert (error.message, error.cause) == (f'"shop_i:{attribute}" is not a Mux ({ORIGIN}).', cause)


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "a b",
        "a/b.py",
        "a.",
        ".a",
        "a:b:c",
        "a:b.c",
        "os;x",
        "a\n",
        "1a",
        "a:1",
        "x" * 5000 + "!",
    ],
)
def test_what_is_no_path_is_not_imported(spec: str) -> None:
    error = refusal(spec)

    assert "is not a handler module" in error.message
    assert len(error.message) < 300


def test_the_root_folder_comes_first_and_once(project: Write, tmp_path: Path) -> None:
    import_root(tmp_path / "other")
    root = import_root(tmp_path)

    assert root == tmp_path.resolve()
    assert sys.path[:2] == [str(root), str(root / "other")]
    assert sys.path.count(str(root)) == 1
