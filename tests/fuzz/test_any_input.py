"""Any input is accepted, or rejected with a message.

Inputs are files generated from common mistakes, mutated samples, saved plans and ledgers that are
nearly valid, and the past findings in `corpus`. `script/fuzz` looks for more, guided by coverage.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from portals.test_any_answer import ANYTHING, changed
from store.test_ledger import KEPT
from store.test_planfile import PLAN

from reconciler.core.plan_json import form
from reconciler.core.selection import Selection
from reconciler.store import ledger

from . import targets
from .seeds import CORPUS, corpus, seeds

QUICK = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

KEYS = st.sampled_from(
    [
        *("externalId", "id", "name", "phone", "description", "avatar", "instagram", "settings"),
        *("propertyfinder", "ru", "en", "url", "email", "contact_phone", "nаme", "Name", "<<", "~"),
        *("agents", "portals", "rentix", "limits", "changes", "ledger", "version", "12"),
    ]
)
SCALARS = st.one_of(
    st.sampled_from(
        [
            *("a", "no", "true", "~", "null", "12", "012", "0o17", "1e400", ".nan", "30%", "", "|"),
            *("“x”", "«x»", "@x", "*x", "&x", "!x", "!!str", "%x", "`x`", "#x", "x:", ":x", "-x"),
            *("|x", ">x", "[x", "{x", "]x", "}x", ",x", "{{x}}", ">-", '"x"', "'x'", '"x', "'x"),
            *('"\\x1b"', '"\\u200b"', '"C:\\new"', "+37322123456", "+373 22 123 456"),
            *("|\n    x\n    y", "x\n    y", "[a, b]", "{url: x}", "https://a.example/b"),
        ]
    ),
    st.text("ab:#-?|>&*!%@`'\"\\{}[], \t\u00a0\u200b\u202eяé😀\ufeff\x00\x85", max_size=6),
)
LINES = st.one_of(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "", "", "  ", "    ", "\t", " ", "- ", "? ", "\u00a0"]),
        KEYS,
        st.sampled_from([": ", ": ", ": ", ":", " : ", ":\t", ":\u00a0", "：", "="]),
        SCALARS,
    ),
    st.sampled_from(["---", "--- ", "...", "%YAML 1.2", "# x", "", "<<<<<<< x", "=======", "- x"]),
)
WRITTEN = st.builds(
    lambda lines, end: end.join(["externalId: a", *lines]).encode(errors="surrogatepass"),
    st.lists(LINES, max_size=8),
    st.sampled_from(["\n", "\n", "\r\n", "\r"]),
)
SEEDS = {name: [each for each in seeds(name) if len(each) < 2000] for name in ("agents", "config")}


def mutated(target: str) -> st.SearchStrategy[bytes]:
    """Generate seeds with a piece inserted, removed or replaced."""

    def mutate(seed: bytes, at: int, length: int, piece: bytes) -> bytes:
        at %= len(seed) + 1
        return seed[:at] + piece + seed[at + length :]

    pieces = st.binary(max_size=3) | SCALARS.map(lambda text: text.encode(errors="replace"))
    return st.builds(
        mutate,
        st.sampled_from(SEEDS[target]),
        st.integers(0, 3000),
        st.integers(0, 12),
        pieces,
    )


@QUICK
@given(WRITTEN | mutated("agents"))
def test_any_files(data: bytes) -> None:
    """Any files in the folder are agents or problems, the same with both parsers."""
    targets.agents(data)


@QUICK
@given(WRITTEN | mutated("config"))
def test_any_configuration(data: bytes) -> None:
    """Any content of `reconciler.yaml` is settings or problems."""
    targets.config(data)


def altered(value: Any, changes: list[tuple[int, Any, str]]) -> bytes:
    """Return `value` as JSON with some of its nodes changed."""
    for place, other, how in changes:
        value = changed(value, place, other, how)
    return json.dumps(value).encode()


CHANGES = st.lists(
    st.tuples(st.integers(0, 10**6), ANYTHING, st.sampled_from(["other", "gone", "twice"])),
    min_size=1,
    max_size=3,
)
SAVED = form(PLAN, Selection(("agent-*",), ()), ["rentix"], "0.1.0")


@QUICK
@given(CHANGES)
def test_plans_that_are_nearly_right(changes: list[tuple[int, Any, str]]) -> None:
    """A saved plan that another program wrote is rejected, or can be rendered in every format."""
    targets.plan(altered(SAVED, changes))


@QUICK
@given(CHANGES)
def test_ledgers_that_are_nearly_right(changes: list[tuple[int, Any, str]]) -> None:
    """A damaged ledger counts as lost, with a warning, or is read."""
    targets.saved_ledger(altered(json.loads(ledger.text(KEPT)), changes))


@QUICK
@given(st.binary(max_size=60), st.sampled_from(["plan", "ledger"]))
def test_any_bytes(data: bytes, target: str) -> None:
    """What is not JSON is rejected with a message."""
    targets.TARGETS[target](data)


@pytest.mark.parametrize("target", targets.TARGETS)
def test_past_findings(target: str) -> None:
    """What a fuzzer found once does not fail again."""
    for data in corpus(target):
        targets.TARGETS[target](data)


def test_every_finding_is_replayed() -> None:
    """Every folder of the corpus belongs to a target that takes bytes."""
    assert {path.name for path in CORPUS.iterdir()} <= set(targets.TARGETS)
