"""Rentix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from reconciler.core.catalogue import Policy
from reconciler.core.conversation import Conversation
from reconciler.core.fields import Field, Identifier
from reconciler.core.model import (
    Account,
    Desired,
    Listing,
    Live,
    RateLimit,
    Response,
    Scalar,
    Session,
)
from reconciler.core.pictures import PictureRules
from reconciler.documents.parts import Part
from reconciler.portals.rentix import config, read, table
from reconciler.portals.rentix.declared import PART
from reconciler.portals.rentix.write import Writer, too_large


@dataclass
class Rentix(Writer):
    """The portal in one run; the writer has its section of the configuration."""

    hold: bool = False

    name: ClassVar[str] = table.NAME
    part: ClassVar[Part] = PART
    settings: ClassVar[type[config.Rentix]] = config.Rentix
    fields: ClassVar[Sequence[Field]] = table.FIELDS
    identifiers: ClassVar[Sequence[Identifier]] = table.IDENTIFIERS
    rate_limits: ClassVar[Sequence[RateLimit]] = table.RATE_LIMITS
    pictures: ClassVar[PictureRules] = table.PICTURES
    secrets: ClassVar[Sequence[str]] = table.SECRETS

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return self.section.url.rstrip("/")

    @property
    def policy(self) -> Policy:
        """What `portals.rentix` allows."""
        return Policy(
            order=tuple(self.section.match),
            create=self.section.create == "upsert",
            needs=table.NEEDS,
            removal="unlink" if self.section.on_removed == "unlink" else None,
            hold=self.hold,
            by_handle=self.section.bulk_by == "externalId",
            refuses=too_large,
        )

    def login(self, secrets: Mapping[str, str]) -> Conversation[Session | Response]:
        """A session with the key in its header."""
        return read.login(secrets)

    @property
    def account(self) -> Scalar | None:
        """The id of the agency that the configuration names."""
        return self.section.account

    def look_up_account(self) -> Conversation[Account | None]:
        """The agency that the key belongs to."""
        return read.account()

    def read(
        self, desired: tuple[Desired, ...]
    ) -> Conversation[tuple[Listing, tuple[Desired, ...]]]:
        """All agents of the agency; `desired` as it is."""
        users, complete = yield from read.pages()
        return Listing(tuple(map(read.live, users)), complete), desired

    def look_up(self, ids: Sequence[Scalar]) -> Conversation[dict[str, Live | None]]:
        """The agents with these ids, one request for each."""
        return read.look_up(ids)

    def live_listings(self, agents: Sequence[Live]) -> Conversation[dict[str, int]]:  # noqa: ARG002
        """Nothing: the portal does not say how many listings an agent has."""
        yield from ()
        return {}
