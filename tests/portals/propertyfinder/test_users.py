"""Property Finder: converting a user's JSON into a live agent."""

from __future__ import annotations

import re

import pytest
from conversations import play, reading
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import (
    Desired,
    Live,
    Source,
)
from reconciler.errors import PortalError
from reconciler.portals.propertyfinder import table as module
from reconciler.portals.propertyfinder.read import live as read_user

from .build import JSON, LIST, NEW, finder, page, person, planned, profile, read


def live(portal=None, **more):
    """A live agent from a user with these attributes."""
    plain = portal and portal.forms.shows_plain
    return read_user(person(5, **more), plain=plain)


def test_user_has_the_terms_of_the_file():
    """Identity, values by path, and the public profile's id as an alias."""
    shown = person(
        5,
        public={
            "whatsappPhone": "+373 69 1",
            "linkedinAddress": "https://linkedin.com/in/x",
            "imageVariants": {"default": {"url": "https://cdn.example/5.webp"}},
        },
    )
    agent = read_user(shown, plain=None)
    picture = agent.values["avatar"]
    assert agent == Live(
        "propertyfinder",
        5,
        "Name 5",
        {"id": 5, "email": "user-5@agency.example", "mobile": "+373 69 000 005"},
        {
            "email": "user-5@agency.example",
            "firstName": "First",
            "lastName": "Last 5",
            "mobile": "+373 69 000 005",
            "roleId": 3,
            "status": "active",
            "name": "Name 5",
            "publicEmail": "public-5@agency.example",
            "phone": "+373 22 123 456",
            "phoneSecondary": None,
            "whatsappPhone": "+373 69 1",
            "avatar": picture,
            "bio.primary": "Sells flats",
            "bio.secondary": "Vinde case",
            "position.primary": "Agent",
            "position.secondary": "",
            "linkedinAddress": "https://linkedin.com/in/x",
            "experienceSince": 2012,
            "nationality": "MD",
            "spokenLanguages": ["en", "ro"],
        },
        {"publicProfileId": 905},
    )
    assert picture["id"]


def test_every_attribute_is_read():
    """The values of a user cover the whole table of attributes."""
    shown = {path.partition(".")[0] for path in live().values}
    assert shown == {each.name for each in module.FIELDS}


def test_missing_attributes_are_empty():
    """A user with only an id and a login can be read."""
    agent = read_user({"id": 5, "email": "a@b.example"}, plain=None)
    assert (agent.name, agent.aliases) == ("", {})
    assert agent.identity == {"id": 5, "email": "a@b.example"}
    assert {agent.values[path] for path in ("mobile", "status", "roleId", "phone")} == {None}
    assert agent.values["bio.primary"] == agent.values["bio.secondary"] == ""
    assert agent.values["spokenLanguages"] == []


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "empty"])
def test_empty_mobile_is_no_identity(nothing):
    """Neither null nor an empty string identifies a user."""
    assert set(live().identity) == {"id", "email", "mobile"}
    assert set(live(mobile=nothing).identity) == {"id", "email"}


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "empty"])
def test_user_without_a_login_is_an_error(nothing):
    """Otherwise every agent would seem new and be created again."""
    with pytest.raises(PortalError, match="shows email of user 5"):
        live(email=nothing)


def test_mobile_of_an_undeclared_user_blocks_a_creation():
    """In any format: the agent may already exist with another e-mail. It is no match."""
    portal = finder()
    identity = {"email": NEW["email"], "mobile": "+37369000001"}
    ana = Desired("propertyfinder", "new", Source("agents/new.yaml", 1), identity, dict(NEW))
    listing, _ = read(portal, users=[person(5, mobile="+373 69 000-001")])
    plan = planned(portal, listing, ana)
    assert [each.id for each in plan.conflicts[0].candidates] == [5]
    assert (plan.operations, plan.matches) == ((), ())
    listing, _ = read(portal, users=[person(5)])
    assert [each.verb for each in planned(portal, listing, ana).operations] == ["create"]


def test_user_without_a_public_profile():
    """It has no alias and no public values; its name is the private one."""
    agent = live(publicProfile=None)
    assert (agent.name, agent.aliases) == ("First Last 5", {})
    assert {agent.values[name] for name in ("name", "publicEmail", "avatar", "nationality")} == {
        None
    }


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [("Ana", None, "Ana"), (None, "Rusu", "Rusu"), ("", "", ""), (None, None, "")],
)
def test_name_without_a_public_profile(first, last, name):
    """The available parts of the private name."""
    assert live(publicProfile=None, firstName=first, lastName=last).name == name


