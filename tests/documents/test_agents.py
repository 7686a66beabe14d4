"""Agents in files: which values are valid, how problems are reported, and how folders are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from agency import Agency

from reconciler.core.fields import Field, Identifier, Sort
from reconciler.core.model import Source
from reconciler.documents.agents import desired, model_of, read_agents
from reconciler.documents.parts import Part
from reconciler.documents.text import MAX_PROBLEMS
from reconciler.errors import InputError
from reconciler.portals.registry import parts

from .conftest import Read, line, write_agents

Problems = Callable[[str | bytes], list[tuple[str, str]]]

FULL = """\
# yaml-language-server: $schema=../schemas/agent.schema.json
externalId: agent-001
id: 15
name: Ștefan Țurcanu
phone: "+373 22 123 456"
description:
  ru: Привет
  ro: ""
avatar: {url: "https://agency.example/a.jpg"}
instagram: https://www.instagram.com/x/
youtube: null
tiktok: https://vm.tiktok.com/@x?y=1
settings: {contact_phone: true, contact_viber: false}
"""


def test_document(read: Read) -> None:
    """A document has the declared values, its source and the lines of its keys."""
    [document] = read({"a.yaml": FULL})
    assert document.key == "agent-001"
    assert document.source == Source("agents/a.yaml", 2, 1)
    assert document.data == {
        "externalId": "agent-001",
        "id": 15,
        "name": "Ștefan Țurcanu",
        "phone": "+373 22 123 456",
        "description": {"ru": "Привет", "ro": ""},
        "avatar": {"url": "https://agency.example/a.jpg"},
        "instagram": "https://www.instagram.com/x/",
        "youtube": None,
        "tiktok": "https://vm.tiktok.com/@x?y=1",
        "settings": {"contact_phone": True, "contact_viber": False},
    }
    assert type(document.data) is dict
    assert (document.lines["externalId"], document.lines["description.ro"]) == (2, 8)
    assert document.lines["settings.contact_viber"] == 13


def test_key_without_an_external_id(read: Read) -> None:
    """An agent with only the portal's id has a key made from it."""
    [document] = read({"a.yaml": "id: 15\n"})
    assert (document.key, document.data) == ("id:15", {"id": 15})


@pytest.mark.parametrize(
    "text",
    [
        'phone: "022123456"',
        'phone: "(022) 12-34-56"',
        'phone: "+373 (22) 123.456"',
        "phone: +373 22 123 456",
        'phone: "+373\u00a022\u00a0123\u00a0456"',
        "description: one text",
        "description: |\n  two\n\n  lines\twith a tab\n",
        'description: ""',
        "avatar: null",
        "avatar: {id: 1}",
        "instagram: ~",
        "youtube: https://youtu.be/abc",
        "youtube: https://m.youtube.com/@x",
        "tiktok: https://www.tiktok.com/@x",
        "settings: {}",
        "name: no",
        "name: O'Neill",
        "name: Ion „Vânătorul” Rusu",
    ],
)
def test_valid_values(read: Read, text: str) -> None:
    """Different ways to write a value are valid."""
    [document] = read({"a.yaml": f"externalId: a\n{text}\n"})
    assert document.key == "a"


PHONE = "`phone` must be one number of 7 to 15 digits, such as +373 22 123 456"
EXTERNAL_ID = (
    "`externalId` must be 1 to 255 characters on one line, without leading or trailing whitespace"
)
NAME = "`name` must be one line of text, and not empty"
DESCRIPTION = "`description` must be a text, or a text for each of ru, en, ro"
AVATAR = "`avatar` must be {url: …}, {id: …} or null"
INSTAGRAM = "`instagram` must be an address that begins with https://instagram.com/, or null"
YOUTUBE = "`youtube` must be an address that begins with https://youtube.com/, or null"
TIKTOK = "`tiktok` must be an address that begins with https://tiktok.com/, or null"
URL = "`url` must be an address that begins with https://"
PUBLIC = (
    "put the picture on the web and write its public address, such as "
    "https://agency.example/photos/ivan.jpg"
)
KEYS = f"valid keys: {', '.join(model_of(parts()).vocabulary.keys[''])}"
LEAVE = "leave the key out to keep the value"
LANGUAGE = 'leave the language out, or write "" to clear it'

