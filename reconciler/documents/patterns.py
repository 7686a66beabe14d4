"""Types and patterns of single values in an agent's file, shared by all parts.

The patterns use only what three dialects share: pydantic's (Rust), the editor's (ECMAScript), re's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from reconciler.documents.yaml_errors import quoted

# Quotes that YAML does not know: word processors replace straight ones with them.
CURLY = "^[“”„‟‘’‚].*[“”„‟‘’‚]$"
ONE_LINE = r"^[^\n\t]*[^\s][^\n\t]*$"
# Invisible operators, a soft hyphen, spaces without width.
_NEVER_MEANT = "\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufff9-\ufffb\U000e0001"
UNSEEN_IN_NAMES = f"[{_NEVER_MEANT}]"
"""Characters that are invisible and meaningless in a name. Direction marks and joiners are not
among them: Arabic and Persian need them."""
UNSEEN = (
    f"[{_NEVER_MEANT}\u061c\u200c-\u200f\U000e0020-\U000e007f"
    "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
)
"""Characters that are invisible or look like a space, for values that must match letter by
letter."""
_PICTURES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "heic", "avif", "svg", "tif", "tiff")
"""Extensions of picture files."""
HTTPS = r"^https://[A-Za-z0-9.-]+(:[0-9]+)?([/?#][^\s]*)?$"

Id = Annotated[int, Field(ge=1, le=2**53 - 1)]
"""A number that a portal assigned."""


def closed(**extra: Any) -> ConfigDict:  # noqa: ANN401 - JSON Schema
    """No coercion and no other keys; `extra` is added to the JSON Schema."""
    return ConfigDict(extra="forbid", strict=True, json_schema_extra=extra)


def mapping(name: str, keys: Mapping[str, Any], description: str, **extra: Any) -> Any:  # noqa: ANN401 - a type that is made here
    """The type of a mapping with these keys, all optional, and no others; `extra` is added to the
    JSON Schema."""
    made: Any = TypedDict(name, dict(keys), total=False)  # type: ignore[misc]
    made.__doc__ = description
    return with_config(closed(**extra))(made)


def site(*hosts: str) -> str:
    """The pattern of an address on one of these hosts or their subdomains."""
    either = "|".join(map(re.escape, hosts))
    host = either if len(hosts) == 1 else f"({either})"
    return rf"^https://([A-Za-z0-9-]+\.)*{host}([/?#][^\s]*)?$"


def secure(address: str) -> str:
    """An address with the scheme https."""
    return "https://" + re.sub(r"^https?:/*", "", address, flags=re.IGNORECASE)


def advise_page(text: str, pattern: str) -> str | None:
    """The address that was probably meant, if it matches the pattern; else None."""
    host, slash, rest = secure(text).removeprefix("https://").partition("/")
    url = f"https://{host.lower()}{slash}{rest}"
    return url if re.search(pattern, url) else None


def advise_picture(text: str, *, alone: bool) -> str | None:
    """The address of a picture that was probably meant, as YAML: its own value (`alone`) or with
    its key `url`. None if it is not an address on the web, as a file's path is not."""
    if not re.search(HTTPS, secure(text)) or not _is_on_the_web(secure(text)):
        return None
    url = quoted(secure(text))
    return url if alone else f"{{url: {url}}}"


def _is_on_the_web(address: str) -> bool:
    """Whether the host of an address can be one on the web. `photos/ivan.jpg` and `ivan.jpg` have
    none."""
    host = urlsplit(address).hostname or ""
    _, _, last = host.rpartition(".")
    return host != last and last.isalpha() and last not in _PICTURES


def advise_line(text: str) -> str | None:
    """The text on one line, as YAML; None if it is empty or too long to be a name."""
    if re.match(r"[A-Za-z]:[\n\t]", text):  # a Windows path: a backslash and a letter were meant
        text = text.replace("\n", r"\n").replace("\t", r"\t")
    line = " ".join(text.split())
    return quoted(line) if line and len(text) <= 255 else None