def test_names_that_are_both_null_are_omitted():
    """The portal shows neither part, so a plan cannot compare them."""
    values = live(firstName=None, lastName=None).values
    assert not {"firstName", "lastName"} & set(values)


@pytest.mark.parametrize(("first", "last"), [("Ana", None), (None, "Rusu"), ("", "")])
def test_one_name_that_is_null_is_empty(first, last):
    """If the portal shows one part, the other is empty."""
    values = live(firstName=first, lastName=last).values
    assert (values["firstName"], values["lastName"]) == (first, last)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("active", "active"),
        ("inactive", "inactive"),
        ("archived", "inactive"),
        ("invited", "invited"),
        (None, None),
    ],
)
def test_statuses(status, shown):
    """`archived` counts as `inactive`, since both hide the agent; others are unchanged."""
    assert live(status=status).values["status"] == shown


@pytest.mark.parametrize("name", ["phone", "email", "linkedinAddress", "nationality", "name"])
def test_empty_text_is_null(name):
    """Empty and null are the same."""
    field = next(row.name for row in module.PUBLIC if row.on_wire == name)
    assert live(public={name: ""}).values[field] is None


def test_unknown_language_is_its_number():
    """A number that is not in the reference; a value that is already a code stays."""
    assert live(public={"spokenLanguages": [6, 17, "en"]}).values["spokenLanguages"] == [
        "ru",
        17,
        "en",
    ]


@pytest.mark.parametrize(
    ("shown", "values"),
    [
        ({"primary": "P", "secondary": "S"}, {"bio.primary": "P", "bio.secondary": "S"}),
        ({"primary": "P", "secondary": None}, {"bio.primary": "P", "bio.secondary": ""}),
        ({"secondary": "S"}, {"bio.primary": "", "bio.secondary": "S"}),
        ({}, {"bio.primary": "", "bio.secondary": ""}),
        ("P", {"bio.primary": "P"}),
        ("", {"bio.primary": ""}),
        (None, {"bio.primary": "", "bio.secondary": ""}),
    ],
    ids=str,
)
def test_texts_are_read_by_language(shown, values):
    """A string is the first language and says nothing about the second."""
    agent = live(public={"bio": shown})
    assert {path: text for path, text in agent.values.items() if path.startswith("bio")} == values


def test_null_text_among_strings_is_the_first_language():
    """Another user, or another text, shows which format the portal uses."""
    portal = finder()
    listing, _ = read(
        portal,
        users=[
            person(1, public={"bio": None}),
            person(2, public={"bio": "text", "position": None}),
        ],
    )
    assert portal.forms.shows_plain is True
    assert [
        [path for path in agent.values if path.startswith("bio")] for agent in listing.agents
    ] == [
        ["bio.primary"],
        ["bio.primary"],
    ]
    assert listing.agents[1].values["position.primary"] == ""
    read(portal, users=[person(1)])
    assert portal.forms.shows_plain is False


def test_null_texts_do_not_change_the_known_format():
    """They do not show which format the portal uses."""
    empty = person(1, public={"bio": None, "position": None})
    for plain in (None, True, False):
        portal = finder()
        portal.forms.shows_plain = plain
        read(portal, users=[empty])
        assert portal.forms.shows_plain is plain


SIGNED = "https://cdn.example/5/{}.webp?Expires={}&Signature=x{}#top"


def variants(seed, *sizes):
    """Pictures whose URLs have a new signature each time."""
    return {
        "list": [{"url": SIGNED.format(size, seed, seed), "width": 10} for size in sizes],
        "main": SIGNED.format("main", seed, seed),
    }


def test_fingerprint_of_a_picture_ignores_signatures():
    """The query is not part of it, at any depth; the rest of each URL is."""
    one, two = (live(public={"imageVariants": variants(seed, "s", "l")}) for seed in (1, 2))
    other = live(public={"imageVariants": variants(1, "s", "x")})
    assert one.values["avatar"] == two.values["avatar"] != other.values["avatar"]
    assert re.fullmatch("[0-9a-f]{8}", one.values["avatar"]["id"])
    assert one.values["avatar"]["id"] != other.values["avatar"]["id"]


def test_shown_picture_contains_no_signature():
    """A signature grants access, so it must not appear in a plan."""
    shown = live(public={"imageVariants": variants(1, "s")}).values["avatar"]
    assert "Signature" not in repr(shown)


