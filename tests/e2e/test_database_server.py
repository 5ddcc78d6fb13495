"""The whole appliance with its data on a database server (tests/databases)."""

import json
import os
import socket
import time
import unittest

import workloads
from appliance import Appliance, wait_until

SERVER = os.environ["KUBASE_TEST_ENDPOINT"].rpartition("/")[0]
RECOVERY_SECONDS = 20


def control(command):
    """Starts or ends the database server."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["KUBASE_TEST_CONTROL"])
        connection.sendall(command.encode() + b"\n")
        answer = connection.makefile().readline().strip()
    if answer != "ok":
        raise AssertionError(f"{command}: {answer}")


class DatabaseServer(unittest.TestCase):
    def start(self, database):
        appliance = Appliance("--endpoint", f"{SERVER}/{database}")
        self.addCleanup(appliance.close)
        appliance.up()
        wait_until(lambda: appliance.kubectl("get", "serviceaccount", "default",
                                             check=False).returncode == 0,
                   60, "the default service account exists")
        return appliance

    @staticmethod
    def names(appliance, *arguments):
        return {item["metadata"]["name"] for item in appliance.get(*arguments)["items"]}

    @staticmethod
    def store_problem(appliance):
        status = json.loads(appliance.run("status", "-o", "json").stdout)
        return next(c["problem"] for c in status["checks"] if c["name"] == "store")

    def test_a_cluster_through_an_outage(self):
        cluster = self.start("cluster")
        cluster.apply(workloads.shirt_definition())
        cluster.kubectl("wait", "--for=condition=Established", "crd/shirts.stable.example.com")
        wait_until(lambda: cluster.kubectl("get", "shirts", check=False).returncode == 0,
                   30, "shirts are served")
        cluster.kubectl("create", "namespace", "shop")
        cluster.apply(*(workloads.shirt(f"s{i:02}", ("red", "blue")[i % 2], "shop")
                        for i in range(50)))
        red = {f"s{i:02}" for i in range(0, 50, 2)}
        self.assertEqual(self.names(cluster, "shirts", "-n", "shop", "-l", "color=red"), red)
        self.assertEqual(
            self.names(cluster, "shirts", "-n", "shop", "--field-selector", "spec.color=red"), red)

        control("crash")
        wait_until(lambda: self.store_problem(cluster), 10, "the status names the store")
        refused = cluster.kubectl("get", "shirts", "-n", "shop", "--request-timeout=3s",
                                  check=False)
        self.assertNotEqual(refused.returncode, 0)
        control("start")
        began = time.monotonic()
        wait_until(lambda: cluster.kubectl("create", "configmap", "after", check=False,
                                           timeout=10).returncode == 0,
                   RECOVERY_SECONDS, "objects can be created again")
        print(f"\ncreates again after {time.monotonic() - began:.1f} s")
        self.assertEqual(self.store_problem(cluster), "")
        self.assertEqual(self.names(cluster, "shirts", "-n", "shop", "-l", "color=red"), red)
        cluster.kubectl("delete", "namespace", "shop", "--timeout=90s")
        self.assertEqual(cluster.stop(), 0)
        cluster.up()
        self.assertIn("after", self.names(cluster, "configmaps"))

    def test_a_second_one_stands_by_and_takes_over(self):
        first = self.start("shared")
        second = self.start("shared")
        status = json.loads(second.run("status", "-o", "json").stdout)
        self.assertIn(first.data_dir, status["databases"][0]["leader"])
        second.apply(workloads.config_map("by-second"))
        self.assertIn("by-second", self.names(first, "configmaps"))
        first.kill()
        began = time.monotonic()
        wait_until(lambda: second.kubectl("create", "configmap", "alone", check=False,
                                          timeout=10).returncode == 0,
                   RECOVERY_SECONDS, "the second one leads")
        print(f"\ntook over after {time.monotonic() - began:.1f} s")
        first.up()
        self.assertIn("alone", self.names(first, "configmaps"))


if __name__ == "__main__":
    unittest.main()
