"""Faults after which a single read, or a single answer, is no evidence."""

from __future__ import annotations

import pytest

from reconciler.sandbox import Limits, Readings, propertyfinder
from reconciler.sandbox.faults import Faults

AGENTS = [
    {"id": 1, "externalId": "a", "name": "Ana"},
    {"id": 2, "externalId": "b", "name": "Ben"},
    {"id": 3, "name": "Ciprian"},
    {"id": 4, "name": "Dan"},
]
BULK = {"operations": [{"op": "upsert", "id": number, "name": "New"} for number in (1, 2, 3, 4)]}
SEEDS = range(12)


@pytest.fixture
def faults(sandbox, state, pf_state):
    """Return a function that makes every request fail in one way, or none without a way; it
    returns the faults. Rentix has four agents."""
    state.load(AGENTS)

    def faults(kind=None, seed=1, share=1.0):
        sandbox.application.faults = None if kind is None else Faults(seed, share, [kind])
        return sandbox.application.faults

    yield faults
    sandbox.application.faults = None


def then_none(faults):
    """Draw no further fault; what the earlier ones left behind stays."""
    faults._share = 0


def names(state):
    """Return the true names of all agents."""
    return [agent.name for agent in state.store.agents()]


def listed(client, path="/users"):
    """Return the names that a list shows."""
    return [each["name"] for each in client.get(path).json()["items"]]


# Lost writes.

