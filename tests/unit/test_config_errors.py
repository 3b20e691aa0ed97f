"""A wrong configuration is refused with key, place, value, reason and next step, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rediq_core.config.loader import load_settings
from rediq_core.errors import ConfigError


def refusal(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, **overrides: object
) -> ConfigError:
    config = folder / "config.toml"
    config.write_text(text)
    config.chmod(0o600)
    flags = {key.replace("__", "."): value for key, value in overrides.items()}
    with pytest.raises(ConfigError) as caught:
        load_settings(config, environ or {}, flags, folder)
    return caught.value


def test_a_wrong_value_is_pinned_word_for_word(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[worker]\n\nconcurrency = "ten"\n')
    assert str(error) == (
        'E014 "ten" is not accepted ([worker] concurrency, config.toml line 3).\n'
        "     It should be a whole number.\n"
        f"     Check again: rediq config check -c {tmp_path / 'config.toml'}"
    )


def test_everything_that_is_wrong_is_listed(tmp_path: Path) -> None:
    text = (
        '[worker]\nconcurrency = "ten"\nleese = 3\n[queues.payment]\nwieght = 3\n'
        'backoff = { kind = "exp" }\n[queues."dead:x"]\n[wroker]\n'
    )
    error = refusal(tmp_path, text, {"METRICS_PORT": "tcp://10.0.0.1:9090"}, worker__processes=0)
    assert error.message == f"8 settings in {tmp_path / 'config.toml'} are wrong."
    lines = sorted(line.strip() for line in error.cause.splitlines())
    assert [line.partition("): ")[0] + ")" for line in lines] == [
        '"exp" is not accepted ([queues.payment.backoff] kind, config.toml line 6)',
        '"tcp://10.0.0.1:9090" is not accepted ([metrics] port, environment METRICS_PORT)',
        '"ten" is not accepted ([worker] concurrency, config.toml line 2)',
        "0 is not accepted ([worker] processes, flag)",
        'the name "dead:x" is not allowed ([queues] dead:x, config.toml line 7)',
        'unknown key "leese" ([worker] leese, config.toml line 3)',
        'unknown key "wieght" ([queues.payment] wieght, config.toml line 5)',
        'unknown key "wroker" ([wroker], config.toml line 8)',
    ]


@pytest.mark.parametrize(
    ("text", "what", "why"),
    [
        ("[wroker]", '"wroker" ([wroker], config.toml line 1)', 'Did you mean "worker"?'),
        ("[worker]\nx = 1", "[worker] x, config.toml line 2", "[worker] knows burst_wait, concurr"),
        ("[queues.a]\nwait = 1", "[queues.a] wait, config.toml line 2", 'Did you mean "weight"?'),
        ("[queues.a]\nbackoff = { bass = 1 }", "[queues.a.backoff] bass", 'Did you mean "base"?'),
        ("[queues.a]\ntimeout_ms = 1", 'unknown key "timeout_ms"', 'Did you mean "timeout"?'),
        ("[redis.tls]\nverfy = true", "[redis.tls] verfy", 'Did you mean "verify"?'),
        ("[profiles.x]\nuri = ''", "[profiles.x] uri", 'Did you mean "url"?'),
        ("[retention.dead]\nages = 1", "[retention.dead] ages", 'Did you mean "age"?'),
        ("worker = 3", "3 is not accepted ([worker], config.toml line 1)", "a table"),
        ("[queues]\npayment = 3", "[queues] payment, config.toml line 2", "a table"),
        ("queues = [1]", "[queues], config.toml line 1", "a table"),
        ("[worker]\nhandlers = 'a'", "[worker] handlers, config.toml line 2", "a list"),
        ("[worker]\nconcurrency = true", "true is not accepted", "whole number"),
        ("[worker]\nconcurrency = 10.0", "10.0 is not accepted", "whole number"),
        ("[worker]\nconcurrency = 0", "0 is not accepted", "greater than or equal to 1"),
        ("[worker]\nstrict = 'yes'", '"yes" is not accepted', "true or false"),
        ("[worker]\nstrict = 1", "1 is not accepted", "true or false"),
        ("[worker]\nlease = '10 parsecs'", '"10 parsecs" is not accepted', '"1h30m"'),
        ("[worker]\nlease = -1", "-1 is not accepted", '"1h30m"'),
        ("[worker]\nlease = true", "true is not accepted", "A duration is"),
        ("[worker]\nlease = '100ms'", '"100ms" is not accepted', "from 500ms to 1h"),
        ("[worker]\nmax_rss = 'much'", '"much" is not accepted', "A size is"),
        ("[worker]\nmax_rss = -1", "-1 is not accepted", "A size is"),
        ("[worker]\nqueues = ['all']", "[worker] queues", "selector"),
        ("[worker]\nqueues = [3]", "[worker] queues", "text in quotes"),
        ("[worker]\nhandlers = ['os system']", '"os system" is not accepted', "shop.handlers"),
        ("[worker]\nhandlers = ['../x']", '"../x" is not accepted', "shop.handlers"),
        ("[worker]\nhandlers = ['a:b:c']", '"a:b:c" is not accepted', "shop.handlers"),
        ("[worker]\nhandlers = ['__import__(\"os\")']", "not accepted", "shop.handlers"),
        ("[worker]\nmiddleware = ['a.b']", '"a.b" is not accepted', '"module:attribute"'),
        ("[queues.a]\nrate = '0/m'", '"0/m" is not accepted', '"100/m"'),
        ("[queues.a]\nrate = 100", "100 is not accepted", "A rate is"),
        ("[queues.a]\ntimeout = 0", "0 is not accepted", "from 1ms"),
        ("[queues.a]\nmax_retry = -1", "-1 is not accepted", "greater than or equal to 0"),
        ("[queues.a]\nweight = 0", "0 is not accepted", "greater than or equal to 1"),
        ("[queues.a]\nbackoff = []", "[] is not accepted", "belong together"),
        ("[queues.a]\nbackoff = { kind = 'list' }", "do not fit together", "belong together"),
        ("[queues.a]\nbackoff = { delays = [1] }", "do not fit together", "belong together"),
        ("[queues.a]\nbackoff = { base = '2m' }", "do not fit together", "longer than cap"),
        ("[queues.a]\nbackoff = { jitter = 2 }", "2 is not accepted", "less than or equal to 1"),
        ("[queues.'a b']", 'the name "a b" is not allowed', "1 to 128"),
        ("[profiles.'a b']", 'the name "a b" is not allowed', "1 to 128"),
        ("[schedules.s]\ncron = '@daily'",
         '"type" is missing ([schedules.s] type, config.toml line 1)', "no default"),
        ("[schedules.s]\ntype='t'\ncron='* *'", '"* *" is not accepted', "5 fields"),
        ("[schedules.s]\ntype='t'\ncron='@daily'\ntimezone='Mars/X'", '"Mars/X"', "time zone"),
        ("[schedules.s]\ntype='t'\ncron='@daily'\ntimezone='../etc'", '"../etc"', "time zone"),
        ("[schedules.s]\ntype='t'\ncron='@daily'\npayload=2026-01-01", "payload", "no date"),
        ("[schedules.s]\ntype='t'\ncron='@daily'\npayload={a=[nan]}", "fit together", "no NaN"),
        ("[schedules.s]\ntype='t'\ncron='@daily'\npriority=101", "101 is not", "equal to 100"),
        ("[redis]\nurl = 'localhost'", '"localhost" is not accepted', "scheme"),
        ("[redis]\nnamespace = 'a b'", '"a b" is not accepted', "1 to 128"),
        ("[redis.tls]\nverify = false", "([redis] tls, config.toml line 1)", "insecure = true"),
        ("[redis.tls]\ncert = 'c'", "do not fit together", "belong together"),
        ("[metrics]\nport = 70000", "70000 is not accepted", "less than or equal to 65535"),
        ("[log]\nlevel = 'loud'", '"loud" is not accepted', "'warning'"),
        ("[retention]\nmin_keep = '1s'", '"1s" is not accepted', "from 10"),
        ("[safety]\nmax_payload = '1GiB'", '"1GiB" is not accepted', "67108864 bytes"),
        ("[safety]\nallowed_modules = ['a/b']", '"a/b" is not accepted', "as an import"),
        ("[safety]\nallowed_modules = ['shop']\n[worker]\nhandlers = ['shop.a', 'shopping']",
         "do not fit together (config.toml)", '"shopping" of [worker] is not below'),
        ("[safety]\nallowed_modules = ['shop']\n[queues.q]\nmiddleware = ['os:x']",
         "do not fit together (config.toml)", '"os:x" of [queues.q] is not below'),
    ],
)  # fmt: skip
def test_a_wrong_setting_says_what_and_why(tmp_path: Path, text: str, what: str, why: str) -> None:
    error = refusal(tmp_path, text)
    assert error.code == "E014"
    assert what in error.message
    assert why in error.cause


CANARY = "kAnArY"


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        (f"[redis]\nurl = 'redis://:{CANARY}/x@h'", {}),
        (f"[redis]\nurl = 'redis://:{CANARY}#x@h'", {}),
        (f"[redis]\nurl = 'http://:{CANARY}@h'", {}),
        (f"[redis]\nurl = ['redis://:{CANARY}@h']", {}),
        (f"[redis]\npassword = ['{CANARY}']", {}),
        (f"[redis]\npasword = '{CANARY}'", {}),
        (f"[profiles.p]\nurl = 'redis://:{CANARY}/x@h'", {}),
        (f"[redis]\nurl_file = {{ password = '{CANARY}' }}", {}),
        ("", {"REDIQ_URL": f"redis://:{CANARY}/x@h"}),
        ("", {"REDIS_URL": f"redis://:{CANARY}"}),
    ],
)
def test_no_error_shows_a_secret(tmp_path: Path, text: str, environ: dict[str, str]) -> None:
    error = refusal(tmp_path, text, environ)
    chain = [error, error.__cause__, None if error.__suppress_context__ else error.__context__]
    assert CANARY not in "".join(str(link) for link in chain)


def test_a_long_value_is_cut_and_cannot_act_on_a_terminal(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[log]\nlevel = "\\u001b[2J' + "x" * 5_000 + '"')
    assert len(error.message) < 200
    assert error.message.isprintable()


def test_a_value_where_a_table_is_wanted_is_refused_also_if_a_variable_sets_a_key_in_it(
    tmp_path: Path,
) -> None:
    error = refusal(tmp_path, "worker = 3", {"WORKER_CONCURRENCY": "4"})
    assert error.message == "3 is not accepted ([worker], config.toml line 1)."


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[profiles.a]\nurl = "redis://:${NO_SUCH}@h"')
    assert error.message == "NO_SUCH is not set ([profiles.a] url, config.toml)."
