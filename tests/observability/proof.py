"""That what the gateway tells is true, arrives, and costs nobody anything: two replicas, real receivers, scripted traffic."""

import http.client
import json
import os
import re
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import yaml

import catalogue
import hostile
import promql
from checks import check, run
from pair import call, control
from traffic import PEOPLE, Traffic
from world import World, until

FOLDER = Path(os.environ["SUITE_DIR"], "observability")
WORLD = World(FOLDER)
TRAFFIC = Traffic(WORLD)
TRAFFIC.everything()
WORLD.scraped()


@check
def the_catalogue_is_what_two_busy_replicas_tell():
    texts = [WORLD.metrics(replica) for replica in "ab"]
    wrong = catalogue.differences(catalogue.told(texts))
    assert not wrong, "\n".join(wrong)
    for n, text in enumerate(texts):
        (FOLDER / f"metrics-{n}.txt").write_text(text)
        told = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        # promtool knows no totals that are read and not counted; everything else it says would be a fault.
        assert told.returncode == 0, told.stderr + told.stdout


@check
def every_state_that_can_be_reached_was():
    reached = {one["metric"]["state"] for one in WORLD.query("max by (state) (numbers_gateway_purchases_in_state) > 0")}
    wanted = {
        "pending_approval", "bought", "failed", "unknown", "rejected", "withdrawn", "cancelled", "not_bought", "bought_late",
    }  # fmt: skip
    assert wanted <= reached, f"not reached: {wanted - reached}"
    moved = {one["metric"]["to"] for one in WORLD.query("sum by (to) (numbers_gateway_purchase_transitions_total) > 0")}
    assert {"approved", "reserved", "dispatching"} <= moved, moved


def cents(expression: str, *labels: str) -> dict[tuple, Decimal]:
    found = WORLD.query(expression)
    return {tuple(one["metric"].get(label, "") for label in labels): round(Decimal(one["value"][1]), 2) for one in found}


def ledger(group: str, where: str = "true") -> dict[tuple, Decimal]:
    rows = WORLD.sql(
        f"SELECT {group}, sum(amount_micros) FROM ledger WHERE kind NOT IN ('hold', 'release') AND {where} GROUP BY {group}"
    )
    return {tuple(row[:-1]): round(Decimal(row[-1]) / 1_000_000, 2) for row in rows}


def spend_is_the_ledger(replicas: str) -> None:
    by_month, by_team = ledger("team, month"), ledger("team")
    assert len({month for _, month in by_month}) == 6 and len(by_team) >= 2, by_month
    net = "sum by (team) (max by (team, country, charge) (numbers_gateway_spend_total%s))"
    back = "(max by (team) (numbers_gateway_refunds_total%s))"
    for selector in ("", *(f'{{instance="{replica}"}}' for replica in replicas)):
        told = cents(f"max by (team, month) (numbers_gateway_spend_in_month{selector})", "team", "month")
        assert told == by_month, f"{selector}: {told} is not {by_month}"
        told = cents(f"{net % selector} - ({back % selector} or {net % selector} * 0)", "team")
        assert told == by_team, f"{selector}: {told} is not {by_team}"
    month = WORLD.sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')")[0][0]
    spent = cents('max by (team) (numbers_gateway_budget_spent{kind="spend"})', "team")
    for (team,), amount in ledger("team", f"month = '{month}'").items():
        assert team.startswith("(") or spent[(team,)] == amount, f"{team}: {spent} is not {amount}"


@check
def spend_is_the_ledger_to_the_cent_for_each_team_and_month_in_both_replicas():
    WORLD.scraped()
    spend_is_the_ledger("ab")


@check
def spend_is_the_ledger_also_after_one_replica_was_killed():
    WORLD.restart_b(signal.SIGKILL)
    WORLD.scraped()
    spend_is_the_ledger("ab")
    number = TRAFFIC.number("AU")
    assert TRAFFIC.request(number)["state"] == "bought"
    WORLD.scraped()
    spend_is_the_ledger("ab")


@check
def the_forecast_is_what_the_gateway_says():
    said = TRAFFIC.ask("/v1/spend/forecast", "administrator")
    WORLD.scraped()
    told = cents("sum by (month) (max by (team, month) (numbers_gateway_forecast))", "month")
    wanted = {(first["month"],): round(Decimal(first["total"]["amount"]), 2) for first in said["items"]}
    assert {month: amount for month, amount in wanted.items() if amount} == told and len(told) == 12, (wanted, told)
    [(_, first)] = cents("sum(max by (team) (numbers_gateway_next_first))").items()
    assert first == min(wanted.items())[1], first


