"""Can others read or write this queue: plain connections, open servers, unchecked certificates."""

from __future__ import annotations

from collections.abc import Iterator

from rediq_core.admin.doctor.finding import Finding, Level, Patient
from rediq_core.errors import RediqError

_LOOPBACK = ("localhost", "::1", "ip6-localhost")


def check_safety(patient: Patient) -> Iterator[Finding]:
    """Look at how the server is reached and whom it lets in: 1 round trip a node."""
    topology = patient.access.executor.link.topology
    is_local = all(node.is_unix or is_loopback(node.host) for node in topology.nodes)
    if topology.tls is None and not is_local:
        yield Finding(
            "transport",
            Level.ADVICE,
            "payloads and the password cross the network in plain text",
            "Use TLS: rediss:// for redis://, and [redis.tls] ca",
        )
    elif topology.tls is not None and topology.tls.is_insecure:
        yield Finding(
            "transport",
            Level.ADVICE,
            "the server's certificate is not checked",
            "Name its authority: [redis.tls] ca, and take insecure = true away",
        )
    else:
        yield Finding("transport", Level.OK, "local" if is_local else "TLS, certificate checked")
    yield from _openness(patient)


def _openness(patient: Patient) -> Iterator[Finding]:
    if patient.access.executor.link.topology.credentials.password:
        yield Finding("login", Level.OK, "a password is asked for")
        return
    for node, reply in patient.access.executor.link.command_all(
        "CONFIG", "GET", "protected-mode"
    ).items():
        # Without the right to look, nothing is known, and nothing is said.
        if isinstance(reply, RediqError):
            continue
        if _second(reply) == b"no":
            yield Finding(
                "login",
                Level.ADVICE,
                f"anybody who reaches {node} can read and change every task:"
                " no password, protected-mode no",
                "Set one: redis-cli ACL SETUSER default '>PASSWORD'"
                "     Rules for users: rediq config acl",
            )
        else:
            yield Finding("login", Level.OK, f"no password, but protected-mode is on ({node})")


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    return host in _LOOPBACK or host.startswith("127.")


def _second(reply: object) -> bytes:
    """Return the value of a CONFIG GET of one name, in either protocol."""
    if isinstance(reply, dict):
        return bytes(next(iter(reply.values()), b""))
    return bytes(reply[1]) if isinstance(reply, list) and len(reply) > 1 else b""
