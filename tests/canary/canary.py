"""No secret comes out of the gateway: not in answers, logs, metrics, traces, notices, files, or what commands print.

Every secret is random. First everything is done that a gateway does, and nothing may be found; then the secrets are sent
in by the front door, in requests that are meant to be kept, and each place must show them: so the hunt can find there.
"""

import base64
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import deeds
from checks import check, run
from forms import Hunt, forms
from pair import PROGRAM, Pair, call
from receivers import Receiver

FOLDER = Path(os.environ["SUITE_DIR"]).resolve()
PAIR = FOLDER / "pair"

EXTRA = """
[telemetry]
otlp_endpoint = "http://127.0.0.1:{traces}"
sample = "100%"
[notifications]
inner_networks = ["127.0.0.1"]
[[notifications.webhooks]]
name = "desk"
url = "http://127.0.0.1:{webhook}/hook"
secret = "whsec_{secret}"
"""

# What only the program may read, and what belongs to the test.
NOT_EMITTED = {"api-key", "secret", "gateway.toml", "simulator.log", "signing", "faulty.toml"}


class Stage:
    """The gateway between a tap on its answers and the receivers of what it sends."""

    def __init__(self):
        PAIR.mkdir(parents=True)
        webhook, traces = Receiver(PAIR / "webhook.received"), Receiver(PAIR / "traces.received")
        # base64 of 24 to 64 bytes, which is what the secret is: the characters after whsec_.
        self.webhook_secret = secrets.token_bytes(32)
        encoded = base64.b64encode(self.webhook_secret).decode()
        made = subprocess.run([PROGRAM, "keys", "generate", "--out", str(PAIR / "signing")], capture_output=True)
        assert made.returncode == 0, made.stderr
        (PAIR / "keys.printed").write_bytes(made.stdout + made.stderr)
        private = (PAIR / "signing" / "tokens.private.pem").read_bytes().splitlines()[1]
        # The first issuer, whose key signs the tokens below.
        issuer = made.stdout.decode() + "may_approve = true\n"
        extra = EXTRA.format(traces=traces.port, webhook=webhook.port, secret=encoded)
        self.pair = Pair(PAIR, issuer + extra)
        self.taps = []
        self.api, self.ops = self.tap(self.pair.api, "api.answers"), self.tap(self.pair.ops, "ops.answers")
        roles = {"administrator": "ada", "requester": "rita", "approver": "ann"}
        self.tokens = {role: self.pair.token(subject, role) for role, subject in roles.items()}
        self.secrets = {
            "the API key": self.pair.api_key.encode(),
            "the signing secret": self.pair.secret.encode(),
            "the signing key": private,
            "the webhook's secret": self.webhook_secret,
            "the webhook's secret as it is configured": encoded.encode(),
            **{f"the {role}'s token": token.encode() for role, token in self.tokens.items()},
            **{f"the {role}'s signature": token.split(".")[2].encode() for role, token in self.tokens.items()},
        }
        self.hunt = Hunt(self.secrets, self.pair.username)

    def tap(self, url: str, name: str) -> str:
        command = [sys.executable, "tests/lib/wiretap.py", url, str(PAIR / name)]
        tap = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.taps.append(tap)
        return tap.stdout.readline().strip()

    def stop(self) -> None:
        self.pair.stop()
        for tap in self.taps:
            tap.terminate()

    def emitted(self) -> list[Path]:
        """Every file that the gateway or one of its commands wrote, or that keeps what it sent."""
        files = (path for path in PAIR.rglob("*") if path.is_file())
        return [path for path in files if not NOT_EMITTED & set(path.relative_to(PAIR).parts)]

    def found(self) -> dict[str, set[str]]:
        """File to secrets in it."""
        looked = {str(path.relative_to(PAIR)): self.hunt.in_file(path) for path in self.emitted()}
        return {name: hits for name, hits in looked.items() if hits}

    def exported(self, name: str) -> None:
        """The evidence as the command writes it, and a copy of the database without its log."""
        for personal in ([], ["--personal"]):
            ran = self.pair.command("audit", "export", *personal)
            assert ran.returncode == 0, ran.stderr
        self.pair.command("audit", "verify")

    def wait_for(self, file: str, words: bytes) -> None:
        deadline = time.monotonic() + 30
        while words not in (PAIR / file).read_bytes():
            assert time.monotonic() < deadline, f"{file} never got {words}"
            time.sleep(0.1)


STAGE = Stage()


@check
def everything_is_done():
    deeds.everything(STAGE.pair, STAGE.api, STAGE.ops, STAGE.tokens)
    deeds.commands(STAGE.pair, STAGE.tokens["requester"])
    STAGE.wait_for("webhook.received", b"approval_wanted")
    STAGE.wait_for("traces.received", b"numbers-gateway")
    # Restarted: what a start and a stop write counts as well.
    STAGE.pair.server.stop()
    STAGE.exported("export")


@check
def every_place_has_something_to_look_at():
    sizes = {path.name: path.stat().st_size for path in STAGE.emitted()}
    wanted = {
        "api.answers": 20_000, "ops.answers": 10_000, "gateway.log": 20_000, "commands.out": 10_000, "gateway.db": 50_000,
        "audit-head": 1, "webhook.received": 1_000, "traces.received": 10_000, "keys.printed": 100,
    }  # fmt: skip
    print(f"emitted: {sizes}")
    missing = {name: least for name, least in wanted.items() if sizes.get(name, 0) < least}
    assert not missing, f"too little of {missing}"


@check
def no_secret_is_found_anywhere():
    found = STAGE.found()
    assert not found, found


@check
def every_form_of_every_secret_would_be_found():
    for name, secret in STAGE.secrets.items():
        for form, texts in forms(secret, STAGE.pair.username.encode()).items():
            for text in texts:
                assert STAGE.hunt.in_bytes(b"x" * 999 + text + b"after"), f"{name} as {form} was not found"
        planted = PAIR / "planted"
        planted.write_bytes(b"a line\n" + secret)
        assert STAGE.found().keys() == {"planted"}, f"{name} was not found in a file"
        planted.unlink()


@check
def a_leak_is_found_in_every_place_that_keeps_what_people_say():
    STAGE.pair.start()
    tap = STAGE.tap(STAGE.pair.api, "api.answers")
    key, who = STAGE.pair.api_key, STAGE.tokens["requester"]
    number = STAGE.pair.offers("US")[7]
    body = {"number": number, "reason": f"the key is {key}", "type": "sms", "reference": key}
    headers = {"Idempotency-Key": "planted", "X-Request-Id": key.replace("~", "-")}
    status, _, text = call(f"{tap}/v1/purchases", who, body, headers)
    assert status == 202, text
    STAGE.wait_for("webhook.received", number.encode())
    STAGE.pair.server.stop()
    STAGE.exported("planted")
    found = STAGE.found()
    print(f"found: { {name: sorted(hits) for name, hits in found.items()} }")
    wanted = {"api.answers", "gateway.log", "commands.out", "traces.received", "webhook.received"}
    assert wanted <= set(found), f"not found in {wanted - set(found)}"
    assert any(name.startswith("gateway.db") for name in found), "not found in the database"


try:
    run()
finally:
    STAGE.stop()
