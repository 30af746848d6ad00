"""Every alert, when it has to fire and when it must not, by promtool.

    alerts.py FOLDER            all of them
    alerts.py FOLDER --mutants  each alert once as "always" and once as "never": a case has to turn red

A case is what is scraped (minute by minute unless EVERY says otherwise, in promtool's notation), when one looks, and the labels under which the alert
fires then. Replicas tell the same figures: two of them are in the cases where folding matters.
"""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

RULES = Path("deploy/prometheus/rules")
RUNBOOK = Path("deploy/RUNBOOK.md")
JOB = "numbers-gateway"
# promtool begins at midnight of the first of January 1970, UTC, and takes at most 10,000 samples at once: what looks at days
# is scraped and evaluated more rarely.
DAY, HOUR = 24 * 60, 60
EVERY = {"SpendAnomaly": 5, "BudgetProjectedToExceed": 5, "ApprovalsWait": 5}
WEEK, DAY_5, HOUR_5 = 7 * DAY // 5, DAY // 5, HOUR // 5


def gw(name, **labels):
    """A series of one replica's."""
    labels = {"job": JOB, "instance": "a:9464"} | {key.rstrip("_"): value for key, value in labels.items()}
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def budget(name, kind="spend", team="growth", instance="a:9464"):
    return gw(f"numbers_gateway_budget_{name}", team=team, kind=kind, currency="AUD", instance=instance)


def in_state(state):
    return gw("numbers_gateway_purchases_in_state", state=state)


def alarm(which):
    return gw("numbers_gateway_alarms_total", alarm=which)


def calls(operation, outcome):
    return gw("numbers_gateway_upstream_calls_total", operation=operation, outcome=outcome)


def circuit(operation, state, instance="a:9464"):
    return gw("numbers_gateway_upstream_circuit_state", operation=operation, state=state, instance=instance)


def charged(team="growth", charge="setup"):
    return gw("numbers_gateway_spend_total", team=team, country="AU", charge=charge, currency="AUD")


def requests(status, route="/v1/me"):
    return gw("http_server_request_duration_seconds_count", http_route=route, http_response_status_code=status)


def searches(part, **labels):
    return gw(f"http_server_request_duration_seconds_{part}", http_route="/v3/numbers/search/{country}", **labels)


def moved(to):
    return gw("numbers_gateway_purchase_transitions_total", to=to)


def both(name, value, **labels):
    """The same from two replicas."""
    return {gw(name, instance=instance, **labels): value for instance in ("a:9464", "b:9464")}


OF_JOB = {"job": JOB}
OLDEST = "numbers_gateway_purchase_oldest_in_state_timestamp_seconds"
OF_GROWTH = {"job": JOB, "team": "growth", "kind": "spend", "currency": "AUD"}
PAGE, TICKET = {"severity": "page"}, {"severity": "ticket"}

