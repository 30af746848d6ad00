"""Audit: whether what happens is written down, who is kept out, and who was told."""

from boards.grafana import NONE_IS_GOOD, Board, bad_from, rate, same, summed

EVENTS = "numbers_gateway_audit_events"


def board() -> Board:
    b = Board("audit", "Audit", "Evidence, freezes, refused tokens, notices. The evidence itself is read with `audit verify` and `audit export`.", "now-7d", ())
    per = ("action",)
    b.row("Now")
    b.stat("Events", "Of the evidence, since ever. Each is chained to the one before it.", summed(EVENTS, per=per))
    b.stat("Witness not written", "Heads of the evidence that could not be written outside of the database, in the last minutes.",
           rate("numbers_gateway_audit_head_write_failures_total", how="increase"), thresholds=NONE_IS_GOOD)
    b.stat("Freezes", "Of buying, in force.", summed("numbers_gateway_freezes", per=("scope",)), thresholds=NONE_IS_GOOD)
    b.stat("Numbers without a team", "Owned and bought by nobody here.", same("numbers_gateway_numbers_unassigned", origin="orphan"), thresholds=NONE_IS_GOOD)
    b.stat("Notices waiting", "To be taken by a webhook.", summed("numbers_gateway_notices", per=("webhook", "state"), state="waiting"), thresholds=bad_from(10, 100), noValue="no webhook")
    b.stat("Notices given up", "A webhook was not told, and is not tried any more.", summed("numbers_gateway_notices", per=("webhook", "state"), state="dead"), thresholds=NONE_IS_GOOD, noValue="no webhook")
    b.row("What happened")
    b.table("Events, by what happened", "Since ever.", [("Events", f"sort_desc({summed(EVENTS, 'action')})")], "action", h=12, sort="Events")
    b.lines("Events over time", "Since ever, by what happened: decisions, money and what administrators do.",
            (same(EVENTS, "action", action_="purchase\\\\.(approved|rejected|bought|bought_late|unknown|refused)|.*adjusted|freeze\\\\..*|numbers?\\\\..*|policy\\\\..*"), "{{action}}"), h=12)
    b.row("Who is kept out")
    b.lines("Tokens that were not accepted", "A second, by reason; the caller is told none of it.", (rate("numbers_gateway_auth_refusals_total", "reason") + " > 0", "{{reason}}"), unit="eps")
    b.lines("Forbidden", "A second: requests of somebody known that they may not make, by code.",
            (rate("numbers_gateway_refusals_total", "code", code_="FORBIDDEN|POLICY_DENIED|TEAM_.*|BUYING_FROZEN|APPROVAL_.*") + " > 0", "{{code}}"), unit="eps")
    b.row("Who was told")
    b.lines("Notices", "Attempts a second to tell a webhook, by what came of them.",
            (rate("numbers_gateway_notice_attempts_total", "webhook", "outcome"), "{{webhook}}: {{outcome}}"), unit="eps")
    b.table("Webhooks", "Notices that are not delivered.", [
        ("Waiting", summed("numbers_gateway_notices", "webhook", per=("state",), state="waiting")),
        ("Given up", summed("numbers_gateway_notices", "webhook", per=("state",), state="dead")),
    ], "webhook")
    return b