def test_order_of_variants_is_ignored():
    """The keys of an object have no order."""
    one = live(public={"imageVariants": {"a": "https://x/1", "b": "https://x/2"}})
    two = live(public={"imageVariants": {"b": "https://x/2", "a": "https://x/1"}})
    assert one.values["avatar"] == two.values["avatar"]


@pytest.mark.parametrize("odd", ["https://[::1?x", "text?", 5, True, ["a", None], {"a": {"b": 1}}])
def test_undocumented_pictures_have_a_fingerprint(odd):
    """Any value is accepted without an error."""
    first, again = (live(public={"imageVariants": odd}).values["avatar"] for _ in range(2))
    assert first == again
    assert first != live(public={"imageVariants": "other"}).values["avatar"]


@pytest.mark.parametrize("nothing", [None, {}, [], "", 0])
def test_empty_variants_are_no_picture(nothing):
    """Nothing to show means no picture."""
    assert live(public={"imageVariants": nothing}).values["avatar"] is None


NO_USER = [None, "Ivan", [], {}, {"id": None}, {"id": "5"}, {"id": True}, {"id": 5.0}, {"id": [5]}]


@pytest.mark.parametrize("wrong", NO_USER, ids=str)
def test_user_without_an_id_is_an_error(wrong):
    """A user is never omitted silently."""
    with pytest.raises(PortalError, match="without an id"):
        play(reading(finder()), (LIST, page(person(7), wrong)))


ODD = {
    "firstName": [5, {}],
    "lastName": [["a"]],
    "email": [5, {}],
    "mobile": [37369000005],
    "status": [True, 1],
    "roleId": ["3", 3.0, {"id": 3}, True],
    "publicProfile": [[], "x", 5],
}
ODD_PUBLIC = {
    "id": [None, {}, 1.5, True],
    "name": [5],
    "email": [["a"]],
    "phone": [37322123456],
    "phoneSecondary": [1],
    "whatsappPhone": [{}],
    "linkedinAddress": [{"url": "x"}],
    "nationality": [498],
    "bio": [5, ["a"], {"primary": 5}, {"primary": "a", "secondary": ["b"]}],
    "position": [True, {"secondary": {}}],
    "experienceSince": ["2012", 2012.0, True],
    "spokenLanguages": ["en", {"1": True}, [{"id": 1}], [1, None], [[1]], [1.0], [True]],
}


@pytest.mark.parametrize(
    ("name", "odd"), [(name, odd) for name, values in ODD.items() for odd in values], ids=str
)
def test_undocumented_attribute_is_an_error(name, odd):
    """A PortalError, neither a guess nor a crash."""
    message = f"Property Finder shows {name} of user 5 in an undocumented format. Run again; if it persists, report it to the portal."
    with pytest.raises(PortalError) as caught:
        live(**{name: odd})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "odd"), [(name, odd) for name, values in ODD_PUBLIC.items() for odd in values], ids=str
)
def test_undocumented_public_attribute_is_an_error(name, odd):
    """The message names its path."""
    message = f"Property Finder shows publicProfile.{name} of user 5 in an undocumented format. Run again; if it persists, report it to the portal."
    with pytest.raises(PortalError) as caught:
        live(public={name: odd})
    assert str(caught.value) == message


def test_profile_without_an_id_is_an_error():
    """Without it no request can change the public part."""
    without = {name: value for name, value in profile(5).items() if name != "id"}
    with pytest.raises(PortalError, match=r"publicProfile\.id of user 5"):
        live(publicProfile=without)


def test_all_problems_of_a_user_are_reported_together():
    """In one error."""
    with pytest.raises(PortalError, match=re.escape("shows email, roleId, publicProfile.phone of")):
        live(email=5, roleId="3", public={"phone": 5})


@settings(deadline=None, max_examples=150, database=None)
@given(
    st.dictionaries(st.sampled_from(list(person(5))), JSON, max_size=3),
    st.dictionaries(st.sampled_from(list(profile(5))), JSON, max_size=3),
)
def test_any_user_is_read_or_rejected(more, public):
    """Any JSON in any attribute leads to a live agent or a PortalError."""
    try:
        agent = read_user({**person(5, public=public), **more}, plain=None)
    except PortalError:
        return
    assert type(agent.id) is int
    assert {type(value) for value in agent.values.values()} <= {str, int, dict, list, type(None)}
