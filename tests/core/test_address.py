"""Which base addresses a key may be sent to."""

from __future__ import annotations

import pytest

from reconciler.core.address import canonical, check_url, is_loopback, is_public, origin


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.rentix.md/api/v1",
        "https://a.example:8443/",
        "http://localhost:8000/api/v1",
        "http://127.0.0.1:1",
        "http://127.8.8.8",
        "http://[::1]:8000",
    ],
)
def test_accepted_urls(url: str) -> None:
    """https:// to any host, http:// to this computer."""
    assert check_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.rentix.md",
        "http://localhost.evil.example",
        "http://0.0.0.0",
        "http://127.0.0.1.evil.example",
        "ftp://a.example",
        "//a.example",
        "a.example",
        "",
        "https://",
        "https:///path",
        "https://me:hidden@a.example",
        "https://hidden@a.example",
        "http://localhost@evil.example",
        "https://a.example/?key=hidden",
        "https://a.example/#hidden",
        "https://a.example?",
        "https://a.example/hidden x",
        "https://a.example\n",
        "https://a.example:port",
        "https://a.example:99999",
        "https://[::1",
    ],
)
def test_rejected_urls(url: str) -> None:
    """Everything else, with a message that does not repeat the URL."""
    message = check_url(url)
    assert message
    assert "hidden" not in message


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_computer(host: str) -> None:
    """Its name and its loopback addresses."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.", "0.0.0.0", "127.1", "crm.example", "8.8.8.8"])
def test_other_computers(host: str) -> None:
    """Anything else, also what only some resolvers take for loopback."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://crm.rentix.md/api/v1", "https://crm.rentix.md/api/v1"),
        ("HTTPS://CRM.Rentix.MD/api/v1", "https://crm.rentix.md/api/v1"),
        ("https://crm.rentix.md/api/v1/", "https://crm.rentix.md/api/v1"),
        ("https://crm.rentix.md/api/v1//", "https://crm.rentix.md/api/v1"),
        ("https://crm.rentix.md:443", "https://crm.rentix.md"),
        ("https://crm.rentix.md:/", "https://crm.rentix.md"),
        ("HTTP://LOCALHOST:80/", "http://localhost"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_forms_of_one_address(url: str, expected: str) -> None:
    """Letter case of scheme and host, the default port and slashes at the end do not count."""
    assert canonical(url) == expected
    assert canonical(expected) == expected
    assert check_url(expected) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/api", "https://a.example/API"),
        ("https://a.example:80", "https://a.example"),
        ("http://localhost:443", "http://localhost"),
        ("https://a.example", "http://a.example"),
        ("https://a.example/v1", "https://a.example/v2"),
        ("https://staging.a.example", "https://a.example"),
    ],
)
def test_different_addresses(one: str, other: str) -> None:
    """Anything else counts, also a port that is another scheme's default."""
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("text", ["", "not a url", "https://a.example:port", "https://[::1"])
def test_text_that_is_no_url_is_unchanged(text: str) -> None:
    """An old ledger may contain anything."""
    assert canonical(text) == text


@pytest.mark.parametrize(
    ("url", "who"),
    [
        ("https://crm.rentix.md/api/v1", "https://crm.rentix.md"),
        ("HTTPS://CRM.rentix.md:443//", "https://crm.rentix.md"),
        ("https://crm.rentix.md:8443/api", "https://crm.rentix.md:8443"),
        ("http://[::1]:8000/a/b", "http://[::1]:8000"),
        ("https://crm.rentix.md.evil.example/", "https://crm.rentix.md.evil.example"),
    ],
)
def test_origin(url: str, who: str) -> None:
    """The host and port, whatever the path."""
    assert origin(url) == who


PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0"],
    "site-local": ["fec0::1"],
    "carrier": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "4000::1", "e000::1", "5f00::1"],
    "special": ["192.0.0.1", "192.0.0.170", "192.88.99.1", "198.18.0.1", "100::1", "3fff::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"],
    "tunnel": ["2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1"],
    "compatible": ["::127.0.0.1", "::8.8.8.8"],
    "translated": ["64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808"],
    "embedded": ["2002:7f00:1::1", "2002:a00:1::1", "2002:c0a8:101::1"],
    "no address": ["", "photos.example", "127.1", "0x7f000001", "2130706433", "1.2.3.4.5"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """Those that a server on the internet can have."""
    assert is_public(address)


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, each) for kind, group in NOT_PUBLIC.items() for each in group]
)
def test_other_addresses(kind: str, address: str) -> None:
    """Every class of them, in every form."""
    assert not is_public(address), kind
