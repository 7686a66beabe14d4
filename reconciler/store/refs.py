"""git's plumbing in a user's repository: objects and references, without a prompt, hooks, work
tree, index or HEAD."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY_VARIABLES = (
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
)
"""What git sets for its hooks; it would point git at another repository."""

KEY_SUFFIXES = ("_API_KEY", "_API_SECRET")
"""How the variables with portals' keys end. git and the programs that it starts do not get them."""

NOISE = ("hint:", "To ", "error: failed to push some refs")
"""How lines of git's errors start that do not give the reason."""

OBJECT = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")
"""The name of an object."""
REFUSED = re.compile(r"^! \[([^]]*)\] .* \(([^()]*)\)$")
"""A push that was refused: by whom, and why."""
REMOTE = "remote:"
"""How the lines start that the remote sent."""
MAX_REMOTE = 400
"""Characters that are shown of what the remote sent."""
SAFE_DIRECTORY = "git config --global --add safe.directory"
"""The fix that git suggests for a folder of another user."""

DEFAULT_IDENTITY = {
    "GIT_AUTHOR_NAME": "reconciler",
    "GIT_AUTHOR_EMAIL": "reconciler@localhost",
    "GIT_COMMITTER_NAME": "reconciler",
    "GIT_COMMITTER_EMAIL": "reconciler@localhost",
}
"""Author and committer where git does not know the user."""


class GitError(Exception):
    """A git command failed. The message is git's reason, on one line, without passwords and
    control characters."""


def git(
    folder: Path,
    *arguments: str,
    content: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> bytes:
    """The standard output of a git command in a folder.

    `content` is its standard input. `environment` is added to ours; pass values there that must
    not be visible among a process's arguments. `timeout` is in seconds. Raises GitError.
    """
    command = ["git", "-c", f"core.hooksPath={os.devnull}", "-c", "gc.auto=0", *arguments]
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in REPOSITORY_VARIABLES and not name.endswith(KEY_SUFFIXES)
    }
    quiet = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}

    def run() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603 - no shell; the arguments are ours
            command,
            cwd=folder,
            input=content if content is not None else b"",
            capture_output=True,
            env={**inherited, **quiet, **(environment or {})},
            check=False,
            timeout=timeout,
        )

    try:
        result = run()
        if result.returncode == -signal.SIGINT:  # Ctrl-C in the terminal is for us, not for git
            result = run()
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"no answer within {timeout:g} seconds") from None
    if result.returncode:
        raise GitError(_reason(result.stderr) or f"git exited with code {result.returncode}")
    return result.stdout


