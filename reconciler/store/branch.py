"""The ledger on a branch of the user's repository, for machines that keep no files.

It is `ledger.json`, in the configuration's folder, on a branch with its own history. With a remote,
the remote's branch is the ledger; what could not be pushed waits in a reference of this clone.
Reasons: docs/decisions/0011-a-ledger-on-a-branch.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from reconciler.errors import ConfigError, LockedError
from reconciler.store.claim import find_remote_lock, remote_lock
from reconciler.store.ledger import (
    Ledger,
    LedgerChanged,
    Store,
    StoredLedger,
    merge,
    parse,
    text,
    unwritten,
)
from reconciler.store.lock import FoundLock, Lock, LockWait, find_local_lock, local_lock
from reconciler.store.refs import GitError, Refs

FILE = "ledger.json"
REMOTE_TIMEOUT = 60.0
"""Seconds for a remote to answer."""
FETCHES = 8
"""Attempts to fetch the ledger if objects in this clone are damaged: each names one of them."""


@dataclass(frozen=True, slots=True)
class Branch:
    """The ledger's branch and its path there. `git_folder` is git's own folder, which all work
    trees of a clone share."""

    refs: Refs
    branch: str
    path: str
    git_folder: Path

    @property
    def name(self) -> str:
        """The ledger's name in messages."""
        return f"git:{self.branch}"

    @property
    def reference(self) -> str:
        """The branch's full name, here and on a remote."""
        return f"refs/heads/{self.branch}"

    @property
    def lock_file(self) -> Path:
        """The file that an apply locks."""
        return self.git_folder / "reconciler" / f"{self.digest}.lock"

    @property
    def claim(self) -> str:
        """The reference on a remote that an apply claims."""
        return f"refs/reconciler/applying/{self.digest}"

    @property
    def digest(self) -> str:
        """A name for references and files, unique to the branch and path."""
        source = f"{self.branch}\0{self.path}".encode(errors="surrogateescape")
        return sha256(source).hexdigest()[:12]

    def content(self, commit: str | None) -> bytes | None:
        """The ledger's content at a commit, None if there is none. Raises GitError."""
        return None if commit is None else self.refs.file(commit, self.path)

    def read(self, commit: str | None) -> tuple[Ledger, str | None]:
        """The ledger at a commit, and a message for the user. Raises GitError and ConfigError."""
        content = self.content(commit)
        return ({}, None) if content is None else parse(content, self.name)

    def commit(self, content: bytes, parent: str | None, message: str) -> str:
        """A new commit with the ledger's content, beside its parent's other files. Raises
        GitError."""
        return self.refs.commit_file(self.path, content, parent, message)

    def unreadable(self, error: GitError) -> ConfigError:
        """The error if the ledger cannot be read."""
        return ConfigError(f"The ledger {self.name} cannot be read: {error}.")


def open_branch(root: Path, name: str) -> Store:
    """The ledger on a branch, of the remote if the repository at `root` has one.

    Raises ConfigError if `root` is not in a repository that git reads, if it is not clear which
    remote to use, or if the branch is checked out (a commit to it would leave the work tree
    behind).
    """
    refs = Refs(root)
    try:
        shallow, _, folder = refs.git(
            "rev-parse", "--is-shallow-repository", "--git-common-dir"
        ).partition("\n")
        refs = Refs(root, shallow == "true")
        path = refs.git("rev-parse", "--show-prefix") + FILE
        branch = Branch(refs, name, path, root / folder)
        work_trees = refs.git("worktree", "list", "--porcelain").split("\n")
        if f"branch {branch.reference}" in work_trees:
            raise ConfigError(
                f"The ledger's branch {name} is checked out. Switch to another branch, or set "
                f"`ledger` to a branch that is used for nothing else."
            )
        remote = _remote(branch)
    except GitError as error:
        if "not a git repository" not in str(error):
            raise ConfigError(f"The ledger git:{name} cannot be used: {error}.") from None
        raise ConfigError(
            f"The ledger git:{name} needs a git repository, and {root.resolve()} is not in one "
            f"({error}). Run `git init` there, or delete the line `ledger:` in reconciler.yaml to "
            f"keep the ledger in a file."
        ) from None
    return Local(branch) if remote is None else Shared(branch, remote)


