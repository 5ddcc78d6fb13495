"""kubase as a service of systemd, with a socket of our own in systemd's place."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest

from appliance import KUBASE, START_SECONDS, free_port

USAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "usage.md")


def documented_unit():
    """The example of a unit in the documentation, section by section."""
    with open(USAGE, encoding="utf-8") as usage:
        text = re.search(r"```ini\n(.*?)```", usage.read(), re.S).group(1)
    unit, section = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            section = unit.setdefault(line.strip("[]"), {})
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            section[name] = value
    return text, unit


class Systemd:
    """What systemd gives to a service of Type=notify, and hears of it."""

    def __init__(self, directory, watchdog_seconds):
        path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.environment = {"NOTIFY_SOCKET": path,
                            "WATCHDOG_USEC": str(int(watchdog_seconds * 1_000_000))}

    def hear(self, seconds):
        """The next message as a set of lines; empty when none comes in time."""
        self.socket.settimeout(seconds)
        try:
            return set(self.socket.recv(4096).decode().splitlines())
        except TimeoutError:
            return set()

    def wait_for(self, line, seconds):
        deadline = time.monotonic() + seconds
        heard = []
        while time.monotonic() < deadline:
            message = self.hear(max(0.01, deadline - time.monotonic()))
            if line in message:
                return heard
            heard.append(message)
        raise AssertionError(f"after {seconds} s still no {line} but {heard}")

    def forget(self):
        """Drops what has come so far."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)


class Service(unittest.TestCase):
    watchdog_seconds = 1.6

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="kubase-service-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.systemd = Systemd(self.directory, self.watchdog_seconds)
        self.addCleanup(self.systemd.socket.close)

    def start(self, arguments, **variables):
        environment = dict(os.environ, HOME=self.directory, **self.systemd.environment, **variables)
        for name in ("KUBECONFIG", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
            environment.pop(name, None)
        with open(os.path.join(self.directory, "log"), "ab") as log:
            process = subprocess.Popen([KUBASE, *arguments], env=environment, stdout=log,
                                       stderr=log, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def log(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8") as log:
            return log.read()

    def assert_lives_and_stops(self, process):
        for _ in range(3):
            self.systemd.wait_for("WATCHDOG=1", self.watchdog_seconds)
        process.send_signal(signal.SIGTERM)
        heard = self.systemd.wait_for("STOPPING=1", 20)
        self.assertNotIn({"READY=1"}, heard)
        self.assertEqual(process.wait(60), 0, self.log())
        self.systemd.forget()
        self.assertEqual(self.systemd.hear(0.01), set())

    def serve(self):
        self.database = os.path.join(self.directory, "kubase.db")
        process = self.start(["serve", "--endpoint", self.database, "--metrics-bind-address", "0",
                              "--listen-address", f"127.0.0.1:{free_port()}"])
        self.systemd.wait_for("READY=1", START_SECONDS)
        return process

    def test_serve(self):
        self.assert_lives_and_stops(self.serve())

    def test_silence_while_the_writer_hangs(self):
        process = self.serve()
        self.systemd.wait_for("WATCHDOG=1", self.watchdog_seconds)
        with contextlib.closing(sqlite3.connect(self.database)) as other:
            other.execute("BEGIN IMMEDIATE")  # the writer has to wait for its turn
            deadline = time.monotonic() + 20
            while "does not answer" not in self.log() and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertIn("the writer of the database did not answer", self.log())
            self.systemd.forget()
            self.assertEqual(self.systemd.hear(self.watchdog_seconds), set())
            other.rollback()
        self.systemd.wait_for("WATCHDOG=1", 20)
        self.assert_lives_and_stops(process)

    def test_the_documented_unit(self):
        text, unit = documented_unit()
        service = unit["Service"]
        self.assertEqual(service["Type"], "notify")
        self.assertIn("WatchdogSec", service)
        command = shlex.split(service["ExecStart"])
        self.assertEqual(os.path.basename(command[0]), "kubase")
        process = self.start(
            command[1:], KUBASE_DATA_DIR=os.path.join(self.directory, "data"),
            KUBASE_SECURE_PORT=str(free_port()), KUBASE_STATUS_BIND_ADDRESS="127.0.0.1:0")
        heard = self.systemd.wait_for("READY=1", START_SECONDS)
        self.assertIn({"STATUS=starting kube-apiserver"}, heard)
        self.assertFalse(any("WATCHDOG=1" in message for message in heard))
        self.assert_lives_and_stops(process)

        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            self.skipTest("the unit ran, but there is no systemd-analyze to check its words")
        path = os.path.join(self.directory, "kubase.service")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(command[0], KUBASE))
        checked = subprocess.run([analyze, "verify", "--man=no", path], capture_output=True,
                                 text=True, timeout=60, check=False)
        complaints = [line for line in checked.stderr.splitlines() if "kubase.service" in line]
        self.assertEqual(complaints, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
