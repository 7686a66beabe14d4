"""What each kind of fault does to the truth and to the response."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime

import httpx
import pytest

from reconciler.sandbox import Limits, Readings
from reconciler.sandbox.faults import KINDS, Dropped, Faults
from reconciler.sandbox.server import Application, running
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
def application(sandbox, state):
    """Return the application of the sandbox, with four agents; end its faults afterwards."""
    state.load(AGENTS)
    yield sandbox.application
    sandbox.application.faults = None


@pytest.fixture
def inject(application):
    """Return a function that makes every request fail in this way, where it applies."""

    def inject(kind, seed=1):
        application.faults = Faults(seed, 1, [kind])
        return application.faults

    return inject


def name_of(state, number=1):
    """Return the true name of an agent."""
    return state.store.by_id(number).name


def names(state):
    """Return the true names of all agents."""
    return [agent.name for agent in state.store.agents()]


class Sleep:
    """A sleep that lasts until the test ends it; `begun` is set when it starts."""

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
        """End the sleep."""
        self._wake()


@pytest.fixture
def sleep(state, monkeypatch):
    """Let the test end the sandbox's sleep."""
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
@pytest.mark.parametrize(("kind", "status", "media_type", "retry_after"), FAILURES)
def test_a_failure_before_or_after_the_effect(
    client, state, inject, kind, status, media_type, retry_after, done
):
    """The response does not show whether the call took effect."""
    faults = inject(f"done, then {kind}" if done else kind)
    answer = client.put("/users", json=NEW)
    assert answer.status_code == state.log[-1].status == status
    assert answer.headers["content-type"].startswith(media_type)
    assert ("retry-after" in answer.headers) == retry_after
    assert name_of(state) == ("Anna" if done else "Ana")
    assert faults.lines == [f"rentix #1 PUT /users: {'done, then ' if done else ''}{kind}"]
    if kind == "500":
        body = {"statusCode": 500, "message": "Internal server error"}
        assert answer.json() == {**body, "error": "Internal Server Error"}
        assert answer.headers["x-ratelimit-remaining"] == "299"
    else:
        assert "x-ratelimit-remaining" not in answer.headers  # a gateway does not send it


@pytest.mark.refusals
def test_a_500_has_the_format_of_its_portal(pf_client, pf_state, inject):
    """Property Finder's 500 is a problem document, for its token call too."""
    inject("500")
    for answer in (pf_client.get("/v1/users"), pf_client.post("/v1/auth/token", json={})):
        media_type = answer.headers["content-type"]
        assert (answer.status_code, media_type) == (500, "application/problem+json")
        assert answer.json()["code"] == "common_http_500-internal-server-error"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("429 ")])
@pytest.mark.parametrize("path", ["/users", "/users/bulk"])
def test_a_429_lasts_as_long_as_its_headers_say(
    client, state, clock, application, inject, kind, path
):
    """Requests are refused until then and accepted afterwards; the reset time is the same."""
    inject(kind)
    method = "POST" if path == "/users/bulk" else "PUT"
    body = BULK if path == "/users/bulk" else NEW
    answer = client.request(method, path, json=body)
    application.faults = None
    assert (answer.status_code, name_of(state)) == (429, "Ana")
    retry_after = answer.headers.get("retry-after")
    if kind == "429 without headers":
        assert retry_after is None
        assert not any(name.startswith("x-ratelimit") for name in answer.headers)
        assert client.request(method, path, json=body).status_code == 200
        return
    reset = int(answer.headers["x-ratelimit-reset"])
    assert answer.headers["x-ratelimit-remaining"] == "0"
    if kind == "429 with Retry-After":
        assert int(retry_after) == reset - clock.now
    elif kind == "429 with a date":
        assert parsedate_to_datetime(retry_after).timestamp() == reset
    else:
        assert retry_after is None
    assert 1 <= reset - clock.now <= 20
    clock.now = reset - 0.5
    assert client.request(method, path, json=body).status_code == 429
    clock.now = reset
    assert client.request(method, path, json=body).status_code == 200


