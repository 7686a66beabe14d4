"""Fake keys, and a search for fragments of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

RENTIX = "not-a-real-key/" * 3
PF_KEY = ("made-up-login+" * 3)[:40]
PF_SECRET = ("made-up-secret=" * 3)[:32]
TOKEN = "made-up-session." * 4
KEYS = {
    "RENTIX_API_KEY": RENTIX,
    "PROPERTYFINDER_API_KEY": PF_KEY,
    "PROPERTYFINDER_API_SECRET": PF_SECRET,
}
SECRETS = (RENTIX, PF_KEY, PF_SECRET, TOKEN)
PIECE = 12
"""Characters in a fragment."""


def pieces(data: str | bytes, secrets: Iterable[str] = SECRETS) -> list[bytes]:
    """The fragments of secrets in a text, `PIECE` characters each."""
    data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    windows = {
        secret[at : at + PIECE].encode()
        for secret in secrets
        for at in range(len(secret) - PIECE + 1)
    }
    return sorted(each for each in windows if each in data)


def files(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below these folders with its name and bytes; for a git repository also its
    unpacked objects."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield str(path), path.read_bytes()
            if (path / "objects").is_dir() and (path / "HEAD").is_file():
                command = ["git", "-C", path, "cat-file", "--batch-all-objects", "--batch"]
                output = subprocess.run(command, capture_output=True, check=True)
                assert output.stdout
                yield f"{path} (objects)", output.stdout


def leaks(*folders: Path, secrets: Iterable[str] = SECRETS) -> list[tuple[str, list[bytes]]]:
    """The files below these folders with a fragment of a secret in their content or name."""
    secrets = tuple(secrets)
    found = ((name, pieces(name.encode() + data, secrets)) for name, data in files(*folders))
    return [each for each in found if each[1]]
