"""Crashes, restarts and neighbours."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import unittest

import workloads
from appliance import KUBASE, Appliance, children_of, is_running, wait_until


# Holds the lock file that is its argument, as kubase does, and does not end at a SIGTERM.
HOLDER = """
import fcntl, os, signal, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print(os.getpid(), file=file, flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("held", flush=True)
signal.sigwait([signal.SIGTERM])
print("asked", flush=True)
signal.pause()
"""


class Crash(unittest.TestCase):
    def setUp(self):
        self.appliance = Appliance()
        self.addCleanup(self.appliance.close)
        self.appliance.up()

    def write_until_killed(self, worker, acknowledged, begun):
        for i in range(10_000):
            name = f"w{worker}-{i}"
            result = self.appliance.kubectl(
                "create", "configmap", name, f"--from-literal=n={i}", "--request-timeout=5s",
                check=False)
            if result.returncode != 0:
                return
            acknowledged.add(name)
            begun.set()

    def test_every_acknowledged_object_survives_kill(self):
        watch = subprocess.Popen(
            [KUBASE, "kubectl", "--data-dir", self.appliance.data_dir, "get", "configmaps",
             "--watch", "-o", "name", "--output-watch-events"],
            env=self.appliance.environment, stdout=subprocess.PIPE, text=True)
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        acknowledged, begun = set(), [threading.Event() for _ in range(3)]
        workers = [threading.Thread(target=self.write_until_killed, args=(i, acknowledged, e))
                   for i, e in enumerate(begun)]
        for worker in workers:
            worker.start()
        for event in begun:
            self.assertTrue(event.wait(60))
        wait_until(lambda: len(acknowledged) >= 15, 60, "fifteen objects are acknowledged")
        children = children_of(self.appliance.process.pid)
        self.assertGreaterEqual(len(children), 2)
        self.appliance.kill()
        for worker in workers:
            worker.join()
        wait_until(lambda: not any(map(is_running, children)), 10, "no orphan is left")

        self.appliance.up()
        items = self.appliance.get("configmaps")["items"]
        stored = {item["metadata"]["name"]: item["data"] for item in items}
        self.assertLessEqual(acknowledged, set(stored))
        for name in acknowledged:
            self.assertEqual(stored[name], {"n": name.partition("-")[2]})
        print(f"\n{len(acknowledged)} acknowledged objects survived")

    def test_a_watch_resumes_from_where_it_was(self):
        self.appliance.apply(workloads.config_map("before"))
        revision = self.appliance.get("configmap", "before")["metadata"]["resourceVersion"]
        self.appliance.apply(workloads.config_map("between"))
        self.appliance.kill()
        self.appliance.up()
        self.appliance.apply(workloads.config_map("after"))
        path = ("/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=3"
                f"&resourceVersion={revision}")
        lines = self.appliance.kubectl("get", "--raw", path).stdout.splitlines()
        names = [json.loads(line)["object"]["metadata"]["name"] for line in lines]
        self.assertEqual([n for n in names if n != "kube-root-ca.crt"], ["between", "after"])

    def test_a_killed_child_comes_back(self):
        self.kill_children()

    def kill_children(self):
        killed = children_of(self.appliance.process.pid)
        for child in killed:
            os.kill(child, 9)
        def replaced():
            children = children_of(self.appliance.process.pid)
            return len(children) >= 2 and not set(killed) & set(children)
        wait_until(replaced, 60, "both children run again")
        wait_until(self.appliance.is_ready, 60, "ready again")

    def test_a_starter_that_ignores_its_children_and_a_lock_that_a_crash_has_left(self):
        self.appliance.stop()
        self.appliance.starter = ["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"]
        lock = os.path.join(self.appliance.directory, ".kube", "config.lock")
        with open(lock, "w", encoding="utf-8"):
            pass
        self.appliance.up()
        wait_until(lambda: "is locked by another program" in self.appliance.tail(), 60,
                   "it says that the kubeconfig is locked")
        self.kill_children()


class Lifecycle(unittest.TestCase):
    def test_detached_up_status_down_and_reset(self):
        appliance = Appliance()
        self.addCleanup(subprocess.run, ["rm", "-rf", appliance.directory], check=False)
        # The process in the background works elsewhere: the path is meant from here.
        up = subprocess.run(
            appliance.command("up", "--detach", "--secure-port", str(appliance.port)),
            env=dict(appliance.environment, KUBECONFIG="kube/config"), cwd=appliance.directory,
            capture_output=True, text=True, timeout=180, check=False)
        self.assertEqual(up.returncode, 0, up.stdout + up.stderr)
        merged = os.path.join(appliance.directory, "kube", "config")
        with open(merged, encoding="utf-8") as config:
            self.assertIn("kubase-data", config.read())
        status = appliance.run("status", "-o", "json")
        self.assertEqual(status.returncode, 0, status.stderr)
        processes = {p["name"]: p["state"] for p in json.loads(status.stdout)["processes"]}
        self.assertEqual(processes.get("kube-apiserver"), "ready")
        self.assertEqual(appliance.kubectl("get", "--raw", "/readyz").stdout.strip(), "ok")
        for secret in ("kubeconfig", "pki"):
            for folder, _, files in os.walk(os.path.join(appliance.data_dir, secret)):
                for name in files:
                    if name.endswith(".key") or secret == "kubeconfig":
                        mode = os.stat(os.path.join(folder, name)).st_mode & 0o777
                        self.assertEqual(mode, 0o600, name)
        refused = appliance.run("reset", "--yes")
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(appliance.run("down").returncode, 0)
        self.assertEqual(appliance.run("status").returncode, 3)
        self.assertEqual(appliance.run("reset", "--yes").returncode, 0)
        self.assertFalse(os.path.exists(os.path.join(appliance.data_dir, "db")))
        self.assertFalse(os.path.exists(merged))  # it held nothing else

    def hold(self, appliance):
        """A process in the place of a kubase that works on the data directory."""
        self.addCleanup(subprocess.run, ["rm", "-rf", appliance.directory], check=False)
        os.mkdir(appliance.data_dir, mode=0o700)
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, os.path.join(appliance.data_dir, "lock")],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        self.assertEqual(holder.stdout.readline(), "held\n")
        return holder

    def test_interrupt_ends_a_verb_that_waits(self):
        appliance = Appliance()
        stubborn = self.hold(appliance)
        down = subprocess.Popen(appliance.command("down", "--timeout", "10m"))
        self.addCleanup(down.kill)
        self.assertEqual(stubborn.stdout.readline(), "asked\n")
        down.send_signal(signal.SIGINT)
        self.assertEqual(down.wait(10), -signal.SIGINT)

    def test_kubectl_where_none_was_unpacked(self):
        appliance = Appliance()
        self.hold(appliance)
        os.mkdir(os.path.join(appliance.data_dir, "kubeconfig"))
        with open(os.path.join(appliance.data_dir, "kubeconfig", "admin.kubeconfig"), "w",
                  encoding="utf-8"):
            pass
        refused = appliance.kubectl("version", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--control-plane-dir", refused.stderr)

    def test_fsck_finds_and_repairs_what_is_missing_in_the_index(self):
        first = Appliance()
        self.addCleanup(first.close)
        first.up()
        for name in ("a", "b"):
            document = workloads.config_map(name)
            document["metadata"]["labels"] = {"marked": "yes"}
            first.apply(document)
        running = first.run("fsck")
        self.assertEqual(running.returncode, 1)
        self.assertIn("stop it or choose another database", running.stderr)
        self.assertEqual(first.stop(), 0)
        sound = first.run("fsck")
        self.assertEqual((sound.returncode, sound.stderr), (0, ""))
        self.assertRegex(sound.stdout, r"^Checked [1-9][0-9,]* objects of [1-9]")

        database = sqlite3.connect(os.path.join(first.data_dir, "db", "kubase.db"))
        deleted = database.execute("DELETE FROM attributes WHERE value = CAST('yes' AS BLOB) AND "
                                   "object_name = CAST('default/a' AS BLOB)").rowcount
        database.commit()
        database.close()
        self.assertEqual(deleted, 1)
        found = first.run("fsck")
        self.assertEqual(found.returncode, 1)
        self.assertIn("/registry/configmaps/default/a: the entry l/marked=yes is missing",
                      found.stdout)
        repaired = first.run("fsck", "--repair")
        self.assertEqual(repaired.returncode, 0, repaired.stdout)
        self.assertEqual(first.run("fsck").returncode, 0)
        first.up()
        marked = first.get("configmaps", "-l", "marked=yes")["items"]
        self.assertEqual({item["metadata"]["name"] for item in marked}, {"a", "b"})

    def test_two_appliances_side_by_side(self):
        first, second = Appliance(), Appliance()
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        first.up()
        second.up()
        first.apply(workloads.config_map("only-here"))
        self.assertNotEqual(second.kubectl("get", "configmap", "only-here",
                                           check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
