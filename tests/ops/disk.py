"""A disk that is full, for real: a small one of its own, filled while numbers are bought.

Nothing is sent that could not be written down, what was sold already is kept in the emergency file, searches go on; and with
the space everything comes back by itself. The disk is a tmpfs in a mount namespace of this test's own.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

if "ON_A_DISK_OF_ITS_OWN" not in os.environ:
    apart = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        print("skipped: no mount namespace may be made here; tests/it/disk.rs fills a disk that is not one")
        print("0 passed, 0 failed")
        sys.exit(0)
    os.execvpe(apart[0], [*apart, sys.executable, __file__], {**os.environ, "ON_A_DISK_OF_ITS_OWN": "1"})

from asking import bought, buy, sent, sold
from checks import check, run
from pair import Pair, call, control
from waiting import until

FOLDER = Path(os.environ["SUITE_DIR"], "disk")
DISK = FOLDER / "small"
DISK.mkdir(parents=True)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "small", str(DISK)], check=True)


class OnDisk(Pair):
    """A pair whose database and emergency file are on the small disk; log and head are elsewhere."""

    def start(self, environment=None) -> None:
        path = self.folder / "gateway.toml"
        path.write_text(path.read_text().replace(f"{self.folder}/gateway.", f"{DISK.resolve()}/gateway."))
        super().start(environment)


# One whose outcome finds no place is under way for as long as the disk is full; nobody waits for that here.
PAIR = OnDisk(FOLDER, "[purchases]\nanswer_within = \"1s\"\n")
REQUESTER = PAIR.token("rita", "requester")
NUMBERS = iter(PAIR.offers("AU") + PAIR.offers("AU", 2) + PAIR.offers("AU", 3))
BALLAST = DISK / "ballast"
EMERGENCY = DISK / "gateway.emergency"


def one_more() -> str:
    return buy(PAIR, REQUESTER, next(NUMBERS))


def search() -> int:
    return call(f"{PAIR.api}/v3/numbers/search/AU", REQUESTER)[0]


def fill() -> int:
    """Until not a byte more fits."""
    with open(BALLAST, "ab", buffering=0) as file:
        for piece in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * piece)
            except OSError:
                continue
    return BALLAST.stat().st_size


@check
def on_a_disk_that_fills_up_buying_stops_what_is_sold_is_kept_and_searches_go_on():
    for _ in range(20):
        assert one_more() == "200 SUCCESS"
    assert search() == 200
    # Sold, and not yet answered, when the disk is full.
    held = next(NUMBERS)
    control(PAIR.simulator, "faults", {"operation": "buy", "fault": "hold", "at": "after_sale", "count": 1})
    threading.Thread(target=buy, args=(PAIR, REQUESTER, held), daemon=True).start()
    control(PAIR.simulator, "ledger?operation=buy&wait_held=1")
    # Filled while others buy. What still fits into blocks that are there is taken.
    filling = threading.Timer(0.2, fill)
    filling.start()
    before, taken = sent(PAIR), 0
    while (answered := one_more()) in ("200 SUCCESS", "409 PURCHASE_IN_PROGRESS"):
        taken += 1
    filling.join()
    assert answered == "503 AUDIT_UNAVAILABLE", answered
    assert sent(PAIR) == before + taken, "sent, and refused"
    print(f"  {taken} more fitted, then: {answered}")
    control(PAIR.simulator, "release", {})
    log = lambda: (FOLDER / "gateway.log").read_text()
    until("its outcome is in the emergency file", lambda: held in EMERGENCY.read_text())
    assert "an outcome is in the emergency file alone" in log()
    for _ in range(3):
        assert search() == 200
        assert one_more() == "503 AUDIT_UNAVAILABLE"
    status, _, text = call(f"{PAIR.ops}/readyz")
    print(f"  /readyz: {status} {text.decode()[:200]}")
    assert sent(PAIR) == before + taken, "sent while an outcome is owed"


@check
def with_the_space_it_comes_back_by_itself_and_everything_is_booked():
    process = PAIR.server.process.pid
    BALLAST.unlink()
    began, number = time.monotonic(), next(NUMBERS)
    until("a buy goes through", lambda: buy(PAIR, REQUESTER, number) == "200 SUCCESS")
    print(f"  bought again {time.monotonic() - began:.1f} s after there was space")
    assert EMERGENCY.read_text().strip() == "", "blank again"
    assert PAIR.server.process.poll() is None and PAIR.server.process.pid == process
    were_sold, booked = sorted(sold(PAIR)), sorted(bought(PAIR, PAIR.token("ada", "administrator")))
    assert were_sold == booked, set(were_sold) ^ set(booked)
    assert len(were_sold) == sent(PAIR), "each was sent once"
    PAIR.server.stop()
    assert PAIR.server.process.returncode == 0
    verified = PAIR.command("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


run()
