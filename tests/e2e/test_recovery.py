"""Crashes, restarts, neighbours and bad input."""

import json
import os
import socket
import subprocess
import threading
import unittest

import workloads
from appliance import KUBASE, Appliance, children_of, free_port, is_running, wait_until


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
        killed = children_of(self.appliance.process.pid)
        for child in killed:
            os.kill(child, 9)
        def replaced():
            children = children_of(self.appliance.process.pid)
            return len(children) >= 2 and not set(killed) & set(children)
        wait_until(replaced, 60, "both children run again")
        wait_until(self.appliance.is_ready, 60, "ready again")


class Lifecycle(unittest.TestCase):
    def test_detached_up_status_down_and_reset(self):
        appliance = Appliance()
        self.addCleanup(subprocess.run, ["rm", "-rf", appliance.directory], check=False)
        up = appliance.run("up", "--detach", "--secure-port", str(appliance.port), timeout=180)
        self.assertEqual(up.returncode, 0, up.stdout + up.stderr)
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

    def test_two_appliances_side_by_side(self):
        first, second = Appliance(), Appliance()
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        first.up()
        second.up()
        first.apply(workloads.config_map("only-here"))
        self.assertNotEqual(second.kubectl("get", "configmap", "only-here",
                                           check=False).returncode, 0)


class BadInput(unittest.TestCase):
    def setUp(self):
        self.appliance = Appliance()
        self.addCleanup(subprocess.run, ["rm", "-rf", self.appliance.directory], check=False)

    def refuse(self, *arguments, says):
        result = self.appliance.run("up", "--secure-port", str(self.appliance.port), *arguments)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        for text in says:
            self.assertIn(text, result.stderr)
        self.assertNotIn("terminate called", result.stderr)

    def test_unknown_flag(self):
        self.refuse("--colour=blue", says=["--colour"])

    def test_unknown_endpoint_scheme(self):
        self.refuse("--endpoint", "mongodb://x", says=["mongodb", "sqlite://"])

    def test_port_in_use(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", self.appliance.port))
            listener.listen()
            self.refuse(says=[str(self.appliance.port), "--secure-port"])

    def test_data_directory_is_a_file(self):
        with open(self.appliance.data_dir, "w", encoding="utf-8"):
            pass
        self.refuse(says=[self.appliance.data_dir])

    def test_corrupt_database(self):
        database = os.path.join(self.appliance.directory, "broken.db")
        with open(database, "wb") as file:
            file.write(b"not a database" * 1000)
        self.refuse("--endpoint", f"sqlite://{database}", says=["broken.db", "damaged"])
        self.assertEqual(os.path.getsize(database), 14_000)

    def test_control_plane_that_cannot_run(self):
        folder = os.path.join(self.appliance.directory, "bin")
        os.mkdir(folder)
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write("this is no program")
            os.chmod(path, 0o755)
        self.refuse("--control-plane-dir", folder, says=["kube-apiserver"])

    def test_second_kubase_on_the_same_directory(self):
        self.addCleanup(self.appliance.close)
        self.appliance.up()
        result = self.appliance.run("up", "--secure-port", str(free_port()))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(str(self.appliance.process.pid), result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
