"""Runs a command whose processes cannot ask the kernel for their auxiliary vector: prctl(PR_GET_AUXV) is refused.

    no_auxv.py COMMAND...

Valgrind shows its program a vector without the kernel's vDSO, which it does not map; rustix asks the kernel past it, finds
an address where nothing is, and dies of it. Refused, it reads /proc/self/auxv, which valgrind answers.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER, PR_GET_AUXV = 38, 22, 2, 0x41555856
PRCTL = {"x86_64": 157, "aarch64": 167}[platform.machine()]
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EINVAL
# Code, jump if true, jump if false, value: of struct seccomp_data, the call's number is at 0 and its first argument at 16.
PROGRAM = [
    (LOAD, 0, 0, 0), (IF_EQUAL, 0, 3, PRCTL), (LOAD, 0, 0, 16), (IF_EQUAL, 0, 1, PR_GET_AUXV),
    (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW),
]


def main():
    steps = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in PROGRAM))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(PROGRAM), ctypes.addressof(steps)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, FILTER, ctypes.addressof(program), 0, 0)):
        if libc.prctl(*map(ctypes.c_ulong, arguments)):
            sys.exit(os.strerror(ctypes.get_errno()))
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
