"""What people really write, and what comes of it: the right reading, or the mistake in its place.

One table. A row is a file as it lies there (or several by their names), and the agents that are
read, or every problem with its hint. Each row goes through the command too. What the loader alone
says, and both of its parsers alike, is in `test_yaml`; what single values may be, in `test_agents`.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from agency import Agency

from reconciler.documents.agents import read_agents
from reconciler.documents.config import read_config
from reconciler.documents.discovery import content
from reconciler.errors import ConfigError, InputError

from .conftest import line

A = "externalId: a\n"
KEYS = (
    "the keys are externalId, id, name, phone, description, avatar, instagram, youtube, tiktok, "
    "settings, propertyfinder"
)
STEERING = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""What a terminal obeys, or what turns a reader's line around."""
TWICE = "keep one of the two"

Content = str | bytes
Expected = list[dict[str, Any]] | list[tuple[str, str]]

WRITTEN: dict[str, tuple[Content | Mapping[str, Content], Expected]] = {
    # indentation, tabs, blanks
    "tab indent": (
        A + "settings:\n\tcontact_phone: true\n",
        [
            (
                "agents/a.yaml:3:1: there is a tab here, and YAML takes only blanks",
                "write blanks in place of the tab, two for each level",
            )
        ],
    ),
    "tab after colon": (A + "name:\tIvan\n", [{"externalId": "a", "name": "Ivan"}]),
    "tab inside": (
        A + "name: Ivan\tPetrov\n",
        [
            (
                "agents/a.yaml:2:7: `name` has to be text on one line, and not empty",
                'write name: "Ivan Petrov"',
            )
        ],
    ),
    "tab trailing": (A + "name: Ivan\t\n", [{"externalId": "a", "name": "Ivan"}]),
    "nbsp after colon": (
        A + "name:\u00a0Ivan\n",
        [
            (
                "agents/a.yaml:2:6: the blank after the colon is U+00A0, which YAML takes for a letter",
                "type the colon and the blank again",
            )
        ],
    ),
    "nbsp indent": (
        A + "settings:\n\u00a0\u00a0contact_phone: true\n",
        [
            (
                "agents/a.yaml:2:1: `settings` has no value",
                "leave the key out to leave the value alone",
            ),
            (
                "agents/a.yaml:3:1: there is no key `\\xa0\\xa0contact_phone`",
                "it has a U+00A0 that cannot be seen; type the line again",
            ),
        ],
    ),
    "nbsp both": (A + "name: \u00a0Ivan\n", [{"externalId": "a", "name": "\xa0Ivan"}]),
    "nbsp name only": (
        A + 'name: "\u00a0"\n',
        [("agents/a.yaml:2:7: `name` has to be text on one line, and not empty", "")],
    ),
    "ideographic space": (
        A + "name:\u3000Ivan\n",
        [
            (
                "agents/a.yaml:2:6: the blank after the colon is U+3000, which YAML takes for a letter",
                "type the colon and the blank again",
            )
        ],
    ),
    "ideo indent": (
        A + "settings:\n\u3000contact_phone: true\n",
        [
            (
                "agents/a.yaml:2:1: `settings` has no value",
                "leave the key out to leave the value alone",
            ),
            (
                "agents/a.yaml:3:1: there is no key `\\u3000contact_phone`",
                "it has a U+3000 that cannot be seen; type the line again",
            ),
        ],
    ),
    "fullwidth colon": (
        A + "name：Ivan\n",
        [
            (
                "agents/a.yaml:2:5: the colon is U+FF1A, which YAML takes for a letter",
                "type the colon and the blank again",
            )
        ],
    ),
    "block wrong ind": (
        A + "description: |\nHello\n",
        [
            (
                "agents/a.yaml:3:1: this line is no `key: value`",
                "if it continues the text above, indent it like that text",
            )
        ],
    ),
    "block less": (
        A + "description: |\n    Hello\n  World\n",
        [
            (
                "agents/a.yaml:4:3: this line does not begin in the same column as the lines it belongs to",
                "lines of one level begin in one column; below a key they are two blanks deeper",
            )
        ],
    ),
    "block ok": (
        A + "description:\n  ru: |\n    Hello\n     World\n",
        [{"externalId": "a", "description": {"ru": "Hello\n World\n"}}],
    ),
    "block ind ind": (
        A + "description:\n  ru: |\n  Hello\n",
        [
            (
                "agents/a.yaml:4:3: this line is no `key: value`",
                "if it continues the text above, indent it like that text",
            )
        ],
    ),
    "plain multi": (
        A + "description: one\n  two\n  three\n",
        [{"externalId": "a", "description": "one two three"}],
    ),
    "plain multi noind": (
        A + "description: one\ntwo\n",
        [
            (
                "agents/a.yaml:3:1: this line is no `key: value`",
                "if it continues the text above, indent it like that text",
            )
        ],
    ),
    "plain multi colon": (
        A + "description: one\n  two: x\n",
        [
            (
                "agents/a.yaml:3:3: this line is indented too deep: the line above has its value already",
                "let it begin below the first letter of the line above",
            )
        ],
    ),
    "plain multi #": (
        A + "description: one # c\n  two\n",
        [
            (
                "agents/a.yaml:3:3: this line does not begin in the same column as the lines it belongs to",
                "lines of one level begin in one column; below a key they are two blanks deeper",
            )
        ],
    ),
    "plain dquote multi": (
        A + 'name: "Ivan\n  Petrov"\n',
        [{"externalId": "a", "name": "Ivan Petrov"}],
    ),
    # quotes
    "smart q value": (
        A + "name: “Ivan”\n",
        [
            (
                "agents/a.yaml:2:7: `name` has curly quotes around it, which would be published with it",
                'write name: "Ivan"',
            )
        ],
    ),
    "smart q phone": (
        A + "phone: „+373 22 123 456”\n",
        [
            (
                "agents/a.yaml:2:8: `phone` has to be one number of 7 to 15 digits, such as +373 22 123 456",
                'write phone: "+373 22 123 456"',
            )
        ],
    ),
    "guillemets": (A + "name: «Иван»\n", [{"externalId": "a", "name": "«Иван»"}]),
    "smart q key": (
        A + "“name”: Ivan\n",
        [("agents/a.yaml:2:1: there is no key `“name”`", "did you mean `name`?")],
    ),
    "backtick key": (
        A + "`name`: Ivan\n",
        [("agents/a.yaml:2:1: a value cannot begin with `", 'put it in quotes: "`name`: Ivan"')],
    ),
    "unclosed": (
        A + 'name: "Ivan\n',
        [
            (
                "agents/a.yaml:2:7: the quote that opens here is never closed",
                "close it at the end of the value",
            )
        ],
    ),
    "unclosed2": (
        A + 'name: "Ivan\nphone: "+373"\n',
        [
            (
                "agents/a.yaml:2:7: the quote that opens here is never closed",
                "close it at the end of the value",
            )
        ],
    ),
    "unclosed single": (
        A + "name: 'Ivan\n",
        [
            (
                "agents/a.yaml:2:7: the quote that opens here is never closed",
                "close it at the end of the value",
            )
        ],
    ),
    "unclosed last": (A + 'name: Ivan"\n', [{"externalId": "a", "name": 'Ivan"'}]),
    "closed twice": (
        A + 'name: "Ivan""\n',
        [
            (
                "agents/a.yaml:2:13: the quote that opens here is never closed",
                "close it at the end of the value",
            )
        ],
    ),
    "opening only mid": (
        A + 'name: "Ivan" Petrov\n',
        [
            (
                "agents/a.yaml:2:14: the quotes end here, and the value goes on",
                'write name: "Ivan Petrov"',
            )
        ],
    ),
    "win path": (
        A + 'avatar: {url: "C:\\new\\x.jpg"}\n',
        [
            (
                "agents/a.yaml:2:22: a backslash between double quotes begins an escape, and this is none",
                "use single quotes, or write the backslash twice: \\\\",
            )
        ],
    ),
    "win path name": (
        A + 'name: "C:\\new"\n',
        [
            (
                "agents/a.yaml:2:7: `name` has to be text on one line, and not empty",
                "write name: 'C:\\new'",
            )
        ],
    ),
    "win path desc": (
        A + 'description: "C:\\new\\table"\n',
        [{"externalId": "a", "description": "C:\new\table"}],
    ),
    # words that YAML 1.1 took for something else
    "NO nationality": (
        A + "propertyfinder: {email: a@b.md, nationality: NO}\n",
        [{"externalId": "a", "propertyfinder": {"email": "a@b.md", "nationality": "NO"}}],
    ),
    "no nationality": (
        A + "propertyfinder: {email: a@b.md, nationality: no}\n",
        [
            (
                "agents/a.yaml:2:46: `nationality` has to be a country in two capital letters, such as MD",
                "write nationality: NO",
            )
        ],
    ),
    "name no": (A + "name: no\n", [{"externalId": "a", "name": "no"}]),
    "name NO": (A + "name: NO\n", [{"externalId": "a", "name": "NO"}]),
    "name on": (A + "name: on\n", [{"externalId": "a", "name": "on"}]),
    "name yes": (A + "name: yes\n", [{"externalId": "a", "name": "yes"}]),
    "name off": (A + "name: off\n", [{"externalId": "a", "name": "off"}]),
    "name true": (
        A + "name: true\n",
        [
            (
                "agents/a.yaml:2:7: `name` has to be text, and without quotes true is true/false",
                'write name: "true"',
            )
        ],
    ),
    "spokenLanguages no": (
        A + "propertyfinder: {email: a@b.md, spokenLanguages: [no, en]}\n",
        [
            {
                "externalId": "a",
                "propertyfinder": {"email": "a@b.md", "spokenLanguages": ["no", "en"]},
            }
        ],
    ),
    "externalId no": ("externalId: no\n", [{"externalId": "no"}]),
    "key on": (A + "on: x\n", [("agents/a.yaml:2:1: there is no key `on`", KEYS)]),
    "key true": (
        A + "true: x\n",
        [("agents/a.yaml:2:1: a key has to be a word", 'write "true" in quotes if it is meant')],
    ),
    "settings yes": (
        A + "settings: {contact_phone: yes}\n",
        [
            (
                "agents/a.yaml:2:27: `contact_phone` has to be true or false",
                "write contact_phone: true",
            )
        ],
    ),
    "settings on": (
        A + "settings: {contact_phone: on}\n",
        [
            (
                "agents/a.yaml:2:27: `contact_phone` has to be true or false",
                "write contact_phone: true",
            )
        ],
    ),
    "settings NO": (
        A + "settings: {contact_phone: NO}\n",
        [
            (
                "agents/a.yaml:2:27: `contact_phone` has to be true or false",
                "write contact_phone: false",
            )
        ],
    ),
    "settings null": (
        A + "settings: {contact_phone: ~}\n",
        [
            (
                "agents/a.yaml:2:27: `contact_phone` cannot be null",
                "leave the key out to leave the value alone",
            )
        ],
    ),
    "settings True": (
        A + "settings: {contact_phone: True}\n",
        [{"externalId": "a", "settings": {"contact_phone": True}}],
    ),
    # numbers, dates and nothing
    "phone +": (
        A + "phone: +37322123456\n",
        [
            (
                "agents/a.yaml:2:8: `phone` has to be text, and without quotes +37322123456 is a number",
                'write phone: "+37322123456"',
            )
        ],
    ),
    "phone spaces": (A + "phone: 022 123 456\n", [{"externalId": "a", "phone": "022 123 456"}]),
    "phone spaces +": (
        A + "phone: +373 22 123 456\n",
        [{"externalId": "a", "phone": "+373 22 123 456"}],
    ),
    "phone 0": (
        A + "phone: 022123456\n",
        [
            (
                "agents/a.yaml:2:8: `phone` has to be text, and without quotes 022123456 is a number",
                'write phone: "022123456"',
            )
        ],
    ),
    "phone 0 octal": (
        A + "phone: 0777\n",
        [("agents/a.yaml:2:8: `phone` has to be text, and without quotes 0777 is a number", "")],
    ),
    "phone 0o17": (
        A + "phone: 0o17\n",
        [("agents/a.yaml:2:8: `phone` has to be text, and without quotes 0o17 is a number", "")],
    ),
    "phone underscore": (
        A + "phone: 22_123_456\n",
        [
            (
                "agents/a.yaml:2:8: `phone` has to be one number of 7 to 15 digits, such as +373 22 123 456",
                "",
            )
        ],
    ),
    "phone exp": (
        A + "phone: 2e7\n",
        [("agents/a.yaml:2:8: `phone` has to be text, and without quotes 2e7 is a number", "")],
    ),
    "phone list": (
        A + 'phone: ["+373 22 123 456"]\n',
        [
            (
                "agents/a.yaml:2:8: `phone` has to be one number of 7 to 15 digits, such as +373 22 123 456",
                "",
            )
        ],
    ),
    "phone arabic digits": (
        A + 'phone: "+٣٧٣٢٢١٢٣٤٥٦"\n',
        [
            (
                "agents/a.yaml:2:8: `phone` has to be one number of 7 to 15 digits, such as +373 22 123 456",
                "",
            )
        ],
    ),
    "phone ext": (
        A + 'phone: "+373 22 123 456 доб. 5"\n',
        [
            (
                "agents/a.yaml:2:8: `phone` has to be one number of 7 to 15 digits, such as +373 22 123 456",
                "",
            )
        ],
    ),
    "phone #": (
        A + "phone: +373 22 123 456 # office\n",
        [{"externalId": "a", "phone": "+373 22 123 456"}],
    ),
    "phone #nos": (
        A + "phone: #022123456\n",
        [
            (
                "agents/a.yaml:2:1: `phone` has no value",
                "a # begins a comment; if it is meant, put the value in quotes",
            )
        ],
    ),
    "name num": (
        A + "name: 12\n",
        [
            (
                "agents/a.yaml:2:7: `name` has to be text, and without quotes 12 is a number",
                'write name: "12"',
            )
        ],
    ),
    "name date": (A + "name: 2024-01-02\n", [{"externalId": "a", "name": "2024-01-02"}]),
    "name float": (
        A + "name: 1.50\n",
        [
            (
                "agents/a.yaml:2:7: `name` has to be text, and without quotes 1.50 is a number",
                'write name: "1.50"',
            )
        ],
    ),
    "name inf": (
        A + "name: .inf\n",
        [
            (
                "agents/a.yaml:2:7: `name` has to be text, and without quotes .inf is a number",
                'write name: ".inf"',
            )
        ],
    ),
    "name ~": (
        A + "name: ~\n",
        [
            (
                "agents/a.yaml:2:7: `name` cannot be null",
                "leave the key out to leave the value alone",
            )
        ],
    ),
    "name empty": (
        A + "name:\n",
        [("agents/a.yaml:2:1: `name` has no value", "leave the key out to leave the value alone")],
    ),
    'name ""': (
        A + 'name: ""\n',
        [("agents/a.yaml:2:7: `name` has to be text on one line, and not empty", "")],
    ),
    "name list": (
        A + "name:\n- Ivan\n",
        [("agents/a.yaml:3:1: `name` has to be text on one line, and not empty", "")],
    ),
    "name map": (
        A + "name: {ru: Иван}\n",
        [("agents/a.yaml:2:7: `name` has to be text on one line, and not empty", "")],
    ),
    "settings empty": (
        A + "settings:\n",
        [
            (
                "agents/a.yaml:2:1: `settings` has no value",
                "leave the key out to leave the value alone",
            )
        ],
    ),
    "avatar empty": (A + "avatar:\n", [{"externalId": "a", "avatar": None}]),
    "id octal": ("id: 0o17\n", [{"id": 15}]),
    "id 015": ("id: 015\n", [{"id": 15}]),
    "id 1_000": ("id: 1_000\n", [("agents/a.yaml:1:5: `id` has to be a whole number", "")]),
    "id text": ("id: fifteen\n", [("agents/a.yaml:1:5: `id` has to be a whole number", "")]),
    "externalId num": (
        "externalId: 001\n",
        [
            (
                "agents/a.yaml:1:13: `externalId` has to be text, and without quotes 001 is a number",
                'write externalId: "001"',
            )
        ],
    ),
    "externalId date": ("externalId: 2024-01-02\n", [{"externalId": "2024-01-02"}]),
    "# name": (
        A + "name: #1 agent\n",
        [
            (
                "agents/a.yaml:2:1: `name` has no value",
                "a # begins a comment; if it is meant, put the value in quotes",
            )
        ],
    ),
    # encodings and bytes
    "BOM": ("\ufeff" + A, [{"externalId": "a"}]),
    "2 BOM": (
        "\ufeff\ufeff" + A,
        [
            (
                "agents/a.yaml:1:1: the invisible character U+FEFF is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "BOM mid": (
        A + "---\n\ufeffexternalId: b\n",
        [
            (
                "agents/a.yaml:3:1: the invisible character U+FEFF is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "CRLF": ("externalId: a\r\nname: Ivan\r\n", [{"externalId": "a", "name": "Ivan"}]),
    "CR": ("externalId: a\rname: Ivan\r", [{"externalId": "a", "name": "Ivan"}]),
    "mixed": (
        'externalId: a\r\nname: Ivan\nphone: "+373 22 123 456"\r',
        [{"externalId": "a", "name": "Ivan", "phone": "+373 22 123 456"}],
    ),
    "CRLF block": (
        "externalId: a\r\ndescription: |\r\n  one\r\n  two\r\n",
        [{"externalId": "a", "description": "one\ntwo\n"}],
    ),
    "utf16le": (
        A.encode("utf-16-le"),
        [("agents/a.yaml:1:1: the file is saved as UTF-16", 'save it as "UTF-8" in your editor')],
    ),
    "utf16be": (
        A.encode("utf-16-be"),
        [("agents/a.yaml:1:1: the file is saved as UTF-16", 'save it as "UTF-8" in your editor')],
    ),
    "utf16 bom": (
        A.encode("utf-16"),
        [("agents/a.yaml:1:1: the file is saved as UTF-16", 'save it as "UTF-8" in your editor')],
    ),
    "utf16be bom": (
        b"\xfe\xff" + A.encode("utf-16-be"),
        [("agents/a.yaml:1:1: the file is saved as UTF-16", 'save it as "UTF-8" in your editor')],
    ),
    "utf32be": (
        A.encode("utf-32-be"),
        [
            (
                "agents/a.yaml:1:1: this is not a text file",
                "put no pictures, documents or archives here",
            )
        ],
    ),
    "utf16 cyr veryfirst": (
        "имя: a\n".encode("utf-16-le"),
        [("agents/a.yaml:1:1: the file is saved as UTF-16", 'save it as "UTF-8" in your editor')],
    ),
    "utf16 cyr be": (
        "имя: a\n".encode("utf-16-be"),
        [("agents/a.yaml:1:1: the file is saved as UTF-16", 'save it as "UTF-8" in your editor')],
    ),
    "latin1": (
        A.encode() + "name: Éva\n".encode("latin-1"),
        [
            (
                "agents/a.yaml:2:7: this character is not UTF-8 text",
                'save the file as "UTF-8" in your editor, and write the character again',
            )
        ],
    ),
    "cp1251": (
        A.encode() + "name: Иван\n".encode("cp1251"),
        [
            (
                "agents/a.yaml:2:7: this character is not UTF-8 text",
                'save the file as "UTF-8" in your editor, and write the character again',
            )
        ],
    ),
    "cp1252 quotes": (
        A.encode() + "name: “Ivan”\n".encode("cp1252"),
        [
            (
                "agents/a.yaml:2:7: this character is not UTF-8 text",
                'save the file as "UTF-8" in your editor, and write the character again',
            )
        ],
    ),
    "mojibake2": (
        A + "name: Ð\x98Ð²Ð°Ð½\n",
        [
            (
                "agents/a.yaml:2:8: the invisible character U+0098 is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "replacement": (
        A + "name: Iv\ufffdn\n",
        [
            (
                "agents/a.yaml:2:9: a character was lost here, when the file was saved in another encoding",
                "write the character again",
            )
        ],
    ),
    "overlong": (
        A.encode() + b"name: \xc0\xaf\n",
        [
            (
                "agents/a.yaml:2:7: this character is not UTF-8 text",
                'save the file as "UTF-8" in your editor, and write the character again',
            )
        ],
    ),
    "gzip": (
        b"\x1f\x8b\x08\x00abc",
        [
            (
                "agents/a.yaml:1:1: this is not a text file",
                "put no pictures, documents or archives here",
            )
        ],
    ),
    "png": (
        b"\x89PNG\r\n\x1a\n",
        [
            (
                "agents/a.yaml:1:1: this character is not UTF-8 text",
                'save the file as "UTF-8" in your editor, and write the character again',
            )
        ],
    ),
    "docx": (
        b"PK\x03\x04\x14\x00",
        [
            (
                "agents/a.yaml:1:3: the invisible character U+0003 is not allowed",
                "delete it, or type the line again",
            ),
            (
                "agents/a.yaml:1:4: the invisible character U+0004 is not allowed",
                "delete it, or type the line again",
            ),
            (
                "agents/a.yaml:1:5: the invisible character U+0014 is not allowed",
                "delete it, or type the line again",
            ),
            (
                "agents/a.yaml:1:6: the invisible character U+0000 is not allowed",
                "delete it, or type the line again",
            ),
        ],
    ),
    "html": (
        "<!DOCTYPE html>\n<html>\n",
        [("agents/a.yaml:1:1: a file is made of lines like `key: value`, and this is none", "")],
    ),
    "csv": (
        "externalId,name\na,Ivan\n",
        [("agents/a.yaml:1:1: a file is made of lines like `key: value`, and this is none", "")],
    ),
    "toml": (
        'externalId = "a"\nname = "Ivan"\n',
        [("agents/a.yaml:1:1: a file is made of lines like `key: value`, and this is none", "")],
    ),
    "python dict": ("{'externalId': 'a', 'name': None}\n", [{"externalId": "a", "name": "None"}]),
    # characters nobody sees
    "NUL": (
        A + "name: a\0b\n",
        [
            (
                "agents/a.yaml:2:8: the invisible character U+0000 is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "ESC": (
        A + "name: a\x1bb\n",
        [
            (
                "agents/a.yaml:2:8: the invisible character U+001B is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "DEL": (
        A + "name: a\x7fb\n",
        [
            (
                "agents/a.yaml:2:8: the invisible character U+007F is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "C1": (
        A + "name: a\x9bb\n",
        [
            (
                "agents/a.yaml:2:8: the invisible character U+009B is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "ctrlZ": (
        A + "\x1a",
        [
            (
                "agents/a.yaml:2:1: the invisible character U+001A is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "NEL": (
        A + "name: a\x85b\n",
        [
            (
                "agents/a.yaml:2:8: the invisible character U+0085 is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "LS": (
        A + "name: a\u2028b\n",
        [
            (
                "agents/a.yaml:2:8: the invisible character U+2028 is not allowed",
                "delete it, or type the line again",
            )
        ],
    ),
    "RLO": (
        A + "name: a\u202eb\n",
        [
            (
                "agents/a.yaml:2:8: the invisible character U+202E changes the direction of the text around it",
                "delete it; text reads in its own direction without it",
            )
        ],
    ),
    "RLI": (
        A + "name: a\u2067b\n",
        [
            (
                "agents/a.yaml:2:8: the invisible character U+2067 changes the direction of the text around it",
                "delete it; text reads in its own direction without it",
            )
        ],
    ),
    "RLM": (A + "name: א\u200fb\n", [{"externalId": "a", "name": "א\u200fb"}]),
    "ZWSP": (
        A + "name: a\u200bb\n",
        [
            (
                "agents/a.yaml:2:7: `name` has a character in it that cannot be seen, U+200B",
                "delete it, or type the value again",
            )
        ],
    ),
    "ZWJ": (A + "name: a\u200db\n", [{"externalId": "a", "name": "a\u200db"}]),
    "ZWSP only": (
        A + 'name: "\u200b"\n',
        [
            (
                "agents/a.yaml:2:7: `name` has a character in it that cannot be seen, U+200B",
                "delete it, or type the value again",
            )
        ],
    ),
    "ZWSP extid": (
        "externalId: a\u200b\n",
        [
            (
                "agents/a.yaml:1:13: `externalId` has a character in it that cannot be seen, U+200B",
                "delete it, or type the value again",
            )
        ],
    ),
    "ZWSP key": (
        A + "na\u200bme: x\n",
        [
            (
                "agents/a.yaml:2:1: there is no key `na\\u200bme`",
                "it has a U+200B that cannot be seen; type the line again",
            )
        ],
    ),
    "SHY": (
        A + "name: a\u00adb\n",
        [
            (
                "agents/a.yaml:2:7: `name` has a character in it that cannot be seen, U+00AD",
                "delete it, or type the value again",
            )
        ],
    ),
    "esc \\u200b": (
        A + 'name: "a\\u200bb"\n',
        [
            (
                "agents/a.yaml:2:7: `name` has a character in it that cannot be seen, U+200B",
                "delete it, or type the value again",
            )
        ],
    ),
    "esc \\x1b": (
        A + 'name: "a\\x1bb"\n',
        [
            (
                "agents/a.yaml:2:7: the escape for the character U+001B is not allowed",
                "delete it; use single quotes if a backslash is meant",
            )
        ],
    ),
    "esc NUL": (
        A + 'name: "a\\0b"\n',
        [
            (
                "agents/a.yaml:2:7: the escape for the character U+0000 is not allowed",
                "delete it; use single quotes if a backslash is meant",
            )
        ],
    ),
    # keys
    "dup far": (
        A + 'name: a\nphone: "+373 22 123 456"\nname: b\n',
        [
            (
                "agents/a.yaml:4:1: `name` is here twice; the first one is in line 2",
                "keep one of the two",
            )
        ],
    ),
    "dup three": (
        A + "name: a\nname: b\nname: c\n",
        [
            (
                "agents/a.yaml:3:1: `name` is here twice; the first one is in line 2",
                "keep one of the two",
            ),
            (
                "agents/a.yaml:4:1: `name` is here twice; the first one is in line 2",
                "keep one of the two",
            ),
        ],
    ),
    "dup diff quoting": (
        A + 'name: a\n"name": b\n',
        [
            (
                "agents/a.yaml:3:1: `name` is here twice; the first one is in line 2",
                "keep one of the two",
            )
        ],
    ),
    "dup top-level externalId": (
        A + "externalId: b\n",
        [
            (
                "agents/a.yaml:2:1: `externalId` is here twice; the first one is in line 1",
                "keep one of the two",
            )
        ],
    ),
    "missing sep": (
        "externalId: a\nname: x\n\nexternalId: b\nname: y\n",
        [
            (
                "agents/a.yaml:4:1: `externalId` is here twice; the first one is in line 1",
                "keep one of the two",
            ),
            (
                "agents/a.yaml:5:1: `name` is here twice; the first one is in line 2",
                "keep one of the two",
            ),
        ],
    ),
    "key ~": (
        A + "~: x\n",
        [("agents/a.yaml:2:1: a key has to be a word", 'write "~" in quotes if it is meant')],
    ),
    "key empty": (A + ": x\n", [("agents/a.yaml:2:1: a key is missing before this colon", "")]),
    "cyr key": (
        A + "nаme: Ivan\n",
        [
            (
                "agents/a.yaml:2:1: there is no key `nаme`",
                "the letter а in it is U+0430; type `name` again",
            )
        ],
    ),
    "cyr extId": (
        "еxternalId: a\nname: x\n",
        [
            (
                "agents/a.yaml:1:1: there is no key `еxternalId`",
                "the letter е in it is U+0435; type `externalId` again",
            )
        ],
    ),
    "greek": (
        A + "nαme: Ivan\n",
        [
            (
                "agents/a.yaml:2:1: there is no key `nαme`",
                "the letter α in it is U+03B1; type `name` again",
            )
        ],
    ),
    "fullwidth key": (
        A + "ｎａｍｅ: Ivan\n",
        [
            (
                "agents/a.yaml:2:1: there is no key `ｎａｍｅ`",
                "the letter ｎ in it is U+FF4E; type `name` again",
            )
        ],
    ),
    "cyr in settings": (
        A + "settings: {соntact_phone: true}\n",
        [
            (
                "agents/a.yaml:2:12: there is no key `соntact_phone` in `settings`",
                "the letter с in it is U+0441; type `contact_phone` again",
            )
        ],
    ),
    "ru key": (A + "имя: Иван\n", [("agents/a.yaml:2:1: there is no key `имя`", KEYS)]),
    "typo": (
        A + "nmae: Ivan\n",
        [("agents/a.yaml:2:1: there is no key `nmae`", "did you mean `name`?")],
    ),
    "typo4": (
        A + "insta: x\n",
        [("agents/a.yaml:2:1: there is no key `insta`", "did you mean `instagram`?")],
    ),
    "case externalID": (
        "externalID: a\n",
        [("agents/a.yaml:1:1: there is no key `externalID`", "did you mean `externalId`?")],
    ),
    "external id": (
        "external id: a\n",
        [("agents/a.yaml:1:1: there is no key `external id`", "did you mean `externalId`?")],
    ),
    "Name": (
        A + "Name: x\n",
        [("agents/a.yaml:2:1: there is no key `Name`", "did you mean `name`?")],
    ),
    "NAME": (
        A + "NAME: x\n",
        [("agents/a.yaml:2:1: there is no key `NAME`", "did you mean `name`?")],
    ),
    "trailing space key": (A + "name : x\n", [{"externalId": "a", "name": "x"}]),
    "contactPhone": (
        A + "settings: {contactPhone: true}\n",
        [
            (
                "agents/a.yaml:2:12: there is no key `contactPhone` in `settings`",
                "did you mean `contact_phone`?",
            )
        ],
    ),
    "RU": (
        A + "description: {RU: x}\n",
        [("agents/a.yaml:2:15: there is no key `RU` in `description`", "did you mean `ru`?")],
    ),
    "email top": (
        A + "email: a@b.md\n",
        [("agents/a.yaml:2:1: there is no key `email`", "it belongs under `propertyfinder`")],
    ),
    "both case": (
        "externalId: a\nExternalId: b\n",
        [("agents/a.yaml:2:1: there is no key `ExternalId`", "did you mean `externalId`?")],
    ),
    "__proto__": (A + "__proto__: x\n", [("agents/a.yaml:2:1: there is no key `__proto__`", KEYS)]),
    "key 1025": (
        "x" * 1025 + ": 1\n",
        [("agents/a.yaml:1:1: a key has no more than 1024 characters", "")],
    ),
    "long key": (
        "x" * 900000 + ": 1\n",
        [("agents/a.yaml:1:1: a key has no more than 1024 characters", "")],
    ),
    # colons
    "colon nospace first": (
        "externalId:a\nname: Ivan\n",
        [("agents/a.yaml:1:12: there is no blank after the colon", "write externalId: a")],
    ),
    "colon nospace only": (
        "externalId:a\n",
        [
            (
                "agents/a.yaml:1:1: a file is made of lines like `key: value`, and this is none",
                "write a blank after the colon",
            )
        ],
    ),
    "colon nospace both": (
        "externalId:a\nname:Ivan\n",
        [
            (
                "agents/a.yaml:1:1: a file is made of lines like `key: value`, and this is none",
                "write a blank after the colon",
            )
        ],
    ),
    "colon nospace last": (
        A + "name:Ivan\n",
        [("agents/a.yaml:2:6: there is no blank after the colon", "write name: Ivan")],
    ),
    "colon nospace nested": (
        A + "settings:\n  contact_phone:true\n",
        [
            (
                "agents/a.yaml:3:3: `settings` has to be a group of keys",
                "write a blank after the colon",
            )
        ],
    ),
    "flow nospace": (
        "{externalId:a, name:Ivan}\n",
        [("agents/a.yaml:1:13: there is no blank after the colon", "write externalId: a")],
    ),
    "flow nospace nested": (
        A + "settings: {contact_phone:true}\n",
        [("agents/a.yaml:2:26: there is no blank after the colon", "write contact_phone: true")],
    ),
    "url nospace": (
        A + 'avatar: {url:"https://a.example/b"}\n',
        [
            (
                "agents/a.yaml:2:14: there is no blank after the colon",
                'write url: "https://a.example/b"',
            )
        ],
    ),
    "settings inline": (
        A + "settings: contact_phone: true\n",
        [
            (
                "agents/a.yaml:2:24: a value with a colon in it has to be in quotes",
                'write settings: "contact_phone: true"',
            )
        ],
    ),
    "equals": (
        A + "name= Ivan\n",
        [
            (
                "agents/a.yaml:2:1: this line is no `key: value`",
                "if it continues the text above, indent it like that text",
            )
        ],
    ),
    "no colon": (
        A + "name Ivan\n",
        [
            (
                "agents/a.yaml:2:1: this line is no `key: value`",
                "if it continues the text above, indent it like that text",
            )
        ],
    ),
    "desc > with colon": (
        A + "description: Note: call me\n",
        [
            (
                "agents/a.yaml:2:18: a value with a colon in it has to be in quotes",
                'write description: "Note: call me"',
            )
        ],
    ),
    "name with colon no blank": (
        A + "name: Ivan:Petrov\n",
        [{"externalId": "a", "name": "Ivan:Petrov"}],
    ),
    # documents
    "conflict": (
        A + "<<<<<<< HEAD\nname: x\n=======\nname: y\n>>>>>>> main\n",
        [
            (
                "agents/a.yaml:2:1: this line is left over from a merge conflict",
                "keep one of the two versions, and none of the lines <<<<<<<, =======, >>>>>>>",
            )
        ],
    ),
    "conflict in block": (
        A + "description: |\n  hello\n<<<<<<< HEAD\n  x\n=======\n  y\n>>>>>>> main\n",
        [
            (
                "agents/a.yaml:4:1: this line is left over from a merge conflict",
                "keep one of the two versions, and none of the lines <<<<<<<, =======, >>>>>>>",
            )
        ],
    ),
    "conflict only >": (
        A + ">>>>>>> main\n",
        [
            (
                "agents/a.yaml:2:1: this line is left over from a merge conflict",
                "keep one of the two versions, and none of the lines <<<<<<<, =======, >>>>>>>",
            )
        ],
    ),
    "conflict in quotes": (
        A + 'description: "one\n<<<<<<< HEAD\ntwo\n=======\nthree\n>>>>>>> main\n"\n',
        [
            (
                "agents/a.yaml:3:1: this line is left over from a merge conflict",
                "keep one of the two versions, and none of the lines <<<<<<<, =======, >>>>>>>",
            )
        ],
    ),
    "rule ======= in block": (
        A + "description: |\n  Title\n  =======\n",
        [{"externalId": "a", "description": "Title\n=======\n"}],
    ),
    "empty": ("", []),
    "comments": ("# x\n", []),
    "---": ("---\n", []),
    "several": (
        "externalId: a\n---\nexternalId: b\n---\n",
        [{"externalId": "a"}, {"externalId": "b"}],
    ),
    "several ...": (
        "externalId: a\n...\n---\nexternalId: b\n",
        [{"externalId": "a"}, {"externalId": "b"}],
    ),
    "trailing ...": ("externalId: a\n...\n", [{"externalId": "a"}]),
    "doc sep 2 dash": (
        "externalId: a\n--\nexternalId: b\n",
        [
            (
                "agents/a.yaml:2:1: this line is no `key: value`",
                "if it continues the text above, indent it like that text",
            )
        ],
    ),
    "em dash": (
        "externalId: a\n———\nexternalId: b\n",
        [
            (
                "agents/a.yaml:2:1: this line is no `key: value`",
                "if it continues the text above, indent it like that text",
            )
        ],
    ),
    "doc on sep": (
        "--- externalId: a\n",
        [
            (
                "agents/a.yaml:1:1: after --- the agent begins in the next line",
                "put a line end behind ---",
            )
        ],
    ),
    "doc same line": ("--- {externalId: a}\n", [{"externalId": "a"}]),
    "list top": (
        "- externalId: a\n- externalId: b\n",
        [
            (
                "agents/a.yaml:1:1: a file is made of lines like `key: value`, and this is none",
                "leave the list away; several agents in one file are separated by lines of ---",
            )
        ],
    ),
    "agents:": (
        "agents:\n  - externalId: a\n",
        [
            (
                "agents/a.yaml:1:1: an agent stands under no heading, and here is `agents`",
                "delete this line, let the agent's keys begin in the first column, and put a line of --- between two agents",
            )
        ],
    ),
    "agents map": (
        "agents:\n  a:\n    name: x\n",
        [
            ("agents/a.yaml:1:1: there is no key `agents`", KEYS),
            (
                "agents/a.yaml:1:1: the agent has neither `externalId` nor `id`",
                "add a line such as externalId: agent-001",
            ),
        ],
    ),
    "agent:": (
        "agent:\n  externalId: a\n",
        [
            (
                "agents/a.yaml:1:1: an agent stands under no heading, and here is `agent`",
                "delete this line, let the agent's keys begin in the first column, and put a line of --- between two agents",
            )
        ],
    ),
    "by key": (
        "ivan:\n  externalId: a\n  name: x\n",
        [
            (
                "agents/a.yaml:1:1: an agent stands under no heading, and here is `ivan`",
                "delete this line, let the agent's keys begin in the first column, and put a line of --- between two agents",
            )
        ],
    ),
    "json": ('{"externalId": "a", "name": "Ivan"}\n', [{"externalId": "a", "name": "Ivan"}]),
    "json list": (
        '[{"externalId": "a"}]\n',
        [
            (
                "agents/a.yaml:1:1: a file is made of lines like `key: value`, and this is none",
                "leave the list away; several agents in one file are separated by lines of ---",
            )
        ],
    ),
    "json lines": (
        '{"externalId": "a"}\n{"externalId": "b"}\n',
        [
            (
                "agents/a.yaml:2:1: the text above is complete, and this does not belong to it",
                "begin another agent with a line of ---",
            )
        ],
    ),
    "json surrogates": (
        '{"externalId": "a", "name": "\\ud83d\\ude00"}\n',
        [
            (
                "agents/a.yaml:1:30: a backslash between double quotes begins an escape, and this is none",
                "use single quotes, or write the backslash twice: \\\\",
            )
        ],
    ),
    # what YAML can do and agents cannot
    "[100k": ("[" * 100000, [("agents/a.yaml:1:21: this is nested deeper than 20 levels", "")]),
    "{ 100k": ("{" * 100000, [("agents/a.yaml:1:21: this is nested deeper than 20 levels", "")]),
    "dash 100k": (
        "- " * 100000,
        [("agents/a.yaml:1:41: this is nested deeper than 20 levels", "")],
    ),
    "? 100k": ("? " * 100000, [("agents/a.yaml:1:41: this is nested deeper than 20 levels", "")]),
    "indent deep": (
        "".join(" " * depth + "a:\n" for depth in range(1_300)),
        [("agents/a.yaml:21:21: this is nested deeper than 20 levels", "")],
    ),
    "a: dashes": (
        A + "name:\n" + "- " * 100000,
        [("agents/a.yaml:3:39: this is nested deeper than 20 levels", "")],
    ),
    "nested by lines 100k": (
        "".join(" " * (i % 2) + "a:\n" for i in range(100000)),
        [
            (f"agents/a.yaml:{line}:1: `a` is here twice; the first one is in line 1", TWICE)
            for line in range(3, 203, 2)
        ],
    ),
    "anchor": (
        "externalId: &x a\nname: *x\n",
        [
            ("agents/a.yaml:1:13: anchors (&) are not supported", "write the value out"),
            ("agents/a.yaml:2:7: aliases (*) are not supported", "write the value out"),
        ],
    ),
    "tag py": (
        A + 'name: !!python/object/apply:os.system ["x"]\n',
        [("agents/a.yaml:2:7: tags (!) are not supported", "delete the tag, or quote the value")],
    ),
    "tag include": (
        A + "description: !include x.txt\n",
        [("agents/a.yaml:2:14: tags (!) are not supported", "delete the tag, or quote the value")],
    ),
    "tag root": (
        "!agent\nexternalId: a\n",
        [("agents/a.yaml:1:1: tags (!) are not supported", "delete the tag, or quote the value")],
    ),
    "name !": (
        A + "name: ! Ivan\n",
        [("agents/a.yaml:2:7: tags (!) are not supported", "delete the tag, or quote the value")],
    ),
    "merge": (
        "<<: {externalId: a}\n",
        [("agents/a.yaml:1:1: merge keys (<<) are not supported", "write the values out")],
    ),
    "merge alias": (
        "base: &b {name: x}\nexternalId: a\n<<: *b\n",
        [
            ("agents/a.yaml:1:1: there is no key `base`", KEYS),
            ("agents/a.yaml:1:7: anchors (&) are not supported", "write the value out"),
            ("agents/a.yaml:3:1: merge keys (<<) are not supported", "write the values out"),
            ("agents/a.yaml:3:5: aliases (*) are not supported", "write the value out"),
        ],
    ),
    "& name": (
        A + "name: &Ivan\n",
        [("agents/a.yaml:2:7: anchors (&) are not supported", "write the value out")],
    ),
    "%YAML": (
        "%YAML 1.2\n---\nexternalId: a\n",
        [("agents/a.yaml:1:1: lines that begin with % are not supported", "delete this line")],
    ),
    "%TAG": (
        "%TAG ! tag:x,2000:\n---\nexternalId: a\n",
        [("agents/a.yaml:1:1: lines that begin with % are not supported", "delete this line")],
    ),
    "long line": (
        A + "description: " + "x" * 900000 + "\n",
        [{"externalId": "a", "description": "x" * 900_000}],
    ),
    "x100k :": (
        "a: " * 100000,
        [
            (
                "agents/a.yaml:1:5: a value with a colon in it has to be in quotes",
                'write a: "a: a: a: a: a: a: a: a: a: a: a: a: a: a: a: a: a: a: a: a:…"',
            )
        ],
    ),
    "name @": (
        A + "name: @ivan\n",
        [
            (
                "agents/a.yaml:2:7: a value cannot begin with @",
                'put it in quotes: "@ivan"; a link is written out, from https:// on',
            )
        ],
    ),
    "star name": (
        A + "name: *Ivan*\n",
        [("agents/a.yaml:2:7: a value cannot begin with *", 'put it in quotes: "*Ivan*"')],
    ),
    "name ? ": (
        A + "name: ? x\n",
        [("agents/a.yaml:2:7: a value cannot begin with ?", 'put it in quotes: "? x"')],
    ),
    "- bullets": (
        A + "description:\n  - one\n  - two\n",
        [
            (
                "agents/a.yaml:3:3: `description` has to be a text, or a text for each of ru, en, ro",
                "",
            )
        ],
    ),
    "curly placeholder": (
        A + "name: {{name}}\n",
        [
            ("agents/a.yaml:2:7: `name` has to be text on one line, and not empty", ""),
            ("agents/a.yaml:2:8: a key has to be a word", ""),
        ],
    ),
    "url md": (
        A + "instagram: [x](https://instagram.com/x)\n",
        [
            (
                "agents/a.yaml:2:15: the value ends here, and the line goes on",
                'write instagram: "[x](https://instagram.com/x)"',
            )
        ],
    ),
    # several files
    "same extid": (
        {"a.yaml": A, "b.yaml": A},
        [
            (
                "agents/b.yaml:1:13: `externalId` a is taken: agents/a.yaml:1 has it",
                "give each agent its own, or delete one of the two",
            )
        ],
    ),
    "same id": (
        {"a.yaml": "id: 5\n", "b.yaml": "id: 5\nexternalId: b\n"},
        [
            (
                "agents/b.yaml:1:5: `id` 5 is taken: agents/a.yaml:1 has it",
                "give each agent its own, or delete one of the two",
            )
        ],
    ),
    "same phone": (
        {
            "a.yaml": A + 'phone: "+373 22 123 456"\n',
            "b.yaml": 'externalId: b\nphone: "022 123 456"\n',
        },
        [
            {"externalId": "a", "phone": "+373 22 123 456"},
            {"externalId": "b", "phone": "022 123 456"},
        ],
    ),
    "same email": (
        {
            "a.yaml": A + "propertyfinder: {email: A@b.md}\n",
            "b.yaml": "externalId: b\npropertyfinder: {email: a@B.md}\n",
        },
        [
            (
                "agents/b.yaml:2:25: `email` a@B.md is taken: agents/a.yaml:2 has it",
                "give each agent its own, or delete one of the two",
            )
        ],
    ),
    "nfc nfd": (
        {"a.yaml": "externalId: é\n", "b.yaml": "externalId: e\u0301\n"},
        [
            (
                "agents/b.yaml:1:13: `externalId` é is taken: agents/a.yaml:1 has it",
                "give each agent its own, or delete one of the two",
            )
        ],
    ),
    "same doc": (
        "externalId: a\n---\nexternalId: a\n",
        [
            (
                "agents/a.yaml:3:13: `externalId` a is taken: agents/a.yaml:1 has it",
                "give each agent its own, or delete one of the two",
            )
        ],
    ),
    "id:15 vs id": (
        {"a.yaml": "id: 15\n", "b.yaml": 'externalId: "id:15"\n'},
        [
            (
                "agents/b.yaml:1:13: `externalId` cannot be id: and a number, the name of agents without one",
                "",
            )
        ],
    ),
    "ext .YAML": (
        {"a.YAML": A},
        [
            (
                "agents/a.YAML:1:1: only files whose names end in .yaml or .yml are read",
                "rename it to a.yaml",
            )
        ],
    ),
    "ext .Yml": (
        {"a.Yml": A},
        [
            (
                "agents/a.Yml:1:1: only files whose names end in .yaml or .yml are read",
                "rename it to a.yml",
            )
        ],
    ),
    "ext .yaml.txt": (
        {"a.yaml.txt": A},
        [
            (
                "agents/a.yaml.txt:1:1: only files whose names end in .yaml or .yml are read",
                "rename it to a.yaml",
            )
        ],
    ),
    "hidden": ({".a.yaml": A}, []),
    "backup~": ({"a.yaml~": A}, []),
    ".#": ({".#a.yaml": A}, []),
    "::error::": (
        {"::error::x.yaml": A + "x: 1\n"},
        [("agents/::error::x.yaml:2:1: there is no key `x`", KEYS)],
    ),
    "space": ({" a .yaml": A + "x: 1\n"}, [("agents/ a .yaml:2:1: there is no key `x`", KEYS)]),
    "255": (
        {"a" * 250 + ".yaml": A + "x: 1\n"},
        [(f"agents/{'a' * 250}.yaml:2:1: there is no key `x`", KEYS)],
    ),
    "cyr": ({"Иван.yaml": A + "x: 1\n"}, [("agents/Иван.yaml:2:1: there is no key `x`", KEYS)]),
    "zw": (
        {"a\u200b.yaml": A},
        [
            (
                "agents/a\\u200b.yaml:1:1: the file's name has characters that cannot be seen",
                "rename the file",
            )
        ],
    ),
    "percent": (
        {"a%0Ab.yaml": A + "x: 1\n"},
        [("agents/a%0Ab.yaml:2:1: there is no key `x`", KEYS)],
    ),
    "dash": ({"-x.yaml": A + "x: 1\n"}, [("agents/-x.yaml:2:1: there is no key `x`", KEYS)]),
    "dirctrl": (
        {"a\x1b[31mb/x.yaml": A + "x: 1\n"},
        [
            (
                "agents/a\\x1b[31mb/x.yaml:1:1: the name of the file's folder has characters that cannot be seen",
                "rename the folder",
            )
        ],
    ),
}
"""What is written: a file's content, or files by name; then the agents, or the problems."""


def laid_out(root: Path, written: Content | Mapping[str, Content]) -> None:
    """Put what is written into the folder of agents."""
    for name, text in (written if isinstance(written, Mapping) else {"a.yaml": written}).items():
        path = root / "agents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def outcome(root: Path) -> Expected:
    """The agents of a repository, or every problem as its line and its hint."""
    try:
        return [dict(each.data) for each in read_agents(root, "agents")]
    except InputError as error:
        return [(line(each), each.hint) for each in error.problems]


@pytest.mark.parametrize(("written", "expected"), WRITTEN.values(), ids=map(repr, WRITTEN))
def test_what_people_write(
    agency: Agency, written: Content | Mapping[str, Content], expected: Expected
) -> None:
    """What is read is exactly this, or all that is wrong is told; by the command as well."""
    laid_out(agency.root, written)
    assert outcome(agency.root) == expected
    told_by_the_command(agency, expected)


def told_by_the_command(agency: Agency, expected: Expected) -> None:
    """`validate` agrees: exit code 0, or 1 and every problem on standard error, and nothing else
    went wrong."""
    said = agency.run("validate")
    places = [each[0] for each in expected if isinstance(each, tuple)]
    assert said.code == (1 if places else 0), said.err
    assert "Traceback" not in said.out + said.err
    for place in places:
        assert place in said.err
    assert not STEERING.search(said.err)


def multiplied(root: Path) -> None:
    """Folders with two links each to the next one: 65,536 ways to the last."""
    for number in range(16):
        (root / f"agents/f{number:02}").mkdir()
        for name in "ab":
            (root / f"agents/f{number:02}/{name}").symlink_to(f"../f{number + 1:02}")
    laid_out(root, {"f16/a.yaml": A})


def taken(root: Path) -> None:
    """A socket where a file should be; it is made with a short name, for their paths are."""
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(root / "agents")
        try:
            made.bind("a.yaml")
        finally:
            os.chdir(here)


def in_place_of_the_folder(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Something else where the folder of agents should be."""

    def lay_out(root: Path) -> None:
        (root / "agents").rmdir()
        make(root / "agents")

    return lay_out


NOWHERE = "the link leads nowhere"
NO_FILE = "this is not a file that can be read"
OUT = "the link leads out of the repository"
HERE = "put the file itself here"
MAKE = "make the folder and put one YAML file an agent into it, or set `agents`"

ODD: dict[str, tuple[Callable[[Path], object], Expected]] = {
    "a link to itself": (
        lambda root: (root / "agents/a.yaml").symlink_to("a.yaml"),
        [(f"agents/a.yaml:1:1: {NOWHERE}", "delete it")],
    ),
    "a link to itself that might be a folder": (
        lambda root: (root / "agents/team").symlink_to("team"),
        [(f"agents/team:1:1: {NOWHERE}", "delete it")],
    ),
    "a link to a folder that is not there": (
        lambda root: (root / "agents/team").symlink_to("../team"),
        [(f"agents/team:1:1: {NOWHERE}", "delete it")],
    ),
    "a link to a text that nobody reads": (
        lambda root: ((root / "n.txt").touch(), (root / "agents/n.txt").symlink_to("../n.txt")),
        [],
    ),
    "a link to a device": (
        lambda root: (root / "agents/a.yaml").symlink_to("/dev/zero"),
        [(f"agents/a.yaml:1:1: {OUT}", HERE)],
    ),
    "a link to the system's files": (
        lambda root: (root / "agents/team").symlink_to("/etc"),
        [(f"agents/team:1:1: {OUT}", HERE)],
    ),
    "two links to one file": (
        lambda root: (
            laid_out(root, {"a.yaml": A}),
            (root / "agents/b.yaml").symlink_to("a.yaml"),
        ),
        [
            (
                "agents/b.yaml:1:13: `externalId` a is taken: agents/a.yaml:1 has it",
                "give each agent its own, or delete one of the two",
            )
        ],
    ),
    "a pipe": (
        lambda root: os.mkfifo(root / "agents/a.yaml"),
        [(f"agents/a.yaml:1:1: {NO_FILE}", "")],
    ),
    "a socket": (taken, [(f"agents/a.yaml:1:1: {NO_FILE}", "")]),
    "a folder with a file's name": (lambda root: (root / "agents/a.yaml").mkdir(), []),
    "a folder with a file's name and a file in it": (
        lambda root: laid_out(root, {"a.yaml/b.yaml": A}),
        [{"externalId": "a"}],
    ),
    "a file in place of the folder": (
        in_place_of_the_folder(Path.touch),
        [("agents:1:1: agents is no folder", MAKE)],
    ),
    "a link to itself in place of the folder": (
        in_place_of_the_folder(lambda path: path.symlink_to("agents")),
        [("agents:1:1: there is no folder agents", MAKE)],
    ),
    "a name that is no text": (
        lambda root: os.close(os.open(os.fsencode(root) + b"/agents/\xff.yaml", os.O_CREAT)),
        [
            (
                "agents/\\udcff.yaml:1:1: the file's name has characters that cannot be seen",
                "rename the file",
            )
        ],
    ),
}
"""What lies there in place of files: how it is laid out, and what comes of it."""


@pytest.mark.parametrize(("lay_out", "expected"), ODD.values(), ids=ODD)
def test_what_else_lies_there(
    agency: Agency, lay_out: Callable[[Path], object], expected: Expected
) -> None:
    """What is no file of the repository is not followed, and holds nothing up."""
    (agency.root / "agents").mkdir()
    lay_out(agency.root)
    assert outcome(agency.root) == expected
    told_by_the_command(agency, expected)


def test_deep_folders(agency: Agency) -> None:
    """1100 folders, each in the one before, are read to the last."""
    (agency.root / "agents").mkdir()
    at = os.open(agency.root / "agents", os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("f", dir_fd=at)
        below = os.open("f", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    file = os.open("a.yaml", os.O_CREAT | os.O_WRONLY, dir_fd=at)
    os.write(file, A.encode())
    for each in (file, at):
        os.close(each)
    try:
        assert outcome(agency.root) == [{"externalId": "a"}]
    finally:  # what removes temporary folders goes down one call a folder
        subprocess.run(["rm", "-rf", agency.root / "agents"], check=True)


def test_links_do_not_multiply(agency: Agency) -> None:
    """Folders that link to each other are read once, however many ways lead there."""
    (agency.root / "agents").mkdir()
    multiplied(agency.root)
    began = time.process_time()
    problems = outcome(agency.root)
    assert time.process_time() - began < 2
    assert ("agents/f00/b:1:1: another link leads there too", "delete one of the two") in problems
    assert len(problems) < 100


def test_a_folder_that_cannot_be_read(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """No permission for one folder is a problem of that folder; the others are told too."""
    laid_out(agency.root, {"closed/a.yaml": A, "b.yaml": "id: x\n"})
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    assert outcome(agency.root) == [
        ("agents/b.yaml:1:5: `id` has to be a whole number", ""),
        ("agents/closed:1:1: the folder cannot be read: Permission denied", ""),
    ]


def test_a_file_that_vanishes(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is deleted while the folder is read is a problem of that file."""
    laid_out(agency.root, {"a.yaml": A, "b.yaml": A.replace("a\n", "b\n")})

    def late(path: str) -> bytes:
        Path(path).unlink()
        return content(path)

    monkeypatch.setattr("reconciler.documents.agents.content", late)
    assert outcome(agency.root) == [
        (f"agents/{name}.yaml:1:1: the file cannot be read: No such file or directory", "")
        for name in "ab"
    ]


def test_a_very_large_file_is_not_read_whole(agency: Agency) -> None:
    """50 MB cost no more time or memory than the limit of a file."""
    laid_out(agency.root, b"")
    with (agency.root / "agents/a.yaml").open("wb") as file:
        file.truncate(50_000_000)
    tracemalloc.start()
    began = time.process_time()
    try:
        assert outcome(agency.root) == [
            (
                "agents/a.yaml:1:1: the file is larger than 1 MB",
                "keep one agent in a file, and pictures out of it",
            )
        ]
        assert time.process_time() - began < 1
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


SHARE = "a limit has to be a percentage from 0% to 100%, such as 30%"
QUOTE = "a value with a colon in it has to be in quotes between brackets"
KEYS_THERE = "the keys are version, agents, portals, ledger, limits, unreadable"

SET: dict[str, tuple[Content, Mapping[str, Any] | list[tuple[str, str]]]] = {
    "agents: /etc": ("agents: /etc\n", {"agents": "/etc"}),
    "ledger: /var/lib/ledger.json": (
        "ledger: /var/lib/ledger.json\n",
        {"ledger": "/var/lib/ledger.json"},
    ),
    "ledger: ../ledger.json": ("ledger: ../ledger.json\n", {"ledger": "../ledger.json"}),
    "ledger: git: x": (
        "ledger: git: x\n",
        [
            (
                "reconciler.yaml:1:12: a value with a colon in it has to be in quotes",
                'write ledger: "git: x"',
            )
        ],
    ),
    "agents: ~": (
        "agents: ~\n",
        [("reconciler.yaml:1:9: `agents` cannot be null", "leave the key out for its default")],
    ),
    "agents: 12": (
        "agents: 12\n",
        [
            (
                "reconciler.yaml:1:9: `agents` has to be text, and without quotes 12 is a number",
                'write agents: "12"',
            )
        ],
    ),
    "agents: / - a": ("agents:\n- a\n", [("reconciler.yaml:2:1: `agents` has to be text", "")]),
    "limits: {changes: 30 %}": (
        "limits: {changes: 30 %}\n",
        [
            (
                "reconciler.yaml:1:19: a limit has to be a percentage from 0% to 100%, such as 30%",
                "write changes: 30%",
            )
        ],
    ),
    'limits: {changes: "30"}': (
        'limits: {changes: "30"}\n',
        [
            (
                "reconciler.yaml:1:19: a limit has to be a percentage from 0% to 100%, such as 30%",
                "write changes: 30%",
            )
        ],
    ),
    "limits: 30%": (
        "limits: 30%\n",
        [("reconciler.yaml:1:9: `limits` has to be a group of keys", "")],
    ),
    "limits: {change: 30%}": (
        "limits: {change: 30%}\n",
        [("reconciler.yaml:1:10: there is no key `change` in `limits`", "did you mean `changes`?")],
    ),
    'limits: {floor: "10"}': (
        'limits: {floor: "10"}\n',
        [("reconciler.yaml:1:17: `floor` has to be a whole number", "write floor: 10")],
    ),
    "limits: {floor: 1e1}": (
        "limits: {floor: 1e1}\n",
        [("reconciler.yaml:1:17: `floor` has to be a whole number", "")],
    ),
    "portals: [rentix]": (
        "portals: [rentix]\n",
        [
            (
                "reconciler.yaml:1:10: `portals` has to be a group with the portals to use, such as rentix: {}",
                "",
            )
        ],
    ),
    "portals: / - rentix": (
        "portals:\n- rentix\n",
        [
            (
                "reconciler.yaml:2:1: `portals` has to be a group with the portals to use, such as rentix: {}",
                "",
            )
        ],
    ),
    "portals: {Rentix: {}}": (
        "portals: {Rentix: {}}\n",
        [("reconciler.yaml:1:11: there is no key `Rentix` in `portals`", "did you mean `rentix`?")],
    ),
    "rentix: /   url: https://a.example": (
        "rentix:\n  url: https://a.example\n",
        [("reconciler.yaml:1:1: there is no key `rentix`", "it belongs under `portals`")],
    ),
    "portals: {rentix: {url: https://a.example/}}": (
        "portals: {rentix: {url: https://a.example/}}\n",
        [
            (
                "reconciler.yaml:1:25: a value with a colon in it has to be in quotes between brackets",
                'write "https://a.example/"',
            )
        ],
    ),
    'portals: /   rentix: {url: "https://a.example/api/v1/"}': (
        'portals:\n  rentix: {url: "https://a.example/api/v1/"}\n',
        {
            "portals": {
                "rentix": {
                    "url": "https://a.example/api/v1/",
                    "create": "never",
                    "match": ["id", "externalId", "phone"],
                    "bulk": 100,
                    "bulk_by": "id",
                    "on_removed": "report",
                }
            }
        },
    ),
    'portals: {rentix: {url: "https://a.example/#x"}}': (
        'portals: {rentix: {url: "https://a.example/#x"}}\n',
        [("reconciler.yaml:1:25: the address may not have a ? or a # in it", "")],
    ),
    'portals: {rentix: {url: "https://a.example/?a=b"}}': (
        'portals: {rentix: {url: "https://a.example/?a=b"}}\n',
        [("reconciler.yaml:1:25: the address may not have a ? or a # in it", "")],
    ),
    'portals: {rentix: {url: "https://u:p@a.example"}}': (
        'portals: {rentix: {url: "https://u:p@a.example"}}\n',
        [
            (
                "reconciler.yaml:1:25: the address may not hold a user name or a password",
                "keys and passwords belong into the environment, never into a file",
            )
        ],
    ),
    "portals: {rentix: {url: crm.rentix.md}}": (
        "portals: {rentix: {url: crm.rentix.md}}\n",
        [("reconciler.yaml:1:25: the address has to begin with https:// and a host name", "")],
    ),
    'portals: {rentix: {url: "https://"}}': (
        'portals: {rentix: {url: "https://"}}\n',
        [("reconciler.yaml:1:25: the address has to begin with https:// and a host name", "")],
    ),
    "portals: {rentix: {create: yes}}": (
        "portals: {rentix: {create: yes}}\n",
        [("reconciler.yaml:1:28: `create` has to be never or upsert", "")],
    ),
    "portals: {rentix: {create: true}}": (
        "portals: {rentix: {create: true}}\n",
        [("reconciler.yaml:1:28: `create` has to be never or upsert", "")],
    ),
    "portals: {rentix: {match: [phone, Phone]}}": (
        "portals: {rentix: {match: [phone, Phone]}}\n",
        [("reconciler.yaml:1:35: `match` has to be id, externalId or phone", "")],
    ),
    "version: 1.0": (
        "version: 1.0\n",
        [("reconciler.yaml:1:10: `version` has to be 1; this program knows no other", "")],
    ),
    "Version: 1": (
        "Version: 1\n",
        [("reconciler.yaml:1:1: there is no key `Version`", "did you mean `version`?")],
    ),
    "version: v1": (
        "version: v1\n",
        [("reconciler.yaml:1:10: `version` has to be 1; this program knows no other", "")],
    ),
    "- version: 1": (
        "- version: 1\n",
        [
            (
                "reconciler.yaml:1:1: a file is made of lines like `key: value`, and this is none",
                "leave the list away; several agents in one file are separated by lines of ---",
            )
        ],
    ),
    "unreadable: no": (
        "unreadable: no\n",
        [("reconciler.yaml:1:13: `unreadable` has to be send or hold", "")],
    ),
    "unreadeable: send": (
        "unreadeable: send\n",
        [("reconciler.yaml:1:1: there is no key `unreadeable`", "did you mean `unreadable`?")],
    ),
    "reconciler: {version: 1}": (
        "reconciler: {version: 1}\n",
        [
            (
                "reconciler.yaml:1:1: there is no key `reconciler`",
                "the keys are version, agents, portals, ledger, limits, unreadable",
            )
        ],
    ),
    "\u0430gents: people": (
        "\u0430gents: people\n",
        [
            (
                "reconciler.yaml:1:1: there is no key `аgents`",
                "the letter а in it is U+0430; type `agents` again",
            )
        ],
    ),
    "agents:people": (
        "agents:people\n",
        [
            (
                "reconciler.yaml:1:1: a file is made of lines like `key: value`, and this is none",
                "write a blank after the colon",
            )
        ],
    ),
    "agents:\xa0people": (
        "agents:\xa0people\n",
        [
            (
                "reconciler.yaml:1:8: the blank after the colon is U+00A0, which YAML takes for a letter",
                "type the colon and the blank again",
            )
        ],
    ),
    "settings: {}": (
        "settings: {}\n",
        [
            (
                "reconciler.yaml:1:1: there is no key `settings`",
                "the keys are version, agents, portals, ledger, limits, unreadable",
            )
        ],
    ),
    "\ufeffagents: people": ("\ufeffagents: people\n", {"agents": "people"}),
    "agents: people": ("agents: people\r\n", {"agents": "people"}),
    "agents: people / ---": ("agents: people\n---\n", {"agents": "people"}),
    "": ("", {"agents": "agents"}),
    "agents: one / agents: two": (
        "agents: one\nagents: two\n",
        [
            (
                "reconciler.yaml:2:1: `agents` is here twice; the first one is in line 1",
                "keep one of the two",
            )
        ],
    ),
    "agents: &a people / ledger: *a": (
        "agents: &a people\nledger: *a\n",
        [
            ("reconciler.yaml:1:9: anchors (&) are not supported", "write the value out"),
            ("reconciler.yaml:2:9: aliases (*) are not supported", "write the value out"),
        ],
    ),
    "utf-16": (
        "agents: people\n".encode("utf-16"),
        [("reconciler.yaml:1:1: the file is saved as UTF-16", 'save it as "UTF-8" in your editor')],
    ),
    "latin-1": (
        "agents: Команда\n".encode("cp1251"),
        [
            (
                "reconciler.yaml:1:9: this character is not UTF-8 text",
                'save the file as "UTF-8" in your editor, and write the character again',
            )
        ],
    ),
}
"""What people write into `reconciler.yaml`: what is then set, or the problems."""


@pytest.mark.parametrize(("written", "expected"), SET.values(), ids=map(repr, SET))
def test_what_people_set(
    agency: Agency, written: Content, expected: Mapping[str, Any] | list[tuple[str, str]]
) -> None:
    """The configuration is read as it is meant, or all that is wrong is told; by the command too."""
    (agency.root / "agents").mkdir()
    path = agency.root / "reconciler.yaml"
    path.write_bytes(written.encode() if isinstance(written, str) else written)
    if isinstance(expected, Mapping):
        found = read_config(agency.root, None).model_dump()
        assert {name: found[name] for name in expected} == expected
        return
    with pytest.raises(InputError) as caught:
        read_config(agency.root, None)
    assert [(line(each), each.hint) for each in caught.value.problems] == expected
    told_by_the_command(agency, expected)


@pytest.mark.parametrize("folder", ["/etc", "../elsewhere", "agents/../../elsewhere"])
def test_agents_are_in_the_repository(agency: Agency, folder: str) -> None:
    """A folder elsewhere is refused, by whatever way it is named."""
    (agency.root.parent / "elsewhere").mkdir(exist_ok=True)
    (agency.root / "agents").mkdir()
    agency.use(rentix={}, agents=folder)
    said = agency.run("validate")
    assert said.code == 1
    assert f"{folder}:1:1: the folder is outside of the repository" in said.err


def secret_elsewhere(root: Path) -> None:
    """A link to a file that is not the repository's."""
    (root.parent / f"{root.name}-secret").write_text("root:geheim:0:0\n")
    (root / "reconciler.yaml").symlink_to(f"../{root.name}-secret")


@pytest.mark.parametrize(
    ("lay_out", "expected"),
    [
        (
            secret_elsewhere,
            "reconciler.yaml is a link that leads out of the repository. Put the file there.",
        ),
        (
            lambda root: (root / "reconciler.yaml").symlink_to("gone"),
            "reconciler.yaml is a link that leads nowhere.",
        ),
        (
            lambda root: os.mkfifo(root / "reconciler.yaml"),
            "reconciler.yaml is not a file that can be read.",
        ),
        (
            lambda root: (root / "reconciler.yml").write_text("version: 1\n"),
            "There is reconciler.yml and no reconciler.yaml. Rename it.",
        ),
        (
            lambda root: (root / "reconciler.yaml.txt").write_text("version: 1\n"),
            "There is reconciler.yaml.txt and no reconciler.yaml. Rename it.",
        ),
    ],
)
def test_what_lies_there_in_place_of_the_configuration(
    agency: Agency, lay_out: Callable[[Path], object], expected: str
) -> None:
    """The defaults are never taken in place of a file that somebody means to be read; nothing that
    is not the repository's is read, so none of its lines is shown."""
    (agency.root / "agents").mkdir()
    lay_out(agency.root)
    with pytest.raises(ConfigError) as caught:
        read_config(agency.root, None)
    assert str(caught.value) == expected
    said = agency.run("validate")
    assert (said.code, said.out) == (1, "")
    assert expected in said.err
    assert "geheim" not in said.err


def test_a_configuration_elsewhere_may_be_named(agency: Agency) -> None:
    """What the user names by hand may be anywhere, and a link to it too."""
    runtime = agency.root.parent / f"{agency.root.name}-settings.yaml"
    runtime.write_text("agents: people\n")
    assert read_config(agency.root, runtime).agents == "people"
    runtime.with_suffix(".yml").symlink_to(runtime)
    assert read_config(agency.root, runtime.with_suffix(".yml")).agents == "people"
