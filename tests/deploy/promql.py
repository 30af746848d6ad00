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


def metrics() -> set[str]:
    """The metrics that the dashboards ask for, in panels and in variables; a histogram by its one name."""
    names = set()
    for dashboard in dashboards():
        names |= {name for _, expression in expressions(dashboard) for name, _, _ in selectors(expression)}
        for variable in dashboard["templating"]["list"]:
            names |= set(re.findall(r"label_values\(([a-z_]+)", variable.get("definition", "")))
    return {re.sub("_(bucket|count|sum)$", "", name) for name in names}


def queries() -> list[str]:
    """All expressions as Grafana would send them: its variables replaced by one value that could stand there."""
    found = [expression for dashboard in dashboards() for _, expression in expressions(dashboard)]
    for variable, sample in SAMPLES.items():
        found = [expression.replace(variable, sample) for expression in found]
    return found


# What follows is for promtool, which reads YAML; JSON is YAML.


def as_rules() -> str:
    """The queries as recording rules: promtool says whether each is PromQL."""
    rules = [{"record": f"dashboard:query:{i}", "expr": query} for i, query in enumerate(queries())]
    return json.dumps({"groups": [{"name": "dashboards", "rules": rules}]})


def as_test(told: str) -> str:
    """A test that each query finds something in what a gateway told, as two replicas would tell it for some minutes."""
    series = []
    for name, labels, value in re.findall(r"(?m)^([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)$", told):
        for replica in ("a", "b"):
            target = f'job="numbers-gateway",instance="{replica}"'
            # An hour of it, so that rates have something to be rates of.
            series.append({"series": f"{name}{{{target}{labels and ',' + labels}}}", "values": f"{value}x60"})
    # True wherever the query answers with at least one series; no answer at all where it does not.
    something = [{"labels": "{}", "value": 1}]
    asked = [
        {"expr": f"count({query}) > bool 0", "eval_time": "1h", "exp_samples": something} for query in queries()
    ]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": asked}
    return json.dumps({"evaluation_interval": "1m", "tests": [test]})
