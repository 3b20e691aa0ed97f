"""What Redis, redis-py and the socket say becomes one error, without payloads or passwords."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from rediq_core.connection.failures import ReplyError, error_reply
from rediq_core.connection.lines import failure_of
from rediq_core.connection.translate import PASSING, Fate, fate_of, translated
from rediq_core.errors import (
    ConfigError,
    QueueFull,
    RediqError,
    RedisOutOfMemory,
    RedisUnavailable,
    Refused,
    SchemaMismatch,
)

WHERE = "redis://localhost:6379/0"


def said(line: str) -> Exception:
    """The failure that an error reply becomes: the same read by us and through redis-py."""
    error = error_reply(line)
    theirs = DefaultParser.parse_error(line)
    assert isinstance(theirs, RedisError)
    through = failure_of(theirs)
    assert isinstance(error, ReplyError)
    assert isinstance(through, ReplyError)
    assert (type(through), through.code, through.text) == (type(error), error.code, error.text)
    return error


def test_a_refused_connection_has_the_pinned_text() -> None:
    error = translated(ConnectionRefusedError(errno.ECONNREFUSED, "x"), WHERE)

    assert str(error) == (
        "E001 no Redis at redis://localhost:6379/0 (connection refused).\n"
        "     Start one: rediq redis start     Or name yours: --url, REDIQ_URL, [redis] url"
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "(host name not found)"),
        (FileNotFoundError(errno.ENOENT, "x"), "(no such socket)"),
        (PermissionError(errno.EACCES, "x"), "(permission denied)"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "(connection reset)"),
        (failure_of(RedisConnectionError("Connection closed.")), "(connection closed)"),
        (TimeoutError(), "(timed out)"),
        (failure_of(RedisTimeoutError("Timeout connecting to server")), "(timed out)"),
        (
            failure_of(RedisConnectionError("max number of clients reached")),
            "(it has as many clients",
        ),
    ],
)
def test_each_way_of_being_unreachable_is_named(error: Exception, reason: str) -> None:
    ours = translated(error, WHERE)

    assert isinstance(ours, RedisUnavailable)
    assert ours.message.startswith(f"no Redis at {WHERE} {reason}")
    assert ours.ambiguous is False


def test_an_operating_system_error_is_found_behind_redis_pys() -> None:
    error = RedisConnectionError("Error 111 connecting to localhost:6379.")
    error.__context__ = ConnectionRefusedError(errno.ECONNREFUSED, "x")

    assert "connection refused" in translated(failure_of(error), WHERE).message


def test_a_lost_or_late_answer_is_ambiguous_and_says_so() -> None:
    lost = translated(ConnectionResetError(), WHERE, is_ambiguous=True)
    late = translated(failure_of(RedisTimeoutError("no reply")), WHERE, is_ambiguous=True)

    assert [lost.message, late.message] == [
        f"lost the Redis at {WHERE} (connection reset).",
        f"the Redis at {WHERE} did not answer in time.",
    ]


def test_silence_on_a_tls_url_asks_whether_the_port_is_tls() -> None:
    error = translated(TimeoutError(), "rediss://localhost:6379/0")

    assert error.cause == "The URL says rediss: is this port TLS?"


def test_a_refused_certificate_is_final_and_says_why() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"

    assert fate_of(error) is Fate.FINAL
    assert "its certificate was not accepted: self-signed certificate" in str(
        translated(error, "rediss://h:1/0")
    )


@pytest.mark.parametrize(
    ("line", "fate"),
    [
        ("MOVED 5 10.0.0.1:7000", Fate.MOVED),
        ("ASK 5 10.0.0.1:7000", Fate.ASKING),
        ("LOADING Redis is loading the dataset in memory", Fate.PASSING),
        ("READONLY You can't write against a read only replica.", Fate.PASSING),
        ("MASTERDOWN Link with MASTER is down", Fate.PASSING),
        ("CLUSTERDOWN The cluster is down", Fate.PASSING),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Fate.PASSING),
        ("MISCONF Redis is configured to save RDB snapshots", Fate.PASSING),
        ("NOREPLICAS Not enough good replicas to write.", Fate.PASSING),
        ("BUSY Redis is busy running a script.", Fate.PASSING),
        ("UNKILLABLE Sorry the script already executed write commands", Fate.PASSING),
        ("UNBLOCKED force unblock from blocking operation", Fate.PASSING),
        ("ERR max number of clients reached", Fate.PASSING),
        (
            "ERR Error running script (call to f_1): @user_script:1: -READONLY You can't",
            Fate.PASSING,
        ),
        ("WRONGPASS invalid username-password pair", Fate.FINAL),
        ("NOAUTH Authentication required.", Fate.FINAL),
        ("NOPERM User x has no permissions to run the 'get' command", Fate.FINAL),
        ("OOM command not allowed when used memory > 'maxmemory'.", Fate.FINAL),
        ("WRONGTYPE Operation against a key", Fate.FINAL),
        ("ERR value is not an integer or out of range", Fate.FINAL),
    ],
)
def test_each_error_reply_has_one_fate(line: str, fate: Fate) -> None:
    assert fate_of(said(line)) is fate


def test_a_mistake_in_our_own_code_is_not_tried_again() -> None:
    assert fate_of(ZeroDivisionError()) is Fate.FINAL
    assert fate_of(QueueFull("full")) is Fate.FINAL


@pytest.mark.parametrize("code", sorted(PASSING))
def test_each_passing_refusal_has_its_own_sentence_and_next_step(code: str) -> None:
    error = translated(said(f"{code} anything"), WHERE)

    state, next_step = PASSING[code]
    assert isinstance(error, RedisUnavailable)
    assert error.message == f"the Redis at {WHERE} {state}."
    assert error.next_step == next_step != ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("WRONGPASS invalid username-password pair or user is disabled.", "refused the user"),
        ("NOAUTH Authentication required.", "asks for a password"),
    ],
)
def test_a_missing_and_a_wrong_password_differ(line: str, says: str) -> None:
    error = translated(said(line), WHERE)

    assert isinstance(error, RedisUnavailable)
    assert error.is_authentication is True
    assert says in error.message


@pytest.mark.parametrize(
    ("line", "kind", "says"),
    [
        ("NOPERM User w has no permissions to run the 'script|load' command", Refused, "'script|"),
        ("NOPERM No permissions to access a key", Refused, "a command, or a key"),
        ("ERR The user executing the script can't run this command", Refused, "denies"),
        (
            "ERR ACL failure in script: User w has no permissions to run the 'set' command",
            Refused,
            "'set'",
        ),
        ("OOM command not allowed when used memory > 'maxmemory'.", RedisOutOfMemory, "maxmemory"),
        (
            "ERR Error running script (call to f_1): @user_script:3: OOM command not allowed",
            RedisOutOfMemory,
            "maxmemory",
        ),
        ("WRONGTYPE Operation against a key holding the wrong", SchemaMismatch, "another type"),
        ("REDIQERR wrongtype rediq:{q}:tasks", SchemaMismatch, "another type"),
        ("ERR unknown command 'EVALSHA', with args beginning with: 'x'", ConfigError, "know"),
        ("ERR DB index is out of range", ConfigError, "no database"),
        ("ERR This instance has cluster support disabled", ConfigError, "not a Cluster"),
        (
            "ERR user_script:7: attempt to index a nil value script: 0a, on @user_script:7.",
            SchemaMismatch,
            "attempt to index (line 7)",
        ),
    ],
)
def test_each_refusal_becomes_the_error_a_caller_can_act_on(
    line: str, kind: type[RediqError], says: str
) -> None:
    error = translated(said(line), WHERE)

    assert type(error) is kind
    assert says in str(error)


@pytest.mark.parametrize(
    "line",
    [
        "ERR unknown command 'HSETX', with args beginning with: 'kAnArY'",
        "ERR something new about kAnArY",
        "WRONGTYPE kAnArY",
        "NOPERM kAnArY",
        "SOMECODE kAnArY",
        "MISCONF kAnArY",
    ],
)
def test_nothing_that_redis_quotes_is_passed_on(line: str) -> None:
    assert "kAnArY" not in str(translated(said(line), WHERE))


def test_an_error_of_ours_stays_itself() -> None:
    error = QueueFull("full")

    assert translated(error, WHERE) is error
