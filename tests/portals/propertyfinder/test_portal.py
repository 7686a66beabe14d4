"""Property Finder: what the portal declares."""

from __future__ import annotations

from reconciler.core.model import (
    Request,
)
from reconciler.portals.propertyfinder import table as module
from reconciler.portals.registry import PORTALS

from .build import finder


def test_configuration_sets_the_policy():
    """Each key of the section determines a part of the policy."""
    assert PORTALS["propertyfinder"] is type(finder())
    usual = finder().policy
    assert (usual.order, usual.create, usual.recall) == (("id", "email"), True, True)
    assert (usual.removal, usual.off, usual.hold) == (None, ("status", "inactive"), False)
    assert (usual.by_handle, usual.replaces) == (False, False)
    other = finder(create="never", on_removed="deactivate", match=["email"])
    other.hold = True
    other = other.policy
    assert (other.order, other.create, other.recall) == (("email",), False, False)
    assert (other.removal, other.hold) == ("deactivate", True)


def test_creation_requires_the_documented_values():
    """E-mail, both names, the mobile, the role, the public name and the public phone."""
    needs = set(finder().policy.needs)
    assert needs == {"email", "firstName", "lastName", "mobile", "roleId", "name", "phone"}


def test_url_has_no_trailing_slash():
    """Even if the configured one has."""
    assert finder(url="https://a.example/pf/").url == "https://a.example/pf"


def test_rate_limits_are_the_documented_ones():
    """650 requests a minute, of which 60 for a token, whatever its path."""
    for path in ("/v1/auth/token", "/oauth/token"):
        everything, token = finder(token_path=path).rate_limits
        assert (everything.per_minute, token.per_minute) == (650, 60)
        assert everything.counts(Request("GET", "/v1/users"))
        assert token.counts(Request("POST", path))
        assert not token.counts(Request("POST", "/v1/users"))


def test_attribute_names_are_unique():
    """Each attribute has one name in the files and one place in the bodies."""
    names = [each.name for each in module.FIELDS]
    assert len(set(names)) == len(names) == len(module.PRIVATE) + len(module.PUBLIC)
    tables = (module.PRIVATE, module.PUBLIC)
    other = {row.name: row.on_wire for table in tables for row in table if row.name != row.on_wire}
    assert other == {"publicEmail": "email", "avatar": "imageUrl"}


def test_visitors_see_only_the_public_profile():
    """The login, the mobile and the role are private."""
    hidden = {each.name for each in module.FIELDS if not each.public}
    assert hidden == {row.name for row in module.PRIVATE} == {
        "email", "firstName", "lastName", "mobile", "roleId", "status",
    }  # fmt: skip


def test_rejected_status_has_advice():
    """It names the setting to change; no other attribute has advice."""
    advice = {each.name: each.advice for each in module.FIELDS if each.advice}
    assert set(advice) == {"status"}
    assert "deactivate_by in portals.propertyfinder" in advice["status"]


def test_identifiers():
    """The id, and the login in any letter case, which an update can change. A mobile matches no
    user."""
    assert [(each.name, each.rule, each.moves, each.spelling) for each in module.IDENTIFIERS] == [
        ("id", "pin", None, "propertyfinder.id"),
        ("email", "key", "update", "propertyfinder.email"),
        ("mobile", "hint", None, "propertyfinder.mobile"),
    ]
    _, login, mobile = module.IDENTIFIERS
    assert login.canonical("Ana@Agency.example") == login.canonical("ana@agency.example")
    assert mobile.canonical("+373 69 000-005") == mobile.canonical("+37369000005")


def test_languages_are_the_documented_ones():
    """Each by its name, and most by a code; a live one is shown by its code if it has one."""
    assert len(module.LANGUAGE_NAMES) == 69
    assert len(module.LANGUAGE_CODES) == 63
    names = {module.LANGUAGE_NAMES[name]: name for name in module.LANGUAGE_NAMES}
    uncoded = {*names} - {*module.LANGUAGE_CODES.values()}
    assert {names[number] for number in uncoded} == {
        *("Other", "Memon", "Baluchi", "Berber", "Malay", "Sudanese"),
    }
    assert {module.CODES[number] for number in uncoded} == {names[number] for number in uncoded}
    assert [module.LANGUAGES[code] for code in ("en", "ar", "ru", "ro", "yue", "sd", "Berber")] == [
        1, 2, 6, 34, 40, 70, 48,
    ]  # fmt: skip
