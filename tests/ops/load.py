"""A mixed load with faults: what a company does all day, and what goes wrong at ClickSend meanwhile.

Threads take turns at deeds that are drawn by weight; each waits a little between two of them. What was answered is counted
by kind and status; an answer that may not be (a 5xx that is no documented refusal, or none at all) is kept.
"""

import collections
import http.client
import json
import random
import secrets
import threading
import time
import urllib.parse

from pair import Pair, control

FORM = {
    "full_name": "Ann Lee", "company_name": "Acme", "email": "ann@acme.example", "website_url": "https://acme.example",
    "sample_message": "Your order is ready.", "primary_use_case": "Notifications",
}  # fmt: skip
# One of these meets the next request of its operation, every FAULT_EVERY seconds or so.
FAULTS = [
    ("buy", "drop_before_sale", {}), ("buy", "drop_after_sale", {}), ("buy", "truncate", {}), ("buy", "number_gone", {}),
    ("buy", "html_500_before_sale", {}), ("buy", "html_500_after_sale", {}), ("buy", "error_envelope_in_200", {}),
    ("buy", "delay", {"ms": 1500}), ("buy", "empty_body", {}), ("buy", "late_visibility", {"ms": 3000}),
    ("search", "html_500_before_sale", {}), ("search", "drop_before_sale", {}), ("search", "truncate", {}),
    ("search", "huge_body", {"bytes": 8_000_000}), ("search", "wrong_content_type", {}), ("search", "delay", {"ms": 1500}),
    ("search", "throttle_429", {"retry_after_seconds": 1}), ("list", "html_500_before_sale", {}), ("list", "truncate", {}),
    ("list", "list_page_lies", {"total_off": 3}), ("list", "drop_before_sale", {}), ("account", "delay", {"ms": 1000}),
]  # fmt: skip
FAULT_EVERY = 2.0
PEOPLE = ("requester", "approver", "administrator", "auditor", "finance", "viewer")
PAGES = ("", "waiting", "requests", "purchases", "search?country=AU", "numbers", "registrations", "budgets")
# Statuses that a deed may have while upstream has faults. 0: no answer, of a connection that was given up on purpose.
FINE = {200, 201, 202, 303, 400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 429, 431, 502, 503}

