"""Property Finder: from a user's JSON to a live agent."""

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

from .talk import JSON, LIST, NEW, finder, page, person, planned, profile, read


def live(portal=None, **more):
    """A user with these attributes, as we see it."""
    plain = portal and portal.forms.shows_plain
    return read_user(person(5, **more), plain=plain)


def test_a_user_is_shown_in_the_words_of_the_file():
    """Identity, values by path, the public profile's id as an alias."""
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


def test_every_attribute_is_shown():
    """What the table of attributes has is what a user is compared by."""
    shown = {path.partition(".")[0] for path in live().values}
    assert shown == {each.name for each in module.FIELDS}


def test_what_a_user_lacks_is_nothing():
    """A user of an id and a login alone can be read."""
    agent = read_user({"id": 5, "email": "a@b.example"}, plain=None)
    assert (agent.name, agent.aliases) == ("", {})
    assert agent.identity == {"id": 5, "email": "a@b.example"}
    assert {agent.values[path] for path in ("mobile", "status", "roleId", "phone")} == {None}
    assert agent.values["bio.primary"] == agent.values["bio.secondary"] == ""
    assert agent.values["spokenLanguages"] == []


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "empty"])
def test_no_mobile_is_no_identity(nothing):
    """Neither null nor an empty string is anybody's mobile."""
    assert set(live().identity) == {"id", "email", "mobile"}
    assert set(live(mobile=nothing).identity) == {"id", "email"}


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "empty"])
def test_a_user_without_a_login_is_an_error(nothing):
    """Were it none, everybody would seem to be new, and be created once more."""
    with pytest.raises(PortalError, match="shows email of user 5"):
        live(email=nothing)


def test_the_mobile_of_somebody_undeclared_stops_a_creation_and_finds_nobody():
    """However it is spaced: the person may be there by another address."""
    portal = finder()
    identity = {"email": NEW["email"], "mobile": "+37369000001"}
    ana = Desired("propertyfinder", "new", Source("agents/new.yaml", 1), identity, dict(NEW))
    listing, _ = read(portal, users=[person(5, mobile="+373 69 000-001")])
    made = planned(portal, listing, ana)
    assert [each.id for each in made.conflicts[0].candidates] == [5]
    assert (made.operations, made.matches) == ((), ())
    listing, _ = read(portal, users=[person(5)])
    assert [each.verb for each in planned(portal, listing, ana).operations] == ["create"]


def test_a_user_without_a_public_profile_has_nothing_public():
    """There is no alias, and the full name is the private one."""
    agent = live(publicProfile=None)
    assert (agent.name, agent.aliases) == ("First Last 5", {})
    assert {agent.values[name] for name in ("name", "publicEmail", "avatar", "nationality")} == {
        None
    }


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [("Ana", None, "Ana"), (None, "Rusu", "Rusu"), ("", "", ""), (None, None, "")],
)
def test_the_name_of_who_has_no_public_one(first, last, name):
    """What there is of the two names."""
    assert live(publicProfile=None, firstName=first, lastName=last).name == name


def test_names_that_are_both_null_are_not_shown_at_all():
    """A portal with one name keeps neither part: no plan can say that they differ."""
    values = live(firstName=None, lastName=None).values
    assert not {"firstName", "lastName"} & set(values)


@pytest.mark.parametrize(("first", "last"), [("Ana", None), (None, "Rusu"), ("", "")])
def test_one_name_that_is_null_is_missing(first, last):
    """Where one part is shown, the other is nothing."""
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
def test_a_status_is_active_inactive_or_what_it_says(status, shown):
    """Archived is off all listings as inactive is."""
    assert live(status=status).values["status"] == shown


@pytest.mark.parametrize("name", ["phone", "email", "linkedinAddress", "nationality", "name"])
def test_an_empty_text_is_nothing(name):
    """Empty and null are not two things."""
    field = next(row.name for row in module.PUBLIC if row.on_wire == name)
    assert live(public={name: ""}).values[field] is None


def test_a_language_without_a_code_is_its_number():
    """A number that the reference does not have, and a code that stands there already."""
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
def test_a_text_is_shown_by_language_as_far_as_it_is(shown, values):
    """A string is the first language, and says nothing of the other."""
    agent = live(public={"bio": shown})
    assert {path: text for path, text in agent.values.items() if path.startswith("bio")} == values


def test_null_says_nothing_of_the_other_language_where_texts_are_strings():
    """Another user, or another text, shows which form the portal has."""
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


def test_a_page_of_nulls_leaves_the_form_of_texts_as_it_was():
    """Nothing is learned from nothing."""
    nobody = person(1, public={"bio": None, "position": None})
    for plain in (None, True, False):
        portal = finder()
        portal.forms.shows_plain = plain
        read(portal, users=[nobody])
        assert portal.forms.shows_plain is plain


