"""Symbolic links in a path below the repository."""

from __future__ import annotations

import pytest

from reconciler.store.links import is_below, link_in


@pytest.fixture
def root(tmp_path):
    """A repository with a link to a folder outside, whose own path has a link too."""
    (tmp_path / "real" / "folder").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "real" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "root").symlink_to("real")
    return tmp_path / "root"


@pytest.mark.parametrize("path", ["link", "link/file", "link/a/b"])
def test_a_link_in_a_path_is_found(root, path):
    """At any depth, whether or not the rest exists."""
    assert link_in(root / path, root) == root / "link"


@pytest.mark.parametrize("path", ["file", "folder/file", "new/folder/file"])
def test_links_above_the_repository_do_not_count(root, path):
    """Also if the path is spelled without them, or is relative."""
    assert link_in(root / path, root) is None
    assert link_in(root.resolve() / path, root) is None


def test_a_relative_path(root, monkeypatch):
    """It is relative to the working directory."""
    monkeypatch.chdir(root)
    assert link_in(root / "link", root.resolve()) == root / "link"
    found = link_in((root / "link").relative_to(root), root)
    assert found is not None
    assert found.name == "link"


def test_outside_the_repository_only_the_file_counts(root, tmp_path):
    """How the user names its folder is up to them."""
    assert link_in(tmp_path / "root" / ".." / "outside" / "file", root / "folder") is None
    assert link_in(root / "link", root / "folder") == root / "link"


def test_below(root, tmp_path):
    """A name with the same start is not below, nor is the folder itself."""
    assert is_below(root / "a" / "b", root)
    assert is_below(root.resolve() / "a", root)
    for outside in (root, tmp_path / "root2" / "a", tmp_path / "a"):
        assert not is_below(outside, root)