REFUSED = [
    ("name: 12", "2:7: `name` must be text, but 12 without quotes is a number", 'write name: "12"'),
    ("name: 1.50", "2:7: `name` must be text, but 1.50 without quotes is a number", 'write name: "1.50"'),
    ("name: true", "2:7: `name` must be text, but true without quotes is true/false", 'write name: "true"'),
    ("name: null", "2:7: `name` cannot be null", LEAVE),
    ("name:", "2:1: `name` has no value", LEAVE),
    ('name: ""', f"2:7: {NAME}", ""),
    ('name: "  "', f"2:7: {NAME}", ""),
    ('name: "Ivan\\tPetrov"', f"2:7: {NAME}", 'write name: "Ivan Petrov"'),
    ("name: |\n  Ivan\n", f"2:7: {NAME}", 'write name: "Ivan"'),
    ("name: [Ivan]", f"2:7: {NAME}", ""),
    ("name: “Ivan”", "2:7: `name` has curly quotes, which would be published", 'write name: "Ivan"'),
    ("id: 0", "2:5: `id` must be 1 or more", ""),
    ("id: 99999999999999999999", "2:5: `id` must be 9007199254740991 or less", ""),
    ('id: "15"', "2:5: `id` must be a whole number", "write id: 15"),
    ("id: 15.0", "2:5: `id` must be a whole number", ""),
    ("id: true", "2:5: `id` must be a whole number", ""),
    ("id: null", "2:5: `id` cannot be null", "leave the key out"),
    ("phone: 022123456", "2:8: `phone` must be text, but 022123456 without quotes is a number", 'write phone: "022123456"'),
    ("phone: +37322123456", "2:8: `phone` must be text, but +37322123456 without quotes is a number", 'write phone: "+37322123456"'),
    ("phone: 0o17", "2:8: `phone` must be text, but 0o17 without quotes is a number", ""),
    ("phone: “+373 22 123 456”", f"2:8: {PHONE}", 'write phone: "+373 22 123 456"'),
    ("phone: 123456 ext", f"2:8: {PHONE}", ""),
    ('phone: "123456"', f"2:8: {PHONE}", ""),
    ('phone: "1234567890123456"', f"2:8: {PHONE}", ""),
    ("phone: 022 123456, 079 123456", f"2:8: {PHONE}", ""),
    ("description:", "2:1: `description` has no value", 'leave the key out to keep it, or write "" to clear it'),
    ("description: {}", "2:14: `description` has no text", "add one of ru, en, ro, or leave the key out"),
    ("description: 12", "2:14: `description` must be text, but 12 without quotes is a number", 'write description: "12"'),
    ("description: [a]", f"2:14: {DESCRIPTION}", ""),
    ("description: {ru: null}", "2:19: `ru` cannot be null", LANGUAGE),
    ("description: {ru: 12}", "2:19: `ru` must be text, but 12 without quotes is a number", 'write ru: "12"'),
    ("description: {md: x}", "2:15: unknown key `md` in `description`", "valid keys: ru, en, ro"),
    ("ru: x", "2:1: unknown key `ru`", "move it under `description`"),
    ("avatar: https://a.example/b.jpg", f"2:9: {AVATAR}", 'write avatar: {url: "https://a.example/b.jpg"}'),
    ("avatar: 12", f"2:9: {AVATAR}", "write avatar: {id: 12}"),
    ("avatar: {}", "2:9: `avatar` has no `url`", "to remove the picture, write avatar: null"),
    ('avatar: {url: "https://a.example", id: 1}', "2:9: `avatar` must have either `url` or `id`", "keep one of them"),
    ('avatar: {url: "http://a.example/b"}', f"2:15: {URL}", 'write url: "https://a.example/b"'),
    ('avatar: {url: "https://u:p@a.example/b"}', f"2:15: {URL}", PUBLIC),
    ('avatar: {url: "ftp://a.example/b"}', f"2:15: {URL}", PUBLIC),
    ("avatar: {url: null}", "2:15: `url` cannot be null", "to remove the picture, write avatar: null"),
    ('avatar: {src: "x", id: 1}', "2:10: unknown key `src` in `avatar`", "valid keys: url, id"),
    ('instagram: "@ivan"', f"2:12: {INSTAGRAM}", "write instagram: https://instagram.com/ivan"),
    ("instagram: ivan.petrov", f"2:12: {INSTAGRAM}", "write instagram: https://instagram.com/ivan.petrov"),
    ("instagram: instagram.com/ivan", f"2:12: {INSTAGRAM}", "write instagram: https://instagram.com/ivan"),
    ("instagram: http://instagram.com/ivan", f"2:12: {INSTAGRAM}", "write instagram: https://instagram.com/ivan"),
    ("instagram: https://Instagram.com/Ivan", f"2:12: {INSTAGRAM}", "write instagram: https://instagram.com/Ivan"),
    ("instagram: https://tiktok.com/@ivan", f"2:12: {INSTAGRAM}", ""),
    ("instagram: https://evilinstagram.com/x", f"2:12: {INSTAGRAM}", ""),
    ("instagram: https://instagram.com.evil.example/x", f"2:12: {INSTAGRAM}", ""),
    ("instagram: https://instagram.com@evil.example/x", f"2:12: {INSTAGRAM}", ""),
    ('instagram: ""', f"2:12: {INSTAGRAM}", "write instagram: null"),
    ('youtube: "@ivan"', f"2:10: {YOUTUBE}", "write youtube: https://youtube.com/@ivan"),
    ("youtube: youtu.be/abc", f"2:10: {YOUTUBE}", "write youtube: https://youtu.be/abc"),
    ("tiktok: ivan", f"2:9: {TIKTOK}", "write tiktok: https://tiktok.com/@ivan"),
    ("settings:", "2:1: `settings` has no value", LEAVE),
    ("settings: [contact_phone]", "2:11: `settings` must be a mapping", ""),
    ("settings: {contact_viber: yes}", "2:27: `contact_viber` must be true or false", "write contact_viber: true"),
    ("settings: {contact_viber: off}", "2:27: `contact_viber` must be true or false", "write contact_viber: false"),
    ("settings: {contact_viber: 'true'}", "2:27: `contact_viber` must be true or false", "write contact_viber: true"),
    ("settings: {contact_viber: 0}", "2:27: `contact_viber` must be true or false", "write contact_viber: false"),
    ("settings: {contact_viber: maybe}", "2:27: `contact_viber` must be true or false", ""),
    ("settings: {contactViber: true}", "2:12: unknown key `contactViber` in `settings`", "did you mean `contact_viber`?"),
    ("settings: {posting_type: agent}", "2:12: `posting_type` is not managed: the portal shows it and does not accept it", "delete this line"),
    ("contact_viber: true", "2:1: unknown key `contact_viber`", "move it under `settings`"),
    ("Phone: x", "2:1: unknown key `Phone`", "did you mean `phone`?"),
    ("descripton: x", "2:1: unknown key `descripton`", "did you mean `description`?"),
    ('"a\\nb": x', "2:1: unknown key `a\\nb`", KEYS),
]  # fmt: skip


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("text", "expected", "hint"), REFUSED)
def test_invalid_values(problems: Problems, text: str, expected: str, hint: str) -> None:
    """Each mistake in a value or a key is one problem at its place, with a hint if there is a
    fix."""
    assert problems(f"externalId: a\n{text}\n") == [(f"agents/a.yaml:{expected}", hint)]