def _remote(branch: Branch) -> str | None:
    """The ledger's remote: `origin`, else the one that the current branch tracks, else the only
    one. Raises ConfigError if there are several."""
    refs = branch.refs
    names = [name for name in refs.git("remote").split("\n") if name]
    if "origin" in names or not names:
        return "origin" if names else None
    with suppress(GitError):  # no branch is checked out, or it tracks nothing
        current = refs.git("symbolic-ref", "--quiet", "--short", "HEAD")
        tracked = refs.git("config", "--get", f"branch.{current}.remote")
        if tracked in names:
            return tracked
    if len(names) > 1:
        raise ConfigError(
            f"It is not clear which remote has the ledger {branch.name}: {', '.join(names)}. "
            f"Rename one of them to origin."
        )
    return names[0]


@dataclass(frozen=True, slots=True)
class Local:
    """The ledger on a branch of a repository without a remote."""

    branch: Branch

    @contextmanager
    def lock(self, wait: LockWait) -> Iterator[Lock]:
        """Keep other applies in this repository out, from all its work trees. Raises
        LockedError."""
        with local_lock(self.branch.lock_file, wait) as note:
            yield Lock((note,) if note else ())

    def find_lock(self) -> FoundLock | None:
        """The lock of a process in this repository."""
        return find_local_lock(self.branch.lock_file)

    def load(self) -> StoredLedger:
        """Read the ledger. Raises ConfigError if that fails, or if a later version wrote it."""
        try:
            commit = self.branch.refs.commit_of(self.branch.reference)
            return StoredLedger(*self.branch.read(commit), commit)
        except GitError as error:
            raise self.branch.unreadable(error) from None

    def save(self, ledger: Ledger, stored: StoredLedger, message: str) -> str | None:
        """Commit the ledger to the branch, if it differs. Raises LedgerChanged."""
        branch, refs, content = self.branch, self.branch.refs, text(ledger)
        try:
            if content == branch.content(stored.version):
                return None
            commit = branch.commit(content, stored.version, message)
            try:
                refs.move(branch.reference, commit, stored.version, message)
            except GitError:
                if refs.commit_of(branch.reference) != stored.version:
                    raise LedgerChanged from None
                raise
        except GitError as error:
            return unwritten(branch.name, str(error))
        return None