class Load:
    def __init__(self, pair: Pair, buy_every: float, pace: float, seed: str):
        self.pair, self.pace, self.dice = pair, pace, random.Random(seed)
        self.tokens = {role: pair.token(f"{role}-1", role) for role in PEOPLE}
        self.lock, self.over = threading.Lock(), threading.Event()
        self.statuses, self.bad = collections.Counter(), []
        pages = {"AU": 5, "CA": 15, "US": 10}
        self.shop = {c: iter([n for page in range(count) for n in pair.offers(c, page + 1)]) for c, count in pages.items()}
        self.last = collections.defaultdict(float)
        self.buy_every = buy_every
        self.here = threading.local()

    def next_number(self, country: str) -> str | None:
        with self.lock:
            return next(self.shop[country], None)

    def due(self, what: str, every: float) -> bool:
        """Whether it is time for this again."""
        with self.lock:
            now = time.monotonic()
            if now - self.last[what] < every:
                return False
            self.last[what] = now
            return True

    def ask(self, kind: str, path: str, who="requester", body=None, method=None, base=None, **headers):
        """One request on this thread's kept connection; status and answer, counted."""
        target = urllib.parse.urlsplit(base or self.pair.api)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        token = self.tokens.get(who, who)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        for attempt in (1, 2):
            kept = getattr(self.here, "kept", None) or {}
            self.here.kept = kept
            line = kept.get(target.netloc) or http.client.HTTPConnection(target.hostname, target.port, timeout=60)
            fresh = line.sock is None
            try:
                line.request(method or ("GET" if data is None else "POST"), path, data, headers)
                answer = line.getresponse()
                text = answer.read()
                kept[target.netloc] = line
                break
            except (OSError, http.client.HTTPException) as error:
                line.close()
                kept.pop(target.netloc, None)
                # A kept connection may be closed as the next request is on its way; a new one may not.
                if fresh or attempt == 2:
                    return self.saw(kind, path, 0, repr(error).encode())
        return self.saw(kind, path, answer.status, text)

    def saw(self, kind: str, path: str, status: int, text: bytes):
        with self.lock:
            self.statuses[kind, status] += 1
            if status not in FINE and len(self.bad) < 20:
                self.bad.append((kind, path, status, text[:300]))
        try:
            return status, json.loads(text)
        except ValueError:
            return status, {}

    # What is done, with how often of a hundred.

    def search_hit(self):
        self.ask("hit", f"/v3/numbers/search/{self.dice.choice(['AU', 'US'])}?search=570")

    def search_miss(self):
        digits = self.dice.randrange(100_000)
        self.ask("miss", f"/v3/numbers/search/{self.dice.choice(['AU', 'US', 'CA', 'GB', 'NZ'])}?search={digits:05}")

    def lists(self):
        path = self.dice.choice(["/v3/numbers?page=1&limit=100", "/v1/numbers?limit=50", "/v3/numbers?q=country:AU"])
        self.ask("list", path)

    def buy(self):
        if not self.due("buy", self.buy_every):
            return self.search_hit()
        number = self.next_number(self.dice.choice(["AU", "CA"]))
        if not number:
            return None
        path = f"/v3/numbers/buy/{urllib.parse.quote(number, safe='')}"
        headers = {"Idempotency_Key": secrets.token_hex(8)} if self.dice.random() < 0.5 else {}
        # Again, as a program does that was not answered well.
        for _ in range(2):
            status, _ = self.ask("buy", path, method="POST", X_Gateway_Reason="the campaign", **headers)
            if status == 200 and self.dice.random() < 0.7:
                break
        return None

    def approval(self):
        if not self.due("approval", 4 * self.buy_every):
            return self.search_hit()
        number = self.next_number("US")
        key = secrets.token_hex(8)
        _, purchase = self.ask("request", "/v1/purchases", body={"number": number, "reason": "why"}, Idempotency_Key=key)
        if purchase.get("state") != "pending_approval":
            return None
        deed, who = self.dice.choice([("approve", "approver")] * 3 + [("reject", "approver"), ("withdraw", "requester")])
        body = {"quote_digest": purchase["quote_digest"], "comment": "looked at"}
        self.ask(deed, f"/v1/purchases/{purchase['id']}/{deed}", who, body, Prefer="wait=10")
        return None

    def registration(self):
        if self.due("registration", 10 * self.buy_every):
            form = {**FORM, "company_name": f"Acme {secrets.token_hex(3)}"}
            self.ask("register", "/v3/numbers/registrations/number-types/10dlc/country/CA", body=form)

    def money(self):
        path = self.dice.choice(["/v1/spend?group_by=team,month", "/v1/spend/forecast", "/v1/spend.csv", "/v1/budgets"])
        self.ask("spend", path, "finance")

    def console(self):
        cookie = f"__Host-numbers-gateway={self.tokens['approver']}"
        self.ask("console", f"/console/{self.dice.choice(PAGES)}", None, Cookie=cookie)

    def evidence(self):
        path = self.dice.choice(["/v1/audit?limit=50", "/v1/audit?action=purchase.bought&limit=20", "/v1/purchases?limit=50"])
        self.ask("audit", path, "auditor")
        if self.due("export", 20):
            self.ask("export", "/v1/audit/export?from=1", "auditor")

    def scrape(self):
        if self.due("scrape", 1):
            self.ask("scrape", self.dice.choice(["/metrics", "/metrics", "/readyz"]), None, base=self.pair.ops)

    def invalid(self):
        rita, wrong = self.tokens["requester"], secrets.token_urlsafe(16)
        self.dice.choice([
            lambda: self.ask("invalid", "/v1/me", f"{rita[:-4]}{wrong[:4]}"),
            lambda: self.ask("invalid", "/v1/me", wrong),
            lambda: self.ask("invalid", f"/v1/purchases/{wrong}"),
            lambda: self.ask("invalid", "/v1/purchases", body=b"{", Idempotency_Key=wrong),
            lambda: self.ask("invalid", f"/v3/{wrong}/send", body={"to": "nobody"}),
            lambda: self.ask("invalid", f"/v3/numbers/search/AU?search={wrong}&page=-1&q={wrong}:x"),
            lambda: self.ask("invalid", "/v1/me", method="DELETE"),
            lambda: self.ask("invalid", "/v1/freezes", body={"scope": "all", "reason": "may not"}),
            lambda: self.ask("invalid", "/v1/purchases", body=b"x" * 70_000, Idempotency_Key=wrong),
            self.given_up,
        ])()  # fmt: skip

    def given_up(self):
        """A head that is begun and not ended, and a search that nobody waits for."""
        target = urllib.parse.urlsplit(self.pair.api)
        line = http.client.HTTPConnection(target.hostname, target.port, timeout=5)
        line.connect()
        if self.dice.random() < 0.5:
            line.sock.sendall(b"GET /v1/me HTTP/1.1\r\nHost:")
        else:
            token = self.tokens["requester"]
            line.request("GET", f"/v3/numbers/search/NZ?search={self.dice.randrange(100_000)}",
                         headers={"Authorization": f"Bearer {token}"})  # fmt: skip
        line.close()

    DEEDS = [
        (search_hit, 30), (search_miss, 15), (lists, 8), (buy, 12), (approval, 4), (registration, 2), (money, 5),
        (console, 8), (evidence, 5), (scrape, 4), (invalid, 8),
    ]  # fmt: skip

    def work(self):
        deeds, weights = zip(*self.DEEDS)
        while not self.over.is_set():
            try:
                self.dice.choices(deeds, weights)[0](self)
            except OSError as error:
                self.saw("connection", "", 0, repr(error).encode())
            # A pace, not a wait for anything.
            self.over.wait(self.dice.expovariate(1 / self.pace))

    def rush(self, count: int = 12):
        """So many readings at once: whatever there are several of (connections to the database, threads) is all in use."""
        deeds = [self.money, self.evidence, self.console, self.lists]
        crowd = [threading.Thread(target=deeds[index % len(deeds)], daemon=True) for index in range(count)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join(90)

    def faults(self):
        while not self.over.wait(self.dice.expovariate(1 / FAULT_EVERY)):
            operation, fault, more = self.dice.choice(FAULTS)
            control(self.pair.simulator, "faults", {"operation": operation, "fault": fault, "count": 1, **more})

    def reloads(self):
        """The file changes to and fro, and is faulty in between."""
        path = self.pair.folder / "gateway.toml"
        usual = path.read_text()
        texts = [usual.replace("small AU numbers", "small numbers of AU"), usual.replace("then =", "than ="), usual]
        turn = 0
        while not self.over.wait(5):
            path.with_suffix(".new").write_text(texts[turn % 3])
            path.with_suffix(".new").rename(path)
            turn += 1
        path.write_text(usual)

    def begin(self, threads: int):
        work = [self.work] * threads + [self.faults, self.reloads]
        self.threads = [threading.Thread(target=each, daemon=True) for each in work]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(90)
