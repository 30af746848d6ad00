"""The inner side of container.py: makes what a container sees, gives up every right, and becomes the program.

    inside.py SPECIFICATION     (JSON; see Container)
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

CAPBSET_DROP, SET_NO_NEW_PRIVS = 24, 38
libc = ctypes.CDLL(None, use_errno=True)


def mount(*arguments) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def root_of(spec: dict) -> Path:
    """The image with a layer over it that takes the mount points, and nothing else: it is read-only from here on."""
    place = Path(spec["place"])
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "tmpfs", place)
    root, upper, work = (place / name for name in ("root", "upper", "work"))
    for folder in (root, upper, work):
        folder.mkdir()
    mount("-t", "overlay", "overlay", "-o", f"lowerdir={spec['image']},upperdir={upper},workdir={work}", root)
    mount("-t", "proc", "proc", root / "proc")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root / "dev")
    for device in ("null", "zero", "full", "random", "urandom"):
        (root / "dev" / device).touch()
        mount("--bind", f"/dev/{device}", root / "dev" / device)
    (root / "etc/hosts").write_text("".join(f"{address} {name}\n" for name, address in spec["hosts"].items()))
    for source, inside, is_read_only in spec["binds"]:
        bind(Path(source), root / inside.lstrip("/"), is_read_only)
    mount("-o", "remount,ro", root)
    return root


def bind(source: Path, target: Path, is_read_only: bool) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", source, target)
    if is_read_only:
        mount("-o", "remount,bind,ro", target)


def give_up(user: str) -> None:
    for capability in range(64):
        libc.prctl(CAPBSET_DROP, capability, 0, 0, 0)
    uid, gid = map(int, user.split(":"))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    assert libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0


spec = json.loads(sys.argv[1])
root = root_of(spec)
with socket.socket(fileno=spec["line"]) as line:
    # Outside, this process is given its end of the network; then it may begin.
    line.send(b"?")
    assert line.recv(1) == b"!", "whoever started this has gone"
os.chroot(root)
os.chdir(spec["workdir"])
give_up(spec["user"])
os.execvpe(spec["command"][0], spec["command"], spec["environment"])
