"""The cards: what visitors see, with the changes laid over what is live."""

from __future__ import annotations

import pytest

from reconciler.core.fields import canonical
from reconciler.core.model import Change, Entry
from reconciler.portals.propertyfinder.read import picture
from reconciler.portals.propertyfinder.table import PUBLIC
from reconciler.render.card import address, cards


def both(live, *changes, number=7, actions=("update",), **more):
    """Both sides of an agent's card."""
    entry = Entry("p", "a", number, "Name", None, None, actions, changes, None, "", live)
    return cards(entry, {}, **more)


def texts(card):
    """The texts of a card by path, as they are."""
    return {spot.path: spot.value for spot in card.texts}


def changed(card):
    """The paths that are marked on a card."""
    spots = (card.name, card.picture, *card.texts, *card.lines, *card.switches)
    return [spot.path for spot in spots if spot.changed]


def test_one_string_takes_the_place_of_languages():
    """And all of them are marked."""
    live = {"description.ru": "Р", "description.en": "E", "bio.primary": ""}
    seen = both(live, Change("description", {"ru": "Р", "en": "E"}, "One"))
    assert texts(seen.before) == {"description.ru": "Р", "description.en": "E"}
    assert texts(seen.after) == {"description": "One"}
    assert changed(seen.before) == ["description.ru", "description.en"]
    assert changed(seen.after) == ["description"]


def test_a_language_takes_the_place_of_one_string():
    """The one text is shown before, also if the change names each language."""
    seen = both({"description": "One"}, Change("description.ru", "One", "Р"))
    assert texts(seen.before) == {"description": "One"}
    assert texts(seen.after) == {"description.ru": "Р"}
    assert changed(seen.before) == ["description"]
    seen = both({"description": None}, Change("description.ru", None, "Р"))
    assert texts(seen.before) == {"description.ru": None}
    assert changed(seen.before) == ["description.ru"]


def test_what_is_remembered_is_seen_before():
    """The portal shows one string, and the ledger knows what a language had."""
    seen = both({"description": "One"}, Change("description.ru", "Old", "New"))
    assert texts(seen.before) == {"description": "One", "description.ru": "Old"}
    assert texts(seen.after) == {"description.ru": "New"}


def test_both_sides_have_the_same_order():
    """Whatever changes stands where it stood."""
    live = {"bio.primary": "A", "bio.secondary": "B", "phone": "1", "zeta": "z", "alpha": "a"}
    seen = both(live, Change("alpha", "a", "b"), Change("bio.primary", "A", "C"))
    for card in (seen.before, seen.after):
        assert [spot.path for spot in card.texts] == ["bio.primary", "bio.secondary"]
        assert [spot.path for spot in card.lines] == ["phone", "zeta", "alpha"]
    assert changed(seen.after) == ["bio.primary", "alpha"]


def test_fields_that_are_not_known_are_seen_by_what_they_look_like():
    """A portal that comes later needs no word here: texts in parts, switches, lines."""
    live = {"slogan.ka": "ა", "slogan.ru": None, "shows.map": True, "floor": 3}
    card = both(live, Change("floor", 3, 4)).after
    assert [(spot.label, spot.language, spot.value) for spot in card.texts] == [
        ("slogan", "ka", "ა")
    ]
    assert [(spot.label, spot.value) for spot in card.switches] == [("map", True)]
    assert [(spot.label, spot.value) for spot in card.lines] == [("floor", 4)]


def test_a_change_that_is_not_public_is_on_no_card():
    """Whatever its name: whether visitors see a value is specified in the portal's field table."""
    seen = both(
        {"name": "N"},
        Change("externalId", "a", "b", public=False),
        Change("description.ru", "a", "b", public=False),
    )
    assert seen.same
    assert seen.private == {"externalId", "description.ru"}
    shown = both({"name": "N"}, Change("name", "N", "M"), Change("roleId", 1, 2))
    assert not shown.same
    assert changed(shown.after) == ["name", "roleId"]
    assert not both({}, Change("name", None, "N"), number=None, actions=("create",)).same


