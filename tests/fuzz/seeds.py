"""What the fuzzers start from: the sample agents, and the tables of what people write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from documents.cases import agent_cases, cases

from .targets import SEPARATOR

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
"""Inputs that failed once, in one folder per target."""
LONGEST = 20_000
"""The largest input that a fuzzer may still mutate, in bytes."""


def seeds(target: str) -> Iterator[bytes]:
    """Yield the inputs to start from; of a target whose inputs are generated, only the corpus."""
    if target in _SEEDS:
        yield from (each for each in _SEEDS[target]() if len(each) <= LONGEST)
    yield from corpus(target)


def corpus(target: str) -> Iterator[bytes]:
    """Yield the inputs that failed once."""
    for path in sorted((CORPUS / target).glob("*")):
        yield path.read_bytes()


def _agents() -> Iterator[bytes]:
    samples = [path.read_bytes() for path in sorted((ROOT / "agents").glob("**/*.y*ml"))]
    yield from samples
    yield SEPARATOR.join(samples[:3])
    for _, case in agent_cases():
        yield SEPARATOR.join(case.files.values())


def _config() -> Iterator[bytes]:
    yield (ROOT / "reconciler/demo/reconciler.yaml").read_bytes()
    for case in cases("config", "reconciler.yaml"):
        yield from case.files.values()


_SEEDS = {
    "agents": _agents,
    "config": _config,
}