@pytest.mark.parametrize(
    ("text", "expected", "hint"),
    [
        ("name: x", "1:1: the agent needs `externalId` or `id` to identify the agent", "add a line such as externalId: agent-001"),
        ("externalId: 12", "1:13: `externalId` must be text, but 12 without quotes is a number", 'write externalId: "12"'),
        ('externalId: " a"', f"1:13: {EXTERNAL_ID}", 'write externalId: "a"'),
        ('externalId: ""', f"1:13: {EXTERNAL_ID}", ""),
        ("externalId: null", "1:13: `externalId` cannot be null", "leave the key out"),
        (f"externalId: {'a' * 256}", f"1:13: {EXTERNAL_ID}", ""),
        ("external_id: a", "1:1: unknown key `external_id`", "did you mean `externalId`?"),
        ("externalId: id:15", "1:13: `externalId` cannot be `id:` and a number: that names an agent without one", ""),
    ],
)  # fmt: skip
def test_invalid_identities(problems: Problems, text: str, expected: str, hint: str) -> None:
    """An agent needs a valid externalId or id; a missing one is one problem."""
    assert problems(text) == [(f"agents/a.yaml:{expected}", hint)]


def test_longest_external_id(read: Read) -> None:
    """255 characters are valid, whatever their size in bytes."""
    assert len(read({"a.yaml": f"externalId: {'я' * 255}\n"})[0].key) == 255


