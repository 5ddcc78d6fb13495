"""What `kubase gc preview` says of a deletion, and whether it happens."""

import json
import unittest
import urllib.error
import urllib.request

import workloads
from api_client import ApiClient
from appliance import Appliance, free_port, wait_until
from collector_case import HOLD, owned


class GcPreview(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = f"127.0.0.1:{free_port()}"
        cls.appliance = Appliance("--status-bind-address", cls.page)
        cls.addClassCleanup(cls.appliance.close)
        cls.appliance.up()
        cls.appliance.apply(workloads.shirt_definition())
        cls.appliance.kubectl("wait", "--for=condition=Established", "--timeout=60s",
                              "crd/shirts.stable.example.com")

    def create(self, document):
        created = self.appliance.kubectl("create", "-f", "-", "-o", "json",
                                         stdin=json.dumps(document))
        return json.loads(created.stdout)

    def names(self, resource):
        return {item["metadata"]["name"] for item in self.appliance.get(resource)["items"]}

    def preview(self, *arguments):
        result = self.appliance.run("gc", "preview", *arguments, "-o", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def effects(self, preview):
        return {effect["name"]: effect for effect in preview["effects"]}

    def assert_gone(self, resource, *names):
        wait_until(lambda: not set(names) & self.names(resource), 60, f"{names} are gone")

    def release(self, name):
        self.appliance.kubectl("patch", "configmap", name, "--type=merge", "-p",
                               '{"metadata":{"finalizers":null}}')

    def served(self, api):
        """Path, group and resource of everything that can be listed and deleted."""
        groups = api.get("/apis")["groups"]
        versions = {"": "/api/v1"} | {
            group["name"]: "/apis/" + group["preferredVersion"]["groupVersion"]
            for group in groups}
        for group, path in versions.items():
            for resource in api.get(path)["resources"]:
                if {"delete", "list"} <= set(resource["verbs"]) and resource["kind"] != "Event":
                    yield path, group, resource

    def test_every_kind_that_is_served_is_known_with_its_place(self):
        api = ApiClient(self.appliance)
        self.addCleanup(api.close)
        self.create(workloads.shirt("known"))
        kinds = found = 0
        for path, group, resource in self.served(api):
            kind = f"{resource['kind']}.{group or 'core'}"
            with self.subTest(kind):
                absent = self.appliance.run("gc", "preview", f"{kind}/absent")
                place = "default/" if resource["namespaced"] else ""
                self.assertEqual(absent.returncode, 1, absent.stderr)
                self.assertIn(f"there is no {resource['kind']} {place}absent", absent.stderr)
                for item in api.get(f"{path}/{resource['name']}?limit=1")["items"]:
                    arguments = [f"{kind}/{item['metadata']['name']}"]
                    if resource["namespaced"]:
                        arguments += ["-n", item["metadata"]["namespace"]]
                    self.preview(*arguments)
                    found += 1
            kinds += 1
        self.assertGreater(kinds, 50)
        self.assertGreater(found, 15)

    def test_in_the_background(self):
        owner = self.create(workloads.shirt("bg-owner"))
        alive = self.create(workloads.shirt("bg-alive"))
        child = self.create(owned(workloads.config_map("bg-child"), owner))
        self.create(owned(workloads.config_map("bg-grandchild"), child))
        self.create(owned(workloads.config_map("bg-held"), owner, finalizers=[HOLD]))
        self.create(owned(workloads.shirt("bg-kept"), owner, alive))
        preview = self.preview("shirts/bg-owner")
        effects = self.effects(preview)
        self.assertEqual({name: effect["outcome"] for name, effect in effects.items()},
                         {"bg-owner": "deleted", "bg-child": "deleted", "bg-grandchild": "deleted",
                          "bg-held": "blocked", "bg-kept": "detached"})
        self.assertEqual((preview["deleted"], preview["blocked"], preview["detached"]), (3, 1, 1))
        self.assertEqual(effects["bg-child"]["by"], "storage")
        self.assertEqual(effects["bg-grandchild"]["by"], "kube-controller-manager")
        self.assertIn(f"waits for finalizers {HOLD}", effects["bg-held"]["why"])
        self.assertEqual(effects["bg-kept"]["why"], "has another owner: Shirt default/bg-alive")

        self.appliance.kubectl("delete", "shirt", "bg-owner")
        self.assert_gone("configmaps", "bg-child", "bg-grandchild")
        wait_until(
            lambda: self.appliance.get("configmap", "bg-held")["metadata"].get("deletionTimestamp"),
            60, "what is held is being deleted")
        self.release("bg-held")
        self.assert_gone("configmaps", "bg-held")
        wait_until(lambda: [o["name"] for o in self.appliance.get("shirt", "bg-kept")["metadata"]
                            ["ownerReferences"]] == ["bg-alive"], 60, "one reference is left")

    def test_orphans(self):
        owner = self.create(workloads.shirt("orphan-owner"))
        self.create(owned(workloads.config_map("orphan-child"), owner))
        preview = self.preview("Shirt/orphan-owner", "--cascade", "orphan")
        self.assertEqual((preview["deleted"], preview["orphaned"]), (1, 1))
        self.assertEqual(self.effects(preview)["orphan-child"]["outcome"], "orphaned")
        self.appliance.kubectl("delete", "shirt", "orphan-owner", "--cascade=orphan")
        self.assert_gone("shirts", "orphan-owner")
        child = self.appliance.get("configmap", "orphan-child")
        self.assertNotIn("ownerReferences", child["metadata"])
        self.assertNotIn("deletionTimestamp", child["metadata"])

    def test_in_the_foreground(self):
        owner = self.create(workloads.shirt("fg-owner"))
        self.create(owned(workloads.config_map("fg-child"), owner, blocks=True))
        self.create(owned(workloads.config_map("fg-held"), owner, blocks=True, finalizers=[HOLD]))
        preview = self.preview("shirt.stable.example.com/fg-owner", "--cascade=foreground")
        effects = self.effects(preview)
        self.assertEqual({name: effect["outcome"] for name, effect in effects.items()},
                         {"fg-owner": "blocked", "fg-child": "deleted", "fg-held": "blocked"})
        self.assertEqual((preview["deleted"], preview["blocked"]), (1, 2))
        self.assertIn("after 2 objects, first ConfigMap default/fg-child",
                      effects["fg-owner"]["why"])
        self.appliance.kubectl("delete", "shirt", "fg-owner", "--cascade=foreground",
                               "--wait=false")
        self.assert_gone("configmaps", "fg-child")
        self.assertIn("fg-owner", self.names("shirts"))
        self.release("fg-held")
        self.assert_gone("configmaps", "fg-held")
        self.assert_gone("shirts", "fg-owner")

    def test_of_a_built_in_kind(self):
        self.create(workloads.deployment("web", 2))
        wait_until(lambda: len(self.names("pods")) == 2, 60, "two pods are there")
        preview = self.preview("deployment/web", "--limit", "2")
        self.assertEqual(preview["deleted"], 4)  # with the ReplicaSet
        self.assertEqual([effect["kind"] for effect in preview["effects"]],
                         ["Deployment", "ReplicaSet"])
        text = self.appliance.run("gc", "preview", "deployments.apps/web").stdout.splitlines()
        self.assertEqual(text[0].split(), ["OUTCOME", "OBJECT", "BY", "WHY"])
        self.assertEqual(text[-1], "4 deleted, 0 blocked, 0 orphaned, 0 detached, 0 left alone")
        self.appliance.kubectl("delete", "deployment", "web")
        wait_until(lambda: not self.names("pods") and not self.names("replicasets"), 60,
                   "pods and ReplicaSets are gone")

    def test_refusals(self):
        cases = [
            (["Shirt/none"], 1, "error: there is no Shirt default/none\n"),
            (["Shirt/none", "-n", "other"], 1, "error: there is no Shirt other/none\n"),
            (["crank/x"], 2, "error: there is no kind or resource \"crank\" whose garbage is "
                             "collected here\n"),
            (["Shirt"], 2, "error: \"Shirt\" is not of the form KIND/NAME, such as "
                           "Deployment/web\n"),
            (["Shirt/a", "--limit", "0"], 2, "error: limit must be a number from 1 to 10000\n"),
        ]
        for arguments, code, message in cases:
            result = self.appliance.run("gc", "preview", *arguments)
            self.assertEqual((result.returncode, result.stderr), (code, message))

    def test_no_preview_over_tcp(self):
        page = f"http://{self.page}/api/"
        with urllib.request.urlopen(page + "status", timeout=10) as status:
            self.assertEqual(status.status, 200)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(page + "gc/preview?kind=Shirt&name=x", timeout=10)
        self.assertEqual(refused.exception.code, 404)
        refused.exception.close()


class NotRunning(unittest.TestCase):
    def test_exit_code(self):
        appliance = Appliance()
        self.addCleanup(appliance.close)
        self.assertEqual(appliance.run("gc", "preview", "Shirt/x").returncode, 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
