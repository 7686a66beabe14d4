"""The transport against a portal that misbehaves in every way httpx knows (respx, a fake clock)."""

from __future__ import annotations

import inspect
import json
import logging
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import respx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.core.model import RateLimit, Request, Response, Session
from reconciler.core.plan_json import request_bytes
from reconciler.engine.concurrency import Cancellation
from reconciler.errors import Interrupted, ReconcilerError
from reconciler.net.transport import Clock, Transport

URL = "https://crm.example/api/v1"
KEY = "rk-live/0123456789abcdef"
GET = Request("GET", "/users")
PUT = Request("PUT", "/users", {"id": 1, "name": "Ion"})
BULK = Request("POST", "/users/bulk", {"operations": []})
START = 1_700_000_000.0
PACES = (RateLimit("all", 300), RateLimit("bulk", 30, (("POST", "/users/bulk"),)))


class Wait:
    """A clock that stands still but for those who sleep."""

    def __init__(self):
        self.now, self.slept = START, []

    def sleep(self, seconds):
        """Let the time pass at once."""
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds

    @property
    def clock(self):
        """What the transport takes."""
        return Clock(lambda: self.now, self.sleep)


class Portal:
    """Answers each request with the next of its answers, the last of them for ever."""

    def __init__(self):
        self.answers, self.requests = [], []

    def says(self, *answers):
        """Responses, exceptions, or functions of the request that give one."""
        self.answers = list(answers)

    def __call__(self, request):
        """Keep the request and answer it."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


@pytest.fixture(autouse=True, scope="module")
def _one_ssl_context():
    """Reading the certificates takes longer than a test; all transports here share one reading."""
    with pytest.MonkeyPatch.context() as patch:
        context = ssl.create_default_context()
        patch.setattr("httpx._transports.default.create_ssl_context", lambda *_, **__: context)
        yield


@pytest.fixture
def portal():
    """The other end of every wire, whatever the host."""
    with respx.mock(assert_all_called=False) as router:
        made = Portal()
        router.route().mock(side_effect=made)
        yield made


@pytest.fixture
def wait():
    """The time of the test."""
    return Wait()


@contextmanager
def opened(wait, url=URL, *, cancellation=None, **more):
    """A transport with the key, on the fake clock; with `halt`, its pauses are real ones."""
    clock = wait.clock if cancellation is None else Clock(lambda: wait.now, cancellation.sleep)

    def login():
        """A key for good; nothing has to be asked."""
        yield from ()
        return Session({"Authorization": f"ApiKey {KEY}"})

    with Transport(url, login, secrets=[KEY, ""], clock=clock, **more) as made:
        yield made


@pytest.fixture
def wire(wait):
    """A transport without limits of its own."""
    with opened(wait) as made:
        yield made


def ok(body=None, **headers):
    """A 200 with JSON."""
    return httpx.Response(200, json={"items": []} if body is None else body, headers=headers)


# What goes out


def test_the_headers_authenticate_and_name_the_program(portal, wire):
    """Each request has the portal's header and our User-Agent, and goes below the base URL."""
    portal.says(ok())
    answer = wire.send(GET)
    sent = portal.requests[0]
    assert (answer.status, answer.body, answer.error) == (200, {"items": []}, None)
    assert str(sent.url) == f"{URL}/users"
    assert sent.headers["authorization"] == f"ApiKey {KEY}"
    assert sent.headers["user-agent"].startswith("agent-reconciler/")


@pytest.mark.parametrize("url", ["https://crm.example/api/v1", "https://crm.example/api/v1/"])
def test_a_slash_at_the_end_of_the_address_changes_nothing(portal, wait, url):
    """The path comes once below the base URL."""
    portal.says(ok())
    with opened(wait, url) as wire:
        wire.send(GET)
    assert portal.requests[0].url.raw_path == b"/api/v1/users"


def test_a_request_without_a_body_has_no_content_type(portal, wire):
    """GET and DELETE carry neither a body nor a word about its type."""
    portal.says(ok({"id": 1}))
    for request in (GET, Request("DELETE", "/users/1/link")):
        wire.send(request)
    for sent in portal.requests:
        assert sent.content == b""
        assert "content-type" not in sent.headers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=25, database=None)
@given(body=st.dictionaries(st.text(), JSON, max_size=3))
def test_the_bytes_of_a_body_are_those_of_the_plan(body):
    """What goes over the wire is `request_bytes`, byte for byte, as `application/json`."""
    with respx.mock() as router, opened(Wait()) as wire:
        route = router.put(f"{URL}/users").respond(json={"id": 1})
        request = Request("PUT", "/users", body)
        wire.send(request)
        sent = route.calls.last.request
    assert sent.content == request_bytes(request)
    assert json.loads(sent.content) == body
    assert sent.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/users/external/a%2Fb%3Fc%23d", b"/api/v1/users/external/a%2Fb%3Fc%23d"),
        ("/users/external/100%25", b"/api/v1/users/external/100%25"),
        ("/users/external/%D0%98", b"/api/v1/users/external/%D0%98"),
        ("/users?cursor=a%2Bb%3D%3D", b"/api/v1/users?cursor=a%2Bb%3D%3D"),
    ],
)
def test_an_encoded_path_goes_out_as_it_is(portal, wire, path, raw):
    """What a portal has percent-encoded is neither decoded nor encoded again."""
    portal.says(ok())
    wire.send(Request("GET", path))
    assert portal.requests[0].url.raw_path == raw