@pytest.mark.parametrize(("kind", "name"), [("dropped", "Ana"), ("done, then dropped", "Anna")])
def test_a_dropped_connection_is_reset(client, state, application, inject, caplog, kind, name):
    """The client gets a reset and no response; only the effect differs."""
    inject(kind)
    with pytest.raises(httpx.ReadError, match="reset"):
        client.put("/users", json=NEW)
    assert (name_of(state), state.log[-1].status) == (name, 0)
    application.faults = None
    assert client.get("/users/1").json()["name"] == name
    assert caplog.records == []


def test_a_truncated_body(client, state, inject, caplog):
    """The headers have the full length; half of the body arrives, then a reset."""
    inject("truncated")
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


def test_a_dropped_connection_does_not_affect_others(sandbox, client, state, application, inject):
    """Only the connection of the failed request ends."""
    with httpx.Client(base_url=sandbox.url, headers=client.headers) as other:
        peers = [
            each.get("/agency").extensions["network_stream"].get_extra_info("client_addr")
            for each in (other, client)
        ]
        inject("dropped")
        with pytest.raises(httpx.ReadError):
            client.get("/agency")
        application.faults = None
        stream = other.get("/agency").extensions["network_stream"]
        assert stream.get_extra_info("client_addr") == peers[0] != peers[1]


def test_an_empty_200(client, state, inject):
    """The call takes effect, and the 200 has no body."""
    inject("done, then empty 200")
    answer = client.put("/users", json=NEW)
    assert (answer.status_code, answer.content) == (200, b"")
    assert name_of(state) == "Anna"


@pytest.mark.parametrize(("kind", "meanwhile"), [("done late", "Ana"), ("done, then slow", "Anna")])
def test_a_slow_write(client, state, inject, sleep, kind, meanwhile):
    """It takes longer than a client waits, and takes effect before or after that."""
    inject(kind)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.put, "/users", json=NEW)
        assert sleep.begun.wait(60)
        assert 35 <= sleep.seconds <= 90
        assert name_of(state) == meanwhile
        sleep.end()
        assert waiting.result().json() == {"id": 1, "externalId": "a", "updated": True}
    assert name_of(state) == "Anna"


def test_a_late_effect_without_a_client(client, state, inject, sleep):
    """The call takes effect although the client has given up."""
    inject("done late")
    with pytest.raises(httpx.ReadTimeout):
        client.post("/users/3/link", json={"externalId": "c"}, timeout=0.05)
    assert state.store.by_id(3).external_id is None
    done = threading.Event()

    async def after(call, response):
        done.set()

    state.after.append(after)
    sleep.end()
    assert done.wait(60)
    assert state.store.by_id(3).external_id == "c"


def test_a_slow_read(client, state, inject, sleep):
    """The list is complete, and late."""
    faults = inject("slow")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.get, "/users")
        assert sleep.begun.wait(60)
        sleep.end()
        assert len(waiting.result().json()["items"]) == 4
    assert faults.lines == ["rentix #1 GET /users: slow"]


def test_a_reset_cancels_late_effects(client, state, inject, sleep):
    """A request that sleeps through a reset has no effect."""
    inject("done late")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.put, "/users", json=NEW)
        assert sleep.begun.wait(60)
        state.reset(AGENTS)
        sleep.end()
        with pytest.raises(httpx.ReadError):
            waiting.result()
    assert name_of(state) == "Ana"


def test_shutdown_does_not_wait_for_a_slow_answer(caplog):
    """The connection is reset, and nothing is logged."""
    with ThreadPoolExecutor() as pool:
        with running() as sandbox:
            sandbox.application.faults = Faults(1, 1, ["slow"])
            sleep = sandbox.state.sleep = Sleep()
            headers = {"Authorization": "ApiKey sandbox"}
            waiting = pool.submit(httpx.get, f"{sandbox.url}/users", headers=headers)
            assert sleep.begun.wait(60)
        with pytest.raises(httpx.ReadError):
            waiting.result()
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_a_repeated_request(client, state, inject):
    """The response is the second one: after an unlink, there is no external id to unlink."""
    inject("done twice")
    answer = client.delete("/users/1/link")
    assert (answer.status_code, state.store.by_id(1).external_id) == (400, None)
    assert client.put("/users", json=NEW).json()["updated"] is True


