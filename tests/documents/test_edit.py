"""Edits of single values: what is edited is on its own lines, everything else stays as it is."""

from __future__ import annotations

import difflib
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.documents import yaml
from reconciler.documents.edit import comment_texts, set_value
from reconciler.documents.text import FORBIDDEN
from reconciler.documents.yaml import load
from reconciler.errors import InputError

from .styles import BOM, FORMS, STYLES, encoded

ORDER = {"": ("externalId", "id", "name", "phone", "description", "settings")}

VALUES: list[Any] = [
    "Ivan",
    "Пётр",
    "",
    "null",
    "no",
    "12",
    'Quote" & Co: {x}',
    "it's # not",
    " leading",
    "trailing ",
    "tab\there",
    "😀, три, სამი",
    "x" * 1500,
    "one\ntwo",
    "one\n\ntwo\n",
    " one\n two",
    "\n\none\n",
    "- one\n# two\n",
    "one\n \n",
    "a\n\n\n",
    None,
    True,
    7,
    {"id": 5},
    {"url": "https://agency.example/a?b=c#d"},
    {"ru": "один\nдва", "en": "one"},
    ["en", "ro"],
    [],
    [{"type": "brn", "value": "12345"}, {"type": "x", "value": "no"}],
]


def documents(data: bytes) -> list[Any]:
    """The values of a file without problems."""
    trees, problems = load("a.yaml", data)
    assert not problems
    return [each.value for each in trees]


def lines(data: bytes) -> list[bytes]:
    """The lines of a file with their line ends."""
    return data.splitlines(keepends=True)


def changed(before: bytes, after: bytes) -> tuple[int, int]:
    """How many lines an edit replaced, and by how many, not counting a line end at the end of the
    file."""
    old, new = ([line.rstrip(b"\r\n") for line in lines(each)] for each in (before, after))
    groups = [
        each
        for each in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if each[0] != "equal"
    ]
    if not groups:
        return 0, 0
    return groups[-1][2] - groups[0][1], groups[-1][4] - groups[0][3]


def edit(data: bytes, value: Any, key: str = "name") -> bytes:
    """Set a key in the document that has it, else in the first."""
    before = documents(data)
    index = next((i for i, each in enumerate(before) if key in each), 0)
    return set_value("a.yaml", data, index, [key], value, ORDER)


@pytest.mark.parametrize("style", STYLES)
def test_every_value_in_every_style(style: str) -> None:
    """With the fast parser."""
    check_style(style, FORMS[0], VALUES)


@pytest.mark.parametrize("form", FORMS[1:], ids=["CRLF and BOM", "CR"])
def test_line_ends_and_a_mark_stay(form: tuple[str, bytes]) -> None:
    """In every style, for values on one line and on several."""
    for style in STYLES:
        check_style(style, form, VALUES[:1] + VALUES[13:15])


def test_the_other_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """It marks some values at other places."""
    monkeypatch.setattr(yaml, "CParser", None)
    for style in STYLES:
        if style not in ("tabs", "many words"):  # it accepts no tab there, and it is slow
            check_style(style, FORMS[0], VALUES[13:14])


def check_style(style: str, form: tuple[str, bytes], values: list[Any]) -> None:
    """The value is set, or the edit is refused with its place; comments, line ends and the other
    keys stay, and so do the lines of all other values."""
    data = encoded(STYLES[style], *form)
    refused = 0
    for value in values:
        try:
            edited = edit(data, value)
        except InputError:
            refused += 1
            continue
        index = next(i for i, each in enumerate(documents(data)) if "name" in each)
        assert documents(edited)[index]["name"] == value
        assert comment_texts(edited) == comment_texts(data)
        assert edited.startswith(BOM) == data.startswith(BOM)
        assert set(re.findall(b"\r\n|\r|\n", edited)) <= {form[0].encode()}
    assert refused <= 1, refused


SEVERAL_LINES = re.compile("over lines|literal|folded|mapping|list")


