"""Ports for the servers of tests that have to be known before the servers start."""

import random
import socket


def free_port():
    """A port of loopback that nobody listens on. It is below the range from which the kernel takes
    the ports of outgoing connections, so that no connection can take it before the server does, or
    between two runs of the server."""
    for _ in range(100):
        port = random.randrange(10000, 32000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue  # somebody has it
            return port
    raise RuntimeError("no free port on 127.0.0.1")
