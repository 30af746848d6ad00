"""The catalogue of metrics: deploy/observability/metrics.yaml, the page that is made from it, and what a gateway tells.

    catalogue.py            METRICS.md is what the catalogue says
    catalogue.py --write    makes it so
    catalogue.py FILE...    what gateways told (texts of /metrics, together) is what the catalogue says, all of it
"""

import re
import sys
from pathlib import Path

import yaml

FOLDER = Path("deploy/observability")
PAGE = FOLDER / "METRICS.md"
GROUPS = yaml.safe_load((FOLDER / "metrics.yaml").read_text())["groups"]
FAMILIES = {family["name"]: family for group in GROUPS for family in group["metrics"]}
FROM_DATABASE = "From the database, the same in every replica: fold with max."
# Ours alone say where they come from; the account's are upstream's word, which each replica hears by itself.
UNMARKED = {"numbers_gateway_account_balance", "numbers_gateway_account_auto_recharge", "numbers_gateway_account_firsts_covered"}
WORDS = {"process": "this replica, since its start", "state": "this replica, now", "database": "the database"}

HEAD = """<!-- Made from metrics.yaml by tests/deploy/catalogue.py --write. -->
# What /metrics tells

On the operators' listener (`ops.listen`), which is never the public one: it tells what each team spends. Classic text format.

What comes from *the database* is read at each look and is the same in every replica: fold it with `max` before adding up, never
`sum` over replicas. It is absent while the database does not answer, because an old figure is not zero;
`numbers_gateway_collector_last_success_timestamp_seconds` says how old it is. What comes from *this replica* is added up, counters
with `rate()` or `increase()` below the sum. No label is a phone number, a person, a token, a key or a path.
"""


def page() -> str:
    text = HEAD
    for group in GROUPS:
        text += f"\n## {group['title']}\n\n{group['about']}\n\n| metric | type | labels | unit | from | series | meaning |\n"
        text += "|---|---|---|---|---|---|---|\n"
        for family in group["metrics"]:
            labels = ", ".join(f"`{label}`" for label in family["labels"]) or "–"
            help = family["help"] + (f" Only {family['only']}." if "only" in family else "")
            cells = [f"`{family['name']}`", family["type"], labels, family["unit"], WORDS[family["from"]], family["bound"], help]
            text += "| " + " | ".join(str(cell) for cell in cells) + " |\n"
    return text


def told(texts: list[str]) -> dict[str, dict]:
    """The families of several texts together: type, help, and the labels of every series."""
    families = {}
    for text in texts:
        for name, help in re.findall(r"(?m)^# HELP (\S+) (.*)$", text):
            families.setdefault(name, {"help": help, "series": []})
        for name, type in re.findall(r"(?m)^# TYPE (\S+) (.*)$", text):
            families[name]["type"] = type
        for name, labels in re.findall(r"(?m)^([a-zA-Z_:]\w*)(?:\{(.*)\})? \S+$", text):
            bare = re.sub("_(bucket|sum|count)$", "", name)
            family = families[bare if families.get(bare, {}).get("type") == "histogram" else name]
            family["series"].append(set(re.findall(r'(\w+)="', labels)) - {"le"})
    return families


def differences(families: dict[str, dict]) -> list[str]:
    found = [f"{name} is told and not in the catalogue" for name in families.keys() - FAMILIES.keys()]
    for name, wanted in FAMILIES.items():
        if name not in families:
            found += [f"{name} is in the catalogue and not told"] if "only" not in wanted else []
            continue
        family = families[name]
        marked = wanted["from"] == "database" and name not in UNMARKED
        help = wanted["help"] + (f" {FROM_DATABASE}" if marked else "")
        if family["type"] != wanted["type"]:
            found.append(f"{name} is a {family['type']}, not a {wanted['type']}")
        if family["help"] != help:
            found.append(f"{name} says {family['help']!r}, not {help!r}")
        for labels in family["series"]:
            if labels != set(wanted["labels"]):
                found.append(f"{name} has the labels {sorted(labels)}, not {sorted(wanted['labels'])}")
                break
    return found


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    elif sys.argv[1:]:
        wrong = differences(told([Path(file).read_text() for file in sys.argv[1:]]))
        sys.exit("\n".join(wrong) if wrong else None)
    elif PAGE.read_text() != page():
        sys.exit(f"{PAGE} is not what the catalogue says: run tests/deploy/catalogue.py --write")
