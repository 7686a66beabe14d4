"""`import`: files for live agents, and nothing left for a plan to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from agency import Agency, person, user, writes

from reconciler.documents.agents import read_agents
from reconciler.portals.registry import parts

SWITCHES = {
    f"contact_{name}": name != "viber" for name in ("phone", "whatsapp", "viber", "telegram")
}
NAMES = (
    "null",
    'Quote" & Co: {x}',
    "  leading and trailing  ",
    "😀 Ana 👩‍👩‍👧",
    "Юлия Цуркан",
    "Անահիտ Պետրոսյան",
    "გიორგი ბერიძე",
    "Ana " * 750 + "X",
    "CON",
    "- # |",
    "'single'",
    "no",
    "12",
    "2027-01-31",
    "Ana\u00a0Rusu",
    "Ivan Petrov",
    "ivan  PETROV",
    "Ivan Petrov 16",
    "¿?",
    "",
)
LONG = ("Продаю квартиры: быстро, # честно.\n\n  - дома\n" * 80)[:3000]


def files(agency: Agency) -> dict[str, str]:
    """The agents' files by name."""
    folder = agency.root / "agents"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def data(agency: Agency) -> dict[str, Any]:
    """What each file declares, by its name."""
    found = read_agents(agency.root, "agents", parts())
    return {Path(each.source.file).name: dict(each.data) for each in found}


def check_import(agency: Agency, *arguments: str) -> Any:
    """Import; then a plan is empty, a second import changes nothing, the files are canonical, and
    the portals received no writes."""
    (agency.root / "agents").mkdir(exist_ok=True)
    result = agency.run("import", "--format", "json", *arguments)
    assert result.code == 0, result.err
    written = files(agency)
    plan = agency.plan(*arguments)
    managed = {each["file"] for each in result.json["files"]}
    assert [each for each in plan["agents"] if each["source"]["file"] in managed] == []
    assert [each for each in plan["conflicts"] if each["source"]["file"] in managed] == []
    again = agency.run("import", "--format", "json", *arguments)
    assert again.code == 0, again.err
    assert again.json["files"] == []
    assert files(agency) == written
    assert agency.run("fmt", "--check").code == 0
    assert writes(agency.calls()) == []
    return result.json


def test_names_that_break_yaml_and_file_systems(agency: Agency) -> None:
    """Each agent has a file of their own, whatever their name."""
    agency.live(
        *(user(number, name=name, description=LONG) for number, name in enumerate(NAMES, 1))
    )
    output = check_import(agency)
    assert len(output["files"]) == len(NAMES)
    names = [each["file"].removeprefix("agents/") for each in output["files"]]
    assert all(each.isascii() for each in names)
    assert len({each.casefold() for each in names}) == len(names)
    declared = data(agency)
    assert [declared[each].get("name", "") for each in names] == list(NAMES)
    assert {"con-9.yaml", "ivan-petrov-16.yaml", "rentix-20.yaml"} <= set(names)
    assert LONG.splitlines()[0] in files(agency)[names[0]]


def test_values_that_are_worth_declaring(agency: Agency) -> None:
    """What the portal shows, in the canonical form; no empty values, no unknown languages."""
    agency.live(
        user(
            15,
            externalId="agent-1",
            name="Ivan Petrov",
            phone="+373 22 123 456",
            description="One text\nin two lines",
            avatar={"id": 71, "url": "https://cdn.example/71"},
            instagram="https://instagram.com/ivan",
            youtube="",
            settings=SWITCHES,
        )
    )
    check_import(agency)
    assert files(agency) == {
        "ivan-petrov.yaml": "# yaml-language-server: $schema=../schemas/agent.schema.json\n"
        "externalId: agent-1\n"
        "id: 15\n"
        "name: Ivan Petrov\n"
        'phone: "+373 22 123 456"\n'
        "# description: rentix shows this text without its languages.\n"
        "# To manage it, declare it for each language:\n"
        "#   One text\n"
        "#   in two lines\n"
        "avatar: {id: 71}\n"
        "instagram: https://instagram.com/ivan\n"
        "settings:\n"
        "  contact_phone: true\n"
        "  contact_whatsapp: true\n"
        "  contact_viber: false\n"
        "  contact_telegram: true\n"
    }


def test_values_that_no_file_may_contain(agency: Agency) -> None:
    """They are left out, with a note that names the file and the value."""
    agency.live(
        user(1, name="Ana\u202eRusu", description="bell\x07"),
        user(2, name="Bob", instagram="http://elsewhere.example", externalId="“quoted”"),
        user(3, name="zero\u200bwidth", phone="12"),
        user(4, name="tab\there"),
    )
    output = check_import(agency)
    notes = {(each["file"], each["path"]) for each in output["notes"]}
    assert notes == {
        ("agents/anarusu.yaml", "name"),
        ("agents/bob.yaml", "externalId"),
        ("agents/bob.yaml", "instagram"),
        ("agents/zerowidth.yaml", "name"),
        ("agents/zerowidth.yaml", "phone"),
        ("agents/tab-here.yaml", "name"),
    }
    assert data(agency)["bob.yaml"] == {"id": 2, "name": "Bob", **data_of(agency, "bob.yaml")}


