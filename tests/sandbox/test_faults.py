"""What goes wrong on purpose: what each kind of fault does to the truth and to the answer."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime

import httpx
import pytest

from reconciler.sandbox import Limits, Readings
from reconciler.sandbox.faults import KINDS, Dropped, Faults
from reconciler.sandbox.server import application, running
from reconciler.sandbox.state import State
from reconciler.sandbox.store import Store

AGENTS = [
    {"id": 1, "externalId": "a", "name": "Ana", "description": "Flats", "avatar": {"id": 5}},
    {"id": 2, "externalId": "b", "name": "Ben", "instagram": "https://instagram.com/ben"},
    {"id": 3, "name": "Ciprian"},
    {"id": 4, "name": "Dan"},
]
NEW = {"id": 1, "name": "Anna"}
BULK = {"operations": [{"op": "upsert", "id": number, "name": "New"} for number in (1, 2, 3, 4)]}


@pytest.fixture
def strike(state):
    """From here on this kind of fault strikes wherever it makes sense."""

    def strike(kind, seed=1):
        state.faults = Faults(seed, 1, [kind])
        return state.faults

    state.load(AGENTS)
    yield strike
    state.faults = None


def name_of(state, number=1):
    """The true name of an agent."""
    return state.store.by_id(number).name


def names(state):
    """The true names of all agents."""
    return [agent.name for agent in state.store.agents()]


class Sleep:
    """A sleep that lasts until the test says so, and tells when it has begun."""

    def __init__(self):
        self.begun = threading.Event()
        self.seconds = 0.0
        self._wake = lambda: None

    async def __call__(self, seconds):
        """Sleep."""
        loop, awake = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(awake.set)
        self.seconds = seconds
        self.begun.set()
        await awake.wait()

    def end(self):
        """Wake who sleeps."""
        self._wake()


@pytest.fixture
def sleep(state, monkeypatch):
    """The sandbox sleeps as long as the test wants."""
    sleep = Sleep()
    monkeypatch.setattr(state, "sleep", sleep)
    yield sleep
    sleep.end()


FAILURES = [
    ("500", 500, "application/json", False),
    ("502 with HTML", 502, "text/html", False),
    ("503", 503, "text/plain", False),
    ("503 with Retry-After", 503, "text/plain", True),
    ("504", 504, "text/html", False),
    ("200 with HTML", 200, "text/html", False),
]


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize(("kind", "status", "form", "when"), FAILURES)
def test_an_answer_that_tells_nothing_of_the_effect(
    client, state, strike, kind, status, form, when, done
):
    """The same failure comes before the effect and after it."""
    faults = strike(f"done, then {kind}" if done else kind)
    answer = client.put("/users", json=NEW)
    assert answer.status_code == state.log[-1].status == status
    assert answer.headers["content-type"].startswith(form)
    assert ("retry-after" in answer.headers) == when
    assert name_of(state) == ("Anna" if done else "Ana")
    assert faults.told == [f"1 rentix PUT /users: {'done, then ' if done else ''}{kind}"]
    if kind == "500":
        body = {"statusCode": 500, "message": "Internal server error"}
        assert answer.json() == {**body, "error": "Internal Server Error"}
        assert answer.headers["x-ratelimit-remaining"] == "299"
    else:
        assert "x-ratelimit-remaining" not in answer.headers  # a gateway knows no such thing


def test_a_500_is_in_the_form_of_its_portal(pf_client, pf_state, strike):
    """Property Finder's own 500 is a problem document, of its token call too."""
    strike("500")
    for answer in (pf_client.get("/v1/users"), pf_client.post("/v1/auth/token", json={})):
        form = answer.headers["content-type"]
        assert (answer.status_code, form) == (500, "application/problem+json")
        assert answer.json()["code"] == "INTERNAL_ERROR"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("429 ")])
