"""Plans to review, and what is stale in them."""

from __future__ import annotations

import json

from reconciler.core.plan_json import form, parse
from reconciler.core.review import review
from reconciler.core.selection import Selection

from .build import EMPTY_STATE, join_drafts, live, rentix_draft

KEY = "agent-001"
PETR = live(1, KEY, {"name": "Petr"})


def rentix_plan(desired, agents, prior=EMPTY_STATE, **policy):
    """The plan for these agents."""
    return join_drafts({"rentix": rentix_draft(desired, agents, prior, **policy)})


def saved_plan(desired, agents, prior=EMPTY_STATE, **policy):
    """The plan for these agents, saved and loaded."""
    document = form(rentix_plan(desired, agents, prior, **policy), Selection(), ("rentix",), "0")
    return parse(json.loads(json.dumps(document)))


def stale_reasons(before, desired, agents, prior=EMPTY_STATE, **policy):
    """The reasons of stale agents by key."""
    return {
        each.key: each.reason
        for each in review(before, rentix_plan(desired, agents, prior, **policy), desired)
    }
