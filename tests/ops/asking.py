"""What every test here asks a gateway for."""

import json
import urllib.parse

from pair import Pair, call, control


def buy(pair: Pair, token: str, number: str, **headers: str) -> str:
    """Status and word of the answer, like "200 SUCCESS"."""
    path = f"{pair.api}/v3/numbers/buy/{urllib.parse.quote(number, safe='')}"
    status, _, text = call(path, token, headers=headers, method="POST")
    return f"{status} {json.loads(text)['response_code']}"


def every(pair: Pair, token: str, path: str) -> list[dict]:
    """All pages of a list."""
    rows, cursor = [], ""
    while True:
        status, _, text = call(f"{pair.api}{path}{'&' if '?' in path else '?'}limit=100{cursor}", token)
        assert status == 200, text
        page = json.loads(text)
        rows += page["items"]
        if not page.get("next_cursor"):
            return rows
        cursor = f"&cursor={page['next_cursor']}"


def bought(pair: Pair, token: str) -> list[str]:
    """The numbers whose purchases say that they were bought."""
    return [row["number"] for row in every(pair, token, "/v1/purchases") if row["state"] in ("bought", "bought_late")]


def sold(pair: Pair) -> list[str]:
    """What the simulator has sold, as often as it did."""
    return [sale["number"] for sale in control(pair.simulator, "ledger?operation=unknown")["sales"]]


def sent(pair: Pair) -> int:
    """How many buys the simulator has received."""
    return control(pair.simulator, "ledger?operation=buy")["requests_received"]
