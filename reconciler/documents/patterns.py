"""What single values may look like, shared by the models of all sections of an agent's file.

The patterns keep to what three dialects share: pydantic's (Rust), the editor's (ECMAScript), re's.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from reconciler.documents.yaml_errors import quoted

# Quotes that YAML does not know: an office program puts them where straight ones were typed.
CURLY = "^[“”„‟‘’‚].*[“”„‟‘’‚]$"
ONE_LINE = r"^[^\n\t]*[^\s][^\n\t]*$"
# Invisible operators, a soft hyphen, blanks without width.
_NEVER_MEANT = "\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufff9-\ufffb\U000e0001"
UNSEEN_IN_NAMES = f"[{_NEVER_MEANT}]"
"""What cannot be seen and means nothing in a name; marks of direction and joiners do mean
something, in Arabic and in Persian."""
UNSEEN = (
    f"[{_NEVER_MEANT}\u061c\u200c-\u200f\U000e0020-\U000e007f"
    "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
)
"""What cannot be seen, or looks like a blank and is another, where every letter counts."""
HTTPS = r"^https://[A-Za-z0-9.-]+(:[0-9]+)?([/?#][^\s]*)?$"

Id = Annotated[int, Field(ge=1, le=2**53 - 1)]
"""A number that a portal gave."""


def closed(**extra: Any) -> ConfigDict:  # noqa: ANN401 - JSON Schema
    """No coercion, no other keys; `extra` is what the JSON schema says besides."""
    return ConfigDict(extra="forbid", strict=True, json_schema_extra=extra)


def site(*hosts: str) -> str:
    """The pattern of an address on one of these hosts, or on a part of one."""
    either = "|".join(map(re.escape, hosts))
    host = either if len(hosts) == 1 else f"({either})"
    return rf"^https://([A-Za-z0-9-]+\.)*{host}([/?#][^\s]*)?$"


def secure(address: str) -> str:
    """An address with the scheme that it needs."""
    return "https://" + re.sub(r"^https?:/*", "", address, flags=re.IGNORECASE)


def advise_page(text: str, pattern: str) -> str | None:
    """The address that fits the pattern and was probably meant, or None."""
    host, slash, rest = secure(text).removeprefix("https://").partition("/")
    url = f"https://{host.lower()}{slash}{rest}"
    return url if re.search(pattern, url) else None


def advise_picture(text: str, *, alone: bool) -> str | None:
    """The address of a picture that was probably meant, as YAML; with `alone`, without its key."""
    if not re.search(HTTPS, secure(text)):
        return None
    url = quoted(secure(text))
    return url if alone else f"{{url: {url}}}"


def advise_line(text: str) -> str | None:
    """The text on one line, as YAML; None where it is empty or too long to be a name."""
    if re.match(r"[A-Za-z]:[\n\t]", text):  # a path on Windows: \n and \t were meant as they are
        text = text.replace("\n", r"\n").replace("\t", r"\t")
    line = " ".join(text.split())
    return quoted(line) if line and len(text) <= 255 else None