def test_a_text_that_is_no_unicode_is_sent_or_refused_and_raises_nothing(portal, wire):
    """Half a surrogate pair, which a portal's JSON can hold, comes back as a response too."""
    portal.says(ok({"id": 1}))
    answer = wire.send(Request("PUT", "/users", {"id": 1, "name": "\ud83d"}))
    assert answer.status == 200 or answer.error


@pytest.mark.parametrize("url", ["http://crm.example/api/v1", "http://127.0.0.1.crm.example/"])
def test_no_key_goes_over_plain_http_to_another_machine(portal, wait, url):
    """Plain HTTP is for loopback alone; anything else is refused, before a byte is sent."""
    portal.says(ok())
    try:
        with opened(wait, url) as wire:
            wire.send(GET)
    except ReconcilerError:
        pass
    assert portal.requests == []


@pytest.mark.parametrize(
    "path", ["https://evil.example/users", "//evil.example/users", "http://evil.example/"]
)
def test_a_path_cannot_lead_to_another_host(portal, wire, path):
    """The transport sends to one host, whatever a request calls its path."""
    portal.says(ok())
    wire.send(Request("GET", path))
    assert {sent.url.host for sent in portal.requests} <= {"crm.example"}


def test_a_netrc_is_not_used(portal, wait, monkeypatch, tmp_path):
    """A `.netrc` entry for the portal's host does not replace the key."""
    (tmp_path / ".netrc").write_text("machine crm.example login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    portal.says(ok())
    with opened(wait) as wire:
        wire.send(GET)
    assert portal.requests[0].headers.get_list("authorization") == [f"ApiKey {KEY}"]


@contextmanager
def served():
    """A real server on loopback; gives its port and the lines of the requests it got."""
    lines = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            lines.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port, lines
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_no_proxy_sees_what_goes_to_loopback(monkeypatch, wait, host):
    """With HTTP_PROXY and ALL_PROXY set, a request to this machine goes straight there."""
    with served() as (port, direct), served() as (proxy, proxied):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with opened(wait, f"http://{host}:{port}") as wire:
            answer = wire.send(GET)
    assert (answer.status, direct, proxied) == (200, ["GET /users HTTP/1.1"], [])


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "http://[", "http://127.0.0.1:x"]
)
def test_a_proxy_that_cannot_be_used_is_an_error_in_words(monkeypatch, wait, proxy):
    """A proxy of the environment that httpx does not take ends the command, not the program."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    answer = None
    with suppress(ReconcilerError), opened(wait) as wire:
        answer = wire.send(GET)
    assert answer is None or (answer.status is None and answer.error)


# Pacing


def test_the_own_count_keeps_to_300_a_minute(portal, wait):
    """Without any header and any 429, no more than 300 requests go out in any 60 seconds."""
    times = []
    portal.says(lambda _: (times.append(wait.now), ok())[1])
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(620):
            wait.now += 0.01
            assert wire.send(GET).status == 200
    assert all(later - first >= 60 for first, later in zip(times, times[300:], strict=False))
    assert times[-1] - times[0] < 130


def test_the_own_count_keeps_to_30_bulks_a_minute(portal, wait):
    """Bulks have their own limit, and nothing else waits for it."""
    times, others = [], []

    def answer(request):
        (times if request.url.path.endswith("/bulk") else others).append(wait.now)
        return ok({"results": []})

    portal.says(answer)
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(30):
            wire.send(BULK)
        wire.send(PUT)
        assert wait.slept == []
        for _ in range(35):
            wire.send(BULK)
    assert all(later - first >= 60 for first, later in zip(times, times[30:], strict=False))
    assert others == [START]


@settings(deadline=None, max_examples=30, database=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.5, 7.0, 31.0])), max_size=40))
@example([(True, 0.0)] * 4 + [(False, 0.0)] * 6)
def test_no_mixture_of_requests_passes_a_limit(calls):
    """Whatever the order and the gaps, each class stays within its limit in any 60 seconds."""
    wait, times = Wait(), {"all": [], "bulk": []}
    rate_limits = (RateLimit("all", 6), RateLimit("bulk", 3, (("POST", "/users/bulk"),)))

    def answer(request):
        times["all"].append(wait.now)
        if request.method == "POST":
            times["bulk"].append(wait.now)
        return ok()

    with (
        respx.mock(assert_all_called=False) as router,
        opened(wait, rate_limits=rate_limits) as wire,
    ):
        router.route().mock(side_effect=answer)
        for bulk, gap in calls:
            wait.now += gap
            wire.send(BULK if bulk else GET)
    for rate_limit in rate_limits:
        sent = times[rate_limit.name]
        pairs = zip(sent, sent[rate_limit.per_minute :], strict=False)
        assert all(later - first >= 60 for first, later in pairs), rate_limit.name


def rate(remaining, reset):
    """The headers of a limit."""
    return {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(reset)),
    }


def test_the_portals_own_count_slows_down_before_any_429(portal, wait):
    """Where others use the key too, the headers tell; the portal never has to refuse."""
    state = {"left": 4, "reset": START + 40, "refused": 0}

    def answer(_):
        if wait.now >= state["reset"]:
            state["left"], state["reset"] = 4, state["reset"] + 60
        if state["left"] == 0:
            state["refused"] += 1
            return httpx.Response(429, headers=rate(0, state["reset"]), json={})
        state["left"] -= 1
        return ok(**rate(state["left"], state["reset"]))

    portal.says(answer)
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(11):
            assert wire.send(GET).status == 200
    assert state["refused"] == 0
    assert wait.now < START + 105


def test_a_bulks_headers_speak_of_bulks_alone(portal, wait):
    """With no bulk left a PUT goes out at once, the next bulk after the reset."""
    portal.says(
        ok({"results": []}, **rate(0, START + 20)),
        ok({"id": 1}, **rate(250, START + 20)),
        ok({"results": []}),
    )
    with opened(wait, rate_limits=PACES) as wire:
        wire.send(BULK)
        wire.send(PUT)
        assert wait.slept == []
        wire.send(BULK)
    assert START + 20 <= wait.now <= START + 21


def test_the_count_of_the_headers_goes_down_without_further_headers(portal, wait):
    """A portal that said that two are left, and then nothing, gets two before the reset."""
    portal.says(ok(**rate(2, START + 20)), ok())
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(3):
            wire.send(GET)
        assert wait.slept == []
        wire.send(GET)
    assert START + 20 <= wait.now <= START + 21


def test_a_reset_an_hour_away_is_waited_for_a_minute_at_most(portal, wait):
    """The portal counts minutes: a header that says otherwise is not believed."""
    portal.says(ok(**rate(0, START + 3600)), ok())
    with opened(wait, rate_limits=PACES) as wire:
        wire.send(GET)
        wire.send(GET)
    assert wait.now < START + 62


def test_a_reset_in_the_past_is_no_reason_to_wait(portal, wait):
    """A portal whose clock is behind does not stop anything."""
    portal.says(ok(**rate(0, START - 30)))
    with opened(wait, rate_limits=PACES) as wire:
        for _ in range(3):
            wire.send(GET)
    assert wait.slept == []


FAR = b"Mon, 01 Jan 99999999999999 00:00:00 GMT"
ODD = [
    b"",
    b"abc",
    b"-1",
    b"1.5",
    b"\xb2",
    b"9" * 5000,
    b"1e9",
    b"Mon, 99 Foo 2024 00:00:00 GMT",
    FAR,
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value[:8]))
@pytest.mark.parametrize(
    "name", ["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"], ids=str
)
def test_an_unreadable_header_raises_nothing(portal, wait, name, value):
    """Whatever stands in a header about limits, the answer comes back."""
    headers = {b"x-ratelimit-remaining": b"5", b"x-ratelimit-reset": b"1700000010"}
    headers |= {name.encode(): value}
    refusal = httpx.Response(429, headers=list(headers.items()), json={})
    portal.says(refusal, httpx.Response(200, headers=list(headers.items()), json={"items": []}))
    with opened(wait, rate_limits=PACES) as wire:
        assert wire.send(GET).status in (200, 429)
        assert wire.send(PUT).status == 200


# 429


@pytest.mark.parametrize("request_", [GET, PUT, BULK], ids=["get", "put", "bulk"])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": formatdate(START + 9, usegmt=True)}, 9),
        ({"X-RateLimit-Reset": str(int(START) + 11), "X-RateLimit-Remaining": "0"}, 11),
        ({"X-RateLimit-Reset": str(int(START) + 11)}, 11),
        ({"Retry-After": "soon", "X-RateLimit-Reset": str(int(START) + 11)}, 11),
        ({"Retry-After": "0"}, 0),
        ({}, 0),
    ],
    ids=["seconds", "date", "reset and remaining", "reset", "unreadable", "zero", "nothing"],
)
def test_a_429_goes_out_again_after_the_pause(portal, wait, wire, request_, headers, seconds):
    """Also a write: it had no effect. The pause is the portal's, and never much longer."""
    portal.says(httpx.Response(429, headers=headers, json={"message": "slow"}), ok({"id": 1}))
    answer = wire.send(request_)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (200, False, 2)
    assert seconds <= wait.now - START <= seconds + 1
    assert wait.now > START


