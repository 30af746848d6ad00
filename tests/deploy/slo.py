"""The objectives of the service, and the rules that follow from each: error ratios over seven windows, what is left of the
budget of thirty days, and the two burn-rate alerts (Google's SRE workbook, chapter 5).

    slo.py            deploy/prometheus/rules/slo.yaml is what this table says
    slo.py --write    makes it so
"""

import sys
from pathlib import Path

FILE = Path("deploy/prometheus/rules/slo.yaml")
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
REQUESTS = 'http_server_request_duration_seconds_count{job="numbers-gateway"%s}'
SEARCHES = 'http_server_request_duration_seconds_%s{job="numbers-gateway",http_route=~"/v3/numbers/search/.+"%s}'
OUTCOMES = 'numbers_gateway_purchase_transitions_total{job="numbers-gateway",to=~"%s"}'

# Name, objective, what went wrong, what there was, in words, events that a page needs in its short window.
OBJECTIVES = (
    (
        "availability", 0.999,
        REQUESTS % ',http_response_status_code=~"5.."', REQUESTS % "",
        "requests are answered without a fault", 0,
    ),
    (
        "search", 0.99,
        (SEARCHES % ("count", ""), SEARCHES % ("bucket", ',le="1"')), SEARCHES % ("count", ""),
        "searches are answered within a second", 0,
    ),
    (
        "purchases", 0.99,
        OUTCOMES % "unknown|needs_attention", OUTCOMES % "bought|unknown",
        "purchases that were sent have a certain outcome", 5,
    ),
)


def ratio(bad, total, window):
    rated = lambda series: f"sum(rate({series}[{window}]))"
    wrong = f"({rated(bad[0])} - {rated(bad[1])})" if isinstance(bad, tuple) else rated(bad)
    return f"({wrong} or vector(0)) / ({rated(total)} > 0)"


def alert(name, objective, words, windows, severity, wait, floor):
    title = f"NumbersGatewaySlo{name.capitalize()}" + ("" if severity == "page" else "Slow")
    budget = round(1 - objective, 6)
    over = lambda window, factor: f'slo:sli_error:ratio_rate{window}{{slo="{name}"}} > {factor} * {budget}'
    burning = " or ".join(f"({over(long, factor)} and {over(short, factor)})" for long, short, factor in windows)
    expression = f"({burning}) and on () ({floor})" if floor else burning
    return f"""      - alert: {title}
        expr: {expression}
        for: {wait}
        labels: {{severity: {severity}, slo: {name}}}
        annotations:
          summary: The objective that {words} is being missed.
          description: '{{{{ $value | humanizePercentage }}}} went wrong over the long window; {objective * 100:g} % may not.'
          runbook_url: RUNBOOK.md#{title.lower()}
"""


def group(name, objective, bad, total, words, least):
    text = f"  - name: numbers-gateway-slo-{name}\n    rules:\n"
    for window in WINDOWS:
        text += f"      - record: slo:sli_error:ratio_rate{window}\n        expr: {ratio(bad, total, window)}\n"
        text += f"        labels: {{slo: {name}}}\n"
    left = f'1 - avg_over_time(slo:sli_error:ratio_rate5m{{slo="{name}"}}[30d]) / {round(1 - objective, 6)}'
    text += f"      - record: slo:error_budget_remaining:ratio\n        expr: {left}\n        labels: {{slo: {name}}}\n"
    floor = f"sum(increase({total}[1h])) >= {least}" if least else ""
    fast, slow = (("1h", "5m", 14.4), ("6h", "30m", 6)), (("1d", "2h", 3), ("3d", "6h", 1))
    text += alert(name, objective, words, fast, "page", "2m", floor)
    return text + alert(name, objective, words, slow, "ticket", "15m", "")


def rules():
    head = "# Made by tests/deploy/slo.py, which has the objectives.\ngroups:\n"
    return head + "".join(group(*objective) for objective in OBJECTIVES)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(rules())
    elif FILE.read_text() != rules():
        sys.exit(f"{FILE} is not what tests/deploy/slo.py makes: run it with --write")
