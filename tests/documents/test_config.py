"""`reconciler.yaml`: defaults, invalid values, and that secrets are never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.documents.config import Config, Limits, config_model, read_config
from reconciler.errors import ConfigError, InputError
from reconciler.portals.propertyfinder.config import PropertyFinder
from reconciler.portals.registry import sections
from reconciler.portals.rentix.config import Rentix
from reconciler.store.refs import GitError, git

from .conftest import line

MODEL = config_model(tuple(sections().items()))

ALL_DEFAULTS = """\
version: 1
agents: agents
portals:
  rentix:
    url: https://crm.rentix.md/api/v1
    create: never
    match: [id, externalId, phone]
    bulk: 100
    bulk_by: id
    on_removed: report
ledger: .reconciler/ledger.json
limits: {changes: 30%, removals: 10%, floor: 10}
unreadable: send
"""


def read_text(root: Path, text: str) -> Config:
    """Read the configuration from a file with this text."""
    (root / "reconciler.yaml").write_text(text, "utf-8")
    return read_config(root, None, sections())


@pytest.mark.parametrize("text", ["", "# nothing\n", "portals: {rentix: {}}\n", ALL_DEFAULTS])
def test_omitted_keys_have_defaults(tmp_path: Path, text: str) -> None:
    """Every key is optional; writing the defaults into the file changes nothing."""
    assert (
        read_text(tmp_path, text)
        == MODEL()
        == read_config(tmp_path / "elsewhere", None, sections())
    )


def test_defaults() -> None:
    """The defaults that users rely on."""
    config = MODEL()
    assert (config.version, config.agents, config.unreadable) == (1, "agents", "send")
    assert config.ledger == ".reconciler/ledger.json"
    assert config.limits == Limits(changes="30%", removals="10%", floor=10)
    assert (config.limits.changes, config.limits.removals) == (0.3, 0.1)
    assert config.portals == {
        "rentix": Rentix(
            url="https://crm.rentix.md/api/v1",
            create="never",
            match=["id", "externalId", "phone"],
            bulk=100,
            bulk_by="id",
            on_removed="report",
        )
    }


PROPERTYFINDER = """\
portals:
  propertyfinder:
    url: https://atlas.propertyfinder.com
    create: always
    match: [id, email]
    on_removed: report
    token_path: /v1/auth/token
    deactivate_by: isActive
"""


@pytest.mark.parametrize("text", ["portals: {propertyfinder: {}}\n", PROPERTYFINDER])
def test_defaults_of_property_finder(tmp_path: Path, text: str) -> None:
    """Every key is optional, and only the named portals are used."""
    assert read_text(tmp_path, text).portals == {
        "propertyfinder": PropertyFinder(
            url="https://atlas.propertyfinder.com",
            create="always",
            match=["id", "email"],
            on_removed="report",
            token_path="/v1/auth/token",
            deactivate_by="isActive",
        )
    }


@pytest.mark.usefixtures("parser")
def test_all_keys_of_property_finder(tmp_path: Path) -> None:
    """Every key is read, with another portal's section beside it."""
    section = {
        "url": "http://localhost:8000",
        "create": "never",
        "match": ["email"],
        "on_removed": "deactivate",
        "token_path": "/oauth/token",
        "deactivate_by": "status",
    }
    lines = "".join(f"    {key}: {value}\n" for key, value in section.items())
    config = read_text(tmp_path, f"portals:\n  rentix: {{}}\n  propertyfinder:\n{lines}")
    assert list(config.portals) == ["rentix", "propertyfinder"]
    assert config.portals["propertyfinder"].model_dump() == section


