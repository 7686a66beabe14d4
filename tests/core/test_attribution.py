"""Whose change it is, beside the plan of the base."""

from __future__ import annotations

import pytest

from reconciler.core.attribution import FileChange, attribute, compare
from reconciler.core.model import PortalState, Source
from reconciler.core.plan import join

from .build import file, found, live, plan, recall

LIVE = live(1, "a", {"name": "Ion", "youtube": None})


def labels(head, base, prior=None):
    """Each change of the plan for `head` with its label, and the agent's."""
    plans = [
        join(
            {"rentix": plan(files, [LIVE], prior or PortalState())}, {"rentix": ()}, {"rentix": ()}
        )
        for files in (head, base)
    ]
    [entry] = attribute(*plans).entries
    return {each.path: each.attribution for each in entry.changes}, entry.attribution


YOUTUBE = "https://youtube.com/@ana"


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ([], "pull_request"),
        ([file("a", {})], "pull_request"),
        ([file("a", {"name": "Ion"})], "pull_request"),
        ([file("a", {"name": "Another"})], "pull_request"),
        ([file("a", {"name": "Ana"})], "base"),
    ],
    ids=["new-file", "new-key", "new-value", "another-value", "the-same"],
)
def test_a_change_is_the_pull_requests_unless_the_base_would_make_it(base, said):
    """It is not new only if the base declares the same value for the same agent."""
    assert labels([file("a", {"name": "Ana"})], base) == ({"name": said}, said)


def test_what_somebody_changed_on_the_portal_is_drift_if_both_declare_the_same():
    """A value that was applied and is not shown any more; unless the files change it too."""
    applied = found({"name": "Ana"}, {"name": "Ana"}, key="a", number=1)
    prior = recall(applied, sent=["name"])
    same = [file("a", {"name": "Ana"})]
    assert labels(same, same, prior) == ({"name": "drift"}, "drift")
    assert labels([file("a", {"name": "Eva"})], same, prior)[1] == "pull_request"


def test_an_agent_with_changes_of_both_sorts_is_the_pull_requests():
    """Each change has its own label, and the agent the one that asks for a reviewer."""
    head = [file("a", {"name": "Ana", "youtube": YOUTUBE})]
    said = labels(head, [file("a", {"name": "Ana"})])
    assert said == ({"name": "base", "youtube": "pull_request"}, "pull_request")


def test_an_agent_is_the_same_whatever_the_file_calls_it():
    """By the live id: a file that was renamed brings nothing."""
    head, base = [file("b", {"name": "Ana"}, id=1)], [file("c", {"name": "Ana"}, id=1)]
    changes, _ = labels(head, base)
    assert changes == {"externalId": "pull_request", "name": "base"}


def test_a_creation_is_known_by_its_key():
    """Who is not on the portal has no id yet."""
    new = file("n", {"name": "Nou"}, phone="+37360111222")
    other = file("o", {"name": "Nou"}, phone="+37360333444")
    plans = [
        join({"rentix": plan(files, [], create=True)}, {"rentix": ()}, {"rentix": ()})
        for files in ([new, other], [new])
    ]
    said = {
        entry.key: {each.attribution for each in entry.changes}
        for entry in attribute(*plans).entries
    }
    assert said == {"n": {"base"}, "o": {"pull_request"}}


# -- what a branch does to the files --------------------------------------------------------------


def declared(key, data, *, line=1):
    """An agent as a file declares it."""
    return (key, Source(f"agents/{key}.yaml", line), data)


def test_files_that_say_the_same_are_no_change():
    """Wherever in a file it stands, and in whatever order."""
    before = [declared("a", {"name": "Ana", "bio": {"primary": "P", "secondary": "S"}})]
    after = [declared("a", {"bio": {"secondary": "S", "primary": "P"}, "name": "Ana"}, line=9)]
    assert compare(before, after) == ()
    assert compare([], []) == ()


def test_a_change_names_the_paths_that_differ():
    """Another value, one more and one less, at any depth; null is a value, and an agent that is
    as before is not named."""
    before = [
        declared("a", {"name": "Ana", "phone": "1", "bio": {"primary": "P", "secondary": "S"}}),
        declared("b", {"name": "Bob"}),
    ]
    after = [
        declared("b", {"name": "Bob"}),
        declared(
            "a",
            {"name": "Ann", "avatar": None, "bio": {"primary": "P", "secondary": "T"}},
            line=4,
        ),
    ]
    (change,) = compare(before, after)
    assert change == FileChange("a", Source("agents/a.yaml", 4), "changed", change.paths)
    assert sorted(change.paths) == ["avatar", "bio.secondary", "name", "phone"]


def test_a_null_that_is_taken_out_is_a_change():
    """It cleared a value; without it, the value is nobody's business."""
    before, after = [declared("a", {"avatar": None})], [declared("a", {})]
    assert [each.paths for each in compare(before, after)] == [("avatar",)]
    assert [each.paths for each in compare(after, before)] == [("avatar",)]


def test_who_is_new_hides_nobody_who_changed():
    """Wherever they stand among the others."""
    before, after = declared("b", {"name": "B"}), declared("b", {"name": "C"})
    changes = compare([before], [declared("a", {"name": "A"}), after])
    assert [(each.key, each.what) for each in changes] == [("a", "new"), ("b", "changed")]


def test_agents_come_and_go():
    """Who is new has all paths of theirs, in the files' order, and who is gone comes last, from
    where they were."""
    before = [declared("gone", {"name": "G", "bio": {"primary": "P"}}, line=3), declared("a", {})]
    after = [declared("a", {"name": "A"}), declared("new", {"name": "N", "bio": {"primary": "P"}})]
    assert compare(before, after) == (
        FileChange("a", Source("agents/a.yaml", 1), "changed", ("name",)),
        FileChange("new", Source("agents/new.yaml", 1), "new", ("name", "bio.primary")),
        FileChange("gone", Source("agents/gone.yaml", 3), "gone", ("name", "bio.primary")),
    )
