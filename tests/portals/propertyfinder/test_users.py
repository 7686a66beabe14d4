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
from reconciler.portals.propertyfinder.read import day
from reconciler.portals.propertyfinder.read import live as read_user

from .build import (
    HIDDEN,
    INACTIVE,
    JSON,
    LIST,
    NEW,
    finder,
    older,
    page,
    person,
    planned,
    profile,
    read,
    wanted,
)


@pytest.mark.parametrize(
    ("verification", "notice"),
    [
        ({"status": "pending"}, "not visible yet: verification pending"),
        ({"status": "rejected"}, "not visible yet: verification rejected"),
        ({"status": "verified"}, ""),
        ({"status": "new"}, ""),
        ({}, ""),
        (None, ""),
        ("pending", ""),
    ],
)
def test_a_profile_that_is_not_verified_is_noted(verification, notice):
    """It is no value: no file declares it."""
    agent = live(public={"verification": verification})
    assert agent.notice == notice
    assert not any("verification" in path for path in agent.values)


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
            "imageVariants": {"large": {"default": "https://cdn.example/5.webp"}},
            "compliances": [
                {
                    "type": "brn",
                    "value": "12345",
                    "status": "active",
                    "expiryDate": "2027-01-31T00:00:00+04:00",
                    "reason": None,
                },
                {"type": "fal", "value": "6", "status": "rejected", "expiryDate": None},
            ],
        },
    )
    agent = read_user(shown, plain=None)
    picture = agent.values["avatar"]
    values = {
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
        "compliances": [
            {"type": "brn", "value": "12345", "expiryDate": "2027-01-31"},
            {"type": "fal", "value": "6"},
        ],
    }
    identity = {"id": 5, "email": "user-5@agency.example", "mobile": "+373 69 000 005"}
    aliases = {"publicProfileId": 905}
    assert agent == Live("propertyfinder", 5, "Name 5", identity, values, aliases)
    assert picture["id"]


def test_every_attribute_is_read():
    """The values of a user cover the whole table of attributes, but for those that are hidden."""
    shown = {path.partition(".")[0] for path in live().values}
    assert {each.name for each in module.FIELDS} - shown == {*HIDDEN}
    assert {each.name for each in module.FIELDS if each.hidden} == {*HIDDEN}
    user = read_user(older(5), plain=None)
    assert {path.partition(".")[0] for path in user.values} == {each.name for each in module.FIELDS}


def test_the_older_shape_of_a_user():
    """Doubt 3: the number of the role, the values that are hidden otherwise, and null for what is
    not set."""
    values = read_user(older(5), plain=None).values
    assert (values["roleId"], values["spokenLanguages"]) == (3, ["en", "ro"])
    assert (values["experienceSince"], values["nationality"]) == (2012, "MD")
    unset = {values[name] for name in ("phoneSecondary", "whatsappPhone", "linkedinAddress")}
    assert unset | {values["avatar"]} == {None}


def test_a_portal_that_shows_a_hidden_value_of_someone_shows_it_of_all():
    """What it omits is then not set; what it shows of nobody is unknown."""
    portal = finder()
    listing, _ = read(portal, users=[person(1), person(2, public={"nationality": "MD"})])
    assert [agent.values.get("nationality", "?") for agent in listing.agents] == [None, "MD"]
    assert not any("spokenLanguages" in agent.values for agent in listing.agents)
    listing, _ = read(portal, users=[person(1)])
    assert listing.agents[0].values["nationality"] is None


def test_a_user_without_a_profile_has_no_hidden_value():
    """Nothing can be set."""
    assert live(publicProfile=None).values["spokenLanguages"] == []


def test_inactive_users_are_requested_if_the_list_omits_them():
    """Doubt 7: only if a declared user is missing and no listed one is inactive; from then on, every
    time."""
    portal, off = finder(), person(5, status="inactive")
    (listing, _), _ = play(portal.read((wanted(),)), (LIST, page(person(1))), (INACTIVE, page(off)))
    assert [agent.id for agent in listing.agents] == [1, 5]
    (listing, _), _ = play(portal.read(()), (LIST, page(person(1))), (INACTIVE, page(off, total=2)))
    assert ([agent.id for agent in listing.agents], listing.complete) == ([1, 5], False)
    for users in ([person(5)], [person(1), person(6, status="inactive")]):
        (listing, _), _ = play(finder().read((wanted(),)), (LIST, page(*users)))
        assert len(listing.agents) == len(users)


def test_a_declared_login_may_be_an_inactive_users():
    """In any letter case."""
    declared = Desired(
        "propertyfinder", "a", Source("a.yaml", 1), {"email": "User-1@Agency.example"}, {}
    )
    (listing, _), _ = play(finder().read((declared,)), (LIST, page(person(1))))
    assert len(listing.agents) == 1
    (listing, _), _ = play(
        finder().read((declared,)), (LIST, page(person(2))), (INACTIVE, page(person(1)))
    )
    assert len(listing.agents) == 2


@pytest.mark.parametrize(
    ("shown", "date"),
    [
        ("2027-01-31T00:00:00Z", "2027-01-31"),
        ("2027-01-31T00:00:00+04:00", "2027-01-31"),
        ("2027-01-31T04:00:00+04:00", "2027-01-31"),
        ("2027-01-30T19:00:00-05:00", "2027-01-31"),
        ("2027-01-31T23:59:59+04:00", "2027-01-31"),
        ("2027-01-31T09:54:18.123Z", "2027-01-31"),
        ("2027-01-31", "2027-01-31"),
        ("0001-01-01T00:00:00+04:00", "0001-01-01"),
        ("soon", "soon"),
    ],
)
def test_the_day_of_a_time(shown, date):
    """The day that was sent, in whatever zone it is shown."""
    assert day(shown) == date


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
    """A number that is not in the reference; a value that is already a code stays, and a language
    without a code is its name."""
    shown = live(public={"spokenLanguages": [6, 17, 99, "en"]}).values["spokenLanguages"]
    assert shown == ["ru", "Other", 99, "en"]


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


@pytest.mark.parametrize("odd", ["https://[::1?x", "text?", ["a", None], {"a": {"b": "c"}}])
def test_undocumented_pictures_have_a_fingerprint(odd):
    """Any value is accepted without an error."""
    first, again = (live(public={"imageVariants": odd}).values["avatar"] for _ in range(2))
    assert first == again
    assert first != live(public={"imageVariants": "other"}).values["avatar"]


@pytest.mark.parametrize(
    "nothing",
    [None, {}, [], "", 0, {"large": None}, {"large": {"default": None, "jpg": None, "webp": None}}],
)
def test_empty_variants_are_no_picture(nothing):
    """Without any address, there is no picture."""
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