def results(answer):
    """Return the agent id of each bulk result, None without one."""
    return [each["id"] for each in answer.json()["results"]]


def test_reordered_results(client, state, inject):
    """Everything is done, and every result is there."""
    inject("results reordered")
    answer = client.post("/users/bulk", json=BULK)
    assert results(answer) != sorted(results(answer)) == [1, 2, 3, 4]
    assert names(state) == ["New"] * 4


@pytest.mark.parametrize(("kind", "count"), [("result missing", 3), ("result repeated", 5)])
def test_a_missing_or_repeated_result(client, state, inject, kind, count):
    """Everything is done, and the summary counts all of it."""
    inject(kind)
    answer = client.post("/users/bulk", json=BULK)
    assert len(results(answer)) == count
    assert len(set(results(answer))) == min(count, 4)
    assert answer.json()["summary"] == {"total": 4, "succeeded": 4, "failed": 0}
    assert names(state) == ["New"] * 4


@pytest.mark.parametrize("with_results", [False, True])
def test_half_of_a_bulk_request(client, state, inject, with_results):
    """The portal fails in the middle, with or without the results so far."""
    inject("half done, then 500 with results" if with_results else "half done, then 500")
    answer = client.post("/users/bulk", json=BULK)
    assert answer.status_code == 500
    assert names(state) == ["New", "New", "Ciprian", "Dan"]
    assert (results(answer) if with_results else answer.json()["message"]) == (
        [1, 2] if with_results else "Internal server error"
    )


@pytest.mark.parametrize("status", [500, 429])
def test_one_operation_fails_temporarily(client, state, inject, status):
    """Its result is a failure; the others are done."""
    inject(f"operation failed with {status}")
    answer = client.post("/users/bulk", json=BULK)
    place = results(answer).index(None)
    failed = answer.json()["results"][place]
    assert (failed["success"], failed["error"]["statusCode"]) == (False, status)
    assert answer.json()["summary"] == {"total": 4, "succeeded": 3, "failed": 1}
    assert answer.status_code == 200
    assert [number for number in range(4) if names(state)[number] != "New"] == [place]


@pytest.mark.parametrize("reading", ["413", "400"])
def test_a_lower_bulk_limit(client, state, inject, reading):
    """This bulk request is too large now; a smaller one succeeds."""
    state.readings = Readings(bulk_refusal=reading)
    inject("bulk limit lowered")
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
def test_a_window_that_another_client_uses_up(
    client, state, clock, application, inject, method, path, body
):
    """This call is done; the next one of its class gets a 429 until the window ends."""
    inject("window used up")
    answer = client.request(method, path, json=body)
    application.faults = None
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (200, "0")
    refused = client.request(method, path, json=body)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    clock.now += 60
    assert client.request(method, path, json=body).status_code == 200


def test_an_incomplete_list_has_the_full_total(client, pf_client, pf_state, state, inject):
    """The total counts the user that is left out."""
    inject("user missing from the list")
    for listing in ("whole", "total", "next"):
        state.readings = Readings(listing=listing)
        shown = client.get("/users").json()
        assert (len(shown["items"]), shown["total"]) == (3, 4)
    shown = pf_client.get("/v1/users").json()
    assert (len(shown["data"]), shown["pagination"]["total"]) == (1, 2)
    assert len(state.store) == 4


def test_a_page_that_links_to_itself(client, pf_client, pf_state, state, inject):
    """The link leads to the same page again."""
    inject("same page again")
    shown = client.get("/users").json()
    assert (len(shown["items"]), shown["next"]) == (4, "/users")
    state.readings, state.limits = Readings(listing="total"), Limits(page_size=1)
    assert client.get("/users?page=2").json()["next"] == "/users?page=2"
    pagination = pf_client.get("/v1/users?perPage=1&page=2").json()["pagination"]
    assert (pagination["page"], pagination["nextPage"]) == (2, 2)


