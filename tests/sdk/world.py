"""Where the suite's checks run: the gateway, its tokens, the simulator behind it. All from the environment.

    GATEWAY_URL     base URL of the gateway, without /v3
    GATEWAY_TOKENS  JSON object, role to token, as `demo --json` prints it
    SIMULATOR_URL   the ClickSend look-alike that the gateway buys from
    OFFERS          JSON list of numbers that are for sale, cheapest first (printed by offers.py)
"""

import base64
import json
import os
import urllib.error
import urllib.request

GATEWAY = os.environ["GATEWAY_URL"].rstrip("/")
TOKENS = json.loads(os.environ["GATEWAY_TOKENS"])
SIMULATOR = os.environ["SIMULATOR_URL"].rstrip("/")
# The demo's rules let a requester buy cheap numbers at once in the first; in the second somebody has to approve.
COUNTRY = os.environ.get("SDK_COUNTRY", "AU")
LOOKED_AT_COUNTRY = os.environ.get("SDK_LOOKED_AT_COUNTRY", "US")

# Each client buys numbers of its own, so that no check depends on what another one did.
_SHARES = {"python": slice(0, 4), "node": slice(4, 6), "raw": slice(6, 10)}
# Well-formed, reserved for fiction, and in none of the simulator's ranges.
NOT_FOR_SALE = "+61491571804"


def offers(client: str) -> list[str]:
    """The numbers that one of the clients may buy."""
    return json.loads(os.environ["OFFERS"])[_SHARES[client]]


def basic(token: str, user: str = "anything") -> str:
    """The Authorization header an SDK makes of a user name and a key."""
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


def fetch(url: str, role: str | None = None, body: dict | None = None):
    """The JSON of a GET, or of a POST when there is a body, as a plain client gets it."""
    request = urllib.request.Request(url, headers={"Authorization": basic(TOKENS[role])} if role else {})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def call(method: str, path: str, token: str, body: dict | None = None, headers: dict | None = None) -> tuple[int, dict]:
    """Status and JSON of a call to the gateway's own API, refused or not."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(GATEWAY + path, method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def ledger() -> dict:
    """What the simulator really sold, and every request it received."""
    return fetch(f"{SIMULATOR}/_simulator/ledger")


def sales_of(number: str) -> int:
    return sum(number in sale.values() for sale in ledger()["sales"])
