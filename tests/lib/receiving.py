"""A receiver on a free port of this machine: what is posted to it is handed on, from a thread."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def receive(take, status: int = 204, port: int = 0) -> int:
    """Gives `take` the path, the headers and the body of each POST before it is answered; the port that it listens on."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            take(self.path, self.headers, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port
