#!/usr/bin/env python3
"""mariadb.py [--sync] [--disk MIB] [--tls] -- COMMAND… runs the command with KUBASE_TEST_ENDPOINT
set to a MariaDB server of its own. --sync: with fsync, for what measures or cuts the power.
--disk: on a disk of that size, which can be filled. --tls: with certificates."""

import os
import signal
import socket
import subprocess
import time

import server

START_SECONDS = 60
MAX_CONNECTIONS = 200


class MariaDB(server.Server):
    name, user = "mariadb", "mysql"
    process = None
    log_begin = 0  # in the log, of what this process says

    @property
    def endpoint(self):
        return f"mysql://kubase@tcp(127.0.0.1:{self.port})/test"

    def create(self):
        self.crowd = []  # connections of nobody
        self.extra_port = server.free_port()  # not counted among the others
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.data}",
                 "--auth-root-authentication-method=normal", "--skip-test-db")
        (self.root / "init.sql").write_text(
            "CREATE USER IF NOT EXISTS kubase@'%';\n"
            "GRANT ALL ON *.* TO kubase@'%' WITH GRANT OPTION;\n"
            "CREATE USER IF NOT EXISTS limited@'%';\n"
            # Whom read_only keeps from writing.
            "CREATE USER IF NOT EXISTS plain@'%';\n"
            "GRANT ALL ON *.* TO plain@'%';\n"
            "REVOKE SUPER, READ ONLY ADMIN ON *.* FROM plain@'%';\n"
            "CREATE DATABASE IF NOT EXISTS test;\n" + self._secured_users(), encoding="utf-8")

    def _secured_users(self):
        if not self.tls:
            return ""
        return ("CREATE USER IF NOT EXISTS secured@'%' REQUIRE SSL;\n"
                "CREATE USER IF NOT EXISTS certified@'%' REQUIRE X509;\n"
                "GRANT ALL ON *.* TO secured@'%';\nGRANT ALL ON *.* TO certified@'%';\n")

    def start(self):
        flags = (["--innodb-flush-log-at-trx-commit=1"] if self.sync else
                 ["--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"])
        if self.tls:
            flags += [f"--ssl-ca={self.tls.path('ca.crt')}",
                      f"--ssl-cert={self.tls.path('server.crt')}",
                      f"--ssl-key={self.tls.path('server.key')}"]
        with open(self.root / "log", "a", encoding="utf-8") as log:
            self.log_begin = log.tell()
            self.process = subprocess.Popen(
                ["mariadbd", "--no-defaults", f"--datadir={self.data}", f"--port={self.port}",
                 "--bind-address=127.0.0.1", f"--socket={self.root / 'socket'}",
                 f"--pid-file={self.root / 'pid'}", f"--init-file={self.root / 'init.sql'}",
                 "--skip-name-resolve", f"--max-connections={MAX_CONNECTIONS}",
                 f"--extra-port={self.extra_port}",
                 "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=512M", *flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.root, **self.account)
        try:
            self._await_ready()
        except BaseException:
            self.stop(crash=True)
            raise

    def _await_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            asked = subprocess.run(
                ["mariadb-admin", "--no-defaults", "--host=127.0.0.1", f"--port={self.port}",
                 "--user=kubase", "ping"], capture_output=True, check=False)
            if asked.returncode == 0 and b"alive" in asked.stdout:
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.root / "log").read_text(errors="replace"))
            time.sleep(0.05)

    def alive(self):
        # What it says before it ends itself takes it a while.
        with open(self.root / "log", "rb") as log:
            log.seek(self.log_begin)
            said = log.read()
        if b"[FATAL]" in said or b"got signal" in said:
            self.process.wait(START_SECONDS)
        return self.process.poll() is None

    def writes(self):
        return self.succeeds(*self._client(self.port, "CREATE OR REPLACE TABLE test.probe(x INT);"
                                           "DROP TABLE test.probe"))

    def refuse(self):
        # The limit is below what is connected, so that whoever leaves makes no room.
        least_limit = 10
        self._administer("SET GLOBAL connect_timeout = 600")
        for _ in range(2 * least_limit):
            self.crowd.append(socket.create_connection(("127.0.0.1", self.port)))
            self.crowd[-1].recv(1)  # it has its place
        self._administer(f"SET GLOBAL max_connections = {least_limit}")

    def admit(self):
        while self.crowd:
            self.crowd.pop().close()
        self._administer("SET GLOBAL connect_timeout = DEFAULT;"
                         f"SET GLOBAL max_connections = {MAX_CONNECTIONS}")

    def _administer(self, text):
        self.run(*self._client(self.extra_port, text))

    def _client(self, port, text):
        return ("mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={port}", "--user=kubase",
                f"--execute={text}")

    def stop(self, crash=False):
        os.kill(self.process.pid, signal.SIGKILL if crash else signal.SIGTERM)
        self.process.wait()


if __name__ == "__main__":
    server.main(MariaDB)
