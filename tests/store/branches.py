"""Ledgers on branches: loading, saving, and the branch itself."""

from __future__ import annotations

from repositories import (
    clone,
    commit,
    say,
)

from reconciler.core.model import AgentState, FieldState, PortalState, Target
from reconciler.store import open_store
from reconciler.store.refs import git

PLACE = "git:reconciler-ledger"
REF = "refs/heads/reconciler-ledger"
RENTIX = Target("rentix", "https://crm.example/api")


def agent(name):
    """One agent's state, applied with this name."""
    return AgentState("a", {"name": FieldState(name, name)})


def ledger_of(**agents):
    """A ledger for Rentix: agents' names by id, with a letter before the id."""
    return {RENTIX: (PortalState({key[1:]: agent(name) for key, name in agents.items()}),)}


def save(folder, ledger, message="Applied: 1 update"):
    """Load and save as an apply does; returns the message for the user."""
    store = open_store(folder, PLACE)
    return store.save(ledger, store.load(), message)


def load(folder):
    """The ledger as seen from this clone, without a note."""
    kept = open_store(folder, PLACE).load()
    assert kept.note is None
    return kept.ledger


def history(folder, reference=REF):
    """The messages of the branch's commits, newest first; no commit is a merge."""
    lines = say(folder, "log", "--format=%s|%P", reference).split("\n")
    assert all(" " not in line.rpartition("|")[2] for line in lines)
    return [line.rpartition("|")[0] for line in lines]


def commit_on_branch(folder, content, path="ledger.json"):
    """Commit a file to the branch by hand."""
    git(folder, "switch", "-q", "--orphan", "reconciler-ledger")
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_bytes(content)
    commit(folder, "by hand")
    git(folder, "switch", "-q", "main")


def shallow(remote, folder):
    """A clone with only the last commit, as in workflows."""
    return clone(remote, folder, "--depth=1")
