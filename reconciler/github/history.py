"""The commits that led to a branch's head: which of them wait to be applied, and which agents they
change."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.engine import planning, session
from reconciler.errors import UsageError
from reconciler.github.job import Job
from reconciler.store.refs import GitError, git

MAX_COMMITS = 30
"""Commits of a branch, from its head, whose pull requests are searched for plans."""


def history(job: Job) -> list[str]:
    """The commits that led to the head, newest first: merges, not the commits that they merged.
    Raises UsageError if the run's commit is not checked out."""
    try:
        output = git(job.root, "rev-list", "--first-parent", "-n", str(MAX_COMMITS), "HEAD")
    except GitError as error:
        raise UsageError(f"The history cannot be read: {error}.") from None
    commits = output.decode().split()
    if commits[0] != job.run.commit:
        raise UsageError(
            f"Nothing was sent: {commits[0][:12]} is checked out, but this run is for "
            f"{job.run.commit[:12]}."
        )
    return commits


def commits_after(job: Job, commit: str) -> list[str]:
    """The commits that led to the head, newest first, without those that led to another commit.
    Raises GitError if the other commit is not in this clone."""
    arguments = ("--first-parent", "-n", str(MAX_COMMITS), "HEAD", f"^{commit}")
    return git(job.root, "rev-list", *arguments).decode().split()


class LaterChanges:
    """The agents that commits change: for each of `commits`, newest first, those that are changed
    after it."""

    def __init__(self, repository: session.Repository, commits: Sequence[str]) -> None:
        self._repository = repository
        self._commits = commits
        self._documents = repository.documents
        self._tree = self._tree_of(commits[0])
        self._found: list[frozenset[str] | None] = [frozenset()]

    def after(self, place: int) -> frozenset[str] | None:
        """The keys of the agents that are changed after the commit at a place; None if the files of
        that commit or a later one have errors."""
        while len(self._found) <= place:
            self._found.append(self._with(self._commits[len(self._found)]))
        return self._found[place]

    def _with(self, commit: str) -> frozenset[str] | None:
        """The agents that are changed after a commit, the next older one."""
        changed, tree = self._found[-1], self._tree_of(commit)
        if changed is None or (tree and tree == self._tree):
            return changed
        try:
            older = session.open_base(self._repository, commit)
        except UsageError:
            return None
        changes = planning.compare_files(older, self._documents)
        self._tree, self._documents = tree, older
        return changed | {each.key for each in changes}

    def _tree_of(self, commit: str) -> bytes:
        """The object of the agents' folder at a commit; empty if there is none."""
        folder = self._repository.config.agents
        try:
            return git(self._repository.root, "rev-parse", "--verify", f"{commit}:./{folder}")
        except GitError:
            return b""
