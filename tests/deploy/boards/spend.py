"""Spend: for whoever pays. The first row answers in five seconds, the rest says why."""

from boards.grafana import MONEY, NONE_IS_GOOD, Board, bad_below, bad_from, same, summed, unit_of

OF_TEAM = {"team_": "$team", "currency": "$currency"}


def budget(part: str, kind: str, **labels: str) -> str:
    return summed(f"numbers_gateway_budget_{part}", "team", kind=kind, **{**OF_TEAM, **labels})


def used(kind: str) -> str:
    return f"({budget('spent', kind)} + {budget('held', kind)}) / {budget('limit', kind)}"


# The part of the month that has gone, in UTC; the first days say too little to project from.
GONE = "on () group_left () ((day_of_month() - 1 + hour() / 24) / days_in_month() > 0.1)"


def board() -> Board:
    b = Board("spend", "Spend", "What was spent on numbers, what the next 1st will take, and what is left of the budgets.", "now-30d", ("team", "currency"))
    per_team = ("team",)
    b.row("At a glance")
    b.stat("Spent this month", "Charges booked since the month began, in the budgets' time zone, less what came back.",
           summed("numbers_gateway_budget_spent", per=per_team, kind="spend", **OF_TEAM), MONEY)
    b.stat("The next 1st takes", "The number fees of everything that is owned now, on the next 1st. Nothing has to be done for it: ClickSend takes them.",
           summed("numbers_gateway_next_first", per=per_team, **OF_TEAM), MONEY)
    b.stat("Days until the 1st", "Until the next 1st begins, where ClickSend's months turn.",
           same("numbers_gateway_next_first_timestamp_seconds") + " - time()", "s")
    b.stat("Months the balance covers", "Months of number fees: how many of the next twelve 1sts ClickSend's balance pays, if nothing else draws on it. Messages do.",
           same("numbers_gateway_account_firsts_covered"), "short", thresholds=bad_below(1, 3), noValue="not known yet",
           mappings=[{"type": "value", "options": {"12": {"text": "12 or more", "index": 0}}}])
    b.stat("Waiting for approval", "Purchases that people have to decide about before they cost anything.",
           summed("numbers_gateway_approvals_pending", per=per_team, team_="$team"), "short", thresholds=bad_from(1, 1000), to="purchases")
    b.stat("Age of these figures", "Since the ledger was read last. Old figures are shown as missing, never as zero.",
           "time() - " + same("numbers_gateway_collector_last_success_timestamp_seconds", collector="ledger"), "s", thresholds=bad_from(120, 600))
    b.bars("This month against the budget", "Spent and held, as a part of the team's limit for the month. A team without a limit is not shown.",
           used("spend"), "{{team}}", "percentunit", max=1, thresholds=bad_from(0.8, 1))
    b.bars("Number fees against their budget", "Monthly fees of the owned numbers and of those under way, as a part of the team's limit for fees.",
           used("recurring"), "{{team}}", "percentunit", max=1, thresholds=bad_from(0.8, 1))
    b.row("Budgets")
    left = f"{budget('limit', 'spend')} - {budget('spent', 'spend')} - {budget('held', 'spend')}"
    b.table("Budgets", "Of each team: the month's limit, what was spent, what is held for buys under way and renewals that are due, what is left, what the month comes to at this pace (from its fourth day on), and the number fees. Empty: no limit.", [
        ("Limit", budget("limit", "spend")), ("Spent", budget("spent", "spend")), ("Held", budget("held", "spend")), ("Left", left),
        ("At this pace", f"{budget('spent', 'spend')} / {GONE}"), ("Fees a month", budget("spent", "recurring")), ("Limit of fees", budget("limit", "recurring")),
    ], "team", MONEY, w=24, h=6)
    b.row("Months")
    b.bars_by("month", "Spent by month", "Charges of each of the last twelve months, less what came back.",
              f"sum by (month) ({same('numbers_gateway_spend_in_month', 'team', 'month', **OF_TEAM)})", h=9)
    b.bars_by("month", "What the next twelve 1sts take", "If nothing is bought and nothing given up until then.",
              f"sum by (month) ({same('numbers_gateway_forecast', 'team', 'month', **OF_TEAM)})", h=9)
    b.matrix("By month and team", "The same months, cut by who pays. (suspense) pays for numbers that no team has.",
             f"sum by (month, team) ({same('numbers_gateway_spend_in_month', 'team', 'month', **OF_TEAM)})", "month", "team", h=13)
    b.row("What it is spent on")
    charge = same("numbers_gateway_spend_total", "team", "country", "charge", **OF_TEAM)
    b.lines("Charges booked, by team", "Everything ever charged, as booked in the ledger; a step up is a purchase or a monthly fee. Never falls.",
            (f"sum by (team) ({charge})", "{{team}}"), unit=MONEY, custom={"lineInterpolation": "stepAfter"})
    b.lines("Charges booked, by kind", "The same by what it was for: setup, the rest of the first month, monthly fees, corrections.",
            (f"sum by (charge) ({charge})", "{{charge}}"), unit=MONEY, custom={"lineInterpolation": "stepAfter"})
    b.table("By country", "Since ever, and what it costs every month. Corrections that are about no number have no country.", [
        ("Charged", f"sum by (country) ({charge})"),
        ("Fees a month", summed("numbers_gateway_recurring_monthly", "country", per=per_team, **OF_TEAM)),
        ("Numbers", summed("numbers_gateway_numbers_owned", "country", per=("team", "type"), team_="$team")),
    ], "country", MONEY, h=7, overrides=[unit_of("Numbers", "short")])
    b.stat("Came back", "Refunds and corrections since ever. They are not in the charges above, and are in the months.",
           summed("numbers_gateway_refunds_total", per=per_team, **OF_TEAM), MONEY, h=7, noValue="nothing")
    b.stat("Balance", "ClickSend's, as it was named last. Messages draw on it too.", same("numbers_gateway_account_balance", currency="$currency"), MONEY, h=7, noValue="not known yet")
    b.stat("Numbers without a team", "Owned, paid for every month, and bought by nobody here. Assign them.",
           same("numbers_gateway_numbers_unassigned", origin="orphan"), h=7, thresholds=NONE_IS_GOOD)
    b.lines("Number fees a month, by country", "Full monthly prices of what is owned or may be.",
            (summed("numbers_gateway_recurring_monthly", "country", per=per_team, **OF_TEAM), "{{country}}"), unit=MONEY)
    b.lines("Numbers owned, by country", "As ClickSend listed them last.",
            (summed("numbers_gateway_numbers_owned", "country", per=("team", "type"), team_="$team"), "{{country}}"))
    b.text("What these figures are", "How to read this page, and where the exact figures are.", """\
Every amount is read from the gateway's ledger and is the same in every replica, so replicas are folded with `max`, never added up.

Amounts are for looking at. The exact ones, entry by entry, are at `/v1/spend.csv` of the gateway; budgets are enforced against the ledger, not
against these metrics. One currency at a time: amounts in different currencies are not added up.""", h=4)
    return b
