"""ClickSend and the caches: what is asked of ClickSend, how that goes, and what is saved."""

from boards.grafana import Board, bad_below, bad_from, matching, quantile, rate

CALLS = "numbers_gateway_upstream_calls_total"
SECONDS = "numbers_gateway_upstream_call_duration_seconds"
LOOKS = "numbers_gateway_cache_requests_total"
RETRIES = "numbers_gateway_upstream_retries_total"
CIRCUIT = "numbers_gateway_upstream_circuit_state"
# These never left.
SENT = {"not_outcome_": "limited|circuit_open"}
FAILED = {"outcome_": "unavailable|ambiguous|not_sent"}


def board() -> Board:
    b = Board("upstream", "ClickSend and caches", "What is asked of ClickSend, how that goes, and what need not be asked.", "now-6h", ())
    share = lambda part, whole: f"({part} or {whole} * 0) / ({whole} > 0)"
    b.row("Now")
    b.stat("Calls to ClickSend", "A second.", rate(CALLS, **SENT), "reqps", decimals=2)
    b.stat("Calls that fail", "No usable answer, or none at all. A refusal in ClickSend's own words is no failure.",
           share(rate(CALLS, **FAILED), rate(CALLS, **SENT)), "percentunit", decimals=1, thresholds=bad_from(0.01, 0.05))
    b.stat("Slowest 5 %", "Of all calls, without the wait for the outbound limiter.", quantile(0.95, SECONDS), "s", decimals=2)
    b.stat("Answered from memory", "The share of searches and lists that cost no call.",
           share(rate(LOOKS, not_result="miss"), rate(LOOKS)), "percentunit", decimals=1, thresholds=bad_below(0.2, 0.5))
    b.stat("Throttled by ClickSend", "A second, answered with 429: somebody else uses the account, or upstream.requests_per_minute is too high.",
           rate(CALLS, outcome="throttled"), "reqps", decimals=2, thresholds=bad_from(0.001, 0.1))
    b.stat("Credentials refused", "A second. The key was revoked or changed.", rate(CALLS, outcome="credentials_refused"), "reqps", decimals=2, thresholds=bad_from(0.0001, 0.0001))
    b.row("ClickSend")
    b.lines("Calls, by operation", "A second.", (rate(CALLS, "operation", **SENT), "{{operation}}"), unit="reqps", w=8, stacked=True)
    b.lines("Slowest 5 %, by operation", "Without the wait for the outbound limiter.", (quantile(0.95, SECONDS, "operation"), "{{operation}}"), unit="s", w=8)
    b.lines("Calls that did not succeed", "A second, by what came of them; limited and circuit_open never left, ambiguous may have bought.",
            (rate(CALLS, "operation", "outcome", not_outcome="success") + " > 0", "{{operation}}: {{outcome}}"), unit="reqps", w=8, drawn="bars", stacked=True)
    b.table("Operations", "The last minutes.", [
        ("Calls a second", rate(CALLS, "operation", **SENT)), ("Half within", quantile(0.5, SECONDS, "operation") + " > 0"),
        ("99 % within", quantile(0.99, SECONDS, "operation") + " > 0"),
        ("Fail", share(rate(CALLS, "operation", **FAILED), rate(CALLS, "operation", **SENT))),
    ], "operation", w=12, h=7, decimals=3, overrides=[
        {"matcher": {"id": "byRegexp", "options": "/.*within$/"}, "properties": [{"id": "unit", "value": "s"}]},
        {"matcher": {"id": "byName", "options": "Fail"}, "properties": [{"id": "unit", "value": "percentunit"}]},
    ])
    b.lines("Readings of the whole list", "A second, by what they are worth: only a complete one settles what became of a lost buy.",
            (rate("numbers_gateway_scans_total", "outcome"), "{{outcome}}"), unit="eps", h=7)
    b.lines("Operations that are left alone", "1 where a replica does not ask, or only finds out whether it is back. Search or list: nothing is bought there.",
            (f'1 - min by (instance, operation) ({CIRCUIT}{matching(state="closed")})', "{{instance}} {{operation}}"), w=12, h=7, max=1)
    b.lines("Reads asked again", "A second, by what the try before lacked. No buy is.",
            (rate(RETRIES, "operation", "reason") + " > 0", "{{operation}}: {{reason}}"), unit="reqps", w=12, h=7, drawn="bars", stacked=True)
    b.row("Caches")
    b.lines("Where answers come from", "Looks a second: hit and stale cost nothing, coalesced waited for somebody else's call, miss made one.",
            (rate(LOOKS, "cache", "result"), "{{cache}}: {{result}}"), unit="reqps", w=12, stacked=True)
    b.lines("Answered from memory, by cache", "The share that cost no call.",
            (share(rate(LOOKS, "cache", not_result="miss"), rate(LOOKS, "cache")), "{{cache}}"), unit="percentunit", w=12, max=1)
    b.lines("Pages that are kept", "Of numbers on sale, by replica.", (f"max by (instance) (numbers_gateway_cache_pages{matching()})", "{{instance}}"), w=8)
    b.lines("What they take", "By estimate; cache.max_bytes bounds it.", (f"max by (instance) (numbers_gateway_cache_size_bytes{matching()})", "{{instance}}"), unit="bytes", w=8)
    b.lines("Limits", "Requests a second that a limit looked at, and what it said.",
            (rate("numbers_gateway_limit_decisions_total", "limit", "decision") + " > 0", "{{limit}}: {{decision}}"), unit="reqps", w=8)
    return b