def data_of(agency: Agency, name: str) -> dict[str, Any]:
    """What is not about this test."""
    return {key: data(agency)[name][key] for key in ("phone", "settings")}


def test_one_file_for_a_person_on_both_portals(agency: Agency) -> None:
    """If the name and a phone match, in any script and form."""
    agency.use(rentix={}, propertyfinder={})
    agency.live(
        user(1, name="Юлия Цуркан", phone="022 123 456", externalId="a-1"),
        user(2, name="Bob Smith", phone="+373 69 000 002"),
        user(3, name="Office Two", phone="+373 22 999 999"),
        user(4, name="Office Two", phone="+373 22 999 999"),
    )
    agency.live_pf(
        person(7, email="iulia@agency.example", mobile="+373 22 123456", name="Iulia Turcan"),
        person(8, email="bob@agency.example", mobile="+373 69 000 009", name="Bob Smith"),
        person(9, email="office@agency.example", mobile="+373 22 999 999", name="Office Two"),
    )
    output = check_import(agency)
    joined = [each["agents"] for each in output["files"] if len(each["agents"]) > 1]
    assert [[(each["portal"], each["id"]) for each in group] for group in joined] == [
        [("rentix", 1), ("propertyfinder", 7)]
    ]
    assert len(output["files"]) == 6
    both = next(each for each in data(agency).values() if each.get("externalId") == "a-1")
    assert both["propertyfinder"]["id"] == 7
    assert both["propertyfinder"]["email"] == "iulia@agency.example"
    assert both["propertyfinder"]["name"] == "Iulia Turcan"
    assert "rentix" not in both
    alone = next(
        each for each in data(agency).values() if each["name"] == "Bob Smith" and "rentix" in each
    )
    assert alone["rentix"] is False
    assert alone["externalId"]
    assert any("may be the same person" in each["message"] for each in output["notes"])


@pytest.mark.parametrize("first", ["rentix", "propertyfinder"])
def test_one_portal_at_a_time(agency: Agency, first: str) -> None:
    """A file of Rentix's agent gets the section of Property Finder; the other way round, the note
    says what to declare."""
    agency.use(rentix={}, propertyfinder={})
    agency.live(user(1, name="Ana Rusu", phone="+373 69 000 001", externalId="a-1"))
    agency.live_pf(
        person(7, email="ana@agency.example", mobile="+373 69 000 001", name="Ana Rusu", bio="Hi.")
    )
    check_import(agency, "--portal", first)
    before = files(agency)
    second = "propertyfinder" if first == "rentix" else "rentix"
    output = check_import(agency, "--portal", second)
    assert len(files(agency)) == 1
    if first == "rentix":
        (text,) = files(agency).values()
        assert text.startswith(before["ana-rusu.yaml"])
        assert output["files"][0]["action"] == "update"
        assert data(agency)["ana-rusu.yaml"]["propertyfinder"]["bio"] == "Hi."
    else:
        assert files(agency) == before
        assert "id: 1" in output["notes"][0]["message"]
        assert output["only_on_portal"] == [{"portal": "rentix", "id": 1, "name": "Ana Rusu"}]
    assert agency.plan()["agents"] == []


def test_a_section_does_not_inherit_what_differs(agency: Agency) -> None:
    """Also if the file declares a picture, which Property Finder would fetch."""
    agency.use(rentix={}, propertyfinder={})
    agency.live(
        user(1, name="Ana Rusu", phone="+373 69 000 001", externalId="a-1"),
        user(2, name="Bob Smith", phone="+373 69 000 002", externalId="a-2"),
    )
    agency.live_pf(
        person(
            7,
            email="ana@agency.example",
            mobile="+373 69 000 001",
            publicProfile={
                "name": "Rusu Ana",
                "phone": "+373 22 1 2 3 4 5 6",
                "email": "x@y.example",
            },
        ),
        person(
            8,
            email="bob@agency.example",
            mobile="+373 69 000 002",
            name="Bob Smith",
            imageVariants={
                "large": {"default": "https://cdn.example/8.webp", "jpg": None, "webp": None}
            },
        ),
    )
    folder = agency.root / "agents"
    folder.mkdir()
    (folder / "ana.yaml").write_bytes(
        b"# Ana\r\nexternalId: 'a-1'\r\nname:   Ana Rusu # hers\r\n\r\nphone: '+373 69 000 001'\r\n"
    )
    picture = 'externalId: a-2\nname: Bob Smith\nphone: "+373 69 000 002"\navatar: {url: "https://a.example/2.jpg"}\n'
    (folder / "bob.yaml").write_text(picture)
    before = agency.plan()["agents"]
    result = agency.run("import", "--format", "json")
    assert result.code == 0, result.err
    assert agency.plan()["agents"] == before
    ana = data(agency)["ana.yaml"]["propertyfinder"]
    assert (ana["name"], ana["phone"], ana["publicEmail"]) == (
        "Rusu Ana",
        "+373 22 1 2 3 4 5 6",
        "x@y.example",
    )
    assert (
        (folder / "ana.yaml")
        .read_bytes()
        .startswith(b"# Ana\r\nexternalId: 'a-1'\r\nname:   Ana Rusu # hers\r\n\r\nphone:")
    )
    assert (folder / "bob.yaml").read_text() == picture
    assert [each["id"] for each in result.json["only_on_portal"]] == [8]


