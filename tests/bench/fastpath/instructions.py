"""How many instructions a hit takes, by callgrind: no clock, so it is nearly the same wherever the same code runs.

    instructions.py GATEWAY TOOL [--write]

The program runs under callgrind. Once it is warm the counters are set to nothing, it is asked N times, and they are read:
that is N hits and what goes on beside them, and nothing of the start, whose clocks are calibrated for as long as it takes.
The figure is the least of some such windows: beside them there is always something, and never less than nothing.
instructions.toml keeps the count with the processor's features (the C library and the crypto library pick their routines
by them) and the compiler. Where both are the same, exit 1 when a hit takes more than 5 % more; elsewhere it says that
nothing was compared. --write writes the file anew: on purpose, and with the reason in the commit.
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
WINDOWS = 5
ALLOWED = 1.05
SUBJECTS = 50


def features():
    """What a routine may be picked by, and nothing that names the machine."""
    flags = next(line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    return hashlib.sha256(" ".join(sorted(flags.split(":")[1].split())).encode()).hexdigest()[:16]


def compiler():
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def control(gateway, command):
    said = subprocess.run(["callgrind_control", command, str(gateway.pid)], capture_output=True, text=True)
    assert said.returncode == 0 and "OK" in said.stdout, said.stdout + said.stderr


def hits(field, gateway, tokens, count):
    seen = field.load(gateway, tokens, connections=1, requests=count)
    assert seen["failed"] == 0 and seen["asked"] == count, seen


def counted(field, gateway, tokens, out):
    """Instructions of one window, by hit."""
    control(gateway, "--zero")
    hits(field, gateway, tokens, HITS)
    control(gateway, "--dump")
    dumped = max(out.parent.glob(f"{out.name}.*"), key=lambda one: int(one.suffix[1:]))
    summary = next(line for line in dumped.read_text().splitlines() if line.startswith(("summary:", "totals:")))
    return round(int(summary.split()[1]) / HITS)


def measure(gateway, tool):
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        folder = pathlib.Path(folder).resolve()
        folder.chmod(0o755)
        field = Field(folder, gateway, tool)
        try:
            upstream, tokens, out = field.nginx(core=1), field.tokens("HS256", SUBJECTS), folder / "callgrind"
            wrapped = [sys.executable, NO_AUXV, "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
            gateway = field.gateway(upstream.port, wrapped=wrapped)
            with tokens.open() as lines:
                # The first goes upstream.
                assert asked(gateway, lines.readline().strip())[0] == 200
            hits(field, gateway, tokens, HITS)
            windows = [counted(field, gateway, tokens, out) for _ in range(WINDOWS)]
            print(f"{WINDOWS} windows: {windows}")
            return min(windows)
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