@pytest.mark.parametrize("path", ["/users", "/users/bulk"])
def test_a_429_means_what_its_headers_say(client, state, clock, strike, kind, path):
    """Until then all is refused, and from then on nothing; the reset says the same."""
    strike(kind)
    method = "POST" if path == "/users/bulk" else "PUT"
    body = BULK if path == "/users/bulk" else NEW
    answer = client.request(method, path, json=body)
    state.faults = None
    assert (answer.status_code, name_of(state)) == (429, "Ana")
    when = answer.headers.get("retry-after")
    if kind == "429 with nothing":
        assert when is None
        assert not any(name.startswith("x-ratelimit") for name in answer.headers)
        assert client.request(method, path, json=body).status_code == 200
        return
    reset = int(answer.headers["x-ratelimit-reset"])
    assert answer.headers["x-ratelimit-remaining"] == "0"
    if kind == "429 with Retry-After":
        assert int(when) == reset - clock.now
    elif kind == "429 with a date":
        assert parsedate_to_datetime(when).timestamp() == reset
    else:
        assert when is None
    assert 1 <= reset - clock.now <= 20
    clock.now = reset - 0.5
    assert client.request(method, path, json=body).status_code == 429
    clock.now = reset
    assert client.request(method, path, json=body).status_code == 200


@pytest.mark.parametrize(("kind", "name"), [("dropped", "Ana"), ("done, then dropped", "Anna")])
def test_a_dropped_connection_is_reset(client, state, strike, caplog, kind, name):
    """The client sees a reset and nothing of an answer; only the effect tells them apart."""
    strike(kind)
    with pytest.raises(httpx.ReadError, match="reset"):
        client.put("/users", json=NEW)
    assert (name_of(state), state.log[-1].status) == (name, 0)
    state.faults = None
    assert client.get("/users/1").json()["name"] == name
    assert caplog.records == []


def test_a_body_that_is_cut_short(client, state, strike, caplog):
    """The headers tell the whole length, half of that comes, and then a reset."""
    strike("cut short")
    got = b""
    with client.stream("PUT", "/users", json=NEW) as answer:
        assert answer.status_code == 200
        parts = answer.iter_raw()
        got += next(parts)
        with pytest.raises(httpx.ReadError):
            got += next(parts)
    whole = b'{"id":1,"externalId":"a","updated":true}'
    assert int(answer.headers["content-length"]) == len(whole)
    assert got == whole[: len(whole) // 2]
    assert name_of(state) == "Anna"
    assert caplog.records == []


def test_a_dropped_connection_leaves_the_others_alone(sandbox, client, state, strike):
    """Only the connection of the request that was struck ends."""
    with httpx.Client(base_url=sandbox.url, headers=client.headers) as other:
        peers = [
            each.get("/agency").extensions["network_stream"].get_extra_info("client_addr")
            for each in (other, client)
        ]
        strike("dropped")
        with pytest.raises(httpx.ReadError):
            client.get("/agency")
        state.faults = None
        stream = other.get("/agency").extensions["network_stream"]
        assert stream.get_extra_info("client_addr") == peers[0] != peers[1]


def test_nothing_comes_back_of_what_was_done(client, state, strike):
    """A 200 without a body."""
    strike("done, then 200 with nothing")
    answer = client.put("/users", json=NEW)
    assert (answer.status_code, answer.content) == (200, b"")
    assert name_of(state) == "Anna"


@pytest.mark.parametrize(("kind", "meanwhile"), [("done late", "Ana"), ("done, then slow", "Anna")])
def test_a_slow_answer_has_its_effect_before_or_after(
    client, state, strike, sleep, kind, meanwhile
):
    """It takes longer than a client waits; a late effect is real."""
    strike(kind)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.put, "/users", json=NEW)
        assert sleep.begun.wait(10)
        assert 35 <= sleep.seconds <= 90
        assert name_of(state) == meanwhile
        sleep.end()
        assert waiting.result().json() == {"id": 1, "externalId": "a", "updated": True}
    assert name_of(state) == "Anna"


