"""Random worlds: live agents, the files of each round, and readings."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from reconciler.sandbox import propertyfinder
from reconciler.sandbox.readings import Limits, Readings

Agent = dict[str, Any]

NAMES = ("Ana", "Ana Rusu", "Иван", "Աննա", "n" * 60, 'O\'Neil "x"')
TEXTS = ("", "a", "A", "два слова", "a\nb", "x" * 50, "“”<&>|`@me")
PHONES = tuple(f"+373 69 {number:03d} {number:03d}" for number in range(111, 120))
NOTATIONS = (*PHONES, "069 111 111", "0037369112112")
COMPLIANCES = tuple(
    {"type": name, "value": "1", **dated}
    for name in ("brn", "fal")
    for dated in ({}, {"expiryDate": "2027-01-31"})
)
EXTERNAL = ("a", "b", "c", "d", "e", "a/b %?#", "ы")
LOGINS = tuple(f"{name}@agency.example" for name in ("a", "b", "c", "d+x", "E.e", "f", "g"))
LANGUAGES = ("ru", "en", "ro")
CHANNELS = ("contact_phone", "contact_whatsapp", "contact_viber", "contact_telegram")
PICTURES = tuple(f"https://agency.example/{name}.jpg" for name in "aы")
SOCIAL = {
    "instagram": (None, "https://instagram.com/a", "https://www.instagram.com/a/"),
    "youtube": (None, "https://youtube.com/@a", "https://youtube.com/@b"),
    "tiktok": (None, "https://tiktok.com/@a"),
}
LAST_ID = 50
FIXED = {"phone_on_existing", "avatar_ids"}
"""Open points of Rentix that keep their default: another reading of `avatar_ids` refuses a picture
whatever anyone does."""


@dataclass(frozen=True)
class World:
    """A world: the agents of both portals, their readings, the configuration and the files of each
    round."""

    rentix: list[Agent]
    propertyfinder: list[Agent]
    readings: Readings
    pf_readings: propertyfinder.Readings
    limits: Limits
    pf_limits: propertyfinder.Limits
    config: dict[str, Any]
    rounds: list[list[Agent]]


def world(random: Random) -> World:
    """A random world."""
    rentix, users = _rentix(random), _propertyfinder(random)
    readings = Readings(**_reading(random, Readings, FIXED))
    pf_readings = propertyfinder.Readings(**_reading(random, propertyfinder.Readings, set()))
    if random.random() < 0.5:
        pf_readings = propertyfinder.Readings(
            token_path=pf_readings.token_path, deactivate_by=pf_readings.deactivate_by
        )
    if pf_readings.texts_taken == "string":  # else an undeclared text would block the rest
        pf_readings = replace(pf_readings, texts="string")
    first = _files(random, rentix, users)
    rounds = [first, _edit(random, first, rentix, users)]
    portals = {
        "rentix": {
            "create": random.choice(("never", "upsert")),
            "bulk": random.choice((2, 5, 100)),
            "bulk_by": random.choice(("id", "id", "externalId")),
            "on_removed": random.choice(("report", "unlink")),
        },
        "propertyfinder": {
            "on_removed": random.choice(("report", "deactivate")),
            "token_path": pf_readings.token_path,
            "deactivate_by": pf_readings.deactivate_by,
        },
    }
    return World(
        rentix,
        users,
        readings,
        pf_readings,
        Limits(
            bulk_limit=random.choice((2, 3, 100)),
            page_size=random.choice((2, 50)),
            import_reads=random.choice((1, 3)),
        ),
        propertyfinder.Limits(
            token_lifetime=random.choice((1800, 20)),
            import_reads=random.choice((1, 3)),
            import_time=random.choice((1.0, 600.0)),
        ),
        {"version": 1, "portals": portals},
        rounds,
    )


def _reading(random: Random, kind: Any, fixed: set[str]) -> dict[str, Any]:
    """A reading of each open point, mostly the default."""
    return {
        name: random.choice(values)
        for name, values in kind.choices().items()
        if name not in fixed and random.random() < 0.4
    }


def _rentix(random: Random) -> list[Agent]:
    """Up to seven live agents, each external id at most once; and one with a high id, so that new
    ids are not pinned by any file."""
    count = random.randint(0, 7)
    externals = random.sample(EXTERNAL, len(EXTERNAL))
    agents: list[Agent] = [
        {
            "id": number,
            "externalId": externals[number - 1] if random.random() < 0.6 else None,
            "name": random.choice(NAMES),
            "phone": random.choice(PHONES),
            "description": random.choice(
                (random.choice(TEXTS), {each: random.choice(TEXTS) for each in LANGUAGES})
            ),
            "avatar": random.choice(
                (None, {"id": random.randint(70, 72), "contentType": "image/jpeg", "variants": []})
            ),
            "settings": {
                "posting_type": "agent",
                **{each: random.random() < 0.7 for each in CHANNELS},
            },
            **{name: random.choice(values) for name, values in SOCIAL.items()},
        }
        for number in range(1, count + 1)
    ]
    return [*agents, {"id": LAST_ID}]


def _propertyfinder(random: Random) -> list[Agent]:
    """Up to six live users, most of them with a public profile; and one with a high id."""
    logins = random.sample(LOGINS, random.randint(0, 6))
    users: list[Agent] = [
        {
            "id": number,
            "email": login,
            "firstName": random.choice(NAMES),
            "lastName": random.choice(NAMES),
            "mobile": f"+373 60 000 {number:03d}",
            "roleId": random.randint(1, 4),
            "status": random.choice(("active", "active", "inactive")),
            "publicProfile": None if random.random() < 0.15 else _profile(random),
        }
        for number, login in enumerate(logins, 1)
    ]
    return [*users, {"id": LAST_ID}]


def _profile(random: Random) -> Agent:
    address = f"https://cdn.example/{random.randint(1, 2)}.webp"
    shown = [None, {"large": {"default": address, "jpg": None, "webp": address}}]
    return _some(
        random,
        **_public(random),
        email=random.choice(LOGINS),
        phone=random.choice(NOTATIONS),
        imageVariants=random.choice(shown),
        spokenLanguages=random.sample((1, 6, 34, 48), random.randint(0, 3)),
    )


def _public(random: Random) -> Agent:
    """The values that a public profile and a file have in common."""
    texts = random.choice(TEXTS), {"primary": random.choice(TEXTS)}
    pair = {"primary": random.choice(TEXTS), "secondary": random.choice(TEXTS)}
    return {
        "name": random.choice(NAMES),
        "whatsappPhone": random.choice((None, *NOTATIONS)),
        "bio": random.choice((*texts, pair)),
        "position": random.choice((*texts, pair)),
        "linkedinAddress": random.choice(
            (None, "https://linkedin.com/in/a", "https://linkedin.com/in/%D1%8B")
        ),
        "experienceSince": random.choice((None, 1999, 2012)),
        "nationality": random.choice((None, "MD", "RO")),
        "compliances": random.sample(COMPLIANCES, random.randint(0, 2)),
    }


def _some(random: Random, **values: Any) -> Agent:
    """Some of these values."""
    return {name: value for name, value in values.items() if random.random() < 0.5}


def _files(random: Random, rentix: list[Agent], users: list[Agent]) -> list[Agent]:
    """Up to seven declared agents; no two have an id or a login in common."""
    externals = random.sample(EXTERNAL, len(EXTERNAL))
    ids = random.sample(range(1, 9), 8)
    logins = random.sample(LOGINS, len(LOGINS))
    numbers = random.sample(range(1, 7), 6)
    declared = []
    for place in range(random.randint(1, len(EXTERNAL))):
        agent: Agent = {"externalId": externals[place]}
        if random.random() < 0.3:
            agent["id"] = ids[place]
            if random.random() < 0.3:
                del agent["externalId"]
        phones = [each["phone"] for each in rentix if "phone" in each]
        agent |= _some(random, phone=random.choice((*phones, *PHONES)))
        agent |= _values(random)
        if random.random() < 0.6:
            agent["propertyfinder"] = _section(random, logins.pop())
            if random.random() < 0.2 and numbers:
                agent["propertyfinder"]["id"] = numbers.pop()
        declared.append(agent)
    return declared


def _values(random: Random) -> Agent:
    """Values that a file can declare for Rentix."""
    texts = {each: random.choice(TEXTS) for each in random.sample(LANGUAGES, 2)}
    switches = {each: random.random() < 0.5 for each in random.sample(CHANNELS, 2)}
    picture = {"url": random.choice(PICTURES)}
    return _some(
        random,
        name=random.choice(NAMES),
        description=random.choice((random.choice(TEXTS), texts)),
        avatar=random.choice((None, picture, picture)),
        settings=switches,
        **{name: random.choice(values) for name, values in SOCIAL.items()},
    )


def _section(random: Random, login: str) -> Agent:
    """What a file declares for Property Finder: enough to create the user."""
    return {
        "email": login,
        "firstName": random.choice(NAMES[:4]),
        "lastName": random.choice(NAMES[:4]),
        "mobile": random.choice(PHONES),
        "roleId": random.choice((1, 2, 3, "Agent")),
        "name": random.choice(NAMES),
        **_some(random, **_public(random)),
        **_some(
            random,
            status=random.choice(("active", "active", "inactive")),
            avatar=random.choice((None, {"url": random.choice(PICTURES)})),
            spokenLanguages=random.choice((["en", "Romanian"], ["ru", "Berber"], [], None)),
        ),
        **({"phone": random.choice(NOTATIONS)} if random.random() < 0.9 else {}),
    }


def _edit(
    random: Random, files: list[Agent], rentix: list[Agent], users: list[Agent]
) -> list[Agent]:
    """The files after some edits: other values, external ids that change hands, agents that come
    and go."""
    if random.random() < 0.15:
        return _files(random, rentix, users)
    edited = [copy.deepcopy(each) for each in files if random.random() < 0.9]
    for agent in edited:
        if random.random() < 0.6:
            agent.update(_values(random))
        if "propertyfinder" in agent and random.random() < 0.5:
            agent["propertyfinder"] |= _some(random, **_public(random))
        if random.random() < 0.1:
            agent.pop("propertyfinder", None)
    named = [agent for agent in edited if "externalId" in agent]
    if random.random() < 0.4:
        names = [agent["externalId"] for agent in named]
        random.shuffle(names)
        for agent, name in zip(named, names, strict=True):
            agent["externalId"] = name
    return edited