SIGNED = "https://cdn.example/5/{}.webp?Expires={}&Signature=x{}#top"


def variants(seed, *sizes):
    """Pictures at addresses that are signed anew each time."""
    return {
        "list": [{"url": SIGNED.format(size, seed, seed), "width": 10} for size in sizes],
        "main": SIGNED.format("main", seed, seed),
    }


def test_a_picture_is_the_same_however_its_addresses_are_signed():
    """The query is not part of the fingerprint, at any depth; the rest of the address is."""
    one, two = (live(public={"imageVariants": variants(seed, "s", "l")}) for seed in (1, 2))
    other = live(public={"imageVariants": variants(1, "s", "x")})
    assert one.values["avatar"] == two.values["avatar"] != other.values["avatar"]
    assert re.fullmatch("[0-9a-f]{8}", one.values["avatar"]["id"])
    assert one.values["avatar"]["id"] != other.values["avatar"]["id"]


def test_no_signature_is_in_what_is_shown_of_a_picture():
    """What a signed query grants is nobody's who reads a plan."""
    shown = live(public={"imageVariants": variants(1, "s")}).values["avatar"]
    assert "Signature" not in repr(shown)


def test_the_order_of_variants_says_nothing():
    """An object's keys are a set."""
    one = live(public={"imageVariants": {"a": "https://x/1", "b": "https://x/2"}})
    two = live(public={"imageVariants": {"b": "https://x/2", "a": "https://x/1"}})
    assert one.values["avatar"] == two.values["avatar"]


@pytest.mark.parametrize("odd", ["https://[::1?x", "text?", 5, True, ["a", None], {"a": {"b": 1}}])
def test_an_odd_picture_is_a_picture(odd):
    """Whatever is shown has a fingerprint, and nothing is raised."""
    first, again = (live(public={"imageVariants": odd}).values["avatar"] for _ in range(2))
    assert first == again
    assert first != live(public={"imageVariants": "other"}).values["avatar"]


@pytest.mark.parametrize("nothing", [None, {}, [], "", 0])
def test_no_variants_are_no_picture(nothing):
    """Nothing to show is none."""
    assert live(public={"imageVariants": nothing}).values["avatar"] is None


NO_USER = [None, "Ivan", [], {}, {"id": None}, {"id": "5"}, {"id": True}, {"id": 5.0}, {"id": [5]}]


@pytest.mark.parametrize("wrong", NO_USER, ids=str)
def test_a_user_without_an_id_is_an_error(wrong):
    """Who has no id cannot be told from others, and nobody is left out silently."""
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
def test_an_attribute_that_is_not_as_documented_is_an_error(name, odd):
    """Another shape than the documented one is a PortalError, not a guess and not a crash."""
    said = f"Property Finder shows {name} of user 5 in an undocumented format. Run again; if it persists, report it to the portal."
    with pytest.raises(PortalError) as caught:
        live(**{name: odd})
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("name", "odd"), [(name, odd) for name, values in ODD_PUBLIC.items() for odd in values], ids=str
)
def test_a_public_attribute_that_is_not_as_documented_is_an_error(name, odd):
    """It is said where it stands."""
    said = f"Property Finder shows publicProfile.{name} of user 5 in an undocumented format. Run again; if it persists, report it to the portal."
    with pytest.raises(PortalError) as caught:
        live(public={name: odd})
    assert str(caught.value) == said


def test_a_profile_without_an_id_is_an_error():
    """Without it no change of the public part has an address."""
    without = {name: value for name, value in profile(5).items() if name != "id"}
    with pytest.raises(PortalError, match=r"publicProfile\.id of user 5"):
        live(publicProfile=without)


def test_all_that_is_wrong_with_a_user_is_told_together():
    """One look at the portal's answer is enough."""
    with pytest.raises(PortalError, match=re.escape("shows email, roleId, publicProfile.phone of")):
        live(email=5, roleId="3", public={"phone": 5})


@settings(deadline=None, max_examples=150, database=None)
@given(
    st.dictionaries(st.sampled_from(list(person(5))), JSON, max_size=3),
    st.dictionaries(st.sampled_from(list(profile(5))), JSON, max_size=3),
)
def test_whatever_a_user_is_it_is_read_or_refused(more, public):
    """Any JSON in any attribute: an agent, or a PortalError."""
    try:
        agent = read_user({**person(5, public=public), **more}, plain=None)
    except PortalError:
        return
    assert type(agent.id) is int
    assert {type(value) for value in agent.values.values()} <= {str, int, dict, list, type(None)}
