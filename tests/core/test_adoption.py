"""Who gets a file: people on several portals, and what a file is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from reconciler.core.adoption import Doubt, Person, contacts, file_stems, join, slug
from reconciler.core.catalogue import Catalogue, Policy
from reconciler.core.fields import Field, Identifier, Sort, declaration
from reconciler.core.model import Live

FIELDS = (Field("name", Sort.TEXT), Field("email", Sort.MAILBOX), Field("mobile", Sort.PHONE))
PHONE = Identifier("phone", "shared")
FIRST = Catalogue("first", FIELDS, (Identifier("id", "pin"), PHONE), Policy(("id",)))
SECOND = Catalogue("second", FIELDS, (Identifier("id", "pin"),), Policy(("id",)))


def live(portal: str, number: int, name: str, phone: str | None = None, **values: Any) -> Live:
    """A live agent."""
    identity = {} if phone is None else {"phone": phone}
    return Live(portal, number, name, identity, values)


def joined(*groups: tuple[Catalogue, Iterable[Live]], people: Iterable[Person] = ()) -> Any:
    """The ids of each person's agents by portal, and the doubts."""
    found, doubts = join(list(people), [(each, list(agents)) for each, agents in groups])
    return [{name: each.id for name, each in person.agents.items()} for person in found], doubts


def test_contacts_compare_across_forms() -> None:
    """Phones by their last digits, addresses without regard to case; short numbers are none."""
    agent = live(
        "first",
        1,
        "Ana",
        "022 123 456",
        email=" A@B.example",
        mobile="+22 12",
        other="12345678",
    )
    assert contacts(FIELDS, [PHONE], agent) == {"22123456", "a@b.example"}
    assert contacts(
        FIELDS, [], live("first", 1, "Ana", mobile="+373 (22) 123-456", other="12345678")
    ) == {"22123456"}
    assert contacts(FIELDS, [PHONE], live("first", 1, "Ana", "", mobile=None)) == set()


def test_one_person_has_the_same_name_and_a_common_contact() -> None:
    """In any script; one of the two is not enough."""
    people, doubts = joined(
        (
            FIRST,
            [
                live("first", 1, "Юлия Цуркан", "+373 69 111 111"),
                live("first", 2, "Bob", "69222222"),
            ],
        ),
        (
            SECOND,
            [
                live("second", 7, "Iulia Turcan", mobile="069 111 111"),
                live("second", 8, "Robert", mobile="69222222"),
                live("second", 9, "Bob", mobile="69333333"),
            ],
        ),
    )
    assert people == [{"first": 1, "second": 7}, {"first": 2}, {"second": 8}, {"second": 9}]
    assert doubts == []


def test_two_agents_of_one_portal_are_two_people() -> None:
    """Even with the same name and phone."""
    people, doubts = joined(
        (FIRST, [live("first", 1, "Ana", "69111111"), live("first", 2, "Ana", "69111111")])
    )
    assert people == [{"first": 1}, {"first": 2}]
    assert doubts == []


def test_an_agent_who_may_be_several_people_is_apart() -> None:
    """And so are several agents who may be one person."""
    two = [live("first", 1, "Ana", "69111111"), live("first", 2, "Ana", "69111111")]
    one = live("second", 7, "Ana", mobile="69111111")
    people, doubts = joined((FIRST, two), (SECOND, [one]))
    assert people == [{"first": 1}, {"first": 2}, {"second": 7}]
    assert doubts == [Doubt(one, ("Ana", "Ana"))]
    others = [
        live("second", 7, "Ana", mobile="69111111"),
        live("second", 8, "Ana", mobile="69111111"),
    ]
    people, doubts = joined((FIRST, two[:1]), (SECOND, others))
    assert people == [{"first": 1}, {"second": 7}, {"second": 8}]
    assert [each.live.id for each in doubts] == [7, 8]


