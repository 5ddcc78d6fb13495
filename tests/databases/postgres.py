#!/usr/bin/env python3
"""postgres.py [--sync] [--disk MIB] [--tls] -- COMMAND… runs the command with KUBASE_TEST_ENDPOINT
set to a PostgreSQL server of its own. --sync: with fsync, for what measures or cuts the power.
--disk: on a disk of that size, which can be filled. --tls: with certificates."""

import glob
import pathlib
import sys

import server

ADMINISTRATOR = "postgres"  # a superuser


def programs():
    """The directory of the newest server that is installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"),
                   key=lambda path: int(path.split("/")[4]))
    if not found:
        sys.exit("postgres.py: there is no PostgreSQL server; install the package postgresql-15")
    return pathlib.Path(found[-1]).parent


class Postgres(server.Server):
    name = user = "postgres"

    @property
    def endpoint(self):
        return f"postgres://kubase@127.0.0.1:{self.port}/test"

    def create(self):
        self.programs = programs()
        self.run(self.programs / "initdb", "--no-sync", "--auth=trust", "--no-locale",
                 "--encoding=UTF8", f"--username={ADMINISTRATOR}", "--pgdata", self.data)
        # As a managed server has it: who uses the database is no superuser.
        self.run(self.programs / "postgres", "--single", "-D", self.data, "postgres",
                 text="CREATE ROLE kubase LOGIN CREATEDB\nCREATE DATABASE test OWNER kubase\n"
                      "CREATE ROLE limited LOGIN\n")
        if self.tls:
            self.secure()

    def secure(self):
        self.run(self.programs / "postgres", "--single", "-D", self.data, "postgres",
                 text="CREATE ROLE secured LOGIN CREATEDB\nCREATE ROLE certified LOGIN CREATEDB\n")
        rules = self.data / "pg_hba.conf"
        rules.write_text("hostssl all secured all trust\n"
                         "hostssl all certified all trust clientcert=verify-ca\n"
                         "host all secured,certified all reject\n" + rules.read_text())

    def start(self):
        self.start_node(self.data, self.port)

    def stop(self, crash=False):
        self.stop_node(self.data, crash)

    def alive(self):
        return self.succeeds(self.programs / "pg_ctl", "status", "--pgdata", self.data)

    def writes(self):
        return self.succeeds(self.programs / "psql", self.endpoint, "--command",
                             "CREATE TABLE probe(); DROP TABLE probe")

    def refuse(self):
        self.administer(self.port, "ALTER ROLE kubase CONNECTION LIMIT 0")

    def admit(self):
        self.administer(self.port, "ALTER ROLE kubase CONNECTION LIMIT -1")

    def administer(self, port, text):
        """Gives what it answers."""
        answer = self.root / "answer"
        self.run(self.programs / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
                 "--host=127.0.0.1", f"--port={port}", f"--username={ADMINISTRATOR}",
                 "--dbname=postgres", f"--output={answer}", "--command", text)
        return answer.read_text(encoding="utf-8").strip()

    def start_node(self, data, port):
        sync = "on" if self.sync else "off"
        options = (f"-c listen_addresses=127.0.0.1 -c port={port} "
                   f"-c unix_socket_directories= -c fsync={sync} -c max_connections=200 "
                   "-c shared_buffers=128MB -c max_wal_size=2GB")
        if self.tls:
            options += (f" -c ssl=on -c ssl_ca_file={self.tls.path('ca.crt')}"
                        f" -c ssl_cert_file={self.tls.path('server.crt')}"
                        f" -c ssl_key_file={self.tls.path('server.key')}")
        self.run(self.programs / "pg_ctl", "start", "--wait", "--silent", "--pgdata", data,
                 "--log", self.root / "log", "--options", options)

    def stop_node(self, data, crash):
        self.run(self.programs / "pg_ctl", "stop", "--wait", "--silent", "--pgdata", data,
                 "--mode", "immediate" if crash else "fast")


if __name__ == "__main__":
    server.main(Postgres)