def test_an_inherited_value_that_differs_is_left_out(agency: Agency) -> None:
    """Property Finder inherits the e-mail address, and nothing clears the public one."""
    agency.use(propertyfinder={})
    agency.live_pf(person(7, email="ana@agency.example", publicProfile=None, firstName="Ana"))
    output = check_import(agency)
    (note,) = output["notes"]
    assert note["path"] == "propertyfinder.email"
    assert "publicEmail" in note["message"]
    (declared,) = data(agency).values()
    assert declared["propertyfinder"]["firstName"] == "Ana"
    assert "email" not in declared["propertyfinder"]


def test_declared_agents_and_conflicts_get_no_file(agency: Agency) -> None:
    """And no existing file is replaced, whatever the case of its name."""
    agency.live(
        user(1, externalId="a-1"),
        user(2, name="Ana Rusu", phone="+373 69 111 111"),
        user(3, name="Ana Rusu", phone="+373 69 111 111"),
        user(4, name="Bob"),
    )
    agency.declare(
        {"externalId": "a-1"}, {"externalId": "a-9", "phone": "+373 69 111 111"}, file="BOB.yml"
    )
    result = agency.run("import", "--format", "json")
    assert result.code == 0, result.err
    assert [each["file"] for each in result.json["files"]] == ["agents/bob-4.yaml"]
    assert [each["id"] for each in result.json["only_on_portal"]] == [2, 3]
    assert all("a-9" in each["message"] for each in result.json["notes"])


def test_dry_run_writes_nothing(agency: Agency) -> None:
    """It shows a diff."""
    agency.live(user(1, name="Ana\u009b31m Rusu"), user(2, name="Bob"))
    (agency.root / "agents").mkdir()
    result = agency.run("import", "--dry-run")
    assert result.code == 0, result.err
    assert "+++ b/agents/bob.yaml" in result.out
    assert "+name: Bob" in result.out
    assert "\u009b" not in result.out
    assert files(agency) == {}
    json = agency.run("import", "--dry-run", "--format", "json").json
    assert json["dry_run"] is True
    assert "+name: Bob\n" in json["files"][1]["diff"]
    assert files(agency) == {}
    done = agency.run("import")
    assert "agents/bob.yaml" in done.out
    assert len(files(agency)) == 2


def test_nothing_to_import(agency: Agency) -> None:
    """Exit code 0."""
    (agency.root / "agents").mkdir()
    result = agency.run("import")
    assert result.code == 0
    assert "Nothing to import" in result.out


def test_a_new_repository(agency: Agency) -> None:
    """With a configuration, the folder of agents is created; without one, this may be the wrong
    folder."""
    agency.live(user(1, name="Ana"))
    assert agency.run("import").code == 1
    agency.configure()
    assert agency.run("import", "--dry-run").code == 0
    assert not (agency.root / "agents").exists()
    result = agency.run("import")
    assert (result.code, result.err) == (0, "")
    assert list(files(agency)) == ["ana.yaml"]


@pytest.mark.refusals
def test_an_unread_portal_imports_nothing(agency: Agency) -> None:
    """Otherwise one person could get two files."""
    agency.use(rentix={}, propertyfinder={})
    agency.live(user(1))
    agency.environment["PROPERTYFINDER_API_SECRET"] = "wrong"
    (agency.root / "agents").mkdir()
    result = agency.run("import")
    assert result.code == 1
    assert "propertyfinder" in result.err
    assert files(agency) == {}


def test_nothing_is_written_outside_the_repository(agency: Agency) -> None:
    """Whatever the configuration names."""
    agency.live(user(1, name="Ana"))
    root = agency.root / "repository"
    root.mkdir()
    config = "version: 1\nagents: ../elsewhere\nledger: .reconciler/ledger.json\n"
    (root / "reconciler.yaml").write_text(config)
    result = agency.run("-C", "repository", "import")
    assert result.code == 1
    assert "outside the repository" in result.err
    assert [each.name for each in agency.root.iterdir()] == ["repository"]


def test_a_folder_that_is_a_link_is_not_written_to(agency: Agency) -> None:
    """Even inside the repository."""
    agency.live(user(1))
    (agency.root / "shared").mkdir()
    (agency.root / "agents").symlink_to("shared")
    result = agency.run("import")
    assert result.code == 1
    assert "symbolic link" in result.err
    assert list((agency.root / "shared").iterdir()) == []
