"""Takes the Dockerfile's steps without an engine: the stages that start from Debian 12 over this machine's own, the last one
in an empty folder.

    building.py PROGRAM OUT     the steps that compile are left out, and PROGRAM is what they would have made
    building.py --compile OUT   every step as it stands

Nothing of this machine changes: a stage is a layer over it, in a mount namespace that ends with this process.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dockerfile

MADE = "/src/target/release/numbers-gateway"
# The images have cargo and its folders in the same place for everybody.
PATH = f"{Path.home()}/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def is_debian_12() -> bool:
    return 'VERSION_ID="12"' in Path("/etc/os-release").read_text()


def context(folder: Path) -> Path:
    """What is tracked of what .dockerignore lets in."""
    lines = Path(".dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    tracked = subprocess.run(["git", "ls-files", "--", *let_in], check=True, capture_output=True, text=True).stdout
    for file in tracked.splitlines():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, folder / file)
    return folder


class Layer:
    """A stage under way: where its files are, which layers lie below, where it stands."""

    def __init__(self, folder: Path, below: list[str], workdir: str = "/"):
        self.root, self.workdir = folder / "root", workdir
        self.root.mkdir(parents=True)
        if below:
            self.upper = folder / "upper"
            self.upper.mkdir()
            (folder / "work").mkdir()
            options = f"lowerdir={':'.join(below)},upperdir={self.upper},workdir={folder / 'work'}"
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
            for mount in ("/proc", "/dev"):
                subprocess.run(["mount", "--rbind", mount, f"{self.root}{mount}"], check=True)

    def path(self, inside: str) -> Path:
        """Where that is for us; never outside of the layer."""
        return self.root / os.path.normpath(os.path.join(self.workdir, inside)).lstrip("/")

    def run(self, command: str) -> None:
        print(f"     RUN {command[:100]}", flush=True)
        here = ["chroot", self.root, "/bin/sh", "-ec", f'cd "$0" && {command}', self.workdir]
        subprocess.run(here, check=True, env={**os.environ, "PATH": PATH}, stdout=subprocess.DEVNULL)

    def copy(self, step: dockerfile.Step, origin: Path) -> None:
        *sources, to = step.words
        target = self.path(to)
        for source in (origin / source.lstrip("/") for source in sources):
            # What a folder holds, or a file: into a folder where there is one.
            into = target / source.name if source.is_file() and (to.endswith("/") or target.is_dir()) else target
            (into if source.is_dir() else into.parent).mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", f"{source}/." if source.is_dir() else source, into], check=True)
        if owner := step.flags.get("chown"):
            subprocess.run(["chown", "-R", owner, target], check=True)


def take(layer: Layer, stage: dockerfile.Stage, roots: dict[str, Path], program: str | None) -> None:
    for step in stage.steps:
        if step.instruction == "WORKDIR":
            layer.workdir = step.words[0]
            layer.path(".").mkdir(parents=True, exist_ok=True)
        elif step.instruction == "COPY":
            layer.copy(step, roots[step.flags.get("from", "")])
        elif step.instruction == "RUN" and program and "cargo build" in step.text:
            made = layer.path(MADE)
            made.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(program, made)
        elif step.instruction == "RUN":
            layer.run(step.text)


def build(program: str | None, out: Path) -> None:
    working = out.parent / f"{out.name}.stages"
    working.mkdir()
    # In memory: a layer must not lie in the one below it.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", working], check=True)
    roots, layers = {"": context(working / "context")}, {"scratch": ([], "/")}
    for stage in dockerfile.stages():
        below, workdir = layers.get(stage.base, (["/"], "/"))
        layer = Layer(working / (stage.name or "last"), below, workdir)
        take(layer, stage, roots, program)
        if below:
            roots[stage.name], layers[stage.name] = layer.root, ([str(layer.upper), *below], layer.workdir)
    subprocess.run(["cp", "-a", layer.root, out], check=True)


def apart() -> None:
    """Starts this program again where its mounts are nobody else's."""
    if os.environ.get("BUILDING") != "apart":
        command = ["unshare", "--mount", "--fork", "--kill-child", sys.executable, *sys.argv]
        os.execvpe("unshare", command, {**os.environ, "BUILDING": "apart"})


if __name__ == "__main__":
    apart()
    build(None if sys.argv[1] == "--compile" else sys.argv[1], Path(sys.argv[2]).resolve())