@pytest.mark.usefixtures("parser")
def test_all_keys(tmp_path: Path) -> None:
    """Every key is read; percentages become fractions."""
    config = read_text(
        tmp_path,
        "version: 1\nagents: people\nportals:\n  rentix:\n    url: http://127.0.0.1:8000/api\n"
        "    create: upsert\n    match: [phone]\n    bulk: 1000\n    bulk_by: externalId\n"
        "    on_removed: unlink\n    account: 17\nledger: state.json\n"
        "limits: {changes: 12.5%, removals: 0%, floor: 0}\nunreadable: hold\n",
    )
    assert config.model_dump() == {
        "version": 1,
        "agents": "people",
        "portals": {
            "rentix": {
                "url": "http://127.0.0.1:8000/api",
                "create": "upsert",
                "match": ["phone"],
                "bulk": 1000,
                "bulk_by": "externalId",
                "on_removed": "unlink",
                "account": 17,
            }
        },
        "ledger": "state.json",
        "limits": {"changes": 0.125, "removals": 0.0, "floor": 0},
        "unreadable": "hold",
    }


def test_configuration_is_frozen() -> None:
    """No attribute can be set after reading."""
    with pytest.raises(ValidationError, match="frozen"):
        MODEL().agents = "other"  # type: ignore[misc]


SHARE = "a limit must be a percentage from 0% to 100%, such as 30%"
TOKEN_PATH = "`token_path` must be a path that begins with /, such as /v1/auth/token"
INSIDE = "`ledger` must be a path inside the repository"
NOT_GIT = "`ledger` must not be one of git's files: an apply would overwrite it"
LEDGER_HINT = "write ledger: .reconciler/ledger.json"
BRANCH = "`ledger` must have a valid branch name after git:"
SECURE = "the address must start with https:// (http:// is only for this machine)"

