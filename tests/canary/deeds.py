"""Everything that a gateway does, once: good requests, refusals, broken upstream answers, commands, faulty files."""

import base64
import json
import secrets
import urllib.parse

from pair import Pair, call, control

FORM = {
    "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@acme.example", "website_url": "https://acme.example",
    "sample_message": "Your order is ready.", "primary_use_case": "Notifications",
}  # fmt: skip


def everything(pair: Pair, api: str, ops: str, tokens: dict[str, str]) -> None:
    """Through `api` and `ops`, so that the answers are kept."""
    buying(pair, api, tokens)
    reading(api, ops, tokens)
    refusals(pair, api, tokens)
    console(api, tokens["administrator"])
    broken_upstream(pair, api, tokens)
    faulty_files(pair)


def buying(pair: Pair, api: str, tokens: dict) -> None:
    home, abroad = pair.offers("AU"), pair.offers("US")
    rita, ann = tokens["requester"], tokens["approver"]
    status, _, text = call(f"{api}/v3/numbers/buy/{quoted(home[0])}", headers=basic(rita), method="POST")
    assert status == 200, text
    for index, deed in enumerate(("approve", "reject", "withdraw")):
        body = {"number": abroad[index], "reason": "for the canary", "type": "sms"}
        status, _, text = call(f"{api}/v1/purchases", rita, body, {"Idempotency-Key": secrets.token_hex(8)})
        assert status == 202, text
        row = json.loads(text)
        body = {"quote_digest": row["quote_digest"], "comment": "looked at"}
        url = f"{api}/v1/purchases/{row['id']}/{deed}"
        status, _, text = call(url, rita if deed == "withdraw" else ann, body, {"Prefer": "wait=10"})
        assert status == 200, text
    register = f"{api}/v3/numbers/registrations/number-types/10dlc/country/CA"
    assert call(register, rita, FORM)[0] == 200
    body = {"scope": "support", "reason": "for the canary"}
    status, _, text = call(f"{api}/v1/freezes", tokens["administrator"], body)
    assert status == 201, text
    assert call(f"{api}/v1/freezes/{json.loads(text)['id']}/lift", tokens["administrator"], method="POST")[0] == 200


def reading(api: str, ops: str, tokens: dict) -> None:
    paths = [
        "/v3/numbers", "/v3/numbers/search/AU?search=570", "/v1/me", "/v1/budgets", "/v1/freezes", "/v1/notices",
        "/v1/numbers", "/v1/purchases", "/v1/registrations", "/v1/audit", "/v1/audit/export?personal=true", "/v1/policy",
    ]  # fmt: skip
    for path in paths:
        for token in (tokens["administrator"], tokens["requester"]):
            assert call(api + path, token)[0] in (200, 403), path
    for path in ("/metrics", "/readyz", "/livez"):
        assert call(ops + path)[0] == 200, path


def refusals(pair: Pair, api: str, tokens: dict) -> None:
    """Tokens that are refused, requests that are, and what nobody understands."""
    rita = tokens["requester"]
    head, body, signature = rita.split(".")
    for wrong in (rita[:-4] + "AAAA", f"{head}.{body}.", f"e30.{body}.{signature}", rita + "=", rita + "." + signature):
        assert call(f"{api}/v1/me", wrong)[0] == 401
        assert call(f"{api}/v3/numbers", headers=basic(wrong))[0] == 401
        pair.command("token", "check", given=wrong)
    assert call(f"{api}/v1/purchases", rita, {"number": "+1", "max_price": "x"}, {"Idempotency-Key": "k"})[0] == 400
    assert call(f"{api}/v1/purchases", rita, b"{", {"Idempotency-Key": "k"})[0] == 400
    assert call(f"{api}/v3/numbers/buy/{quoted('+447700900000')}", rita, method="POST")[0] in (403, 409)
    assert call(f"{api}/v1/numbers/assign", rita, {"all": True, "team": "growth"})[0] == 403
    assert call(f"{api}/v3/sms/send", rita, {})[0] == 404
    assert call(f"{api}/v1/me", rita, method="DELETE")[0] == 405


def console(api: str, token: str) -> None:
    """The pages behind the cookie, which is the token: only signing in answers with it, so that is not done here."""
    for path in ("", "waiting", "requests", "purchases", "search?country=AU", "numbers", "registrations", "budgets"):
        status, _, page = call(f"{api}/console/{path}", headers={"Cookie": f"__Host-numbers-gateway={token}"})
        assert status == 200 and b"sign-out" in page, path


def broken_upstream(pair: Pair, api: str, tokens: dict) -> None:
    """What ClickSend may answer instead; the last is that it knows the gateway's key no more."""
    faults = [
        {"fault": "html_500_before_sale"}, {"fault": "truncate"}, {"fault": "drop_before_sale"}, {"fault": "empty_body"},
        {"fault": "redirect_302"}, {"fault": "error_envelope_in_200"}, {"fault": "wrong_content_type"},
        {"fault": "arbitrary", "status": 401, "body": {"response_msg": "Unauthorized"}}, {"fault": "throttle_429"},
    ]  # fmt: skip
    # What is no answer is asked for again, twice. Enough good answers before, so that it is, and is not given up.
    for index in range(50):
        assert call(f"{api}/v3/numbers/search/US?search=88{index}", tokens["requester"])[0] == 200
    for index, fault in enumerate(faults):
        is_none = index < 5
        control(pair.simulator, "faults", {"operation": "search", "count": 3 if is_none else 1, **fault})
        answered, *_ = call(f"{api}/v3/numbers/search/AU?search=99{index}", tokens["requester"])
        assert (answered == 503) or not is_none, (fault, answered)
    control(pair.simulator, "key", {"api_key": "another-key-of-the-account"})
    assert call(f"{api}/v3/numbers/search/AU?search=4711", tokens["requester"])[0] in (502, 503)
    pair.command("check-config", "--live")
    control(pair.simulator, "key", {"api_key": pair.api_key})


def faulty_files(pair: Pair) -> None:
    """Configurations that cannot be read, each with the secret at the place of the fault."""
    key = pair.api_key
    for fault in (
        f'api_key = "{key}', f"api_key = {key}", f'api_key = ["{key}"]', f'api_kee = "{key}"', f'api_key = "{key}\\q"',
        f'api_key = "{key}"\napi_key = "{key}"', f'proxy_url = "ftp://user:{key}@proxy.example"',
        f'base_url = "https://user:{key}@rest.example"', f'api_key = """{key}\nx"""',
    ):  # fmt: skip
        path = pair.folder / "faulty.toml"
        path.write_text(f"[upstream]\n{fault}\n")
        assert pair.command("check-config", config=path).returncode == 78, fault
        path.unlink()


def commands(pair: Pair, token: str) -> None:
    """The rest of the command line; what it prints is kept."""
    for command in (["check-config"], ["check-config", "--live"], ["audit", "verify"], ["migrate"],
                    ["policy", "explain", "--team", "growth", "--country", "AU", "--monthly", "20.71"]):  # fmt: skip
        pair.command(*command)
    pair.command("token", "check", given=token)


def quoted(number: str) -> str:
    return urllib.parse.quote(number, safe="")


def basic(token: str) -> dict:
    pair = base64.b64encode(f"anything:{token}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
