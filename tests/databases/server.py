"""What the database servers of the tests have in common."""

import argparse
import contextlib
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A server with its data in a temporary directory, on a free port of loopback. Not running
    until start(); the data stays until remove()."""

    name = user = ""  # of the engine; of the account that it runs as when we are root

    def __init__(self, sync=False):
        self.sync = sync
        self.port = free_port()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix=f"kubase-{self.name}-"))
        self.data = self.root / "data"
        self.account = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            os.chown(self.root, account.pw_uid, account.pw_gid)
            self.account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        try:
            self.create()
        except BaseException:
            self.remove()
            raise

    @property
    def endpoint(self):
        raise NotImplementedError

    def create(self):
        """Makes the data."""
        raise NotImplementedError

    def start(self):
        """Returns when the server answers."""
        raise NotImplementedError

    def stop(self, crash=False):
        """`crash`: without letting it do anything more."""
        raise NotImplementedError

    def remove(self):
        shutil.rmtree(self.root)

    @contextlib.contextmanager
    def running(self):
        """Started, and gone in the end."""
        try:
            self.start()
            try:
                yield self
            finally:
                self.stop(crash=True)
        finally:
            self.remove()

    def run(self, *command):
        """Runs a program as the account of the server."""
        # Its output goes to a file: a server that it starts inherits it, and a pipe would not end.
        with open(self.root / "output", "a+", encoding="utf-8") as output:
            done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                                  stdout=output, stderr=output, cwd=self.root, check=False,
                                  **self.account)
            if done.returncode != 0:
                output.seek(0)
                raise RuntimeError(f"{command[0]} failed: {output.read()}")


def main(kind):
    """Runs a command with KUBASE_TEST_ENDPOINT set to a server of its own."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--sync", action="store_true", help="with fsync")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    with kind(arguments.sync).running() as server:
        environment = {**os.environ, "KUBASE_TEST_ENDPOINT": server.endpoint}
        sys.exit(subprocess.run(arguments.command, env=environment, check=False).returncode)
