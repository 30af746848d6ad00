"""Waits for another program's doing, which tells nobody: asks again until there is an answer."""

import time


def until(what: str, found, within: float = 60):
    deadline = time.monotonic() + within
    while True:
        try:
            if answer := found():
                return answer
        except (OSError, ValueError):
            pass
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.1)
