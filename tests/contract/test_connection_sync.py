"""The blocking link on one real server: threads, forks, lost replies, deadlines, sleeping pops."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from rediq_core.connection.sync import SyncLink
from rediq_core.connection.topology import parse_url
from rediq_core.errors import (
    ConfigError,
    RedisOutOfMemory,
    RedisUnavailable,
    Refused,
    SchemaMismatch,
)
from tests.contract.connection_scripts import COUNT, KEY, PUSH, SET, count, echo, script
from tests.support.proxy import Proxy
from tests.support.servers import Server, free_port, standalone
from tests.support.waiting import wait_until


@pytest.fixture
def link(redis_url: str) -> Iterator[SyncLink]:
    link = SyncLink(parse_url(redis_url))
    yield link
    link.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    # With everysec a write waits in the server's memory while an fsync is under way, so that a
    # SIGKILL then loses what was acknowledged; these tests are about the link.
    with standalone(aof=True, extra_args=["--appendfsync", "always"]) as server:
        yield server


def test_a_script_is_sent_with_its_body_when_the_server_does_not_know_it(link: SyncLink) -> None:
    body = "return {ARGV[1], 7, {KEYS[1], false}}"

    first = link.evalsha(script(body, b"\xff\x00"))
    again = link.evalsha(script(body, b"\xff\x00"))

    assert first == again == [b"\xff\x00", 7, [KEY.encode(), None]]


def test_threads_share_a_link_while_scripts_are_flushed(link: SyncLink) -> None:
    def call(number: int) -> list[bytes]:
        replies = []
        for turn in range(50):
            replies.append(link.evalsha(echo(f"{number}.{turn}")))
            if number == 0:
                link.command("SCRIPT", "FLUSH")
        return replies

    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(call, range(8)))

    assert replies == [[f"{n}.{turn}".encode() for turn in range(50)] for n in range(8)]


def test_the_pool_size_bounds_the_connections_of_threads(
    redis_url: str, redis_client: redis.Redis
) -> None:
    link = SyncLink(parse_url(redis_url, pool_size=2))

    with ThreadPoolExecutor(12) as threads:
        replies = list(threads.map(lambda n: link.evalsha(echo(str(n))), range(600)))
    ours = len(redis_client.client_list()) - 1
    link.close()

    assert replies == [str(number).encode() for number in range(600)]
    assert 1 <= ours <= 2


def test_many_calls_have_each_their_own_result_in_order(link: SyncLink) -> None:
    link.command("LPUSH", KEY, "x", key=KEY)
    other = "t:{q}:other"
    calls = [echo("a"), script(COUNT), script(COUNT, key=other), script("return KEYS[1]")]

    replies = link.evalsha_many(calls)

    assert (replies[0], replies[2], replies[3]) == (b"a", 1, KEY.encode())
    assert isinstance(replies[1], SchemaMismatch)
    assert link.evalsha(echo("after")) == b"after"


def test_plain_commands_answer_in_the_shapes_of_scripts(link: SyncLink) -> None:
    link.command("SADD", KEY, "m")

    assert link.command("SMEMBERS", KEY) == [b"m"]
    assert link.commands([("EXISTS", KEY), ("GET", "t:none")], key=KEY) == [1, None]
    assert link.command_all("DBSIZE") == {str(link.topology.nodes[0]): 1}
    assert link.evalsha_many([]) == []


def test_calls_outlive_restarts_of_the_server(own_server: Server) -> None:
    link = SyncLink(parse_url(own_server.url))
    is_over = threading.Event()

    def push(caller: int) -> list[str]:
        sent = []
        while not is_over.is_set():
            text = f"{caller}.{len(sent)}"
            link.evalsha(script(PUSH, text, key=f"t:{{q}}:{caller}"), deadline_s=30)
            sent.append(text)
        return sent

    with ThreadPoolExecutor(6) as threads:
        callers = [threads.submit(push, number) for number in range(6)]
        for _ in range(3):
            wait_until(lambda: link.evalsha(count()), "calls are flowing")
            own_server.restart()
        wait_until(lambda: link.evalsha(count()), "calls are flowing again")
        is_over.set()
        sent = [caller.result() for caller in callers]
    found = [
        list(dict.fromkeys(link.command("LRANGE", f"t:{{q}}:{number}", 0, -1)))
        for number in range(6)
    ]
    link.close()

    assert found == [[text.encode() for text in texts] for texts in sent]


def test_a_call_whose_reply_was_lost_is_sent_again(
    redis_url: str, redis_client: redis.Redis
) -> None:
    with Proxy(redis_url) as proxy:
        link = SyncLink(parse_url(proxy.url))
        link.evalsha(count())
        proxy.drop_replies(1, matching=b"EVALSHA")

        replies = [link.evalsha(count()), *link.evalsha_many([count(), echo("x")])]

        link.close()
    assert (replies, redis_client.get(KEY), proxy.dropped) == ([3, 4, b"x"], b"4", 1)


def test_a_silent_server_ends_a_call_at_its_deadline_as_ambiguous(own_server: Server) -> None:
    link = SyncLink(parse_url(own_server.url))
    link.evalsha(count())
    own_server.pause()
    began = time.monotonic()

    with pytest.raises(RedisUnavailable) as caught:
        link.evalsha(count(), deadline_s=0.5)

    took_s = time.monotonic() - began
    own_server.resume()
    assert caught.value.ambiguous is True
    assert 0.3 <= took_s <= 1.0
    assert link.evalsha(echo("later")) == b"later"
    link.close()


def test_a_batch_that_meets_its_deadline_says_so_for_each_call(own_server: Server) -> None:
    link = SyncLink(parse_url(own_server.url))
    link.evalsha(count())
    own_server.pause()

    replies = link.evalsha_many([count(), count()], deadline_s=0.3)

    own_server.resume()
    link.close()
    assert [type(reply) for reply in replies] == [RedisUnavailable, RedisUnavailable]
    assert [reply.ambiguous for reply in replies] == [True, True]


def test_an_interrupted_call_does_not_leave_its_reply_to_the_next(own_server: Server) -> None:
    class StopNow(BaseException):
        pass

    def interrupt(number: int, frame: object) -> None:
        own_server.resume()
        raise StopNow

    link = SyncLink(parse_url(own_server.url))
    link.evalsha(echo("warm"))
    own_server.pause()
    former = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(StopNow):
            link.evalsha(echo("interrupted"))
    finally:
        signal.signal(signal.SIGALRM, former)

    assert link.evalsha(echo("next")) == b"next"
    link.close()


def test_nobody_at_the_address_is_said_in_the_pinned_words() -> None:
    port = free_port()
    link = SyncLink(parse_url(f"redis://:kAnArY@127.0.0.1:{port}/0"))

    with pytest.raises(RedisUnavailable) as caught:
        link.evalsha(echo("x"), deadline_s=0.1)

    link.close()
    assert str(caught.value).startswith(
        f"E001 no Redis at redis://:***@127.0.0.1:{port}/0 (connection refused).\n"
    )
    assert caught.value.ambiguous is False


@pytest.mark.parametrize(
    ("password", "says"), [("wrong", "refused the user name or password"), ("", "for a password")]
)
def test_a_bad_login_is_not_tried_again(password: str, says: str) -> None:
    with standalone(requirepass="right") as server:
        link = SyncLink(parse_url(server.url, password=password))

        with pytest.raises(RedisUnavailable, match=says) as caught:
            link.evalsha(echo("x"), deadline_s=30)

        link.close()
    assert caught.value.is_authentication is True


def test_refusals_are_the_same_errors_as_on_the_async_side(
    own_server: Server, link: SyncLink
) -> None:
    full = SyncLink(parse_url(own_server.url))
    full.command("CONFIG", "SET", "maxmemory", "1")
    full.command("ACL", "SETUSER", "w", "on", ">pw", "~t:*", "-@all", "+evalsha", "+eval")
    denied = SyncLink(parse_url(own_server.url, username="w", password="pw"))

    with pytest.raises(RedisOutOfMemory):
        full.evalsha(script(SET, "v"), deadline_s=30)
    with pytest.raises(Refused, match="'get'"):
        denied.command("GET", KEY)

    full.close()
    denied.close()


def test_all_connections_taken_is_no_answer_in_time(own_server: Server) -> None:
    link = SyncLink(parse_url(own_server.url, pool_size=1))
    link.evalsha(echo("warm"))
    own_server.pause()
    with ThreadPoolExecutor(1) as threads:
        holder = threads.submit(link.evalsha, echo("holder"), deadline_s=10)
        wait_until(lambda: link._courier.ready_lines(KEY)._idle == [], "the connection is taken")

        with pytest.raises(RedisUnavailable) as caught:
            link.evalsha(echo("x"), deadline_s=0.2)

        own_server.resume()
        assert holder.result() == b"holder"
    link.close()
    assert caught.value.ambiguous is False


def test_a_child_process_gets_connections_of_its_own(
    link: SyncLink, redis_client: redis.Redis
) -> None:
    link.evalsha(echo("parent"))
    mine, childs = socket.socketpair()
    pid = os.fork()
    if pid == 0:  # the child reports by the socket and leaves without any clean-up of pytest
        replies = {link.evalsha(echo(f"child {turn}")) for turn in range(200)}
        is_right = replies == {f"child {turn}".encode() for turn in range(200)}
        childs.sendall(b"right" if is_right else b"wrong")
        os._exit(0)

    replies = [link.evalsha(echo(f"parent {turn}")) for turn in range(200)]
    verdict = mine.recv(16)
    os.waitpid(pid, 0)
    mine.close()
    childs.close()

    assert replies == [f"parent {turn}".encode() for turn in range(200)]
    assert verdict == b"right"
    assert link.evalsha(echo("parent again")) == b"parent again"


def test_a_sleeping_pop_returns_what_is_pushed(link: SyncLink, redis_client: redis.Redis) -> None:
    with ThreadPoolExecutor(1) as threads:
        sleeper = threads.submit(link.blocking_pop, KEY, 20)
        wait_until(lambda: redis_client.info("clients")["blocked_clients"], "it sleeps")
        redis_client.rpush(KEY, b"\xffmarker")

        assert sleeper.result(5) == b"\xffmarker"


def test_a_sleeping_pop_returns_none_after_its_time(link: SyncLink) -> None:
    began = time.monotonic()

    popped = link.blocking_pop(KEY, 2.2)  # longer than the timeout of ordinary replies

    assert popped is None
    assert 2.0 <= time.monotonic() - began <= 3.5


def test_a_sleeping_pop_outlives_a_restart(own_server: Server) -> None:
    link = SyncLink(parse_url(own_server.url))
    with ThreadPoolExecutor(1) as threads:
        sleeper = threads.submit(link.blocking_pop, KEY, 20)
        client = own_server.client()
        wait_until(lambda: client.info("clients")["blocked_clients"], "it sleeps")
        own_server.restart()
        wait_until(lambda: client.info("clients")["blocked_clients"], "it sleeps again")
        client.rpush(KEY, "marker")

        assert sleeper.result(5) == b"marker"
    client.close()
    link.close()


def test_closing_wakes_who_sleeps(redis_url: str, redis_client: redis.Redis) -> None:
    link = SyncLink(parse_url(redis_url))
    with ThreadPoolExecutor(1) as threads:
        sleeper = threads.submit(link.blocking_pop, KEY, 60)
        wait_until(lambda: redis_client.info("clients")["blocked_clients"], "it sleeps")
        link.close()

        assert sleeper.result(5) is None


def test_closing_ends_calls_that_are_being_repeated() -> None:
    link = SyncLink(parse_url(f"redis://127.0.0.1:{free_port()}/0"))
    with ThreadPoolExecutor(1) as threads:
        stuck = threads.submit(link.evalsha, echo("x"), deadline_s=None)
        wait_until(lambda: link._courier._nodes, "it has tried")
        link.close()

        with pytest.raises(ConfigError, match="has been closed"):
            stuck.result(5)


def test_a_closed_link_says_so_and_closes_twice(link: SyncLink) -> None:
    link.evalsha(echo("x"))
    link.close()
    link.close()

    with pytest.raises(ConfigError, match="has been closed"):
        link.evalsha(echo("x"))
