"""Which proxy is used, and which settings are ignored."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.net import proxies
from reconciler.net.client import Client, RequestError

PORTAL = "crm.rentix.example"
PROXY = "http://proxy.example:3128"
NAMES = [
    variant
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    for variant in (name, name.lower())
]
PASSWORD = "0d1f-not-a-real-password"
UNUSABLE = [
    f"socks://ana:{PASSWORD}@proxy.example:1080",
    f"socks5://ana:{PASSWORD}@proxy.example:1080",
    f"gopher://ana:{PASSWORD}@proxy.example",
    f"http://ana:{PASSWORD}@proxy.example:port",
    f"http://ana:{PASSWORD}@proxy.example:99999",
    f"http://ana:{PASSWORD}@",
    f"http://ana:{PASSWORD}@proxy..example",
    f"http://ana:{PASSWORD}@{'p' * 64}.example",
    f"http://ana:{PASSWORD}@pro\nxy",
    "://",
    "http://",
]
"""Settings that the HTTP client cannot use."""


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without proxies."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def route(host: str = PORTAL, port: int | None = None) -> proxies.Route:
    """The route to a host."""
    return proxies.route(httpx.URL(scheme="https", host=host, port=port))


def test_without_settings_there_is_no_proxy() -> None:
    """And no note."""
    assert route() == (None, ())


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("value", [PROXY, PROXY.removeprefix("http://"), f" {PROXY} "])
def test_a_proxy(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """With or without its scheme, or spaces around it."""
    monkeypatch.setenv(name, value)
    assert route() == (PROXY, ())


def test_https_proxy_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the other one does not matter, whatever it is."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    for value in ("http://other.example", *UNUSABLE):
        monkeypatch.setenv("ALL_PROXY", value)
        assert route() == (PROXY, ())


@pytest.mark.parametrize("value", UNUSABLE)
def test_an_unusable_proxy_is_ignored_with_a_note(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """The note names the variable and shows nothing of its value; the other variable is used."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    proxy, notes = route()
    assert proxy is None
    (note,) = notes
    assert "HTTPS_PROXY" in note
    assert PASSWORD not in note
    assert "example" not in note
    monkeypatch.setenv("ALL_PROXY", PROXY)
    assert route() == (PROXY, notes)


@pytest.mark.parametrize(
    ("host", "listed", "others"),
    [
        (PORTAL, ["*", PORTAL, "rentix.example", ".rentix.example", "*.rentix.example"], []),
        (PORTAL, [PORTAL.upper(), f"{PORTAL}:443", f"https://{PORTAL}", f"{PORTAL}."], []),
        (PORTAL, [], ["x.example", "tix.example", "crm", f"{PORTAL}:8443", f"http://{PORTAL}"]),
        (PORTAL, [], ["10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0"]),
        ("10.1.2.3", ["10.1.2.3", "10.0.0.0/8", "10.1.2.99/24", "10.1.2.3:443"], []),
        ("10.1.2.3", [], ["11.0.0.0/8", "10.1.2.4", "2.3", "::/0", "10.1.2.3:80"]),
        ("fd00::1", ["fd00::1", "[fd00::1]", "fd00::/8", "[fd00::/8]", "FD00:0::1"], []),
        ("fd00::1", ["[fd00::1]:443"], ["[fd00::1]:444", "::1", "fe80::/10", "10.0.0.0/8"]),
        ("bücher.example", ["bücher.example", "xn--bcher-kva.example", "example"], []),
    ],
)
def test_no_proxy(
    monkeypatch: pytest.MonkeyPatch, host: str, listed: list[str], others: list[str]
) -> None:
    """Hosts with their subdomains, addresses and ranges of both versions, with a port or without;
    none of it needs a note."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    for entry in listed:
        monkeypatch.setenv("NO_PROXY", f"localhost, {entry},")
        assert route(host) == (None, ()), entry
    for entry in others:
        monkeypatch.setenv("NO_PROXY", f"localhost, {entry},")
        assert route(host) == (PROXY, ()), entry


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/99", "fd00::/129", "[a::b::c]", "a b", "10.0.*", "u:p@x"]
)
def test_an_entry_that_cannot_be_parsed_is_ignored_with_a_note(
    monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    """The note gives its number; the other entries count."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", f"localhost,{entry}")
    proxy, (note,) = route()
    assert proxy == PROXY
    assert "NO_PROXY" in note
    assert "2" in note
    assert entry not in note
    monkeypatch.setenv("NO_PROXY", f"localhost,{entry},{PORTAL}")
    assert route().proxy is None


@settings(deadline=None)
@given(*(st.text(st.characters(exclude_characters="\0"), max_size=30) for _ in range(3)))
def test_no_setting_is_an_error(https: str, everything: str, no: str) -> None:
    """Whatever the variables contain, there is a route and maybe a note."""
    with pytest.MonkeyPatch.context() as patch:
        values = {"HTTPS_PROXY": https, "ALL_PROXY": everything, "NO_PROXY": no}
        for name, value in values.items():
            patch.setenv(name, value.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
        assert all("_PROXY" in note for note in route().notes)


def test_a_failed_connection_names_what_was_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the cause."""
    monkeypatch.setenv("ALL_PROXY", UNUSABLE[0])
    with (
        Client("https://portal.invalid", "the portal") as client,
        pytest.raises(RequestError) as raised,
    ):
        client.send("GET", "https://portal.invalid", max_bytes=1)
    assert "ALL_PROXY is ignored" in str(raised.value)