# Alert: severity; cases that fire (series, minute, labels of each firing one); cases that do not (series, minute).
CASES = {
    "BudgetNearlyUsed": (TICKET, [
        ({budget("spent"): "70x20", budget("spent", instance="b:9464"): "70x20", budget("held"): "15x20", budget("limit"): "100x20"}, 10, [OF_GROWTH]),
        ({budget("spent", team=""): "100x20", budget("held", team=""): "0x20", budget("limit", team=""): "100x20"}, 10,
         [{"job": JOB, "kind": "spend", "currency": "AUD"}]),
    ], [
        ({budget("spent"): "70x20", budget("held"): "9x20", budget("limit"): "100x20"}, 10),
        ({budget("spent"): "120x20", budget("held"): "0x20", budget("limit"): "100x20"}, 10),
        ({budget("spent"): "85x20", budget("held"): "0x20"}, 10),
        ({budget("spent"): "0x8 85x20", budget("held"): "0x30", budget("limit"): "100x30"}, 12),
    ]),
    "BudgetExceeded": (PAGE, [
        ({budget("spent"): "101x9", budget("spent", instance="b:9464"): "101x9", budget("limit"): "100x9"}, 5, [OF_GROWTH]),
    ], [
        ({budget("spent"): "100x9", budget("limit"): "100x9"}, 5),
        ({budget("spent"): "60x9", budget("spent", instance="b:9464"): "60x9", budget("limit"): "100x9"}, 5),
    ]),
    "BudgetProjectedToExceed": (TICKET, [
        ({budget("spent"): f"30x{10 * DAY_5}", budget("limit"): f"100x{10 * DAY_5}"}, 4 * DAY, [OF_GROWTH]),
    ], [
        ({budget("spent"): f"30x{10 * DAY_5}", budget("limit"): f"100x{10 * DAY_5}"}, 2 * DAY - 5),
        ({budget("spent"): f"8x{10 * DAY_5}", budget("limit"): f"100x{10 * DAY_5}"}, 4 * DAY),
        ({budget("spent", kind="recurring"): f"30x{10 * DAY_5}", budget("limit", kind="recurring"): f"100x{10 * DAY_5}"}, 4 * DAY),
    ]),
    "BalanceCoversNoRenewal": (PAGE, [
        (both("numbers_gateway_account_firsts_covered", "0x30") | both("numbers_gateway_account_auto_recharge", "0x30"), 20, [OF_JOB]),
    ], [
        (both("numbers_gateway_account_firsts_covered", "1x30") | both("numbers_gateway_account_auto_recharge", "0x30"), 20),
        (both("numbers_gateway_account_firsts_covered", "0x30") | both("numbers_gateway_account_auto_recharge", "1x30"), 20),
    ]),
    "BalanceLow": (TICKET, [
        (both("numbers_gateway_account_firsts_covered", "2x90") | both("numbers_gateway_account_auto_recharge", "0x90"), 80, [OF_JOB]),
    ], [
        (both("numbers_gateway_account_firsts_covered", "3x90") | both("numbers_gateway_account_auto_recharge", "0x90"), 80),
        (both("numbers_gateway_account_firsts_covered", "2x90") | both("numbers_gateway_account_auto_recharge", "1x90"), 80),
    ]),
    "SpendAnomaly": (TICKET, [
        ({charged(): f"0x{WEEK} 0+100x18"}, 7 * DAY + 60, [{"job": JOB, "team": "growth", "currency": "AUD"}]),
    ], [
        ({charged(): f"0+10x{WEEK + 18}"}, 7 * DAY + 60),
        ({charged(): f"0x{WEEK} 0+5x18"}, 7 * DAY + 60),
        ({charged(charge="renewal"): f"0x{WEEK} 0+100x18"}, 7 * DAY + 60),
    ]),
    "NumbersUnassigned": (TICKET, [
        (both("numbers_gateway_numbers_unassigned", "2x80", origin="orphan"), 70, [OF_JOB]),
    ], [
        ({gw("numbers_gateway_numbers_unassigned", origin="preexisting"): "9x80", gw("numbers_gateway_numbers_unassigned", origin="orphan"): "0x80"}, 70),
        ({gw("numbers_gateway_numbers_unassigned", origin="orphan"): "0x40 1x40"}, 70),
    ]),
    "BuyingOff": (PAGE, [({gw("numbers_gateway_buying", state="off"): "1x20"}, 8, [{"job": JOB, "instance": "a:9464", "state": "off"}])], [
        ({gw("numbers_gateway_buying", state="off"): "0x20", gw("numbers_gateway_buying", state="frozen"): "1x20"}, 8),
        ({gw("numbers_gateway_buying", state="off"): "1x3 0x20"}, 8),
    ]),
    "BuyingFrozen": (TICKET, [(both("numbers_gateway_buying", "1x30", state="frozen"), 20, [OF_JOB])], [
        ({gw("numbers_gateway_buying", state="off"): "1x30", gw("numbers_gateway_buying", state="frozen"): "0x30"}, 20),
        ({gw("numbers_gateway_buying", state="frozen"): "0x9 1x30"}, 20),
    ]),
    "PurchaseOutcomeUnknown": (PAGE, [
        ({in_state("unknown"): "1x40"}, 35, [OF_JOB]),
        # A look that does not see it for a moment ends nothing.
        ({in_state("unknown"): "1x35 0x10"}, 38, [OF_JOB]),
    ], [
        ({in_state("unknown"): "0x40", in_state("bought"): "9x40"}, 35),
        ({in_state("unknown"): "0x10 1x30"}, 35),
    ]),
    "PurchaseNeedsAttention": (TICKET, [({in_state("needs_attention"): "1x20"}, 15, [OF_JOB])], [
        ({in_state("needs_attention"): "0x20", in_state("unknown"): "3x20"}, 15),
        ({in_state("needs_attention"): "0x10 1x20"}, 15),
    ]),
    "PurchaseStuck": (TICKET, [({in_state("dispatching"): "1x20"}, 18, [OF_JOB])], [
        ({in_state("dispatching"): "1x10 0x20"}, 18),
        ({in_state("dispatching"): "0x9 1x20"}, 18),
    ]),
    "ApprovalsWait": (TICKET, [
        (both(OLDEST, f"3600x{30 * HOUR_5}", state="pending_approval"), 26 * HOUR, [OF_JOB]),
    ], [
        # Another one is the oldest by then.
        (both(OLDEST, f"3600x{12 * HOUR_5} 39600x{20 * HOUR_5}", state="pending_approval"), 27 * HOUR),
        (both(OLDEST, f"3600x{30 * HOUR_5}", state="unknown"), 27 * HOUR),
    ]),
    "LateSale": (PAGE, [({alarm("late_sale"): "0x5 1x20"}, 8, [OF_JOB])], [
        ({alarm("late_sale"): "3x30", alarm("gone"): "0x5 1x20"}, 8),
    ]),
    "Overcharge": (TICKET, [({alarm("overcharge"): "0x5 1x20"}, 8, [OF_JOB])], [
        ({alarm("overcharge"): "3x30", alarm("late_sale"): "0x5 1x20"}, 8),
    ]),
    "NumberGone": (TICKET, [({alarm("gone"): "0x5 1x20"}, 8, [OF_JOB])], [
        ({alarm("gone"): "3x30", alarm("overcharge"): "0x5 1x20"}, 8),
    ]),
    "AnotherAccount": (PAGE, [({alarm("another_account"): "0x5 1x20"}, 8, [OF_JOB])], [
        ({alarm("another_account"): "1x30", alarm("gone"): "0x5 1x20"}, 8),
    ]),
    "AuditHeadNotWritten": (TICKET, [
        ({gw("numbers_gateway_audit_head_write_failures_total"): "0x5 1+1x30"}, 15, [OF_JOB]),
    ], [({gw("numbers_gateway_audit_head_write_failures_total"): "7x40"}, 15)]),
    "TokensRefused": (TICKET, [
        ({gw("numbers_gateway_auth_refusals_total", reason="signature"): "0+90x40"}, 30, [OF_JOB]),
    ], [
        ({gw("numbers_gateway_auth_refusals_total", reason="expired"): "0+90x40"}, 30),
        ({gw("numbers_gateway_auth_refusals_total", reason="signature"): "0+30x40"}, 30),
    ]),
    "Down": (PAGE, [
        ({gw("up"): "0x10", gw("up", instance="b:9464"): "0x10"}, 5, [{}]),
        ({}, 5, [{}]),
    ], [({gw("up"): "0x10", gw("up", instance="b:9464"): "1x10"}, 5)]),
    "ReplicaDown": (TICKET, [
        ({gw("up"): "0x20", gw("up", instance="b:9464"): "1x20"}, 15, [{"job": JOB, "instance": "a:9464"}]),
    ], [({gw("up"): "1x20"}, 15), ({gw("up"): "1x8 0x20"}, 15)]),
    "RestartLoop": (TICKET, [
        ({gw("process_start_time_seconds"): "1+60x20"}, 15, [{"job": JOB, "instance": "a:9464"}]),
    ], [({gw("process_start_time_seconds"): "1x5 400x5 900x10"}, 15)]),
    "NobodyLeads": (PAGE, [(both("numbers_gateway_leads", "0x9"), 5, [OF_JOB])], [
        ({gw("numbers_gateway_leads"): "0x9", gw("numbers_gateway_leads", instance="b:9464"): "1x9"}, 5),
        (both("numbers_gateway_leads", "0x1 1x9"), 5),
    ]),
    "UpstreamErrors": (TICKET, [
        ({calls("search", "success"): "0+9x40", calls("search", "unavailable"): "0+1x40"}, 30, [{"job": JOB, "operation": "search"}]),
    ], [
        ({calls("search", "success"): "0+99x40", calls("search", "unavailable"): "0+1x40"}, 30),
        ({calls("buy", "ambiguous"): "0x20 1x20", calls("buy", "success"): "0x20 1x20"}, 30),
        ({calls("search", "success"): "0+9x40", calls("search", "refused"): "0+9x40", calls("search", "limited"): "0+9x40"}, 30),
        # Refused on our side: nobody knows whether it would have failed.
        ({calls("search", "unavailable"): "0x20 1x20", calls("search", "circuit_open"): "0+9x40"}, 30),
    ]),
    "UpstreamDown": (PAGE, [
        ({circuit("list", "closed"): "1x4 0x20", circuit("list", "open"): "0x4 1x8 0x1 1x11", circuit("list", "half_open"): "0x12 1x1 0x11",
          circuit("list", "closed", "b:9464"): "1x24", circuit("search", "closed"): "1x24"}, 20, [{"job": JOB, "operation": "list"}]),
    ], [
        ({circuit("search", "closed"): "0x20", circuit("search", "open"): "1x20"}, 8),
        # It was back in between.
        ({circuit("search", "closed"): "0x8 1x1 0x20"}, 16),
        ({circuit("search", "closed"): "1x30", circuit("search", "open"): "0x30", circuit("search", "half_open"): "0x30"}, 20),
    ]),
    "CredentialsRefused": (PAGE, [({calls("list", "credentials_refused"): "0x5 1x20"}, 7, [OF_JOB])], [
        ({calls("list", "credentials_refused"): "2x20", calls("list", "refused"): "0+1x20"}, 7),
    ]),
    "ThrottledByUpstream": (TICKET, [
        ({calls("search", "throttled"): "0+1x40"}, 25, [{"job": JOB, "operation": "search"}]),
    ], [({calls("search", "throttled"): "0x10 2x40", calls("search", "success"): "0+9x40"}, 25)]),
    "NoCompleteList": (TICKET, [
        ({gw("numbers_gateway_scans_total", outcome="complete"): "5x200", gw("numbers_gateway_scans_total", outcome="in_part"): "0+1x200"}, 90, [OF_JOB]),
    ], [
        # One of two replicas looks.
        ({gw("numbers_gateway_scans_total", outcome="complete"): "0x200", gw("numbers_gateway_scans_total", outcome="complete", instance="b:9464"): "0+1x200"}, 90),
    ]),
    "DatabaseBusy": (TICKET, [
        ({gw("numbers_gateway_db_pool_connections", state="in_use"): "8x20", gw("numbers_gateway_db_pool_connections", state="max"): "8x20"}, 10,
         [{"job": JOB, "instance": "a:9464"}]),
    ], [
        ({gw("numbers_gateway_db_pool_connections", state="in_use"): "7x20", gw("numbers_gateway_db_pool_connections", state="max"): "8x20"}, 10),
        ({gw("numbers_gateway_db_pool_connections", state="in_use"): "0x7 8x20", gw("numbers_gateway_db_pool_connections", state="max"): "8x30"}, 10),
    ]),
    "FiguresOld": (PAGE, [
        ({gw("up"): "1x60", gw("numbers_gateway_collector_last_success_timestamp_seconds", collector="ledger"): "60x60"}, 40, [OF_JOB]),
        ({gw("up"): "1x60"}, 20, [OF_JOB]),
    ], [
        ({gw("up"): "1x60", gw("numbers_gateway_collector_last_success_timestamp_seconds", collector="ledger"): "0+60x60"}, 40),
        ({gw("up"): "0x60"}, 40),
    ]),
    "ConfigReloadFailed": (TICKET, [
        ({gw("numbers_gateway_config_reload_success"): "0x9"}, 5, [{"job": JOB, "instance": "a:9464"}]),
        ({gw("numbers_gateway_config_reload_success"): "1x9", gw("numbers_gateway_certificate_reload_success"): "0x9"}, 5,
         [{"job": JOB, "instance": "a:9464"}]),
    ], [({gw("numbers_gateway_config_reload_success"): "1x9", gw("numbers_gateway_certificate_reload_success"): "1x9"}, 5)]),
    "NoticesUndelivered": (TICKET, [
        (both("numbers_gateway_notices", "2x20", webhook="chat", state="dead"), 10, [{"job": JOB, "webhook": "chat"}]),
    ], [
        ({gw("numbers_gateway_notices", webhook="chat", state="waiting"): "9x20", gw("numbers_gateway_notices", webhook="chat", state="dead"): "0x20"}, 10),
    ]),
    "SloAvailability": (PAGE | {"slo": "availability"}, [
        ({requests("200"): "0+98x90", requests("503"): "0+2x90"}, 80, [{}]),
    ], [
        ({requests("200"): "0+999x90", requests("503"): "0+1x90"}, 80),
        # It was bad, and is over.
        ({requests("200"): "0+98x100", requests("503"): "0+2x60 120x40"}, 95),
    ]),
    "SloAvailabilitySlow": (TICKET | {"slo": "availability"}, [
        ({requests("200"): f"0+996x{3 * DAY}", requests("503"): f"0+4x{3 * DAY}"}, DAY + 60, [{}]),
    ], [({requests("200"): f"0+9995x{3 * DAY}", requests("503"): f"0+5x{3 * DAY}"}, DAY + 60)]),
    "SloSearch": (PAGE | {"slo": "search"}, [
        ({searches("count"): "0+100x90", searches("bucket", le="1"): "0+80x90"}, 80, [{}]),
    ], [({searches("count"): "0+100x90", searches("bucket", le="1"): "0+99x90"}, 80)]),
    "SloSearchSlow": (TICKET | {"slo": "search"}, [
        ({searches("count"): f"0+100x{3 * DAY}", searches("bucket", le="1"): f"0+96x{3 * DAY}"}, DAY + 60, [{}]),
    ], [({searches("count"): f"0+1000x{3 * DAY}", searches("bucket", le="1"): f"0+995x{3 * DAY}"}, DAY + 60)]),
    "SloPurchases": (PAGE | {"slo": "purchases"}, [
        ({moved("bought"): "0+1x90", moved("unknown"): "0+1x90"}, 80, [{}]),
    ], [
        ({moved("bought"): "0+1x90", moved("unknown"): "0x90"}, 80),
        # One of two in an hour is no trend.
        ({moved("bought"): "0x70 1x20", moved("unknown"): "0x70 1x20"}, 80),
    ]),
    "SloPurchasesSlow": (TICKET | {"slo": "purchases"}, [
        ({moved("bought"): f"0+24x{3 * DAY}", moved("unknown"): f"0+1x{3 * DAY}"}, DAY + 60, [{}]),
    ], [({moved("bought"): f"0+399x{3 * DAY}", moved("unknown"): f"0+1x{3 * DAY}"}, DAY + 60)]),
}