def test_a_limit_that_says_nothing_is_waited_for_until_its_minute_is_over(portal, wait, wire):
    """What does not answer at all is given up sooner: nobody knows when that ends."""
    portal.says(httpx.Response(429))
    assert wire.send(GET).status == 429
    assert 45 <= wait.now - START <= 90
    portal.requests.clear()
    began = wait.now
    portal.says(httpx.Response(503))
    assert wire.send(GET).status == 503
    assert wait.now - began <= 25
    assert len(portal.requests) == 6


@pytest.mark.parametrize(
    "form", ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S -0000"]
)
def test_an_old_form_of_date_means_greenwich_too(portal, wait, wire, monkeypatch, form):
    """The obsolete forms of HTTP dates name no zone or an odd one; the machine's does not count."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        date = time.strftime(form, time.gmtime(START + 20))
        portal.says(httpx.Response(429, headers={"Retry-After": date}, json={}), ok())
        assert wire.send(GET).status == 200
    finally:
        monkeypatch.undo()
        time.tzset()
    assert 20 <= wait.now - START <= 21


@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_a_portal_that_only_refuses_is_not_asked_for_ever(portal, wait, wire, request_):
    """After a bounded number of tries the 429 itself comes back, and nothing about it is open."""
    portal.says(httpx.Response(429, headers={"Retry-After": "1"}, json={"message": "slow"}))
    answer = wire.send(request_)
    assert (answer.status, answer.body, answer.uncertain) == (429, {"message": "slow"}, False)
    assert 3 <= len(portal.requests) <= 10


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "3600"},
        {"Retry-After": formatdate(START + 3600, usegmt=True)},
        {"X-RateLimit-Reset": str(int(START) + 3600)},
    ],
    ids=["seconds", "date", "reset"],
)
def test_an_hour_is_not_waited_for(portal, wait, wire, status, request_, headers):
    """A portal that wants so long a pause gets its answer reported, within minutes."""
    portal.says(httpx.Response(status, headers=headers, json={}))
    assert wire.send(request_).status == status
    assert wait.now - START < 300


def test_a_later_attempt_waits_before_it_goes_out(portal, wait, wire):
    """`attempt` makes a request wait, each time longer, and the first not at all."""
    portal.says(ok({"id": 1}))
    waits = []
    for attempt in range(5):
        began = wait.now
        wire.send(Request("PUT", "/users", {"id": 1}, attempt))
        waits.append(wait.now - began)
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[1] > 0
    assert waits[4] <= 30 * 1.25


# Answers and losses: readings


SERVER = [500, 502, 503, 504, 520, 522, 524, 599]


@pytest.mark.parametrize("status", SERVER)
@pytest.mark.parametrize("html", [True, False], ids=["html", "json"])
def test_a_reading_goes_out_again_on_any_5xx(portal, wait, wire, status, html):
    """The portal's own 500 and whatever a gateway makes up, each time after a longer pause."""
    body = {"text": "<html>bad"} if html else {"json": {"message": "bad"}}
    portal.says(httpx.Response(status, **body), httpx.Response(status, **body), ok())
    answer = wire.send(GET)
    assert (answer.status, len(portal.requests)) == (200, 3)
    assert 0 < wait.slept[0] < wait.slept[1]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_reading_that_fails_for_good_says_so(portal, wait, wire, status):
    """A bounded number of tries, then the status, in words, and not as uncertain."""
    portal.says(httpx.Response(status, text="<html><script>x</script>"))
    answer = wire.send(GET)
    assert (answer.status, answer.body, answer.uncertain) == (status, None, False)
    assert str(status) in answer.error
    assert "<" not in answer.error
    assert 3 <= len(portal.requests) <= 10
    assert wait.now - START < 180


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422])
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_a_4xx_is_final(portal, wait, wire, status, request_):
    """One request, the portal's own words, nothing uncertain."""
    portal.says(httpx.Response(status, json={"message": "no"}))
    answer = wire.send(request_)
    assert (answer.status, answer.body, answer.error) == (status, {"message": "no"}, None)
    assert not answer.uncertain
    assert (len(portal.requests), wait.slept) == (1, [])


