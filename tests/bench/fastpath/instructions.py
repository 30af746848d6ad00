"""How many instructions a hit takes, by callgrind: no clock, so it is nearly the same wherever the same code runs.

    instructions.py GATEWAY TOOL [--write]

The released program runs under callgrind and is asked N times and 2 N times, in two runs; what a start and an end take
is in both, so that the difference is N hits and what goes on beside them. instructions.toml keeps the count with the
processor's features (the C library and the crypto library pick their routines by them) and the compiler. Where both
are the same, exit 1 when a hit takes more than 5 % more; elsewhere it says that nothing was compared. --write writes the
file anew: on purpose, and with the reason in the commit.
"""

import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

from servers import Field, asked

KEPT = pathlib.Path(__file__).with_name("instructions.toml")
NO_AUXV = pathlib.Path(__file__).with_name("no_auxv.py")
HITS = 2000
ALLOWED = 1.05
SUBJECTS = 50


def features():
    """What a routine may be picked by, and nothing that names the machine."""
    flags = next(line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    return hashlib.sha256(" ".join(sorted(flags.split(":")[1].split())).encode()).hexdigest()[:16]


def compiler():
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def counted(field, upstream, tokens, hits):
    """Instructions of one whole run with so many hits."""
    out = field.folder / f"callgrind-{hits}"
    wrapped = [sys.executable, NO_AUXV, "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
    gateway = field.gateway(upstream.port, f"gateway-{hits}", wrapped=wrapped)
    with tokens.open() as lines:
        # The first goes upstream.
        assert asked(gateway, lines.readline().strip())[0] == 200
    seen = field.load(gateway, tokens, connections=1, requests=hits)
    assert seen["failed"] == 0 and seen["asked"] == hits, seen
    gateway.process.terminate()
    gateway.process.wait(120)
    field.servers.remove(gateway)
    summary = next(line for line in out.read_text().splitlines() if line.startswith(("summary:", "totals:")))
    return int(summary.split()[1])


def measure(gateway, tool):
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        folder = pathlib.Path(folder).resolve()
        folder.chmod(0o755)
        field = Field(folder, gateway, tool)
        try:
            upstream, tokens = field.nginx(core=1), field.tokens("HS256", SUBJECTS)
            return round((counted(field, upstream, tokens, 2 * HITS) - counted(field, upstream, tokens, HITS)) / HITS)
        finally:
            field.stop()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("gateway")
    arguments.add_argument("tool")
    arguments.add_argument("--write", action="store_true")
    options = arguments.parse_args()
    count = measure(options.gateway, options.tool)
    print(f"{count} instructions a hit")
    here = {"features": features(), "compiler": compiler()}
    if options.write:
        lines = ["# Written by tests/bench/fastpath/instructions.py --write, on purpose only.", f"instructions = {count}"]
        KEPT.write_text("\n".join(lines + [f'{name} = "{value}"' for name, value in here.items()]) + "\n")
        return
    kept = tomllib.loads(KEPT.read_text())
    if other := [name for name, value in here.items() if kept[name] != value]:
        print(f"skipped: not compared with {kept['instructions']}, which was counted with other {' and '.join(other)}")
        return
    ratio = count / kept["instructions"]
    print(f"{ratio:.3f} of the {kept['instructions']} that are kept (allowed {ALLOWED})")
    sys.exit(ratio > ALLOWED)


if __name__ == "__main__":
    main()