def rules_of(path):
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts():
    return [rule for path in sorted(RULES.glob("*.yaml")) for rule in rules_of(path) if "alert" in rule]


def files_of(name):
    """The rules that an alert needs."""
    return [RULES / "slo.yaml"] if name.startswith("Slo") else [RULES / "recording.yaml", RULES / "alerts.yaml"]


def test_of(name, rule_files):
    """promtool's test of one alert."""
    labels, firing, silent = CASES[name]
    full = f"NumbersGateway{name}"
    tests = []
    for series, minute, expected in [*firing, *((*case, []) for case in silent)]:
        samples = [
            {"labels": "ALERTS{" + ",".join(f'{key}="{value}"' for key, value in sorted(one.items())) + "}", "value": 1}
            for one in ({"alertname": full, "alertstate": "firing"} | labels | found for found in expected)
        ]
        asked = f'ALERTS{{alertname="{full}",alertstate="firing"}}'
        tests.append({
            "interval": f"{EVERY.get(name, 1)}m",
            "input_series": [{"series": one, "values": values} for one, values in series.items()],
            "promql_expr_test": [{"expr": asked, "eval_time": f"{minute}m", "exp_samples": samples}],
        })
    return {"rule_files": rule_files, "evaluation_interval": f"{EVERY.get(name, 1)}m", "tests": tests}


