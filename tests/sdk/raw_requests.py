"""The requests of ClickSend's Go, Java, PHP and Ruby SDKs, byte for byte, and answers checked as strictly as they do.

Those SDKs cannot be installed from the package registries this suite uses. What each puts on the wire was read from
its source: path prefix, escaping of the number, headers, and a body or none. `\\n` in a request is CR LF on the wire.
"""

import http.client
import json
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import shapes
from checks import check, run
from world import COUNTRY, GATEWAY, TOKENS, basic, offers, sales_of

NUMBERS = dict(zip(("go", "java", "php", "ruby"), offers("raw")))
ADDRESS = urlsplit(GATEWAY)
CAMPAIGN = (
    '{"full_name":"Ann Lee","company_name":"Go Bakery","email":"ann@example.com","website_url":"https://example.com",'
    '"sample_message":"Your order is ready.","primary_use_case":"Notifications","company_number":"+1-800-555-0199",'
    '"area_code":"416, 647, 905"}'
)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def must_be(self, status: int, shape) -> dict:
        """The body, which must be JSON of this shape, in an answer that every one of these SDKs reads."""
        assert self.status == status, f"{self.status} instead of {status}: {self.body[:300]!r}"
        assert self.headers.get_content_type() == "application/json", self.headers["Content-Type"]
        assert self.headers["Content-Encoding"] is None, "compressed, though the client may not undo it"
        body = json.loads(self.body)
        faults = shapes.faults(body, shape)
        assert not faults, "; ".join(faults)
        assert body["http_code"] == status, body
        return body


def send(request: str) -> Answer:
    """Sends exactly these bytes and reads one answer."""
    method = request.split(" ", 1)[0]
    with socket.create_connection((ADDRESS.hostname, ADDRESS.port), timeout=40) as connection:
        connection.sendall(request.encode("ascii"))
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        return Answer(response.status, response.headers, response.read())


def wire(request_line: str, headers: list[str], body: str = "") -> str:
    known = {"HOST": ADDRESS.netloc, "KEY": basic(TOKENS["requester"]), "LENGTH": str(len(body))}
    lines = [request_line, *(header.format(**known) for header in headers)]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def go(method: str, path: str, body: str = "") -> str:
    """Go 6.0.0 on net/http. Its JSON encoder ends the body with a line feed."""
    sent = body and body + "\n"
    headers = ["Host: {HOST}", "User-Agent: ClickSend-SDK/6.0.0/go"]
    headers += ["Content-Length: {LENGTH}"] if sent else []
    headers += ["Accept: application/json", "Authorization: {KEY}"]
    headers += ["Content-Type: application/json"] if sent else []
    return wire(f"{method} {path} HTTP/1.1", [*headers, "Accept-Encoding: gzip"], sent)


def java(method: str, path: str, body: str = "") -> str:
    """Java 6.0.0 on OkHttp, which puts Host late and adds a charset to the type of a text."""
    headers = ["Accept: application/json", "Authorization: {KEY}", "User-Agent: ClickSend-SDK/6.0.0/java"]
    headers += ["Content-Type: application/json; charset=utf-8", "Content-Length: {LENGTH}"] if body else []
    headers += ["Host: {HOST}", "Connection: Keep-Alive", "Accept-Encoding: gzip"]
    return wire(f"{method} {path} HTTP/1.1", headers, body)


def php(method: str, path: str) -> str:
    """PHP 5 on Guzzle: a JSON type on every request, never a body."""
    headers = ["Host: {HOST}", "User-Agent: ClickSend-Codegen/1.0.0/php", "Accept: application/json"]
    headers += ["Content-Type: application/json", "Authorization: {KEY}"]
    headers += ["Content-Length: 0"] if method == "POST" else []
    return wire(f"{method} {path} HTTP/1.1", headers)


def ruby(method: str, path: str) -> str:
    """Ruby 5 on libcurl: no escaping of path parameters, a JSON type on every request, never a body."""
    headers = ["Host: {HOST}", "Content-Type: application/json", "User-Agent: ClickSend-Codegen/5.0.89/ruby"]
    headers += ["Accept: application/json", "Authorization: {KEY}"]
    headers += ["Content-Length: 0"] if method == "POST" else []
    return wire(f"{method} {path} HTTP/1.1", headers)


def bought(client: str, request: str) -> None:
    body = send(request).must_be(200, shapes.BUY)
    assert body["data"]["dedicated_number"] == NUMBERS[client], body
    assert sales_of(NUMBERS[client]) == 1, f"{sales_of(NUMBERS[client])} sales"


@check
def go_searches():
    send(go("GET", f"/v3/numbers/search/{COUNTRY}")).must_be(200, shapes.SEARCH)


@check
def go_lists_with_its_defaults_always_sent():
    send(go("GET", "/v3/numbers?exclude_10dlc_campaign=false&limit=15&page=1")).must_be(200, shapes.LIST)


