"""What a dashboard asks Prometheus, taken out of its JSON.

Enough of PromQL is read with patterns to check house rules; whether an expression is PromQL at all is promtool's to
say, which gets all of them as recording rules.
"""

import json
import re
from pathlib import Path

DASHBOARDS = sorted(Path("deploy/grafana/dashboards").glob("*.json"))
# A metric with its matchers: name{...}. Matchers hold no braces here.
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")
# Grafana's variables, as one value that could stand there.
SAMPLES = {"$__rate_interval": "1m", "$__range": "1h", "$__interval": "1m"}


def dashboards() -> list[dict]:
    return [json.loads(path.read_text()) for path in DASHBOARDS]


def expressions(dashboard: dict) -> list[tuple[str, str]]:
    """Every panel's title with each expression it asks for."""
    panels = dashboard["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]


def selectors(text: str) -> list[tuple[str, str, int]]:
    """Every metric of an expression: its name, its matchers, where it stands."""
    return [(found[1], found[2], found.start()) for found in SELECTOR.finditer(text)]


def metrics() -> set[str]:
    """The names of all metrics that the dashboards ask for, in panels and in variables."""
    names = set()
    for dashboard in dashboards():
        names |= {name for _, expression in expressions(dashboard) for name, _, _ in selectors(expression)}
        for variable in dashboard["templating"]["list"]:
            names |= set(re.findall(r"label_values\(([a-z_]+)", variable.get("definition", "")))
    return names


def as_rules() -> str:
    """All expressions as a file of recording rules, for promtool to read."""
    rules = []
    for dashboard in dashboards():
        for _, expression in expressions(dashboard):
            for variable, sample in SAMPLES.items():
                expression = expression.replace(variable, sample)
            rules.append({"record": f"dashboard:query:{len(rules)}", "expr": expression})
    # JSON is YAML.
    return json.dumps({"groups": [{"name": "dashboards", "rules": rules}]})
