"""Measure a plan: `python bench/plan.py [N …]`.

N agents are in N files of about 700 bytes and on a portal that serves a fixed list; one of them
differs. Prints the median wall time of cold processes, and the floor measured in the same run: read
the files, parse them with the C parser, fetch and parse the list, compare the keys. A plan also
requests the account of the key. Compare the
ratios; the seconds depend on the machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TEXT = "Двенадцать лет продаю квартиры в новостройках. Помогу с ипотекой и оформлением. "

FLOOR = """
import http.client, json, os, sys
from ruamel.yaml.cyaml import CParser
folder, port = sys.argv[1], int(sys.argv[2])
names = []
for entry in os.scandir(folder):
    with open(entry.path, "rb") as file:
        parser = CParser(file.read().decode())
    while True:
        event = parser.get_event()
        if event is None or type(event).__name__ == "StreamEndEvent":
            break
    names.append(entry.name)
wire = http.client.HTTPConnection("127.0.0.1", port)
wire.request("GET", "/users")
live = {user["externalId"]: user for user in json.loads(wire.getresponse().read())["items"]}
assert len(live) == len(names)
"""


def agent(number: int) -> dict[str, object]:
    """Return a live agent of about 960 bytes."""
    return {
        "id": number + 1,
        "externalId": f"agent-{number:05}",
        "name": f"Agent {number}",
        "phone": f"+373 60 {number:06}",
        "description": {"ru": TEXT, "en": "Flats and houses. " * 4, "ro": "Apartamente. " * 5},
        "avatar": {
            "id": number + 1,
            "contentType": "image/jpeg",
            "variants": [{"url": f"https://cdn.example/{number}/128.webp", "variantSize": "128"}],
        },
        "instagram": f"https://instagram.com/agent{number}",
        "youtube": None,
        "tiktok": None,
        "settings": {
            "posting_type": "agent",
            "contact_phone": True,
            "contact_whatsapp": True,
            "contact_viber": False,
            "contact_telegram": True,
        },
    }


def lay_out(folder: Path, count: int) -> bytes:
    """Write the files. Returns the body of the portal's list."""
    users = [agent(number) for number in range(count)]
    (folder / "agents").mkdir()
    for number, user in enumerate(users):
        name = "Somebody Else" if number == 0 else user["name"]
        texts = user["description"]
        assert isinstance(texts, dict)
        lines = [
            "# yaml-language-server: $schema=../schemas/agent.schema.json",
            f"externalId: {user['externalId']}",
            f"name: {name}",
            f'phone: "{user["phone"]}"',
            "description:",
            *(
                f"  {language}: {json.dumps(text, ensure_ascii=False)}"
                for language, text in texts.items()
            ),
            f"avatar: {{id: {number + 1}}}",
            f"instagram: {user['instagram']}",
            "settings: {contact_phone: true, contact_viber: false}",
        ]
        (folder / "agents" / f"{number:05}.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return json.dumps({"items": users}, ensure_ascii=False).encode()


AGENCY = b'{"id": 1, "name": "Bench", "status": "active", "isCrmEnabled": true, "limits": {}}'


def serve(users: bytes) -> ThreadingHTTPServer:
    """Start a portal that returns `users` as its list, and an agency as the account of the key."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = AGENCY if self.path.endswith("/agency") else users
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def timed(command: list[str], environment: dict[str, str], expect: int) -> float:
    """Run a cold process, and exit unless it returns `expect`. Returns its wall time in seconds."""
    start = time.perf_counter()
    result = subprocess.run(command, env=environment, capture_output=True, check=False)
    elapsed = time.perf_counter() - start
    if result.returncode != expect:
        sys.exit(result.stderr.decode())
    return elapsed


def main() -> None:
    """Measure and print one row per size."""
    print(f"{'agents':>7} {'floor':>8} {'validate':>9} {'plan':>8} {'plan/floor':>11}")
    for count in [int(each) for each in sys.argv[1:]] or [10, 1000, 10000]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            server = serve(lay_out(folder, count))
            port = server.server_address[1]
            environment = {
                **os.environ,
                "RENTIX_URL": f"http://127.0.0.1:{port}",
                "RENTIX_API_KEY": "bench",
            }
            program = [sys.executable, "-m", "reconciler", "-C", name]
            rows: dict[str, list[float]] = {"floor": [], "validate": [], "plan": []}
            for _ in range(6):  # in turn, so that a slow moment affects all three
                floor = [sys.executable, "-c", FLOOR, str(folder / "agents"), str(port)]
                rows["floor"].append(timed(floor, environment, 0))
                rows["validate"].append(timed([*program, "validate"], environment, 0))
                rows["plan"].append(
                    timed([*program, "plan", "--detailed-exitcode"], environment, 2)
                )
            floor_, validate, plan = (statistics.median(each[1:]) for each in rows.values())
            ratio = statistics.median(
                a / b for a, b in zip(rows["plan"][1:], rows["floor"][1:], strict=True)
            )
            print(f"{count:>7} {floor_:>7.2f}s {validate:>8.2f}s {plan:>7.2f}s {ratio:>10.2f}x")
            server.shutdown()


if __name__ == "__main__":
    main()
