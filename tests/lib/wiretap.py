"""Stands between clients and one HTTP server and keeps every byte that was answered.

    wiretap.py URL FILE

Prints its own URL when it listens. It copies bytes and reads none of them, so what a client sends arrives as it was
sent; the answers of all connections are appended to FILE one after the other.
"""

import socket
import sys
import threading
from urllib.parse import urlsplit

# Longer than the gateway lets a buy take (25 s): a silence beyond that is a fault to be seen, not to be waited out.
SILENCE = 40


def copy(source: socket.socket, sink: socket.socket, keep=lambda chunk: None) -> None:
    """Copies until the source ends, then tells the sink that nothing more comes."""
    try:
        while chunk := source.recv(65536):
            keep(chunk)
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # Either end went away in the middle; the other must see that too, not hang.
        for end in (source, sink):
            end.close()


def serve(client: socket.socket, server_address, keep) -> None:
    with client, socket.create_connection(server_address, timeout=SILENCE) as server:
        client.settimeout(SILENCE)
        asking = threading.Thread(target=copy, args=(client, server), daemon=True)
        asking.start()
        copy(server, client, keep)
        asking.join(SILENCE)


def main(url: str, path: str) -> None:
    target = urlsplit(url)
    with open(path, "ab", buffering=0) as answers, socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            client, _ = listener.accept()
            arguments = (client, (target.hostname, target.port), answers.write)
            threading.Thread(target=serve, args=arguments, daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
