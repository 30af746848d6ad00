"""A mixed load with faults for as long as is said: memory and descriptors stay flat, and what must hold holds at the end.

    soak.py SECONDS

The first third warms up: caches, pools and the allocator's own fill, numbers are bought faster, so that the database
outgrows what SQLite keeps of it (4 MB, and 1 MB for each of four readers), callers hardly pause, and now and then as many
read at once as may: what is bounded is as large as it gets before it is measured. Then numbers are bought as a busy company
would: those that are owned are kept in memory, and are no leak. What counts is the least of each minute: it goes up with
what is never given back, and not with what happens to be under way. Its slope is the median of the slopes between all pairs
of minutes (Theil and Sen). Over less than ten minutes a slope says nothing, so there only the size is judged. Samples are
kept in soak.csv. SOAK_SEED repeats the draws.
"""

import collections
import json
import os
import re
import secrets
import sys
import time
from decimal import Decimal
from pathlib import Path
from statistics import median

from asking import every
from checks import check, run
from load import Load
from pair import Pair, call, control
from receiving import receive
from shipped import as_shipped

SECONDS = float(sys.argv[1])
FOLDER = Path(os.environ["SUITE_DIR"], "soak")
SEED = os.environ.get("SOAK_SEED") or secrets.token_hex(4)
THREADS = 6
PACE = 0.06
PACE_WARMING = 0.015
WARMING = SECONDS / 3
BUY_EVERY = 20.0 if SECONDS >= 600 else 0.4
BUY_EVERY_WARMING = 0.4
RUSH_EVERY = 5.0
SAMPLE_EVERY = 5.0 if SECONDS >= 600 else 1.0
SLOPE_MIB_PER_HOUR = 1.0
# Callers' and upstream's connections come and go; within seconds that moves the middle by a few.
MORE_IN_THE_MIDDLE = 2 if SECONDS >= 600 else 10
# Of a debug build, 40 MiB of which are the program itself.
MOST_MIB = 120
OPENING = Decimal("10000000.00")

EXTRA = """
[cache]
max_bytes = "1MiB"
fresh_for = "10s"
stale_for = "1m"
list_fresh_for = "5s"
[purchases]
absence_window = "12s"
scan_spacing = "1s"
sweep_every = "5s"
answer_within = "5s"
[notifications]
allow_plain_http = true
inner_networks = ["127.0.0.0/8"]
[[notifications.webhooks]]
name = "desk"
url = "http://127.0.0.1:{hook}/notices"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
[[policy.rules]]
name = "CA numbers"
when = {{ action = "buy", countries = ["CA"] }}
then = "allow"
"""


def sample(pid: int) -> dict[str, float]:
    status = Path(f"/proc/{pid}/status").read_text()
    found = lambda name: int(re.search(rf"{name}:\s+(\d+)", status)[1])
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    return {"rss": found("VmRSS") / 1024, "anon": found("RssAnon") / 1024, "threads": found("Threads"), "fds": descriptors}


