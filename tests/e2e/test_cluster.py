"""What a newcomer does with a fresh cluster, through kubectl."""

import json
import subprocess
import unittest

import workloads
from appliance import KUBASE, Appliance, cpu_seconds, rss_megabytes, wait_until

SKIP_LABEL = "skip-controller-manager-metadata-caching"
POLICY = "mutatingadmissionpolicy/" + SKIP_LABEL


class Cluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.appliance = Appliance("--kube-apiserver-arg", "event-ttl=5s")
        cls.seconds_to_ready = cls.appliance.up()
        wait_until(lambda: cls.appliance.kubectl("get", "serviceaccount", "default",
                                                 check=False).returncode == 0,
                   60, "the default service account exists")

    @classmethod
    def tearDownClass(cls):
        cls.appliance.close()

    def names(self, *arguments):
        return {item["metadata"]["name"] for item in self.appliance.get(*arguments)["items"]}

    def define_shirts(self):
        if self.appliance.kubectl("get", "crd", "shirts.stable.example.com",
                                  check=False).returncode != 0:
            self.appliance.apply(workloads.shirt_definition())
            self.appliance.kubectl("wait", "--for=condition=Established",
                                   "crd/shirts.stable.example.com")
            wait_until(lambda: self.appliance.kubectl("get", "shirts",
                                                      check=False).returncode == 0,
                       30, "shirts are served")

    def test_ready_in_time(self):
        print(f"\nready after {self.seconds_to_ready:.1f} s")
        self.assertLess(self.seconds_to_ready, 60)

    def test_version(self):
        version = json.loads(self.appliance.kubectl("version", "-o", "json").stdout)
        self.assertEqual(version["serverVersion"]["gitVersion"], "v1.37.1")
        self.assertEqual(version["clientVersion"]["gitVersion"], "v1.37.1")

    def test_selectors_on_a_thousand_custom_resources(self):
        self.define_shirts()
        colors = ["red", "green", "blue", "white"]
        self.appliance.apply(*(workloads.shirt(f"s{i:04}", colors[i % 4]) for i in range(1000)))
        red = {f"s{i:04}" for i in range(0, 1000, 4)}
        everything = {f"s{i:04}" for i in range(1000)}
        self.assertEqual(self.names("shirts", "-l", "color=red"), red)
        self.assertEqual(self.names("shirts", "-l", "color!=red"), everything - red)
        self.assertEqual(self.names("shirts", "-l", "color notin (red,green)"),
                         {f"s{i:04}" for i in range(1000) if i % 4 > 1})
        self.assertEqual(self.names("shirts", "-l", "!color"), set())
        self.assertEqual(self.names("shirts", "--field-selector", "spec.color=red"), red)
        self.assertEqual(self.names("shirts", "--field-selector", "metadata.name=s0007"),
                         {"s0007"})
        self.assertEqual(self.names("shirts", "--chunk-size=37"), everything)
        labels = self.appliance.get("shirt", "s0000")["metadata"]["labels"]
        self.assertIn(SKIP_LABEL, labels)

    def test_deployment_becomes_pods(self):
        self.appliance.apply(workloads.deployment("web", 3))
        wait_until(lambda: len(self.names("pods", "-l", "app=web")) == 3, 60, "three pods exist")
        self.assertEqual(len(self.names("replicasets", "-l", "app=web")), 1)
        pod = self.appliance.get("pods", "-l", "app=web")["items"][0]
        self.assertNotIn(SKIP_LABEL, pod["metadata"]["labels"])
        self.appliance.kubectl("scale", "deployment/web", "--replicas=1")
        wait_until(lambda: len(self.names("pods", "-l", "app=web")) == 1, 60, "one pod is left")
        self.appliance.kubectl("delete", "deployment", "web")
        wait_until(lambda: not self.names("pods", "-l", "app=web"), 60, "the pods are collected")

    def test_watch(self):
        watch = subprocess.Popen(
            [KUBASE, "kubectl", "--data-dir", self.appliance.data_dir, "get", "configmaps",
             "--watch", "-l", "watched=yes", "--no-headers",
             "--output-watch-events"],
            env=self.appliance.environment, stdout=subprocess.PIPE, text=True)
        try:
            for i in range(5):
                name = f"w{i}"
                document = workloads.config_map(name, a="1")
                document["metadata"]["labels"] = {"watched": "yes"}
                self.appliance.apply(document)
                self.appliance.kubectl("label", "configmap", name, "watched-", "other=yes")
            lines = [watch.stdout.readline().split()[:2] for _ in range(10)]
        finally:
            watch.terminate()
            watch.wait()
            watch.stdout.close()
        expected = [[kind, f"w{i}"] for i in range(5) for kind in ("ADDED", "DELETED")]
        self.assertEqual(lines, expected)

    def test_server_side_apply(self):
        def apply(manager, **data):
            document = json.dumps(workloads.config_map("owned", **data))
            return self.appliance.kubectl("apply", "--server-side", f"--field-manager={manager}",
                                          "-f", "-", stdin=document, check=False)
        self.assertEqual(apply("one", a="1").returncode, 0)
        self.assertEqual(apply("two", b="2").returncode, 0)
        conflict = apply("two", a="2", b="2")
        self.assertNotEqual(conflict.returncode, 0)
        self.assertIn("conflict", conflict.stderr)
        self.assertEqual(self.appliance.get("configmap", "owned")["data"], {"a": "1", "b": "2"})

    def test_namespace_goes_with_its_content(self):
        self.define_shirts()
        self.appliance.kubectl("create", "namespace", "gone")
        self.appliance.apply(
            workloads.deployment("web", 2, "gone"),
            *(workloads.config_map(f"c{i}", "gone") for i in range(20)),
            *(workloads.shirt(f"x{i}", namespace="gone") for i in range(20)))
        wait_until(lambda: len(self.names("pods", "-n", "gone")) == 2, 60, "two pods exist")
        self.appliance.kubectl("delete", "namespace", "gone", "--timeout=90s")
        self.assertEqual(self.names("shirts", "-A", "--field-selector",
                                    "metadata.namespace=gone"), set())
        self.assertEqual(self.names("pods", "-n", "gone"), set())

    def test_service_account_token(self):
        self.appliance.kubectl("create", "serviceaccount", "robot")
        self.appliance.kubectl("create", "rolebinding", "robot", "--clusterrole=view",
                               "--serviceaccount=default:robot")
        token = self.appliance.kubectl("create", "token", "robot").stdout.strip()
        who = self.appliance.kubectl("auth", "whoami", "--token", token, "-o", "json",
                                     "--kubeconfig=/dev/null", "--insecure-skip-tls-verify",
                                     f"--server=https://127.0.0.1:{self.appliance.port}")
        self.assertEqual(json.loads(who.stdout)["status"]["userInfo"]["username"],
                         "system:serviceaccount:default:robot")

    def test_events_run_out(self):
        self.appliance.apply(workloads.event("short"))
        self.assertIn("short", self.names("events"))
        wait_until(lambda: "short" not in self.names("events"), 60, "the event ran out")

    def test_policy_is_put_back(self):
        before = self.appliance.get(POLICY)["metadata"]["uid"]
        self.appliance.kubectl("delete", POLICY)
        def back():
            found = self.appliance.kubectl("get", POLICY, "-o", "json", check=False)
            return found.returncode == 0 and json.loads(found.stdout)["metadata"]["uid"] != before
        wait_until(back, 60, "the policy is back")
        self.define_shirts()
        fresh = iter(range(10_000))
        def labels_again():
            name = f"fresh{next(fresh)}"
            self.appliance.apply(workloads.shirt(name))
            labels = self.appliance.get("shirt", name)["metadata"]["labels"]
            self.appliance.kubectl("delete", "shirt", name)
            return SKIP_LABEL in labels
        wait_until(labels_again, 60, "new objects are labelled again")

    def test_zz_idle_cost(self):
        """Last by name: the others have been busy."""
        pid = self.appliance.process.pid
        before = cpu_seconds(pid)
        with self.assertRaises(subprocess.TimeoutExpired):
            self.appliance.process.wait(20)  # twenty quiet seconds
        share = (cpu_seconds(pid) - before) / 20
        memory = rss_megabytes(pid)
        print(f"\nidle: {memory:.0f} MB resident, {share * 100:.2f}% of a core")
        self.assertLess(share, 0.02)
        self.assertLess(memory, 100)


if __name__ == "__main__":
    unittest.main(verbosity=2)
