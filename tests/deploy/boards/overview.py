"""Overview: is it well, for whom not, and how is the process?"""

from boards.grafana import MONEY, NONE_IS_GOOD, Board, bad_below, bad_from, matching, quantile, rate, same, summed

REQUESTS = "http_server_request_duration_seconds"
FAULTS = {"http_response_status_code_": "5.."}
SLO = ("availability", "search", "purchases")


def board() -> Board:
    b = Board("overview", "Overview", "Whether the gateway is well: requests, objectives, buying, replicas.", "now-1h", ("currency",))
    b.row("Now")
    b.stat("Answered without a fault", "The share of requests that no fault of the gateway's (5xx) answered.",
           f"1 - ({rate(REQUESTS + '_count', **FAULTS)} or vector(0)) / ({rate(REQUESTS + '_count')} > 0)", "percentunit", decimals=2, thresholds=bad_below(0.99, 0.999))
    b.stat("Error budget that is left", "Of the objective that has least left, over thirty days (rules in slo.yaml). Nothing is left where more failed than may.",
           "clamp_min(min(slo:error_budget_remaining:ratio), 0)", "percentunit", thresholds=bad_below(0, 0.25))
    b.stat("Replicas that answer", "As Prometheus reaches them.", f"sum(up{matching()})", thresholds=bad_below(1, 1))
    b.stat("Alerts firing", "Each has a section in deploy/RUNBOOK.md.",
           'count(ALERTS{alertname=~"NumbersGateway.*", alertstate="firing"}) or vector(0)', thresholds=NONE_IS_GOOD)
    b.stat("Outcome unknown", "Purchases of which nobody knows whether the number was sold. Normal for some minutes.",
           same("numbers_gateway_purchases_in_state", state="unknown"), thresholds=bad_from(1, 5), to="purchases")
    b.stat("Spent this month", "Of all teams, and what nobody's numbers cost. More on the spend dashboard.",
           summed("numbers_gateway_budget_spent", per=("team",), kind="spend", currency="$currency", team=""), MONEY, to="spend")
    b.row("Requests")
    b.lines("Requests a second, by status", "Of the public listener.",
            (rate(REQUESTS + "_count", "http_response_status_code"), "{{http_response_status_code}}"), unit="reqps", w=8, stacked=True)
    b.lines("Time to answer", "Half, 95 % and 99 % of all requests are answered within this.",
            *[(quantile(q, REQUESTS), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)], unit="s", w=8)
    b.lines("Requests a second, by route", "The ten busiest.",
            (f"topk(10, {rate(REQUESTS + '_count', 'http_route')})", "{{http_route}}"), unit="reqps", w=8)
    b.table("Routes", "The last minutes: requests a second, the slowest 5 %, and the share of faults.", [
        ("Requests a second", rate(REQUESTS + "_count", "http_route") + " > 0"), ("p95", quantile(0.95, REQUESTS, "http_route") + " > 0"),
        ("Faults", f"({rate(REQUESTS + '_count', 'http_route', **FAULTS)} or {rate(REQUESTS + '_count', 'http_route')} * 0) / ({rate(REQUESTS + '_count', 'http_route')} > 0)"),
    ], "http_route", w=16, h=9, sort="Requests a second", decimals=3, overrides=[
        {"matcher": {"id": "byName", "options": "p95"}, "properties": [{"id": "unit", "value": "s"}]},
        {"matcher": {"id": "byName", "options": "Faults"}, "properties": [{"id": "unit", "value": "percentunit"}]},
    ])
    b.lines("Refused by a limit", "Requests a second that a limit of the gateway kept back, by limit.",
            (rate("numbers_gateway_limit_decisions_total", "limit", decision="rejected"), "{{limit}}"), unit="reqps", w=8, h=9)
    b.row("Objectives")
    b.bars("Error budget that is left", "Of thirty days. An objective without traffic has none to lose and is not shown.",
           "clamp_min(max by (slo) (slo:error_budget_remaining:ratio), 0)", "{{slo}}", "percentunit", w=8, max=1, thresholds=bad_below(0, 0.25))
    b.lines("Share that failed, last hour", "The alerts burn at 14.4 times what an objective allows.",
            ("max by (slo) (slo:sli_error:ratio_rate1h)", "{{slo}}"), unit="percentunit", w=8)
    b.lines("Share that failed, last day", "The slow alerts burn at 3 times what an objective allows.",
            ("max by (slo) (slo:sli_error:ratio_rate1d)", "{{slo}}"), unit="percentunit", w=8)
    b.row("Buying and replicas")
    b.lines("How buying stands", "1 for the state of each replica: on, rehearsal, off (something must be mended) or frozen (somebody must lift it).",
            (f"max by (instance, state) (numbers_gateway_buying{matching()}) > 0", "{{instance}} {{state}}"), w=8, max=1)
    b.lines("Replicas", "How many each counts on its database, and which one leads.",
            (f"max by (instance) (numbers_gateway_replicas{matching()})", "{{instance}} counts"),
            (f"max by (instance) (numbers_gateway_leads{matching()})", "{{instance}} leads"), w=8)
    b.lines("Connections to the database", "For reading, by what they are doing; at max, readers wait.",
            (f"sum by (state) (numbers_gateway_db_pool_connections{matching()})", "{{state}}"), w=8)
    b.row("The process")
    b.lines("Processor", "Cores that each replica uses.", (f"sum by (instance) (rate(process_cpu_seconds_total{matching()}[$__rate_interval]))", "{{instance}}"), w=6)
    b.lines("Memory", "Resident.", (f"max by (instance) (process_resident_memory_bytes{matching()})", "{{instance}}"), unit="bytes", w=6)
    b.lines("Open files and connections", "Of each replica; its bound is process_max_fds.",
            (f"max by (instance) (process_open_fds{matching()})", "{{instance}} files"),
            (f"max by (instance) (numbers_gateway_connections{matching()})", "{{instance}} connections"), w=6)
    b.lines("Told to nobody", "Log lines and spans a second that were dropped, and connections that found no place.",
            (f"sum(rate(numbers_gateway_log_lines_lost_total{matching()}[$__rate_interval]))", "log lines"),
            (rate("numbers_gateway_spans_total", not_outcome="sent"), "spans"),
            (rate("numbers_gateway_connections_refused_total"), "connections"), unit="eps", w=6)
    b.table("Versions", "What runs where.", [("Replicas", f"count by (version) (numbers_gateway_build_info{matching()})")], "version", w=6, h=5)
    b.lines("Active requests", "Being answered just now.", (f"sum by (instance) (http_server_active_requests{matching()})", "{{instance}}"), w=6, h=5)
    b.stat("Last start", "Of the replica that started last.", f"time() - max(process_start_time_seconds{matching()})", "s", w=6, h=5)
    b.stat("Configuration", "1 where every replica took the last change of its configuration.",
           f"min(numbers_gateway_config_reload_success{matching()})", w=6, h=5, thresholds=bad_below(1, 1))
    return b