def floor(samples: list[dict], what: str) -> list[float]:
    """The least of each whole minute, or of the only one."""
    minutes = collections.defaultdict(list)
    for one in samples:
        minutes[int((one["at"] - samples[0]["at"]) // 60)].append(one[what])
    return [min(values) for _, values in sorted(minutes.items())][: -1 if len(minutes) > 1 else None]


def per_hour(minutes: list[float]) -> float:
    slopes = [(b - a) / (j - i) for i, a in enumerate(minutes) for j, b in enumerate(minutes) if i < j]
    return median(slopes) * 60 if slopes else 0.0


def soak() -> tuple[Pair, Load, list[dict]]:
    hook = receive(lambda *_: None)
    pair = Pair(FOLDER, EXTRA.format(hook=hook), environment=as_shipped())
    load = Load(pair, BUY_EVERY_WARMING, PACE_WARMING, SEED)
    load.begin(THREADS)
    began, samples = time.monotonic(), []
    with open(FOLDER.parent / "soak.csv", "w") as kept:
        while (now := time.monotonic() - began) < SECONDS:
            is_warming = now < WARMING
            load.buy_every = BUY_EVERY_WARMING if is_warming else BUY_EVERY
            load.pace = PACE_WARMING if is_warming else PACE
            if is_warming and load.due("rush", RUSH_EVERY):
                load.rush()
            samples.append({"at": now, **sample(pair.server.process.pid)})
            if len(samples) == 1:
                print(*samples[0], sep=",", file=kept)
            print(*(round(value, 2) for value in samples[-1].values()), sep=",", file=kept, flush=True)
            time.sleep(SAMPLE_EVERY)
            assert pair.server.process.poll() is None, "the gateway has ended"
    load.end()
    return pair, load, samples


def settled(load: Load) -> list[dict]:
    """All purchases, once none of them is on its way."""
    deadline = time.monotonic() + 120
    while True:
        rows = every(load.pair, load.tokens["administrator"], "/v1/purchases")
        moving = [row for row in rows if row["state"] in ("reserved", "dispatching", "unknown")]
        if not moving or time.monotonic() > deadline:
            return rows
        time.sleep(0.5)


print(f"seed {SEED}", flush=True)
PAIR, LOAD, SAMPLES = soak()
control(PAIR.simulator, "faults", method="DELETE")
ROWS = settled(LOAD)
SALES = control(PAIR.simulator, "ledger?operation=unknown")
LATER = [one for one in SAMPLES if one["at"] >= WARMING]


@check
def every_request_was_answered_as_documented():
    kinds = sorted({kind for kind, _ in LOAD.statuses})
    for kind in kinds:
        print(f"  {kind:10}", {status: count for (k, status), count in sorted(LOAD.statuses.items()) if k == kind})
    assert not LOAD.bad, LOAD.bad
    for kind in ("hit", "miss", "list", "buy", "approve", "spend", "console", "audit", "scrape", "invalid"):
        assert any(k == kind for k in kinds), f"no {kind}"
    assert LOAD.statuses["buy", 200] > 10, LOAD.statuses


@check
def memory_does_not_grow():
    first, last = LATER[0], LATER[-1]
    floors = {what: floor(LATER, what) for what in ("rss", "anon")}
    slopes = {what: per_hour(minutes) for what, minutes in floors.items()}
    most = max(one["rss"] for one in SAMPLES)
    print(f"  {len(SAMPLES)} samples in {SAMPLES[-1]['at']:.0f} s; RSS {first['rss']:.1f} -> {last['rss']:.1f} MiB, at most "
          f"{most:.1f}; of it anonymous {first['anon']:.1f} -> {last['anon']:.1f}")  # fmt: skip
    print(f"  the least of each minute: {floors['rss']}")
    print(f"  its slope over the last two thirds: RSS {slopes['rss']:+.2f}, anonymous {slopes['anon']:+.2f} MiB per hour")
    assert most < MOST_MIB, f"{most:.1f} MiB"
    if SECONDS >= 600:
        assert slopes["rss"] < SLOPE_MIB_PER_HOUR, slopes


@check
def descriptors_and_threads_are_flat():
    """Beside the clients' own connections there are only so many."""
    middle = {what: [one[what] for one in LATER] for what in ("fds", "threads")}
    half = len(LATER) // 2
    for what, values in middle.items():
        before, after = median(values[:half]), median(values[half:])
        print(f"  {what}: {min(values)} to {max(values)}, median {before} then {after}")
        assert after <= before + MORE_IN_THE_MIDDLE, f"{what} grow: {before} to {after}"
        assert max(values) <= before + 40, f"{max(values)} {what}"


@check
def what_upstream_sold_is_what_was_bought_and_each_once():
    sold = [sale["number"] for sale in SALES["sales"]]
    bought = [row["number"] for row in ROWS if row["state"] in ("bought", "bought_late")]
    states = {state: sum(row["state"] == state for row in ROWS) for state in sorted({row["state"] for row in ROWS})}
    print(f"  {len(sold)} sold; purchases: {states}")
    assert len(set(sold)) == len(sold), "sold twice"
    assert sorted(sold) == sorted(bought), set(sold) ^ set(bought)
    assert not {"reserved", "dispatching", "unknown", "needs_attention"} & set(states), states


@check
def the_ledger_is_what_the_balance_lost():
    _, spend = LOAD.ask("settling", "/v1/spend?group_by=kind", "finance")
    balance = Decimal(SALES["balance"])
    spent = Decimal(spend["total"]["amount"])
    print(f"  spent {spent}, the balance lost {OPENING - balance:.2f}")
    assert spent == round(OPENING - balance, 2) > 0, spend


@check
def the_evidence_is_whole_and_the_gateway_ends_well():
    status, _, text = call(f"{PAIR.ops}/readyz")
    assert status == 200, text
    PAIR.server.stop()
    assert PAIR.server.process.returncode == 0, PAIR.server.process.returncode
    verified = PAIR.command("audit", "verify")
    print(" ", verified.stdout.strip().splitlines()[-1])
    assert verified.returncode == 0, verified.stdout + verified.stderr
    log = (PAIR.folder / "gateway.log").read_text(errors="replace")
    assert "panicked" not in log, log[log.index("panicked") - 300 :][:1000]
    errors = collections.Counter(json.loads(line)["message"] for line in log.splitlines() if '"level":"ERROR"' in line)
    print(f"  errors in the log: {dict(errors)}")


run()