def _reason(output: bytes) -> str:
    """The line with the reason: the first fatal one, else the last informative one; then what the
    remote says, such as the rule that a push violates, and the fix that git suggests. Names and
    passwords in addresses are removed."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines()]
    remote = [line.removeprefix(REMOTE).strip() for line in lines if line.startswith(REMOTE)]
    local = [line for line in lines if line and not line.startswith((REMOTE, *NOISE))]
    fatal = [line for line in local if line.startswith("fatal: ")]
    fix = [f"to allow it, run `{line}`" for line in local if line.startswith(SAFE_DIRECTORY)]
    line = (fatal or local[-1:] or [""])[0].removeprefix("fatal: ")
    line = REFUSED.sub(r"\1: \2", line)
    remote = [line.removeprefix("error: ").removeprefix("- ") for line in remote if line]
    parts = [line, " ".join(remote)[:MAX_REMOTE].rstrip(". "), *fix]
    printable = "".join(
        each if each.isprintable() else "?" for each in "; ".join(filter(None, parts))
    )
    return re.sub(r"://[^/\s]*@", "://", printable)


@dataclass(frozen=True, slots=True)
class Refs:
    """The references and objects of the repository that the folder `root` is in, and of its
    remotes. `shallow`: the clone lacks history, so only last commits are fetched. All methods
    raise GitError."""

    root: Path
    shallow: bool = False

    def git(
        self,
        *arguments: str,
        content: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> str:
        """The output of a git command as text, without the last line break."""
        output = git(
            self.root, *arguments, content=content, environment=environment, timeout=timeout
        )
        return output.decode("utf-8", "surrogateescape").removesuffix("\n")

    def commit_of(self, reference: str) -> str | None:
        """The commit that a reference points to, None if it does not exist."""
        return self.git("for-each-ref", "--format=%(objectname)", reference) or None

    def update(self, reference: str, commit: str) -> None:
        """Point a reference to a commit, wherever it pointed before."""
        self.git("update-ref", reference, commit)

    def move(self, reference: str, commit: str, old: str | None, message: str) -> None:
        """Move a reference from the commit `old` (None: it does not exist) to another one."""
        self.git("update-ref", "-m", message, reference, commit, old or "")

    def delete(self, reference: str) -> None:
        """Delete a reference, if it exists."""
        self.git("update-ref", "-d", reference)

    def remote_commit_of(self, remote: str, reference: str, timeout: float) -> str | None:
        """The commit that a remote's reference points to, None if it does not exist."""
        output = self.git("ls-remote", "--", remote, reference, timeout=timeout)
        entries = [line.split("\t") for line in output.split("\n") if line]
        return next((commit for commit, name in entries if name == reference), None)

    def fetch(self, remote: str, refspec: str, timeout: float, *, whole: bool = False) -> None:
        """Fetch a refspec from a remote, and nothing else. `whole`: with the objects that this
        clone should have."""
        self.git(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--refmap=",
            *(("--depth=1",) if self.shallow else ()),
            *(("--refetch",) if whole else ()),
            "--",
            remote,
            refspec,
            timeout=timeout,
        )

    def push(
        self, remote: str, commit: str | None, reference: str, old: str | None, timeout: float
    ) -> None:
        """Move a remote's reference from `old` to a commit; None: the reference does not exist.
        Fails if it is not at `old`."""
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
            timeout=timeout,
        )

    def drop_damaged(self, error: GitError) -> bool:
        """Delete the file of an object that an error names and that git cannot read, so that it is
        fetched again; whether there was one."""
        for name in OBJECT.findall(str(error)):
            try:
                self.git("cat-file", "-p", name)
            except GitError:
                place = f"objects/{name[:2]}/{name[2:]}"
                path = self.root / self.git("rev-parse", "--git-path", place)
                if path.exists():
                    path.unlink()
                    return True
        return False

    def has(self, commit: str) -> bool:
        """Whether a commit is in this clone."""
        try:
            self.git("cat-file", "-e", commit)
        except GitError:
            return False
        return True

    def subject(self, commit: str) -> str:
        """The first line of a commit's message."""
        return self.git("show", "--no-patch", "--format=%s", commit)

    def parent(self, commit: str) -> str | None:
        """A commit's first parent, if it has one."""
        _, *parents = self.git("rev-list", "--parents", "--max-count=1", commit).split(" ")
        return parents[0] if parents else None

    def file(self, commit: str, path: str) -> bytes | None:
        """The content of a file at a commit, None if it does not exist there."""
        entry = self.git("ls-tree", "-z", "--full-tree", commit, "--", path)
        if not entry:
            return None
        blob = entry.partition("\t")[0].split(" ")[2]
        return git(self.root, "cat-file", "blob", blob)

    def commit_file(self, path: str, content: bytes, parent: str | None, message: str) -> str:
        """A new commit: the files of its parent, with this one added or replaced. No reference
        points to it yet."""
        blob = self.git("hash-object", "-w", "--stdin", content=content)
        tree = self._tree(parent, path.split("/"), blob)
        parents = () if parent is None else ("-p", parent)
        return self._commit("commit-tree", tree, *parents, "-m", message)

    def empty_commit(self, message: str) -> str:
        """A new commit without files and parent."""
        return self._commit("commit-tree", self.git("mktree"), "-m", message)

    def _commit(self, *command: str) -> str:
        """A commit by the user, or by us if git does not know who that is."""
        try:
            return self.git("-c", "user.useConfigOnly=true", *command)
        except GitError:
            return self.git(*command, environment=DEFAULT_IDENTITY)

    def _tree(self, old: str | None, path: list[str], blob: str) -> str:
        name, *rest = path
        listing = "" if old is None else self.git("ls-tree", "-z", "--full-tree", old)
        lines = (line.partition("\t") for line in listing.split("\0") if line)
        entries = {name: entry for entry, _, name in lines}  # entry: mode, type and object
        if rest:
            _, kind, inner = entries.get(name, "- missing -").split(" ")
            subtree = self._tree(inner if kind == "tree" else None, rest, blob)
            entries[name] = f"040000 tree {subtree}"
        else:
            entries[name] = f"100644 blob {blob}"
        content = "".join(f"{entry}\t{name}\0" for name, entry in entries.items())
        return self.git(
            "mktree", "-z", "--missing", content=content.encode("utf-8", "surrogateescape")
        )
