"""People's names, compared across scripts, spellings, word order, letter case and diacritics.

`Юлия Цуркан`, `Țurcan Iulia` and `Iulia Turcan` are one name. A library transliterates; the few
equivalences below cover the two ways in which Moldovan names are written in Latin letters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BRACKETS = re.compile(r"\([^()]*\)")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # O'Connor is one word
_LETTERS = {
    "dzh": "g",  # Джику, Gicu
    "dj": "g",
    "zh": "j",  # Житару, Jitaru
    "kh": "h",  # Михай, Mihai
    "gh": "g",  # Сергей, Serghei
    "sh": "s",  # Штефан, Ștefan
    "ts": "t",  # Цуркан, Țurcan
    "tz": "t",
    "ck": "k",
    "ch": "k",  # Кирилл, Chiril
    "c": "k",  # Чебан, Ceban
    "q": "k",
    "x": "ks",  # Александр, Alexandr
    "ph": "f",
    "w": "v",
    "y": "i",  # Юлия, Iulia
    "eu": "ev",  # Евгений, Eugen
    "ea": "ia",  # Олеся, Olesea
}
_LETTER = re.compile("|".join(_LETTERS))
_SOUNDS = (
    (re.compile("(?<=[kg])i(?=[aou])"), ""),  # Чобану, Ciobanu
    (re.compile("io"), "e"),  # Фёдор, Fiodor
    (re.compile(r"([a-z])\1+"), r"\1"),  # Anna, Ana
    (re.compile("(?<=...)[ei]+$"), ""),  # Юрий, Iurie; Чеботарь, Cebotari
)
"""What one name's spellings write differently, after the letters: a pattern and its replacement."""


def key(name: str) -> str:
    """A form of the name that is equal for all its spellings, for an index; "" without a word."""
    return " ".join(sorted(_words(name)))


def same_name(one: str, other: str) -> bool:
    """Whether two names have the same words, in any order. A name without a word is unknown."""
    return key(one) == key(other) != ""


def contradicts(one: str, other: str) -> bool:
    """Whether a word of the shorter name has no counterpart in the other. An initial is the
    counterpart of a word that starts with it."""
    words, others = sorted((_words(one), _words(other)), key=len)
    return _counterparts(words, others) < len(words)


def different_person(one: str, other: str) -> bool:
    """Whether two names have no word in common. A name without a word is unknown."""
    words, others = sorted((_words(one), _words(other)), key=len)
    return bool(words) and not _counterparts(words, others)


def _counterparts(words: tuple[str, ...], others: tuple[str, ...]) -> int:
    """How many words have a counterpart among the others, each of which counts once."""
    left = list(others)
    for same in (str.__eq__, _is_initial):
        unpaired = []
        for word in words:
            found = next((each for each in left if same(word, each)), None)
            if found is None:
                unpaired.append(word)
            else:
                left.remove(found)
        words = tuple(unpaired)
    return len(others) - len(left)


def _is_initial(one: str, other: str) -> bool:
    """Whether one word is the initial of the other: `p.` of `petrov`."""
    return any(
        short.endswith(".") and long.startswith(short[:-1])
        for short, long in ((one, other), (other, one))
    )


@lru_cache(maxsize=65536)
def _words(name: str) -> tuple[str, ...]:
    """The words of a name in a common spelling, without those in brackets. An initial ends with a
    full stop."""
    marked = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(char for char in marked if not unicodedata.combining(char))
    found = _WORD.findall(_BRACKETS.sub(" ", bare)) or _WORD.findall(bare)
    words = ((_spelling(word), len(word) == 1) for word in found)
    return tuple(f"{word}." if initial else word for word, initial in words if word)


@lru_cache(maxsize=65536)
def _spelling(word: str) -> str:
    """One word in lower-case Latin letters and digits, in the common spelling."""
    from anyascii import anyascii  # noqa: PLC0415 - most plans compare no names

    latin = re.sub("[^a-z0-9]", "", anyascii(word).lower())
    latin = _LETTER.sub(lambda found: _LETTERS[found[0]], latin)
    for pattern, replacement in _SOUNDS:
        latin = pattern.sub(replacement, latin)
    return latin
