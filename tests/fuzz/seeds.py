"""What the fuzzers begin with: this repository's samples and the tables of the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from documents.test_what_people_write import SET, WRITTEN, Content

from .targets import BETWEEN

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
"""Inputs that went wrong once, in a folder for each target."""
LONGEST = 20_000
"""Bytes of an input that a fuzzer may still mutate."""


def seeds(target: str) -> Iterator[bytes]:
    """The inputs to begin with, of those that are not too long; none where they are drawn."""
    if target in _SEEDS:
        yield from (each for each in _SEEDS[target]() if len(each) <= LONGEST)
    yield from corpus(target)


def corpus(target: str) -> Iterator[bytes]:
    """The inputs that went wrong once."""
    for path in sorted((CORPUS / target).glob("*")):
        yield path.read_bytes()


def _agents() -> Iterator[bytes]:
    samples = [path.read_bytes() for path in sorted((ROOT / "agents").glob("**/*.y*ml"))]
    yield from samples
    yield BETWEEN.join(samples[:3])
    for written, _ in WRITTEN.values():
        parts = written.values() if isinstance(written, Mapping) else [written]
        yield BETWEEN.join(map(_bytes, parts))


def _config() -> Iterator[bytes]:
    yield (ROOT / "reconciler/demo/reconciler.yaml").read_bytes()
    yield from (_bytes(written) for written, _ in SET.values())


def _bytes(content: Content) -> bytes:
    return content.encode() if isinstance(content, str) else content


_SEEDS = {
    "agents": _agents,
    "config": _config,
}
