"""House rules for Grafana dashboards: grafana/dashboard-linter's where they fit, and what money in metrics needs.

Nothing here has seen a Grafana server: the rules are about the files, the keys are compared with Grafana's own model.
"""

import json
import re

import grafana_foundation_sdk.cog.plugins as plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from catalogue import FAMILIES
from checks import check, run
from promql import DASHBOARDS, alerted, bare, dashboards, expressions, selectors

# Those that can be drawn without a Grafana server, so that a picture can be checked too.
PANELS = {"timeseries", "stat", "bargauge", "table", "text"}
UNITS = {"currency:financial:$", "percentunit", "s", "short", "reqps", "eps", "bytes"}
ALWAYS = {"datasource", "job"}
# What Prometheus adds to every series.
ADDED = {"job", "instance", "le"}
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
def variables_are_declared_where_they_are_asked_for_and_follow_the_time_range():
    for dashboard in dashboards():
        variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
        asked = {name for _, text in expressions(dashboard) for name in re.findall(r"\$([a-z]+)", text)}
        assert ALWAYS <= set(variables) and asked <= set(variables), f"{dashboard['uid']}: {asked - set(variables)}"
        assert set(variables) - {"datasource"} <= asked, f"{dashboard['uid']}: {set(variables) - asked} change nothing"
        assert variables["datasource"]["type"] == "datasource"
        # Amounts in two currencies must never be added up.
        for name in {"currency"} & set(variables):
            assert not variables[name]["multi"] and not variables[name]["includeAll"]
        for variable in variables.values():
            if variable["type"] == "query":
                assert variable["refresh"] == 2, f"{variable['name']} is not read again when the time range changes"
                assert variable["definition"] == variable["query"]["query"], variable["name"]
                assert variable["datasource"]["uid"] == "${datasource}", variable["name"]


@check
def panels_have_a_title_a_description_a_unit_and_the_chosen_data_source():
    for panel in (panel for dashboard in dashboards() for panel in dashboard["panels"]):
        if panel["type"] == "row":
            assert panel["title"] and not panel["panels"] and not panel["collapsed"], panel
            continue
        assert panel["type"] in PANELS, f"{panel['title']}: {panel['type']}"
        assert panel["title"] and panel["description"], panel["id"]
        if panel["type"] == "text":
            continue
        assert panel["targets"], f"{panel['title']} asks for nothing"
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        for place in (panel, *panel["targets"]):
            assert place["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]


@check
def links_lead_to_dashboards_that_there_are():
    uids = {dashboard["uid"] for dashboard in dashboards()}
    links = [link["url"] for dashboard in dashboards() for panel in dashboard["panels"] for link in panel.get("links", [])]
    assert links and all(re.match(r"/d/([a-z-]+)\?", url)[1] in uids for url in links), links


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


def asked():
    """Every metric of the catalogue that a query asks for: the panel, the family, its labels there, and what stands before."""
    for title, expression in (pair for dashboard in dashboards() for pair in expressions(dashboard)):
        for name, matchers, position in selectors(expression):
            yield title, name, FAMILIES.get(bare(name)), matchers, expression[:position]


@check
def every_metric_and_label_is_in_the_catalogue():
    for title, name, family, matchers, _ in asked():
        if name == "up" or name == "ALERTS":
            continue
        assert family, f"{title}: {name} is not in the catalogue"
        labels = set(re.findall(r"([a-z_]+)\s*[=!]", matchers))
        assert labels <= {*family["labels"], *ADDED}, f"{title}: {name} has no {labels - set(family['labels'])}"


@check
def every_metric_is_looked_at_by_somebody():
    looked_at = {bare(name) for _, name, *_ in asked()} | {bare(name) for name in alerted()}
    unseen = sorted(set(FAMILIES) - looked_at - {"process_virtual_memory_bytes", "process_threads", "process_max_fds"})
    assert not unseen, f"neither on a dashboard nor in an alert: {unseen}"


@check
def every_query_is_limited_to_the_chosen_job():
    for title, name, family, matchers, _ in asked():
        assert family is None or 'job=~"$job"' in matchers, f"{title}: {name} of every job"


@check
def money_is_of_one_currency():
    for title, name, family, matchers, _ in asked():
        if family and family["unit"] == "currency":
            assert 'currency="$currency"' in matchers, f"{title}: {name} adds up currencies"


@check
def what_every_replica_tells_alike_is_folded_before_it_is_added_up():
    fold = re.compile(r"(max|min)\s*(by \([a-z_, ]+\))?\s*\($")
    for title, name, family, _, before in asked():
        if family and family["from"] == "database":
            assert fold.search(before), f"{title}: two replicas count {name} twice"


@check
def counters_are_read_as_rates_over_the_interval_that_fits_the_page():
    rate = re.compile(r"(rate|irate|increase)\($")
    for title, name, family, _, before in asked():
        if family and family["from"] == "process":
            assert rate.search(before), f"{title}: {name} without rate"
    for title, expression in (pair for dashboard in dashboards() for pair in expressions(dashboard)):
        for window in re.findall(r"\[([^\]]+)\]", expression):
            assert window == "$__rate_interval", f"{title}: [{window}]"


run()
