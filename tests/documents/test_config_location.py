"""Where the configuration is read from: in the repository, or where the user says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from agency import Agency

from reconciler.documents.config import read_config
from reconciler.errors import ConfigError
from reconciler.portals.registry import sections


def link_outside(root: Path) -> None:
    """Link to a file outside the repository."""
    (root.parent / f"{root.name}-secret").write_text("root:geheim:0:0\n")
    (root / "reconciler.yaml").symlink_to(f"../{root.name}-secret")


@pytest.mark.parametrize(
    ("lay_out", "message"),
    [
        (link_outside, ["reconciler.yaml", "link", "out"]),
        (
            lambda root: (root / "reconciler.yaml").symlink_to("gone"),
            ["reconciler.yaml", "link"],
        ),
        (lambda root: os.mkfifo(root / "reconciler.yaml"), ["reconciler.yaml", "not a", "file"]),
        (
            lambda root: (root / "reconciler.yml").write_text("version: 1\n"),
            ["reconciler.yml", "reconciler.yaml", "ename it"],
        ),
        (
            lambda root: (root / "reconciler.yaml.txt").write_text("version: 1\n"),
            ["reconciler.yaml.txt", "reconciler.yaml", "ename it"],
        ),
    ],
    ids=["link outside", "broken link", "pipe", "other extension", "hidden extension"],
)
def test_refused(agency: Agency, lay_out: Callable[[Path], object], message: Sequence[str]) -> None:
    """A file that somebody means to be read is never ignored in favour of the defaults, and no line
    of a file outside the repository is shown."""
    (agency.root / "agents").mkdir()
    lay_out(agency.root)
    with pytest.raises(ConfigError) as caught:
        read_config(agency.root, None, sections())
    assert [word for word in message if word not in str(caught.value)] == []
    result = agency.run("validate")
    assert (result.code, result.out) == (1, "")
    assert str(caught.value) in result.err
    assert "geheim" not in result.err


def test_named_by_the_user(agency: Agency) -> None:
    """A configuration that the user names may be anywhere, and may be a symbolic link."""
    path = agency.root.parent / f"{agency.root.name}-settings.yaml"
    path.write_text("agents: people\n")
    assert read_config(agency.root, path, sections()).agents == "people"
    path.with_suffix(".yml").symlink_to(path)
    assert read_config(agency.root, path.with_suffix(".yml"), sections()).agents == "people"
