"""The deployments agree with the program: command lines, ports, probes, variables, grace."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from rediq_core.config.loader import load_settings
from rediq_core.config.settings import Settings
from rediq_core.metrics.scaling import scale_document
from rediq_core.model.durations import duration_ms
from tests.support.command_lines import check_words

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "order_system" / "deploy"
CONFIG = ROOT / "examples" / "order_system.toml"
# What a worker needs to end after its grace: settle, say goodbye to Redis, exit.
SLACK_S = 5
OWN_VARIABLES = {
    *("ORDER_LEDGER", "ORDER_TIMEOUT_HOURS", "PAYMENT_RETRY_SECONDS", "SMS_RATE_LIMIT"),
    "SERVICE_PORT",
}
Manifest = Mapping[str, Any]


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    loaded = load_settings(CONFIG, dict(environ or {}), {}, ROOT)
    assert loaded.warnings == ()
    return loaded.settings


def compose() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
    return found


def manifests() -> dict[tuple[str, str], Manifest]:
    documents = [
        document
        for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
    ]
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def unit(name: str) -> dict[str, list[str]]:
    read: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            read.setdefault(key, []).append(value)
    return read


def env_file(name: str) -> dict[str, str]:
    lines = (DEPLOY / "systemd" / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled_in(text: str) -> str:
    """Fill in compose's variables: the default, or a word where there is none."""
    text = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", text)
    return re.sub(r"\$\{\w+:\?[^}]*\}", "secret", text)


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what each worker of each deployment is started with; compose's defaults filled in."""
    for name, service in compose()["services"].items():
        if name.startswith("worker"):
            given = service["environment"].items()
            yield f"compose {name}", {key: filled_in(str(value)) for key, value in given}
    for name in ("orders", "rest"):
        yield f"systemd {name}", {**env_file("shop.env"), **env_file(f"worker-{name}.env")}
    yield "kubernetes", dict(manifests()["ConfigMap", "order-system"]["data"])


def command_lines() -> Iterator[list[str]]:
    yield yaml.safe_load((DEPLOY / "Dockerfile").read_text().split("CMD ")[-1])
    for service in compose()["services"].values():
        if service.get("image") == "order-system":
            yield service["command"]
    for name in ("rediq-worker@.service", "order-api.service"):
        path, *words = shlex.split(unit(name)["ExecStart"][0])
        assert path.startswith("/srv/shop/.venv/bin/")
        yield [Path(path).name, *words]
    for (kind, _), manifest in manifests().items():
        if kind == "Deployment":
            (container,) = manifest["spec"]["template"]["spec"]["containers"]
            yield container["command"]


def test_every_command_line_is_understood() -> None:
    lines = list(command_lines())
    workers = [words for words in lines if words[0] == "rediq"]

    assert len(workers) == 5
    for words in workers:
        check_words(words[1:])
        assert Path(words[words.index("-c") + 1]).name == CONFIG.name
    for words in lines:
        if words[0] != "rediq":
            assert words == ["python", "-m", "order_system.api"]
    assert find_spec("order_system.api") is not None


@pytest.mark.parametrize(("name", "environ"), list(environments()))
def test_every_variable_is_one_that_something_reads(name: str, environ: dict[str, str]) -> None:
    ours = {key for key in environ if not key.startswith(("REDIQ_", "WORKER_", "METRICS_"))}

    assert ours - OWN_VARIABLES == set()
    read = settings(environ)
    assert str(read.queues["notifications"].rate) == "100/m"
    assert set(read.worker.queues) - set(read.queues) == set()


@pytest.mark.parametrize("kind", ["compose", "systemd"])
def test_every_queue_is_served_by_one_worker(kind: str) -> None:
    served = [
        queue
        for name, environ in environments()
        if name.startswith(kind)
        for queue in environ["WORKER_QUEUES"].split(",")
    ]

    assert sorted(served) == sorted(settings().queues)


def test_every_deployment_waits_longer_than_the_worker_does() -> None:
    grace_s = settings().worker.shutdown_grace_ms / 1_000 + SLACK_S
    services, pods = compose()["services"], manifests()["Deployment", "order-worker"]
    waits = {
        "worker-orders": duration_ms(services["worker-orders"]["stop_grace_period"], "") / 1_000,
        "worker-rest": duration_ms(services["worker-rest"]["stop_grace_period"], "") / 1_000,
        "systemd": float(unit("rediq-worker@.service")["TimeoutStopSec"][0]),
        "kubernetes": pods["spec"]["template"]["spec"]["terminationGracePeriodSeconds"],
    }

    assert {name: wait for name, wait in waits.items() if wait < grace_s} == {}


