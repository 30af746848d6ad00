"""The pair of pair.py until it is told to stop, with the line of JSON that `demo --json` says: for suites in a shell."""

import json
import os
import signal
import sys
from pathlib import Path

from pair import Pair

# An ordinary end, which ends what was started as well.
signal.signal(signal.SIGTERM, lambda *_: sys.exit())

# The roles of `demo --json`: who has each, in which team, and how others see them.
CAST = {
    "viewer": ("vera", "growth", "Vera Lind"),
    "requester": ("rita", "growth", "Rita Moreau"),
    "other_team_requester": ("sam", "support", "Sam Okafor"),
    "application": ("crm", "growth", "CRM"),
    "approver": ("ann", "growth", "Ann Lee"),
    "second_approver": ("ben", "growth", "Ben Haddad"),
    "finance": ("finn", None, "Finn Berg"),
    "auditor": ("olga", None, "Olga Petrova"),
    "administrator": ("ada", "growth", "Ada Costa"),
}
ROLES = {"other_team_requester": "requester", "second_approver": "approver"}

pair = Pair(Path(os.environ["SUITE_DIR"], "served"))
tokens = {
    key: pair.token(subject, ROLES.get(key, key), team, name) for key, (subject, team, name) in CAST.items()
}
known = {"api": pair.api, "ops": pair.ops, "simulator": pair.simulator, "tokens": tokens}
print(json.dumps({**known, "username": pair.username, "api_key": pair.api_key}), flush=True)
signal.pause()
