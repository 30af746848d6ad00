"""Good requests of every route, as bytes: what the mutations begin with."""

import json
import secrets

from pair import Pair, call

FORM = {
    "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@acme.example", "website_url": "https://acme.example",
    "sample_message": "Your order is ready.", "primary_use_case": "Notifications",
}  # fmt: skip
REGISTRATION_DATA = {
    "business_name": "Acme Pty Ltd", "business_address": "1 Example Street", "suburb": "Perth", "postcode": "6000",
    "state": "WA", "contact_name": "Ann Lee", "contact_number": "+61491570156", "country": "AU",
}  # fmt: skip


def message(method: str, path: str, token: str, body=None, headers: dict | None = None) -> bytes:
    """One HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway.example", f"Authorization: Bearer {token}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    data = b""
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if not any(line.lower().startswith("content-type") for line in lines):
            lines.append("Content-Type: application/json")
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def waiting(pair: Pair, token: str, number: str) -> dict:
    """A purchase that waits for a decision."""
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    _, _, text = call(f"{pair.api}/v1/purchases", token, {"number": number, "reason": "to be mutated"}, headers)
    return json.loads(text)


def registered(pair: Pair, token: str) -> dict:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    body = {"number_type": "10dlc", "country": "CA", "form": FORM}
    _, _, text = call(f"{pair.api}/v1/registrations", token, body, headers)
    return json.loads(text)


def seeds(pair: Pair) -> list[bytes]:
    """Every route of the API document at least once (`covers` says so), and the console's."""
    ada, rita, ann = (pair.token(who, role) for who, role in
                      (("ada", "administrator"), ("rita", "requester"), ("ann", "approver")))  # fmt: skip
    sam = pair.token("sam", "requester", "support")
    abroad, home = pair.offers("US"), pair.offers("AU")
    rows = [waiting(pair, rita, number) for number in abroad[:8]]
    first, digest = rows[0]["id"], rows[0]["quote_digest"]
    registration = registered(pair, sam)
    form, form_digest = registration["id"], registration["form_digest"]
    _, _, text = call(f"{pair.api}/v1/freezes", ada, {"scope": "frozen", "reason": "to be mutated"})
    freeze = json.loads(text)["id"]
    key = {"Idempotency-Key": "a-key-of-mine", "Prefer": "wait=1"}
    gets = [
        "/v3/numbers?page=1&limit=15&q=type:sms,country:AU&q2=type:mms&excluding_number_type=shortcode",
        "/v3/numbers/search/AU?search=570&search_type=1&page=2&limit=15",
        "/v1/spend?from=2026-01&to=2026-12&group_by=team,month&cursor=0&limit=10", "/v1/spend.csv?group_by=kind,requester",
        "/v1/spend/forecast", "/v1/spend/forecast.csv", "/v1/numbers/idle?days=30&limit=5", "/v1/numbers/idle.csv?days=30",
        "/v1/me", "/v1/budgets", "/v1/freezes", "/v1/notices?state=dead&limit=5", "/v1/numbers?limit=10",
        "/v1/purchases?state=bought&team=growth&limit=20", f"/v1/purchases/{first}",
        "/v1/registrations?state=submitted&limit=5", f"/v1/registrations/{form}",
        "/v1/audit?action=purchase.bought&from=2026-01-01T00:00:00Z&limit=5", "/v1/audit/export?from=1&personal=true",
        "/v1/policy", "/problems/POLICY_DENIED", "/openapi.json", "/console/", "/console/sign-in", "/console/style.css",
    ]  # fmt: skip
    posts = [
        (rita, "/v1/purchases", {"number": home[0], "type": "sms", "country": "AU", "reason": "why", "reference": "r-1",
                                 "max_price": "25.00", "registration_data": REGISTRATION_DATA}, key),
        (rita, "/v1/registrations", {"number_type": "10dlc", "country": "CA", "form": FORM, "reason": "why"}, key),
        (rita, "/v3/numbers/buy/" + home[1].replace("+", "%2B") + "?type=sms", {"registration_data": REGISTRATION_DATA},
         {"X-Gateway-Team": "growth", "X-Gateway-Reason": "why", "X-Gateway-Reference": "r-2"}),
        (rita, "/v3/numbers/registrations/number-types/10dlc/country/CA", FORM, {"X-Gateway-Reason": "why"}),
        (ada, "/v1/policy/evaluate", {"action": "buy", "country": "AU", "type": "sms", "monthly": "20.00"}, {}),
        (ada, "/v1/policy/evaluate", {"number": abroad[9]}, {"X-Gateway-Team": "growth"}),
        (ada, "/v1/freezes", {"scope": "frozen", "reason": "why"}, {}),
        (ada, f"/v1/freezes/{freeze}/lift", {}, {}),
        (ada, "/v1/numbers/assign", {"country": "AU", "team": "growth"}, {}),
        (ada, "/v1/numbers/assign", f"number,team\n{home[0]},growth\n".encode(), {"Content-Type": "text/csv"}),
        (ada, "/v1/notices/1:desk/resend", {}, {}),
        (ada, "/v1/spend/adjustments", {"kind": "refund", "amount": "-5.00", "team": "growth", "month": "2026-11",
                                        "reason": "why"}, key),
        (ann, f"/v1/registrations/{form}/approve", {"digest": form_digest, "comment": "fine"}, {"Prefer": "wait=0"}),
        (ann, f"/v1/registrations/{form}/reject", {"comment": "no"}, {}),
        (sam, f"/v1/registrations/{form}/withdraw", {"comment": "no"}, {}),
        (ann, f"/v1/registrations/{form}/outcome", {"outcome": "accepted", "comment": "by mail"}, {}),
        (ada, f"/v1/registrations/{form}/resolve", {"outcome": "submitted", "comment": "seen"}, {}),
        (ada, f"/v1/purchases/{first}/resolve", {"outcome": "bought", "comment": "seen"}, {}),
        (ann, f"/v1/purchases/{first}/approve", {"quote_digest": digest, "comment": "fine"}, {"Prefer": "wait=0"}),
        (ann, f"/v1/purchases/{rows[1]['id']}/reject", {"comment": "no"}, {}),
        (rita, f"/v1/purchases/{rows[2]['id']}/withdraw", {"comment": "no"}, {}),
    ]  # fmt: skip
    page = "application/x-www-form-urlencoded"
    forms = [message("POST", "/console/sign-in", "", f"token={rita}".encode(), {"Content-Type": page})]
    return (
        [message("GET", path, ada) for path in gets]
        + [message("GET", path, rita, None, {"Cache-Control": "no-cache"}) for path in gets[:2]]
        + [message("POST", path, who, body, headers) for who, path, body, headers in posts]
        + forms
    )


def uncovered(pair: Pair, given: list[bytes]) -> list[str]:
    """Operations of the API document that no seed is of."""
    _, _, text = call(f"{pair.api}/openapi.json")
    asked = [line.split(b" ")[:2] for line in given]
    targets = [(method.decode(), path.decode().split("?")[0].split("/")) for method, path in asked]

    def is_of(operation: list[str], target: list[str]) -> bool:
        same_length = len(operation) == len(target)
        return same_length and all(one == other or one[:1] == "{" for one, other in zip(operation, target))

    operations = [(m.upper(), path) for path, item in json.loads(text)["paths"].items() for m in item]
    found = lambda m, path: any(m == method and is_of(path.split("/"), target) for method, target in targets)
    return [f"{m} {path}" for m, path in operations if not found(m, path)]