@pytest.mark.parametrize("cut", [b'{"items": [{"id": 1, "na', b"", b"<html>hello</html>"])
def test_a_reading_whose_body_is_cut_goes_out_again(portal, wire, cut):
    """A 200 with half a JSON, nothing, or a gateway's page is no answer."""
    portal.says(httpx.Response(200, content=cut), ok())
    assert wire.send(GET).body == {"items": []}
    assert len(portal.requests) == 2


def test_a_reading_that_is_no_json_for_good_says_so(portal, wire):
    """A page under 200 (a login form, a captive portal) ends as an error in words."""
    portal.says(httpx.Response(200, text="<html>Log in</html>"))
    answer = wire.send(GET)
    assert (answer.status, answer.body, answer.uncertain) == (200, None, False)
    assert "not JSON" in answer.error


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 6000, '{"a": 1}{"a": 1}', "\ufeff{}x"])
def test_a_body_that_breaks_a_parser_is_no_json(portal, wire, text):
    """Depth, endless numbers and a second value after the first raise nothing."""
    portal.says(httpx.Response(400, content=text.encode()))
    answer = wire.send(GET)
    assert (answer.status, answer.body) == (400, None)
    assert "not JSON" in answer.error


def test_bytes_that_are_no_utf8_raise_nothing(portal, wire):
    """They are replaced, and what is JSON all the same is read."""
    portal.says(httpx.Response(400, content=b'{"message": "caf\xe9"}'))
    assert wire.send(GET).body == {"message": "caf\ufffd"}