REFUSED = [
    ("version: 2", "1:10: `version` must be 1, the only version that this program supports", ""),
    ("version: true", "1:10: `version` must be 1, the only version that this program supports", ""),
    ('version: "1"', "1:10: `version` must be 1, the only version that this program supports", "write version: 1"),
    ("agent: x", "1:1: unknown key `agent`", "did you mean `agents`?"),
    ("rentix: {}", "1:1: unknown key `rentix`", "move it under `portals`"),
    ("agents: ''", "1:9: `agents` must be text on one line", ""),
    ("agents:", "1:1: `agents` has no value", "leave the key out to use its default"),
    ("portals: {}", "1:10: `portals` must name at least one portal", ""),
    ("portals: rentix", "1:10: `portals` must be a mapping of the portals to use, such as rentix: {}", ""),
    ("portals:\n  rentix:", "2:3: `rentix` has no value", "write rentix: {} for its defaults"),
    ("portals: {rentix: x}", "1:19: `rentix` must be a mapping, or {}", ""),
    ("portals: {rentiks: {}}", "1:11: unknown key `rentiks` in `portals`", "did you mean `rentix`?"),
    ("portals: {propertyFinder: {}}", "1:11: unknown key `propertyFinder` in `portals`", "did you mean `propertyfinder`?"),
    ("portals:\n  propertyfinder:", "2:3: `propertyfinder` has no value", "write propertyfinder: {} for its defaults"),
    ("portals: {propertyfinder: x}", "1:27: `propertyfinder` must be a mapping, or {}", ""),
    ("portals: {propertyfinder: {create: upsert}}", "1:36: `create` must be always or never", ""),
    ("portals: {propertyfinder: {match: [externalId]}}", "1:36: `match` must be id or email", ""),
    ("portals: {propertyfinder: {match: [email, email]}}", "1:35: `match` lists an identifier twice", ""),
    ("portals: {propertyfinder: {match: []}}", "1:35: `match` must have at least one entry", ""),
    ("portals: {propertyfinder: {on_removed: unlink}}", "1:40: `on_removed` must be report or deactivate", ""),
    ("portals: {propertyfinder: {deactivate_by: isactive}}", "1:43: `deactivate_by` must be isActive or status", "did you mean `isActive`?"),
    ("portals: {propertyfinder: {token_path: oauth/token}}", f"1:40: {TOKEN_PATH}", "write token_path: /oauth/token"),
    ("portals: {propertyfinder: {token_path: ''}}", f"1:40: {TOKEN_PATH}", ""),
    ("portals: {propertyfinder: {token_path: 'https://a.example/token'}}", f"1:40: {TOKEN_PATH}", ""),
    ("portals: {propertyfinder: {token_path: '/oauth/token?x=y'}}", f"1:40: {TOKEN_PATH}", ""),
    ('portals: {propertyfinder: {url: "http://a.example"}}', f"1:33: {SECURE}", "write url: https://a.example"),
    ("portals: {propertyfinder: {bulk: 5}}", "1:28: unknown key `bulk` in `propertyfinder`", "move it under `portals.rentix`"),
    ("portals: {rentix: {create: always}}", "1:28: `create` must be never or upsert", ""),
    ("portals: {rentix: {match: [id, email]}}", "1:32: `match` must be id, externalId or phone", ""),
    ("portals: {rentix: {match: [id, id]}}", "1:27: `match` lists an identifier twice", ""),
    ("portals: {rentix: {match: []}}", "1:27: `match` must have at least one entry", ""),
    ("portals: {rentix: {match: id}}", "1:27: `match` must be a list, such as [a, b]", ""),
    ("portals: {rentix: {bulk: 0}}", "1:26: `bulk` must be 1 or more", ""),
    ("portals: {rentix: {bulk: 1001}}", "1:26: `bulk` must be 1000 or less", ""),
    ("portals: {rentix: {bulk: true}}", "1:26: `bulk` must be a whole number", ""),
    ('portals: {rentix: {url: "http://a.example"}}', f"1:25: {SECURE}", "write url: https://a.example"),
    ("limits: {changes: 30}", f"1:19: {SHARE}", "write changes: 30%"),
    ("limits: {changes: 0.3}", f"1:19: {SHARE}", "write changes: 30%"),
    ("limits: {changes: 101%}", f"1:19: {SHARE}", ""),
    ("limits: {changes: 100.5%}", f"1:19: {SHARE}", ""),
    ("limits: {changes: many}", f"1:19: {SHARE}", ""),
    ("limits: {changes: -1%}", f"1:19: {SHARE}", ""),
    ("limits: {floor: -1}", "1:17: `floor` must be 0 or more", ""),
    ("ledger: git:my ledger", f"1:9: {BRANCH}", "write ledger: git:my-ledger"),
    ("ledger: git:.hidden", f"1:9: {BRANCH}", "write ledger: git:hidden"),
    ("ledger: 'git:'", f"1:9: {BRANCH}", "write ledger: git:reconciler-ledger"),
    ("ledger: git:refs/heads/ledger", f"1:9: {BRANCH}", "write ledger: git:reconciler-ledger"),
    ("ledger: state.yaml", "1:9: `ledger` must not be a YAML file: an apply would overwrite it", ""),
    ("ledger: ' '", "1:9: `ledger` must be a file name", ""),
    ("ledger: ~/ledger.json", f"1:9: {INSIDE}; ~ is not expanded", LEDGER_HINT),
    ("ledger: ../ledger.json", f"1:9: {INSIDE}, without ..", LEDGER_HINT),
    ("ledger: a/../ledger.json", f"1:9: {INSIDE}, without ..", LEDGER_HINT),
    ("ledger: .git/config", f"1:9: {NOT_GIT}", LEDGER_HINT),
    ("ledger: a/.GIT/x.json", f"1:9: {NOT_GIT}", LEDGER_HINT),
    ("ledger: .reconciler/.gitignore", f"1:9: {NOT_GIT}", LEDGER_HINT),
    ("unreadable: skip", "1:13: `unreadable` must be send or hold", ""),
    ("version: 1\n---\nversion: 1", "3:1: the configuration must be a single document, and a second one starts here", "delete the `---` line"),
    ("version: *x", "1:10: aliases (*) are not supported", "write out the value"),
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text("aZ09-_/.@{}~^:?*[\\ \t\x7fжк", min_size=2, max_size=8),
        st.sampled_from(["a.lock", "a.lock/b", "-a", "a/-b", "@a", "a@", "HEAD/a", "a.LOCK"]),
    )
)
def test_branch_names_are_valid_in_git(name: str) -> None:
    """The configuration accepts a branch name if and only if git does."""
    try:
        git(Path(), "check-ref-format", f"refs/heads/{name}")
        valid = not name.startswith("-")
    except GitError:
        valid = False
    try:
        assert MODEL(ledger=f"git:{name}").ledger == f"git:{name}"
        accepted = True
    except ValidationError:
        accepted = False
    assert accepted == valid


