"""What people and ClickSend do, until every state that a purchase can reach here was reached, through both replicas.

`needs_attention` needs a day of lists that say nothing, and `expired` an hour of nobody: the Rust tests move their clocks for
those. Their series are there from the start.
"""

import base64
import json
import secrets
import urllib.parse

from pair import call, control
from world import World, until

FORM = {
    "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@acme.example", "website_url": "https://acme.example",
    "sample_message": "Your order is ready.", "primary_use_case": "Notifications",
}  # fmt: skip
# Names that stand nowhere else, so that finding one where it must not be means something.
PEOPLE = {
    "requester": ("rita-4f7e", "growth"), "approver": ("ann-91c2", "growth"), "administrator": ("ada-c03b", "growth"),
    "second_administrator": ("bea-77d1", "growth"), "support": ("sam-2b5a", "support"), "poor": ("pia-e8f0", "frozen"),
    "finance": ("finn-60aa", None), "auditor": ("olga-d19c", None),
}  # fmt: skip
ROLES = {"second_administrator": "administrator", "support": "requester", "poor": "requester"}


class Traffic:
    def __init__(self, world: World):
        self.world, self.pair, self.used = world, world.pair, set()
        self.tokens = {
            who: self.pair.token(subject, ROLES.get(who, who), team) for who, (subject, team) in PEOPLE.items()
        }
        self.replica = "a"
        self.on_sale = {country: self.pair.offers(country) for country in ("AU", "US", "CA", "GB")}

    def ask(self, path: str, who: str | None = "requester", body=None, status=(200,), method=None, headers=None):
        """One request to the replica whose turn it is."""
        self.replica = {"a": "b", "b": "a"}[self.replica]
        token = self.tokens.get(who, who)
        got, answer, text = call(self.world.api(self.replica) + path, token, body, headers, method)
        assert status is None or got in status, f"{path} as {who}: {got} {text[:600]!r}"
        return json.loads(text) if text and answer.get_content_type().endswith("json") else {}

    def number(self, country: str) -> str:
        number = next(number for number in self.on_sale[country] if number not in self.used)
        self.used.add(number)
        return number

    def request(self, number: str, who="requester", status=(200, 201, 202), wait="10") -> dict:
        body = {"number": number, "type": "sms", "reason": "for the campaign"}
        headers = {"Idempotency-Key": secrets.token_hex(8), "Prefer": f"wait={wait}"}
        return self.ask("/v1/purchases", who, body, status, headers=headers)

    def decide(self, purchase: dict, deed: str, who="approver", status=(200, 202)) -> dict:
        body = {"quote_digest": purchase["quote_digest"], "comment": "looked at"}
        return self.ask(f"/v1/purchases/{purchase['id']}/{deed}", who, body, status, headers={"Prefer": "wait=10"})

    def state(self, purchase: dict) -> str:
        return self.ask(f"/v1/purchases/{purchase['id']}", "administrator")["state"]

    def becomes(self, purchase: dict, *states: str, within=90) -> None:
        until(f"{purchase['id']} is {states}", lambda: self.state(purchase) in states, within)

    def fault(self, operation: str, fault: str, **more) -> None:
        control(self.pair.simulator, "faults", {"operation": operation, "fault": fault, "count": 1, **more})

    def lost(self, fault: str, **more) -> dict:
        """A buy whose answer does not come."""
        number = self.number("AU")
        self.fault("buy", fault, **more)
        self.request(number, status=(200, 201, 202, 502, 503))
        return next(row for row in self.ask("/v1/purchases?limit=50", "administrator")["items"] if row["number"] == number)

    def everything(self) -> None:
        self.searching()
        self.buying()
        self.deciding()
        self.refused()
        self.losing()
        self.money()
        self.others()

    def searching(self) -> None:
        for digits in ("", "570", "571", "570", "", "99"):
            for country in ("AU", "US"):
                self.ask(f"/v3/numbers/search/{country}?search={digits}")
                self.ask(f"/v3/numbers/search/{country}?search={digits}")
        for path in ("/v3/numbers", "/v1/me", "/v1/budgets", "/v1/numbers", "/v1/spend", "/v1/spend/forecast", "/v1/audit"):
            self.ask(path, "administrator")
        for fault in ("html_500_before_sale", "drop_before_sale"):
            self.fault("search", fault)
            self.ask(f"/v3/numbers/search/AU?search=4{len(fault)}", status=None)

    def buying(self) -> None:
        for who, country in [("requester", "AU")] * 3 + [("support", "AU")]:
            assert self.request(self.number(country), who)["state"] == "bought"
        pair = base64.b64encode(f"anything:{self.tokens['requester']}".encode()).decode()
        path = f"/v3/numbers/buy/{urllib.parse.quote(self.number('AU'), safe='')}"
        self.ask(path, None, method="POST", headers={"Authorization": f"Basic {pair}"})

    def deciding(self) -> None:
        for deed, who in (("approve", "approver"), ("reject", "approver"), ("withdraw", "requester"), ("approve", "approver")):
            self.decide(self.request(self.number("US")), deed, who)
        # Two that wait until the end.
        for country in ("US", "CA"):
            assert self.request(self.number(country))["state"] == "pending_approval"

    def refused(self) -> None:
        self.request(self.number("GB"), status=(403,))
        self.request(self.number("AU"), "poor", status=None)
        gone = self.number("AU")
        self.fault("buy", "number_gone")
        self.request(gone, status=None)
        self.fault("buy", "insufficient_balance")
        self.request(self.number("AU"), status=None)
        for wrong in ("nothing", self.tokens["requester"][:-4] + "AAAA"):
            self.ask("/v1/me", wrong, status=(401,))
        self.ask("/v1/freezes", "requester", {"scope": "all", "reason": "may not"}, (403,))

    def losing(self) -> None:
        found, never, late = self.lost("drop_after_sale"), self.lost("drop_before_sale"), None
        self.becomes(found, "bought")
        self.becomes(never, "not_bought")
        self.fault("buy", "late_visibility")
        late = self.lost("drop_after_sale")
        self.becomes(late, "not_bought")
        control(self.pair.simulator, "release", {})
        self.becomes(late, "bought_late")
        for freeze in self.ask("/v1/freezes", "administrator")["items"]:
            if not freeze.get("lifted_at"):
                self.ask(f"/v1/freezes/{freeze['id']}/lift", "administrator", method="POST")

    def money(self) -> None:
        control(self.pair.simulator, "sell", {"country": "NZ"})
        orphan = lambda: self.world.sql("SELECT count(*) FROM known_numbers WHERE origin = 'orphan'") != [["0"]]
        until("what was sold elsewhere is seen", orphan)
        months = [row[0] for row in self.world.sql("SELECT to_char(now() - i * interval '1 month', 'YYYY-MM') FROM generate_series(0, 5) i")]
        for n, month in enumerate(months):
            for team, amount in (("growth", 41.37 + 7 * n), ("support", 12.01 + n)):
                self.adjust("adjustment", f"{amount:.2f}", team, month)
        self.adjust("refund", "-5.55", "growth", months[0])

    def adjust(self, kind: str, amount: str, team: str, month: str) -> None:
        body = {"kind": kind, "amount": amount, "team": team, "month": month, "reason": "the invoice says so"}
        self.ask("/v1/spend/adjustments", "administrator", body, (200, 201), headers={"Idempotency-Key": secrets.token_hex(8)})

    def others(self) -> None:
        self.ask("/v3/numbers/registrations/number-types/10dlc/country/CA", "requester", FORM)
        frozen = self.ask("/v1/freezes", "administrator", {"scope": "support", "reason": "a look at its numbers"}, (201,))
        self.request(self.number("AU"), "support", status=(503,))
        assert frozen["id"]
        # Of one more nobody knows what became of it, for as long as nobody lists it.
        self.fault("buy", "late_visibility")
        self.lost("drop_after_sale")
        # Last, because it makes the gateway pause.
        self.fault("search", "throttle_429", retry_after_seconds=1)
        self.ask("/v3/numbers/search/AU?search=429", status=None)