def test_all_problems_are_reported_together(read: Read) -> None:
    """Every problem of every file, by file, line and column."""
    with pytest.raises(InputError) as caught:
        read(
            {
                "b.yaml": "externalId: b\nname: 1\nphone: x\n",
                "a.yaml": "externalId: a: b\n",
                "c/d.yml": "externalId: c\nsettings: {b: 1, a: 1}\n---\nexternalId: b\n",
            }
        )
    places = [line(each).split(" ")[0] for each in caught.value.problems]
    assert places == [
        "agents/a.yaml:1:14:",
        "agents/b.yaml:2:7:",
        "agents/b.yaml:3:8:",
        "agents/c/d.yml:2:12:",
        "agents/c/d.yml:2:18:",
        "agents/c/d.yml:4:13:",
    ]


def test_problem_has_its_line(read: Read) -> None:
    """The excerpt is the line as written."""
    with pytest.raises(InputError) as caught:
        read({"a.yaml": "externalId: a\r\nname:  12 # twelve\r\n"})
    [problem] = caught.value.problems
    assert (problem.excerpt, problem.column) == ("name:  12 # twelve", 8)


def test_unsupported_syntax_is_one_problem(problems: Problems) -> None:
    """The value that an alias or a tag leaves empty is not a second problem."""
    assert problems("externalId: a\nname: *x\nphone: !!str 12\n") == [
        ("agents/a.yaml:2:7: aliases (*) are not supported", "write out the value"),
        ("agents/a.yaml:3:8: tags (!) are not supported", "delete the tag, or quote the value"),
    ]


def test_identities_are_unique(read: Read) -> None:
    """The second use of an externalId or id is a problem that names the first."""
    with pytest.raises(InputError) as caught:
        read(
            {
                "a.yaml": "# c\nexternalId: a\nid: 5\n",
                "b/a.yaml": "name: x\nexternalId: a\n---\nid: 5\nexternalId: b\n",
            }
        )
    assert [line(each) for each in caught.value.problems] == [
        "agents/b/a.yaml:2:13: `externalId` a is already used in agents/a.yaml:2",
        "agents/b/a.yaml:4:5: `id` 5 is already used in agents/a.yaml:3",
    ]


def test_which_files_are_read(read: Read) -> None:
    """*.yaml and *.yml, also in subfolders, sorted; no hidden or other files."""
    documents = read(
        {
            "b.yml": "externalId: b\n",
            "a/z.yaml": "externalId: z\n---\nexternalId: y\n",
            "a.yaml": "externalId: a\n",
            "empty.yaml": "",
            "comments.yaml": "# later\n",
            ".hidden.yaml": "externalId: hidden\n",
            ".git/x.yaml": "externalId: git\n",
            "notes.txt": "externalId: notes\n",
            "c.yaml.bak": "externalId: bak\n",
        }
    )
    assert [(document.key, str(document.source)) for document in documents] == [
        ("a", "agents/a.yaml:1"),
        ("z", "agents/a/z.yaml:1"),
        ("y", "agents/a/z.yaml:3"),
        ("b", "agents/b.yml:1"),
    ]


def problems_in(root: Path, folder: str = "agents") -> list[tuple[str, str]]:
    """The problems of a repository, each as its line and its hint."""
    with pytest.raises(InputError) as caught:
        read_agents(root, folder, parts())
    return [(line(each), each.hint) for each in caught.value.problems]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("agents", "agents:1:1: directory agents does not exist"),
        ("a.txt", "a.txt:1:1: directory a.txt is not a directory"),
    ],
)
def test_missing_folder(tmp_path: Path, folder: str, expected: str) -> None:
    """The hint says how to create or configure the folder."""
    (tmp_path / "a.txt").touch()
    hint = "run `reconciler init` to start here, or set `agents` in reconciler.yaml"
    ((found, fix),) = problems_in(tmp_path, folder)
    assert found == expected
    assert fix.startswith(hint)


def test_empty_folder(tmp_path: Path) -> None:
    """A folder without files has no agents and is not an error."""
    (tmp_path / "agents").mkdir()
    assert read_agents(tmp_path, "agents", parts()) == []


def test_folder_is_the_repository(tmp_path: Path) -> None:
    """`agents: .` reads every file, and paths have no leading ./."""
    (tmp_path / "a.yaml").write_text("id: 1\n")
    (tmp_path / "team/north").mkdir(parents=True)
    (tmp_path / "team/north/b.yaml").write_text("id: 2\n")
    assert [str(each.source) for each in read_agents(tmp_path, ".", parts())] == [
        "a.yaml:1",
        "team/north/b.yaml:1",
    ]
    assert [str(each.source) for each in read_agents(tmp_path, "./team/", parts())] == [
        "team/north/b.yaml:1"
    ]


