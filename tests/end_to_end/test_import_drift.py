"""`import --drift`: files are edited to what the portals show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agency import Agency, person, user, writes

from reconciler.sandbox.readings import Readings

RENTIX = b"""\xef\xbb\xbf# Ivan\r
externalId: "a-1"\r
name:   'Ivan Petrov'   # as he wants it\r
\r
description:\r
  ru: |\r
    One\r
    two\r
  en: same # stays\r
instagram: https://instagram.com/ivan\r
youtube: https://youtube.com/@ivan # his channel\r
settings: {contact_phone: true, contact_viber: true}\r
"""


def write(agency: Agency, name: str, content: bytes) -> Path:
    """Write a file of the repository."""
    path = agency.root / "agents" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def shown(agency: Agency, number: int, **values: Any) -> None:
    """Someone changes values on Rentix."""
    agent = agency.truth()[number]
    for name, value in values.items():
        setattr(agent, name, value)
    agency.portal.state.store.save(agent)


def test_only_the_lines_that_drifted_change(agency: Agency) -> None:
    """Comments, quotes, blank lines, line ends and the byte order mark stay."""
    agency.live(user(1, externalId="a-1"), readings=Readings(description="object"))
    path = write(agency, "ivan.yaml", RENTIX)
    assert agency.apply()["exit"] == 0
    shown(
        agency,
        1,
        name="Ivan Petroff",
        description={"ru": "One\nthree", "en": "same", "ro": "x"},
        youtube="",
        instagram="https://www.instagram.com/ivan/",
        settings={**agency.truth()[1].settings, "contact_viber": False},
    )
    dry = agency.run("import", "--drift", "--dry-run")
    assert dry.code == 0, dry.err
    assert path.read_bytes() == RENTIX
    assert "+name:   'Ivan Petroff'   # as he wants it" in dry.out
    agency.calls()
    result = agency.run("import", "--drift", "--format", "json")
    assert result.code == 0, result.err
    assert writes(agency.calls()) == []
    assert path.read_bytes() == (
        RENTIX.replace(b"'Ivan Petrov'", b"'Ivan Petroff'")
        .replace(b"    two", b"    three")
        .replace(b"https://youtube.com/@ivan #", b"null #")
        .replace(b"contact_viber: true", b"contact_viber: false")
    )
    assert [each["action"] for each in result.json["files"]] == ["update"]
    assert agency.run("drift").code == 0
    assert agency.plan()["agents"] == []
    again = agency.run("import", "--drift", "--format", "json")
    assert again.json["files"] == []


def test_one_string_never_replaces_languages(agency: Agency) -> None:
    """There is a note; the other values are edited."""
    agency.live(user(1, externalId="a-1"), readings=Readings(description="string"))
    content = b"externalId: a-1\nname: Ivan\ndescription: {ru: a, en: b, ro: c}\n"
    path = write(agency, "ivan.yaml", content)
    agency.apply()
    shown(agency, 1, name="John", description={"ru": "x", "en": "x", "ro": "x"})
    result = agency.run("import", "--drift", "--format", "json")
    assert result.code == 0, result.err
    assert path.read_bytes() == content.replace(b"Ivan", b"John")
    (note,) = {each["path"].partition(".")[0] for each in result.json["notes"]}
    assert note == "description"


def test_a_pending_change_is_kept(agency: Agency) -> None:
    """What the files changed since the last apply is no drift."""
    agency.live(user(1, externalId="a-1", name="Ivan"), user(2, externalId="a-2", name="Ana"))
    write(agency, "a.yaml", b"externalId: a-1\nname: Ivan\n---\nexternalId: a-2\nname: Ana\n")
    agency.apply()
    path = write(agency, "a.yaml", b"externalId: a-1\nname: New\n---\nexternalId: a-2\nname: Ana\n")
    shown(agency, 2, name="Anna")
    assert agency.run("import", "--drift").code == 0
    assert path.read_bytes() == b"externalId: a-1\nname: New\n---\nexternalId: a-2\nname: Anna\n"


def test_an_inherited_value_is_overridden(agency: Agency) -> None:
    """The portal that drifted decides which of the two values changes."""
    agency.use(rentix={}, propertyfinder={})
    agency.live(user(1, externalId="a-1", name="Ana", phone="+373 69 000 001"))
    agency.live_pf(person(7, email="ana@agency.example", publicProfile={"name": "Ana"}))
    content = b"externalId: a-1\nname: Ana # both\npropertyfinder:\n  email: ana@agency.example\n"
    path = write(agency, "a.yaml", content)
    assert agency.plan()["agents"] == [] or agency.apply()["exit"] == 0
    user_7 = agency.truth_pf()[7]
    user_7.profile = {**user_7.profile, "name": "Anna"}
    agency.pf.users.save(user_7)
    assert agency.run("import", "--drift").code == 0
    assert path.read_bytes() == content + b"  name: Anna\n"
    shown(agency, 1, name="Ann")
    assert agency.run("import", "--drift").code == 0
    assert path.read_bytes() == content.replace(b"name: Ana #", b"name: Ann #") + b"  name: Anna\n"
    assert agency.plan()["agents"] == []


def test_what_a_section_inherits_stays(agency: Agency) -> None:
    """A name that drifted on one portal alone stays on the other."""
    agency.use(rentix={}, propertyfinder={})
    agency.live(user(1, externalId="a-1", name="Ana"))
    agency.live_pf(person(7, email="ana@agency.example", publicProfile={"name": "Ana"}))
    content = b"externalId: a-1\nname: Ana\npropertyfinder: {email: ana@agency.example}\n"
    path = write(agency, "a.yaml", content)
    agency.apply()
    shown(agency, 1, name="Ann")
    assert agency.run("import", "--drift").code == 0
    assert path.read_bytes() == content.replace(b"name: Ana", b"name: Ann").replace(
        b"example}", b"example, name: Ana}"
    )
    assert agency.plan()["agents"] == []


def test_pictures(agency: Agency) -> None:
    """Rentix shows a number; Property Finder nothing that a file could declare."""
    agency.use(rentix={}, propertyfinder={})
    agency.live(user(1, externalId="a-1", avatar={"id": 5, "url": "https://cdn.example/5"}))
    agency.live_pf(person(7, email="ana@agency.example", name="Agent 1"))
    path = write(
        agency,
        "a.yaml",
        b"externalId: a-1\navatar: # hers\n  id: 5 # a picture\npropertyfinder: {email: ana@agency.example}\n",
    )
    agency.apply()
    shown(agency, 1, avatar={"id": 6, "url": "https://cdn.example/6"})
    assert agency.run("import", "--drift").code == 0
    assert b"avatar: # hers\n  id: 6 # a picture\n" in path.read_bytes()
    shown(agency, 1, avatar=None)
    assert agency.run("import", "--drift").code == 0
    assert b"avatar: null # hers\n" in path.read_bytes()
    assert agency.run("import", "--drift").out.startswith("Nothing to edit")


def test_before_the_first_apply_every_difference_is_edited(agency: Agency) -> None:
    """A note says so, and a dry run shows it."""
    agency.live(user(1, externalId="a-1", name="Ivan"))
    path = write(agency, "a.yaml", b"externalId: a-1\nname: Ion\n")
    dry = agency.run("import", "--drift", "--dry-run")
    assert "applied" in dry.err
    assert "-name: Ion" in dry.out
    assert agency.run("import", "--drift").code == 0
    assert path.read_bytes() == b"externalId: a-1\nname: Ivan\n"


def test_an_agent_who_is_gone_is_noted(agency: Agency) -> None:
    """Their file stays."""
    agency.live(user(1, externalId="a-1"), user(2, externalId="a-2"), user(3, externalId="a-3"))
    path = write(agency, "a.yaml", b"externalId: a-1\nname: Agent 1\n")
    write(agency, "b.yaml", b"externalId: a-2\n---\nexternalId: a-3\n")
    agency.apply()
    agency.live(user(2, externalId="a-2"), user(3, externalId="a-3"))
    result = agency.run("import", "--drift", "--format", "json")
    assert result.code == 0, result.err
    assert path.read_bytes() == b"externalId: a-1\nname: Agent 1\n"
    assert [each["file"] for each in result.json["notes"]] == ["agents/a.yaml"]
