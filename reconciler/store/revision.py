"""The repository's YAML files at a commit, in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from reconciler.errors import UsageError
from reconciler.store.refs import GitError, git

FILE_MODES = (b"100644", b"100755")
"""Regular files; symbolic links and submodules are skipped."""


@contextmanager
def checked_out(root: Path, reference: str) -> Iterator[Path]:
    """A temporary folder with the YAML files below `root` at a commit.

    Raises UsageError if git cannot read the repository at `root`, or the reference is not a commit.
    """
    try:
        git(root, "rev-parse", "--git-dir")
    except GitError as error:
        raise UsageError(f"The history of {root.resolve()} cannot be read: {error}.") from None
    try:
        commit = git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"
        )
        listing = git(root, "ls-tree", "-r", "-z", commit.decode().strip())
        entries = [_entry(line) for line in listing.split(b"\0") if line]
        files = [
            (name, blob)
            for mode, blob, name in entries
            if mode in FILE_MODES and name.suffix in (".yaml", ".yml")
        ]
        contents = _contents(root, [blob for _, blob in files])
    except GitError:
        raise UsageError(
            f"There is no commit {reference} in this clone. Fetch it first; in a workflow, check "
            f"out with fetch-depth: 0."
        ) from None
    with TemporaryDirectory() as folder:
        for (name, _), content in zip(files, contents, strict=True):
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield Path(folder)


def _entry(line: bytes) -> tuple[bytes, bytes, PurePosixPath]:
    """Mode, object and name of a line of `git ls-tree`."""
    entry, _, name = line.partition(b"\t")
    mode, _, blob = entry.split(b" ")
    return mode, blob, PurePosixPath(name.decode("utf-8", "surrogateescape"))


def _contents(root: Path, blobs: list[bytes]) -> list[bytes]:
    """The contents of blobs, from a single git process."""
    output = git(root, "cat-file", "--batch", content=b"".join(blob + b"\n" for blob in blobs))
    contents, at = [], 0
    for _ in blobs:
        end = output.index(b"\n", at)
        size = int(output[at:end].split(b" ")[2])
        contents.append(output[end + 1 : end + 1 + size])
        at = end + 2 + size
    return contents