def test_folder_outside_the_repository(tmp_path: Path) -> None:
    """The folder must be in the repository, by its path and after resolving links."""
    (tmp_path / "out").mkdir()
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository/agents").symlink_to(tmp_path / "out")
    for folder in ("../out", "agents"):
        expected = f"{folder}:1:1: the directory is outside the repository"
        assert problems_in(tmp_path / "repository", folder) == [(expected, "")]


def test_links_out_of_the_repository(tmp_path: Path) -> None:
    """A symbolic link to a file or folder outside is an error, and is not read."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/secret.yaml").write_text("id: 1\n")
    agents = tmp_path / "repository/agents"
    agents.mkdir(parents=True)
    (agents / "file.yaml").symlink_to(tmp_path / "out/secret.yaml")
    (agents / "folder").symlink_to(tmp_path / "out")
    (agents / "nowhere.yaml").symlink_to("gone.yaml")
    (agents / "round").symlink_to(agents)
    assert problems_in(tmp_path / "repository") == [
        (
            "agents/file.yaml:1:1: the symbolic link points outside the repository",
            "replace it with a copy of its target",
        ),
        (
            "agents/folder:1:1: the symbolic link points outside the repository",
            "replace it with a copy of its target",
        ),
        ("agents/nowhere.yaml:1:1: broken symbolic link", "delete it"),
        ("agents/round:1:1: the symbolic link points to a directory that contains it", "delete it"),
    ]


def test_links_inside_the_repository(tmp_path: Path) -> None:
    """A link to another place in the repository is followed."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/a.yaml").write_text("id: 1\n")
    (tmp_path / "agents/team").symlink_to(tmp_path / "shared")
    assert [str(each.source) for each in read_agents(tmp_path, "agents", parts())] == [
        "agents/team/a.yaml:1"
    ]


def test_unprintable_file_names(tmp_path: Path) -> None:
    """They are an error, and are shown escaped."""
    agents = tmp_path / "agents"
    agents.mkdir()
    for name in (b"a\nb.yaml", "c\u202ed.yaml".encode(), b"e\xff.yaml"):
        os.close(os.open(os.fsencode(agents) + b"/" + name, os.O_CREAT))
    message = "the file name contains invisible characters"
    assert problems_in(tmp_path) == [
        (f"agents/a\\nb.yaml:1:1: {message}", "rename the file"),
        (f"agents/c\\u202ed.yaml:1:1: {message}", "rename the file"),
        (f"agents/e\\udcff.yaml:1:1: {message}", "rename the file"),
    ]


def test_pipe(tmp_path: Path) -> None:
    """A pipe named like a file is an error, and does not block the program."""
    (tmp_path / "agents").mkdir()
    os.mkfifo(tmp_path / "agents/a.yaml")
    assert problems_in(tmp_path) == [("agents/a.yaml:1:1: not a regular file", "")]