def test_an_effect_comes_late_also_where_nobody_waits_any_more(client, state, strike, sleep):
    """The client has gone; what it asked for is done all the same."""
    strike("done late")
    with pytest.raises(httpx.ReadTimeout):
        client.post("/users/3/link", json={"externalId": "c"}, timeout=0.05)
    assert state.store.by_id(3).external_id is None
    done = threading.Event()

    async def after(call, response):
        done.set()

    state.after.append(after)
    sleep.end()
    assert done.wait(10)
    assert state.store.by_id(3).external_id == "c"


def test_a_slow_look_is_only_slow(client, state, strike, sleep):
    """A list comes whole, and late."""
    faults = strike("slow")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.get, "/users")
        assert sleep.begun.wait(10)
        sleep.end()
        assert len(waiting.result().json()["items"]) == 4
    assert faults.told == ["1 rentix GET /users: slow"]


def test_a_new_world_has_no_late_effect_of_the_former(client, state, strike, sleep):
    """A request that sleeps through a reset is forgotten."""
    strike("done late")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.put, "/users", json=NEW)
        assert sleep.begun.wait(10)
        state.reset(AGENTS)
        sleep.end()
        with pytest.raises(httpx.ReadError):
            waiting.result()
    assert name_of(state) == "Ana"


def test_a_sandbox_ends_at_once_while_an_answer_is_slow(caplog):
    """Nobody waits for what waits itself; the client is cut off, and no word of it is logged."""
    with ThreadPoolExecutor() as pool:
        with running() as own:
            own.state.faults = Faults(1, 1, ["slow"])
            sleep = own.state.sleep = Sleep()
            headers = {"Authorization": "ApiKey sandbox"}
            waiting = pool.submit(httpx.get, f"{own.url}/users", headers=headers)
            assert sleep.begun.wait(10)
        with pytest.raises(httpx.ReadError):
            waiting.result()
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_a_gateway_may_ask_twice(client, state, strike):
    """The answer is the second one: what was unlinked has no external id any more."""
    strike("done twice")
    answer = client.delete("/users/1/link")
    assert (answer.status_code, state.store.by_id(1).external_id) == (400, None)
    assert client.put("/users", json=NEW).json()["updated"] is True


def results(answer):
    """Which agents the results of a bulk speak of, None where one has no id."""
    return [each["id"] for each in answer.json()["results"]]


def test_results_in_another_order(client, state, strike):
    """All is done, and the results are the right ones, elsewhere."""
    strike("results in another order")
    answer = client.post("/users/bulk", json=BULK)
    assert results(answer) != sorted(results(answer)) == [1, 2, 3, 4]
    assert names(state) == ["New"] * 4


@pytest.mark.parametrize(("kind", "count"), [("a result missing", 3), ("a result twice", 5)])
def test_a_result_too_few_or_too_many(client, state, strike, kind, count):
    """All is done, and the summary counts all of it."""
    strike(kind)
    answer = client.post("/users/bulk", json=BULK)
    assert len(results(answer)) == count
    assert len(set(results(answer))) == min(count, 4)
    assert answer.json()["summary"] == {"total": 4, "succeeded": 4, "failed": 0}
    assert names(state) == ["New"] * 4


@pytest.mark.parametrize("told", [False, True])
def test_half_of_a_bulk(client, state, strike, told):
    """The portal breaks down in the middle, and does or does not say how far it came."""
    strike("half done, then 500 with results" if told else "half done, then 500")
    answer = client.post("/users/bulk", json=BULK)
    assert answer.status_code == 500
    assert names(state) == ["New", "New", "Ciprian", "Dan"]
    assert (results(answer) if told else answer.json()["message"]) == (
        [1, 2] if told else "Internal server error"
    )


@pytest.mark.parametrize("status", [500, 429])
def test_one_operation_fails_for_now(client, state, strike, status):
    """It is not done and says so; the others are."""
    strike(f"one operation failed with {status}")
    answer = client.post("/users/bulk", json=BULK)
    place = results(answer).index(None)
    failed = answer.json()["results"][place]
    assert (failed["success"], failed["error"]["statusCode"]) == (False, status)
    assert answer.json()["summary"] == {"total": 4, "succeeded": 3, "failed": 1}
    assert answer.status_code == 200
    assert [number for number in range(4) if names(state)[number] != "New"] == [place]


