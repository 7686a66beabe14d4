"""Rentix: for any live agents and any files, declared values are set, everything else is kept, and
the next plan is empty."""

from __future__ import annotations

from typing import Any

from agency import FAST, Agency, user, writes
from convergence import changes, not_taken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rentix_truth import declared_is_true, undeclared_is_kept

from reconciler.sandbox.readings import Readings

TEXTS = st.sampled_from(["", "a", "A", "два слова", "a\nb", "x" * 50, "“”<&>|`@me"])
NAMES = st.sampled_from(["Ana", "Ana Rusu", "Иван", "Աննա", "n" * 60])
EXTERNAL = st.sampled_from(["a", "b", "c", "a/b %?#", "ы"])
PHONES = st.sampled_from(["+373 22 111 111", "+37322222222", "022 333 333", "+373 (22) 111-111"])
LINKS = {
    "instagram": st.sampled_from([None, "https://instagram.com/a", "https://www.instagram.com/a/"]),
    "youtube": st.sampled_from([None, "https://youtube.com/@a", "https://youtube.com/@b"]),
    "tiktok": st.sampled_from([None, "https://tiktok.com/@a"]),
}
LANGUAGES = ("ru", "en", "ro")
CHANNELS = ("contact_phone", "contact_whatsapp", "contact_viber", "contact_telegram")
PICTURES = st.one_of(
    st.none(),
    st.integers(70, 72).map(lambda number: {"id": number}),
    st.sampled_from(["a", "b"]).map(lambda name: {"url": f"https://agency.example/{name}.jpg"}),
)
SHOWN_PICTURES = st.one_of(
    st.none(),
    st.integers(70, 72).map(
        lambda number: {"id": number, "contentType": "image/jpeg", "variants": []}
    ),
)


@st.composite
def users(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to five live agents; each external id at most once."""
    count = draw(st.integers(0, 5))
    ids = draw(
        st.lists(st.one_of(st.none(), EXTERNAL), min_size=count, max_size=count).filter(
            lambda all_: (
                len([each for each in all_ if each]) == len({each for each in all_ if each})
            )
        )
    )
    return [
        user(
            number + 1,
            externalId=external,
            name=draw(NAMES),
            phone=draw(PHONES),
            description=draw(
                st.one_of(TEXTS, st.fixed_dictionaries(dict.fromkeys(LANGUAGES, TEXTS)))
            ),
            avatar=draw(SHOWN_PICTURES),
            settings={
                "posting_type": "agent",
                **{channel: draw(st.booleans()) for channel in CHANNELS},
            },
            **{name: draw(values) for name, values in LINKS.items()},
        )
        for number, external in enumerate(ids)
    ]


@st.composite
def files(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to five declared agents; each id and external id at most once."""
    declared = []
    for number in draw(st.lists(st.one_of(st.none(), st.integers(1, 6)), max_size=5)):
        external = draw(st.one_of(st.none(), EXTERNAL))
        if number is None and external is None:
            continue
        optional = {
            "name": NAMES,
            "phone": PHONES,
            "description": st.one_of(
                TEXTS,
                st.dictionaries(st.sampled_from(LANGUAGES), TEXTS, min_size=1),
            ),
            "avatar": PICTURES,
            "settings": st.dictionaries(st.sampled_from(CHANNELS), st.booleans(), min_size=1),
            **LINKS,
        }
        agent = draw(st.fixed_dictionaries({}, optional=optional))
        agent |= {"id": number} if number is not None else {}
        agent |= {"externalId": external} if external is not None else {}
        ids = [each.get("id") for each in declared if "id" in each]
        externals = [each.get("externalId") for each in declared]
        if number in ids or (external is not None and external in externals):
            continue
        declared.append(agent)
    return declared


READINGS = st.builds(
    Readings,
    **{
        name: st.sampled_from(values)
        for name, values in Readings.choices().items()
        if name not in ("phone_on_existing", "avatar_ids")
    },
)


def apply_round(
    agency: Agency, declared: list[dict[str, Any]], reading: Readings
) -> dict[str, Any]:
    """Plan, apply and verify one round of files. Returns the report."""
    agency.declare(*declared)
    before = agency.truth()
    plan = agency.plan()
    assert agency.truth() == before  # a plan writes nothing
    agency.calls()
    report: dict[str, Any] = agency.apply()
    conflicts = {each["key"] for each in plan["conflicts"]}
    lost = not_taken(report)
    assert not lost or reading.strings != "kept" or reading.social_null == "ignored", report
    assert report["exit"] == (3 if conflicts or lost else 0), report
    refused = [call for call in writes(agency.calls()) if call[3] >= 400]
    invited = reading.creation == "invite"
    assert all(invited or call[1] == "/users/bulk" for call in refused), refused
    after = agency.truth()
    touched = set()
    for agent in declared:
        found = live_agent(agent, after, report)
        if key_of(agent) not in conflicts and found is not None:  # None: waiting to be invited
            touched.add(found.id)
            check_agent(agent, before.get(found.id), found, reading)
    for number, agent in before.items():
        if number not in touched:
            assert after[number] == agent
    assert changes(agency.plan()) <= lost
    return report


def key_of(agent: dict[str, Any]) -> str:
    """The key of a declared agent."""
    return str(agent.get("externalId") or f"id:{agent['id']}")


def live_agent(agent: dict[str, Any], after: dict[int, Any], report: dict[str, Any]) -> Any:
    """The live agent that a file declares, by its id or the id in the report, else by its external
    id."""
    ids = {each["key"]: each["id"] for each in report["results"] if each["id"]}
    external = {each.external_id: each for each in after.values()}
    found = after.get(agent.get("id") or ids.get(key_of(agent)))  # type: ignore[arg-type]
    return found or external.get(agent.get("externalId"))


def check_agent(agent: dict[str, Any], before: Any, found: Any, reading: Readings) -> None:
    """Declared values are set, and all others are as before."""
    if "externalId" in agent:
        assert found.external_id == agent["externalId"]
    if reading.strings == "kept":
        declared_is_true(agent, found, reading)
    if before is not None:
        undeclared_is_kept(agent, before, found, reading)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(live=users(), first=files(), second=files(), reading=READINGS)
def test_two_rounds_of_files_are_applied(
    agency: Agency,
    live: list[dict[str, Any]],
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    reading: Readings,
) -> None:
    """Any live agents, any files and then any others, under any reading. In between no one edits
    the portal, so nothing is drift, except what the portal did not take."""
    agency.ledger.unlink(missing_ok=True)
    limits = type(FAST)(
        rate_limit=10**9, bulk_rate_limit=10**9, bulk_limit=2, page_size=2, import_reads=1
    )
    agency.live(*live, readings=reading, limits=limits)
    agency.configure(create="upsert")
    report = apply_round(agency, first, reading)
    if report["verified"]["agents"]:
        agency.declare(*second)
        drift = agency.run("drift")
        assert drift.code == 0 or not_taken(report), drift.out
    apply_round(agency, second, reading)
