"""House rules for Grafana dashboards: grafana/dashboard-linter's where they fit, and what money in metrics needs.

Nothing here has seen a Grafana server: the rules are about the files, the keys are compared with Grafana's own model.
"""

import json
import re

import grafana_foundation_sdk.cog.plugins as plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from checks import check, run
from promql import DASHBOARDS, dashboards, expressions, selectors

# Those that can be drawn without a Grafana server, so that a picture can be checked too.
PANELS = {"timeseries", "stat", "bargauge", "table", "text"}
UNITS = {"currency:financial:$", "percentunit", "s", "short", "reqps"}
VARIABLES = {"datasource", "job", "team", "currency"}
# Counters by name that are read from the ledger: they are set, not counted, so rate() would be wrong on them.
FROM_LEDGER = {"numbers_gateway_spend_total"}
# Keys that the model drops although Grafana reads them.
UNMODELLED = re.compile(r"/templating/list/\d+/(definition|allValue)$")


def keys(value, at: str = ""):
    """The path of every key, at every depth."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield f"{at}/{key}"
        yield from keys(inner, f"{at}/{key}")


@check
def every_key_is_one_that_grafana_knows():
    plugins.register_default_plugins()
    for dashboard in dashboards():
        # Reading is lenient and drops what it does not know: what does not come back was misspelt.
        known = set(keys(json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))))
        lost = [key for key in keys(dashboard) if key not in known and not UNMODELLED.search(key)]
        assert not lost, f"{dashboard['uid']}: {lost}"


@check
def every_dashboard_has_its_own_lasting_uid():
    for path, dashboard in zip(DASHBOARDS, dashboards()):
        assert dashboard["uid"] == f"numbers-gateway-{path.stem}", dashboard["uid"]
        assert "id" not in dashboard and "__inputs" not in dashboard, f"{path}: exported, not written"


@check
def dashboards_are_read_only_and_show_a_fitting_time():
    for dashboard in dashboards():
        assert dashboard["editable"] is False and dashboard["timezone"] == "utc", dashboard["uid"]
        assert "numbers-gateway" in dashboard["tags"], dashboard["uid"]
    [spend] = [dashboard for dashboard in dashboards() if dashboard["uid"] == "numbers-gateway-spend"]
    assert spend["time"]["from"] == "now-30d", "money shows nothing over an hour"


@check
def variables_are_the_agreed_ones_and_follow_the_time_range():
    for dashboard in dashboards():
        variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
        assert VARIABLES <= set(variables), f"{dashboard['uid']}: {set(variables)}"
        assert variables["datasource"]["type"] == "datasource"
        # Amounts in two currencies must never be added up.
        assert not variables["currency"]["multi"] and not variables["currency"]["includeAll"]
        for variable in variables.values():
            if variable["type"] == "query":
                assert variable["refresh"] == 2, f"{variable['name']} is not read again when the time range changes"
                assert variable["definition"] == variable["query"]["query"], variable["name"]
                assert variable["datasource"]["uid"] == "${datasource}", variable["name"]


@check
def panels_have_a_title_a_description_a_unit_and_the_chosen_data_source():
    for panel in (panel for dashboard in dashboards() for panel in dashboard["panels"]):
        assert panel["type"] in PANELS, f"{panel['title']}: {panel['type']}"
        assert panel["title"] and panel["description"], panel["id"]
        if panel["type"] == "text":
            continue
        assert panel["targets"], f"{panel['title']} asks for nothing"
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        for place in (panel, *panel["targets"]):
            assert place["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]


@check
def panels_have_ids_of_their_own_and_do_not_overlap():
    for dashboard in dashboards():
        taken, ids = {}, [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids)), f"{dashboard['uid']}: {ids}"
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24, f"{panel['title']} is wider than the page"
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    other = taken.setdefault((x, y), panel["title"])
                    assert other == panel["title"], f"{panel['title']} covers {other}"


@check
def every_query_is_limited_to_the_chosen_job():
    for title, expression in (pair for dashboard in dashboards() for pair in expressions(dashboard)):
        assert selectors(expression), f"{title}: no metric in {expression}"
        for name, matchers, _ in selectors(expression):
            assert 'job=~"$job"' in matchers, f"{title}: {name} of every job"


@check
def money_is_of_one_currency():
    for title, expression in (pair for dashboard in dashboards() for pair in expressions(dashboard)):
        for name, matchers, _ in selectors(expression):
            if re.search("spend|budget|recurring|balance", name):
                assert 'currency="$currency"' in matchers, f"{title}: {name} adds up currencies"


@check
def what_every_replica_tells_alike_is_folded_before_it_is_added_up():
    fold = re.compile(r"(max|min)\s*(by \([a-z_, ]+\))?\s*\($")
    for title, expression in (pair for dashboard in dashboards() for pair in expressions(dashboard)):
        for name, _, position in selectors(expression):
            counted = name.endswith("_total") and name not in FROM_LEDGER
            if name.startswith("numbers_gateway_") and not counted:
                assert fold.search(expression[:position]), f"{title}: two replicas count {name} twice"


@check
def counters_are_read_as_rates_over_the_interval_that_fits_the_page():
    rate = re.compile(r"(rate|irate|increase)\($")
    for title, expression in (pair for dashboard in dashboards() for pair in expressions(dashboard)):
        for name, _, position in selectors(expression):
            if name.endswith(("_total", "_count", "_bucket", "_sum")) and name not in FROM_LEDGER:
                assert rate.search(expression[:position]), f"{title}: {name} without rate"
        for window in re.findall(r"\[([^\]]+)\]", expression):
            assert window == "$__rate_interval", f"{title}: [{window}]"


run()
