"""Controllers that need every object see the labelled ones: namespaces, quotas, endpoints…"""

import http.client
import unittest

import workloads
from api_client import ApiError, collection
from appliance import wait_until
from collector_case import (
    HOLD, NAMESPACE, SKIP_LABEL, CollectorCase, config_map, described, is_labelled, path_of, shirt)

COUNTED = f"count/shirts.{workloads.GROUP}"
DEFINITION = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/scarfs.{workloads.GROUP}"
MIGRATION = "storagemigration.k8s.io/v1"
MIGRATION_SECONDS = 180  # kube-controller-manager tries at longer and longer intervals
SCARVES = 30


def version(name, stored):
    return workloads.version(name, [], stored, color=workloads.TEXT)


def scarf(name):
    return workloads.custom("Scarf", name, NAMESPACE, color="red")


class CollectorControllers(CollectorCase):
    @classmethod
    def setUpClass(cls):
        cls.start()
        cls.client.define(workloads.definition("Scarf", version("v1", True)))
        cls.scarves = cls.client.create_all([scarf(f"s{i}") for i in range(SCARVES)])
        cls.restart()

    def conditions(self, path):
        status = self.client.get(path).get("status", {})
        return {one["type"]: one for one in status.get("conditions", [])}

    # --- Namespaces ------------------------------------------------------------------------------
    def left_in(self, namespace):
        """The paths of objects of any kind."""
        groups = self.client.get("/apis")["groups"]
        for served in ("v1", *(group["preferredVersion"]["groupVersion"] for group in groups)):
            root = collection(served, "").rstrip("/")
            for resource in self.client.get(root)["resources"]:
                if resource["namespaced"] and "list" in resource["verbs"]:
                    path = collection(served, resource["name"], namespace)
                    yield from (f"{path}/{item['metadata']['name']}"
                                for item in self.client.list(path)[0])

    def wait_held(self, namespace, count):
        """By the word of the namespace controller."""
        path = f"/api/v1/namespaces/{namespace}"
        def is_told():
            told = self.conditions(path).get("NamespaceFinalizersRemaining", {})
            return told.get("status") == "True" and f"{HOLD} in {count} resource instances" in (
                told["message"])
        self.wait_for(is_told, f"{count} finalizers keep the namespace")
        self.assertEqual(self.client.get(path)["status"]["phase"], "Terminating")

    def test_a_namespace_waits_for_finalizers(self):
        space = self.client.create(workloads.plain("Namespace", "full"))
        free = self.client.create_all([shirt(f"s{i}", "full") for i in range(100)])
        maps = [self.make(config_map(f"c{i}", "full"), owner) for i, owner in enumerate(free[:20])]
        held = [self.make(shirt(f"held{i}", "full"), *free[:i], finalizers=[HOLD])
                for i in range(4)]
        self.assertTrue(all(map(is_labelled, free + held)))
        self.delete(space)
        self.wait_gone(*free, *maps)
        self.wait_held("full", 4)
        self.assertTrue(all(map(self.is_ending, held)))
        for document in held[1:]:
            self.release(document)
        self.wait_gone(*held[1:])
        self.wait_held("full", 1)
        self.release(held[0])
        self.wait_gone(space, *held)
        self.assertEqual(list(self.left_in("full")), [])

    # --- Quotas ----------------------------------------------------------------------------------
    def wait_used(self, quota, count):
        self.wait_for(lambda: self.find(quota).get("status", {}).get("used") == {
            COUNTED: str(count)}, f"{count} shirts are counted", quota)

    def check_refused(self, name):
        with self.assertRaises(ApiError) as refused:
            self.make(shirt(name, "counted"))
        self.assertEqual(refused.exception.code, http.client.FORBIDDEN)
        self.assertIn("exceeded quota", refused.exception.status["message"])

    def test_a_quota_counts(self):
        self.make_namespaces("counted")
        first = self.make(shirt("first", "counted"))
        owned = [self.make(shirt(f"owned{i}", "counted"), first) for i in range(4)]
        self.assertTrue(all(map(is_labelled, [first, *owned])))
        quota = self.client.create(workloads.plain(
            "ResourceQuota", "shirts", "counted", spec={"hard": {COUNTED: "6"}}))
        self.wait_used(quota, 5)
        self.make(shirt("last", "counted"))
        self.check_refused("too-many")
        self.wait_used(quota, 6)
        self.delete(first)
        self.wait_gone(first, *owned)
        self.wait_used(quota, 1)
        self.client.create_all([shirt(f"again{i}", "counted") for i in range(5)])
        self.check_refused("too-many-again")

    # --- Endpoints and replicas ------------------------------------------------------------------
    def test_a_labelled_pod_is_an_endpoint(self):
        labels = {"app": "backend", SKIP_LABEL: ""}
        self.client.create(workloads.plain("Node", "worker"))
        pod = self.make(workloads.pod("backend", NAMESPACE, labels, nodeName="worker"))
        self.make(workloads.plain("Service", "backend", NAMESPACE, spec={
            "selector": {"app": "backend"}, "ports": [{"port": 80}]}))
        self.client.patch(f"{path_of(pod)}/status", {"status": {
            "phase": "Running", "podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}],
            "conditions": [{"type": "Ready", "status": "True"}]}})
        slices = collection("discovery.k8s.io/v1", "endpointslices", NAMESPACE)
        def addresses():
            found, _ = self.client.list(slices, labelSelector="kubernetes.io/service-name=backend")
            return [endpoint["addresses"] for one in found for endpoint in one["endpoints"] or []]
        self.wait_for(lambda: addresses() == [["10.0.0.7"]], "the pod is an endpoint", pod)

    def test_a_labelled_deployment_is_scaled(self):
        web = workloads.deployment("scaled", 1, NAMESPACE)
        web["metadata"]["labels"] = {SKIP_LABEL: ""}
        web = self.make(web)
        self.make(workloads.plain(
            "HorizontalPodAutoscaler", "scaled", NAMESPACE, api_version="autoscaling/v2", spec={
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"},
                "minReplicas": 3, "maxReplicas": 5}))
        self.wait_for(lambda: self.find(web)["spec"]["replicas"] == 3, "there are three", web)
        pods = collection("v1", "pods", NAMESPACE)
        self.wait_for(lambda: len(self.client.list(pods, labelSelector="app=scaled")[0]) == 3,
                      "each has its pod", web)

    # --- Migrations ------------------------------------------------------------------------------
    def test_a_migration_rewrites(self):
        if not self.client.serves(collection(MIGRATION, "storageversionmigrations")):
            self.skipTest("no StorageVersionMigration is served")
        self.assertTrue(all(map(is_labelled, self.scarves)))
        self.client.patch(
            DEFINITION, {"spec": {"versions": [version("v1", False), version("v2", True)]}})
        self.wait_stored("v1", "v2")
        migration = self.client.create(workloads.plain(
            "StorageVersionMigration", "scarves", api_version=MIGRATION,
            spec={"resource": {"group": workloads.GROUP, "resource": "scarfs"}}))
        self.wait_for(lambda: self.find(migration).get("status", {}).get("resourceVersion"),
                      "the migration has begun", migration)
        # Else it waits up to a minute for a sign that the informer of scarves is that far.
        self.make(scarf("new"))
        wait_until(lambda: {"Succeeded", "Failed"} & set(self.conditions(path_of(migration))),
                   MIGRATION_SECONDS, "the migration has ended")
        ended = self.conditions(path_of(migration))
        self.assertEqual(ended.get("Succeeded", {}).get("status"), "True", ended)
        for before in self.scarves:
            self.assertNotEqual(self.find(before)["metadata"]["resourceVersion"],
                                before["metadata"]["resourceVersion"], described(before))
        self.wait_stored("v2")

    def wait_stored(self, *versions):
        self.wait_for(
            lambda: self.client.get(DEFINITION)["status"]["storedVersions"] == list(versions),
            f"{versions} are stored")


if __name__ == "__main__":
    unittest.main(verbosity=2)
