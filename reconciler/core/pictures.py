"""Pictures: what a portal accepts, and what is wrong with one that was fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

KB = 1000
MB = 1024 * 1024
"""A vendor's KB and MB may be a thousand or 1024; these are the ones that refuse less."""

_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC"}
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_TYPES = {
    "JPEG": ("image/jpeg", "image/jpg"),
    "PNG": ("image/png",),
    "WebP": ("image/webp",),
    "GIF": ("image/gif",),
    "BMP": ("image/bmp", "image/x-ms-bmp"),
    "TIFF": ("image/tiff",),
    "AVIF": ("image/avif",),
    "HEIC": ("image/heic", "image/heif"),
    "SVG": ("image/svg+xml",),
}
"""The content types of each format, the usual one first."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers in a JPEG of the segment with its number of color components."""
_CMYK = 4
"""Color components of a JPEG in CMYK."""


@dataclass(frozen=True, slots=True)
class PictureRules:
    """What a portal accepts: the formats (none: any), the size in bytes from `least` to `most`
    (None: any), and whether colors may be CMYK."""

    formats: tuple[str, ...] = ()
    least: int = 1
    most: int | None = None
    cmyk: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """What was fetched: the content type that the server gave ("" for none), the beginning of the
    content or all of it, and its whole size in bytes."""

    content_type: str
    content: bytes
    size: int


def faults(picture: Picture, portal: str, rules: PictureRules) -> Iterator[tuple[str, str]]:
    """Yield the message and the hint of each reason why a portal would not take a picture."""
    format_ = _format(picture.content)
    if format_ is None:
        yield _no_picture(picture)
        return
    if rules.formats and format_ not in rules.formats:
        accepted = f"{', '.join(rules.formats[:-1])} or {rules.formats[-1]}"
        yield (
            f"the picture is a {format_}, and {portal} accepts {accepted}",
            f"save it as {rules.formats[0]}",
        )
    elif format_ == "JPEG" and not rules.cmyk and _is_cmyk(picture.content):
        yield f"the picture has CMYK colors, which {portal} does not accept", "save it as RGB"
    if picture.size < rules.least:
        message = f"the picture has {picture.size} bytes, and {portal} needs {_size(rules.least)}"
        yield message, "use a larger picture"
    if rules.most is not None and picture.size > rules.most:
        message = (
            f"the picture has {_size(picture.size)}, and {portal} accepts at most "
            f"{_size(rules.most)}"
        )
        yield message, "use a smaller picture"
    types = _TYPES[format_]
    given = picture.content_type.partition(";")[0].strip().lower()
    if given not in types:
        yield (
            f"the server sends the picture, a {format_}, as {given[:60] or 'no content type'}",
            f"have it send the header Content-Type: {types[0]}",
        )


def _no_picture(picture: Picture) -> tuple[str, str]:
    if not picture.content:
        return "the address returns nothing", "check the address in a browser"
    start = picture.content[:1000].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "the address is that of a web page, not of a picture", "write the picture's address"
    return "the address is not that of a picture", "write the address of a picture"


def _format(content: bytes) -> str | None:
    """The format of a picture by its first bytes, whatever the server says; None for any other."""
    for signature, name in _SIGNATURES:
        if content.startswith(signature):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12])
    start = content[:1000].lstrip().lower()
    is_svg = start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start)
    return "SVG" if is_svg else None


def _is_cmyk(jpeg: bytes) -> bool:
    """Whether a JPEG has four color components; False if its beginning does not show that."""
    at = 2
    while at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker in _FRAMES:
            return jpeg[at + 9] == _CMYK
        # A marker may follow any number of bytes that fill.
        at += 1 if marker == 0xFF else 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return False


def _size(size: int) -> str:
    return f"{size / MB:.3g} MB" if size >= MB else f"{size / KB:.3g} KB"
