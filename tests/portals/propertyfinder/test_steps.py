"""Property Finder: from operations to requests."""

from __future__ import annotations

import pytest

from reconciler.core.model import (
    Request,
)

from .talk import POST, PRIVATE, PUBLIC, change, finder, newcomer, person, read


def lines(steps):
    """Method and path of each step."""
    return [f"{step.request.method} {step.request.path}" for step in steps]


def test_nothing_to_do_is_no_request():
    """No operation, no step."""
    assert finder().steps([]) == ()


def test_what_is_private_is_one_patch_of_the_user():
    """With what differs and nothing else; a role's number is text here."""
    (step,) = finder().steps([change(email="new@agency.example", roleId=7, mobile="+373 1")])
    body = {"email": "new@agency.example", "mobile": "+373 1", "roleId": "7"}
    assert step.request == Request("PATCH", "/v1/users/5", body)
    assert (step.id, step.kind, step.after) == ("r1", "update", ())


def test_what_is_public_is_one_patch_of_the_profile():
    """By the profile's own id, in the portal's words."""
    (step,) = finder().steps(
        [
            change(
                name="Ana",
                publicEmail="p@agency.example",
                avatar={"url": "https://a.example/a.jpg"},
                bio={"primary": "P", "secondary": "S"},
                experienceSince=2010,
                spokenLanguages=["ru", "yue"],
            )
        ]
    )
    body = {
        "name": "Ana",
        "email": "p@agency.example",
        "imageUrl": "https://a.example/a.jpg",
        "bio": {"primary": "P", "secondary": "S"},
        "experienceSince": 2010,
        "spokenLanguages": [6, 40],
    }
    assert step.request == Request("PATCH", "/v1/public-profiles/905", body)


def test_what_clears_a_public_value_is_null():
    """A picture, a link, a list: each in its own way of having nothing."""
    (step,) = finder().steps(
        [change(avatar=None, linkedinAddress=None, spokenLanguages=[], bio={"primary": ""})]
    )
    assert step.request.body == {
        "imageUrl": None,
        "linkedinAddress": None,
        "spokenLanguages": [],
        "bio": {"primary": ""},
    }


def test_both_parts_are_two_patches():
    """First the private one, which carries the name that others wait for."""
    both = change(email="new@agency.example", name="Ana", publicEmail="p@agency.example")
    steps = finder().steps([both])
    assert lines(steps) == [PRIVATE, PUBLIC]
    assert [step.request.body for step in steps] == [
        {"email": "new@agency.example"},
        {"name": "Ana", "email": "p@agency.example"},
    ]
    private, public = (step.operations[0] for step in steps)
    assert (private.name, public.name) == ("update:5", "update:5:public")
    assert (private.values, public.values) == (
        {"email": "new@agency.example"},
        {"name": "Ana", "publicEmail": "p@agency.example"},
    )
    assert (private.key, private.source, private.id) == (public.key, public.source, public.id)


def test_a_part_waits_for_what_frees_its_address():
    """The private part waits for the giver's; the public one for the private one, whose login may
    be refused as another's."""
    giver = change(6, email="six@agency.example", name="Six")
    taker = change(5, email="user-6@agency.example", name="Five", waits=("update:6",))
    creation = newcomer(email="user-5@agency.example", waits=("update:5",))
    steps = finder().steps([giver, taker, creation])
    assert lines(steps) == [
        "PATCH /v1/users/6",
        "PATCH /v1/public-profiles/906",
        PRIVATE,
        PUBLIC,
        POST,
    ]
    assert [step.after for step in steps] == [(), ("r1",), ("r1",), ("r3",), ("r3",)]


def test_the_public_part_waits_for_no_private_one_without_a_login():
    """One part that fails does not hold up the other."""
    private, public = finder().steps([change(6, firstName="Six", name="Six")])
    assert (private.after, public.after) == ((), ())