@pytest.mark.parametrize("style", [each for each in STYLES if not SEVERAL_LINES.search(each)])
def test_another_line_changes_one_line(style: str) -> None:
    """A value on one line that is replaced by one on one line."""
    data = STYLES[style].encode()
    old, new = changed(data, edit(data, "Ivan Z."))
    assert (old, new) == (1, 1)


def test_the_style_stays() -> None:
    """Quotes and alignment stay as they were."""
    for before, after in {
        "name: Ivan # c\n": "name: Ana # c\n",
        "name:    Ivan\n": "name:    Ana\n",
        "name: 'Ivan'\n": "name: 'Ana'\n",
        'name: "Ivan"   # c\n': 'name: "Ana"   # c\n',
        "name: |  # c\n    Ivan\n    P\nid: 1\n": "name: |-  # c\n    Ana\nid: 1\n",
        '{"name": "Ivan"}': '{"name": "Ana"}',
        "{name: Ivan, id: 1}": "{name: Ana, id: 1}",
    }.items():
        assert edit(before.encode(), "Ana").decode() == after


def test_a_new_key_has_its_place() -> None:
    """After the keys that precede it, below their comments."""
    data = b"externalId: a # ours\nname: |\n  Ivan\n\n# below\nsettings: {contact_viber: true}\n"
    assert edit(data, 5, "id") == data.replace(b"# ours\n", b"# ours\nid: 5\n")
    assert edit(data, "+1", "phone") == data.replace(b"  Ivan\n", b'  Ivan\nphone: "+1"\n')
    assert edit(data, {"ru": "a\nb"}, "description") == data.replace(
        b"  Ivan\n", b"  Ivan\ndescription:\n  ru: |-\n    a\n    b\n"
    )
    assert edit(data, "last", "unknown") == data + b"unknown: last\n"
    nested = set_value("a", data, 0, ["settings", "contact_phone"], value=False)
    assert nested == data.replace(b"true}", b"true, contact_phone: false}")
    deep = set_value("a", data, 0, ["propertyfinder", "bio", "primary"], "x")
    assert deep == data + b"propertyfinder:\n  bio: {primary: x}\n"


def test_a_value_no_file_may_contain_is_refused() -> None:
    """Control characters and direction overrides."""
    for text in ("a\x07", "a\u202eb", "a\rb"):
        with pytest.raises(InputError) as caught:
            edit(b"id: 1\nname: Ivan\n", text)
        assert caught.value.problems[0].line == 2


def test_a_file_with_problems_is_refused() -> None:
    """Aliases are one of them."""
    with pytest.raises(InputError):
        set_value("a", b"name: &a Ivan\nid: *a\n", 0, ["name"], "Ana")


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]).filter(lambda c: c != "\r" and not FORBIDDEN.match(c))
    | st.sampled_from("\n\n: #'\"{}[],&*!|>-?%@`\t "),
    max_size=40,
)


@given(text=TEXTS, style=st.sampled_from(sorted(STYLES)), form=st.sampled_from(FORMS))
@example(text="<<<<<<< a\n=======\n", style="literal", form=FORMS[0])
@example(text="---\n...\n", style="nothing", form=FORMS[0])
def test_any_text_can_be_written(text: str, style: str, form: tuple[str, bytes]) -> None:
    """Whatever the style of the value that it replaces."""
    data = encoded(STYLES[style], *form)
    edited = edit(data, text)
    index = next(i for i, each in enumerate(documents(data)) if "name" in each)
    assert documents(edited)[index]["name"] == text
    others = [{**each, "name": 0} for each in documents(edited)]
    assert others == [{**each, "name": 0} for each in documents(data)] or "name" not in str(others)
    assert comment_texts(edited) == comment_texts(data)


def test_a_new_mapping_has_its_keys_in_order() -> None:
    """As in the canonical form."""
    order = {"": ("name", "settings"), "settings": ("a", "b", "c")}
    edited = set_value("a", b"name: x\n", 0, ["settings"], {"z": 1, "c": 1, "a": 1}, order)
    assert edited == b"name: x\nsettings:\n  a: 1\n  c: 1\n  z: 1\n"