@check
def every_query_of_every_dashboard_finds_something():
    empty_by_nature = set(yaml.safe_load(Path("tests/observability/empty.yaml").read_text()) or {})
    WORLD.scraped()
    empty, asked = set(), 0
    for board in promql.dashboards():
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                asked += 1
                if not WORLD.query(promql.filled(target["expr"])):
                    empty.add(f"{board['uid'].removeprefix('numbers-gateway-')}: {panel['title']} {target['refId']}")
    assert asked > 100, asked
    assert empty == empty_by_nature, f"empty: {empty - empty_by_nature}; not empty: {empty_by_nature - empty}"


def every_panel_is_drawn_by_grafanas_own_libraries():
    draw = ["node", "tests/observability/renderer/draw.mjs", WORLD.prometheus_url, os.environ["PACKAGES"], os.environ["PICTURES"], "now-5m"]
    drawn = subprocess.run(draw, capture_output=True, text=True, timeout=400)
    print(drawn.stdout, end="")
    assert drawn.returncode == 0, drawn.stdout + drawn.stderr


if "PACKAGES" in os.environ:
    check(every_panel_is_drawn_by_grafanas_own_libraries)
else:
    print("skipped: the panels are not drawn; that needs tests/run observability --full")


@check
def every_rule_is_evaluated():
    wrong = [
        rule for group in WORLD.get("rules")["groups"] for rule in group["rules"] if rule["health"] != "ok"
    ]
    assert not wrong, wrong


@check
def an_alert_arrives_at_a_webhook_with_where_to_read_on():
    control(WORLD.pair.simulator, "key", {"api_key": "another-key-of-the-account"})
    for digits in range(3):
        TRAFFIC.ask(f"/v3/numbers/search/NZ?search=47{digits}", status=None)
    fires = lambda body: body["status"] == "firing" and body["groupLabels"]["alertname"] == "NumbersGatewayCredentialsRefused"
    told = WORLD.told.first("/pages", fires, within=60)
    control(WORLD.pair.simulator, "key", {"api_key": WORLD.pair.api_key})
    [alert] = told["alerts"]
    assert alert["labels"]["severity"] == "page" and "RUNBOOK.md#numbersgatewaycredentialsrefused" in alert["annotations"]["runbook_url"]


def logged(replica: str) -> list[dict]:
    text = (WORLD.pair.folder / {"a": "gateway.log", "b": "b.log"}[replica]).read_text(errors="replace")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@check
def one_request_is_found_by_its_id_in_log_trace_evidence_and_count():
    request, trace, parent = "one-of-many-0815", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    served = 'sum(http_server_request_duration_seconds_count{http_route="/v1/purchases",http_request_method="POST"})'
    before = float(WORLD.query(served)[0]["value"][1])
    number = TRAFFIC.number("AU")
    headers = {
        "X-Request-Id": request, "traceparent": f"00-{trace}-{parent}-01", "Idempotency-Key": request, "Prefer": "wait=10",
    }  # fmt: skip
    status, answered, text = call(
        f"{WORLD.api('a')}/v1/purchases", TRAFFIC.tokens["requester"], {"number": number, "type": "sms", "reason": "x"}, headers
    )
    assert status == 201 and answered["X-Request-Id"] == request, text
    purchase = json.loads(text)["id"]

    # The trace: one root, which continues the caller's, and below it what was done.
    of_trace = lambda: [span for span in WORLD.spans() if span["trace"] == trace]
    wanted = {"request", "upstream", "transaction"}
    until("the spans arrive", lambda: wanted <= {span["name"] for span in of_trace()})
    spans = of_trace()
    [root] = [span for span in spans if span["name"] == "request"]
    assert root["attributes"]["request_id"] == request and root["parent"] == parent, root
    assert root["attributes"]["status"] == "201" and root["attributes"]["route"] == "/v1/purchases", root
    ids = {span["id"] for span in spans}
    orphans = [span["name"] for span in spans if span is not root and span["parent"] not in ids]
    assert not orphans, f"spans without a parent in the trace: {orphans}"
    bought = [span["attributes"] for span in spans if span["name"] == "upstream" and span["attributes"]["operation"] == "buy"]
    assert [one["outcome"] for one in bought] == ["success"], bought

    # The log: each line of it, and one that says how it went.
    lines = [line for line in logged("a") if line.get("request_id") == request]
    [access] = [line for line in lines if line["message"] == "request served"]
    assert (access["status"], access["route"], access["team"]) == (201, "/v1/purchases", "growth"), access
    assert all(line["trace_id"] == trace for line in lines) and len(lines) >= 2, lines

    # The evidence: from the request to the booking.
    events = TRAFFIC.ask(f"/v1/audit?target=purchase:{purchase}&limit=50", "auditor")["items"]
    ids = {event["event"]["action"]: event["event"]["details"].get("request_id") for event in events}
    assert ids["purchase.submitted"] == ids["purchase.bought"] == request, ids
    counted = lambda: float(WORLD.query(served)[0]["value"][1]) > before
    until("it is counted", counted)


