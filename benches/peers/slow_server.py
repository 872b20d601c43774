"""A server that answers `true` to every request a fixed time after it came, to a fraction of a millisecond.

    slow_server.py SECONDS

Prints its base URL and serves until it is ended. Threads that sleep keep the time better than an event loop, whose timers
go by the millisecond.
"""

import socket
import sys
import threading
import time

REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\ntrue"


def read_request(stream):
    """Reads one request; false at the end of the connection."""
    head = stream.readline()
    length = 0
    while True:
        line = stream.readline()
        if line in (b"\r\n", b""):
            break
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return bool(head) and len(stream.read(length)) == length


def serve(connection, latency):
    with connection, connection.makefile("rb") as stream:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while read_request(stream):
            came = time.monotonic()
            time.sleep(max(0.0, came + latency - time.monotonic()))
            connection.sendall(REPLY)


def main():
    latency = float(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        print(f"http://127.0.0.1:{server.getsockname()[1]}", flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection, latency), daemon=True).start()


main()
