"""What an agent's file declares for Rentix: the top level of the file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Described

from reconciler.core.fields import Field, Sort
from reconciler.documents.parts import Hints, Key, Part
from reconciler.portals.attribute import Attribute
from reconciler.portals.declaring import keys
from reconciler.portals.rentix.table import ATTRIBUTES, NAME, PHONE

_PHONE = Attribute(
    Field("phone", Sort.PHONE),
    "Phone, in quotes. It helps to find the agent, and is never changed",
    "+373 22 123 456",
    pattern=PHONE,
    rule="`phone` must be one number of 7 to 15 digits, such as +373 22 123 456",
)

_NAME, *_OTHERS = ATTRIBUTES

_SWITCH = Key(
    Annotated[
        bool,
        Described(
            description="Whether the agent is published on Rentix. Write false for an agent of "
            "another portal alone.",
            examples=[False],
        ),
    ],
    Hints(f"`{NAME}` must be true or false", null="leave the key out"),
)

PART = Part(
    NAME,
    {**keys((_NAME, _PHONE, *_OTHERS)), NAME: _SWITCH},
    switch=NAME,
    refused={
        "settings.posting_type": (
            "`posting_type` is not managed: the portal shows it and does not accept it",
            "delete this line",
        )
    },
)
