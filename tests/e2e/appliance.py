"""Starts and stops a real kubase appliance in a temporary directory, for the end-to-end tests."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ports import free_port

KUBASE = os.environ["KUBASE_BIN"]
START_SECONDS = 180  # generous: sanitized builds and busy machines start slowly


def wait_until(condition, seconds, what):
    """Polls `condition` until it returns something true, which is returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.05)


class Appliance:
    def __init__(self, *arguments):
        self.directory = tempfile.mkdtemp(prefix="kubase-e2e-")
        self.data_dir = os.path.join(self.directory, "data")
        self.arguments = list(arguments)
        self.starter = []  # in front of the command of up()
        self.port = free_port()
        self.process = None
        # A home of its own: the user's kubeconfig is none of the tests' business.
        self.environment = dict(os.environ, HOME=self.directory)
        for name in ("KUBECONFIG", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
            self.environment.pop(name, None)

    def command(self, verb, *arguments):
        return [KUBASE, verb, "--data-dir", self.data_dir, *arguments]

    def run(self, verb, *arguments, timeout=120, stdin=None):
        return subprocess.run(
            self.command(verb, *arguments), env=self.environment, input=stdin,
            capture_output=True, text=True, timeout=timeout, check=False)

    def up(self):
        """Starts `kubase up` in the foreground and returns the seconds until it was ready."""
        started = time.monotonic()
        with open(os.path.join(self.directory, "up.log"), "ab") as log:
            self.process = subprocess.Popen(
                [*self.starter,
                 *self.command("up", "--secure-port", str(self.port), *self.arguments)],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        wait_until(self._ready_or_dead, START_SECONDS, "ready")
        return time.monotonic() - started

    def _ready_or_dead(self):
        if self.process.poll() is not None:
            raise AssertionError(f"kubase up ended with {self.process.returncode}:\n{self.tail()}")
        return self.is_ready()

    def is_ready(self):
        """Every component that this appliance runs is ready, by its own word."""
        status = self.run("status", "-o", "json")
        if status.returncode != 0:
            return False
        processes = json.loads(status.stdout)["processes"]
        return len(processes) >= 2 and all(p["state"] == "ready" for p in processes)

    def log(self):
        with open(os.path.join(self.directory, "up.log"), "rb") as log:
            return log.read().decode(errors="replace")

    def tail(self):
        return self.log()[-4000:]

    def kubectl(self, *arguments, stdin=None, check=True, timeout=120):
        result = subprocess.run(
            [KUBASE, "kubectl", "--data-dir", self.data_dir, *arguments], env=self.environment,
            input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        if check and result.returncode != 0:
            raise AssertionError(
                f"kubectl {' '.join(arguments)}: {result.stdout}{result.stderr}\n{self.tail()}")
        return result

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "-o", "json").stdout)

    def apply(self, *documents):
        items = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        return self.kubectl("create", "-f", "-", stdin=json.dumps(items))

    def kill(self):
        """kill -9 of kubase alone; its children have to notice by themselves."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=60):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout)
        return None if self.process is None else self.process.returncode

    def close(self):
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def children_of(pid):
    """The processes that have `pid` as parent, by /proc."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                if int(stat.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return found


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def rss_megabytes(pid):
    with open(f"/proc/{pid}/statm", encoding="utf-8") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