@pytest.mark.parametrize("reading", ["413", "400"])
def test_a_lower_limit_of_bulks(client, state, strike, reading):
    """This bulk is too large from now on; a smaller one goes, without another fault."""
    state.readings = Readings(bulk_refusal=reading)
    strike("the limit of bulks lowered")
    assert client.post("/users/bulk", json=BULK).status_code == int(reading)
    limit = state.limits.bulk_limit
    assert limit < 4
    assert names(state) == ["Ana", "Ben", "Ciprian", "Dan"]
    assert client.post("/users/bulk", json={"operations": BULK["operations"][:1]}).is_success
    assert state.limits.bulk_limit == limit


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/users", None), ("POST", "/users/bulk", {"operations": BULK["operations"][:1]})],
)
def test_a_window_that_somebody_else_fills(client, state, clock, strike, method, path, body):
    """This call is done; the next of its class is a real 429 until the window ends."""
    strike("the window full from now on")
    answer = client.request(method, path, json=body)
    state.faults = None
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (200, "0")
    refused = client.request(method, path, json=body)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    clock.now += 60
    assert client.request(method, path, json=body).status_code == 200


def test_a_list_without_somebody_says_so(client, pf_client, pf_state, state, strike):
    """The total counts who is left out."""
    strike("somebody left out of the list")
    for listing in ("whole", "total", "next"):
        state.readings = Readings(listing=listing)
        shown = client.get("/users").json()
        assert (len(shown["items"]), shown["total"]) == (3, 4)
    shown = pf_client.get("/v1/users").json()
    assert (len(shown["data"]), shown["pagination"]["total"]) == (1, 2)
    assert len(state.store) == 4


def test_a_list_whose_next_page_is_itself(client, pf_client, pf_state, state, strike):
    """Whoever follows that comes to the same page again."""
    strike("the same page next")
    shown = client.get("/users").json()
    assert (len(shown["items"]), shown["next"]) == (4, "/users")
    state.readings, state.limits = Readings(listing="total"), Limits(page_size=1)
    assert client.get("/users?page=2").json()["next"] == "/users?page=2"
    pagination = pf_client.get("/v1/users?perPage=1&page=2").json()["pagination"]
    assert (pagination["page"], pagination["nextPage"]) == (2, 2)


@pytest.mark.parametrize(
    "kind",
    ["somebody left out of the list", "the same page next", "a wrong type in a user"],
)
def test_a_list_of_nobody_and_a_refusal_stay_what_they_are(
    client, pf_client, pf_state, state, strike, kind
):
    """Where nobody is listed there is nobody to leave out or to spoil."""
    asked = [(pf_client, "/v1/users?email=x@y.example"), (pf_client, "/v1/users?colour=red")]
    true = [on.get(path).json() for on, path in asked]
    strike(kind)
    got = [on.get(path).json() for on, path in asked]
    assert state.faults.faulted == 2
    for former, now in zip(true, got, strict=True):
        places = [path for path, *_ in differences(former, now)]
        assert places in ([], [("pagination", "nextPage")], [("attributes", "trace_id")])


def differences(true, got, path=()):
    """Where a document differs from the true one, with both values."""
    if isinstance(true, dict) and isinstance(got, dict) and true.keys() == got.keys():
        return [each for key in true for each in differences(true[key], got[key], (*path, key))]
    if isinstance(true, list) and isinstance(got, list) and len(true) == len(got):
        pairs = enumerate(zip(true, got, strict=True))
        return [each for key, pair in pairs for each in differences(*pair, (*path, key))]
    return [] if true == got and type(true) is type(got) else [(path, true, got)]