def run(folder, name, rule_files):
    file = folder / f"{name}.test.json"
    file.write_text(json.dumps(test_of(name, [str(Path(path).resolve()) for path in rule_files])))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def unknown_words(text):
    """Routes and events that the runbook sends people to and the program does not have."""
    program = "\n".join(path.read_text() for path in Path("src").rglob("*.rs"))
    routes = re.findall(r"`(?:GET|POST) (/v1/[a-z/]+[a-z])(?:/\{id\}(/[a-z]+))?", text)
    wanted = [start + ("/{id}" + end if end else "") for start, end in routes]
    wanted += re.findall(r"action=([a-z_.]+)", text) + re.findall(r"`([a-z]+\.(?:assigned|adjusted|gone|bought_late))`", text)
    return sorted({word for word in wanted if f'"{word}"' not in program})


def check_all(folder):
    """Every alert has cases and a section of the runbook, and keeps them."""
    named = {rule["alert"].removeprefix("NumbersGateway"): rule for rule in alerts()}
    faults = [f"{name}: no cases in tests/deploy/alerts.py" for name in named.keys() - CASES.keys()]
    faults += [f"{name}: cases, and no such alert" for name in CASES.keys() - named.keys()]
    sections = {line.removeprefix("## ") for line in RUNBOOK.read_text().splitlines() if line.startswith("## NumbersGateway")}
    faults += [f"{name}: no section in {RUNBOOK}" for name in named if f"NumbersGateway{name}" not in sections]
    faults += [f"{RUNBOOK}: {section} is no alert" for section in sections if section.removeprefix("NumbersGateway") not in named]
    faults += [f"{RUNBOOK}: the program has no {word}" for word in unknown_words(RUNBOOK.read_text())]
    for name, rule in named.items():
        anchor = f"RUNBOOK.md#{rule['alert'].lower()}"
        if rule["annotations"]["runbook_url"] != anchor:
            faults.append(f"{name}: runbook_url is not {anchor}")
    with ThreadPoolExecutor(2) as pool:
        for name, (is_kept, said) in zip(CASES, pool.map(lambda name: run(folder, name, files_of(name)), CASES), strict=True):
            print(f"{'ok    ' if is_kept else 'FAILED'} {name}")
            if not is_kept:
                faults.append(said)
    return faults


def mutants(folder):
    """Each alert as one that says always, and as one that says never."""
    for rule in alerts():
        name = rule["alert"].removeprefix("NumbersGateway")
        for word, expression in (("always", "vector(1)"), ("never", "vector(1) > 1")):
            # Where the alert had no labels of its own, "always" has them too: what turns red are the silent cases.
            changed = {key: value for key, value in rule.items() if key != "for"} | {"expr": expression}
            file = folder / f"{rule['alert']}-{word}.json"
            file.write_text(json.dumps({"groups": [{"name": "changed", "rules": [changed]}]}))
            yield name, word, file


def survive(folder):
    def dies(mutant):
        name, word, file = mutant
        return f"{name} as {word}", not run(folder, name, [file])[0]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(dies, mutants(folder)))
    print(f"{len(found)} mutants, {sum(died for _, died in found)} of which turn a case red")
    return [f"{name}: no case turns red" for name, died in found if not died]


if __name__ == "__main__":
    where = Path(sys.argv[1])
    where.mkdir(parents=True, exist_ok=True)
    told = survive(where) if sys.argv[2:] == ["--mutants"] else check_all(where)
    print("\n".join(told))
    sys.exit(bool(told))
