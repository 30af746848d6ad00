"""Tries what a taken-over gateway would try, and says as JSON what came of it: nothing, or the error's name.

Run by sandbox.py inside the unit's sandbox and, to show that it can tell, without one.
"""

import ctypes
import errno
import json
import mmap
import os
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_long
TRACEME, NEWUSER, READ_IMPLIES_EXEC = 0, 0x10000000, 0x0400000


def called(function, *arguments) -> None:
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), "")


def written(path: str) -> None:
    with open(path, "w") as file:
        file.write("here")
    os.remove(path)


def set_user_id() -> None:
    path = os.environ["STATE_DIRECTORY"] + "/setuid"
    open(path, "w").close()
    os.chmod(path, 0o4700)


def others() -> None:
    if not os.path.exists("/proc/1"):
        raise FileNotFoundError(errno.ENOENT, "")


TRIES = {
    "its own folder": lambda: written(os.environ["STATE_DIRECTORY"] + "/probe"),
    "its credential": lambda: open(os.environ["CREDENTIALS_DIRECTORY"] + "/clicksend-api-key").close(),
    "a socket of the internet": lambda: socket.socket(socket.AF_INET).close(),
    "a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "a vsock": lambda: socket.socket(socket.AF_VSOCK).close(),
    "writing below /etc": lambda: written("/etc/probe"),
    "writing below /usr/local/bin": lambda: written("/usr/local/bin/probe"),
    "the key's file": lambda: open("/etc/numbers-gateway/clicksend-api-key").close(),
    "memory to write and run": lambda: called(libc.mmap, None, 4096, 7, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0),
    "being traced": lambda: called(libc.ptrace, TRACEME, 0, 0, 0),
    "a priority": lambda: called(libc.setpriority, 0, 0, 5),
    "another personality": lambda: called(libc.personality, READ_IMPLIES_EXEC),
    "a set-user-id file": set_user_id,
    "another process": others,
    # Last: afterwards it is somebody else.
    "a user namespace": lambda: called(libc.unshare, NEWUSER),
}

came = {}
for name, attempt in TRIES.items():
    try:
        attempt()
        came[name] = "done"
    except KeyError:
        came[name] = "not given"
    except OSError as error:
        came[name] = errno.errorcode[error.errno]
json.dump(came, sys.stdout)
