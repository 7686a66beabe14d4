"""Property Finder: from operations to requests."""

from __future__ import annotations

import pytest

from reconciler.core.model import (
    Request,
)

from .build import POST, PRIVATE, PUBLIC, change, finder, newcomer, person, read


def lines(steps):
    """Method and path of each step."""
    return [f"{step.request.method} {step.request.path}" for step in steps]


def test_no_operations_are_no_steps():
    """Nothing to do needs no request."""
    assert finder().steps([]) == ()


def test_private_values_are_one_patch_of_the_user():
    """With only the changed values; a role's number is sent as text."""
    (step,) = finder().steps([change(email="new@agency.example", roleId=7, mobile="+373 1")])
    body = {"email": "new@agency.example", "mobile": "+373 1", "roleId": "7"}
    assert step.request == Request("PATCH", "/v1/users/5", body)
    assert (step.id, step.kind, step.after) == ("r1", "update", ())


def test_public_values_are_one_patch_of_the_profile():
    """By the profile's id, in the portal's terms."""
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


def test_clearing_public_values():
    """A list and a text each have their own empty value; nothing else can be cleared."""
    (step,) = finder().steps([change(spokenLanguages=[], compliances=None, bio={"primary": ""})])
    assert step.request.body == {
        "spokenLanguages": [],
        "compliances": None,
        "bio": {"primary": ""},
    }


def test_addresses_are_sent_in_ascii():
    """Percent-encoded; what is encoded already stays."""
    picture = {"url": "https://agency.example/фото 1%20a.jpg?x=ș&y=1#я"}
    (step,) = finder().steps(
        [change(avatar=picture, linkedinAddress="https://linkedin.com/in/ион")]
    )
    assert step.request.body == {
        "imageUrl": "https://agency.example/%D1%84%D0%BE%D1%82%D0%BE%201%20a.jpg"
        "?x=%C8%99&y=1#%D1%8F",
        "linkedinAddress": "https://linkedin.com/in/%D0%B8%D0%BE%D0%BD",
    }


def test_languages_and_compliances_are_sent_as_numbers_and_objects():
    """A language by its number; a number that the portal showed stays."""
    number = {"type": "brn", "value": "12345", "expiryDate": "2027-01-31"}
    (step,) = finder().steps([change(spokenLanguages=["en", "Berber", 99], compliances=[number])])
    assert step.request.body == {"spokenLanguages": [1, 48, 99], "compliances": [number]}


def test_both_parts_are_two_patches():
    """First the private one, whose operation name others wait for."""
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


def test_part_waits_until_its_address_is_free():
    """The private part waits for the agent that gives up the e-mail; the public part waits for
    the private one, whose login may be rejected as taken."""
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


def test_public_part_without_a_login_does_not_wait():
    """A failing part does not block the other."""
    private, public = finder().steps([change(6, firstName="Six", name="Six")])
    assert (private.after, public.after) == ((), ())


def test_waits_for_missing_operations_are_dropped():
    """`after` names only steps that exist."""
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
def test_deactivation_and_activation_as_configured(by, status, body):
    """By `isActive` or by `status`; both in the private part."""
    verb = "deactivate" if status == "inactive" else "update"
    (step,) = finder(deactivate_by=by).steps([change(verb=verb, status=status)])
    assert step.request == Request("PATCH", "/v1/users/5", body)
    assert step.kind == verb


def test_only_the_deactivating_part_is_destructive():
    """The public part of the same operation is not."""
    steps = finder().steps([change(verb="deactivate", status="inactive", name="Ana")])
    assert [(step.kind, step.request.body) for step in steps] == [
        ("deactivate", {"isActive": False}),
        ("update", {"name": "Ana"}),
    ]


def test_creation_is_one_post_of_both_parts():
    """In the vendor's documented form: the role and the languages as numbers, the picture by
    URL, the profile inside."""
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


def test_texts_are_sent_in_the_format_that_the_portal_shows():
    """As objects unless it shows strings; then the first language alone, unless the second is
    declared too."""
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


def test_public_change_without_a_profile_is_a_conflict():
    """The message explains the fix; a private change and a creation are possible."""
    refuses = finder().policy.refuses
    message = refuses(change(profile=False, name="Ana"))
    assert "has no public profile" in message
    assert "web interface" in message
    assert refuses(change(profile=False, mobile="+373 1", name="Ana")) is not None
    assert refuses(change(profile=False, mobile="+373 1", status="active")) is None
    assert refuses(change(name="Ana")) is None
    assert refuses(newcomer()) is None
