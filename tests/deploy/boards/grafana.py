"""The parts that a Grafana dashboard is made of, in as few words as each needs."""

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
MONEY = "currency:financial:$"
GREEN, ORANGE, RED = "green", "orange", "red"
# Without them few bars have letters as large as the bars.
SIZES = {"titleSize": 14, "valueSize": 18}


def steps(*colours: tuple[str, float | None]) -> dict:
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in colours]}


PLAIN = steps((GREEN, None))
# The bigger the worse, from these values on.
bad_from = lambda orange, red: steps((GREEN, None), (ORANGE, orange), (RED, red))
# The smaller the worse, below these values.
bad_below = lambda red, orange: steps((RED, None), (ORANGE, red), (GREEN, orange))
NONE_IS_GOOD = bad_from(1, 1)


def matching(**labels: str) -> str:
    """A selector's braces: always of the chosen job; `x=...` is equal, `x_=...` matches, `not_x=...` and `not_x_=...` do not."""
    found = ['job=~"$job"']
    for name, value in labels.items():
        if name.startswith("not_") and name.endswith("_"):
            found.append(f'{name.removeprefix("not_")[:-1]}!~"{value}"')
        elif name.startswith("not_"):
            found.append(f'{name.removeprefix("not_")}!="{value}"')
        elif name.endswith("_"):
            found.append(f'{name[:-1]}=~"{value}"')
        else:
            found.append(f'{name}="{value}"')
    return "{" + ", ".join(found) + "}"


def same(name: str, *by: str, **labels: str) -> str:
    """What every replica tells alike, once."""
    return f"max by ({', '.join(('job', *by))}) ({name}{matching(**labels)})"


def summed(name: str, *by: str, per: tuple[str, ...] = (), **labels: str) -> str:
    """The same added up over other labels: `per` says which there are."""
    inner = same(name, *by, *per, **labels)
    return f"sum by ({', '.join(by)}) ({inner})" if by else f"sum({inner})"


def rate(name: str, *by: str, how: str = "rate", **labels: str) -> str:
    """What each replica counts, added up."""
    inner = f"{how}({name}{matching(**labels)}[$__rate_interval])"
    return f"sum by ({', '.join(by)}) ({inner})" if by else f"sum({inner})"


def quantile(of: float, name: str, *by: str, **labels: str) -> str:
    return f"histogram_quantile({of}, {rate(name + '_bucket', 'le', *by, **labels)})"


