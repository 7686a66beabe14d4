"""Attribution of changes to a pull request, its base, or the portal."""

from __future__ import annotations

import pytest

from reconciler.core.attribution import FileChange, attribute, compare
from reconciler.core.model import PortalState, Source

from .build import file, join_drafts, live, match_of, rentix_draft, state_after

LIVE = live(1, "a", {"name": "Ion", "youtube": None})


def labels(head, base, prior=None):
    """The attribution of each change in the plan for `head`, and that of the agent."""
    plans = [
        join_drafts({"rentix": rentix_draft(files, [LIVE], prior or PortalState())})
        for files in (head, base)
    ]
    (entry,) = attribute(*plans).entries
    return {each.path: each.attribution for each in entry.changes}, entry.attribution


YOUTUBE = "https://youtube.com/@ana"


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ([], "pull_request"),
        ([file("a", {})], "pull_request"),
        ([file("a", {"name": "Ion"})], "pull_request"),
        ([file("a", {"name": "Another"})], "pull_request"),
        ([file("a", {"name": "Ana"})], "base"),
    ],
    ids=["new-file", "new-key", "new-value", "another-value", "the-same"],
)
def test_a_change_belongs_to_the_pull_request_unless_the_base_has_it(base, expected):
    """The base has it if it declares the same value for the same agent."""
    assert labels([file("a", {"name": "Ana"})], base) == ({"name": expected}, expected)


def test_a_value_changed_on_the_portal_is_drift_if_both_sides_declare_the_same():
    """If the pull request changes the value too, the change belongs to it."""
    match = match_of({"name": "Ana"}, {"name": "Ana"}, key="a", number=1)
    prior = state_after(match, sent=["name"])
    same = [file("a", {"name": "Ana"})]
    assert labels(same, same, prior) == ({"name": "drift"}, "drift")
    assert labels([file("a", {"name": "Eva"})], same, prior)[1] == "pull_request"


def test_an_agent_with_changes_of_both_kinds_belongs_to_the_pull_request():
    """Each change has its own label; the agent has the one that needs a review."""
    head = [file("a", {"name": "Ana", "youtube": YOUTUBE})]
    assert labels(head, [file("a", {"name": "Ana"})]) == (
        {"name": "base", "youtube": "pull_request"},
        "pull_request",
    )


def test_agents_are_compared_by_live_id():
    """A renamed file adds no change of a value."""
    head, base = [file("b", {"name": "Ana"}, id=1)], [file("c", {"name": "Ana"}, id=1)]
    changes, _ = labels(head, base)
    assert changes == {"externalId": "pull_request", "name": "base"}


def test_creations_are_compared_by_key():
    """They have no live id yet."""
    new = file("n", {"name": "Nou"}, phone="+37360111222")
    other = file("o", {"name": "Nou"}, phone="+37360333444")
    plans = [
        join_drafts({"rentix": rentix_draft(files, [], create=True)})
        for files in ([new, other], [new])
    ]
    attributions = {
        entry.key: {each.attribution for each in entry.changes}
        for entry in attribute(*plans).entries
    }
    assert attributions == {"n": {"base"}, "o": {"pull_request"}}


# -- what a branch does to the files ---------------------------------------------------------------


def declaration(key, data, *, line=1):
    """An agent as a file declares it."""
    return (key, Source(f"agents/{key}.yaml", line), data)


def test_equal_declarations_are_not_a_change():
    """Whatever their lines and the order of their keys."""
    before = [declaration("a", {"name": "Ana", "bio": {"primary": "P", "secondary": "S"}})]
    after = [declaration("a", {"bio": {"secondary": "S", "primary": "P"}, "name": "Ana"}, line=9)]
    assert compare(before, after) == ()
    assert compare([], []) == ()


def test_a_change_has_the_paths_that_differ():
    """Changed, added and removed values at any depth; null is a value. Unchanged agents are left
    out."""
    before = [
        declaration("a", {"name": "Ana", "phone": "1", "bio": {"primary": "P", "secondary": "S"}}),
        declaration("b", {"name": "Bob"}),
    ]
    after = [
        declaration("b", {"name": "Bob"}),
        declaration(
            "a",
            {"name": "Ann", "avatar": None, "bio": {"primary": "P", "secondary": "T"}},
            line=4,
        ),
    ]
    (change,) = compare(before, after)
    assert change == FileChange("a", Source("agents/a.yaml", 4), "changed", change.paths)
    assert sorted(change.paths) == ["avatar", "bio.secondary", "name", "phone"]


def test_a_removed_null_is_a_change():
    """The null cleared the value; without it, the value is not managed."""
    before, after = [declaration("a", {"avatar": None})], [declaration("a", {})]
    assert [each.paths for each in compare(before, after)] == [("avatar",)]
    assert [each.paths for each in compare(after, before)] == [("avatar",)]


def test_a_new_agent_does_not_hide_a_changed_one():
    """Whatever their order."""
    before, after = declaration("b", {"name": "B"}), declaration("b", {"name": "C"})
    changes = compare([before], [declaration("a", {"name": "A"}), after])
    assert [(each.key, each.what) for each in changes] == [("a", "new"), ("b", "changed")]


def test_new_and_removed_agents_have_all_their_paths():
    """In the order of the files; removed agents come last, with their former source."""
    before = [
        declaration("gone", {"name": "G", "bio": {"primary": "P"}}, line=3),
        declaration("a", {}),
    ]
    after = [
        declaration("a", {"name": "A"}),
        declaration("new", {"name": "N", "bio": {"primary": "P"}}),
    ]
    assert compare(before, after) == (
        FileChange("a", Source("agents/a.yaml", 1), "changed", ("name",)),
        FileChange("new", Source("agents/new.yaml", 1), "new", ("name", "bio.primary")),
        FileChange("gone", Source("agents/gone.yaml", 3), "gone", ("name", "bio.primary")),
    )