@pytest.mark.refusals
@pytest.mark.parametrize(
    "kind",
    ["user missing from the list", "same page again", "wrong type in a user"],
)
def test_empty_lists_and_refusals_stay_unchanged(
    client, pf_client, pf_state, state, application, inject, kind
):
    """Without users in the response, there is nothing to remove or corrupt."""
    calls = [(pf_client, "/v1/users?email=x@y.example"), (pf_client, "/v1/users?colour=red")]
    true = [on.get(path).json() for on, path in calls]
    inject(kind)
    got = [on.get(path).json() for on, path in calls]
    assert application.faults.faulted == 2
    for before, after in zip(true, got, strict=True):
        places = [path for path, *_ in differences(before, after)]
        assert places in ([], [("pagination", "nextPage")], [("attributes", "trace_id")])


def differences(true, got, path=()):
    """Return where a document differs from the true one, with both values."""
    if isinstance(true, dict) and isinstance(got, dict) and true.keys() == got.keys():
        return [each for key in true for each in differences(true[key], got[key], (*path, key))]
    if isinstance(true, list) and isinstance(got, list) and len(true) == len(got):
        pairs = enumerate(zip(true, got, strict=True))
        return [each for key, pair in pairs for each in differences(*pair, (*path, key))]
    return [] if true == got and type(true) is type(got) else [(path, true, got)]


@pytest.mark.parametrize("kind", ["wrong type", "wrong type in a user"])
def test_one_value_has_a_wrong_type(client, pf_client, pf_state, state, application, inject, kind):
    """It is never a different value of the right type, nor a null that is documented."""
    calls = [(client, "GET", "/users", None), (pf_client, "GET", "/v1/users", None)]
    if kind == "wrong type":
        calls += [(client, "POST", "/users/bulk", BULK), (client, "PUT", "/users", NEW)]
    state.readings = Readings(listing="next")
    places = set()
    for number, (on, method, path, body) in enumerate(calls):
        application.faults = None
        true = on.request(method, path, json=body).json()
        for seed in range(30):
            inject(kind, seed)
            state.bulk_requests.used = 0
            got = on.request(method, path, json=body)
            ((where, right, wrong),) = differences(true, got.json())
            assert type(wrong) is not type(right)
            assert right is not None
            if wrong is None:
                assert where[-1] not in ("externalId", "avatar", "publicProfile", "total")
            if kind == "wrong type in a user":
                assert where[0] in ("items", "data")
                assert len(where) > 1
            places.add((number, where[-1] if where else "root"))
    assert len(places) > 20


def test_revoked_tokens(pf_client, pf_state, inject):
    """The call gets a 401, and the next token is valid."""
    inject("tokens revoked")
    assert pf_client.patch("/v1/users/11", json={"firstName": "Io"}).status_code == 401
    assert (pf_state.tokens, pf_state.users.by_id(11).first_name) == ({}, "Ivan")
    pair = {"apiKey": pf_state.key, "apiSecret": pf_state.secret}
    assert pf_client.post("/v1/auth/token", json=pair).status_code == 200


def test_a_late_picture(client, pf_client, pf_state, state, application, inject):
    """The import takes one to three list reads, although imports are immediate."""
    inject("late picture")
    url = "https://agency.example/new.jpg"
    client.put("/users", json={"id": 1, "avatar": {"url": url}}).raise_for_status()
    pf_client.patch("/v1/public-profiles/901", json={"imageUrl": url}).raise_for_status()
    assert len(application.faults.lines) == 2
    application.faults = None
    assert (state.readings, state.limits) == (Readings(), Limits())
    agent, user = state.store.by_id(1), pf_state.users.by_id(11)
    assert agent.avatar_source != url != user.picture_source
    reads = agent.avatar_pending["reads"], user.picture_pending["reads"]
    assert all(1 <= each <= 3 for each in reads)
    for _ in range(4):
        client.get("/users").raise_for_status()
        pf_client.get("/v1/users").raise_for_status()
    agent, user = state.store.by_id(1), pf_state.users.by_id(11)
    assert agent.avatar_source == url == user.picture_source


