"""What a queue did over time, as frozen values: counts and durations, bucket by bucket.

The write scripts count in minutes; minutes are rolled up into hours and days. A duration is kept as
the number of a bucket, not as itself, so percentiles are estimates, at most a quarter off.
No I/O here, and no opinion about which buckets to read: that is `verbs.history`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
# Below this many milliseconds each has a bucket of its own; above, every doubling has four.
_EXACT = 4
# First letters of the fields that hold histograms: run times and waits.
RUN_LETTER, WAIT_LETTER = "r", "w"
# Names of the buckets' fields, more than a century has.
RUN_FIELDS = tuple(f"{RUN_LETTER}{bucket}" for bucket in range(256))
WAIT_FIELDS = tuple(f"{WAIT_LETTER}{bucket}" for bucket in range(256))


def bucket_of(ms: int) -> int:
    """Return the number of the bucket a duration falls into; on the hot path."""
    if ms < _EXACT:
        return max(0, ms)
    shift = ms.bit_length() - 3
    return (shift << 2) + (ms >> shift)


@lru_cache(maxsize=512)
def bucket_bounds(bucket: int) -> tuple[int, int]:
    """Return the least duration in a bucket and the least above it, in ms."""
    if bucket < _EXACT:
        return bucket, bucket + 1
    shift = (bucket >> 2) - 1
    low = (_EXACT + (bucket & 3)) << shift
    return low, low + (1 << shift)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How long something took, in buckets.

    Attributes:
        counts: Bucket to how many durations fell into it.
    """

    counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many durations there are."""
        return sum(self.counts.values())

    @property
    def mean_ms(self) -> float | None:
        """The mean, taking each duration as the middle of its bucket; None without any."""
        total = self.total
        if not total:
            return None
        middles = ((sum(bucket_bounds(b)) - 1) / 2 * n for b, n in self.counts.items())
        return sum(middles) / total

    def quantile_ms(self, share: float) -> float | None:
        """Return the duration that this share of them does not exceed; None without any.

        Args:
            share: 0 to 1; 0.95 for p95.
        """
        wanted = share * self.total
        seen = 0
        for bucket in sorted(self.counts):
            count = self.counts[bucket]
            if count and seen + count >= wanted:
                low, above = bucket_bounds(bucket)
                return low + (above - 1 - low) * max(wanted - seen, 0) / count
            seen += count
        return None

    def merge(self, others: Iterable[Histogram]) -> Histogram:
        """Return this and others as one."""
        counts = dict(self.counts)
        for other in others:
            for bucket, count in other.counts.items():
                counts[bucket] = counts.get(bucket, 0) + count
        return Histogram(counts)


@dataclass(frozen=True)
class HistoryPoint:
    """One bucket of time.

    Attributes:
        at_ms: When it begins, epoch ms.
        enqueued: Tasks taken from producers.
        completed: Runs that returned.
        failed: Runs that failed, those that are tried again too.
        retried: Failed runs that will be tried again.
        dead: Tasks that will not.
        cancelled: Tasks that were cancelled or expired.
        lost: Runs that were lost with their worker.
        run: How long finished runs took.
        wait: How long their tasks had been ready before.
    """

    at_ms: int
    enqueued: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    dead: int = 0
    cancelled: int = 0
    lost: int = 0
    run: Histogram = field(default_factory=Histogram)
    wait: Histogram = field(default_factory=Histogram)

    @property
    def done(self) -> int:
        """Finished runs, whatever came of them."""
        return self.completed + self.failed

    @property
    def settled(self) -> int:
        """Tasks that left for good."""
        return self.completed + self.dead + self.cancelled


COUNTED = ("enqueued", "completed", "failed", "retried", "dead", "cancelled", "lost")


def point_of(at_ms: int, counts: Mapping[str, int]) -> HistoryPoint:
    """Make a point of counters as the scripts name them; what it does not know it leaves out."""
    return HistoryPoint(
        at_ms,
        **{name: counts[name] for name in COUNTED if name in counts},
        run=histogram_of(counts, RUN_LETTER),
        wait=histogram_of(counts, WAIT_LETTER),
    )


def is_bucket(field_name: str) -> bool:
    """Say whether a counter's name is that of a bucket: a letter and its number."""
    return field_name[:1] in (RUN_LETTER, WAIT_LETTER) and field_name[1:].isdecimal()


def histogram_of(counts: Mapping[str, int], letter: str) -> Histogram:
    """Return the histogram whose fields start with a letter: r for runs, w for waits."""
    return Histogram(
        {
            int(name[1:]): count
            for name, count in counts.items()
            if name[:1] == letter and is_bucket(name)
        }
    )


def sum_points(points: Sequence[HistoryPoint]) -> HistoryPoint:
    """Return several points as one that begins with the first; one of zeros for none."""
    return HistoryPoint(
        points[0].at_ms if points else 0,
        **{name: sum(getattr(point, name) for point in points) for name in COUNTED},
        run=Histogram().merge(point.run for point in points),
        wait=Histogram().merge(point.wait for point in points),
    )


@dataclass(frozen=True)
class History:
    """A queue's past, without gaps: a bucket in which nothing happened is there, with zeros.

    Attributes:
        queue: The queue; "" for several together.
        from_ms: Where the first bucket begins, epoch ms by the server's clock.
        to_ms: When it was read; the last bucket is cut off there.
        step_ms: Length of a bucket.
        points: The buckets, oldest first.
    """

    queue: str
    from_ms: int
    to_ms: int
    step_ms: int
    points: tuple[HistoryPoint, ...]

    @cached_property
    def total(self) -> HistoryPoint:
        """All buckets as one."""
        return sum_points(self.points)

    def per_s(self, name: str) -> float:
        """Return how often a second something happened, by the name of a point's field."""
        number: int = getattr(self.total, name)
        return number * SECOND_MS / max(self.to_ms - self.from_ms, 1)

    def series(self, name: str) -> tuple[int, ...]:
        """Return one field of every bucket, oldest first."""
        return tuple(getattr(point, name) for point in self.points)


def merge_histories(histories: Sequence[History]) -> History:
    """Return the histories of several queues, read together, as one.

    Raises:
        ValueError: There are none, or they were not read together.
    """
    first = histories[0] if histories else None
    if first is None or any(len(other.points) != len(first.points) for other in histories):
        raise ValueError("only histories that were read together can be added")
    rows = zip(*(history.points for history in histories), strict=True)
    points = tuple(sum_points(row) for row in rows)
    return History("", first.from_ms, first.to_ms, first.step_ms, points)
