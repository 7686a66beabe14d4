"""`list`: who is on the portals."""

from __future__ import annotations

import csv
import io

from agency import Agency, person, section, user, writes

NAMES = (
    "Ivan Petrov",
    "Петров Иван",
    '=cmd|"/c calc"!A1',
    "Անահիտ Պետրոսյան",
    "null\u202e",
    "Анна-Мария Константиновна Великожитомирская-Задунайская",
)


def live(agency: Agency) -> None:
    """Six agents on Rentix, the first one declared; two on Property Finder, one of them inactive."""
    agency.use(rentix={}, propertyfinder={})
    agency.live(
        user(1, externalId="a", name=NAMES[0]),
        *(user(number, name=name) for number, name in enumerate(NAMES[1:], 2)),
    )
    agency.live_pf(person(7, name="Ana"), person(8, name="Bo", status="inactive"))
    agency.declare({"externalId": "a"}, {"externalId": "n", "propertyfinder": section(7)})


def test_json(agency: Agency) -> None:
    """Valid by its schema, with the file and line of those who are declared."""
    live(agency)
    found = agency.run("list", "--format", "json")
    assert found.code == 0
    agents = {(each["portal"], each["id"]): each for each in found.json["agents"]}
    assert len(agents) == 8
    first = agents["rentix", 1]
    assert (first["file"], first["line"], first["externalId"]) == ("agents/agents.yaml", 1, "a")
    assert first["phone"] == "+373 60 000001"
    assert agents["propertyfinder", 7]["file"] == "agents/agents.yaml"
    assert agents["propertyfinder", 7]["profileId"] is not None
    assert agents["propertyfinder", 8]["status"] == "inactive"
    assert [[each["id"] for each in group] for group in found.json["duplicates"]] == [[1, 2]]
    assert writes(agency.calls()) == []


def test_csv_starts_no_formula(agency: Agency) -> None:
    """A spreadsheet runs nothing of it, and shows all of it on one line for each agent."""
    live(agency)
    text = agency.run("list", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 8
    assert len(text.splitlines()) == 9
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    assert {row["name"].removeprefix("'") for row in rows} >= {NAMES[2], NAMES[3]}
    assert "\u202e" not in text


def test_text(agency: Agency) -> None:
    """Counts, every name, notes; a portal without a status has no column for it."""
    live(agency)
    text = agency.run("list").out
    assert "rentix: 6 agents, 1 declared, 5 in no file" in text
    assert "propertyfinder: 2 agents, 1 declared, 1 in no file" in text
    assert "same name as 2 Петров Иван" in text
    assert "\u202e" not in text
    rentix, _, finder = text.partition("propertyfinder: ")
    assert "status" not in rentix
    assert "inactive" in finder


def test_selections(agency: Agency) -> None:
    """Those in no file, those listed twice, one portal; nobody is an answer too."""
    live(agency)

    def shown(*arguments: str) -> set[int]:
        return {
            each["id"] for each in agency.run("list", "--format", "json", *arguments).json["agents"]
        }

    assert shown("--unmanaged") == {2, 3, 4, 5, 6, 8}
    assert shown("--duplicates") == {1, 2}
    assert shown("--portal", "propertyfinder") == {7, 8}
    agency.live()
    assert shown("--portal", "rentix") == set()
    assert "No agents." in agency.run("list", "--portal", "rentix").out


def test_a_portal_that_cannot_be_read(agency: Agency) -> None:
    """The others are listed; exit 1."""
    live(agency)
    agency.environment["PROPERTYFINDER_URL"] = "http://127.0.0.1:1"
    found = agency.run("list", "--format", "json")
    assert (found.code, len(found.json["agents"])) == (1, 6)
    assert "propertyfinder" in found.err


def test_a_folder_without_files(agency: Agency) -> None:
    """On the first day, there is no folder yet: everyone is in no file."""
    agency.live(user(1, name="Ana"))
    assert not (agency.root / "agents").exists()
    found = agency.run("list")
    assert (found.code, "0 declared, 1 in no file" in found.out) == (0, True)


def test_output(agency: Agency) -> None:
    """To a file, but never to an agent's."""
    live(agency)
    path = agency.root / "agents.csv"
    assert agency.run("list", "--format", "csv", "--output", str(path)).out == ""
    assert path.read_text("utf-8").startswith("portal,id,")
    assert agency.run("list", "--output", "agents/agents.yaml").code == 1