# Answers and losses: writes


def _name(request):
    return f"{request.method} {request.path}"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 522, 524])
@pytest.mark.parametrize("request_", [PUT, BULK, Request("DELETE", "/users/1/link")], ids=_name)
@pytest.mark.parametrize("html", [True, False], ids=["html", "json"])
def test_a_write_under_a_5xx_is_uncertain_and_goes_out_once(portal, wire, status, request_, html):
    """The portal may have done it before the gateway gave up: the caller has to look."""
    body = {"text": "<html>bad"} if html else {"json": {"message": "bad"}}
    portal.says(httpx.Response(status, **body))
    answer = wire.send(request_)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (status, True, 1)


@pytest.mark.parametrize("status", [200, 422, 500, 502])
def test_results_are_certain_under_any_status(portal, wire, status):
    """A bulk whose answer carries `results` says what happened, also under a 500."""
    portal.says(httpx.Response(status, json={"results": []}))
    answer = wire.send(BULK)
    assert (answer.status, answer.body, answer.uncertain) == (status, {"results": []}, False)


@pytest.mark.parametrize("content", [b"<html>ok", b"", b"[1]", b'"ok"', b'{"id": 1, "upd'])
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_write_that_succeeds_without_json_is_uncertain(portal, wire, status, content):
    """A 2xx with a page, with nothing, with half a body: it may be done, and is not sent again. A
    204 with nothing says just that it is done."""
    portal.says(httpx.Response(status, content=content))
    answer = wire.send(PUT)
    open_ = (status, content) != (204, b"")
    assert (answer.status, answer.uncertain, len(portal.requests)) == (status, open_, 1)


def test_a_page_under_a_4xx_is_a_refusal(portal, wire):
    """A firewall's 403 in HTML did nothing, and none of it is in the message."""
    portal.says(httpx.Response(403, text="<html><h1>Forbidden</h1>"))
    answer = wire.send(PUT)
    assert (answer.status, answer.body, answer.uncertain) == (403, None, False)
    assert "403" in answer.error
    assert "<" not in answer.error


ERRORS = {
    name: kind
    for name, kind in vars(httpx).items()
    if inspect.isclass(kind) and issubclass(kind, Exception)
}
UNSENT = {"ConnectError", "ConnectTimeout", "PoolTimeout"}
NEVER = {"UnsupportedProtocol", "LocalProtocolError", "InvalidURL", "CookieConflict"}
"""Raised before anything is sent, and again each time: whether they are uncertain is no matter."""


def made(kind, said="broken"):
    """An exception of any of httpx's classes."""
    request = httpx.Request("GET", URL)
    if kind is httpx.HTTPStatusError:
        return kind(said, request=request, response=httpx.Response(500))
    try:
        return kind(said)
    except TypeError:
        return kind()


@pytest.mark.parametrize("name", sorted(ERRORS))
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_nothing_that_httpx_raises_comes_out(portal, wire, name, request_):
    """Every exception of httpx is a response without a status and with words."""
    portal.says(made(ERRORS[name]))
    answer = wire.send(request_)
    assert (answer.status, answer.body) == (None, None)
    assert answer.error
    assert len(portal.requests) <= 10


def test_an_exception_without_words_is_named(portal, wire):
    """Some of httpx's errors say nothing; then their class does."""
    portal.says(httpx.ReadTimeout(""))
    assert "ReadTimeout" in wire.send(PUT).error


@pytest.mark.parametrize("name", sorted(set(ERRORS) - NEVER))
def test_a_reading_goes_out_again_when_the_wire_fails(portal, wait, wire, name):
    """Connection errors, time-outs and cut bodies cost a pause and no more."""
    portal.says(made(ERRORS[name]), made(ERRORS[name]), ok())
    answer = wire.send(GET)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (200, False, 3)
    assert 0 < wait.slept[0] < wait.slept[1]


@pytest.mark.parametrize("name", sorted(UNSENT))
def test_a_write_that_was_never_sent_goes_out_again(portal, wire, name):
    """Without a connection nothing can have happened."""
    portal.says(made(ERRORS[name]), ok({"id": 1}))
    answer = wire.send(PUT)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (200, False, 2)


@pytest.mark.parametrize("name", sorted(UNSENT))
def test_a_write_that_never_connects_is_certain(portal, wire, name):
    """A portal that is not there: bounded tries, its host in words, and nothing is uncertain."""
    portal.says(made(ERRORS[name]))
    answer = wire.send(PUT)
    assert (answer.status, answer.uncertain) == (None, False)
    assert "crm.example" in answer.error
    assert 3 <= len(portal.requests) <= 10


@pytest.mark.parametrize("name", sorted(set(ERRORS) - UNSENT - NEVER))
def test_a_write_that_may_have_arrived_is_uncertain(portal, wire, name):
    """Anything lost after the connection stood comes back at once, for the caller to settle."""
    portal.says(made(ERRORS[name]))
    answer = wire.send(PUT)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (None, True, 1)


