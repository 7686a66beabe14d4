"""What is kept between runs: the ledger and saved plans. Written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.store.ledger import Store

BRANCH = "git:"
"""What `ledger` in the configuration begins with where it names a branch."""


def open_store(root: Path, place: str) -> Store:
    """The store that `ledger` names in the configuration of the repository at `root`. Raises
    ConfigError where a branch is named, and there is no repository for it."""
    if place.startswith(BRANCH):
        from reconciler.store.branch import open_branch  # noqa: PLC0415 - git, which few need

        return open_branch(root, place.removeprefix(BRANCH))
    from reconciler.store.file import File  # noqa: PLC0415

    return File(root / place)
