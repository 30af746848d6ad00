"""Checks: functions whose names are sentences, run in the order they stand in.

`@check` collects them, `run()` runs and counts them. Plain asserts with messages; a check that fails does not keep
the next one from running.
"""

import sys
import traceback

_checks = []


def check(function):
    _checks.append(function)
    return function


def run() -> None:
    """Runs every check and ends the process: 1 when one failed or there was none."""
    failed = 0
    for function in _checks:
        sentence = function.__name__.replace("_", " ")
        try:
            function()
        except Exception:
            failed += 1
            print(f"FAIL {sentence}")
            traceback.print_exc(file=sys.stdout)
        else:
            print(f"ok   {sentence}")
    print(f"{len(_checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not _checks else 0)
