"""Repositories for the tests of ledgers on branches."""

from __future__ import annotations

import pytest
from repositories import (
    clone,
    plain_git,
    remote_of,
    repository,
)


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """No git settings of this computer."""
    plain_git(monkeypatch)


@pytest.fixture
def single(tmp_path):
    """A repository without a remote."""
    return repository(tmp_path / "alone")


@pytest.fixture
def remote(tmp_path):
    """A bare repository to clone."""
    return remote_of(repository(tmp_path / "source"), tmp_path / "remote.git")


@pytest.fixture
def pair(remote, tmp_path):
    """Two clones of the remote."""
    return clone(remote, tmp_path / "a"), clone(remote, tmp_path / "b")