def test_a_wait_for_what_is_not_in_the_plan_is_no_after():
    """`after` names steps that are there."""
    (step,) = finder().steps([change(email="a@agency.example", waits=("update:9",))])
    assert step.after == ()


@pytest.mark.parametrize(
    ("by", "status", "body"),
    [
        ("isActive", "inactive", {"isActive": False}),
        ("isActive", "active", {"isActive": True}),
        ("status", "inactive", {"status": "inactive"}),
        ("status", "active", {"status": "active"}),
    ],
)
def test_an_agent_is_taken_off_and_on_as_configured(by, status, body):
    """By a switch or by a word; both in the private part."""
    verb = "deactivate" if status == "inactive" else "update"
    (step,) = finder(deactivate_by=by).steps([change(verb=verb, status=status)])
    assert step.request == Request("PATCH", "/v1/users/5", body)
    assert step.kind == verb


def test_an_agent_that_is_taken_off_and_changed_is_loud_once():
    """Only the part that takes the agent off the listings is called so."""
    steps = finder().steps([change(verb="deactivate", status="inactive", name="Ana")])
    assert [(step.kind, step.request.body) for step in steps] == [
        ("deactivate", {"isActive": False}),
        ("update", {"name": "Ana"}),
    ]


def test_a_creation_is_one_post_of_both_parts():
    """Exactly the vendor's body: the role as a number, languages as numbers, the picture by its
    address, the profile inside."""
    creation = newcomer(
        publicEmail="ana@public.example",
        phone="+373 22 1",
        phoneSecondary="+373 22 2",
        whatsappPhone="+373 69 3",
        avatar={"url": "https://a.example/ana.jpg"},
        bio={"primary": "P"},
        position={"primary": "A", "secondary": "B"},
        linkedinAddress="https://linkedin.com/in/ana",
        experienceSince=2012,
        nationality="MD",
        spokenLanguages=["en", "ro"],
    )
    (step,) = finder().steps([creation])
    assert step.request == Request(
        "POST",
        "/v1/users",
        {
            "email": "ana@agency.example",
            "firstName": "Ana",
            "lastName": "Rusu",
            "mobile": "+373 69 000 001",
            "roleId": 3,
            "publicProfile": {
                "name": "Ana Rusu",
                "email": "ana@public.example",
                "phone": "+373 22 1",
                "phoneSecondary": "+373 22 2",
                "whatsappPhone": "+373 69 3",
                "imageUrl": "https://a.example/ana.jpg",
                "bio": {"primary": "P"},
                "position": {"primary": "A", "secondary": "B"},
                "linkedinAddress": "https://linkedin.com/in/ana",
                "experienceSince": 2012,
                "nationality": "MD",
                "spokenLanguages": [1, 34],
            },
        },
    )
    assert step.kind == "create"


def test_texts_go_out_as_the_portal_shows_them():
    """Objects unless it shows strings; then the first language, unless there is something to say
    in the other too."""
    portal = finder()
    first = change(name="N", bio={"primary": "P"}, position={"primary": ""})
    both = change(bio={"primary": "P"}, position={"primary": "A", "secondary": "B"})
    bodies = [{**each.values} for each in (first, both)]
    assert [portal.steps([each])[0].request.body for each in (first, both)] == bodies
    read(portal, users=[person(1, public={"bio": "text"})])
    assert [portal.steps([each])[0].request.body for each in (first, both)] == [
        {"name": "N", "bio": "P", "position": ""},
        bodies[1],
    ]


def test_a_user_without_a_public_profile_can_have_no_public_change():
    """That is a conflict, with what to do; a private change, and a creation, are none."""
    refuses = finder().policy.refuses
    said = refuses(change(profile=False, name="Ana"))
    assert "has no public profile" in said
    assert "web interface" in said
    assert refuses(change(profile=False, mobile="+373 1", name="Ana")) is not None
    assert refuses(change(profile=False, mobile="+373 1", status="active")) is None
    assert refuses(change(name="Ana")) is None
    assert refuses(newcomer()) is None
