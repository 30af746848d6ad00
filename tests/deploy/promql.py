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
# Grafana's variables and the demo's answer to each.
SAMPLES = {"$__rate_interval": "5m", "$job": ".+", "$team": ".+", "$currency": "AUD"}


def dashboards() -> list[dict]:
    return [json.loads(path.read_text()) for path in DASHBOARDS]


def expressions(dashboard: dict) -> list[tuple[str, str]]:
    """Every panel's title with each expression it asks for."""
    panels = dashboard["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]


def selectors(text: str) -> list[tuple[str, str, int]]:
    """Every metric of an expression: its name, its matchers, where it stands."""
    return [(found[1], found[2], found.start()) for found in SELECTOR.finditer(text)]


def bare(name: str) -> str:
    """A histogram's series by the histogram's name."""
    return re.sub("_seconds_(bucket|count|sum)$", "_seconds", name)


def alerted() -> set[str]:
    """Every metric that a rule asks for."""
    rules = "".join(path.read_text() for path in Path("deploy/prometheus/rules").glob("*.yaml"))
    return set(re.findall(r"\b((?:numbers_gateway|http_server|process)_[a-z_]+)", rules))


def queries() -> list[str]:
    """All expressions as Grafana would send them: its variables replaced by one value that could stand there."""
    return [filled(expression) for dashboard in dashboards() for _, expression in expressions(dashboard)]


def filled(expression: str) -> str:
    for variable, sample in SAMPLES.items():
        expression = expression.replace(variable, sample)
    return expression


# What follows is for promtool, which reads YAML; JSON is YAML.


def as_rules() -> str:
    """The queries as recording rules: promtool says whether each is PromQL."""
    rules = [{"record": f"dashboard:query:{i}", "expr": query} for i, query in enumerate(queries())]
    return json.dumps({"groups": [{"name": "dashboards", "rules": rules}]})