WRITES = [
    ("PUT", "/users", {"id": 1, "name": "New", "instagram": "https://instagram.com/new"}),
    ("PUT", "/users", {"externalId": "a", "settings": {"contact_phone": False}}),
    ("POST", "/users/3/link", {"externalId": "c"}),
    ("DELETE", "/users/1/link", None),
    ("POST", "/users/bulk", BULK),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_lost_write_is_acknowledged(client, state, faults, method, path, body):
    """The answer is the true one, the agents are as before; the next write takes effect."""
    before = state.store.agents()
    faults("lost")
    answer = client.request(method, path, json=body)
    assert (answer.status_code, state.store.agents()) == (200, before)
    faults()
    again = client.request(method, path, json=body)
    assert again.json() == answer.json()
    assert state.store.agents() != before


@pytest.mark.parametrize("answers", ["200", "204"])
def test_a_lost_patch_is_acknowledged(pf_client, pf_state, faults, answers):
    """Of a status and of a public profile."""
    pf_state.readings = propertyfinder.Readings(patch_answer=answers)
    before = pf_state.users.all()
    faults("lost")
    calls = [("/v1/users/11", {"isActive": False}), ("/v1/public-profiles/901", {"name": "N"})]
    for path, body in calls:
        assert pf_client.patch(path, json=body).status_code == int(answers)
        assert pf_state.users.all() == before


def test_writes_that_stay_lost(client, state, faults):
    """To the agents of the first one, and to no others."""
    kept = faults("lost for good")
    client.put("/users", json={"id": 1, "name": "New"}).raise_for_status()
    then_none(kept)
    for _ in range(3):
        client.post("/users/bulk", json=BULK).raise_for_status()
        client.delete("/users/1/link").raise_for_status()
        assert names(state) == ["Ana", "New", "New", "New"]
        assert state.store.by_id(1).external_id == "a"
    faults()
    client.put("/users", json={"id": 1, "name": "New"}).raise_for_status()
    assert names(state)[0] == "New"


@pytest.mark.parametrize(
    ("kind", "lost"), [("one operation lost", 1), ("half of the operations lost", 2)]
)
def test_a_bulk_that_is_lost_in_part(client, state, faults, kind, lost):
    """Every result says success; which agents are lost depends on the seed."""
    which = set()
    for seed in SEEDS:
        state.load(AGENTS)
        faults(kind, seed)
        results = client.post("/users/bulk", json=BULK).json()["results"]
        assert all(each["success"] for each in results)
        assert names(state).count("New") == 4 - lost
        which.add(tuple(names(state)))
    assert len(which) > 2


def test_one_lost_value(client, state, pf_client, pf_state, faults):
    """The others are written; settings and profiles lose a part."""
    for seed in SEEDS:
        state.load(AGENTS)
        faults("one value lost", seed)
        body = {
            "id": 1,
            "name": "N",
            "settings": dict.fromkeys(("contact_phone", "contact_viber"), False),
        }
        client.put("/users", json=body).raise_for_status()
        agent = state.store.by_id(1)
        values = [agent.name == "N", *(not agent.settings[name] for name in body["settings"])]
        assert values.count(False) == 1
    faults("one value lost")
    change = {"name": "N", "phone": "+373 60 000 001"}
    pf_client.patch("/v1/public-profiles/901", json=change).raise_for_status()
    profile = pf_state.users.by_id(11).profile
    assert [profile[name] == value for name, value in change.items()].count(True) == 1


def test_a_lost_write_that_changes_nothing(client, state, faults):
    """There is nothing to undo."""
    for kind in ("lost", "one value lost", "lost for good"):
        faults(kind)
        client.put("/users", json={"id": 1, "name": "Ana"}).raise_for_status()
        assert names(state)[0] == "Ana"


# Old lists.


@pytest.mark.parametrize("listing", ["whole", "next", "total"])
def test_a_list_lags(client, state, faults, listing):
    """For one to four reads of the whole list; a look-up by id is fresh."""
    state.readings, state.limits = Readings(listing=listing), Limits(page_size=3)
    kept = faults("lists lag")
    client.put("/users", json={"id": 1, "name": "New"}).raise_for_status()
    then_none(kept)
    assert client.get("/users/1").json()["name"] == "New"
    seen = []
    for _ in range(6):
        seen.append(listed(client)[0])
        if listing != "whole":
            assert listed(client, "/users?page=2") == ["Dan"]
    assert seen == sorted(seen)
    assert {"Ana", "New"} == set(seen)
    assert names(state)[0] == "New"


def test_a_list_lags_behind_a_creation(client, state, faults):
    """The new agent is absent from the lists, and is found by its id."""
    state.readings = Readings(creation="upsert")
    kept = faults("lists lag")
    number = client.put(
        "/users", json={"externalId": "new", "name": "N", "phone": "+373 60 000 001"}
    ).json()["id"]
    then_none(kept)
    assert listed(client) == [each["name"] for each in AGENTS]
    assert client.get(f"/users/{number}").json()["name"] == "N"
    assert [listed(client) for _ in range(4)][-1] == [*(each["name"] for each in AGENTS), "N"]


def test_a_list_lags_for_seconds(client, state, clock, faults):
    """However often it is read."""
    kept = faults("lists lag for seconds")
    client.put("/users", json={"id": 1, "name": "New"}).raise_for_status()
    then_none(kept)
    assert {listed(client)[0] for _ in range(20)} == {"Ana"}
    clock.now += 31
    assert listed(client)[0] == "New"


def test_look_ups_lag_too(client, state, pf_client, pf_state, faults):
    """By id, and by a filter."""
    kept = faults("reads lag")
    client.put("/users", json={"id": 1, "name": "New"}).raise_for_status()
    pf_client.patch("/v1/users/11", json={"firstName": "New"}).raise_for_status()
    then_none(kept)

    def first_name():
        (user,) = pf_client.get("/v1/users?id=11").json()["data"]
        return user["firstName"]

    for read, old in ((lambda: client.get("/users/1").json()["name"], "Ana"), (first_name, "Ivan")):
        seen = [read() for _ in range(6)]
        assert seen[0] == old
        assert seen[-1] == "New"


def test_a_second_node_lags(client, state, faults):
    """Every other read comes from it."""
    kept = faults("second node lags")
    client.put("/users", json={"id": 1, "name": "New"}).raise_for_status()
    then_none(kept)
    seen = [client.get("/users/1").json()["name"] for _ in range(8)]
    assert seen == ["Ana", "New", "Ana", "New", "Ana", "New", "New", "New"]


@pytest.mark.parametrize("listing", ["whole", "next", "total"])
@pytest.mark.parametrize("kind", ["list cut short", "empty list"])
def test_a_list_without_some_agents(client, state, pf_client, pf_state, faults, kind, listing):
    """It is consistent in itself, and the next list is whole."""
    state.readings, state.limits = Readings(listing=listing), Limits(page_size=2)
    kept = faults(kind)
    document = client.get("/users").json()
    users = pf_client.get("/v1/users").json()
    then_none(kept)
    most = 0 if kind == "empty list" else 3
    count = document.get("total", len(document["items"]))
    if document.get("next"):
        count += len(client.get(document["next"]).json()["items"])
    assert min(most, 1) <= count <= most
    assert users["pagination"]["total"] == len(users["data"]) == min(most, 1)
    assert len(listed(client)) == (4 if listing == "whole" else 2)
    assert len(pf_client.get("/v1/users").json()["data"]) == 2


# People.


@pytest.mark.parametrize("kind", ["edited before", "edited after"])
def test_a_person_edits(client, state, pf_client, pf_state, faults, kind):
    """One value of one agent, before or after the call; the memory says which."""
    paths = set()
    for seed in range(30):
        state.load(AGENTS)
        kept = faults(kind, seed)
        shown = client.get("/users").json()["items"]
        pf_client.get("/v1/users").raise_for_status()
        for change in kept.memory.edits:
            portal, number = change.who
            users = state.store if portal == "rentix" else pf_state.users
            name, _, key = change.path.partition(".")
            value = getattr(users.by_id(number), name)
            assert (value[key] if key else value) == change.after != change.before
            paths.add(change.path)
        assert len(kept.memory.edits) == 2
        new = [each["name"] for each in shown if each["name"].startswith("Edited")]
        edited = [name for name in names(state) if name.startswith("Edited")]
        assert new == (edited if kind == "edited before" else [])
    assert {"name", "external_id", "status", "first_name"} < paths


# Another agent.


@pytest.mark.parametrize(("method", "path", "body"), [WRITES[0], *WRITES[2:]])
def test_an_answer_names_another_agent(client, state, faults, method, path, body):
    """The call has its effect on the right one."""
    true = client.request(method, path, json=body).json()
    effect = state.store.agents()
    state.load(AGENTS)
    faults("names another agent")
    answer = client.request(method, path, json=body).json()
    assert state.store.agents() == effect
    if "results" in true:
        wrong = [
            left
            for left, right in zip(answer["results"], true["results"], strict=True)
            if left != right
        ]
        assert len(wrong) == 1
    else:
        assert answer["id"] != true["id"]


@pytest.mark.parametrize("admits", [False, True])
def test_another_agent_is_changed(client, state, pf_client, pf_state, faults, admits):
    """Whether the answer says so or not; the memory says which."""
    pf_state.readings = propertyfinder.Readings(patch_answer="200")
    kept = faults("another agent changed" + admits * " and named")
    answer = client.put("/users", json={"id": 1, "name": "New"}).json()
    ((_, wrong),) = kept.memory.misdirected
    assert state.store.by_id(1).name == "Ana"
    assert state.store.by_id(wrong).name == "New"
    assert answer["id"] == (wrong if admits else 1)
    user = pf_client.patch("/v1/users/11", json={"firstName": "New"}).json()
    assert pf_state.users.by_id(12).first_name == "New"
    assert user["id"] == (12 if admits else 11)


def test_a_refusal_changes_no_other_agent(client, state, faults):
    """The other agent has no external id to unlink."""
    for seed in SEEDS:
        state.load(AGENTS[:1] + AGENTS[2:])
        kept = faults("another agent changed", seed)
        assert client.delete("/users/1/link").status_code == 400
        assert kept.memory.misdirected == set()


def test_another_agent_is_shown(client, state, pf_client, pf_state, faults):
    """A read by id shows another agent."""
    faults("another agent shown")
    assert client.get("/users/1").json()["id"] != 1
    assert pf_client.get("/v1/users?id=11").json()["data"][0]["id"] == 12


def test_statuses_that_say_nothing_about_the_effect(client, state, faults):
    """Each comes with and without the effect."""
    for status in (303, 408, 421, 425, 499):
        for done in (False, True):
            state.load(AGENTS)
            faults(f"done, then {status}" if done else str(status))
            answer = client.put("/users", json={"id": 1, "name": "New"}, follow_redirects=False)
            assert answer.status_code == status
            assert names(state)[0] == ("New" if done else "Ana")
