"""Purchases: from a request to a number, where it stops, and who is waited for."""

from boards.grafana import NONE_IS_GOOD, Board, bad_from, quantile, rate, same, summed, unit_of

STATES = "numbers_gateway_purchases_in_state"
MOVES = "numbers_gateway_purchase_transitions_total"


def counted(state: str) -> str:
    return same(STATES, state=state)


def board() -> Board:
    b = Board("purchases", "Purchases", "What was asked for, what became of it, and what waits for somebody.", "now-24h", ("team",))
    b.row("Now")
    b.stat("Waiting for people", "Purchases that need an approval. The console's page “waiting” has them.", counted("pending_approval"), thresholds=bad_from(1, 1000))
    b.stat("Longest wait for people", "Since the purchase that has been waiting longest was asked for, or was approved by the first of several.",
           "time() - " + same("numbers_gateway_purchase_oldest_in_state_timestamp_seconds", state="pending_approval"), "s", noValue="nobody waits", thresholds=bad_from(14400, 86400))
    b.stat("Under way", "Reserved, or being sent to ClickSend. Seconds.", f"sum({same(STATES, 'state', state_='reserved|dispatching')})")
    b.stat("Outcome unknown", "Nobody knows whether the number was sold. The list of owned numbers tells, within some minutes.", counted("unknown"), thresholds=bad_from(1, 5))
    b.stat("Need attention", "Two people have to say what became of it; money is held until then.", counted("needs_attention"), thresholds=NONE_IS_GOOD)
    b.stat("Freezes", "Of buying, in force: of everything or of a team.", summed("numbers_gateway_freezes", per=("scope",)), thresholds=NONE_IS_GOOD)
    b.bars("Purchases by state", "All that were ever asked for, by where they are now.", f"sort_desc({same(STATES, 'state')} > 0)", "{{state}}", w=12, h=10)
    b.table("What is not finished", "How many, and since when the one that has been there longest is there.", [
        ("Purchases", f"max by (state) ({same(STATES, 'state', state_='pending_approval|approved|reserved|dispatching|unknown|needs_attention')})"),
        ("Oldest", "time() - min by (state) (" + same("numbers_gateway_purchase_oldest_in_state_timestamp_seconds", "state") + ")"),
    ], "state", w=12, h=10, overrides=[unit_of("Oldest", "s")])
    b.row("What happens")
    b.lines("Steps of purchases", "A second, by the state they led to.", (rate(MOVES, "to") + " > 0", "{{to}}"), unit="eps", stacked=True, drawn="bars")
    b.lines("How long until it is bought", "From the request to the number: what a rule allows takes a second, what people decide takes as long as they do.",
            *[(quantile(q, "numbers_gateway_purchase_duration_seconds", outcome="bought"), f"p{q * 100:g}") for q in (0.5, 0.95)], unit="s")
    b.lines("Sales booked, by who knew of them", "The answer to the buy, a later list, or people; estimated is what the charge had to be guessed for.",
            (rate("numbers_gateway_bookings_total", "by", "basis") + " > 0", "{{by}}, {{basis}}"), unit="eps", drawn="bars", stacked=True)
    b.lines("Alarms", "What somebody has to look at: late sales, overcharges, lists that do not settle anything, numbers that nobody bought or that are gone.",
            (rate("numbers_gateway_alarms_total", "alarm") + " > 0", "{{alarm}}"), unit="eps", drawn="bars", stacked=True)
    b.row("People")
    b.bars("Waiting for approval, by team", "Purchases.", summed("numbers_gateway_approvals_pending", "team", team_="$team"), "{{team}}", w=8, thresholds=bad_from(1, 1000))
    b.lines("How long people take", "From the request to the decision.",
            *[(quantile(q, "numbers_gateway_approval_duration_seconds"), f"p{q * 100:g}") for q in (0.5, 0.95)], unit="s", w=8)
    b.lines("What people decide", "A second.", (rate("numbers_gateway_approval_duration_seconds_count", "decision") + " > 0", "{{decision}}"), unit="eps", w=8, drawn="bars", stacked=True)
    b.row("Rules and refusals")
    b.lines("What the rules say", "A second, by rule.", (rate("numbers_gateway_policy_decisions_total", "rule", "verdict"), "{{rule}}: {{verdict}}"), unit="eps")
    b.lines("Refusals", "A second, by code; what each means stands in the API's document.", (rate("numbers_gateway_refusals_total", "code") + " > 0", "{{code}}"), unit="eps")
    b.row("Registrations")
    b.bars("Registrations by state", "All that were ever asked for.", f"sort_desc({same('numbers_gateway_registrations_in_state', 'state')} > 0)", "{{state}}", w=12)
    b.text("What these figures are", "How to read this page.", """\
States and ages are read from the database and are the same in every replica. Steps, times and refusals are counted by each replica since its start
and added up. What a state means, and what leads from one to the next, stands in `src/domain/PROTOCOL.md`.""", w=12, h=8)
    return b
