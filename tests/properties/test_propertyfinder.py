"""Property Finder: for any live users and any files, declared values are set, everything else is
kept, nothing is refused, and the next plan is empty."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import Any

from agency import Agency, writes
from convergence import changes, not_taken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from propertyfinder_truth import declared_is_true, undeclared_is_untouched, wishes

from reconciler.sandbox.propertyfinder import Limits, Readings

LOGINS = st.sampled_from([f"{name}@agency.example" for name in ("a", "b", "c", "d+x", "E.e")])
TEXTS = st.sampled_from(["", "a", "два слова", "a\nb", "x" * 50, "“”<&>|`@me", " a  b "])
LINES = st.sampled_from(["Ana", "Ana Rusu", "Иван", "Անի", "n" * 60, "An  Rusu"])
PHONES = st.sampled_from(
    ["+373 22 111 111", "0037322222222", "+37322222222", "022 333 333", "+373 (22) 111-111"]
)
PAIRS = st.one_of(
    TEXTS, st.dictionaries(st.sampled_from(["primary", "secondary"]), TEXTS, min_size=1)
)
PICTURES = st.sampled_from(["a", "b"]).map(lambda name: f"https://agency.example/{name}.jpg")
YEARS = st.one_of(st.none(), st.sampled_from([1999, 2012]))
COUNTRIES = st.sampled_from([None, "MD", "RO"])
LINKEDIN = st.sampled_from(
    [None, "https://linkedin.com/in/a", "https://www.linkedin.com/in/a/", "https://linkedin.com/ы"]
)
SHOWN_LINKEDIN = LINKEDIN.map(lambda url: url and url.replace("ы", "%D1%8B"))
SHOWN_PICTURES = st.one_of(
    st.none(),
    st.sampled_from(["a", "b"]).map(
        lambda name: {
            "large": {"default": f"https://cdn.example/{name}", "jpg": None, "webp": None}
        }
    ),
)
NUMBERS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["brn", "fal"]), "value": st.sampled_from(["1", "2"])},
        optional={"expiryDate": st.sampled_from(["2027-01-31", "2028-02-29"])},
    ),
    max_size=2,
    unique_by=lambda number: (number["type"], number["value"]),
)
PUBLIC = {
    "name": LINES,
    "phoneSecondary": st.one_of(st.none(), PHONES),
    "whatsappPhone": st.one_of(st.none(), PHONES),
    "bio": PAIRS,
    "position": PAIRS,
    "linkedinAddress": LINKEDIN,
    "experienceSince": YEARS,
    "nationality": COUNTRIES,
    "compliances": NUMBERS,
}


@st.composite
def users(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to five live users; each login at most once, some without a public profile."""
    logins = draw(st.lists(LOGINS, max_size=5, unique_by=str.lower))
    profile = st.fixed_dictionaries(
        {},
        optional={
            **PUBLIC,
            "linkedinAddress": SHOWN_LINKEDIN,
            "email": LOGINS,
            "phone": PHONES,
            "imageVariants": SHOWN_PICTURES,
            "spokenLanguages": st.lists(st.sampled_from([1, 6, 34, 48]), unique=True),
        },
    )
    return [
        {
            "id": number,
            "email": login,
            "firstName": draw(LINES),
            "lastName": draw(LINES),
            "mobile": draw(PHONES),
            "roleId": draw(st.integers(1, 4)),
            "status": draw(st.sampled_from(["active", "inactive"])),
            "publicProfile": draw(st.one_of(profile, profile, profile, st.none())),
        }
        for number, login in enumerate(logins, 1)
    ]