@check
def go_lists_with_filters():
    query = f"exclude_10dlc_campaign=false&limit=100&page=1&q=type%3Asms%2Ccountry%3A{COUNTRY}"
    body = send(go("GET", f"/v3/numbers?{query}")).must_be(200, shapes.LIST)
    assert body["data"]["per_page"] == 100, body


@check
def go_buys_with_a_bare_plus_in_the_path():
    # url.PathEscape leaves a plus as it is.
    number = NUMBERS["go"]
    body = f'{{"dedicated_number":"{number}","type":"sms"}}'
    bought("go", go("POST", f"/v3/numbers/buy/{number}?type=sms", body))


@check
def go_registers():
    path = "/v3/numbers/registrations/number-types/10dlc/country/CA"
    send(go("POST", path, CAMPAIGN)).must_be(200, shapes.REGISTERED)


@check
def go_registers_without_a_request_and_reads_the_refusal():
    # A nil request is encoded as null; a 400 is decoded into a model that knows four keys.
    path = "/v3/numbers/registrations/number-types/10dlc/country/CA"
    body = send(go("POST", path, "null")).must_be(400, shapes.FAULTY)
    assert all(isinstance(text, str) for text in (body["data"] or {}).values()), body


@check
def java_searches():
    send(java("GET", f"/v3/numbers/search/{COUNTRY}")).must_be(200, shapes.SEARCH)


@check
def java_lists():
    send(java("GET", "/v3/numbers?page=1&limit=15")).must_be(200, shapes.LIST)


@check
def java_buys():
    number = NUMBERS["java"]
    body = f'{{"dedicated_number":"{number}","type":"sms"}}'
    bought("java", java("POST", f"/v3/numbers/buy/{quote(number, safe='')}", body))


@check
def java_registers():
    path = "/v3/numbers/registrations/number-types/10dlc/country/CA"
    send(java("POST", path, CAMPAIGN.replace("Go ", "Java "))).must_be(200, shapes.REGISTERED)


@check
def php_searches_with_the_sample_of_the_documentation():
    path = f"/v3/numbers/search/{COUNTRY}?search=88&search_type=56&page=1&limit=10"
    send(php("GET", path)).must_be(200, shapes.SEARCH)


@check
def php_lists():
    send(php("GET", "/v3/numbers?page=1&limit=10")).must_be(200, shapes.LIST)


@check
def php_buys_without_a_body():
    bought("php", php("POST", f"/v3/numbers/buy/{quote(NUMBERS['php'], safe='')}"))


@check
def ruby_searches():
    path = f"/v3/numbers/search/{COUNTRY}?search=88&search_type=1&page=1&limit=15"
    send(ruby("GET", path)).must_be(200, shapes.SEARCH)


@check
def ruby_lists():
    send(ruby("GET", "/v3/numbers?page=1&limit=10")).must_be(200, shapes.LIST)


@check
def ruby_buys_with_a_bare_plus_in_the_path():
    bought("ruby", ruby("POST", f"/v3/numbers/buy/{NUMBERS['ruby']}"))


@check
def curl_buys_again_with_an_empty_form():
    # What curl -X POST -d '' sends: the type of a form, and no byte of one.
    headers = ["Host: {HOST}", "Authorization: {KEY}", "User-Agent: curl/8.5.0", "Accept: */*"]
    headers += ["Content-Length: 0", "Content-Type: application/x-www-form-urlencoded"]
    bought("php", wire(f"POST /v3/numbers/buy/{NUMBERS['php']} HTTP/1.1", headers))


@check
def slashes_and_versions_too_many_are_taken_out():
    for prefix in ("//v3/", "/v3//", "/v3/v3/", "//v3//v3//"):
        send(go("GET", f"{prefix}numbers")).must_be(200, shapes.LIST)
        bought("go", go("POST", f"{prefix}numbers/buy/{NUMBERS['go']}", "{}"))
    send(go("GET", "/v3/numbers/?page=2")).must_be(200, shapes.LIST)


@check
def a_page_link_of_an_answer_leads_to_the_gateway():
    body = send(go("GET", f"/v3/numbers/search/{COUNTRY}?limit=15")).must_be(200, shapes.SEARCH)
    link = body["data"]["next_page_url"]
    assert link and "clicksend.com" not in link, link


@check
def a_key_with_a_colon_is_split_at_the_first_one():
    key = basic(TOKENS["requester"] + ":more")
    headers = ["Host: {HOST}", f"Authorization: {key}", "Accept: application/json"]
    send(wire("GET /v3/numbers HTTP/1.1", headers)).must_be(401, shapes.REFUSED)


@check
def refusals_have_the_envelope_and_no_long_retry_after():
    for path in ("/v3/numbers/search/Atlantis", "/v3/numbers?page=first", "/v3/numbers?q=colour:red"):
        answer = send(go("GET", path))
        answer.must_be(400, shapes.FAULTY)
        assert int(answer.headers.get("Retry-After", 0)) <= 2, answer.headers
    send(go("GET", "/v3/sms/history")).must_be(404, shapes.REFUSED)


run()
