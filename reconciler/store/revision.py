"""The repository's files as they were at a commit, beside the work tree and never in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from reconciler.errors import UsageError
from reconciler.store.git import GitError, git

FILES = (b"100644", b"100755")
"""The modes of plain files; links and submodules are not followed."""


@contextmanager
def checked_out(root: Path, reference: str) -> Iterator[Path]:
    """A folder with the YAML files of `root` at a commit, for as long as the context is open.

    Raises UsageError where `root` is in no repository, or the reference is no commit of it.
    """
    try:
        commit = git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"
        )
        listed = git(root, "ls-tree", "-r", "-z", commit.decode().strip())
        entries = [_entry(line) for line in listed.split(b"\0") if line]
        wanted = [
            (name, blob)
            for mode, blob, name in entries
            if mode in FILES and name.suffix in (".yaml", ".yml")
        ]
        contents = _contents(root, [blob for _, blob in wanted])
    except GitError:
        raise UsageError(
            f"There is no commit {reference} here. Fetch it first; in a workflow, check out with "
            f"fetch-depth: 0."
        ) from None
    with TemporaryDirectory() as folder:
        for (name, _), content in zip(wanted, contents, strict=True):
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield Path(folder)


def _entry(line: bytes) -> tuple[bytes, bytes, PurePosixPath]:
    about, _, name = line.partition(b"\t")
    mode, _, blob = about.split(b" ")
    return mode, blob, PurePosixPath(name.decode("utf-8", "surrogateescape"))


def _contents(root: Path, blobs: list[bytes]) -> list[bytes]:
    """The contents of blobs, by one process for all."""
    said = git(root, "cat-file", "--batch", content=b"".join(blob + b"\n" for blob in blobs))
    found, at = [], 0
    for _ in blobs:
        end = said.index(b"\n", at)
        size = int(said[at:end].split(b" ")[2])
        found.append(said[end + 1 : end + 1 + size])
        at = end + 2 + size
    return found
