"""The styles in which people write a value, each as the key `name` of a file."""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"
STYLES = {
    "plain": "name: Ivan\n",
    "aligned": "name:      Ivan\nid:        5\n",
    "trailing comment": "name: Ivan   # as in his passport\n",
    "double quotes": 'name: "Ivan \\"P\\""  # c\n',
    "single quotes": "name: 'Ivan''s'\n",
    "plain over lines": "name: Ivan\n  Petrov\n\n  Junior  # c\nid: 5\n",
    "quotes over lines": 'name: "Ivan\n  Petrov"  # c\nid: 5\n',
    "literal": "name: |\n  Ivan\n\n  Petrov\nid: 5\n",
    "literal, comment": "name: |-  # two lines\n    Ivan\n    Petrov\n# end\nid: 5\n",
    "literal, kept": "name: |+\n  Ivan\n\n\nid: 5\n",
    "literal, blank lines after": "name: |\n  Ivan\n\n\n# end\nid: 5\n",
    "literal, indicator": "name: |2\n   Ivan\n  Petrov\nid: 5\n",
    "literal at the end": "id: 5\nname: |\n  Ivan\n  Petrov",
    "folded": "name: >\n  Ivan\n  Petrov\n\n  Junior\nid: 5\n",
    "folded, kept": "name: >+\n  Ivan\n  Petrov\n\nid: 5\n",
    "nothing": "name:\nid: 5\n",
    "nothing, comment": "name:   # not known yet\nid: 5\n",
    "nothing at the end": "id: 5\nname:",
    "null": "name: ~ # none\n",
    "mapping": "name:\n  ru: Иван  # c\n  # between\n  en: Ivan\nid: 5\n",
    "mapping, comment": "name: # languages\n\n  ru: Иван\n\n  en: Ivan # last\n\n# after\nid: 5\n",
    "mapping in brackets": "name: {ru: Иван, en: Ivan} # c\nid: 5\n",
    "brackets over lines": "name: {\n  ru: Иван, # first\n  en: Ivan,\n  } # c\nid: 5\n",
    "list": "name:\n  - a # first\n  - b\nid: 5\n",
    "list, not indented": "name:\n- a\n- b # c\n# after\nid: 5\n",
    "list of mappings": "name:\n  - type: brn # t\n    value: '1'\n  - type: x\n    value: '2'\nid: 5\n",
    "list in brackets": "name: [a, b,  c]  # c\nid: 5\n",
    "quoted key": "\"name\": Ivan\n'id': 5\n",
    "space before the colon": "name : Ivan\nid : 5\n",
    "JSON": '{"externalId": "a-1", "name": "Ivan", "id": 5}\n',
    "JSON over lines": '{\n  "name": "Ivan",\n  "id": 5\n}\n',
    "JSON without spaces": '{"name":"Ivan","id":5}',
    "brackets": "{externalId: a-1, name: Ivan, id: 5}\n",
    "explicit key": "? name\n: Ivan\nid: 5\n",
    "document": "---\n# first\nname: Ivan\nid: 5\n...\n",
    "several documents": "id: 1\n--- # two\nname: Ivan\n---\nid: 3\n",
    "empty documents": "# nothing\n---\n---\nname: Ivan\n",
    "comments around": "# top\n\n\nid: 5 # five\n\n# above\nname: Ivan # right\n# below\n\n",
    "no end": "id: 5\nname: Ivan",
    "tabs": "name:\tIvan\t# c\nid: 5\n",
    "spaces at line ends": "name: Ivan   \nid: 5   \n",
    "other scripts": "# Юлия 😀\nid: 5\nname: Юлия 😀 # მე\nphone: '1'\n",
    "indented": "  name: Ivan\n  id: 5\n",
    "hash in quotes": 'id: 5\nname: "a # b" # c\nphone: "#1"\n',
    "many words": "id: 5\nname: " + "Ivan " * 300 + "\nphone: '1'\n",
}


def encoded(text: str, line_end: str, bom: bytes) -> bytes:
    """The text as an editor saves it."""
    return bom + text.replace("\n", line_end).encode()


FORMS = [("\n", b""), ("\r\n", BOM), ("\r", b"")]
