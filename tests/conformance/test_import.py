"""After an import, a plan is empty and a second import changes nothing, under every reading of both
portals."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import pytest
from agency import PF_FAST, Agency, person, user, writes
from convergence import covering

from reconciler.sandbox import propertyfinder
from reconciler.sandbox.readings import Readings

PICTURE = {"large": {"default": "https://cdn.example/a.webp?signed=1", "jpg": None, "webp": None}}
TEXTS = {"primary": "Sells:\n- flats # 1\n\n  houses\n", "secondary": "Продаёт"}
RENTIX: list[dict[str, Any]] = [
    user(1, name="null", externalId="a-1", description={"ru": "один\nдва ", "en": "", "ro": "x"}),
    user(2, name='Quote" & Co: {x}', description="One text\nfor all", phone="022 000 002"),
    user(3, name="  leading", externalId=" odd ", instagram="https://www.instagram.com/x/?igsh=1"),
    user(4, name="😀 Юлия", avatar={"id": 7, "url": "https://cdn.example/7"}, youtube="not a link"),
    user(5, name="Анна Мария", phone="+373 69 000 005", description="x" * 3000),
    user(6, name="Office", phone="+373 22 111 111"),
    user(7, name="Office", phone="+373 22 111 111"),
]
USERS: list[dict[str, Any]] = [
    person(11, email="anna@agency.example", mobile="+373 69 000005", name="Maria Ana", bio=TEXTS),
    person(12, name="Գուրգեն", status="inactive", position="Agent", imageVariants=PICTURE),
    person(13, publicProfile=None),
    person(
        14,
        name="null",
        phoneSecondary="+373 22 1",
        linkedinAddress="https://www.linkedin.com/in/x/",
        spokenLanguages=[1, 34, 999],
        experienceSince=1800,
        nationality="md",
        bio="  One text ",
    ),
    person(15, name="Office", phone="+373 22 111 111"),
]


def cases() -> list[tuple[Any, Any]]:
    """Each reading of one portal beside one of the other, and every two of Property Finder's."""
    rentix = list(Readings.each())
    pairs = covering(propertyfinder.Readings.choices(), ())
    users = [propertyfinder.Readings(**case) for case in pairs]
    return list(
        zip_longest(
            [*rentix, *rentix[: max(0, len(users) - len(rentix))]],
            users,
            fillvalue=propertyfinder.Readings(),
        )
    )


@pytest.mark.parametrize("part", range(4))
def test_a_plan_after_an_import_is_empty(agency: Agency, part: int) -> None:
    """In parts that run in parallel."""
    (agency.root / "agents").mkdir()
    for rentix, users in cases()[part::4]:
        check(agency, rentix, users)


def check(agency: Agency, rentix: Any, users: Any) -> None:
    """Check an import under one reading of each portal."""
    where = f"{rentix} {users}"
    folder = agency.root / "agents"
    for path in folder.iterdir():
        path.unlink()
    agency.use(rentix={}, propertyfinder={"token_path": users.token_path})
    agency.live(*RENTIX, readings=rentix)
    agency.live_pf(*USERS, readings=users, limits=PF_FAST)
    agency.calls()
    first = agency.run("import", "--format", "json")
    assert first.code == 0, (where, first.err)
    assert len(first.json["files"]) >= 10, where
    assert first.json["only_on_portal"] == [], (where, first.json["notes"])
    plan = agency.plan()
    assert (plan["agents"], plan["conflicts"]) == ([], []), where
    again = agency.run("import", "--format", "json")
    assert (again.code, again.json["files"]) == (0, []), where
    assert writes(agency.calls()) == [], where