@pytest.mark.parametrize("name", ["HEAD", "@", "refs/heads/ledger", "ledger\n", ""])
def test_misleading_branch_names_are_rejected(name: str) -> None:
    """Names that git accepts but no user intends."""
    with pytest.raises(ValidationError):
        MODEL(ledger=f"git:{name}")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("text", "expected", "hint"), REFUSED)
def test_invalid_values(tmp_path: Path, text: str, expected: str, hint: str) -> None:
    """Each mistake is one problem at its place, with a hint if there is a fix."""
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, text)
    problems = [(line(each), each.hint) for each in caught.value.problems]
    assert problems == [(f"reconciler.yaml:{expected}", hint)]


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    """In the file's order."""
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, "unreadable: x\nagents: 1\nlimits: {floor: x, floor: y}\n")
    assert [each.line for each in caught.value.problems] == [1, 2, 3, 3]


@pytest.mark.parametrize(
    "text",
    [
        "portals: {rentix: {api_key: geheim}}",
        "portals: {rentix: {apiKey: geheim}}",
        "portals:\n  rentix:\n    token: geheim\n",
        'portals: {rentix: {url: "https://me:geheim@a.example"}}',
        "password: geheim: x\n",
        "password: @geheim\n",
        "agents: x\nsecret:geheim\n",
        "RENTIX_API_KEY: geheim\n",
        "portals: {propertyfinder: {apiSecret: geheim}}",
        "portals:\n  propertyfinder:\n    api_key: geheim\n",
        "portals: {propertyfinder: {token: geheim}}",
        "portals: {propertyfinder: {token_path: geheim.de, token: geheim}}",
    ],
)
def test_secrets_are_not_repeated(tmp_path: Path, text: str) -> None:
    """The problem does not show a value that looks like a key or a password."""
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, text)
    assert caught.value.problems
    assert "geheim" not in repr(caught.value.problems)


def test_key_in_the_file_has_a_hint(tmp_path: Path) -> None:
    """The hint says where to put it."""
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, "portals: {rentix: {api_key: x}}")
    [problem] = caught.value.problems
    assert line(problem) == "reconciler.yaml:1:20: unknown key `api_key` in `rentix`"
    hint = "put keys and passwords into environment variables, never into a file"
    assert (problem.excerpt, problem.hint) == ("", hint)


def test_config_file_by_name(tmp_path: Path) -> None:
    """Another file can be named; its problems have its path in the repository."""
    (tmp_path / "other.yaml").write_text("agents: people\n")
    assert read_config(tmp_path, tmp_path / "other.yaml", sections()).agents == "people"
    (tmp_path / "other.yaml").write_text("agents: 1\n")
    with pytest.raises(InputError) as caught:
        read_config(tmp_path, tmp_path / "other.yaml", sections())
    assert caught.value.problems[0].file == "other.yaml"


def test_missing_config_file(tmp_path: Path) -> None:
    """The default file may be missing, but a named one must exist."""
    missing = tmp_path / "other.yaml"
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path, missing, sections())
    assert str(caught.value) == f"The file {missing} does not exist."


def test_folder_instead_of_the_file(tmp_path: Path) -> None:
    """A file that exists but cannot be read is an error; the defaults do not apply."""
    (tmp_path / "reconciler.yaml").mkdir()
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path, None, sections())
    assert str(caught.value) == f"Cannot read {tmp_path}/reconciler.yaml: Is a directory."