def test_a_write_that_is_lost_after_a_429_is_uncertain(portal, wire):
    """The last word counts: refused first, lost then."""
    portal.says(httpx.Response(429, json={}), httpx.ReadError("reset"))
    answer = wire.send(PUT)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (None, True, 2)


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
@pytest.mark.parametrize("where", ["https://evil.example/users", "/users/", f"{URL}/x?key={KEY}"])
def test_a_redirect_is_reported_and_never_followed(portal, wire, status, request_, where):
    """One request, to the portal's own host, and an error that says that it was a redirect."""
    portal.says(httpx.Response(status, headers={"Location": where}, json={"message": "moved"}))
    answer = wire.send(request_)
    assert (answer.status, answer.uncertain, len(portal.requests)) == (status, False, 1)
    assert "redirect" in answer.error
    assert KEY not in answer.error


# Secrets


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_key_that_the_portal_echoes_is_struck_out_of_messages(portal, wire, caplog, status):
    """Before any of it is cut short; and the log has none of it."""
    caplog.set_level(logging.DEBUG)
    portal.says(httpx.Response(status, json={"message": f"Invalid key {KEY}!", "results": []}))
    answer = wire.send(PUT)
    assert answer.body["message"] == "Invalid key ***!"
    assert KEY not in caplog.text


def test_what_is_read_is_not_touched_for_a_key_may_be_a_word(portal, wait):
    """A name that has the key in it is that name, where the key is as short as a word; in what is
    told it is struck out."""

    def login():
        """A key that is a word."""
        yield from ()
        return Session({"Authorization": "ApiKey sandbox"})

    portal.says(ok({"items": [{"name": "sandbox Ana"}]}))
    with Transport(URL, login, secrets=["sandbox"], clock=wait.clock) as wire:
        answer = wire.send(GET)
    assert answer.body["items"][0]["name"] == "sandbox Ana"
    assert wire.clean("no sandbox") == "no ***"


@pytest.mark.parametrize("name", ["ConnectError", "ReadError", "RemoteProtocolError"])
def test_a_key_in_an_exception_is_struck_out(portal, wire, caplog, name):
    """What the wire says is cleaned as the portal's words are."""
    caplog.set_level(logging.DEBUG)
    portal.says(made(ERRORS[name], f"bad header ApiKey {KEY}"))
    answer = wire.send(PUT)
    assert "***" in answer.error
    assert KEY not in repr(answer) + caplog.text + repr(wire)


# Sessions

LASTS = 1800
ASK = Request("POST", "/token", {"secret": KEY}, asks=True)


@contextmanager
def asking(wait, *, seconds=LASTS, headers=None, clock=None, **more):
    """A transport that asks the portal for a token: the body's `token` gives one."""

    def login():
        response = yield ASK
        token = (response.body or {}).get("token")
        if response.status == 200 and token:
            return Session({"Authorization": f"Bearer {token}", **(headers or {})}, seconds)
        return Response(response.status, response.body, f"no token ({response.status})", True)

    clock = clock or wait.clock
    with Transport(URL, login, secrets=[KEY], clock=clock, **more) as made:
        yield made


class Doorman:
    """Gives `token-1`, `token-2` …, and answers what comes with the one that is good now."""

    def __init__(self):
        self.given, self.good, self.seen = 0, None, []

    def __call__(self, request):
        """A token, or the answer to a request with one."""
        if request.url.path.endswith("/token"):
            assert "authorization" not in request.headers
            assert json.loads(request.content) == {"secret": KEY}
            self.given += 1
            self.good = f"token-{self.given}"
            self.seen.append("login")
            return httpx.Response(200, json={"token": self.good})
        _, _, token = request.headers["authorization"].partition("Bearer ")
        self.seen.append(token)
        if token != self.good:
            return httpx.Response(401, json={"message": f"expired: {token}"})
        return ok({"id": 1})


@pytest.fixture
def doorman(portal):
    """The portal, with a doorman."""
    made = Doorman()
    portal.says(made)
    return made


def test_a_token_is_asked_for_once(wait, doorman):
    """Before the first request, and then it serves for all of them."""
    with asking(wait) as wire:
        assert doorman.seen == []
        for request in (GET, PUT, GET):
            assert wire.send(request).status == 200
    assert doorman.seen == ["login", "token-1", "token-1", "token-1"]


@pytest.mark.parametrize(("later", "logins"), [(LASTS * 0.9 - 1, 1), (LASTS * 0.9, 2)])
def test_a_token_is_asked_for_again_when_most_of_its_time_is_over(wait, doorman, later, logins):
    """At nine tenths, so that none ends under way; the time counts from when it was asked for."""
    with asking(wait) as wire:
        wire.send(GET)
        wait.now += later
        wire.send(GET)
        wire.send(GET)
    assert doorman.given == logins


