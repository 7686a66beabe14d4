"""An error that ends a step, as a page."""

from __future__ import annotations

from reconciler.errors import InputError, Problem
from reconciler.github.failure import failure_page


def test_one_mistake_in_many_files_is_one_reason() -> None:
    """With the first places and the number of the others."""
    found = [Problem(f"agents/{n:02}.yaml", 2, 1, "unknown key nmae") for n in range(40)]
    other = Problem("agents/x.yaml", 3, 1, "unknown key x")
    page = failure_page(InputError([*found, other]), "Failed", str, most=2)
    assert page.count("nmae") == 1
    assert "agents/00.yaml:2" in page
    assert "and 38 more" in page
    assert "agents/x.yaml:3" in page