@pytest.fixture
def send(client, pf_client, pf_state, application, monkeypatch):
    """Return a function that sends a call to a portal and ignores the outcome; sleeps are instant."""

    async def instant(seconds):
        assert 35 <= seconds <= 90

    def send(portal, method, path, body=None):
        on = client if portal == "rentix" else pf_client
        with suppress(httpx.ReadError):
            on.request(method, path, json=body)

    monkeypatch.setattr(application.state, "sleep", instant)
    return send


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


def restart(application, faults):
    """Restore the users of the start, with these faults."""
    state = application.state
    tokens, users = {"test-token": math.inf}, state.propertyfinder.users.all()
    state.reset(AGENTS)
    state.propertyfinder.users.replace(users)
    state.propertyfinder.tokens |= tokens
    application.faults = faults


def test_a_seed_replays_whatever_the_other_portal_is_asked(send, application):
    """The same calls get the same faults; another seed gives others."""
    logs = []
    for seed, calls in [
        (5, RENTIX * 3),
        (5, [each for pair in zip(RENTIX * 3, PROPERTYFINDER * 4, strict=True) for each in pair]),
        (6, RENTIX * 3),
    ]:
        faults = Faults(seed, 0.6)
        for call in calls:
            restart(application, faults)
            send(*call)
        assert faults.seen == len(calls)
        assert faults.faulted == len(faults.lines)
        logs.append([line for line in faults.lines if line.startswith("rentix ")])
    assert logs[0] == logs[1] != logs[2]
    assert 2 < len(logs[0]) < 12


def test_a_share_of_nothing_and_of_everything(send, client, application):
    """No request fails, or each one; a request that is not admitted does not count."""
    for share, faulted in ((0, 0), (1, 7)):
        faults = Faults(1, share)
        for call in RENTIX + PROPERTYFINDER:
            restart(application, faults)
            send(*call)
        restart(application, faults)
        send("rentix", "GET", "/nowhere")
        client.get("/users", headers={"Authorization": "ApiKey no"})
        assert (faults.seen, faults.faulted, len(faults.lines)) == (7, faulted, faulted)


def test_a_third_of_the_requests_fails_by_default(send, application):
    """The share holds over many requests."""
    application.faults = faults = Faults(1, kinds=["500"])
    for _ in range(150):
        send("rentix", "GET", "/agency")
    assert faults.seen == 150
    assert 35 < faults.faulted < 65


def test_every_kind_occurs_and_none_corrupts_the_truth(send, application, client, state):
    """Users are as they were, as requested or as a person edited them, and the server keeps
    answering."""
    read = ("rentix", "GET", "/users/1")
    calls = [*RENTIX, RENTIX[2], RENTIX[2], read, *PROPERTYFINDER]
    missing = set(KINDS)
    for seed, call in enumerate(calls * 30):
        faults = Faults(seed, 1, missing)
        restart(application, faults)
        send(*call)
        edited = {change.after for change in faults.memory.edits}
        assert set(names(state)) <= {"Ana", "Ben", "Ciprian", "Dan", "New", *edited}
        users = state.propertyfinder.users.all()
        assert {user.first_name for user in users} <= {"Ivan", "Olga", "New", *edited}
        missing -= {line.partition(": ")[2] for line in faults.lines}
        if not missing:
            break
    assert not missing
    application.faults = None
    assert client.get("/agency").status_code == 200


def test_the_application_can_be_driven_by_hand():
    """A simulation needs no event loop: it defines `sleep`, and a drop is raised."""
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
    application = Application(state, Faults(1, 1, ["done late"]))
    request = application(dict(scope), receive, send)
    assert 35 <= request.send(None) <= 90
    assert name_of(state) == "Ana"
    with pytest.raises(StopIteration):
        request.send(None)
    assert (name_of(state), sent[0]["status"]) == ("Anna", 200)

    sent.clear()
    application.faults = Faults(1, 1, ["dropped"])
    with pytest.raises(Dropped):
        application(dict(scope), receive, send).send(None)
    assert sent == []
    state.store.close()
