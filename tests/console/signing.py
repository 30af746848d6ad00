"""Tokens of people who are not in the demo's cast, signed with its key by the gateway's own command."""

import os
import subprocess
from pathlib import Path

GATEWAY_BINARY = os.environ["GATEWAY_BINARY"]
KEY = Path(os.environ["DATA_DIR"]) / "keys" / "tokens.private.pem"


def sign(subject: str, role: str, ttl: str = "1h", **claims: str) -> str:
    words = [GATEWAY_BINARY, "token", "--key-file", str(KEY), "--subject", subject, "--role", role, "--ttl", ttl]
    words += [word for claim, value in claims.items() for word in (f"--{claim}", value)]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