@pytest.mark.parametrize("kind", ["a wrong type", "a wrong type in a user"])
def test_one_value_is_of_another_type(client, pf_client, pf_state, state, strike, kind):
    """It is never another value of the right type, nor a null where a null may be."""
    calls = [(client, "GET", "/users", None), (pf_client, "GET", "/v1/users", None)]
    if kind == "a wrong type":
        calls += [(client, "POST", "/users/bulk", BULK), (client, "PUT", "/users", NEW)]
    state.readings = Readings(listing="next")
    places = set()
    for number, (on, method, path, body) in enumerate(calls):
        state.faults = None
        true = on.request(method, path, json=body).json()
        for seed in range(30):
            strike(kind, seed)
            state.bulk_requests.used = 0
            got = on.request(method, path, json=body)
            ((where, former, wrong),) = differences(true, got.json())
            assert type(wrong) is not type(former)
            assert former is not None
            if wrong is None:
                assert where[-1] not in ("externalId", "avatar", "publicProfile", "total")
            if kind == "a wrong type in a user":
                assert where[0] in ("items", "data")
                assert len(where) > 1
            places.add((number, where[-1] if where else "the whole"))
    assert len(places) > 20


def test_the_tokens_end_early(pf_client, pf_state, strike):
    """A 401, and the next token is as good as any."""
    strike("the tokens revoked")
    assert pf_client.patch("/v1/users/11", json={"firstName": "Io"}).status_code == 401
    assert (pf_state.tokens, pf_state.users.by_id(11).first_name) == ({}, "Ivan")
    pair = {"apiKey": pf_state.key, "apiSecret": pf_state.secret}
    assert pf_client.post("/v1/auth/token", json=pair).status_code == 200


def test_a_picture_comes_late(client, pf_client, pf_state, state, strike):
    """The import ends after one to three looks at the list, though imports are at once."""
    strike("a picture late")
    url = "https://agency.example/new.jpg"
    client.put("/users", json={"id": 1, "avatar": {"url": url}}).raise_for_status()
    pf_client.patch("/v1/public-profiles/901", json={"imageUrl": url}).raise_for_status()
    assert len(state.faults.told) == 2
    state.faults = None
    assert (state.readings, state.limits) == (Readings(), Limits())
    agent, user = state.store.by_id(1), pf_state.users.by_id(11)
    assert agent.avatar_source != url != user.picture_source
    looks = agent.avatar_pending["reads"], user.picture_pending["reads"]
    assert all(1 <= each <= 3 for each in looks)
    for _ in range(4):
        client.get("/users").raise_for_status()
        pf_client.get("/v1/users").raise_for_status()
    agent, user = state.store.by_id(1), pf_state.users.by_id(11)
    assert agent.avatar_source == url == user.picture_source


@pytest.fixture
def ask(client, pf_client, pf_state, state, monkeypatch):
    """Sends a call to either portal, whatever becomes of it, with a sleep that takes no time."""

    async def no_time(seconds):
        assert 35 <= seconds <= 90

    def ask(portal, method, path, body=None):
        on = client if portal == "rentix" else pf_client
        with suppress(httpx.ReadError):
            on.request(method, path, json=body)

    monkeypatch.setattr(state, "sleep", no_time)
    yield ask
    state.faults = None


PICTURE = "https://agency.example/p.jpg"
RENTIX = [
    ("rentix", "GET", "/users"),
    ("rentix", "PUT", "/users", {"id": 1, "name": "New", "avatar": {"url": PICTURE}}),
    ("rentix", "POST", "/users/bulk", BULK),
    ("rentix", "DELETE", "/users/2/link"),
]
PROPERTYFINDER = [
    ("propertyfinder", "GET", "/v1/users?perPage=5"),
    ("propertyfinder", "PATCH", "/v1/users/11", {"firstName": "New"}),
    ("propertyfinder", "PATCH", "/v1/public-profiles/901", {"imageUrl": PICTURE}),
]


