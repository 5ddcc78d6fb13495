#!/usr/bin/env python3
"""postgres_pair.py -- COMMAND… runs the command with KUBASE_TEST_ENDPOINT set to a PostgreSQL
server and its asynchronous copy, of which one takes writes."""

import dataclasses
import pathlib
import shutil
import time

import postgres
import server

PATIENCE_SECONDS = 30


@dataclasses.dataclass
class Node:
    data: pathlib.Path
    port: int
    up: bool = False


class PostgresPair(postgres.Postgres):
    """catch_up: returns when the copy has everything. lag: it gets nothing more. failover: the
    primary dies and the copy takes its place. copy: what died becomes a copy of the other."""

    name = "postgres-pair"
    others = ("catch_up", "lag", "failover", "copy")

    @property
    def endpoint(self):
        ports = ",".join(f"127.0.0.1:{node.port}" for node in (self.primary, self.standby))
        return f"postgres://kubase@{ports}/test"

    def create(self):
        super().create()
        self.primary = Node(self.data, self.port)
        self.standby = Node(self.root / "copy", server.free_port())

    def start(self):
        self._start(self.primary)
        self.copy()

    def stop(self, crash=False):
        for node in (self.standby, self.primary):
            if node.up:
                self.stop_node(node.data, crash)
                node.up = False

    def copy(self):
        shutil.rmtree(self.standby.data, ignore_errors=True)
        self.run(self.programs / "pg_basebackup", "--no-sync", "--checkpoint=fast", "--wal-method",
                 "stream", "--write-recovery-conf", "--pgdata", self.standby.data, "--dbname",
                 f"host=127.0.0.1 port={self.primary.port} user={postgres.ADMINISTRATOR}")
        self._start(self.standby)

    def catch_up(self):
        written = self._ask(self.primary, "SELECT pg_current_wal_flush_lsn()")
        self._await(self.standby, f"SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn", "t")

    def lag(self):
        self._ask(self.standby, "ALTER SYSTEM SET primary_conninfo = ''")
        self._ask(self.standby, "SELECT pg_reload_conf()")
        self._await(self.standby, "SELECT count(*) FROM pg_stat_wal_receiver", "0")

    def failover(self):
        self.stop_node(self.primary.data, crash=True)
        self.primary.up = False
        self._ask(self.standby, "SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary

    def _start(self, node):
        self.start_node(node.data, node.port)
        node.up = True

    def _ask(self, node, text):
        return self.administer(node.port, text)

    def _await(self, node, text, wanted):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._ask(node, text) != wanted:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{text} did not become {wanted}")
            time.sleep(0.02)


if __name__ == "__main__":
    server.main(PostgresPair)
