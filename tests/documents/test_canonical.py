"""The canonical form: values and comments stay, and to format twice changes nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.documents.agents import model_of
from reconciler.documents.canonical import formatted, new_file
from reconciler.documents.edit import comment_texts
from reconciler.documents.yaml import load
from reconciler.errors import InputError
from reconciler.portals.registry import parts

from .styles import BOM, FORMS, STYLES, encoded

ORDER = model_of(parts()).vocabulary.keys
SAMPLES = sorted((Path(__file__).parents[2] / "agents").iterdir())


def values(data: bytes) -> list[Any]:
    """The values of a file without problems."""
    trees, problems = load("a.yaml", data)
    assert not problems
    return [each.value for each in trees]


def check(data: bytes) -> bytes:
    """Format a file, and check what must hold for any."""
    result = formatted("a.yaml", data, ORDER)
    assert values(result) == values(data)
    assert comment_texts(result) == comment_texts(data)
    assert formatted("a.yaml", result, ORDER) == result
    return result


def fmt(text: str) -> str:
    """Format a text."""
    return check(text.encode()).decode()


@pytest.mark.parametrize("form", FORMS, ids=["LF", "CRLF and BOM", "CR"])
def test_every_style(form: tuple[str, bytes]) -> None:
    """Line ends and the byte order mark stay."""
    for style in STYLES.values():
        data = encoded(style, *form)
        result = check(data)
        assert result.startswith(BOM) == data.startswith(BOM)
        if "\n" in style:
            assert result.removeprefix(BOM) == encoded(fmt(style), form[0], b"")


def test_keys_have_the_order_of_the_schema() -> None:
    """Each takes the comments above and beside it along; the top of the file stays."""
    assert fmt(
        "# yaml-language-server: $schema=x\n# about the file\n\n# the phone\nphone: '1' # p\n"
        "settings: {contact_viber: true, contact_phone: false}\n\n\n# who\nname: 'Ivan'\n"
        "unknown: 1\nexternalId: a\n# end\n"
    ) == (
        "# yaml-language-server: $schema=x\n# about the file\n\nexternalId: a\n\n# who\nname: Ivan\n"
        '# the phone\nphone: "1" # p\nsettings: {contact_phone: false, contact_viber: true}\n'
        "unknown: 1\n# end\n"
    )


def test_comments_stay_in_their_mapping() -> None:
    """By their indentation."""
    text = (
        "externalId: a\nsettings:\n  contact_phone: true\n  # contact_viber: false\n# her page\n"
        "propertyfinder:\n  email: a@b.example\n  spokenLanguages:\n    - en # first\n    # - ro\n"
        "  # the end of the section\n# the end\n"
    )
    moved = text.replace("# her page\n", "")
    assert fmt(text) == text
    assert fmt(moved) == moved


def test_values_are_written_plainly() -> None:
    """Quotes only where needed; phones always have them."""
    assert fmt(
        "name: 'Ivan Petrov'\nphone: +373 22 123 456\nid: 0x10\nyoutube: ~\ntiktok:\n"
        'avatar: { url: "https://a.example/1.jpg" }\ndescription: {ru: "a\\nb", en: \'yes\'}\n'
        "propertyfinder:\n   spokenLanguages:  [ 'en',ro ]\n"
    ) == (
        'id: 16\nname: Ivan Petrov\nphone: "+373 22 123 456"\n'
        'description:\n  ru: |-\n    a\n    b\n  en: "yes"\n'
        'avatar: {url: "https://a.example/1.jpg"}\nyoutube: null\ntiktok: null\n'
        "propertyfinder:\n  spokenLanguages: [en, ro]\n"
    )


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_are_canonical(path: Path) -> None:
    """The files that `init`, the demo and the README show."""
    assert check(path.read_bytes()) == path.read_bytes()


def test_a_file_with_problems_is_refused() -> None:
    """With its problems."""
    with pytest.raises(InputError) as caught:
        formatted("a.yaml", b"name: a\nname: b\n", ORDER)
    assert caught.value.problems[0].line == 2


def test_a_new_file_is_canonical() -> None:
    """With comments at the top and above a key."""
    text = new_file(
        {
            "propertyfinder": {"spokenLanguages": ["en"], "email": "a@b.example"},
            "name": "null",
            "avatar": {"id": 5},
            "description": {"en": "a\n\nb", "ru": "x" * 3000},
            "settings": {"contact_phone": True, "contact_viber": False},
        },
        ORDER,
        {
            "": ["yaml-language-server: $schema=x"],
            "settings": ["one", "", "two"],
            "tiktok": ["three"],
            "unknown": ["four"],
        },
    )
    assert fmt(text) == text
    assert text == (
        '# yaml-language-server: $schema=x\nname: "null"\n'
        f"description:\n  ru: {'x' * 3000}\n  en: |-\n    a\n\n    b\navatar: {{id: 5}}\n"
        "# one\n#\n# two\n# three\nsettings:\n  contact_phone: true\n  contact_viber: false\n"
        "propertyfinder:\n  email: a@b.example\n  spokenLanguages: [en]\n# four\n"
    )


LINES = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(["", "   ", "# c", "  # c", "    # - c: d", "#", "---", "...", " # d"]),
    ),
    max_size=5,
)


@example(style="literal", added=[(1, ""), (1, "")], count=1)  # blank lines of a text
@example(style="folded, kept", added=[(4, "   "), (6, "# c")], count=1)
@given(style=st.sampled_from(sorted(STYLES)), added=LINES, count=st.integers(1, 2))
def test_comments_and_blank_lines_anywhere(
    style: str, added: list[tuple[int, str]], count: int
) -> None:
    """Wherever they are, they are kept, and the result is stable."""
    lines = STYLES[style].splitlines()
    if count == 2:
        lines += ["---", *STYLES["list of mappings"].splitlines()]
    for place, line in added:
        lines.insert(min(place, len(lines)), line)
    data = "\n".join([*lines, ""]).encode()
    _, problems = load("a.yaml", data)
    if not problems:
        check(data)
