"""Prints how many milliseconds pass from the start of a program to its first request, each of several times.

first_request.py ROUNDS COMMAND...    in the command, URL stands for the address of a server that answers `true`"""

import re
import socket
import subprocess
import sys
import threading
import time

REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\ntrue"
PATIENCE = 20  # seconds, for each of the rounds


def answer(connection, arrivals):
    """Answers every request of a connection until it is closed."""
    held = b""
    with connection:
        while more := connection.recv(65536):
            arrivals.append(time.monotonic())
            held += more
            while (end := held.find(b"\r\n\r\n")) >= 0:
                end += 4 + int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", held)[1])
                if len(held) < end:
                    break
                held = held[end:]
                connection.sendall(REPLY)


def accept(server, arrivals):
    """Takes every connection."""
    while True:
        connection, _ = server.accept()
        threading.Thread(target=answer, args=(connection, arrivals), daemon=True).start()


def main(rounds, command):
    """Runs the command so many times, one after the other."""
    arrivals = []
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=accept, args=(server, arrivals), daemon=True).start()
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    command = [url if word == "URL" else word for word in command]
    for _ in range(rounds):
        arrivals.clear()
        start = time.monotonic()
        subprocess.run(command, check=True, timeout=PATIENCE)
        print(f"{(arrivals[0] - start) * 1000:.2f}")


main(int(sys.argv[1]), sys.argv[2:])
