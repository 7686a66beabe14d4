"""For any live agents and any files: declared becomes true, undeclared stays as it was, and the
next plan has nothing to do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agency import FAST, Agency, user
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


def reconcile(
    agency: Agency, live: list[dict[str, Any]], declared: list[dict[str, Any]], reading: Readings
) -> None:
    """One world: plan, apply, look, plan again."""
    ledger = agency.root / ".reconciler" / "ledger.json"
    ledger.unlink(missing_ok=True)
    limits = type(FAST)(
        rate_limit=10**9, bulk_rate_limit=10**9, bulk_limit=2, page_size=2, import_reads=1
    )
    agency.live(*live, readings=reading, limits=limits)
    agency.configure(create="upsert")
    agency.declare(*declared)
    before = agency.truth()
    plan = agency.plan()
    assert agency.truth() == before  # a plan writes nothing
    agency.calls()
    done = agency.apply()
    calls = agency.calls()
    alone = {each["key"] for each in plan["conflicts"]}
    assert done["exit"] == (3 if alone else 0), done
    refused = [call for call in calls if call[3] >= 400]
    assert all(reading.creation == "invite" or call[1] == "/users/bulk" for call in refused), (
        refused
    )
    after = agency.truth()
    by_external = {agent.external_id: agent for agent in after.values()}
    ids = {each["key"]: each["id"] for each in done["results"] if each["id"]}
    touched = set()
    for agent in declared:
        key = agent.get("externalId") or f"id:{agent['id']}"
        if key in alone:
            continue
        found = after.get(agent.get("id") or ids.get(key)) or by_external.get(
            agent.get("externalId")
        )
        if found is None:
            continue  # waiting
        touched.add(found.id)
        if "externalId" in agent:
            assert found.external_id == agent["externalId"]
        if reading.strings == "kept":
            declared_is_true(agent, found, reading)
        if found.id in before:
            undeclared_is_kept(agent, before[found.id], found, reading)
    for number, agent in before.items():
        if number not in touched:
            assert after[number] == agent
    again = agency.plan()
    assert again["requests"] == []
    assert again["agents"] == []


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(live=users(), declared=files(), reading=READINGS)
def test_any_world_is_reconciled(
    agency: Agency, live: list[dict[str, Any]], declared: list[dict[str, Any]], reading: Readings
) -> None:
    """Any live agents, any files, any reading."""
    reconcile(agency, live, declared, reading)


@settings(
    max_examples=45, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(live=users(), first=files(), second=files(), reading=READINGS)
def test_an_edit_of_the_files_is_applied_and_is_no_drift(
    agency: Agency,
    live: list[dict[str, Any]],
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    reading: Readings,
) -> None:
    """Two rounds with other files: in between nobody touched the portal, so nothing is drift; the
    second round ends as well as the first."""
    rounds(agency, live, first, second, reading)


def rounds(
    agency: Agency,
    live: list[dict[str, Any]],
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    reading: Readings,
) -> None:
    """Apply the first files and then the second."""
    reconcile(agency, live, first, reading)
    agency.declare(*second)
    if (agency.root / ".reconciler" / "ledger.json").exists() and agency.plan()["requests"]:
        prior = json.loads((agency.root / ".reconciler" / "ledger.json").read_text("utf-8"))
        if prior["portals"]["rentix"]["agents"]:
            drifted = agency.run("drift")
            assert drifted.code == 0, drifted.out
    done = agency.apply()
    assert done["exit"] in (0, 3), done
    assert (done["exit"] == 3) == bool(done["conflicts"]), done
    again = agency.plan()
    assert again["requests"] == [], again["agents"]


@pytest.mark.long
@settings(
    max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(live=users(), declared=files(), reading=READINGS)
def test_any_world_is_reconciled_at_length(
    agency: Agency, live: list[dict[str, Any]], declared: list[dict[str, Any]], reading: Readings
) -> None:
    """The same for many more worlds."""
    reconcile(agency, live, declared, reading)


@pytest.mark.long
@settings(
    max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(live=users(), first=files(), second=files(), reading=READINGS)
def test_edits_are_applied_at_length(
    agency: Agency,
    live: list[dict[str, Any]],
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    reading: Readings,
) -> None:
    """The same two rounds for many more worlds."""
    rounds(agency, live, first, second, reading)
