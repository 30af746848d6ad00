"""A simulator, a gateway that tells a webhook, and the webhook's receiver, which keeps what it was told."""

import atexit
import base64
import json
import os
import re
import secrets
import subprocess
import threading
import time
from pathlib import Path

from engine import storage
from receiving import receive

GATEWAY = os.environ["GATEWAY"]
FOLDER = Path(os.environ["SUITE_DIR"]).resolve()
SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()

CONFIGURATION = """
[server]
listen = "127.0.0.1:0"
public_url = "https://numbers.example.com"
[ops]
listen = "127.0.0.1:0"
[upstream]
base_url = "{simulator}"
username = "simulator"
api_key = "simulator-key"
{storage}
[audit]
head_file = "{folder}/audit-head"
[[auth.issuers]]
name = "people"
issuer = "people"
audience = "numbers-gateway"
secret_file = "{folder}/secret"
algorithms = ["HS256"]
may_approve = true
[budget]
currency = "AUD"
[teams.growth]
budget = {{ spend_per_month = "500.00", recurring_per_month = "300.00" }}
[[policy.rules]]
name = "everything is looked at"
when = {{ action = "buy" }}
then = {{ approvals = 1 }}
[notifications]
inner_networks = ["127.0.0.1"]
[[notifications.webhooks]]
name = "desk"
url = "http://127.0.0.1:{port}/hook"
secret = "{secret}"
"""


class Told:
    """What a webhook received, and when."""

    def __init__(self):
        self.changed = threading.Condition()
        self.all = []
        self.port = receive(self._take)

    def _take(self, _, headers, body):
        with self.changed:
            self.all.append((time.monotonic(), dict(headers.items()), body))
            self.changed.notify_all()

    def first(self, kind: str, within: float):
        """The first notice of a kind: when it came, its headers and its bytes."""

        def found():
            return next((one for one in self.all if json.loads(one[2])["type"] == kind), None)

        with self.changed:
            assert self.changed.wait_for(found, within), f"no {kind} within {within} s: {self.all}"
            return found()


def started(*command: str, is_ready, stream: str):
    """A server, once one of its lines says that it is ready; ended with this process."""
    log = open(FOLDER / f"{command[0]}.log", "wb")
    pipes = {"stdout": log, "stderr": log, stream: subprocess.PIPE}
    server = subprocess.Popen([GATEWAY, *command], text=True, **pipes)
    atexit.register(server.wait, 20)
    atexit.register(server.terminate)
    for line in getattr(server, stream):
        if ready := is_ready(line):
            # Read on, so that the pipe never fills.
            threading.Thread(target=getattr(server, stream).read, daemon=True).start()
            return ready
    raise AssertionError(f"{command} ended before it was ready")


def token(subject: str, role: str) -> str:
    arguments = ["--subject", subject, "--team", "growth", "--role", role, "--config", FOLDER / "gateway.toml"]
    return subprocess.run([GATEWAY, "token", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def terminal(gateway: str, who: str, *arguments: str) -> subprocess.CompletedProcess:
    """`purchases` with two environment variables and no other."""
    environment = {"NUMBERS_GATEWAY_URL": gateway, "NUMBERS_GATEWAY_TOKEN": who}
    command = [GATEWAY, "purchases", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def stage() -> tuple[str, str, Told]:
    """The gateway's address, the simulator's, and what the webhook is told."""
    told = Told()
    simulator = started(
        "simulator", "--listen", "127.0.0.1:0", stream="stdout",
        is_ready=lambda line: (found := re.match(r"simulator +(http://\S+)", line)) and found[1],
    )  # fmt: skip
    (FOLDER / "secret").write_text(secrets.token_hex(32))
    written = CONFIGURATION.format(simulator=simulator, folder=FOLDER, storage=storage(FOLDER), port=told.port, secret=SECRET)
    (FOLDER / "gateway.toml").write_text(written)
    gateway = started(
        "serve", "--config", str(FOLDER / "gateway.toml"), stream="stderr",
        is_ready=lambda line: (said := json.loads(line)).get("message") == "ready" and f"http://{said['api']}",
    )  # fmt: skip
    return gateway, simulator, told