def test_drift_has_the_file_first():
    """Then what the portal shows; who is off in the file alone is on no first card."""
    live = {"name": "Portal", "bio.primary": "Same"}
    seen = both(live, Change("name", "Portal", "File"), drift=True)
    assert (seen.before.name.value, seen.after.name.value) == ("File", "Portal")
    off = Change("status", "active", "inactive", public=False)
    seen = both(live, off, actions=("deactivate",), drift=True)
    assert seen.before is None
    assert seen.after.name.value == "Portal"


def test_a_rewritten_text_is_marked_as_such():
    """It has no word diff; an edited one has."""
    old = "Sells flats in the city since 2012, and houses too."
    new = "On holiday until September: call the office, please."
    seen = both({"bio.primary": old}, Change("bio.primary", old, new))
    assert seen.after.texts[0].rewritten
    assert not seen.after.texts[0].pieces
    seen = both({"bio.primary": old}, Change("bio.primary", old, old + " Call!"))
    assert not seen.after.texts[0].rewritten
    assert seen.after.texts[0].pieces


def test_what_is_hidden_is_revealed_on_a_card():
    """In a value that changes; what does not change is as it is."""
    live = {"name": "A\u00a0B", "phone": "1\u00a02"}
    seen = both(live, Change("name", "A\u00a0B", "C\u00a0D"))
    assert seen.after.name.value == "C·D"
    assert seen.after.lines[0].value == "1\u00a02"


def test_an_agent_in_brief_is_what_changes():
    """But for one who is new, all of whom is."""
    live = {"name": "N", "bio.primary": "A", "phone": "1"}
    card = both(live, Change("phone", "1", "2"), brief=True).after
    assert (card.name.value, card.texts, len(card.lines)) == ("N", (), 1)
    new = both({}, Change("phone", None, "2"), number=None, actions=("create",), brief=True)
    assert new.before is None
    assert len(new.after.lines) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://a.md/a.jpg",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "//a.md/a.jpg",
        "https://localhost/a.jpg",
        "https://intranet/a.jpg",
        "https://127.0.0.1/a.jpg",
        "https://[::1]/a.jpg",
        "https://[/a.jpg",
        "https://user:pass@a.md/a.jpg",
        "https://a.md:8443/a.jpg",
        "https://a.md:x/a.jpg",
        "https://a.md/a b.jpg",
        "https://a.md/\n.jpg",
        "https://a.md\u3002/a.jpg",
        "https://a.md/" + "a" * 3000,
        "",
        None,
        5,
    ],
)
def test_a_picture_is_looked_at_on_the_public_web_alone(url):
    """No other scheme, no address of the reader's own network, nothing that is no address."""
    assert address({"id": 1, "url": url}) is None
    assert address({"id": 1, "variants": [{"url": url}, url], "url": url}) is None


def test_where_a_picture_is():
    """On the portal first, in whatever form it lists its variants; else where the file says."""
    shown, declared = "https://cdn.example.com/5/128.webp", "https://agency.example:443/a.jpg?b=1"
    assert address({"variants": [{"url": shown, "variantSize": "128"}], "url": declared}) == shown
    assert address({"variants": {"default": {"url": shown}}}) == shown
    assert address({"id": 5, "variants": 7, "url": declared}) == declared
    assert address({"id": 5}) is None
    assert address(None) is None
    assert address(shown) is None


def test_the_picture_before_is_the_portals():
    """With the address that is remembered of it, where the portal shows none."""
    live = {"avatar": {"id": 5, "variants": []}}
    before = both(live, Change("avatar", {"id": 5, "url": "https://a.md/a.jpg"}, None)).before
    assert address(before.picture.value) == "https://a.md/a.jpg"
    assert both({}, Change("avatar", {"id": 5}, None)).before.picture.value == {"id": 5}


def test_a_portal_that_says_no_source_shows_its_pictures():
    """Property Finder's variants have addresses: without what may be signed anew at each reading,
    and beside the fingerprint that alone is compared."""
    variants = [
        {"default": {"url": f"https://cdn.example.com/1.webp?signed={number}"}} for number in (1, 2)
    ]
    one, other = map(picture, variants)
    assert one == other
    assert address(one) == "https://cdn.example.com/1.webp"
    assert canonical(next(row.field for row in PUBLIC if row.name == "avatar"), one) == {
        "id": one["id"]
    }
    assert picture({}) is None
