"""Where each setting comes from, and what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

from rediq_core.config.envvars import (
    METRICS_KEYS,
    PROFILE_KEYS,
    REDIS_KEYS,
    SAFETY_KEYS,
    TABLES,
    WORKER_KEYS,
    Kind,
)
from rediq_core.config.loader import LoadedSettings, leaves_of, load_settings
from rediq_core.config.queue_settings import BackoffSettings
from rediq_core.config.settings import (
    KeepFinished,
    MetricsSettings,
    ProfileSettings,
    RedisSettings,
    SafetySettings,
    Settings,
    WorkerSettings,
)
from rediq_core.config.show import rows_of
from rediq_core.model.durations import UNIT_MS
from rediq_core.model.rates import Rate
from rediq_core.model.retry import Backoff, BackoffKind


def load(
    folder: Path,
    text: str = "",
    environ: Mapping[str, str] | None = None,
    env_file: str = "",
    **overrides: object,
) -> LoadedSettings:
    config = folder / "config.toml"
    config.write_text(text)
    config.chmod(0o600)
    dotenv = folder / ".env"
    dotenv.write_text(env_file)
    dotenv.chmod(0o600)
    flags = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_settings(config, environ or {}, flags, folder)


FILE = "\n[worker]\nconcurrency = 1\n"
ENV_FILE = "REDIQ_WORKER_CONCURRENCY=2"
ENVIRON = {"REDIQ_WORKER_CONCURRENCY": "3"}


@pytest.mark.parametrize(
    ("text", "env_file", "environ", "flag", "value", "origin"),
    [
        (FILE, ENV_FILE, ENVIRON, 4, 4, "flag"),
        (FILE, ENV_FILE, ENVIRON, None, 3, "environment REDIQ_WORKER_CONCURRENCY"),
        (FILE, ENV_FILE, {}, None, 2, ".env REDIQ_WORKER_CONCURRENCY"),
        (FILE, "", {}, None, 1, "file config.toml line 3"),
        ("", "", {}, None, 10, "default"),
        (FILE, "", {"WORKER_CONCURRENCY": "5"}, None, 5, "environment WORKER_CONCURRENCY"),
        (FILE, ENV_FILE, {"WORKER_CONCURRENCY": "5"}, None, 5, "environment WORKER_CONCURRENCY"),
        (
            FILE,
            "",
            {**ENVIRON, "WORKER_CONCURRENCY": "5"},
            None,
            3,
            "environment REDIQ_WORKER_CONCURRENCY",
        ),
        (FILE, "", {"REDIQ_WORKER_CONCURRENCY": " "}, None, 1, "file config.toml line 3"),
        ("worker = { concurrency = 7 }", "", {}, None, 7, "file config.toml line 1"),
        ("worker.concurrency = 8", "", {}, None, 8, "file config.toml line 1"),
    ],
)
def test_the_strongest_place_sets_a_value_and_is_named(
    tmp_path: Path,
    text: str,
    env_file: str,
    environ: dict[str, str],
    flag: int | None,
    value: int,
    origin: str,
) -> None:
    loaded = load(tmp_path, text, environ, env_file, worker__concurrency=flag)
    assert loaded.settings.worker.concurrency == value
    assert loaded.origins["worker.concurrency"] == origin


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("REDIQ_REDIS_CONNECTION_POOL_SIZE", "7", "redis.connection_pool_size", 7),
        ("REDIQ_REDIS_SOCKET_TIMEOUT", "3s", "redis.socket_timeout", 3_000),
        ("REDIQ_REDIS_SOCKET_TIMEOUT", "3", "redis.socket_timeout", 3_000),
        ("REDIQ_REDIS_NAMESPACE", "shop", "redis.namespace", "shop"),
        ("REDIQ_REDIS_TLS_CA", "ca.pem", "redis.tls.ca", "ca.pem"),
        ("REDIQ_REDIS_TLS_INSECURE", "on", "redis.tls.insecure", True),
        ("REDIQ_WORKER_STRICT", "yes", "worker.strict", True),
        ("REDIQ_WORKER_SHUTDOWN_GRACE", "1m", "worker.shutdown_grace", 60_000),
        ("REDIQ_WORKER_HANDLERS", "a.b, c:d", "worker.handlers", ("a.b", "c:d")),
        ("REDIQ_WORKER_MAX_RSS", "1GiB", "worker.max_rss", 1024**3),
        ("WORKER_QUEUES", "payment, sms,", "worker.queues", ("payment", "sms")),
        ("METRICS_PORT", "9191", "metrics.port", 9191),
        ("METRICS_ENABLED", "false", "metrics.enabled", False),
        ("METRICS_ENABLED", "0", "metrics.enabled", False),
        ("REDIQ_METRICS_HOST", "0.0.0.0", "metrics.host", "0.0.0.0"),
        ("REDIQ_READ_ONLY", "1", "safety.read_only", True),
        ("REDIQ_URL", "redis://a", "redis.url", "redis://a"),
        ("REDIQ_REDIS_URL", "redis://a\n", "redis.url", "redis://a"),
        ("REDIS_URL", "redis://:password@localhost:6379/0", "redis.url",
         "redis://:password@localhost:6379/0"),
    ],
)  # fmt: skip
def test_a_variable_sets_its_setting(
    tmp_path: Path, name: str, text: str, key: str, value: object
) -> None:
    loaded = load(tmp_path, "", {name: text})
    assert leaf(loaded.settings, key) == value
    assert loaded.origins[key] == f"environment {name}"


def leaf(settings: Settings, dotted: str) -> object:
    return {".".join(path): value for path, value in leaves_of(settings)}[dotted]


def test_a_password_from_the_environment_is_not_in_any_repr(tmp_path: Path) -> None:
    loaded = load(tmp_path, "", {"REDIQ_REDIS_PASSWORD": "hunter2 "})
    assert loaded.settings.redis.password is not None
    assert loaded.settings.redis.password.get_secret_value() == "hunter2 "
    assert "hunter2" not in repr(loaded) + repr(loaded.sources) + str(loaded.settings)


def test_a_variable_that_looks_like_a_setting_and_is_none_is_reported(tmp_path: Path) -> None:
    environ = {"REDIQ_WORKER_CONCURENCY": "3", "REDIQ_SERVER_BIN": "x", "REDIQ_CONFIG": ""}
    loaded = load(tmp_path, "", environ, "REDIQ_METRICS_PROT=1")
    assert loaded.warnings == (
        "REDIQ_METRICS_PROT is set, but no setting has that name.",
        "REDIQ_WORKER_CONCURENCY is set, but no setting has that name.",
    )


def _written(model: type[BaseModel], prefix: str = "") -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        annotation = str(field.annotation)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            kinds |= _written(field.annotation, f"{key}.")
        elif name.endswith("_ms"):
            kinds[key] = Kind.DURATION
        elif name.endswith("_bytes"):
            kinds[key] = Kind.SIZE
        elif "tuple" in annotation:
            kinds[key] = Kind.LIST
        elif "bool" in annotation:
            kinds[key] = Kind.BOOLEAN
        elif "int" in annotation:
            kinds[key] = Kind.INTEGER
        else:
            kinds[key] = Kind.TEXT
    return kinds


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (RedisSettings, REDIS_KEYS),
        (WorkerSettings, WORKER_KEYS),
        (MetricsSettings, METRICS_KEYS),
        (ProfileSettings, PROFILE_KEYS),
        (SafetySettings, SAFETY_KEYS),
    ],
)
def test_the_table_of_variables_is_the_one_of_the_models(
    model: type[BaseModel], keys: Mapping[str, Kind]
) -> None:
    assert dict(keys) == _written(model)


def test_the_tables_of_a_file_are_the_sections_of_the_model() -> None:
    assert list(TABLES) == list(Settings.model_fields)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = Settings()
    day_ms = UNIT_MS["d"]
    assert settings.worker.concurrency == 10
    assert settings.worker.processes == 1
    assert settings.worker.shutdown_grace_ms == 25_000
    assert settings.worker.lease_ms == 10_000
    assert settings.worker.burst_wait_ms == 60_000
    assert settings.redis.connection_pool_size == 20
    assert settings.redis.namespace == "rediq"
    assert settings.safety.max_payload_bytes == 524_288
    assert settings.metrics == MetricsSettings(enabled=True, host="127.0.0.1", port=9090)
    assert settings.retention.completed == KeepFinished(age="24h", count=10_000)
    assert settings.retention.cancelled == KeepFinished(age="24h", count=10_000)
    assert settings.retention.dead == KeepFinished(age="90d", count=100_000)
    assert (settings.retention.min_keep_ms, settings.retention.trash_ms) == (60_000, day_ms)


def test_the_defaults_are_valid_when_written_out(tmp_path: Path) -> None:
    dumped = Settings().model_dump(mode="json", by_alias=True, exclude_none=True)
    assert Settings.model_validate(dumped) == Settings()


QUEUE = """
[queues.payment]
handlers = ["order_system.handlers.payment", "order_system.more:mux"]
weight = 3
slots = 4
max_retry = 5
timeout = "60s"
backoff = { kind = "linear", base = "2s", cap = "30s", jitter = 0 }
concurrency = 20
rate = "100/m"
aging = 60
max_len = 1000
middleware = ["order_system.log:timing"]
[queues.payment.retention]
completed = { count = 5 }
dead = { age = "1h" }
"""


def test_a_queue_is_read_with_its_units(tmp_path: Path) -> None:
    settings = load(tmp_path, QUEUE).settings
    queue = settings.queues["payment"]
    assert queue.handlers == ("order_system.handlers.payment", "order_system.more:mux")
    assert (queue.weight, queue.slots, queue.max_retry, queue.timeout_ms) == (3, 4, 5, 60_000)
    assert queue.backoff == BackoffSettings(kind="linear", base="2s", cap="30s", jitter=0)
    assert (queue.concurrency, queue.rate, queue.aging_ms) == (20, Rate(100, 60_000), 60_000)
    assert (queue.max_len, queue.middleware) == (1_000, ("order_system.log:timing",))


def test_a_queue_differs_from_the_common_retention_only_where_it_says_so(tmp_path: Path) -> None:
    settings = load(tmp_path, QUEUE + "[retention]\ncompleted = { age = '2h' }").settings
    own = settings.retention_of("payment")
    assert own.completed == KeepFinished(age="2h", count=5)
    assert own.dead == KeepFinished(age="1h", count=100_000)
    assert own.cancelled == settings.retention.cancelled
    assert settings.retention_of("other") == settings.retention
    assert settings.retention.completed == KeepFinished(age="2h", count=10_000)


def test_what_a_queue_leaves_out_is_left_to_others(tmp_path: Path) -> None:
    queue = load(tmp_path, "[queues.sms]").settings.queues["sms"]
    unset = (queue.slots, queue.max_retry, queue.timeout_ms, queue.backoff, queue.rate)
    assert unset == (None,) * 5


def test_a_list_of_delays_is_a_backoff(tmp_path: Path) -> None:
    text = '[queues.sms]\nbackoff = ["10s", 60, "1500ms"]'
    loaded = load(tmp_path, text)
    assert loaded.settings.queues["sms"].backoff == BackoffSettings(
        kind="list", delays=["10s", 60, "1500ms"], jitter=0
    )
    assert loaded.origins["queues.sms.backoff.delays"] == "file config.toml line 2"


@pytest.mark.parametrize("kind", BackoffKind)
def test_a_backoff_maps_onto_the_value_of_the_engine(kind: BackoffKind) -> None:
    delays = ["1s"] if kind is BackoffKind.LIST else []
    settings = BackoffSettings(kind=kind.value, delays=delays)
    backoff = Backoff(
        BackoffKind(settings.kind),
        settings.base_ms,
        settings.cap_ms,
        settings.jitter,
        settings.delays_ms,
    )
    assert backoff == Backoff(kind, delays_ms=(1_000,) if delays else ())


def test_a_schedule_is_read(tmp_path: Path) -> None:
    text = (
        '[schedules.timeout_check]\ntype = "order:timeout_check"\nqueue = "cancellations"\n'
        'cron = "0 * * * *"\ntimezone = "Europe/Vienna"\npayload = { limit = [1, 2.5, "x"] }\n'
        'misfire = "skip"\noverlap = "allow"\npriority = 0\nmax_retry = 1\ntimeout = "5s"\n'
        'expires_in = "1h"\nkeep = "7d"\nbackoff = { kind = "fixed", base = "5m" }'
    )
    schedule = load(tmp_path, text).settings.schedules["timeout_check"]
    assert (schedule.type, schedule.queue) == ("order:timeout_check", "cancellations")
    assert (schedule.cron, schedule.timezone) == ("0 * * * *", "Europe/Vienna")
    assert schedule.payload == {"limit": [1, 2.5, "x"]}
    assert (schedule.misfire, schedule.overlap) == ("skip", "allow")
    assert (schedule.priority, schedule.max_retry, schedule.timeout_ms) == (0, 1, 5_000)
    assert (schedule.expires_in_ms, schedule.keep_ms) == (3_600_000, 604_800_000)
    assert schedule.backoff == BackoffSettings(kind="fixed", base="5m")


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load(tmp_path).settings
    with pytest.raises(ValueError, match="frozen"):
        settings.worker.concurrency = 3  # type: ignore[misc]  # the claim is that it raises


def test_a_variable_in_the_file_is_replaced_and_encoded_inside_a_url(tmp_path: Path) -> None:
    text = (
        '[redis]\nurl = "redis://:${PW}@${HOST}/0"\npassword = "x${PW}"\nnamespace = "a"\n'
        '[profiles.p]\nurl = "${WHOLE}"\n'
    )
    environ = {"PW": "a/b", "HOST": "h", "WHOLE": "redis://:a%2Fb@w"}
    settings = load(tmp_path, text, environ).settings
    assert settings.redis.url == "redis://:a%2Fb@h/0"
    assert settings.redis.password is not None
    assert settings.redis.password.get_secret_value() == "xa/b"
    assert settings.profiles["p"].url == "redis://:a%2Fb@w"


def test_a_variable_may_stand_in_the_env_file(tmp_path: Path) -> None:
    text = '[redis]\nurl = "redis://${HOST}"'
    assert load(tmp_path, text, env_file="HOST=h").settings.redis.url == "redis://h"


def test_a_rate_may_come_from_the_environment_and_have_a_default(tmp_path: Path) -> None:
    text = '[queues.sms]\nrate = "${SMS_RATE:-100}/m"\n'
    settings = [load(tmp_path, text, given).settings for given in ({}, {"SMS_RATE": "7"})]
    assert [str(each.queues["sms"].rate) for each in settings] == ["100/m", "7/m"]


def test_every_row_of_show_has_its_origin_and_no_secret(tmp_path: Path) -> None:
    text = (
        '[redis]\nurl = "redis://:kAnArY@h"\npassword = "kAnArY"\n'
        '[profiles.a]\nurl = "redis://:kAnArY@b"\n'
        '[schedules.s]\ntype = "t"\ncron = "@hourly"\npayload = { api_key = "kAnArY", iban2 = 1 }\n'
        '[queues."a.b"]\nrate = "10/s"\ntimeout = 1.5\n'
    )
    rows = {row.key: row for row in rows_of(load(tmp_path, text))}
    assert "kAnArY" not in repr(rows)
    assert rows["redis.url"] == ("redis.url", "redis://:***@h", "file config.toml line 2")
    assert rows["redis.password"].value == "***"
    assert rows["profiles.a.url"].value == "redis://:***@b"
    assert rows["schedules.s.payload"].value == {"api_key": "***", "iban2": "***"}
    assert rows['queues."a.b".rate'] == ('queues."a.b".rate', "10/s", "file config.toml line 11")
    assert rows['queues."a.b".timeout'].value == "1500ms"
    assert rows['queues."a.b".weight'] == ('queues."a.b".weight', 1, "default")
    assert rows["worker.lease"] == ("worker.lease", "10s", "default")
    assert rows["worker.max_rss"].value == 0
