"""The ledger on a branch of the user's own repository, for machines that forget.

It is `ledger.json`, in the folder where the configuration is, on a branch that has nothing else to
do with the files. It is read and written by git's plumbing alone: no work tree, no index and no
HEAD is touched. With a remote, the remote's branch is the ledger; what could not be pushed waits
in a reference of this clone. Why it is so: docs/decisions/0011-a-ledger-on-a-branch.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from reconciler.core.model import PortalState
from reconciler.errors import ConfigError
from reconciler.store.claim import claimed
from reconciler.store.git import GitError, git
from reconciler.store.ledger import Kept, Ledger, Moved, Store, parse, text, unwritten
from reconciler.store.lock import LockWait, alone

FILE = "ledger.json"
PATIENCE = 60.0
"""Seconds that a remote may take to answer."""
NOBODY = {
    "GIT_AUTHOR_NAME": "reconciler",
    "GIT_AUTHOR_EMAIL": "reconciler@localhost",
    "GIT_COMMITTER_NAME": "reconciler",
    "GIT_COMMITTER_EMAIL": "reconciler@localhost",
}
"""Whose commits these are where git does not know who the user is."""

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of the repository that the folder `root` is in, and the ledger's path on it.
    `shallow`: this clone has not the whole history, so of the branch it gets the last commit.
    `inside` is git's own folder, which all work trees of a clone share."""

    root: Path
    branch: str
    path: str
    shallow: bool
    inside: Path

    @property
    def name(self) -> str:
        """What the ledger is called in messages."""
        return f"git:{self.branch}"

    @property
    def reference(self) -> str:
        """The branch's whole name, here and on a remote."""
        return f"refs/heads/{self.branch}"

    def git(
        self,
        *arguments: str,
        content: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> str:
        """What a git command says, without the last line end. Raises GitError."""
        said = git(
            self.root, *arguments, content=content, environment=environment, patience=patience
        )
        return said.decode("utf-8", "surrogateescape").removesuffix("\n")

    @property
    def lock(self) -> Path:
        """The file that is locked while somebody here applies."""
        return self.inside / "reconciler" / f"{self.mark}.lock"

    @property
    def mark(self) -> str:
        """A name for references: its own for each branch and folder, as one may be within the
        other."""
        said = f"{self.branch}\0{self.path}".encode(errors="surrogateescape")
        return sha256(said).hexdigest()[:12]

    def there(self, remote: str, reference: str, patience: float) -> str | None:
        """The commit that a reference names on a remote. Raises GitError if it does not answer."""
        listed = self.git("ls-remote", "--", remote, reference, patience=patience)
        found = [line.split("\t") for line in listed.split("\n") if line]
        return next((commit for commit, name in found if name == reference), None)

    def fetch(self, remote: str, refspec: str, patience: float) -> None:
        """Bring what a remote has here. Raises GitError."""
        self.git(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--refmap=",
            *(("--depth=1",) if self.shallow else ()),
            "--",
            remote,
            refspec,
            patience=patience,
        )

    def push(
        self, remote: str, commit: str | None, reference: str, old: str | None, patience: float
    ) -> None:
        """Put a reference of a remote from `old` to the commit; None: there is none. Raises
        GitError, also if it was not at `old`."""
        self.git(
            "push",
            "--quiet",
            "--no-verify",
            "--no-follow-tags",
            "--no-signed",
            "--recurse-submodules=no",
            f"--force-with-lease={reference}:{old or ''}",
            "--",
            remote,
            f"{commit or ''}:{reference}",
            patience=patience,
        )

    def tip(self, reference: str) -> str | None:
        """The commit that a reference names. Raises GitError."""
        return self.git("for-each-ref", "--format=%(objectname)", reference) or None

    def content(self, commit: str | None) -> bytes | None:
        """The ledger's text at a commit, None if there is none. Raises GitError."""
        if commit is None:
            return None
        listed = self.git("ls-tree", "-z", "--full-tree", commit, "--", self.path)
        if not listed:
            return None
        blob = listed.partition("\t")[0].split(" ")[2]
        return git(self.root, "cat-file", "blob", blob)

    def read(self, commit: str | None) -> tuple[Ledger, str | None]:
        """The ledger at a commit, and a word for the user. Raises GitError and ConfigError."""
        content = self.content(commit)
        return ({}, None) if content is None else parse(content, self.name)

    def commit(self, content: bytes, parent: str | None, message: str) -> str:
        """A new commit with this text of the ledger, and what else its parent has, which no
        reference names yet. Raises GitError."""
        blob = self.git("hash-object", "-w", "--stdin", content=content)
        tree = self._tree(parent, self.path.split("/"), blob)
        parents = () if parent is None else ("-p", parent)
        return self._commit("commit-tree", tree, *parents, "-m", message)

    def blank(self, message: str) -> str:
        """A new commit that has no files and no parent. Raises GitError."""
        return self._commit("commit-tree", self.git("mktree"), "-m", message)

    def has(self, commit: str) -> bool:
        """Whether a commit is here."""
        try:
            self.git("cat-file", "-e", commit)
        except GitError:
            return False
        return True

    def _commit(self, *command: str) -> str:
        """A commit by whoever git says the user is. Raises GitError."""
        try:
            return self.git("-c", "user.useConfigOnly=true", *command)
        except GitError:
            return self.git(*command, environment=NOBODY)

    def _tree(self, old: str | None, path: list[str], blob: str) -> str:
        """The tree `old` with the blob at the path."""
        name, *rest = path
        listed = "" if old is None else self.git("ls-tree", "-z", "--full-tree", old)
        lines = (entry.partition("\t") for entry in listed.split("\0") if entry)
        entries = {name: about for about, _, name in lines}  # mode, type and object
        if rest:
            _, kind, inside = entries.get(name, "- none -").split(" ")
            inner = self._tree(inside if kind == "tree" else None, rest, blob)
            entries[name] = f"040000 tree {inner}"
        else:
            entries[name] = f"100644 blob {blob}"
        said = "".join(f"{about}\t{name}\0" for name, about in entries.items())
        return self.git(
            "mktree", "-z", "--missing", content=said.encode("utf-8", "surrogateescape")
        )


def open_branch(root: Path, branch: str) -> Store:
    """The ledger on this branch, of the remote if the repository has one.

    Raises ConfigError where `root` is in no repository, where it is not clear which remote is
    meant, and where the branch is checked out (a commit to it would leave the work tree behind).
    """
    try:
        said = git(root, "rev-parse", "--is-shallow-repository", "--git-common-dir")
        shallow, _, inside = said.decode("utf-8", "surrogateescape").partition("\n")
        folder = git(root, "rev-parse", "--show-prefix").decode("utf-8", "surrogateescape")
        path = folder.removesuffix("\n") + FILE
        inside = inside.removesuffix("\n")
        made = Branch(root, branch, path, shallow == "true", root / inside)
        trees = made.git("worktree", "list", "--porcelain").split("\n")
        if f"branch {made.reference}" in trees:
            raise ConfigError(
                f"The branch {branch} is for the ledger alone, and it is checked out. Switch to "
                f"another one, or name another one in `ledger`."
            )
        remote = _remote(made)
    except GitError as error:
        raise ConfigError(
            f"The ledger git:{branch} needs a git repository, and this is none ({error})."
        ) from None
    return Local(made) if remote is None else Shared(made, remote)


def _remote(branch: Branch) -> str | None:
    """The remote that has the ledger: `origin`, or the one that the current branch tracks, or the
    only one."""
    names = [name for name in branch.git("remote").split("\n") if name]
    if "origin" in names or not names:
        return "origin" if names else None
    with suppress(GitError):  # no branch is checked out, or it tracks nothing
        current = branch.git("symbolic-ref", "--quiet", "--short", "HEAD")
        tracked = branch.git("config", "--get", f"branch.{current}.remote")
        if tracked in names:
            return tracked
    if len(names) > 1:
        raise ConfigError(
            f"It is not clear which remote has the ledger git:{branch.branch}: "
            f"{', '.join(names)}. Call one of them origin."
        )
    return names[0]


@dataclass(frozen=True, slots=True)
class Local:
    """The ledger on a branch of a repository without a remote."""

    branch: Branch

    @contextmanager
    def lock(self, turn: LockWait) -> Iterator[tuple[str, ...]]:
        """One apply at a time in this repository, all its work trees counted. Raises
        LockedError."""
        with alone(self.branch.lock, turn) as note:
            yield (note,) if note else ()

    def load(self) -> Kept:
        """Read it. Raises ConfigError where it cannot be read, or is of a later version."""
        try:
            tip = self.branch.tip(self.branch.reference)
            return Kept(*self.branch.read(tip), tip)
        except GitError as error:
            raise _unreadable(self.branch, error) from None

    def save(self, ledger: Ledger, kept: Kept, message: str) -> str | None:
        """Put a commit with it onto the branch, if it says something else. Raises Moved."""
        branch, content = self.branch, text(ledger)
        try:
            if content == branch.content(kept.version):
                return None
            commit = branch.commit(content, kept.version, message)
            try:
                branch.git(
                    "update-ref", "-m", message, branch.reference, commit, kept.version or ""
                )
            except GitError:
                if branch.tip(branch.reference) != kept.version:
                    raise Moved from None
                raise
        except GitError as error:
            return unwritten(branch.name, str(error))
        return None


@dataclass(frozen=True, slots=True)
class Shared:
    """The ledger on a branch of a remote; clones of it see what the others applied.

    `fetched` is what the remote had when it was last looked at. `unpushed` is one commit on top of
    what was fetched then: the ledger as an apply from here left it, for as long as it could not be
    pushed. Where the remote has no such branch, one that is here begins its history.
    """

    branch: Branch
    remote: str

    @property
    def fetched(self) -> str:
        """The reference to what the remote had."""
        return f"{self._references}/fetched"

    @property
    def unpushed(self) -> str:
        """The reference to what the remote has not got yet."""
        return f"{self._references}/unpushed"

    @property
    def _references(self) -> str:
        return f"refs/reconciler/ledger/{self.branch.mark}"

    @contextmanager
    def lock(self, turn: LockWait) -> Iterator[tuple[str, ...]]:
        """One apply at a time in this repository and in all that share the remote. Raises
        LockedError."""
        with alone(self.branch.lock, turn) as here, claimed(self.branch, self.remote, turn) as far:
            yield tuple(note for note in (here, far) if note)

    def load(self) -> Kept:
        """Read what the remote has, or had; with what an apply from here could not push. Raises
        ConfigError where it cannot be read, or is of a later version."""
        branch = self.branch
        notes = []
        try:
            version = branch.tip(self.fetched)
            try:
                version = self._fetch(version)
            except GitError as error:
                notes.append(self._unreachable(error, version))
            base = version or branch.tip(branch.reference)
            theirs, lost = branch.read(base)
            ours = self._with_unpushed(theirs)
        except GitError as error:
            raise _unreadable(branch, error) from None
        if lost is not None:
            notes.append(lost)
        if ours != theirs or (ours and version is None and not notes):
            notes.append(
                f"The ledger {branch.name} has results of an apply from here that are not on "
                f"{self.remote} yet. The next apply pushes them."
            )
        return Kept(ours, " ".join(notes) or None, version)

    def save(self, ledger: Ledger, kept: Kept, message: str) -> str | None:
        """Push a commit with it, if it says something else than the remote; kept here until that
        is done. Raises Moved."""
        branch, content = self.branch, text(ledger)
        try:
            if content == branch.content(kept.version):
                self._forget()
                return None
            parent = kept.version or branch.tip(branch.reference)
            commit = branch.commit(content, parent, message)
            branch.git("update-ref", self.unpushed, commit)
        except GitError as error:
            return unwritten(branch.name, str(error))
        try:
            self._push(commit, kept.version)
        except GitError as error:
            return (
                f"The ledger {branch.name} could not be pushed to {self.remote} ({error}). It "
                f"is kept in this clone, and the next apply from here pushes it. Until then a plan "
                f"from elsewhere does not know of this run: values that cannot be read back may "
                f"be sent once more, and changes made from here may look like drift."
            )
        return None

    def _there(self) -> str | None:
        """The commit of the remote's branch. Raises GitError where the remote does not answer."""
        return self.branch.there(self.remote, self.branch.reference, PATIENCE)

    def _fetch(self, have: str | None) -> str | None:
        """Bring `fetched`, which is `have`, to what the remote has. Raises GitError."""
        there = self._there()
        if there is None:
            if have is not None:
                self.branch.git("update-ref", "-d", self.fetched)
            return None
        if there != have:
            self.branch.fetch(self.remote, f"+{self.branch.reference}:{self.fetched}", PATIENCE)
        return self.branch.tip(self.fetched)

    def _with_unpushed(self, theirs: Ledger) -> Ledger:
        """The remote's ledger, with what is here and could not be pushed. Raises GitError."""
        branch = self.branch
        waiting = branch.tip(self.unpushed)
        if waiting is None:
            return theirs
        ours, lost = branch.read(waiting)
        _, *parents = branch.git("rev-list", "--parents", "--max-count=1", waiting).split(" ")
        base, _ = branch.read(parents[0] if parents else None)
        both = theirs if lost else merged(base, ours, theirs)
        if both == theirs:
            self._forget()
        return both

    def _push(self, commit: str, old: str | None) -> None:
        """Put the remote's branch from `old` to the commit. Raises Moved, and GitError."""
        branch = self.branch
        try:
            branch.push(self.remote, commit, branch.reference, old, PATIENCE)
        except GitError as error:
            try:
                there = self._there()
            except GitError:
                raise error from None
            if there not in (old, commit):  # it is there if only the answer was lost
                raise Moved from None
            if there == old:
                raise
        with suppress(GitError):  # the next load finds it by itself
            branch.git("update-ref", self.fetched, commit)
        self._forget()

    def _forget(self) -> None:
        """Nothing waits to be pushed any more."""
        with suppress(GitError):
            self.branch.git("update-ref", "-d", self.unpushed)

    def _unreachable(self, error: GitError, version: str | None) -> str:
        known = (
            "What was fetched last is used; an apply from elsewhere since then is not known here."
            if version is not None
            else "Nothing is remembered: values that the portal does not say back may be sent once "
            "more."
        )
        return (
            f"The ledger {self.branch.name} could not be fetched from {self.remote} ({error}). "
            f"{known}"
        )


def merged(base: Ledger, ours: Ledger, theirs: Ledger) -> Ledger:
    """Two ledgers that began as `base`, agent by agent: theirs, but ours where only we changed an
    agent since. What is known of a portal at two addresses is not mixed, as an id is another
    person there: it is theirs, unless only we changed anything."""
    nothing = PortalState()
    found = {}
    for portal in {**theirs, **ours}:
        was, here, there = (each.get(portal, nothing) for each in (base, ours, theirs))
        if not _one_place(here, there):
            found[portal] = here if there == was else there
            continue
        url = there.url or here.url
        if not _one_place(was, PortalState(url=url)):
            was = nothing
        found[portal] = PortalState(
            _merged(was.agents, here.agents, there.agents),
            _merged(was.refused, here.refused, there.refused),
            url,
        )
    return found


def _one_place(one: PortalState, other: PortalState) -> bool:
    """Whether two memories are of one address; an old ledger does not say of which it is."""
    return one.url == other.url or not (one.url and other.url)


def _merged(
    base: Mapping[str, Entry], ours: Mapping[str, Entry], theirs: Mapping[str, Entry]
) -> dict[str, Entry]:
    mine = {key for key in {**base, **ours} if ours.get(key) != base.get(key) == theirs.get(key)}
    kept = {key: entry for key, entry in theirs.items() if key not in mine}
    return kept | {key: ours[key] for key in mine if key in ours}


def _unreadable(branch: Branch, error: GitError) -> ConfigError:
    return ConfigError(f"The ledger {branch.name} cannot be read: {error}.")
