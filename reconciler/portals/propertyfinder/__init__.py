"""Property Finder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, ClassVar

from reconciler.core.catalogue import Policy
from reconciler.core.conversation import Conversation
from reconciler.core.fields import Field, Identifier, mailbox
from reconciler.core.model import Desired, Listing, Live, Operation, RateLimit, Response, Session
from reconciler.core.pictures import PictureRules
from reconciler.documents.parts import Part
from reconciler.portals.propertyfinder import config, listings, read, table
from reconciler.portals.propertyfinder.declared import PART
from reconciler.portals.propertyfinder.write import Writer


@dataclass
class PropertyFinder(Writer):
    """The portal in one run; the writer has its section of the configuration. `roles` are the
    portal's roles by number, once they were read; `shown_roles` those that users show."""

    hold: bool = False
    roles: dict[int, str] = field(default_factory=dict)
    shown_roles: dict[int, str] = field(default_factory=dict)

    name: ClassVar[str] = table.NAME
    part: ClassVar[Part] = PART
    settings: ClassVar[type[config.PropertyFinder]] = config.PropertyFinder
    fields: ClassVar[Sequence[Field]] = table.FIELDS
    identifiers: ClassVar[Sequence[Identifier]] = table.IDENTIFIERS
    pictures: ClassVar[PictureRules] = table.PICTURES
    secrets: ClassVar[Sequence[str]] = table.SECRETS
    account: ClassVar[None] = None

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return self.section.url.rstrip("/")

    @property
    def rate_limits(self) -> Sequence[RateLimit]:
        """The portal's limits: one for tokens, one for all requests."""
        return (
            RateLimit("all", table.REQUESTS_PER_MINUTE),
            RateLimit("token", table.TOKENS_PER_MINUTE, (("POST", self.section.token_path),)),
        )

    @property
    def policy(self) -> Policy:
        """What `portals.propertyfinder` allows."""
        return Policy(
            order=tuple(self.section.match),
            create=self.section.create == "always",
            recall="id" in self.section.match,
            needs=table.NEEDS,
            removal="deactivate" if self.section.on_removed == "deactivate" else None,
            off=table.OFF,
            hold=self.hold,
            refuses=self._refuses,
            names={"roleId": {**self.shown_roles, **self.roles}},
        )

    def _refuses(self, operation: Operation) -> str | None:
        """Why the portal would refuse an operation; None if it would not."""
        role = operation.values.get("roleId")
        if isinstance(role, str):
            return self._no_role(role)
        if operation.verb == "create":
            return _too_short(operation)
        public = any(name not in table.PRIVATE_NAMES for name in operation.values)
        if operation.id is not None and public and table.PROFILE not in operation.aliases:
            return (
                "has no public profile on the portal, and the API cannot add one to an existing "
                "user. Create it in the portal's web interface."
            )
        return None

    def _no_role(self, role: str) -> str:
        """Why a role's name does not identify one role."""
        numbers = [number for number, name in self.roles.items() if name == role]
        if numbers:
            several = ", ".join(map(str, sorted(numbers)))
            return (
                f"propertyfinder.roleId: the portal has {len(numbers)} roles {role}. Declare the "
                f"number of one: {several}."
            )
        if role.isdecimal():
            return f"propertyfinder.roleId: to declare a role by number, write {role} unquoted."
        names = sorted(self.roles.values())
        near = get_close_matches(role.casefold(), [name.casefold() for name in names], 1)
        alike = [name for name in names if name.casefold() in near]
        hint = f" Did you mean {alike[0]}?" if len(alike) == 1 else ""
        known = ", ".join(names) or "none"
        return f"propertyfinder.roleId: the portal has no role {role}.{hint} Its roles: {known}."

    def login(self, secrets: Mapping[str, str]) -> Conversation[Session | Response]:
        """A session with a token for the key and the secret."""
        return read.login(secrets, self.section.token_path)

    def look_up_account(self) -> Conversation[None]:
        """None: the portal does not report its account."""
        yield from ()

    def read(
        self, desired: tuple[Desired, ...]
    ) -> Conversation[tuple[Listing, tuple[Desired, ...]]]:
        """All users of the agency; `desired` with the numbers of the roles that it names."""
        if not self.roles and any(isinstance(each.values.get("roleId"), str) for each in desired):
            self.roles = yield from read.roles()
        users, complete = yield from read.pages()
        if self._omits_inactive(users, desired):
            inactive, whole = yield from read.pages(f"&{table.INACTIVE}")
            listed = len(users)
            users = list({user["id"]: user for user in (*users, *inactive)}.values())
            self.forms.omits_inactive |= len(users) > listed
            complete = complete and whole
        self.forms.learn(users)
        self.shown_roles = read.role_names(users)
        listing = Listing(tuple(map(self.live, users)), complete)
        return listing, tuple(map(self._with_number, desired)) if self.roles else desired

    def live_listings(self, agents: Sequence[Live]) -> Conversation[dict[str, int]]:
        """The number of live listings of each agent, if the key may read them."""
        return listings.live_listings(agents)

    def _omits_inactive(
        self, users: Sequence[Mapping[str, Any]], desired: Sequence[Desired]
    ) -> bool:
        """Whether the list may omit inactive users (doubt 7): it has none, and not every declared
        user."""
        if any(user.get("status") == "inactive" for user in users):
            return False
        listed = {user["id"] for user in users} | {mailbox(user["email"]) for user in users}
        return self.forms.omits_inactive or any(
            (mailbox(value) if name == "email" else value) not in listed
            for each in desired
            for name, value in each.identity.items()
            if name != "mobile"
        )

    def _with_number(self, desired: Desired) -> Desired:
        """The agent with its role's number; unchanged if the name does not identify one role."""
        role = desired.values.get("roleId")
        if not isinstance(role, str):
            return desired
        exact = [number for number, name in self.roles.items() if name == role]
        alike = [
            number for number, name in self.roles.items() if name.casefold() == role.casefold()
        ]
        found = exact or alike
        if len(found) != 1:
            return desired
        return replace(desired, values={**desired.values, "roleId": found[0]})


def _too_short(operation: Operation) -> str | None:
    """Why a name is too short to create the user; None if none is."""
    for name in ("firstName", "lastName"):
        if len(operation.values[name]) < table.SHORTEST_NAME:
            return (
                f"propertyfinder.{name}: to create a user, the portal requires at least "
                f"{table.SHORTEST_NAME} characters. Declare a longer one."
            )
    return None
