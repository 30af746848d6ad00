"""Nothing that the gateway answered during the suite holds the upstream key or a caller's token."""

import base64
import os
from pathlib import Path

from checks import check, run
from world import SIMULATOR, TOKENS, fetch

ANSWERED = Path(os.environ["ANSWERED"]).read_bytes()
ACCOUNT = fetch(f"{SIMULATOR}/_simulator/settings")


def found(secret: str) -> bool:
    return secret.encode() in ANSWERED


@check
def the_answers_were_kept():
    # Without this, an empty file would pass the checks below.
    assert ANSWERED.count(b"HTTP/1.1 200 ") > 20, f"only {len(ANSWERED)} bytes of answers"
    assert b"dedicated_number" in ANSWERED, "the answers are not readable (compressed?)"


@check
def no_answer_holds_the_upstream_key():
    key, pair = ACCOUNT["api_key"], f"{ACCOUNT['username']}:{ACCOUNT['api_key']}"
    assert not found(key), "the API key was answered"
    assert not found(base64.b64encode(pair.encode()).decode()), "the upstream credentials were answered, encoded"


@check
def no_answer_holds_a_token():
    for role, token in TOKENS.items():
        assert not found(token), f"the {role}'s token was answered"


@check
def no_answer_redirects():
    # The Python SDK posts a second time when a buy is redirected.
    assert not any(b"HTTP/1.1 30%d " % code in ANSWERED for code in range(9)), "a redirect was answered"


run()
