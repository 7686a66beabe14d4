"""Packing: the fewest requests for many operations, and how long rate limits make them take."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.model import RateLimit, Step


def pack(sizes: Sequence[int], most: int, budget: int) -> list[list[int]]:
    """The fewest bins for items of these sizes, at most `most` items and `budget` bytes each.

    Items are packed in order if that needs the fewest bins possible; otherwise largest first, each
    into the first bin with room. The result has the items' indices, with the bins in the order of
    their first item.
    """
    fewest = max(-(-len(sizes) // most), -(-sum(sizes) // budget))
    in_order = _fill(sizes, range(len(sizes)), most, budget, latest_only=True)
    if len(in_order) <= fewest:
        return in_order
    by_size = sorted(range(len(sizes)), key=lambda place: -sizes[place])
    tight = _fill(sizes, by_size, most, budget, latest_only=False)
    return tight if len(tight) < len(in_order) else in_order


def _fill(
    sizes: Sequence[int], places: Sequence[int], most: int, budget: int, *, latest_only: bool
) -> list[list[int]]:
    bins: list[list[int]] = []
    room: list[int] = []
    for place in places:
        size = sizes[place]
        open_bins = range(len(bins))[-1:] if latest_only else range(len(bins))
        for at in open_bins:
            if len(bins[at]) < most and size <= room[at]:
                bins[at].append(place)
                room[at] -= size
                break
        else:
            bins.append([place])
            room.append(budget - size)
    return sorted(sorted(each) for each in bins)


def seconds(steps: Sequence[Step], rate_limits: Sequence[RateLimit]) -> int:
    """An estimate of how long one portal's requests take, in whole seconds: the full minutes that a
    rate limit forces, or a fifth of a second for each request; at least 1 if there are any."""
    if not steps:
        return 0
    forced = max(
        (
            (sum(limit.counts(step.request) for step in steps) - 1) // limit.per_minute * 60
            for limit in rate_limits
        ),
        default=0,
    )
    return max(1, forced, round(len(steps) / 5))