def anew(state, faults):
    """The world as it was at first, with these faults in it."""
    tokens, users = dict.fromkeys(["of-the-tests"], 9e99), state.propertyfinder.users.all()
    state.reset(AGENTS)
    state.propertyfinder.users.replace(users)
    state.propertyfinder.tokens |= tokens
    state.faults = faults


def test_a_seed_replays_whatever_the_other_portal_is_asked(ask, state):
    """The same calls have the same fate; another seed gives another one."""
    told = []
    for seed, calls in [
        (5, RENTIX * 3),
        (5, [each for pair in zip(RENTIX * 3, PROPERTYFINDER * 4, strict=True) for each in pair]),
        (6, RENTIX * 3),
    ]:
        faults = Faults(seed, 0.6)
        for call in calls:
            anew(state, faults)
            ask(*call)
        assert faults.seen == len(calls)
        assert faults.faulted == len(faults.told)
        told.append([line for line in faults.told if " rentix " in line])
    assert told[0] == told[1] != told[2]
    assert 2 < len(told[0]) < 12


def test_a_share_of_nothing_and_of_everything(ask, client, state):
    """None is struck, or each one; who is not let in is not counted."""
    for share, struck in ((0, 0), (1, 7)):
        faults = Faults(1, share)
        for call in RENTIX + PROPERTYFINDER:
            anew(state, faults)
            ask(*call)
        anew(state, faults)
        ask("rentix", "GET", "/nowhere")
        client.get("/users", headers={"Authorization": "ApiKey no"})
        assert (faults.seen, faults.faulted, len(faults.told)) == (7, struck, struck)


def test_a_third_is_struck_if_nothing_is_said(ask, state):
    """The share holds over many requests."""
    state.faults = faults = Faults(1, kinds=["500"])
    for _ in range(150):
        ask("rentix", "GET", "/agency")
    assert faults.seen == 150
    assert 35 < faults.faulted < 65


def test_every_kind_comes_up_and_none_touches_the_truth(ask, client, state):
    """Users are as they were or as they were told to be, and the server answers to the end."""
    faults, calls = Faults(1, 1), [*RENTIX, RENTIX[2], RENTIX[2], *PROPERTYFINDER]
    missing = set(KINDS)
    for call in calls * 60:
        anew(state, faults)
        ask(*call)
        assert set(names(state)) <= {"Ana", "Ben", "Ciprian", "Dan", "New"}
        users = state.propertyfinder.users.all()
        assert {user.first_name for user in users} <= {"Ivan", "Olga", "New"}
        missing.discard(faults.told[-1].partition(": ")[2])
        if not missing:
            break
    assert not missing
    state.faults = None
    assert client.get("/agency").status_code == 200


def test_a_reset_ends_the_faults(state, strike):
    """A new world is a good one."""
    strike("500")
    state.reset()
    assert state.faults is None


def test_the_application_can_be_driven_by_hand():
    """A simulation needs no event loop: a sleep is what it makes of it, a drop is raised."""
    state = State(Store())
    state.load(AGENTS)
    body = json.dumps(NEW).encode()
    headers = [(b"authorization", b"ApiKey sandbox"), (b"content-type", b"application/json")]
    path = {"path": "/api/v1/users", "raw_path": b"/api/v1/users", "query_string": b""}
    scope = {"type": "http", "method": "PUT", **path, "root_path": "", "headers": headers}
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    class Asleep:
        def __init__(self, seconds):
            self.seconds = seconds

        def __await__(self):
            yield self.seconds

    state.sleep = Asleep
    state.faults = Faults(1, 1, ["done late"])
    running = application(state)(dict(scope), receive, send)
    assert 35 <= running.send(None) <= 90
    assert name_of(state) == "Ana"
    with pytest.raises(StopIteration):
        running.send(None)
    assert (name_of(state), sent[0]["status"]) == ("Anna", 200)

    sent.clear()
    state.faults = Faults(1, 1, ["dropped"])
    with pytest.raises(Dropped):
        application(state)(dict(scope), receive, send).send(None)
    assert sent == []
    state.store.close()
