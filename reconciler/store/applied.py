"""The last commit that a workflow applied: a reference on the remote that has the ledger's branch.

It points to a commit without files whose message is the applied commit. A reference to the applied
commit itself may be refused: GitHub counts that as a change of the workflows in it. Reasons:
docs/decisions/0022-a-review-counts-once.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from reconciler.store.branch import Shared
from reconciler.store.ledger import Store
from reconciler.store.refs import Refs

TIMEOUT = 20.0
"""Seconds for a remote to answer."""
COMMIT = re.compile("[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True)
class LastApplied:
    """The record of the last commit of a branch that was applied. Both methods raise GitError."""

    refs: Refs
    remote: str
    reference: str

    def read(self) -> str | None:
        """The commit; None if none is recorded."""
        record = self.refs.remote_commit_of(self.remote, self.reference, TIMEOUT)
        if record is None:
            return None
        if not self.refs.has(record):
            self.refs.fetch(self.remote, self.reference, TIMEOUT)
        commit = self.refs.subject(record)
        return commit if COMMIT.fullmatch(commit) else None

    def write(self, commit: str) -> None:
        """Record a commit."""
        old = self.refs.remote_commit_of(self.remote, self.reference, TIMEOUT)
        new = self.refs.empty_commit(commit)
        self.refs.push(self.remote, new, self.reference, old, TIMEOUT)


def last_applied(store: Store, branch: str) -> LastApplied | None:
    """The record for a branch whose files are applied; None if the ledger is on no remote."""
    if not isinstance(store, Shared):
        return None
    name = sha256(f"{store.branch.digest}\0{branch}".encode(errors="surrogateescape"))
    reference = f"refs/reconciler-applied/{name.hexdigest()[:12]}"
    return LastApplied(store.branch.refs, store.remote, reference)