def test_a_session_without_an_end_is_never_renewed(portal, wait):
    """A key for good: nothing is asked, a year later neither, and a 401 is the answer."""
    portal.says(ok(), httpx.Response(401, json={"message": "no"}))
    with asking(wait, seconds=None) as wire:
        portal.says(ok({"token": "t"}), ok(), httpx.Response(401, json={"message": "no"}))
        wire.send(GET)
        wait.now += 365 * 86400
        assert wire.send(PUT).status == 401
    assert [sent.url.path for sent in portal.requests].count("/api/v1/token") == 1
    assert len(portal.requests) == 3


@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_a_token_that_ended_before_its_time_is_asked_for_again(wait, doorman, request_):
    """A 401 had no effect, so also a write goes out once more, with the new token."""
    with asking(wait) as wire:
        wire.send(GET)
        doorman.good = "another"
        answer = wire.send(request_)
    assert (answer.status, answer.uncertain) == (200, False)
    assert doorman.seen[2:] == ["token-1", "login", "token-2"]


def test_a_portal_that_takes_no_token_is_asked_twice_and_no_more(portal, wait):
    """The 401 itself comes back; for the next request one more token is asked for, if it has to."""
    login, refusal = ok({"token": "t"}), httpx.Response(401, json={"message": "no"})
    portal.says(login, refusal, login, refusal, refusal, login, ok())
    with asking(wait) as wire:
        answer = wire.send(PUT)
        assert (answer.status, answer.body, answer.uncertain) == (401, {"message": "no"}, False)
        assert len(portal.requests) == 4
        assert wire.send(GET).status == 200
    paths = [sent.url.path.rpartition("/")[2] for sent in portal.requests]
    assert paths == ["token", "users"] * 2 + ["users", "token", "users"]


def test_a_403_is_no_end_of_a_session(portal, wait):
    """A missing scope stays missing with a new token."""
    portal.says(ok({"token": "t"}), httpx.Response(403, json={"message": "scope"}))
    with asking(wait) as wire:
        assert wire.send(PUT).status == 403
    assert len(portal.requests) == 2


@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 403, 404, 409, 422])
@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_a_refused_login_is_told_and_nothing_is_sent(portal, wait, status, request_):
    """The request gets the login's words and no success, whatever the login's status: it never
    went out. That access is refused (401, 403) is kept; nothing is uncertain."""
    portal.says(httpx.Response(status, json={"results": []} if status != 204 else None))
    with asking(wait) as wire:
        answer = wire.send(request_)
    assert (answer.body, answer.uncertain) == (None, False)
    assert answer.status == (status if status in (401, 403) else None)
    assert answer.error.startswith("no token")
    assert {sent.url.path for sent in portal.requests} == {"/api/v1/token"}


def test_a_login_that_is_refused_in_between_is_told_too(portal, wait):
    """The first token is over and no other is given: what comes then is not sent."""
    portal.says(ok({"token": "t"}), ok(), httpx.Response(200, text="<html>Log in</html>"))
    with asking(wait) as wire:
        wire.send(GET)
        wait.now += LASTS
        answer = wire.send(PUT)
    assert (answer.status, answer.uncertain) == (None, False)
    assert [sent.method for sent in portal.requests].count("PUT") == 0


def test_a_login_that_is_refused_after_a_401_is_told(portal, wait):
    """The key was taken away: the refusal comes back, and the write did nothing."""
    portal.says(ok({"token": "t"}), httpx.Response(401, json={}), httpx.Response(403, json={}))
    with asking(wait) as wire:
        answer = wire.send(PUT)
    assert (answer.status, answer.error, answer.uncertain) == (403, "no token (403)", False)
    assert len(portal.requests) == 3


def test_a_login_that_is_refused_once_is_tried_with_the_next_request(portal, wait):
    """Nothing is kept of a refusal."""
    portal.says(httpx.Response(401, json={}), ok({"token": "t"}), ok())
    with asking(wait) as wire:
        assert [wire.send(GET).status for _ in range(2)] == [401, 200]


@pytest.mark.parametrize(
    "broken",
    [
        httpx.Response(429, headers={"Retry-After": "3"}, json={}),
        httpx.Response(500, json={"message": "bad"}),
        httpx.Response(503, text="<html>"),
        httpx.ReadError("reset"),
        httpx.ConnectError("refused"),
        httpx.Response(200, content=b""),
    ],
    ids=["429", "500", "503", "lost", "unsent", "nothing"],
)
def test_a_login_is_tried_again_like_a_reading(portal, wait, broken):
    """It changes nothing, so it may go out twice; after the portal's pause, or a growing one."""
    portal.says(broken, broken, ok({"token": "t"}), ok({"id": 1}))
    with asking(wait) as wire:
        assert wire.send(PUT).status == 200
    assert [sent.url.path.rpartition("/")[2] for sent in portal.requests] == [
        *["token"] * 3,
        "users",
    ]
    assert len(wait.slept) == 2
    assert wait.slept[0] > 0


def test_a_login_that_fails_for_good_is_told(portal, wait):
    """A bounded number of tries, and not one of the write."""
    portal.says(httpx.Response(503, text="<html>"))
    with asking(wait) as wire:
        answer = wire.send(PUT)
    assert (answer.status, answer.error) == (None, "no token (503)")
    assert {sent.url.path for sent in portal.requests} == {"/api/v1/token"}
    assert 3 <= len(portal.requests) <= 10


