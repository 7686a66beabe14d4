"""What a portal does not accept about a picture."""

from __future__ import annotations

import pytest

from reconciler.core.pictures import KB, MB, Picture, PictureRules, faults

ANY = PictureRules()
STRICT = PictureRules(("JPEG", "PNG", "WebP"), least=5 * KB, most=15 * MB, cmyk=False)


def jpeg(components: int = 3, *, before: bytes = b"", marker: int = 0xC0) -> bytes:
    """The beginning of a JPEG with so many color components."""
    frame = bytes((0xFF, marker, 0, 17, 8, 0, 1, 0, 1, components))
    return b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(10) + before + frame + bytes(20)


FORMATS = {
    "JPEG": ("image/jpeg", jpeg()),
    "PNG": ("image/png", b"\x89PNG\r\n\x1a\n"),
    "WebP": ("image/webp", b"RIFF\1\2\3\4WEBPVP8 "),
    "GIF": ("image/gif", b"GIF89a"),
    "BMP": ("image/bmp", b"BM1234"),
    "TIFF": ("image/tiff", b"II*\0"),
    "AVIF": ("image/avif", b"\0\0\0\x1cftypavif"),
    "HEIC": ("image/heic", b"\0\0\0\x1cftypheic"),
    "SVG": ("image/svg+xml", b'\n<?xml version="1.0"?><svg/>'),
}


def found(
    content: bytes,
    rules: PictureRules = STRICT,
    *,
    content_type: str = "image/jpeg",
    size: int = 6000,
) -> list[tuple[str, str]]:
    """What is wrong with a picture."""
    return list(faults(Picture(content_type, content, size), "Portal", rules))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format(name: str) -> None:
    """Any is accepted without rules; with rules, only those that they name."""
    content_type, content = FORMATS[name]
    assert found(content, ANY, content_type=content_type) == []
    refused = found(content, content_type=content_type)
    if name in STRICT.formats:
        assert refused == []
    else:
        ((message, hint),) = refused
        for part in (name, "Portal", "JPEG, PNG or WebP"):
            assert part in message
        assert "JPEG" in hint


@pytest.mark.parametrize("rules", [ANY, STRICT])
@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "nothing"),
        (b"  <!DOCTYPE html><html>", "web page"),
        (b"<html lang=en>", "web page"),
        (b"<?xml version='1.0'?><rss/>", "not that of a picture"),
        (b"%PDF-1.7", "not that of a picture"),
        (b"\0\0\0\x1cftypmp42", "not that of a picture"),
        (b"RIFF\1\2\3\4WAVE", "not that of a picture"),
    ],
)
def test_no_picture(content: bytes, part: str, rules: PictureRules) -> None:
    """One fault, whatever the server says and however large it is."""
    ((message, hint),) = found(content, rules, content_type="image/png", size=1)
    assert part in message
    assert hint


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (1, ("1 bytes", "5 KB")),
        (4999, ("4999 bytes", "5 KB")),
        (5000, None),
        (15 * MB, None),
        (15 * MB + 1, ("15 MB",)),
        (20 * MB, ("20 MB", "15 MB")),
    ],
)
def test_size(size: int, parts: tuple[str, ...] | None) -> None:
    """From the least to the most, both included."""
    assert found(jpeg(), ANY, size=size) == []
    messages = [message for message, _ in found(jpeg(), size=size)]
    assert len(messages) == (parts is not None)
    for part in parts or ():
        assert part in messages[0]


@pytest.mark.parametrize(
    "content",
    [
        jpeg(4),
        jpeg(4, marker=0xC2),
        jpeg(4, before=b"\xff\xed\0\x04ab"),
        jpeg(4, before=b"\xff\xff"),
        jpeg(4, before=b"\xff\xc4\0\x0b123456\x04ab"),
    ],
)
def test_cmyk(content: bytes) -> None:
    """Four components, behind any other segment."""
    ((message, hint),) = found(content)
    assert "CMYK" in message
    assert "RGB" in hint
    assert found(content, ANY) == []


@pytest.mark.parametrize(
    "content",
    [
        jpeg(3),
        jpeg(1),
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\xff\xff" + bytes(40),
        b"\xff\xd8\xff\xe0\0\x02" + bytes(40),
    ],
)
def test_not_cmyk(content: bytes) -> None:
    """Other colors, or a beginning that does not show them."""
    assert found(content) == []


@pytest.mark.parametrize("given", ["text/plain", "image/png", "", "application/octet-stream"])
def test_content_type(given: str) -> None:
    """It must be that of the content."""
    ((message, hint),) = found(jpeg(), ANY, content_type=given)
    assert (given or "no content type") in message
    assert "image/jpeg" in hint


@pytest.mark.parametrize("given", ["image/jpeg", "IMAGE/JPEG; charset=binary", "image/jpg"])
def test_right_content_type(given: str) -> None:
    """In any case, with parameters, under a common name."""
    assert found(jpeg(), content_type=given) == []


def test_several_faults_at_once() -> None:
    """Everything about a picture is reported together."""
    assert len(found(jpeg(4), content_type="text/plain", size=10)) == 3
