"""Nothing that the gateway answered during the suite holds the upstream key or a caller's token."""

import base64
import os
import urllib.request
from pathlib import Path

from checks import check, run
from world import SIMULATOR, TOKENS, basic

ANSWERED = Path(os.environ["ANSWERED"]).read_bytes()
USER = os.environ.get("SIMULATOR_USERNAME", "simulator")
KEY = os.environ.get("SIMULATOR_API_KEY", "simulator-key")


def found(secret: str) -> bool:
    return secret.encode() in ANSWERED


@check
def the_answers_were_kept():
    # Without this, an empty file would pass the checks below.
    assert ANSWERED.count(b"HTTP/1.1 200 ") > 20, f"only {len(ANSWERED)} bytes of answers"
    assert b"dedicated_number" in ANSWERED, "the answers are not readable (compressed?)"


@check
def the_key_that_is_looked_for_is_the_real_one():
    # ClickSend takes only the account's own key; a check for any other would pass whatever leaked.
    request = urllib.request.Request(f"{SIMULATOR}/v3/account", headers={"Authorization": basic(KEY, USER)})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


@check
def no_answer_holds_the_upstream_key():
    encoded = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
    assert not found(KEY), "the API key was answered"
    assert not found(encoded), "the upstream credentials were answered, encoded"


@check
def no_answer_holds_a_token():
    for role, token in TOKENS.items():
        assert not found(token), f"the {role}'s token was answered"


@check
def no_answer_redirects():
    # The Python SDK posts a second time when a buy is redirected.
    assert not any(b"HTTP/1.1 30%d " % code in ANSWERED for code in range(9)), "a redirect was answered"


run()
