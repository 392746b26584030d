"""Walking streams side by side that are sorted by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar


class HasPath(Protocol):
    """Anything that a sorted stream holds."""

    @property
    def path(self) -> str:
        """Where it stands in the order."""
        ...


A = TypeVar("A", bound=HasPath)
B = TypeVar("B", bound=HasPath)
C = TypeVar("C", bound=HasPath)


class UnsortedStreamError(ValueError):
    """A stream was not strictly sorted: a plan made of it could delete what is there."""


def in_order(stream: Iterable[A]) -> Iterator[A]:
    """The stream itself. Raises UnsortedStreamError at the first path out of order or twice."""
    last: str | None = None
    for item in stream:
        path = item.path
        if last is not None and path <= last:
            raise UnsortedStreamError(f"{path!r} does not come after {last!r}")
        last = path
        yield item


def pair(left: Iterable[A], right: Iterable[B]) -> Iterator[tuple[A | None, B | None]]:
    """Items of equal path together, others alone, in order. Raises UnsortedStreamError."""
    ones, twos = in_order(left), in_order(right)
    one, two = next(ones, None), next(twos, None)
    while one is not None and two is not None:
        here, there = one.path, two.path
        if here == there:
            yield one, two
            one, two = next(ones, None), next(twos, None)
        elif here < there:
            yield one, None
            one = next(ones, None)
        else:
            yield None, two
            two = next(twos, None)
    while one is not None:
        yield one, None
        one = next(ones, None)
    while two is not None:
        yield None, two
        two = next(twos, None)


class _Paired(tuple[A | None, B | None]):
    """A pair that has the path of what it holds, so that pairs can be paired again."""

    __slots__ = ()

    @property
    def path(self) -> str:
        return (self[0] or self[1]).path  # type: ignore[union-attr]  # one of them is there


def triple(
    first: Iterable[A], second: Iterable[B], third: Iterable[C]
) -> Iterator[tuple[A | None, B | None, C | None]]:
    """Like ``pair``, of three streams."""
    pairs: Iterator[_Paired[A, B]] = (_Paired(found) for found in pair(first, second))
    for both, last in pair(pairs, third):
        one, two = both if both is not None else (None, None)
        yield one, two, last