def test_a_declared_person_gets_only_what_their_file_lacks() -> None:
    """Others with their name and phone are new people."""
    declared = Person("Ana", frozenset({"69111111"}), "a-1", frozenset({"second"}))
    people, doubts = joined(
        (FIRST, [live("first", 1, "Ana", "69111111")]),
        (SECOND, [live("second", 7, "Ana", mobile="69111111")]),
        people=[declared],
    )
    assert people == [{}, {"first": 1}, {"second": 7}]
    assert [each.people for each in doubts] == [("a-1", "Ana")]
    declared = Person("Ana", frozenset({"69111111"}), "a-1", frozenset({"second"}))
    people, _ = joined((SECOND, [live("second", 7, "Ana", mobile="69111111")]), people=[declared])
    assert people == [{"second": 7}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ivan Petrov", "ivan-petrov"),
        ("  Ștefan  Țurcanu!", "stefan-turcanu"),
        ("Юлия", "yuliya"),
        ("x" * 3000, "x" * 60),
        ("ab " * 30, "-".join(["ab"] * 20)),
        ("../../etc/passwd", "etc-passwd"),
        ("¿?", ""),
        ("", ""),
    ],
)
def test_slug(name: str, expected: str) -> None:
    """Lower-case ASCII, with hyphens between words, and short."""
    assert slug(name) == expected


def test_names_of_files_are_unique() -> None:
    """Those who share a name all get their number, whatever the order; so do those whose name is
    taken, or reserved by Windows. Without a name, the portal and the number are the name."""
    people = [
        ("Ivan Petrov", "rentix-1"),
        ("IVAN petrov", "rentix-2"),
        ("Ana", "rentix-3"),
        ("CON", "rentix-4"),
        ("", "rentix-5"),
        ("Bob", "rentix-6"),
    ]
    assert file_stems(people, {"ana"}) == [
        "ivan-petrov-1",
        "ivan-petrov-2",
        "ana-3",
        "con-4",
        "rentix-5",
        "bob",
    ]
    reverse = file_stems(people[::-1], {"ana"})
    assert reverse[::-1] == file_stems(people, {"ana"})


def test_numbers_that_are_taken_too() -> None:
    """There is always another name."""
    taken = {"ana", "ana-3", "rentix-5"}
    assert file_stems([("Ana", "rentix-3"), ("", "rentix-5")], taken) == [
        "ana-rentix-3",
        "rentix-5-2",
    ]
    taken |= {"ana-rentix-3", "ana-rentix-3-2"}
    assert file_stems([("Ana", "rentix-3")], taken) == ["ana-rentix-3-3"]


TEXTS = Field("bio", Sort.TEXTS, ("one", "two"), whole="one")
PLAIN = Field("about", Sort.TEXTS, ("ru", "en"))
ON_OFF = Field("settings", Sort.SWITCHES, ("a", "b"))


@pytest.mark.parametrize(
    ("field", "values", "expected"),
    [
        (FIELDS[0], {"name": "Ana"}, "Ana"),
        (FIELDS[0], {"name": ""}, None),
        (FIELDS[0], {}, None),
        (TEXTS, {"bio.one": "a\r\nb\n", "bio.two": ""}, "a\nb"),
        (TEXTS, {"bio.one": "a", "bio.two": "b"}, {"one": "a", "two": "b"}),
        (TEXTS, {"bio.one": "", "bio.two": "b"}, {"two": "b"}),
        (PLAIN, {"about.ru": "a", "about.en": None}, {"ru": "a"}),
        (PLAIN, {"about": "one text"}, None),
        (ON_OFF, {"settings.a": False, "settings.b": True}, {"a": False, "b": True}),
        (ON_OFF, {"settings.a": False}, {"a": False}),
        (ON_OFF, {}, None),
    ],
)
def test_what_a_file_declares(field: Field, values: dict[str, Any], expected: Any) -> None:
    """For what a portal shows."""
    assert declaration(field, values) == expected
