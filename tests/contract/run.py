"""Asks a gateway everything that its API document allows and forbids, as people of several roles.

    run.py SCHEMATHESIS SECONDS CASES

Rounds of 100 s are begun until there are CASES cases; a machine that has not made them within SECONDS fails. The seed
is random and printed; CONTRACT_SEED repeats a run.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

from pair import Pair, call, control

FOLDER = Path(os.environ["SUITE_DIR"])
SEED = int(os.environ.get("CONTRACT_SEED") or secrets.randbelow(1_000_000))
ROUND = 100
# Who asks, and which share of a round is theirs. Without a token there is little to see: always 401.
SHARES = {"administrator": 0.4, "requester": 0.25, "approver": 0.25, "nobody": 0.1}
KINDS = {"purchases": "quote_digest", "registrations": "form_digest"}


def things_that_exist(pair: Pair, tokens: dict) -> dict:
    """Purchases and registrations in many states, freezes, and numbers that are on sale."""
    numbers = pair.offers("US") + pair.offers("AU")
    for number in numbers[:60] + numbers[-5:]:
        made(pair, tokens["requester"], "purchases", {"number": number, "reason": "for the contract", "type": "sms"})
    # Some answers are lost: then people have to say what became of them.
    control(pair.simulator, "faults", {"operation": "register", "fault": "drop_after_sale", "count": 8})
    for index in range(24):
        form = {
            "full_name": f"Ann Lee {index}", "company_name": "Acme", "email": "ann@acme.example",
            "website_url": "https://acme.example", "sample_message": "Hello", "primary_use_case": "Notices",
        }  # fmt: skip
        who = tokens["other_team"] if index % 3 == 2 else tokens["requester"]
        made(pair, who, "registrations", {"number_type": "10dlc", "country": "CA", "form": form})
    status, _, text = call(f"{pair.api}/v1/freezes", tokens["administrator"], {"scope": "frozen", "reason": "late"})
    assert status == 201, text
    ids = {kind: listed(pair, tokens["administrator"], kind, digest) for kind, digest in KINDS.items()}
    _, _, text = call(f"{pair.api}/v1/freezes", tokens["administrator"])
    ids["freezes"] = [[freeze["id"], None] for freeze in json.loads(text)["items"]]
    states = {kind: sorted({row[2] for row in ids[kind]}) for kind in KINDS}
    print(f"things that exist: {states}, {len(numbers)} numbers on sale")
    return {"numbers": numbers, "ids": ids}


def made(pair: Pair, token: str, kind: str, body: dict) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8), "Prefer": "wait=5"}
    status, _, text = call(f"{pair.api}/v1/{kind}", token, body, key)
    assert status in (201, 202), (status, text)


def listed(pair: Pair, token: str, kind: str, digest: str) -> list:
    _, _, text = call(f"{pair.api}/v1/{kind}?limit=100", token)
    return [[row["id"], row[digest], row["state"]] for row in json.loads(text)["items"]]


def asked(schemathesis: str, pair: Pair, role: str, token: str | None, seed: int) -> int:
    """How many cases one role was good for; ends the run where one of them failed."""
    authorization = ["--header", f"Authorization: Bearer {token}"] if token else []
    seconds = int(ROUND * SHARES[role])
    command = [
        schemathesis, "--config-file", "tests/contract/schemathesis.toml", "run", f"{pair.api}/openapi.json",
        "--max-time", str(seconds), "--seed", str(seed), "--no-color", "--max-examples", "30", *authorization,
    ]  # fmt: skip
    print(f"== as {role}, {seconds} s, seed {seed}", flush=True)
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 3 + 120)
    (FOLDER / f"{role}.log").write_text(ran.stdout + ran.stderr)
    found = re.search(r"(\d+) generated", ran.stdout)
    if ran.returncode or not found or "Unresolvable" in ran.stdout:
        print(ran.stdout, ran.stderr)
        sys.exit(f"as {role}, seed {seed}: schemathesis ended with {ran.returncode}")
    print("\n".join(re.findall(r"^ +[✅❌⏭].*$|^ +API Links.*$|^ +Scenarios.*$", ran.stdout, re.M)))
    return int(found[1])


def main(schemathesis: str, seconds: int, wanted: int) -> None:
    print(f"seed {SEED}")
    pair = Pair(FOLDER / "pair")
    people = {"administrator": "ada", "requester": "rita", "approver": "ann"}
    tokens = {role: pair.token(subject, role) for role, subject in people.items()}
    known = things_that_exist(pair, {**tokens, "other_team": pair.token("sam", "requester", "support")})
    (FOLDER / "known.json").write_text(json.dumps(known))
    os.environ["KNOWN"] = str(FOLDER / "known.json")
    cases, seed, ends = dict.fromkeys(SHARES, 0), SEED, time.monotonic() + seconds
    while sum(cases.values()) < wanted and time.monotonic() < ends:
        for role in SHARES:
            cases[role] += asked(schemathesis, pair, role, tokens.get(role), seed)
        seed += 1
    pair.stop()
    log = (FOLDER / "pair" / "gateway.log").read_text()
    statuses = sorted({int(status) for status in re.findall(r'"status":(\d{3})', log)})
    print(f"{sum(cases.values())} cases: {cases}; statuses answered: {statuses}")
    assert sum(cases.values()) >= wanted, f"fewer than {wanted} cases"
    assert "panicked" not in log, "a panic"
    assert max(statuses) < 500, "a server error"
    # What only good requests see: without these the run was blind.
    assert {200, 201, 202, 400, 401, 403, 404, 405, 409, 422} <= set(statuses), statuses


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
