"""What the database servers of the tests have in common."""

import argparse
import contextlib
import errno
import os
import pathlib
import pwd
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ports import free_port

SKIPPED = 77  # as CMake's tests say it (SKIP_RETURN_CODE)


class Certificates:
    """Certificates of a server for the name "localhost", of a client, and those of another CA, as
    PEM files. The server lets the user `secured` in with TLS alone, and `certified` with a client's
    certificate alone."""

    def __init__(self, server):
        self.server = server
        self.directory = server.root / "tls"
        server.run("mkdir", self.directory)
        for authority in ("ca", "other-ca"):
            self._issue(authority, f"/CN=kubase test {authority}",
                        "basicConstraints=critical,CA:TRUE")
        self._issue("server", "/CN=kubase test server", "subjectAltName=DNS:localhost", "ca")
        self._issue("client", "/CN=certified", "extendedKeyUsage=clientAuth", "ca")
        self._issue("other-client", "/CN=certified", "extendedKeyUsage=clientAuth", "other-ca")

    def path(self, name):
        return self.directory / name

    def _issue(self, name, subject, extension, authority=None):
        signed = [] if authority is None else ["-CA", self.path(f"{authority}.crt"),
                                               "-CAkey", self.path(f"{authority}.key")]
        self.server.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-noenc", "-days", "7", "-subj", subject,
                        "-addext", extension, *signed, "-keyout", self.path(f"{name}.key"),
                        "-out", self.path(f"{name}.crt"))


class Server:
    """A server with its data in a temporary directory, on a free port of loopback. Not running
    until start(); the data stays until remove()."""

    name = user = ""  # of the engine; of the account that it runs as when we are root
    others = ("refuse", "admit")  # commands that are methods

    def __init__(self, sync=False, disk=None, tls=False):
        """`disk`: the data is on a disk of its own, of so many MiB. `tls`: for who asks for it."""
        self.sync = sync
        self.port = free_port()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix=f"kubase-{self.name}-"))
        self.disk = self.root / "disk"
        self.disk.mkdir()
        if disk is not None:
            self.others = (*self.others, "fill", "drain")
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk}m", "tmpfs", self.disk],
                           check=True)
        self.data = self.disk / "data"
        self.account = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            for directory in (self.root, self.disk):
                os.chown(directory, account.pw_uid, account.pw_gid)
            self.account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        try:
            self.tls = Certificates(self) if tls else None
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

    def alive(self):
        """Whether it has not ended by itself; one that is about to is waited for."""
        raise NotImplementedError

    def writes(self):
        """Whether it takes a write now."""
        raise NotImplementedError

    def refuse(self):
        """Has no place for any new connection; the others stay."""
        raise NotImplementedError

    def admit(self):
        """Has places again."""
        raise NotImplementedError

    def fill(self):
        """Leaves no room on the disk."""
        with open(self.disk / "ballast", "ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(1 << 16))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def drain(self):
        """Gives the room back, and the server when it has ended for want of it."""
        (self.disk / "ballast").unlink()
        while self.alive():
            if self.writes():
                return
        self.start()

    def remove(self):
        if os.path.ismount(self.disk):
            subprocess.run(["umount", self.disk], check=True)
        shutil.rmtree(self.root)

    @contextlib.contextmanager
    def running(self):
        """Started, and gone in the end."""
        try:
            self.start()
            self.up = True
            try:
                yield self
            finally:
                self.obey("crash")
        finally:
            self.remove()

    def obey(self, command):
        """start, stop or crash, unless it is so already; or one of the others."""
        if command in self.others:
            getattr(self, command)()
            return
        if command not in ("start", "stop", "crash"):
            raise ValueError(f"{command!r} is no command of {self.name}")
        if self.up == (command == "start"):
            return
        if command == "start":
            self.start()
        else:
            self.stop(crash=command == "crash")
        self.up = not self.up

    def succeeds(self, *command):
        try:
            self.run(*command)
        except RuntimeError:
            return False
        return True

    def run(self, *command, text=""):
        """Runs a program as the account of the server. `text`: its input."""
        # Its output goes to a file: a server that it starts inherits it, and a pipe would not end.
        with open(self.root / "output", "a+", encoding="utf-8") as output:
            done = subprocess.run([str(part) for part in command], input=text, text=True,
                                  stdout=output, stderr=output, cwd=self.root, check=False,
                                  **self.account)
            if done.returncode != 0:
                output.seek(0)
                raise RuntimeError(f"{command[0]} failed: {output.read()}")


@contextlib.contextmanager
def controlled(server):
    """Gives the path of a socket: a line with a command there is obeyed, and answered with "ok" or
    what went wrong."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            try:
                server.obey(self.rfile.readline().decode().strip())
                self.wfile.write(b"ok\n")
            except (OSError, RuntimeError, ValueError) as error:
                self.wfile.write(f"{error}\n".encode())

    with tempfile.TemporaryDirectory(prefix="kubase-control-") as directory:
        path = os.path.join(directory, "socket")
        with socketserver.UnixStreamServer(path, Handler) as listener:
            threading.Thread(target=listener.serve_forever, daemon=True).start()
            try:
                yield path
            finally:
                listener.shutdown()


def with_own_mounts():
    """Starts this program again where what it mounts goes with it."""
    marker = "KUBASE_TEST_MOUNTS"
    if os.environ.get(marker) is not None:
        return
    unshare = ["unshare", "--mount"]
    if subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/tmp"], check=False).returncode:
        print("--disk mounts one, which this user or this machine may not: skipped")
        sys.exit(SKIPPED)
    os.environ[marker] = "own"
    os.execvp(unshare[0], [*unshare, sys.executable, "-B", *sys.argv])


def main(kind):
    """Runs a command with KUBASE_TEST_ENDPOINT set to a server of its own, and with
    KUBASE_TEST_CONTROL set to a socket where it can be stopped and started."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--sync", action="store_true", help="with fsync")
    parser.add_argument("--disk", type=int, metavar="MIB",
                        help="with the data on a disk of this size; needs the right to mount")
    parser.add_argument("--tls", action="store_true",
                        help="with certificates, in the directory KUBASE_TEST_TLS")
    parser.add_argument("--flag", help="give the endpoint to the command as this flag, too")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    if arguments.disk is not None:
        with_own_mounts()
    one = kind(arguments.sync, arguments.disk, arguments.tls)
    with one.running() as server, controlled(server) as control:
        environment = {**os.environ, "KUBASE_TEST_ENDPOINT": server.endpoint,
                       "KUBASE_TEST_CONTROL": control}
        if server.tls:
            environment["KUBASE_TEST_TLS"] = str(server.tls.directory)
        command = arguments.command
        if arguments.flag:
            command = [*command, arguments.flag, server.endpoint]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
