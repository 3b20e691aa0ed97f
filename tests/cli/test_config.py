"""`rediq config`: a file is written, shown, changed and checked, and no secret is printed."""

from __future__ import annotations

from pathlib import Path

from tests.support.cli import run, run_process

CANARY = "c4nary-pw"


def config_file(folder: Path, text: str) -> Path:
    path = folder / "rediq.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_init_writes_a_file_that_passes_the_check(tmp_path: Path) -> None:
    written = run("config", "init", cwd=tmp_path)
    checked = run("config", "check", cwd=tmp_path)

    assert (written.code, written.out) == (
        0,
        "wrote rediq.toml; check it: rediq config check -c rediq.toml\n",
    )
    assert (checked.code, checked.out) == (0, f"{tmp_path / 'rediq.toml'}: no problems found\n")


def test_init_never_overwrites(tmp_path: Path) -> None:
    path = config_file(tmp_path, "[worker]\nconcurrency = 3\n")

    ended = run("config", "init", cwd=tmp_path)

    assert ended.code == 2
    assert ended.err.startswith("E014 rediq.toml exists, so it was left as it is.\n")
    assert path.read_text() == "[worker]\nconcurrency = 3\n"


def test_show_says_where_each_value_comes_from(tmp_path: Path) -> None:
    config_file(tmp_path, "[worker]\nconcurrency = 3\n")

    ended = run(
        "config", "show", "worker", "--origin", cwd=tmp_path, env={"REDIQ_WORKER_PROCESSES": "2"}
    )

    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in ended.out.splitlines()[1:]}
    assert rows["worker.concurrency"] == ["3", "file rediq.toml line 2"]
    assert rows["worker.processes"] == ["2", "environment REDIQ_WORKER_PROCESSES"]
    assert rows["worker.strict"] == ["false", "default"]


def test_show_of_no_such_section_exits_2() -> None:
    ended = run("config", "show", "wroker")

    assert (ended.code, ended.out) == (2, "")
    assert "no setting is called 'wroker'" in ended.err


def test_no_form_of_show_prints_a_password(tmp_path: Path) -> None:
    config_file(tmp_path, f'[redis]\nurl = "redis://:{CANARY}@example.com/0"\n')

    for form in ("table", "wide", "json", "jsonl", "ids"):
        ended = run("config", "show", "--origin", "-o", form, cwd=tmp_path)

        assert ended.code == 0
        assert CANARY not in ended.out + ended.err


def test_set_changes_one_value_and_keeps_the_others(tmp_path: Path) -> None:
    config_file(tmp_path, "[worker]\nconcurrency = 3\nprocesses = 2\n")

    ended = run("config", "set", "worker.concurrency", "20", cwd=tmp_path)

    assert (ended.code, ended.out) == (0, f"worker.concurrency = 20 in {tmp_path}/rediq.toml\n")
    shown = run("config", "show", "worker", "--json", cwd=tmp_path).json
    assert isinstance(shown, list)
    values = {row["key"]: row["value"] for row in shown}
    assert (values["worker.concurrency"], values["worker.processes"]) == (20, 2)


def test_set_refuses_what_would_not_be_valid(tmp_path: Path) -> None:
    path = config_file(tmp_path, "[worker]\nconcurrency = 3\n")

    ended = run("config", "set", "worker.concurrency", "many", cwd=tmp_path)

    assert ended.code == 2
    assert ended.err.startswith("E014 ")
    assert path.read_text() == "[worker]\nconcurrency = 3\n"


def test_check_finds_a_mistake_and_exits_6(tmp_path: Path) -> None:
    path = config_file(tmp_path, "[worker]\nconcurrencyy = 3\n")

    ended = run("config", "check", "-c", str(path))

    assert (ended.code, ended.out) == (6, f"{path}: 1 problem found\n")
    assert "concurrencyy" in ended.err


def test_check_imports_every_handler_and_names_each_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "shop_handlers.py").write_text(
        "from rediq_core import Mux\nmux = Mux()\n\n"
        "@mux.handler('order:payment')\nasync def pay(ctx, payload): ...\n"
    )
    path = config_file(
        tmp_path,
        '[queues.payment]\nhandlers = ["shop_handlers"]\n'
        '[queues.mail]\nhandlers = ["no_such_module", "shop_handlers:nothing"]\n',
    )

    ended = run_process("config", "check", "-c", str(path), "--json")

    assert ended.code == 6
    report = ended.json
    assert isinstance(report, dict)
    assert report["types"] == {"mail": [], "payment": ["order:payment"]}
    assert [problem["code"] for problem in report["problems"]] == ["E014", "E014"]
    assert [problem["message"].split('"')[1] for problem in report["problems"]] == [
        "no_such_module",
        "shop_handlers:nothing",
    ]


def test_check_of_sound_handlers_lists_the_types_of_each_queue(tmp_path: Path) -> None:
    (tmp_path / "more_handlers.py").write_text(
        "from rediq_core import Mux\nmux = Mux()\n\n"
        "@mux.handler('order:payment')\nasync def pay(ctx, payload): ...\n"
    )
    path = config_file(tmp_path, '[queues.payment]\nhandlers = ["more_handlers"]\n')

    ended = run_process("config", "check", "-c", str(path))

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{path}: no problems found\n  payment: order:payment\n"


def test_a_missing_file_exits_2(tmp_path: Path) -> None:
    ended = run("config", "show", "-c", str(tmp_path / "none.toml"))

    assert ended.code == 2
    assert ended.err.startswith("E014 ")


def test_read_only_writes_no_file(tmp_path: Path) -> None:
    for words in (["init"], ["set", "worker.concurrency", "20"]):
        ended = run("config", *words, "--read-only", cwd=tmp_path)

        assert (ended.code, ended.out) == (5, "")
        assert ended.err.startswith("E016 ")
    assert list(tmp_path.iterdir()) == []
