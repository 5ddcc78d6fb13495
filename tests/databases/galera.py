#!/usr/bin/env python3
"""galera.py -- COMMAND… runs the command with KUBASE_TEST_ENDPOINT set to a Galera cluster of three
MariaDB nodes, each of which takes writes."""

import pathlib
import subprocess
import time

import mariadb
import server

PROVIDER = pathlib.Path("/usr/lib/galera/libgalera_smm.so")
NODES = 3
SYNC_SECONDS = 90


class Node:
    def __init__(self, root, number):
        self.name = f"node-{number}"
        self.data = root / self.name
        self.port = server.free_port()
        self.group_port = server.free_port()
        self.incremental_port = server.free_port()
        self.snapshot_port = server.free_port()
        self.process = None


class Galera(mariadb.MariaDB):
    """kill: the node that clients prefer dies. heal: it comes back, behind the others."""

    name = "galera"
    others = ("kill", "heal")

    @property
    def endpoint(self):
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"mysql://kubase@tcp({hosts})/test"

    def create(self):
        if not PROVIDER.exists():
            raise SystemExit("galera.py: there is no Galera; install the packages galera-4, rsync")
        super().create()
        self.nodes = [Node(self.root, number) for number in range(NODES)]
        self.data.rename(self.nodes[0].data)
        for node in self.nodes[1:]:
            self.run("mkdir", node.data)

    def start(self):
        self._start(self.nodes[0], first=True)
        for node in self.nodes[1:]:
            self._start(node)

    def stop(self, crash=False):
        for node in reversed(self.nodes):
            if node.process is not None:
                self._end(node)

    def kill(self):
        self._end(self.nodes[0])
        self.nodes.append(self.nodes.pop(0))

    def heal(self):
        for node in self.nodes:
            if node.process is None:
                self._start(node)

    def _end(self, node):
        node.process.kill()
        node.process.wait()
        node.process = None

    def _start(self, node, first=False):
        group = "" if first else ",".join(f"127.0.0.1:{one.group_port}" for one in self.nodes)
        with open(self.root / f"{node.name}.log", "a", encoding="utf-8") as log:
            node.process = subprocess.Popen(
                ["mariadbd", "--no-defaults", f"--datadir={node.data}", f"--port={node.port}",
                 "--bind-address=127.0.0.1", f"--socket={self.root / node.name}.socket",
                 f"--pid-file={self.root / node.name}.pid", "--skip-name-resolve",
                 f"--init-file={self.root / 'init.sql'}", "--max-connections=200",
                 "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0",
                 "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--wsrep-on=ON",
                 f"--wsrep-provider={PROVIDER}", "--wsrep-cluster-name=kubase-test",
                 f"--wsrep-cluster-address=gcomm://{group}", "--wsrep-sst-method=rsync",
                 f"--wsrep-node-name={node.name}",
                 f"--wsrep-node-address=127.0.0.1:{node.group_port}",
                 f"--wsrep-sst-receive-address=127.0.0.1:{node.snapshot_port}",
                 "--wsrep-provider-options=gcache.size=64M;evs.keepalive_period=PT0.5S;"
                 "evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;"
                 f"gmcast.listen_addr=tcp://127.0.0.1:{node.group_port};"
                 f"ist.recv_addr=127.0.0.1:{node.incremental_port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.root, **self.account)
        deadline = time.monotonic() + SYNC_SECONDS
        while not self._is_synced(node):
            if node.process.poll() is not None or time.monotonic() > deadline:
                log = (self.root / f"{node.name}.log").read_text(errors="replace")
                raise RuntimeError(log[-4000:])
            time.sleep(0.1)

    def _is_synced(self, node):
        asked = subprocess.run(
            ["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={node.port}", "--user=kubase",
             "--skip-column-names", "--execute", "SHOW STATUS LIKE 'wsrep_local_state_comment'"],
            capture_output=True, check=False)
        return asked.returncode == 0 and b"Synced" in asked.stdout


if __name__ == "__main__":
    server.main(Galera)
