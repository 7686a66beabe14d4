"""The schemas: valid, documented, and consistent with the program."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from reconciler.core.fields import Sort
from reconciler.documents.agents import check, model_of
from reconciler.documents.yaml import load
from reconciler.engine.schemas import schemas
from reconciler.portals.propertyfinder.table import PHONE
from reconciler.portals.registry import parts
from reconciler.portals.rentix.table import ATTRIBUTES

from . import test_agents, test_config, test_propertyfinder
from .test_yaml import TEXT

ROOT = Path(__file__).parents[2]
SCHEMAS = {name: json.loads(text) for name, text in schemas().items()}
AGENT = Draft7Validator(SCHEMAS["agent.schema.json"])
CONFIG = Draft7Validator(SCHEMAS["reconciler.schema.json"])


def value(text: str) -> Any:
    """The first document's plain data, as an editor passes it to the schema."""
    return load("a.yaml", text.encode())[0][0].value


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a schema."""
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(inner, dict | list):
            yield from nodes(inner)


@pytest.mark.parametrize("name", SCHEMAS)
def test_dialect(name: str) -> None:
    """The schemas are valid draft-07 and use no later keywords."""
    Draft7Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert not {"$defs", "$ref", "prefixItems"} & {
        key for node in nodes(SCHEMAS[name]) for key in node
    }


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_is_described(name: str) -> None:
    """Every key has a description, and no other keys are allowed."""
    groups = [
        node
        for node in nodes(SCHEMAS[name])
        if node.get("type") == "object" and "properties" in node
    ]
    assert groups
    for group in groups:
        assert group["additionalProperties"] is False
        for key, inner in group["properties"].items():
            assert inner["description"].endswith("."), key


def test_defaults_are_shown() -> None:
    """Each setting's default is shown as a file would declare it."""
    keys = SCHEMAS["reconciler.schema.json"]["properties"]
    assert keys["limits"]["properties"]["changes"]["default"] == "30%"
    assert keys["portals"]["properties"]["rentix"]["properties"]["bulk"]["default"] == 100
    assert keys["ledger"]["default"] == ".reconciler/ledger.json"


def test_examples_are_valid() -> None:
    """Each example in the schema is valid."""
    for node in nodes(SCHEMAS["agent.schema.json"]):
        for example in node.get("examples", ()):
            assert Draft7Validator(node).is_valid(example), example


@pytest.mark.parametrize(
    "path", sorted((ROOT / "agents").glob("*.yaml")), ids=lambda path: path.name
)
def test_sample_agents_are_valid(path: Path) -> None:
    """Every sample agent is valid by the schema that its first line names."""
    assert list(AGENT.iter_errors(value(path.read_text("utf-8")))) == []


@pytest.mark.parametrize("text", [test_agents.FULL, test_propertyfinder.FULL])
def test_full_agent_is_valid(text: str) -> None:
    """An agent with every key."""
    assert list(AGENT.iter_errors(value(text))) == []


@pytest.mark.parametrize("text", test_propertyfinder.TAKEN)
def test_valid_values_of_a_section(text: str) -> None:
    """Values that the program accepts in a section are valid by the schema."""
    assert list(AGENT.iter_errors(value(test_propertyfinder.within(text)))) == []


# In a schema 15.0 is an integer; and Python's `$` also matches before a final newline, unlike an editor's.
DIFFERENCES = ("id: 15.0", "name: |\n  Ivan\n")


@pytest.mark.parametrize(
    "text", [text for text, _, _ in test_agents.REFUSED if text not in DIFFERENCES]
)
def test_invalid_values_of_an_agent(text: str) -> None:
    """Values that the program rejects in an agent are invalid by the schema."""
    assert not AGENT.is_valid(value(f"externalId: a\n{text}\n"))


@pytest.mark.parametrize(
    "text",
    [
        test_propertyfinder.within(text)
        for text, _, _ in test_propertyfinder.REFUSED
        if not text.endswith(".0")
    ]
    + [f"externalId: a\n{text}\n" for text, _, _ in test_propertyfinder.AROUND],
)
def test_invalid_values_of_a_section(text: str) -> None:
    """Values that the program rejects in a section are invalid by the schema."""
    assert not AGENT.is_valid(value(text))


def test_identity_is_required() -> None:
    """An agent with neither externalId nor id is invalid."""
    assert not AGENT.is_valid({"name": "x"})


@pytest.mark.parametrize("text", [test_config.ALL_DEFAULTS, test_config.PROPERTYFINDER])
def test_configuration_with_all_keys_is_valid(text: str) -> None:
    """A file that declares every default is valid."""
    assert list(CONFIG.iter_errors(value(text))) == []


BEYOND_A_SCHEMA = ("http://", "---", "*x")


