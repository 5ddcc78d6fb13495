"""The storage collects the garbage of custom resources, which a policy labels."""

import contextlib
import http.client
import os
import signal
import sqlite3
import unittest
import unittest.mock

import workloads
from api_client import collection
from collector_case import (
    ADMISSION, NAMESPACE, SECONDS, SHIRTS, SKIP_LABEL, CollectorCase, config_map, described,
    is_labelled, owned, owners_of, policy_of_shirts, shirt)

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POLICIES = collection(ADMISSION, "mutatingadmissionpolicies")
MANY = 3000
STEPS = 8  # at most 1,016 objects, since each is at most twice as large as the one before
MISPLACED = "it belongs to the cluster and names an owner in a namespace"


class Collector(CollectorCase):
    @classmethod
    def setUpClass(cls):
        cls.start()

    def check_shirts_and_what_they_own(self, prefix):
        before = self.metric("kubase_gc_deleted_total")
        owner = self.make(shirt(f"{prefix}-owner"))
        bare = shirt(f"{prefix}-bare")
        del bare["metadata"]["labels"]
        bare = self.make(bare, owner)
        self.assertTrue(is_labelled(owner) and is_labelled(bare), described(bare))
        dependents = [bare, *(self.make(config_map(f"{prefix}-{i}"), owner) for i in range(3)),
                      self.make(config_map(f"{prefix}-deep"), bare)]
        other = self.make(shirt(f"{prefix}-other"))
        kept = self.make(config_map(f"{prefix}-kept"), owner, other)
        self.delete(owner)
        self.wait_gone(owner, *dependents)
        self.wait_for(lambda: owners_of(self.find(kept)) == [f"{prefix}-other"],
                      "one reference is left", kept)
        self.assert_stay(other, kept)
        self.wait_deleted(before + len(dependents))

    def test_shirts_with_a_policy_of_their_own(self):
        self.apply(policy_of_shirts("label-shirts"))
        self.check_shirts_and_what_they_own("both")

    def test_shirts_with_a_policy_of_the_version_that_was_a_beta(self):
        self.apply(policy_of_shirts("label-shirts-too", api_version=f"{ADMISSION}beta1"))
        self.check_shirts_and_what_they_own("beta")

    def test_shirts_with_a_policy_of_the_same_name(self):
        own = self.client.get(f"{POLICIES}/{SKIP_LABEL}")["spec"]
        self.apply(policy_of_shirts(SKIP_LABEL))
        self.check_shirts_and_what_they_own("same")
        self.wait_for(lambda: self.client.get(f"{POLICIES}/{SKIP_LABEL}")["spec"] == own,
                      "kubase's policy is as it was")

    def test_built_in_types_stay_unlabelled(self):
        owner = self.make(shirt("plain-owner"))
        web = self.make(workloads.deployment("plain", 1, NAMESPACE), owner)
        self.assertTrue(is_labelled(owner))
        made = [web, self.make(config_map("plain"), owner),
                self.make(workloads.plain("Secret", "plain", NAMESPACE), owner),
                self.make(workloads.plain("Namespace", "plain"))]
        for kind, path in (("ReplicaSet", collection("apps/v1", "replicasets", NAMESPACE)),
                           ("Pod", collection("v1", "pods", NAMESPACE))):
            found = self.wait_for(
                lambda path=path: self.client.list(path, labelSelector="app=plain")[0],
                f"there is a {kind}", web)
            made += [{"kind": kind, **item} for item in found]
        made.append({"kind": "CustomResourceDefinition", **self.client.get(
            f"{DEFINITIONS}/shirts.{workloads.GROUP}")})
        for document in made:
            self.assertFalse(is_labelled(document), described(document))

    def test_an_owner_that_never_was(self):
        never = shirt("never")
        never["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000"
        moved = self.make(shirt("moved"))
        moved["metadata"]["uid"] = never["metadata"]["uid"]  # another one of that name
        self.wait_gone(*(self.make(shirt(f"of-{owner['metadata']['name']}"), owner)
                         for owner in (never, moved)))

    def test_a_dependent_of_the_cluster_is_left_alone(self):
        owner = self.make(shirt("misplaced-owner"))
        role = self.make(workloads.plain("ClusterRole", "misplaced", rules=[],
                                         api_version="rbac.authorization.k8s.io/v1"), owner)
        before = self.metric("kubase_gc_skipped_total")
        self.delete(owner)
        self.wait_gone(owner)
        self.wait_for(lambda: self.metric("kubase_gc_skipped_total") > before, "it is counted")
        self.wait_for(lambda: MISPLACED in self.appliance.tail(), f"{MISPLACED!r} is in the log")
        self.assert_stay(role)
        self.assertEqual(owners_of(self.find(role)), ["misplaced-owner"])

    def test_the_definition_goes_before_the_dependents(self):
        """Who the owner was is known, although its kind is served no more."""
        definition = workloads.definition("Hat", workloads.version("v1", []))
        self.client.define(definition)
        owner = self.make(workloads.custom("Hat", "owner", NAMESPACE))
        self.assertTrue(is_labelled(owner), described(owner))
        self.client.create_all([owned(config_map(f"hat-{i}"), owner) for i in range(MANY)])
        self.client.delete(f"{DEFINITIONS}/{definition['metadata']['name']}")
        self.wait_for(lambda: not self.client.serves(collection(f"{workloads.GROUP}/v1", "hats")),
                      "hats are served no more")
        self.wait_for(lambda: not self.names_served("hat"), "all dependents are gone")

    def make_many(self, prefix):
        """An owner of thousands: ConfigMaps, and shirts that own one each."""
        owner = self.make(shirt(f"{prefix}-owner"))
        third = MANY // 3
        shirts = self.client.create_all(
            [owned(shirt(f"{prefix}-{i}"), owner) for i in range(third)])
        maps = self.client.create_all(
            [owned(config_map(f"{prefix}-{i}"), parent)
             for i, parent in enumerate([owner] * third + shirts)])
        return owner, shirts + maps

    def kill_while_they_go(self, owner):
        """By a failpoint; the answer to the request may go with the process."""
        with contextlib.suppress(http.client.HTTPException, OSError):
            self.delete(owner)
        self.assertEqual(self.appliance.process.wait(SECONDS), -signal.SIGKILL)

    def count_stored(self, prefix):
        """In the database of the appliance that was killed; it is only read."""
        path = os.path.join(self.appliance.data_dir, "db", "kubase.db")
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(
                "SELECT COUNT(*) FROM objects WHERE CAST(key AS TEXT) LIKE ?",
                [f"/registry/%/{NAMESPACE}/{prefix}-%"]).fetchone()[0]

    def names_served(self, prefix):
        return [item["metadata"]["name"] for path in (SHIRTS, "/api/v1/configmaps")
                for item in self.client.list(path)[0]
                if item["metadata"]["name"].startswith(f"{prefix}-")]

    def test_zz_kill_in_the_middle(self):
        """Last by name: the others would lose their connections."""
        death = {"KUBASE_FAILPOINTS": f"collection.applied=crash@{STEPS}"}
        with unittest.mock.patch.dict(self.appliance.environment, death):
            self.restart()
        owner, dependents = self.make_many("many")
        self.kill_while_they_go(owner)
        left = self.count_stored("many")
        print(f"\nkilled with {left} of {len(dependents)} dependents left")
        self.assertTrue(0 < left < len(dependents))
        self.check_index()
        self.come_back()
        self.wait_for(lambda: not self.names_served("many"), "all dependents are gone")
        self.wait_for(lambda: self.metric("kubase_gc_owed") == 0, "nothing is owed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