@check
def a_search_shows_what_it_waited_for():
    trace = "22f92f3577b34da6a3ce929d0e0e0817"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert call(f"{WORLD.api('a')}/v3/numbers/search/AU?search=8181", TRAFFIC.tokens["requester"], headers=headers)[0] == 200
    named = lambda: {span["name"]: span for span in WORLD.spans() if span["trace"] == trace}
    until("the spans arrive", lambda: {"request", "cache", "upstream"} <= named().keys())
    spans = named()
    assert spans["upstream"]["parent"] == spans["cache"]["id"] and spans["cache"]["parent"] == spans["request"]["id"], spans
    assert spans["cache"]["attributes"]["result"] == "miss" and spans["upstream"]["attributes"]["outcome"] == "success", spans


@check
def a_stranger_continues_no_trace():
    trace = "11f92f3577b34da6a3ce929d0e0e4711"
    # The proxies of this configuration are on 127.0.0.1; this request comes from its neighbour.
    host = WORLD.replicas["a"].ready["api"]
    connection = http.client.HTTPConnection(*host.split(":"), timeout=30, source_address=("127.0.0.2", 0))
    connection.request("GET", "/v1/me", headers={
        "Authorization": f"Bearer {TRAFFIC.tokens['requester']}", "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
        "X-Request-Id": "a-strangers-0816",
    })  # fmt: skip
    assert connection.getresponse().read() and True
    arrived = lambda: [span for span in WORLD.spans() if span["attributes"].get("request_id") == "a-strangers-0816"]
    [span] = until("the span arrives", arrived)
    assert span["trace"] != trace


@check
def a_collector_that_is_down_refuses_or_hangs_costs_nobody_anything_and_drops_are_counted():
    for name, collector in hostile.collectors().items():
        with collector as port:
            WORLD.restart_b(signal.SIGTERM, {"GATEWAY__TELEMETRY__OTLP_ENDPOINT": f"http://127.0.0.1:{port}"})
            for _ in range(20):
                began = time.monotonic()
                status, _, text = call(f"{WORLD.api('b')}/v1/me", TRAFFIC.tokens["requester"])
                assert status == 200 and time.monotonic() - began < 2, (name, status, text)
            lost = lambda: sum(map(int, re.findall(r'numbers_gateway_spans_total\{outcome="(?:not_taken|queue_full)"\} (\d+)', WORLD.metrics("b"))))
            if name == "hangs":
                # What a queue of 2,048 does not hold is dropped at once.
                hostile.burst(WORLD.replicas["b"].ready["api"], TRAFFIC.tokens["requester"], 2_500)
            until(f"a collector that {name}: what was lost is counted", lost)
            assert 'outcome="sent"} 0' in WORLD.metrics("b"), name
    WORLD.restart_b(signal.SIGTERM)


@check
def hostile_requests_make_no_series():
    requests = int(os.environ["HOSTILE_REQUESTS"])
    sent = hostile.paths(WORLD.replicas["b"].ready["api"], TRAFFIC.tokens["requester"], requests)
    assert sent == requests, sent
    WORLD.scraped()
    [samples] = WORLD.query('scrape_samples_scraped{instance="b"}')
    print(f"     {requests} requests, {samples['value'][1]} series of this replica")
    assert float(samples["value"][1]) < 10_000, samples


@check
def no_number_person_token_or_key_is_in_metrics_logs_or_spans():
    WORLD.scraped()
    texts = {f"/metrics of {replica}": WORLD.metrics(replica) for replica in "ab"}
    texts |= {f"log of {replica}": "\n".join(map(json.dumps, logged(replica))) for replica in "ab"}
    texts["spans"] = WORLD.spans_file.read_text()
    numbers = [number.lstrip("+") for number in TRAFFIC.used]
    subjects = [subject for subject, _ in PEOPLE.values()]
    signatures = [token.rsplit(".", 1)[1] for token in TRAFFIC.tokens.values()]
    secrets = {"number": numbers, "person": subjects, "token": signatures, "key": [WORLD.pair.api_key, WORLD.pair.secret, hostile.SUBJECT]}
    assert len(numbers) > 20 and all(len(text) > 5_000 for text in texts.values()), {name: len(text) for name, text in texts.items()}
    for name, text in texts.items():
        for kind, words in secrets.items():
            found = [word for word in words if word in text]
            assert not found, f"{name}: a {kind}: {found[:3]}"


run()