@dataclass(frozen=True, slots=True)
class Shared:
    """The ledger on a branch of a remote; clones of it see each other's applies.

    `fetched` is the remote's commit as last seen. `unpushed` is a commit on top of the `fetched` of
    its time: the ledger after an apply from here, until it is pushed. If the remote has no such
    branch, a local one starts its history.
    """

    branch: Branch
    remote: str

    @property
    def fetched(self) -> str:
        """The reference to the remote's commit as last seen."""
        return f"{self._references}/fetched"

    @property
    def unpushed(self) -> str:
        """The reference to a commit that is not on the remote yet."""
        return f"{self._references}/unpushed"

    @property
    def _references(self) -> str:
        return f"refs/reconciler/ledger/{self.branch.digest}"

    @contextmanager
    def lock(self, wait: LockWait) -> Iterator[Lock]:
        """Keep other applies out, in this repository and in all that share the remote. Raises
        LockedError."""
        branch = self.branch
        with (
            local_lock(branch.lock_file, wait) as note,
            remote_lock(branch.refs, self.remote, branch.claim, wait) as lock,
        ):
            yield replace(lock, notes=((note,) if note else ()) + lock.notes)

    def find_lock(self) -> FoundLock | None:
        """The lock on the remote, else the one of a process in this repository. Raises
        LockedError."""
        branch = self.branch
        try:
            found = find_remote_lock(branch.refs, self.remote, branch.claim)
        except GitError as error:
            raise LockedError(f"The lock on {self.remote} cannot be read: {error}.") from None
        return found or find_local_lock(branch.lock_file)

    def load(self) -> StoredLedger:
        """Read the remote's ledger, or the one last fetched, with unpushed changes from here.
        Raises ConfigError if that fails, or if a later version wrote it."""
        branch, refs = self.branch, self.branch.refs
        notes = []
        try:
            version = self._copy()
            try:
                version = self._fetch(version)
            except GitError as error:
                notes.append(self._unreachable(error, version))
            base = version or refs.commit_of(branch.reference)
            theirs, damaged = branch.read(base)
            ours = self._with_unpushed(theirs)
        except GitError as error:
            raise branch.unreadable(error) from None
        if damaged is not None:
            notes.append(damaged)
        if ours != theirs or (ours and version is None and not notes):
            notes.append(
                f"The ledger {branch.name} has results of an apply from this clone that are not on "
                f"{self.remote} yet. The next apply pushes them."
            )
        return StoredLedger(ours, " ".join(notes) or None, version)

    def save(self, ledger: Ledger, stored: StoredLedger, message: str) -> str | None:
        """Push a commit with the ledger, if it differs; keep it here until that succeeds. Raises
        LedgerChanged."""
        branch, refs, content = self.branch, self.branch.refs, text(ledger)
        try:
            if content == branch.content(stored.version):
                self._forget_unpushed()
                return None
            parent = stored.version or refs.commit_of(branch.reference)
            commit = branch.commit(content, parent, message)
            refs.update(self.unpushed, commit)
        except GitError as error:
            return unwritten(branch.name, str(error))
        try:
            self._push(commit, stored.version)
        except GitError as error:
            return self._unpushed_note(error)
        return None

    def _unpushed_note(self, error: GitError) -> str:
        """What a failed push means. The clone of a workflow's runner is gone after the run."""
        kept = (
            "Other plans do not"
            if os.environ.get("GITHUB_ACTIONS") == "true"
            else "It is kept in this clone, and the next apply from here pushes it. Until then, a "
            "plan from elsewhere does not"
        )
        return (
            f"The ledger {self.branch.name} could not be pushed to {self.remote} ({error}). {kept} "
            f"know about this run: values that cannot be read back may be sent again, and changes "
            f"made from here may look like drift."
        )

    def _remote_commit(self) -> str | None:
        branch = self.branch
        return branch.refs.remote_commit_of(self.remote, branch.reference, REMOTE_TIMEOUT)

    def _fetch(self, known: str | None) -> str | None:
        """Update `fetched`, which is `known`, to the remote's commit. Raises GitError."""
        refs = self.branch.refs
        commit = self._remote_commit()
        if commit is None:
            if known is not None:
                refs.delete(self.fetched)
            return None
        if commit != known:
            self._fetch_copy()
        return refs.commit_of(self.fetched)

    def _copy(self) -> str | None:
        """The remote's commit as last seen, None if there is none here. What is damaged here is
        dropped: the remote has the ledger, and unpushed results are safe to lose. Raises
        GitError."""
        branch, refs = self.branch, self.branch.refs
        for reference in (self.fetched, self.unpushed):
            try:
                commit = refs.commit_of(reference)
                branch.content(commit)
                if commit is not None and reference == self.unpushed:
                    branch.content(refs.parent(commit))
            except GitError:
                refs.delete(reference)
                continue
            if commit is None:  # git ignores a damaged file, but then cannot fetch
                with suppress(OSError):
                    (branch.git_folder / reference).unlink(missing_ok=True)
        return refs.commit_of(self.fetched)

    def _fetch_copy(self) -> None:
        """Fetch the remote's commit; again, with all its objects, if some are damaged or missing
        here. Raises GitError."""
        branch, refs = self.branch, self.branch.refs
        refspec = f"+{branch.reference}:{self.fetched}"
        for attempt in range(FETCHES):
            try:
                refs.fetch(self.remote, refspec, REMOTE_TIMEOUT, whole=attempt > 0)
                branch.content(refs.commit_of(self.fetched))
            except GitError as error:
                if not refs.drop_damaged(error) and attempt:
                    raise
            else:
                return

    def _with_unpushed(self, theirs: Ledger) -> Ledger:
        """The remote's ledger with the unpushed changes from here. Raises GitError."""
        branch, refs = self.branch, self.branch.refs
        unpushed = refs.commit_of(self.unpushed)
        if unpushed is None:
            return theirs
        ours, damaged = branch.read(unpushed)
        base, _ = branch.read(refs.parent(unpushed))
        merged = theirs if damaged else merge(base, ours, theirs)
        if merged == theirs:
            self._forget_unpushed()
        return merged

    def _push(self, commit: str, old: str | None) -> None:
        """Move the remote's branch from `old` to a commit. Raises LedgerChanged and GitError."""
        branch, refs = self.branch, self.branch.refs
        try:
            refs.push(self.remote, commit, branch.reference, old, REMOTE_TIMEOUT)
        except GitError as error:
            try:
                found = self._remote_commit()
            except GitError:
                raise error from None
            if found not in (old, commit):  # the commit is there if only the answer was lost
                raise LedgerChanged from None
            if found == old:
                raise
        with suppress(GitError):  # the next load fetches it
            refs.update(self.fetched, commit)
        self._forget_unpushed()

    def _forget_unpushed(self) -> None:
        with suppress(GitError):
            self.branch.refs.delete(self.unpushed)

    def _unreachable(self, error: GitError, version: str | None) -> str:
        consequence = (
            "Using the one last fetched, which lacks any later apply from elsewhere."
            if version is not None
            else "Nothing is recorded, so values that the portal does not return may be sent again."
        )
        return (
            f"The ledger {self.branch.name} could not be fetched from {self.remote} ({error}). "
            f"{consequence}"
        )