class Board:
    """A dashboard: panels from left to right, row after row."""

    def __init__(self, uid: str, title: str, about: str, since: str, variables: tuple[str, ...]):
        self.file = f"{uid}.json"
        self.x = self.y = self.height = 0
        self.panels = []
        self.board = {
            "uid": f"numbers-gateway-{uid}", "title": f"Numbers Gateway / {title}", "description": about,
            "tags": ["numbers-gateway"], "schemaVersion": 39, "version": 1, "editable": False, "graphTooltip": 1,
            "timezone": "utc", "time": {"from": since, "to": "now"}, "refresh": "1m", "annotations": {"list": []},
            "links": [{
                "type": "dashboards", "tags": ["numbers-gateway"], "title": "Numbers Gateway", "asDropdown": True,
                "includeVars": True, "keepTime": True,
            }],
            "templating": {"list": [VARIABLES[name] for name in ("datasource", "job", *variables)]},
            "panels": self.panels,
        }  # fmt: skip

    def row(self, title: str) -> None:
        self.y, self.x, self.height = self.y + self.height, 0, 0
        self.panels.append({
            "id": len(self.panels) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
            "gridPos": {"x": 0, "y": self.y, "w": 24, "h": 1},
        })  # fmt: skip
        self.y += 1

    def place(self, w: int, h: int) -> dict:
        if self.x + w > 24:
            self.y, self.x, self.height = self.y + self.height, 0, 0
        place = {"x": self.x, "y": self.y, "w": w, "h": h}
        self.x, self.height = self.x + w, max(self.height, h)
        return place

    def panel(self, type, title, about, targets, size, unit, options, thresholds=PLAIN, colour=None, **more) -> None:
        """`more`: custom (how it is drawn), overrides, transformations, to (the dashboard that says more), and field defaults."""
        own = {key: more.pop(key) for key in ("overrides", "transformations", "to") if key in more}
        defaults = {"unit": unit, "color": {"mode": colour or "thresholds"}, "thresholds": thresholds, **more}
        panel = {
            "id": len(self.panels) + 1, "type": type, "title": title, "description": about, "datasource": SOURCE,
            "gridPos": self.place(*size), "targets": targets,
            "fieldConfig": {"defaults": defaults, "overrides": own.get("overrides", [])}, "options": options,
        }  # fmt: skip
        if "transformations" in own:
            panel["transformations"] = own["transformations"]
        if "to" in own:
            panel["links"] = [{
                "title": f"More: {own['to']}", "url": f"/d/numbers-gateway-{own['to']}?${{__url_time_range}}&${{job:queryparam}}",
            }]  # fmt: skip
        self.panels.append(panel)

    def stat(self, title, about, expression, unit="short", w=4, h=4, **more) -> None:
        options = {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value",
            "graphMode": "none", "textMode": "value", "justifyMode": "auto", "orientation": "auto",
        }  # fmt: skip
        more.setdefault("decimals", 2 if unit == MONEY else 0)
        self.panel("stat", title, about, asked_once((expression, "")), (w, h), unit, options, **more)

    def bars(self, title, about, expression, legend, unit="short", w=12, h=8, **more) -> None:
        options = {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "displayMode": "basic",
            "orientation": "horizontal", "showUnfilled": True, "valueMode": "color", "text": SIZES,
        }  # fmt: skip
        more.setdefault("decimals", {MONEY: 2, "percentunit": 1}.get(unit, 0))
        self.panel("bargauge", title, about, asked_once((expression, legend)), (w, h), unit, options, min=0, **more)

    def bars_by(self, label, title, about, expression, unit=MONEY, w=12, h=8) -> None:
        """A bar for each value of a label, in the label's order."""
        options = {
            "reduceOptions": {"calcs": [], "fields": "/^Value$/", "values": True}, "displayMode": "basic",
            "orientation": "horizontal", "showUnfilled": True, "valueMode": "text",
            "text": {**SIZES, "titleSize": 11},
        }  # fmt: skip
        order = [
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": label}]}},
            {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {}, "indexByName": {}}},
        ]
        self.panel(
            "bargauge", title, about, asked_once((expression, ""), table=True), (w, h), unit, options,
            transformations=order, decimals=2, min=0, thresholds=steps(("blue", None)),
        )  # fmt: skip

    def lines(self, title, about, *targets, unit="short", w=12, h=8, drawn="line", stacked=False, **more) -> None:
        custom = {
            "drawStyle": drawn, "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 60 if stacked else 8,
            "showPoints": "never", "spanNulls": False, "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
            **more.pop("custom", {}),
        }  # fmt: skip
        options = {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
        more.setdefault("min", 0)
        if unit == MONEY:
            more.setdefault("decimals", 2)
        asked = [{**target(n, one), "instant": False, "range": True} for n, one in enumerate(targets)]
        self.panel("timeseries", title, about, asked, (w, h), unit, options, colour="palette-classic", custom=custom, **more)

    def table(self, title, about, columns, by, unit="short", w=12, h=8, sort=None, overrides=(), **more) -> None:
        """A row for each value of `by`; columns are a name and what is asked for."""
        asked = asked_once(*((expression, "") for _, expression in columns), table=True)
        values = [f"Value #{chr(65 + n)}" for n in range(len(columns))] if len(columns) > 1 else ["Value"]
        names = dict(zip(values, (name for name, _ in columns)))
        times = ["Time", *(f"Time {n + 1}" for n in range(len(columns)))]
        order = {name: n for n, name in enumerate([by, *values])}
        change = [{"id": "joinByField", "options": {"byField": by, "mode": "outer"}}] if len(columns) > 1 else []
        change.append({"id": "organize", "options": {
            "excludeByName": {time: True for time in times}, "indexByName": order,
            "renameByName": {by: by.replace("_", " ").capitalize(), **names},
        }})  # fmt: skip
        options = {"showHeader": True, "cellHeight": "sm"}
        if sort:
            options["sortBy"] = [{"displayName": sort, "desc": True}]
        more.setdefault("decimals", 2 if unit == MONEY else 0)
        self.panel(
            "table", title, about, asked, (w, h), unit, options, transformations=change, overrides=list(overrides),
            custom={"align": "auto"}, **more,
        )  # fmt: skip

    def matrix(self, title, about, expression, rows, columns, unit=MONEY, w=24, h=8) -> None:
        """A table with the values of one label down and of another across."""
        change = [
            {"id": "groupingToMatrix", "options": {"rowField": rows, "columnField": columns, "valueField": "Value", "emptyValue": "null"}},
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": f"{rows}\\{columns}", "desc": True}]}},
            {"id": "organize", "options": {"excludeByName": {}, "indexByName": {}, "renameByName": {f"{rows}\\{columns}": rows.capitalize()}}},
        ]
        self.panel(
            "table", title, about, asked_once((expression, ""), table=True), (w, h), unit,
            {"showHeader": True, "cellHeight": "sm"}, transformations=change, decimals=2, custom={"align": "auto"},
        )  # fmt: skip

    def text(self, title, about, content, w=24, h=5) -> None:
        self.panels.append({
            "id": len(self.panels) + 1, "type": "text", "title": title, "description": about, "gridPos": self.place(w, h),
            "options": {"mode": "markdown", "content": content},
        })  # fmt: skip


def target(n: int, asked: tuple[str, str]) -> dict:
    expression, legend = asked
    return {"refId": chr(65 + n), "datasource": SOURCE, "editorMode": "code", "expr": expression, "legendFormat": legend}


def asked_once(*targets: tuple[str, str], table: bool = False) -> list[dict]:
    more = {"instant": True, "range": False, **({"format": "table"} if table else {})}
    return [{**target(n, one), **more} for n, one in enumerate(targets)]


def unit_of(column: str, unit: str, decimals: int = 0) -> dict:
    """An override: a column of a table that has a unit of its own."""
    properties = [{"id": "unit", "value": unit}, {"id": "decimals", "value": decimals}]
    return {"matcher": {"id": "byName", "options": column}, "properties": properties}


def asked_variable(name: str, label: str, query: str, several: bool = True) -> dict:
    return {
        "name": name, "label": label, "type": "query", "datasource": SOURCE, "definition": query,
        "query": {"query": query, "refId": "Variable"}, "refresh": 2, "sort": 1, "regex": "", "hide": 0, "multi": several,
        "includeAll": several, "allValue": ".+" if several else None, "current": {},
    }  # fmt: skip


OF_JOB = 'label_values(numbers_gateway_budget_spent{job=~"$job"}, %s)'
VARIABLES = {
    "datasource": {
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "regex": "", "hide": 0,
        "refresh": 1, "current": {},
    },
    "job": asked_variable("job", "Job", "label_values(numbers_gateway_build_info, job)"),
    "team": asked_variable("team", "Team", OF_JOB % "team"),
    "currency": asked_variable("currency", "Currency", OF_JOB % "currency", several=False),
}  # fmt: skip
