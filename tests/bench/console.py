"""How long the console's pages take to their first byte, with 10,000 purchases of which 1,000 wait.

    console.py PROGRAM [ROUNDS]

One purchase is made by a request; the others are copies of its row with ids, numbers and states of their own, and with
ledger entries where they are bought, written into the database while no gateway runs. Exit 1 when the 99th percentile of
a page is above 50 ms.
"""

import http.client
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from urllib.parse import urlencode

from buying import CONFIGURATION, SIMULATOR_KEY, call, gateway_ready, percentile, simulator_ready, spawn, told

PURCHASES = 10_000
WAITING = 1_000
ALLOWED = 50.0
RULES = """
[[policy.rules]]
name = "somebody looks"
when = { action = "buy" }
then = { approvals = 1, from_role = "approver", from_team = "same" }
"""
PAGES = {
    "what waits": "/console/waiting",
    "what waits, in the middle": "/console/waiting?cursor={middle}",
    "my requests": "/console/requests",
    "all requests": "/console/purchases",
    "all in a rare state": "/console/purchases?state=unknown",
    "all, older ones": "/console/purchases?cursor={middle}",
    "one purchase": "/console/purchases/{one}",
    "budgets": "/console/budgets",
}


def token(program, key, subject, role):
    made = subprocess.run(
        [program, "token", "--subject", subject, "--team", "growth", "--role", role, "--key-file", str(key)],
        capture_output=True, text=True, check=True,
    )
    return made.stdout.strip()


def copied(row, index):
    """The row as another purchase: every tenth waits, the others are bought."""
    born = row["created_us"] - (PURCHASES - index) * 1_000_000
    random = uuid.uuid4().int & ((1 << 80) - 1)
    row = dict(row, id=str(uuid.UUID(int=((born // 1000) << 80) | (7 << 76) | random & ~(15 << 76))))
    row.update(number=f"+1303{index:07}", created_us=born, updated_us=born, subject=f"person-{index % 50}")
    if index % (PURCHASES // WAITING):
        row.update(state="bought", holds_number=1, version=5, attempts=1, decide_by_us=None)
    return row


def fill(database):
    """The ids of a purchase that waits in the middle, and of the newest."""
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        first = dict(connection.execute("SELECT * FROM purchases").fetchone())
        month = time.strftime("%Y-%m", time.gmtime(first["created_us"] / 1e6))
        rows = [copied(first, index) for index in range(PURCHASES - 1)]
        places = ", ".join(f":{column}" for column in first)
        connection.executemany(f"INSERT INTO purchases ({', '.join(first)}) VALUES ({places})", rows)
        entries = [
            (row["created_us"], month, row["team"], row["id"], kind, amount, row["currency"], row["country"])
            for row in rows if row["state"] == "bought"
            for kind, amount in [("hold", 6_490_000), ("release", -6_490_000), ("setup", 1_500_000), ("first_period", 4_990_000)]
        ]
        connection.executemany(
            "INSERT INTO ledger (at_us, month, team, purchase_id, kind, amount_micros, currency, country)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entries,
        )
    waiting = [row["id"] for row in rows if row["state"] == "pending_approval"]
    return {"middle": waiting[len(waiting) // 2], "one": first["id"]}


def sign_in(host, token):
    """The cookies of a browser that has pasted a token."""
    connection = http.client.HTTPConnection(host)
    connection.request("GET", "/console/sign-in")
    answer = connection.getresponse()
    answer.read()
    form = answer.getheader("set-cookie").split(";")[0]
    body = urlencode({"form_token": form.split("=")[1], "token": token})
    headers = {"Cookie": form, "Origin": f"http://{host}", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/console/sign-in", body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 303, answer.status
    return f"{form}; {answer.getheader('set-cookie').split(';')[0]}"


def first_byte(connection, path, cookies):
    began = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookies})
    answer = connection.getresponse()
    taken = (time.perf_counter() - began) * 1000
    assert answer.status == 200, (path, answer.status)
    answer.read()
    return taken


def measure(program, folder, rounds):
    keys = subprocess.run(
        [program, "keys", "generate", "--out", str(folder / "keys")], capture_output=True, text=True, check=True
    )
    key = next(path for path in (folder / "keys").iterdir() if "private" in path.name)
    simulator, upstream = spawn(program, "simulator", "--listen", "127.0.0.1:0", ready=simulator_ready)
    text = CONFIGURATION.split("[[policy.rules]]")[0] + "[limits]" + CONFIGURATION.split("[limits]")[1] + RULES.replace("{", "{{").replace("}", "}}")
    issuer = keys.stdout + "\nmay_approve = true\n"
    configuration = folder / "gateway.toml"
    configuration.write_text(text.format(upstream=f"http://{upstream}", folder=folder, issuer=issuer))
    try:
        ask(program, configuration, upstream, token(program, key, "ann", "requester"))
        ids = fill(folder / "gateway.db")
        gateway, api = spawn(program, "serve", "--config", str(configuration), ready=gateway_ready)
        try:
            cookies = sign_in(api, token(program, key, "ben", "approver"))
            connection = http.client.HTTPConnection(api)
            return {
                name: [first_byte(connection, path.format(**ids), cookies) for _ in range(rounds)]
                for name, path in PAGES.items()
            }
        finally:
            gateway.terminate()
            gateway.wait()
    finally:
        simulator.terminate()
        simulator.wait()


def ask(program, configuration, upstream, authorization):
    """One request that waits."""
    gateway, api = spawn(program, "serve", "--config", str(configuration), ready=gateway_ready)
    try:
        rows = call(upstream, "GET", "/v3/numbers/search/US?limit=15", SIMULATOR_KEY)["data"]["data"]
        connection = http.client.HTTPConnection(api)
        headers = {
            "Authorization": f"Bearer {authorization}", "Content-Type": "application/json", "Idempotency-Key": "one"
        }
        body = json.dumps({"number": rows[0]["dedicated_number"], "country": "US"})
        connection.request("POST", "/v1/purchases", body, headers)
        answer = json.loads(connection.getresponse().read())
        assert answer["state"] == "pending_approval", answer
    finally:
        gateway.terminate()
        gateway.wait()


def main():
    rounds = int(sys.argv[2]) if sys.argv[2:] and sys.argv[2] else 300
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", "target")) as folder:
        pages = measure(sys.argv[1], pathlib.Path(folder).resolve(), rounds)
    print(f"first byte with {PURCHASES} purchases, {WAITING} waiting, {rounds} times each")
    for name, taken in pages.items():
        told(name, taken)
    worst = max(percentile(taken, 0.99) for taken in pages.values())
    print(f"the slowest page's p99 is {worst:.2f} ms (allowed {ALLOWED})")
    sys.exit(worst > ALLOWED)


if __name__ == "__main__":
    main()
