"""Prints the numbers that the suite may buy, cheapest first, as one line of JSON."""

import json
from decimal import Decimal

from world import COUNTRY, GATEWAY, fetch

page = fetch(f"{GATEWAY}/v3/numbers/search/{COUNTRY}?limit=100", role="requester")["data"]["data"]
page.sort(key=lambda offer: (Decimal(offer["price_monthly"]), offer["dedicated_number"]))
numbers = [offer["dedicated_number"] for offer in page[:10]]
assert len(numbers) == 10, f"the suite buys 10 numbers, there are {len(numbers)} in {COUNTRY}"
print(json.dumps(numbers))
