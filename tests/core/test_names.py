"""People's names across scripts, spellings and word order."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.names import contradicts, different_person, key, same_name

WORDS = st.sampled_from(
    [
        "Юлия",
        "Цуркан",
        "Iulia",
        "Țurcan",
        "Ştefan",
        "Ion-Vasile",
        "O'Connor",
        "Ёлкин",
        "Щука",
        "I.",
        "7",
    ]
)
NAMES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Юлия Цуркан", "Iulia Țurcan"),
        ("Юлия Цуркан", "Turcan Iulia"),
        ("ЮЛИЯ ЦУРКАН", "Yuliya Tsurkan"),
        ("Щербаков Юрий", "Iurie Șcerbacov"),
        ("Наталья Хаджи", "Natalia Hagi"),
        ("Георге Чебан", "Gheorghe Ceban"),
        ("Чеботарь Штефан", "Ştefan Cebotari"),
        ("Кирилл Кирияк", "Chiril Chiriac"),
        ("Фёдор Семенов", "Fiodor Semionov"),
        ("Федор", "Фёдор"),
        ("Евгений Чобану", "Eugen Ciobanu"),
        ("Александр Мунтяну", "Alexandr Munteanu"),
        ("Олеся Житару", "Olesea Jitaru"),
        ("Ion-Vasile Popa", "Popa Ion Vasile"),
        ("Ion Rusu (Botanica)", "Ion Rusu"),
        ("O’Connor", "O'CONNOR"),
        ("Ivan Petrov", "Ivаn Pеtrov"),  # with Cyrillic а and е
    ],
)
def test_spellings_of_one_name(one, other):
    """In two scripts, with and without diacritics, in either order."""
    assert same_name(one, other)
    assert key(one) == key(other)
    assert not contradicts(one, other)
    assert not different_person(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ion Rusu", "Ana Rusu"),
        ("Ion Rusu", "Ion Russo"),
        ("Agent 1", "Agent 11"),
        ("Maria", "Mara"),
        ("Ion Rusu", "Ion Vasile Rusu"),
        ("", ""),
        ("—", "—"),
    ],
)
def test_other_names(one, other):
    """Another word, one more, or no word at all."""
    assert not same_name(one, other)


@pytest.mark.parametrize(
    ("one", "other", "contradictory", "different"),
    [
        ("Ivan Petrov", "I. Petrov", False, False),
        ("И. Петров", "Petrov Ivan", False, False),
        ("I. P.", "Ivan Petrov", False, False),
        ("Ivan Petrov", "Иван Сергеевич Петров", False, False),
        ("Ivan", "Ivan Petrov", False, False),
        ("Ivan Petrov", "Ivan Sidorov", True, False),
        ("Ivan Petrov", "Olga Petrov", True, False),
        ("Ivan Ivan", "Ivan Petrov", True, False),
        ("Ivan Petrov", "Olga Rusu", True, True),
        ("Ivan Petrov", "Ольга Русу", True, True),
        ("I. Petrov", "O. Rusu", True, True),
        ("Ivan Petrov", "", False, False),
        ("", "", False, False),
    ],
)
def test_names_of_two_people(one, other, contradictory, different):
    """An initial and an omitted patronymic contradict nothing; an unknown name neither."""
    assert contradicts(one, other) is contradictory
    assert different_person(one, other) is different


@given(NAMES, NAMES)
def test_a_comparison_is_symmetric(one, other):
    """Whichever name comes first."""
    assert same_name(one, other) == same_name(other, one)
    assert contradicts(one, other) == contradicts(other, one)
    assert different_person(one, other) == different_person(other, one)


@given(NAMES, NAMES)
def test_the_comparisons_agree(one, other):
    """One name contradicts nothing, and different people contradict each other."""
    if same_name(one, other):
        assert not contradicts(one, other)
    if different_person(one, other):
        assert contradicts(one, other)


@given(NAMES, st.randoms(use_true_random=False))
def test_order_case_and_diacritics_do_not_matter(name, random):
    """Nor does the Unicode form."""
    words = name.split()
    random.shuffle(words)
    decomposed = unicodedata.normalize("NFD", name)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    for other in (" ".join(words), name.upper(), name.lower(), f" {name}  ", decomposed, plain):
        assert key(other) == key(name)


@given(st.text(), st.text())
def test_any_text_compares(one, other):
    """Whatever a portal shows, with any characters."""
    key(one).encode("ascii")
    assert contradicts(one, other) == contradicts(other, one)


def test_the_library_is_imported_when_a_name_is_compared():
    """A plan that compares no names does not pay for it."""
    code = (
        "import sys\n"
        "from reconciler.core import names, plan\n"
        "print('anyascii' in sys.modules)\n"
        "names.key('Юлия')\n"
        "print('anyascii' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
