"""Packing operations into requests, and the time that requests take."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.core.model import RateLimit
from reconciler.core.packing import pack, seconds

from .build import steps

MOST, BUDGET = st.integers(1, 6), st.integers(1, 40)


@st.composite
def packing(draw):
    """Sizes, the most items in a bin, and the bytes in a bin; no item is too large for one."""
    most, budget = draw(MOST), draw(BUDGET)
    return draw(st.lists(st.integers(1, budget), max_size=25)), most, budget


def first_fit_decreasing(sizes, most, budget):
    """The number of bins that the textbook algorithm needs."""
    bins = []
    for size in sorted(sizes, reverse=True):
        for each in bins:
            if len(each) < most and sum(each) + size <= budget:
                each.append(size)
                break
        else:
            bins.append([size])
    return len(bins)


@given(packing())
def test_packing_respects_both_limits_and_loses_no_item(problem):
    """Each item is in exactly one bin, no bin exceeds a limit, and bins are in order."""
    sizes, most, budget = problem
    bins = pack(sizes, most, budget)
    assert sorted(place for each in bins for place in each) == list(range(len(sizes)))
    assert all(0 < len(each) <= most for each in bins)
    assert all(sum(sizes[place] for place in each) <= budget for each in bins)
    assert bins == sorted(sorted(each) for each in bins)


@given(packing())
def test_packing_needs_no_more_bins_than_first_fit_decreasing(problem):
    """Nor fewer than the sizes require."""
    sizes, most, budget = problem
    count = len(pack(sizes, most, budget))
    assert count <= first_fit_decreasing(sizes, most, budget)
    assert count >= max(ceil(len(sizes) / most), ceil(sum(sizes) / budget))


@settings(deadline=None)  # the time depends on the machine
@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 120), st.integers(1, 500))
def test_items_of_one_size_need_the_fewest_bins_possible(count, size, most, budget):
    """Each bin is full to the tighter limit, in order."""
    assume(size <= budget)
    bins = pack([size] * count, most, budget)
    assert len(bins) == ceil(count / min(most, budget // size))
    assert [place for each in bins for place in each] == list(range(count))


def test_packing_keeps_the_order_unless_that_costs_a_bin():
    """In the order of the files if possible, largest first only if that saves a request."""
    assert pack([3, 3, 3, 3], 10, 6) == [[0, 1], [2, 3]]
    assert pack([2, 5, 4, 1], 10, 6) == [[0, 2], [1, 3]]


def test_packing_keeps_later_items_in_place():
    """The last item would fit into the first bin, but moving it saves none."""
    assert pack([6, 5, 4], 10, 10) == [[0], [1, 2]]
    assert pack([1, 1, 1, 1, 1], 2, 10) == [[0, 1], [2, 3], [4]]


def test_packing_keeps_the_order_if_largest_first_saves_nothing():
    """Neither order reaches the number of bins that the sizes alone would need."""
    assert pack([4, 4, 4], 10, 7) == [[0], [1], [2]]
    assert pack([1, 3, 4, 4], 10, 6) == [[0, 1], [2], [3]]


# -- time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "path", "expected"),
    [
        (0, "/users", 0),
        (1, "/users", 1),
        (100, "/users", 20),
        (300, "/users", 60),
        (301, "/users", 60),
        (601, "/users", 120),
        (30, "/users/bulk", 6),
        (31, "/users/bulk", 60),
        (61, "/users/bulk", 120),
    ],
)
def test_the_tightest_rate_limit_determines_the_time(count, path, expected):
    """300 requests a minute, 30 of them bulk; otherwise a fifth of a second for each request."""
    rate_limits = (RateLimit("all", 300), RateLimit("bulk", 30, (("PUT", "/users/bulk"),)))
    assert seconds(steps(count, path), rate_limits) == expected


def test_without_rate_limits_each_request_takes_a_fifth_of_a_second():
    """At least one second if there are any requests."""
    assert [seconds(steps(count), ()) for count in (0, 1, 20)] == [0, 1, 4]