def test_logins_have_a_limit_of_their_own(portal, wait):
    """The portal counts them apart, and all of them with everything else."""
    portal.says(Doorman())
    rate_limits = (RateLimit("all", 100), RateLimit("token", 2, (("POST", "/token"),)))
    with asking(wait, seconds=10, rate_limits=rate_limits) as wire:
        for _ in range(3):
            wire.send(GET)
            wait.now += 9
    assert len(wait.slept) == 1
    assert wait.now - START > 60


def test_no_token_is_in_any_message_or_log(portal, wait, caplog):
    """It is as secret as the key: struck out of what the portal echoes and of what the wire says,
    the old one as the new one; other headers of a session are no secret."""
    caplog.set_level(logging.DEBUG)
    tokens = ["token-one-1", "token-two-2"]
    portal.says(
        ok({"token": tokens[0]}),
        httpx.Response(401, json={"message": f"expired {tokens[0]}"}),
        ok({"token": tokens[1]}),
        httpx.ReadError(f"bad header Bearer {tokens[1]}"),
    )
    with asking(wait, headers={"X-Format": "json-v2"}) as wire:
        answer = wire.send(PUT)
        said = wire.clean(f"{tokens[0]} {tokens[1]} {KEY} json-v2")
    assert said == "*** *** *** json-v2"
    assert "***" in answer.error
    for secret in (*tokens, KEY):
        assert secret not in answer.error + caplog.text + repr(wire)
    for sent in portal.requests[1::2]:
        assert sent.headers["x-format"] == "json-v2"


def test_a_session_without_a_token_strikes_nothing_out(portal, wait):
    """An empty secret would be found between any two letters."""
    portal.says(ok({"token": " "}), ok())
    with asking(wait) as wire:
        wire.send(GET)
        assert wire.clean("as it is") == "as it is"


# Answers without a body


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_204_with_nothing_is_certain(portal, wire, method):
    """It is done, and there is nothing to say of it."""
    portal.says(httpx.Response(204))
    answer = wire.send(Request(method, "/users/1", {"name": "Ion"}))
    assert (answer.status, answer.body, answer.error, answer.uncertain) == (204, None, None, False)


@pytest.mark.parametrize("content", [b" ", b"{", b"null", b"<html>"])
def test_a_204_with_something_is_uncertain(portal, wire, content):
    """Whoever answers so is no portal: a gateway may have made it up."""
    portal.says(httpx.Response(204, content=content))
    assert wire.send(PUT).uncertain


@pytest.mark.parametrize("status", [200, 201, 202])
def test_another_success_with_nothing_is_uncertain(portal, wire, status):
    """Only 204 means to say nothing."""
    portal.says(httpx.Response(status))
    assert wire.send(PUT).uncertain


# An end in between


def halted_while(portal, cancellation, refusal):
    """The portal wants a pause, and meanwhile somebody wants the run to end."""

    def answer(_):
        cancellation.request()
        return refusal

    portal.says(answer)


@pytest.mark.parametrize("request_", [GET, PUT], ids=["get", "put"])
def test_the_wish_to_end_cuts_a_pause_short(portal, request_):
    """Nobody waits for a portal's minute with Ctrl-C pressed: nothing more is sent."""
    cancellation = Cancellation()
    halted_while(portal, cancellation, httpx.Response(429, headers={"Retry-After": "100"}, json={}))
    with (
        opened(Wait(), cancellation=cancellation) as wire,
        pytest.raises(Interrupted),
    ):
        wire.send(request_)
    assert len(portal.requests) == 1


def test_the_wish_to_end_cuts_a_login_short(portal, wait):
    """No token, and what needs one is not sent."""
    cancellation = Cancellation()
    halted_while(portal, cancellation, httpx.Response(503, json={}))
    clock = Clock(lambda: wait.now, cancellation.sleep)
    with asking(wait, clock=clock) as wire, pytest.raises(Interrupted):
        wire.send(PUT)
    assert [sent.url.path for sent in portal.requests] == ["/api/v1/token"]


def test_the_wish_to_end_cuts_the_pause_of_a_later_attempt_short(portal, wait):
    """What was to go out again does not."""
    cancellation = Cancellation()
    cancellation.request()
    with opened(wait, cancellation=cancellation) as wire, pytest.raises(Interrupted):
        wire.send(Request("PUT", "/users", {"id": 1}, attempt=4))
    assert portal.requests == []


def test_the_wish_to_end_cuts_the_wait_for_a_limit_short(portal, wait):
    """The third of two a minute does not go out."""
    cancellation = Cancellation()
    portal.says(ok())
    with opened(wait, cancellation=cancellation, rate_limits=(RateLimit("all", 2),)) as wire:
        wire.send(GET)
        wire.send(GET)
        cancellation.request()
        with pytest.raises(Interrupted):
            wire.send(GET)
    assert len(portal.requests) == 2
