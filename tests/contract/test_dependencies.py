"""What a parent's end does to its children, in other queues, on one server and on a Cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from rediq_core import SyncClient, Task
from rediq_core.admin import Admin, connect
from rediq_core.errors import DependencyCycle, EnqueueManyFailed, RediqError, UnknownDependency
from rediq_core.model.ids import derived_id, new_id
from rediq_core.model.outcome import parse_outcome
from rediq_core.model.state import TaskState
from rediq_core.model.task import OnFailure
from rediq_core.verbs.moves import MoveVerb
from tests.support.family_rig import FamilyRig
from tests.support.rig import completed, died, failed
from tests.support.servers import Cluster

BY = "ada@host"
PARENT, CHILD = "parents", "children"
ENDS = ("completed", "dead", "cancelled", "deleted", "purged", "expired", "poisoned")
GOOD = {"completed"}


class Scene:
    """A client, an operator, and the queues of both, whose clock is the server's."""

    def __init__(self, url: str, client: redis.Redis) -> None:
        self.rig = FamilyRig(url, client, namespace="t")
        seconds, micros = client.time()
        # Ahead of the server by more than a test takes: nothing it took is in the future.
        self.rig.now_ms = int(seconds * 1_000 + micros // 1_000) + 20_000
        self.client = SyncClient(url, namespace="t")
        self.admin: Admin = connect(url, namespace="t")

    def close(self) -> None:
        self.rig.close()
        self.client.close()
        self.admin.close()

    def state(self, task: Task[object]) -> TaskState:
        return self.client.get(task.id).state

    def finish(self, task: Task[object], outcome: object = completed, **options: object) -> None:
        """Run one task, which must be next in its queue, and tell its children."""
        worker = self.rig[task.queue].worker(f"w-{task.id}-{new_id('x')}#1")
        (claimed,) = worker.claim(1)
        assert claimed.id == task.id
        reply = worker.settle(outcome(claimed, **options))  # type: ignore[operator]  # one of rig's outcomes
        self.rig.relay(task.queue, reply.deliver)

    def end(self, task: Task[object], how: str) -> None:
        if how == "completed":
            self.finish(task, completed, result='{"n":7}')
        elif how == "dead":
            self.finish(task, died)
        elif how == "cancelled":
            self.client.cancel(task)
        elif how in ("deleted", "purged"):
            self.admin.move("delete", [task.id], by=BY, hard=how == "purged")
        elif how == "expired":
            self.rig.advance(10_000)
            reply = self.rig[task.queue].worker("late#1").exchange(1)
            assert reply.claimed == []
            self.rig.relay(task.queue, reply.deliver)
        else:
            self.poison(task)

    def poison(self, task: Task[object]) -> None:
        rig = self.rig[task.queue]
        for life in range(3):
            rig.worker(f"doomed{life}#1").claim(1, is_solo=True)
            self.rig.relay(task.queue, rig.reap(f"doomed{life}#1").deliver)


@pytest.fixture(params=["standalone", pytest.param("cluster", marks=pytest.mark.cluster)])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    if request.param == "standalone":
        url = request.getfixturevalue("redis_url")
        client: redis.Redis = request.getfixturevalue("redis_client")
    else:
        url = request.getfixturevalue("cluster_url")
        cluster: Cluster = request.getfixturevalue("cluster_server")
        client = cluster.masters[0].client()
    scene = Scene(url, client)
    yield scene
    scene.close()


def parent(**options: object) -> Task[object]:
    return Task("make", queue=PARENT, **options)  # type: ignore[arg-type]  # options of Task


def child(*parents: Task[object] | str, **options: object) -> Task[object]:
    return Task("use", queue=CHILD, depends_on=list(parents), **options)  # type: ignore[arg-type]  # options of Task


# Every end of a parent under every policy.


def expected(how: str, policy: str) -> TaskState:
    if how in GOOD or policy == "run":
        return TaskState.PENDING
    return TaskState.DEAD if policy == "fail" else TaskState.CANCELLED


@pytest.mark.parametrize("policy", ["fail", "run", "cancel"])
@pytest.mark.parametrize("how", ENDS)
def test_a_child_follows_its_policy_when_its_parent_ends(
    scene: Scene, how: str, policy: OnFailure
) -> None:
    first = parent(expires_in="5s" if how == "expired" else None)
    second = child(first, on_dependency_failure=policy)
    scene.client.enqueue_many([first, second])
    assert scene.state(second) is TaskState.WAITING

    scene.end(first, how)

    assert scene.state(second) is expected(how, policy)
    assert scene.rig.leftovers() == {}


@pytest.mark.parametrize("policy", ["fail", "run", "cancel"])
@pytest.mark.parametrize("how", [end for end in ENDS if end != "purged"])
def test_a_child_that_comes_after_its_parent_ended_follows_its_policy(
    scene: Scene, how: str, policy: OnFailure
) -> None:
    first = parent(expires_in="5s" if how == "expired" else None)
    scene.client.enqueue(first)
    scene.end(first, how)

    second = child(first.id, on_dependency_failure=policy)
    scene.client.enqueue(second)

    assert scene.state(second) is expected(how, policy)
    assert scene.rig.leftovers() == {}


def test_a_failure_runs_through_all_levels_each_in_its_own_queue(scene: Scene) -> None:
    chain: list[Task[object]] = [Task("step", queue="level0")]
    for level in range(1, 12):
        chain.append(Task("step", queue=f"level{level % 5}", depends_on=chain[-1]))
    scene.client.enqueue_many(reversed(chain))

    scene.finish(chain[0], died)

    assert [scene.state(task) for task in chain] == [TaskState.DEAD] * 12
    view = scene.client.get(chain[-1].id)
    assert view.error == f"DependencyFailed: parent {chain[-2].id} is dead"
    assert view.timeline[-1].kind == "dependency_failed"
    assert view.attempts == 0


def test_a_retry_that_is_still_to_come_ends_nothing(scene: Scene) -> None:
    first = parent()
    second = child(first)
    scene.client.enqueue_many([first, second])

    scene.finish(first, failed)

    assert scene.state(second) is TaskState.WAITING


def test_a_child_waits_for_all_of_its_parents(scene: Scene) -> None:
    parents = [Task("make", queue=f"p{number}") for number in range(4)]
    second = child(*parents)
    scene.client.enqueue_many([second, *parents])

    states = []
    for task in parents:
        scene.finish(task)
        states.append(scene.state(second))

    assert states == [TaskState.WAITING] * 3 + [TaskState.PENDING]


# What a child is given.


def test_a_claim_brings_how_each_parent_ended(scene: Scene) -> None:
    good, bad = parent(), Task("other", queue="elsewhere")
    second = child(bad, good, bad, on_dependency_failure="run")
    scene.client.enqueue_many([second, good, bad])
    scene.finish(good, completed, result='{"n":[7,"r\\":"]}')
    scene.finish(bad, died)

    (claimed,) = scene.rig[CHILD].worker().claim(1)

    ends = {id_: tuple(parse_outcome(end)) for id_, end in claimed.ends.items()}
    assert ends == {
        good.id: ("make", TaskState.COMPLETED, {"n": [7, 'r":']}),
        bad.id: ("other", TaskState.DEAD, None),
    }
    assert claimed.options.depends_on == (bad.id, good.id, bad.id)


def test_a_repeated_claim_brings_it_again(scene: Scene) -> None:
    first = parent()
    second = child(first)
    scene.client.enqueue_many([first, second])
    scene.finish(first)
    worker = scene.rig[CHILD].worker()
    worker.claim(1)

    (again,) = worker.again(1).claimed

    assert list(again.ends) == [first.id]


def test_one_result_is_kept_once_for_all_children_of_a_queue(scene: Scene) -> None:
    first = parent()
    children = [child(first) for _ in range(300)]
    scene.client.enqueue_many([first, *children])

    scene.finish(first, completed, result='"' + "x" * 10_000 + '"')

    outcomes = scene.rig[CHILD].hash("outcomes")
    assert outcomes.keys() == {first.id, f">{first.id}"}
    assert outcomes[f">{first.id}"] == "300"


def test_what_was_kept_of_a_parent_goes_with_its_last_child(scene: Scene) -> None:
    first = parent()
    children = [child(first), child(first)]
    scene.client.enqueue_many([first, *children])
    scene.finish(first)

    scene.admin.move("delete", [each.id for each in children], by=BY, hard=True)

    rig = scene.rig[CHILD]
    assert (rig.hash("outcomes"), rig.ids("needs"), rig.ids("early")) == ({}, [], [])


def test_edges_go_with_their_parent(scene: Scene) -> None:
    first = parent()
    scene.client.enqueue_many([first, child(first), child(first)])
    scene.finish(first, died)
    assert len(scene.rig[PARENT].ids("dependents")) == 2

    scene.admin.move("delete", [first.id], by=BY, hard=True)

    assert scene.rig[PARENT].ids("dependents") == []


def test_the_wait_and_the_time_to_expire_begin_when_a_child_may_run(scene: Scene) -> None:
    first = parent()
    second = child(first, expires_in="30s")
    scene.client.enqueue_many([first, second])
    scene.rig.advance(60_000)
    scene.finish(first)
    scene.rig.advance(20_000)

    (claimed,) = scene.rig[CHILD].worker().claim(1)

    assert claimed.id == second.id
    assert scene.rig.now_ms - claimed.ready_ms == 20_000


def test_a_child_keeps_its_place_among_its_priority(scene: Scene) -> None:
    first = parent()
    second = child(first)
    scene.client.enqueue_many([first, second])
    scene.rig.advance(5_000)
    later: Task[object] = Task("use", queue=CHILD)
    scene.rig[CHILD].enqueue(later)
    scene.finish(first)

    claimed = scene.rig[CHILD].worker().claim(2)

    assert [task.id for task in claimed] == [second.id, later.id]


def test_a_delay_that_is_not_over_is_waited_out(scene: Scene) -> None:
    first = parent()
    second = child(first, delay="1h")
    scene.client.enqueue_many([first, second])

    scene.finish(first)

    assert scene.state(second) is TaskState.DELAYED


# What is refused.


def test_an_unknown_parent_is_refused_and_nothing_is_written(scene: Scene) -> None:
    known, unknown = parent(), new_id(PARENT)
    scene.client.enqueue(known)
    rig = scene.rig[PARENT]
    before = (sorted(rig.client.keys()), rig.ids("dependents"))

    with pytest.raises(UnknownDependency) as refused:
        scene.client.enqueue(child(known, unknown))

    assert refused.value.parent_id == unknown
    assert "never existed" in refused.value.cause
    assert (sorted(rig.client.keys()), rig.ids("dependents")) == before


def test_a_parent_older_than_tasks_are_kept_is_named_so(scene: Scene) -> None:
    old = derived_id("0" * 26, 1, PARENT)

    with pytest.raises(UnknownDependency) as refused:
        scene.client.enqueue(child(old))

    assert "older than finished tasks are kept" in refused.value.cause


def test_an_unknown_parent_may_count_as_completed(scene: Scene) -> None:
    first = parent()
    scene.client.enqueue(first)
    second = child("nobody", first, on_missing_dependency="run")
    scene.client.enqueue(second)
    assert scene.state(second) is TaskState.WAITING

    scene.finish(first)

    (claimed,) = scene.rig[CHILD].worker().claim(1)
    assert parse_outcome(claimed.ends["nobody"]).state is TaskState.COMPLETED


def test_a_task_that_depends_on_itself_is_refused(scene: Scene) -> None:
    with pytest.raises(DependencyCycle) as refused:
        scene.client.enqueue(Task("use", id="me", depends_on="me"))

    assert refused.value.path == ("me", "me")


def test_a_cycle_in_one_call_is_refused_with_its_path_and_the_rest_is_taken(scene: Scene) -> None:
    tasks: list[Task[object]] = [
        Task("use", id="a", depends_on="c"),
        Task("use", id="b", queue="other", depends_on="a"),
        Task("use", id="c", depends_on=["b", "free"]),
        Task("use", id="below", depends_on="b"),
        Task("use", id="free"),
        Task("use", id="bound", depends_on="free"),
    ]

    with pytest.raises(EnqueueManyFailed) as failure:
        scene.client.enqueue_many(tasks)

    outcomes = [r if isinstance(r, str) else type(r) for r in failure.value.results]
    cycle, gone = DependencyCycle, UnknownDependency
    assert outcomes == [cycle, cycle, cycle, gone, "free", "bound"]
    (path,) = {r.path for r in failure.value.results if isinstance(r, DependencyCycle)}
    assert path == ("a", "c", "b", "a")


def test_tasks_of_one_call_may_depend_on_each_other_in_any_order(scene: Scene) -> None:
    tasks: list[Task[object]] = [Task("use", id="t0", queue="q0")]
    tasks += [
        Task("use", id=f"t{number}", queue=f"q{number % 4}", depends_on=f"t{number // 2}")
        for number in range(1, 60)
    ]

    ids = scene.client.enqueue_many(reversed(tasks))

    assert ids == [task.id for task in reversed(tasks)]
    states = {scene.state(task) for task in tasks[1:]}
    assert states == {TaskState.WAITING}


def test_a_repeat_is_a_success_even_when_its_parent_is_gone_by_then(scene: Scene) -> None:
    first = parent()
    second = child(first)
    scene.client.enqueue_many([first, second])
    scene.finish(first)
    scene.admin.move("delete", [first.id], by=BY, hard=True)

    assert scene.client.enqueue(second) == second.id


def test_a_replaced_owner_takes_its_children_along(scene: Scene) -> None:
    first = parent(unique_key="k")
    second = child(first)
    scene.client.enqueue_many([first, second])

    scene.client.enqueue(parent(unique_key="k", on_duplicate="replace"))

    assert scene.state(second) is TaskState.DEAD


# Operators.


def family(scene: Scene) -> list[Task[object]]:
    """A parent, its child, a grandchild, and a child that is cancelled by a bad end."""
    first = parent()
    second = child(first, unique_key="k")
    third: Task[object] = Task("use", queue="grandchildren", depends_on=second)
    fourth = child(first, on_dependency_failure="cancel")
    scene.client.enqueue_many([first, second, third, fourth])
    return [first, second, third, fourth]


@pytest.mark.parametrize("how", ["dead", "cancelled"])
def test_a_parent_that_is_retried_takes_up_again_what_died_of_it(scene: Scene, how: str) -> None:
    first, second, third, fourth = family(scene)
    scene.end(first, how)
    assert [scene.state(t) for t in (second, third)] == [TaskState.DEAD] * 2

    scene.admin.move("retry", [first.id], by=BY)

    assert [scene.state(t) for t in (second, third)] == [TaskState.WAITING] * 2
    assert scene.state(fourth) is TaskState.CANCELLED
    scene.rig.advance(60_000)
    scene.finish(first)
    scene.finish(second)
    assert scene.state(third) is TaskState.PENDING
    assert scene.rig.leftovers() == {}


def test_a_parent_that_dies_again_takes_its_children_along_again(scene: Scene) -> None:
    first, second, third, _ = family(scene)
    for _ in range(3):
        scene.rig.advance(60_000)
        scene.finish(first, died)
        assert [scene.state(t) for t in (second, third)] == [TaskState.DEAD] * 2
        scene.admin.move("retry", [first.id], by=BY)
    assert [scene.state(t) for t in (second, third)] == [TaskState.WAITING] * 2


def test_a_child_of_two_dead_parents_comes_back_with_the_second(scene: Scene) -> None:
    parents = [Task("make", queue=f"p{number}") for number in range(2)]
    second = child(*parents)
    scene.client.enqueue_many([*parents, second])
    for task in parents:
        scene.finish(task, died)

    scene.admin.move("retry", [parents[0].id], by=BY)
    after_one = scene.state(second)
    scene.admin.move("retry", [parents[1].id], by=BY)

    assert (after_one, scene.state(second)) == (TaskState.DEAD, TaskState.WAITING)


def test_a_child_whose_unique_key_is_taken_meanwhile_stays_dead(scene: Scene) -> None:
    first, second, _, _ = family(scene)
    scene.finish(first, died)
    scene.client.enqueue(Task("use", queue=CHILD, unique_key="k"))

    scene.admin.move("retry", [first.id], by=BY)

    assert scene.state(second) is TaskState.DEAD


def test_a_restored_parent_takes_up_again_what_died_of_its_deletion(scene: Scene) -> None:
    first, second, third, _ = family(scene)
    scene.admin.move("delete", [first.id], by=BY)
    assert scene.state(third) is TaskState.DEAD

    scene.admin.move("restore", [first.id], by=BY)

    assert [scene.state(t) for t in (second, third)] == [TaskState.WAITING] * 2


def test_a_retried_child_still_waits_for_parents_that_have_not_ended(scene: Scene) -> None:
    parents = [Task("make", queue=f"p{number}") for number in range(2)]
    second = child(*parents)
    scene.client.enqueue_many([*parents, second])
    scene.client.cancel(second)

    scene.admin.move("retry", [second.id], by=BY)

    assert scene.state(second) is TaskState.WAITING
    for task in parents:
        scene.finish(task)
    assert scene.state(second) is TaskState.PENDING


@pytest.mark.parametrize(
    ("how", "state"), [("completed", TaskState.PENDING), ("dead", TaskState.DEAD)]
)
def test_a_child_restored_after_its_parent_ended_does_not_wait(
    scene: Scene, how: str, state: TaskState
) -> None:
    first = parent()
    second = child(first)
    scene.client.enqueue_many([first, second])
    scene.admin.move(MoveVerb.DELETE, [second.id], by=BY)
    scene.end(first, how)

    scene.admin.move(MoveVerb.RESTORE, [second.id], by=BY)

    assert scene.state(second) is state


def test_flushing_a_queue_ends_the_children_in_others(scene: Scene) -> None:
    parents = [parent() for _ in range(30)]
    children = [child(task) for task in parents]
    scene.client.enqueue_many([*parents, *children])

    scene.admin.move("delete", [task.id for task in parents], by=BY)

    assert {scene.state(task) for task in children} == {TaskState.DEAD}


# Graph.


def test_the_graph_of_a_task_names_what_is_above_and_below_it(scene: Scene) -> None:
    first, second, third, fourth = family(scene)
    scene.finish(first)

    graph = scene.admin.graph(second.id)

    assert set(graph.nodes) == {first.id, second.id, third.id}
    assert graph.children == {first.id: (second.id,), second.id: (third.id,)}
    assert graph.roots == [first.id]
    assert graph.has_more is False
    whole = scene.admin.graph(first.id)
    assert set(whole.nodes) == {first.id, second.id, third.id, fourth.id}


def test_a_large_graph_is_cut_and_says_so(scene: Scene) -> None:
    first = parent()
    seconds = [child(first) for _ in range(120)]
    scene.client.enqueue_many([first, *seconds])

    graph = scene.admin.graph(first.id)

    assert (len(graph.nodes), graph.has_more) == (51, True)


def test_an_outcome_that_cannot_be_read_counts_as_cancelled() -> None:
    assert tuple(parse_outcome(b"?|x|{no json")) == ("x", TaskState.CANCELLED, None)


def test_an_error_of_the_connection_refuses_the_child_alone(scene: Scene) -> None:
    first = parent()
    scene.client.enqueue(first)
    key = scene.rig["broken"].key("needs")
    scene.rig.client.set(key, "not ours")

    with pytest.raises(RediqError) as refused:
        scene.client.enqueue(Task("use", queue="broken", depends_on=first))

    assert refused.value.code == "E015"
