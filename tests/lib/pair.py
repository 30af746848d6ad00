"""A simulator and the gateway in front of it, each a process of its own, with limits that are in nobody's way.

`GATEWAY` is the program and `SUITE_DIR` the folder for everything that is written.
"""

import atexit
import base64
import json
import os
import re
import secrets
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

from engine import storage

PROGRAM = os.environ["GATEWAY"]

SERVER = """
[server]
listen = "127.0.0.1:0"
"""
CONFIGURATION = """
[ops]
listen = "127.0.0.1:0"
[upstream]
base_url = "{simulator}"
username = "{username}"
api_key_file = "{folder}/api-key"
requests_per_minute = 6000
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
budget = {{ spend_per_month = "unlimited", recurring_per_month = "unlimited" }}
registration_profile = "acme"
[teams.support]
budget = {{ spend_per_month = "30.00", recurring_per_month = "30.00" }}
[teams.frozen]
budget = {{ spend_per_month = "1.00", recurring_per_month = "1.00" }}
[registration_profiles.acme]
business_name = "Acme Pty Ltd"
business_address = "1 Example Street"
suburb = "Perth"
postcode = "6000"
state = "WA"
contact_name = "Ann Lee"
contact_number = "+61491570156"
country = "AU"
[[policy.rules]]
name = "not in GB"
when = {{ action = "buy", countries = ["GB"] }}
then = {{ deny = "we do not buy in GB" }}
[[policy.rules]]
name = "small AU numbers"
when = {{ action = "buy", countries = ["AU"], max_monthly = "25.00" }}
then = "allow"
[[policy.rules]]
name = "every other number is looked at"
when = {{ action = "buy" }}
then = {{ approvals = 1, from_role = "approver", from_team = "same" }}
[[policy.rules]]
name = "support's registrations are looked at"
when = {{ action = "register", teams = ["support"], number_types = ["10dlc"], countries = ["CA"] }}
then = {{ approvals = 1, from_role = "approver", from_team = "any" }}
[[policy.rules]]
name = "registrations"
when = {{ action = "register", number_types = ["10dlc"], countries = ["CA"] }}
then = "allow"
[limits]
addresses = {{ per_second = 100000, burst = 100000 }}
reads = {{ per_second = 100000, burst = 100000 }}
misses = {{ per_minute = 100000, burst = 100000 }}
writes = {{ per_minute = 100000, burst = 100000 }}
decisions = {{ per_minute = 100000, burst = 100000 }}
purchases_per_day = {{ subject = 100000, team = 100000 }}
"""


class Server:
    """A process that says on one of its streams when it is ready; it ends with this one."""

    def __init__(
        self, log: Path, *command: str, stream: str, is_ready, environment: dict | None = None, through: tuple = ()
    ):
        """`through` is a command that becomes the program, with less than it would have."""
        self.log = log
        # One file takes both streams, but the one that is listened to is copied into it line by line.
        self._file = open(log, "ab", buffering=0)
        pipes = {"stdout": self._file, "stderr": self._file, stream: subprocess.PIPE}
        self.process = subprocess.Popen([*through, PROGRAM, *command], env={**os.environ, **(environment or {})}, **pipes)
        atexit.register(self.stop)
        lines = getattr(self.process, stream)
        for line in lines:
            self._file.write(line)
            if ready := is_ready(line.decode()):
                self.ready = ready
                self._copying = threading.Thread(target=self._copy, args=(lines,), daemon=True)
                self._copying.start()
                return
        raise AssertionError(f"{command} ended before it was ready: {log.read_text()[-2000:]}")

    def _copy(self, lines) -> None:
        for line in lines:
            self._file.write(line)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        # What it said last is in the file when this returns.
        if hasattr(self, "_copying"):
            self._copying.join(10)

    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


class Pair:
    """Both, the folder with everything the gateway writes, and tokens for whoever is needed."""

    def __init__(
        self, folder: Path, extra: str = "", secret: str | None = None, environment: dict | None = None, own_server: bool = False,
        through: tuple = (), starts: bool = True,
    ):  # fmt: skip
        """`extra` stands before the rest of the configuration, with a [server] of its own where `own_server` says so."""
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.username, self.api_key = f"user-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
        self.secret = secret or secrets.token_urlsafe(48)
        (self.folder / "api-key").write_text(self.api_key)
        (self.folder / "secret").write_text(self.secret)
        self._simulator = Server(
            self.folder / "simulator.log", "simulator", "--listen", "127.0.0.1:0",
            "--username", self.username, f"--api-key={self.api_key}", stream="stdout",
            is_ready=lambda line: (found := re.match(r"simulator +(http://\S+)", line)) and found[1],
        )  # fmt: skip
        self.simulator = self._simulator.ready
        control(self.simulator, "balance", {"balance": "10000000.00"})
        written = CONFIGURATION.format(
            simulator=self.simulator, username=self.username, folder=self.folder, storage=storage(self.folder)
        )
        (self.folder / "gateway.toml").write_text(extra + ("" if own_server else SERVER) + written)
        self.through = through
        if starts:
            self.start(environment)

    def start(self, environment: dict | None = None) -> None:
        self.server = Server(
            self.folder / "gateway.log", "serve", "--config", str(self.folder / "gateway.toml"),
            stream="stderr", is_ready=_ready, environment=environment, through=self.through,
        )  # fmt: skip
        self.api, self.ops = (f"http://{self.server.ready[name]}" for name in ("api", "ops"))

    def stop(self) -> None:
        self.server.stop()
        self._simulator.stop()

    def command(self, *arguments: str, given: str | None = None, config: Path | None = None):
        """Another command of the program, with the same configuration or another; what it says is kept."""
        ran = self._run(*arguments, "--config", str(config or self.folder / "gateway.toml"), given=given)
        with open(self.folder / "commands.out", "a") as kept:
            kept.write(f"== {arguments}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}\n")
        return ran

    def token(self, subject: str, role: str, team: str | None = "growth", name: str | None = None) -> str:
        arguments = ["--subject", subject, "--role", role, "--config", str(self.folder / "gateway.toml")]
        more = [*(["--team", team] if team else []), *(["--name", name] if name else [])]
        signed = self._run("token", *arguments, *more)
        assert signed.returncode == 0, signed.stderr
        return signed.stdout.strip()

    def _run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess:
        # Checking a long chain takes a debug build a while.
        return subprocess.run([PROGRAM, *arguments], input=given, capture_output=True, text=True, timeout=300)

    def offers(self, country: str, page: int = 1) -> list[str]:
        """A hundred numbers on sale, asked of the simulator itself."""
        request = urllib.request.Request(f"{self.simulator}/v3/numbers/search/{country}?limit=100&page={page}")
        pair = base64.b64encode(f"{self.username}:{self.api_key}".encode()).decode()
        request.add_header("Authorization", f"Basic {pair}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return [row["dedicated_number"] for row in json.load(answer)["data"]["data"]]


def _ready(line: str):
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if said.get("message") == "ready" else None


def control(simulator: str, name: str, body: dict | None = None, method: str | None = None):
    """One of the simulator's controls: GET without a body, unless said otherwise."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{simulator}/_simulator/{name}", data=data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def call(url: str, token: str | None = None, body=None, headers: dict | None = None, method: str | None = None):
    """Status, headers and bytes of an answer, whatever it says."""
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    if data is not None:
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
