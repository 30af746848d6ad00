"""PostgreSQL's own backup, restored: what was bought since is found, not bought again, and in the end the sums agree.

A copy is made by pg_basebackup while numbers are bought, more are bought after it, and the server is lost. The copy becomes
a new server, as deploy/README.md says it, and the gateway is pointed at it.
"""

import json
import os
import secrets
import threading
from decimal import Decimal
from pathlib import Path

from checks import check, run
from asking import bought, buy, every, sent, sold
from cluster import Cluster, OnServer, free_port
from pair import call, control
from waiting import until

FOLDER = Path(os.environ["SUITE_DIR"], "restore")
OPENING = Decimal("10000000.00")
EXTRA = """
[cache]
list_fresh_for = "1s"
[purchases]
absence_window = "2s"
scan_spacing = "1s"
sweep_every = "2s"
"""
SERVER = Cluster()
SERVER.start()
SERVER.psql("CREATE DATABASE gateway")


PAIR = OnServer(FOLDER, EXTRA, SERVER)
PAIR.start()
REQUESTER, ROOT = PAIR.token("rita", "requester"), PAIR.token("root", "administrator")
NUMBERS = iter(PAIR.offers("AU") + PAIR.offers("AU", 2) + PAIR.offers("AU", 3))


def ask(path: str, body=None, token=None, status=(200,), **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    got, _, text = call(PAIR.api + path, token or ROOT, body, headers)
    assert got in status, f"{path}: {got} {text[:600]!r}"
    return json.loads(text)


@check
def a_copy_is_made_while_numbers_are_bought_and_becomes_a_server():
    global COPIED
    over, done = threading.Event(), []

    def buying():
        while not over.is_set():
            number = next(NUMBERS)
            assert buy(PAIR, REQUESTER, number) == "200 SUCCESS"
            done.append(number)

    buyer = threading.Thread(target=buying, daemon=True)
    buyer.start()
    until("some were bought before", lambda: len(done) >= 5)
    COPIED = SERVER.home / "backup"
    where = f"postgres://postgres@127.0.0.1:{SERVER.port}"
    SERVER.run("pg_basebackup", "-d", where, "-D", COPIED, "-X", "stream", "-c", "fast")
    during = len(done)
    SERVER.run("pg_verifybackup", COPIED)
    until("some are bought after", lambda: len(done) >= during + 5)
    over.set()
    buyer.join()
    PAIR.server.stop()
    SERVER.stop()
    print(f"  {during} bought when the copy was whole, {len(done)} in all")


@check
def the_gateway_on_the_copy_buys_nothing_and_finds_what_was_bought_since():
    global LOST
    SERVER.home_of(COPIED, free_port())
    SERVER.start()
    PAIR.follow()
    PAIR.start()
    # One that was under way when the copy was made is found as what it was: bought.
    under_way = ("approved", "reserved", "dispatching", "unknown")
    rows = lambda: every(PAIR, ROOT, "/v1/purchases")
    until("nothing is under way", lambda: not any(row["state"] in under_way for row in rows()), 60)
    numbers = set(sold(PAIR))
    LOST = sorted(numbers - set(bought(PAIR, ROOT)))
    assert len(LOST) >= 5, LOST
    frozen = [row for row in ask("/v1/freezes")["items"] if not row["lifted_at"]]
    assert [row["cause"] for row in frozen] == ["went_back"], frozen
    assert buy(PAIR, REQUESTER, next(NUMBERS)) == "503 BUYING_FROZEN"
    # Frozen, or seen in the list already: whichever was looked at first.
    assert (refused := buy(PAIR, REQUESTER, LOST[0])) in ("503 BUYING_FROZEN", "409 ALREADY_OWNED"), refused
    orphans = lambda: sorted(row["number"] for row in every(PAIR, ROOT, "/v1/numbers") if row["origin"] == "orphan")
    until("every one is found", lambda: orphans() == LOST)
    print(f"  {len(numbers) - len(LOST)} stand in the copy, {len(LOST)} were found in ClickSend's list")
    print(f"  {frozen[0]['reason']}")


@check
def an_administrator_assigns_books_and_lifts_and_everything_agrees():
    ask("/v1/numbers/assign", {"numbers": LOST, "team": "growth"})
    upstream = control(PAIR.simulator, "ledger?operation=unknown")
    charged = {charge["number"]: Decimal(charge["amount"]) for charge in upstream["charges"]}
    for number in LOST:
        body = {"kind": "adjustment", "amount": str(charged[number]), "number": number}
        body["reason"] = "its first charge, from the invoice"
        ask("/v1/spend/adjustments", body, status=(201,), Idempotency_Key=secrets.token_hex(8))
    [frozen] = [row for row in ask("/v1/freezes")["items"] if not row["lifted_at"]]
    assert call(f"{PAIR.api}/v1/freezes/{frozen['id']}/lift", ROOT, method="POST")[0] == 200
    before = sent(PAIR)
    assert buy(PAIR, REQUESTER, LOST[0]).startswith("409"), "it is owned"
    number = next(NUMBERS)
    until("a new one is bought", lambda: buy(PAIR, REQUESTER, number) == "200 SUCCESS")
    assert sent(PAIR) == before + 1, "what was found is not bought again"
    spent, lost = Decimal(ask("/v1/spend")["total"]["amount"]), OPENING - Decimal(control(PAIR.simulator, "ledger?operation=unknown")["balance"])
    print(f"  spent {spent}, the balance lost {lost:.2f}")
    assert spent == round(lost, 2) > 0
    PAIR.server.stop()
    verified = PAIR.command("audit", "verify")
    print(" ", verified.stdout.strip().splitlines()[-1])
    assert verified.returncode == 0, verified.stdout + verified.stderr


run()