@pytest.mark.parametrize(
    "text",
    [
        text
        for text, _, _ in test_config.REFUSED
        if not any(each in text for each in BEYOND_A_SCHEMA)
    ],
)
def test_invalid_settings(text: str) -> None:
    """Settings that the program rejects are invalid, except those that a schema cannot express."""
    assert not CONFIG.is_valid(value(text))


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["ru", "en", "url", "id", "contact_phone", "x"]), inner, max_size=3
        )
    ),
    max_leaves=4,
)
DIGITS = st.text("+() -./0123456789\u00a0x", max_size=20)
PAGES = [row for row in ATTRIBUTES if row.field.sort is Sort.LINK]
LINKS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["https://", "http://", ""]),
        st.sampled_from(["", "www.", "a.b.", "evil"]),
        st.sampled_from(["Instagram.com", *(host for row in PAGES for host in row.hosts)]),
        st.sampled_from(
            ["", "/", "/x", "/@x?y=1#z", ".evil.example/x", "@evil.example", ":80/x", "/a b"]
        ),
    ),
)
MAILBOXES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "a", "A.b+c", "<a", "mailto:a", "a@b", "я", " a"]),
        st.sampled_from(["@", ""]),
        st.sampled_from(["b.example", "b", "b.", ".b", "b.example>", "b.example ", "b..c"]),
    ),
)
PAIRS = st.dictionaries(st.sampled_from(["primary", "secondary", "ru"]), TEXT | st.none())
VALUES = {
    "id": st.integers(0, 3) | ANY,
    "email": MAILBOXES | ANY,
    "firstName": TEXT | ANY,
    "lastName": TEXT | ANY,
    "mobile": DIGITS | ANY,
    "roleId": st.integers() | TEXT | ANY,
    "status": st.sampled_from(["active", "inactive", "archived"]) | ANY,
    "name": TEXT | ANY,
    "publicEmail": MAILBOXES | ANY,
    "phone": DIGITS | ANY,
    "phoneSecondary": DIGITS | ANY,
    "whatsappPhone": DIGITS | ANY,
    "avatar": st.fixed_dictionaries({}, optional={"url": LINKS, "id": st.just(1)}) | ANY,
    "position": PAIRS | ANY,
    "bio": PAIRS | ANY,
    "linkedinAddress": LINKS.map(lambda link: link.replace("tiktok", "linkedin")) | ANY,
    "experienceSince": st.integers(1890, 2110) | ANY,
    "nationality": st.text("MDmdЖ1", max_size=3) | ANY,
    "spokenLanguages": st.lists(st.sampled_from(["en", "no", "EN", "english", 1])) | ANY,
    "compliances": ANY,
}
GOOD = {key: st.just(value(test_propertyfinder.FULL)["propertyfinder"].get(key)) for key in VALUES}
"""A valid value for each key, so that some sections are valid."""
SECTIONS = st.sets(st.sampled_from(sorted(VALUES)), max_size=2).flatmap(
    lambda keys: st.fixed_dictionaries({key: GOOD[key] | VALUES[key] for key in sorted(keys)})
)
AGENTS = st.fixed_dictionaries(
    {},
    optional={
        "externalId": TEXT | ANY,
        "id": st.integers(0, 3) | ANY,
        "name": TEXT | ANY,
        "phone": DIGITS | ANY,
        "description": st.dictionaries(st.sampled_from(["ru", "en", "ro", "md"]), TEXT | st.none())
        | ANY,
        "avatar": st.fixed_dictionaries({}, optional={"url": LINKS, "id": st.integers(0, 2)}) | ANY,
        **{row.name: LINKS | ANY for row in PAGES},
        "settings": st.dictionaries(
            st.sampled_from(["contact_phone", "contact_viber", "posting_type"]), st.booleans()
        )
        | ANY,
        "propertyfinder": SECTIONS | ANY,
        "other": ANY,
    },
)


def has_trailing_newline(node: Any) -> bool:
    """Whether any text in the data ends with a newline (see `DIFFERENCES`)."""
    if isinstance(node, dict | list):
        return any(
            has_trailing_newline(each)
            for each in (node.values() if isinstance(node, dict) else node)
        )
    return isinstance(node, str) and node.endswith("\n")


def inherits_invalid_phone(data: Any) -> bool:
    """Whether the section inherits a phone that is not valid there; a schema cannot express
    this."""
    section, phone = data.get("propertyfinder"), data.get("phone")
    inherits = isinstance(section, dict) and "phone" not in section and isinstance(phone, str)
    return inherits and not re.search(PHONE, phone)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.builds(lambda section: {"id": 1, "propertyfinder": {"id": 5, **section}}, SECTIONS).filter(
        lambda data: not has_trailing_newline(data)
    )
)
def test_schema_and_program_agree_on_a_section(data: dict[str, Any]) -> None:
    """Whatever a section contains, in an otherwise valid agent."""
    check_agreement(data)


@given(AGENTS.filter(lambda data: not (has_trailing_newline(data) or inherits_invalid_phone(data))))
def test_schema_and_program_agree(data: dict[str, Any]) -> None:
    """Whatever an agent contains, both accept it or neither does, and the program does not
    crash."""
    check_agreement(data)


def check_agreement(data: dict[str, Any]) -> None:
    """Check that the schema and the program accept this data, or that neither does. Only the
    program rejects invisible characters in names."""
    [tree], problems = load("a.yaml", json.dumps(data, ensure_ascii=False).encode())
    document, errors = check(model_of(parts()), "a.yaml", tree)
    assert not problems
    assert (document is not None) == (not errors)
    invisible = any("invisible character" in problem.message for problem in errors)
    assert invisible or AGENT.is_valid(data) == (not errors)
    assert all(problem.message.isprintable() and problem.line == 1 for problem in errors)