def test_the_unit_ends_a_worker_as_it_wants_to_be_ended() -> None:
    worker = unit("rediq-worker@.service")

    # The supervisor tells its processes; they must not hear it from systemd as well.
    assert (worker["KillMode"], worker["KillSignal"], worker["Type"]) == (
        ["mixed"], ["SIGTERM"], ["exec"],
    )  # fmt: skip
    assert worker["EnvironmentFile"] == ["/etc/shop/shop.env", "-/etc/shop/worker-%i.env"]
    assert Path(env_file("shop.env")["ORDER_LEDGER"]).parent == Path(
        "/var/lib", worker["StateDirectory"][0]
    )


def test_ports_and_paths_are_those_of_the_configuration() -> None:
    port = settings().metrics.port
    services = compose()["services"]
    targets = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"][0]
    worker = manifests()["Deployment", "order-worker"]["spec"]["template"]
    (container,) = worker["spec"]["containers"]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness")]

    assert targets["static_configs"] == [
        {"targets": [f"{name}:{port}" for name in services if name.startswith("worker")]}
    ]
    for name in ("worker-orders", "worker-rest"):
        assert f"127.0.0.1:{port}/health/ready" in services[name]["healthcheck"]["test"][-1]
    assert container["ports"] == [{"name": "metrics", "containerPort": port}]
    assert [probe["path"] for probe in probes] == ["/health/live", "/health/ready"]
    assert {probe["port"] for probe in probes} == {"metrics"}
    assert worker["metadata"]["annotations"]["prometheus.io/port"] == str(port)
    assert manifests()["Service", "order-worker"]["spec"]["ports"][0]["port"] == port
    ports = {env_file(f"worker-{name}.env")["METRICS_PORT"] for name in ("orders", "rest")}
    assert len(ports) == 2


def test_the_api_listens_where_it_is_looked_for() -> None:
    api, port = compose()["services"]["api"], compose()["services"]["api"]["environment"]
    (container,) = manifests()["Deployment", "order-api"]["spec"]["template"]["spec"]["containers"]

    assert api["ports"] == [f"127.0.0.1:{port['SERVICE_PORT']}:{port['SERVICE_PORT']}"]
    assert f":{port['SERVICE_PORT']}/health" in api["healthcheck"]["test"][-1]
    assert (
        str(container["ports"][0]["containerPort"])
        == (manifests()["ConfigMap", "order-system"]["data"]["SERVICE_PORT"])
    )
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": "http"}


def test_the_autoscaler_reads_a_number_that_is_there() -> None:
    scaler = manifests()["ScaledObject", "order-worker"]["spec"]
    trigger = scaler["triggers"][0]["metadata"]

    assert trigger["valueLocation"] in scale_document([], 10, 60)
    assert trigger["url"].startswith("http://order-worker.default.svc:9090/scale?target=")
    assert ("Deployment", scaler["scaleTargetRef"]["name"]) in manifests()
    # One pod is one process, as the trigger's arithmetic has it.
    assert settings().worker.processes == 1


def test_everything_that_is_named_is_there() -> None:
    found = manifests()
    for (kind, name), manifest in found.items():
        if kind in ("Service", "PodDisruptionBudget"):
            selector = manifest["spec"]["selector"]
            labels = found["Deployment", name]["spec"]["template"]["metadata"]["labels"]
            assert selector.get("matchLabels", selector).items() <= labels.items()
        if kind == "Deployment":
            spec = manifest["spec"]
            labels = spec["template"]["metadata"]["labels"]
            assert spec["selector"]["matchLabels"].items() <= labels.items()
            (container,) = spec["template"]["spec"]["containers"]
            assert ("ConfigMap", container["envFrom"][0]["configMapRef"]["name"]) in found
            claim, _ = spec["template"]["spec"]["volumes"]
            assert ("PersistentVolumeClaim", claim["persistentVolumeClaim"]["claimName"]) in found
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            ledger = found["ConfigMap", "order-system"]["data"]["ORDER_LEDGER"]
            assert mounts["books"] == str(Path(ledger).parent)


def test_the_image_copies_what_is_there_and_keeps_its_books_where_they_are_mounted() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    sources = [
        source
        for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    books = re.search(r"ORDER_LEDGER=(\S+)/[^/]+\.sqlite3", text)

    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert books is not None
    assert books[1] == "/var/lib/shop"
    for service in compose()["services"].values():
        if service.get("image") == "order-system":
            assert service["volumes"] == ["books:/var/lib/shop"]
            context = (DEPLOY / service["build"]["context"]).resolve()
            assert context == ROOT
            assert (context / service["build"]["dockerfile"]).is_file()