def test_unreadable_file(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing permission is a problem of the file."""

    def refuse(path: str) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("reconciler.documents.agents.content", refuse)
    with pytest.raises(InputError) as caught:
        read({"a.yaml": "id: 1\n"})
    assert [line(each) for each in caught.value.problems] == [
        "agents/a.yaml:1:1: cannot read the file: Permission denied"
    ]


@pytest.mark.parametrize(
    "content",
    [
        "externalId: a\n" + "".join(f"key{number}: 1\n" for number in range(50_000)),
        "name: x\n---\n" * 50_000,
        "externalId: a\n? " + "x" * 900_000 + "\n: 1\n",
        "externalId: " + "9" * 900_000,
    ],
    ids=["keys", "documents", "a long key", "a long number"],
)
def test_report_of_many_problems_is_short(read: Read, content: str) -> None:
    """However many and long the problems of a file are."""
    with pytest.raises(InputError) as caught:
        read({"a.yaml": content})
    assert len(caught.value.problems) <= MAX_PROBLEMS
    assert all(
        len(f"{line(each)}{each.excerpt}{each.hint}") < 600 for each in caught.value.problems
    )


@pytest.mark.usefixtures("parser")
def test_lone_surrogates(problems: Problems) -> None:
    """Escapes for half a character are an error in keys and values, with either parser."""
    for text in ('"\\ud800": 1', 'name: "\\ud800"', 'description: {en: y, "\\udfff": x}'):
        [(problem, _)] = problems(f"externalId: a\n{text}\n")
        assert problem.startswith("agents/a.yaml:2:")


def test_file_over_the_size_limit(problems: Problems) -> None:
    """The file is not read beyond the limit."""
    expected = "agents/a.yaml:1:1: the file is larger than 1 MB"
    assert [each for each, _ in problems("я".encode() * 5_000_000)] == [expected]


ANYWHERE = Part("anywhere")
FIELDS = (
    Field("name", Sort.TEXT),
    Field("description", Sort.TEXTS, ("ru", "en")),
    Field("avatar", Sort.PICTURE),
    Field("settings", Sort.SWITCHES, ("contact_phone",)),
)
IDENTIFIERS = (
    Identifier("id", "pin"),
    Identifier("externalId", "key"),
    Identifier("phone", "shared"),
)


def test_desired(read: Read) -> None:
    """Each language of a text and each switch has a path; identifiers are separate."""
    [document] = read({"a.yaml": FULL})
    wanted = desired(document, ANYWHERE, FIELDS, IDENTIFIERS)
    assert (wanted.portal, wanted.key, wanted.source) == ("anywhere", "agent-001", document.source)
    assert wanted.identity == {"id": 15, "externalId": "agent-001", "phone": "+373 22 123 456"}
    assert wanted.values == {
        "name": "Ștefan Țurcanu",
        "description.ru": "Привет",
        "description.ro": "",
        "avatar": {"url": "https://agency.example/a.jpg"},
        "settings.contact_phone": True,
        "settings.contact_viber": False,
    }
    assert wanted.at("description.ro") == Source("agents/a.yaml", 8)
    assert wanted.at("settings.contact_telegram") == Source("agents/a.yaml", 13)


def test_desired_has_only_declared_values(read: Read) -> None:
    """One text for all languages, or null, has one path; undeclared values have none."""
    [document] = read({"a.yaml": "id: 1\ndescription: x\navatar: null\nsettings: {}\n"})
    wanted = desired(document, ANYWHERE, FIELDS, IDENTIFIERS)
    assert wanted.values == {"description": "x", "avatar": None}
    assert wanted.identity == {"id": 1}


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("name: Ivan #1", [(2, 7, "#1", "`name`", 'name: "Ivan #1"')]),
        ("avatar: #12", [(2, 1, "#12", "`avatar`", 'avatar: "#12"')]),
        ("description:\n  ru: foo\n    bar #baz x", [(3, 7, "#baz", "`ru`", 'ru: "foo bar #baz"')]),
        ("settings: {\n  contact_phone: true #no\n  }", [(3, 18, "#no", "`contact_phone`", "true #no")]),
        ("name: Ivan # 1", []),
        ("name: Ivan #", []),
        ("name: Ivan#1", []),
        ('name: "Ivan" #1', []),
        ("name: Ivan\n#1", []),
        ("#1\nname: Ivan", []),
        ("description: |\n  foo #1", []),
        ('description: {ru: "foo"} #1', []),
        ("name: Ivan\nphone: '+373 22 123 456' #office", []),
    ],
)  # fmt: skip
def test_comment_that_may_belong_to_the_value(
    read: Read, parser: str, text: str, notes: list[tuple[int, int, str, str, str]]
) -> None:
    """A comment without a space after its # may be part of the value that it follows."""
    (document,) = read({"a.yaml": f"externalId: a\n{text}\n"})
    assert len(document.notes) == len(notes)
    for note, (number, column, word, key, fix) in zip(document.notes, notes, strict=True):
        assert (note.line, note.column) == (number, column)
        assert word in note.message
        assert key in note.message
        assert fix in note.hint


def test_comment_in_another_document(read: Read, parser: str) -> None:
    """The lines of a file are counted through its documents."""
    first, second = read({"a.yaml": "externalId: a\n---\nexternalId: b\nname: Ivan #1\n"})
    assert first.notes == ()
    assert [note.line for note in second.notes] == [4]


def test_commands_show_such_a_comment(agency: Agency) -> None:
    """As a note, which fails nothing."""
    write_agents(agency.root, {"a.yaml": "externalId: a\nname: Ivan #1\n"})
    for command in ("validate", "plan"):
        done = agency.run(command)
        assert done.code == 0
        assert done.err.count("agents/a.yaml:2:7") == 1
        assert 'name: "Ivan #1"' in done.err
