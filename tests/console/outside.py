"""Another site: a program on another port of this machine, whose pages try to use the console through a browser.

To a browser, 127.0.0.1 on another port is another origin but the same site, and `localhost` another site. Both must fail:
the first gets the cookies along, the second does not.
"""

import threading
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Outside:
    """Pages by path, and what came back for them."""

    def __init__(self, port: int):
        self.port = port
        self.pages: dict[str, str] = {}

    def put(self, path: str, body: str) -> None:
        self.pages[path] = f"<!doctype html><html lang=en><title>Outside</title>{body}"

    def form(self, path: str, action: str, fields: dict[str, str]) -> None:
        """A page with a form that posts elsewhere."""
        inputs = "".join(f'<input name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items())
        self.put(path, f'<form method=post action="{escape(action)}">{inputs}<button>Win</button></form>')

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@contextmanager
def outside():
    """The site, while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            page = site.pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((page or "").encode())

        def log_message(self, *_):
            """Says nothing: the browser tells what it saw."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Outside(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