@st.composite
def files(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to five declared agents, pinned or by login; each id and login at most once."""
    logins = draw(st.lists(st.one_of(st.none(), LOGINS), max_size=5))
    declared: list[dict[str, Any]] = []
    set_at_once: set[Any] = set()
    names = draw(st.permutations("abcde"))
    for name, login in zip(names, logins, strict=False):
        number = draw(
            st.integers(1, 5) if login is None else st.sampled_from([None, None, 1, 2, 5])
        )
        keys = {number, login and login.lower()} - {None}
        if keys & set_at_once:
            continue
        set_at_once |= keys
        inner = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    **PUBLIC,
                    "firstName": LINES,
                    "lastName": LINES,
                    "mobile": PHONES,
                    "roleId": st.one_of(st.integers(1, 4), st.sampled_from(["Agent", "admin"])),
                    "status": st.sampled_from(["active", "inactive"]),
                    "publicEmail": LOGINS,
                    "phone": PHONES,
                    "avatar": st.one_of(st.none(), PICTURES.map(lambda url: {"url": url})),
                    "spokenLanguages": st.one_of(
                        st.none(),
                        st.lists(st.sampled_from(["en", "ru", "Romanian", "Berber"]), unique=True),
                    ),
                },
            )
        )
        inner |= {"id": number} if number is not None else {}
        inner |= {"email": login} if login is not None else {}
        if login is not None and draw(st.booleans()):  # enough to be created
            needs = {"firstName": "Nou", "lastName": "Agent", "mobile": "+373 60 111 111"}
            needs |= {"name": "Nou Agent", "phone": "+373 22 999 999"}
            inner = {**needs, "roleId": 3, **inner}
        agent = draw(st.fixed_dictionaries({}, optional={"name": LINES, "phone": PHONES}))
        declared.append({"externalId": name, **agent, "propertyfinder": inner})
    return declared


READINGS = st.builds(
    Readings, **{name: st.sampled_from(values) for name, values in Readings.choices().items()}
)


class World:
    """A portal under a reading, and the repository."""

    def __init__(
        self, agency: Agency, live: list[dict[str, Any]], reading: Readings, on_removed: str
    ) -> None:
        self.agency, self.reading, self.on_removed = agency, reading, on_removed
        self.now = time.time()
        agency.ledger.unlink(missing_ok=True)
        limits = Limits(rate_limit=10**9, token_rate_limit=10**9, import_reads=3, import_time=5.0)
        # The last id, after which new ids come that no file pins.
        agency.live_pf(*copy.deepcopy(live), {"id": 50}, readings=reading, limits=limits)
        agency.portal.state.clock = lambda: self.now
        agency.use(
            propertyfinder={
                "on_removed": on_removed,
                "token_path": reading.token_path,
                "deactivate_by": reading.deactivate_by,
            },
        )

    def round(self, declared: list[dict[str, Any]], ours: set[int]) -> set[int]:
        """Plan, apply, verify and plan again. `ours` are the ids that were applied so far; returns
        them with the ids of this round."""
        agency, reading = self.agency, self.reading
        agency.declare(*declared)
        before = copy.deepcopy(agency.truth_pf())
        plan = agency.plan()
        self.check_unchanged(before)
        agency.calls()
        report = agency.apply()
        self.now += 3
        calls = agency.calls()
        skipped = {each["key"] for each in plan["conflicts"]}
        self.lost = not_taken(report)
        assert not self.lost or reading.strings != "kept", report
        assert report["exit"] == (3 if skipped or self.lost else 0), report
        skipped |= {each["key"] for each in plan["waiting"]}
        self.check_refusals(calls)
        after = agency.truth_pf()
        touched = self.check_declared(declared, skipped, before, report)
        removed = {
            entry["id"]
            for entry in plan["agents"]
            if entry["source"] is None and entry["id"] in ours
        }
        assert not removed or self.on_removed == "deactivate"
        for number, user in before.items():
            if number in removed:
                off = after[number].status
                assert off == "inactive"
                assert after[number] == replace(user, status=off, **self.pictures(after[number]))
            elif number not in touched:
                assert after[number] == replace(user, **self.pictures(after[number]))
        assert set(after) - set(before) <= touched
        for _ in range(2):
            assert changes(agency.plan()) <= self.lost
            self.now += 3
        return ours | touched

    def pictures(self, user: Any) -> dict[str, Any]:
        """What may change about a user whose picture, sent in an earlier round, may arrive now."""
        names = ("profile", "picture_source", "picture_pending", "pictures")
        return (
            {name: getattr(user, name) for name in names}
            if user.pictures
            else {"picture_pending": user.picture_pending}
        )

    def check_unchanged(self, before: dict[int, Any]) -> None:
        """A plan writes nothing, though pictures may arrive meanwhile."""
        for number, user in self.agency.truth_pf().items():
            assert user == replace(before[number], **self.pictures(user))

    def check_refusals(self, calls: list[tuple[str, str, Any, int]]) -> None:
        """Only a text in a shape that the reading does not accept is refused, at most once for
        each shape."""
        refused = [call for call in calls if call[3] >= 400]
        assert len(refused) <= 2, refused
        for _, _, body, status in refused:
            assert status == 400
            assert self.reading.texts_taken != "either", refused
            profile = body.get("publicProfile", body)
            assert {"bio", "position"} & set(profile), refused

    def check_declared(
        self,
        declared: list[dict[str, Any]],
        skipped: set[str],
        before: dict[int, Any],
        report: dict[str, Any],
    ) -> set[int]:
        """Declared values are set and the rest is kept; returns the ids of the declared agents."""
        after = self.agency.truth_pf()
        by_login = {user.email.lower(): number for number, user in after.items()}
        ids = {each["key"]: each["id"] for each in report["results"] if each["id"] is not None}
        touched: set[int] = set()
        for each in declared:
            key, wanted = each["externalId"], wishes(each)
            if key in skipped:
                continue
            number = wanted.get("id") or ids.get(key)
            number = number or by_login[wanted["email"].lower()]
            touched.add(number)
            where = f"{self.reading} {key}"
            if self.reading.strings == "kept":
                declared_is_true(self.set_at_once(wanted), after[number], self.reading, where)
            if number in before:
                undeclared_is_untouched(
                    wanted | ({} if "avatar" in wanted else self.late(before[number])),
                    before[number],
                    after[number],
                    self.reading,
                    where,
                )
        return touched

    def set_at_once(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """The values that are set right after an apply: a picture may arrive later."""
        wanted = {
            **wanted,
            "roleId": {"Agent": "agent", "admin": 1}.get(
                wanted.get("roleId"), wanted.get("roleId")
            ),
        }  # type: ignore[call-overload]
        if wanted["roleId"] is None:
            del wanted["roleId"]
        if self.reading.picture_import != "at-once":
            wanted.pop("avatar", None)
        return wanted

    def late(self, user: Any) -> dict[str, Any]:
        """A picture whose import started before this round."""
        return {"avatar": ...} if user.picture_pending else {}


SETTINGS = {"suppress_health_check": [HealthCheck.function_scoped_fixture]}
REMOVED = st.sampled_from(["report", "deactivate"])


@settings(max_examples=15, **SETTINGS)
@given(live=users(), first=files(), second=files(), reading=READINGS, on_removed=REMOVED)
def test_two_rounds_of_files_are_applied(
    agency: Agency,
    live: list[dict[str, Any]],
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    reading: Readings,
    on_removed: str,
) -> None:
    """Any users, any files and then any others, under any reading. In between no one edits the
    portal, so nothing is drift, except what the portal did not take."""
    world = World(agency, live, reading, on_removed)
    ours = world.round(first, set())
    if ours:
        drift = agency.run("drift")
        excused = world.lost or reading.texts_taken == "string"  # then a language is not taken
        assert drift.code == 0 or excused, drift.out
    world.round(second, ours)
    agency.calls()
    results = agency.apply()["results"]
    assert {each["key"] for each in results} <= {key for key, _ in world.lost}
    assert bool(writes(agency.calls())) is bool(results)
