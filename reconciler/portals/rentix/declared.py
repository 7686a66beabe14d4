"""What an agent's file declares for Rentix: the top level of the file."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from reconciler.documents.parts import Hints, Key, Part
from reconciler.documents.yaml_errors import quoted
from reconciler.portals.declaring import keys
from reconciler.portals.rentix.table import ATTRIBUTES, NAME, PHONE


def _advise_phone(text: str) -> str | None:
    return quoted(text) if re.search(PHONE, text) else None


PART = Part(
    NAME,
    {
        "phone": Key(
            Annotated[
                str,
                Field(
                    pattern=PHONE,
                    description="Phone, in quotes. It helps to find the agent, and is never "
                    "changed.",
                    examples=["+373 22 123 456"],
                ),
            ],
            Hints(
                "`phone` must be one number of 7 to 15 digits, such as +373 22 123 456",
                advise=_advise_phone,
            ),
        ),
        **keys(ATTRIBUTES),
    },
    refused={
        "settings.posting_type": (
            "`posting_type` is not managed: the portal shows it and does not accept it",
            "delete this line",
        )
    },
)
