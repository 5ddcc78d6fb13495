"""Labelled custom resources and built-in types own each other, and either collector collects."""

import itertools
import unittest

import workloads
from api_client import collection
from collector_case import (
    HOLD, NAMESPACE, CollectorCase, config_map, described, is_labelled, owners_of, path_of, shirt)

REPLICAS = 2
PODS = collection("v1", "pods", NAMESPACE)
REPLICA_SETS = collection("apps/v1", "replicasets", NAMESPACE)


class CollectorMixed(CollectorCase):
    @classmethod
    def setUpClass(cls):
        cls.start()

    def make_deployment(self, name, *owners):
        """With all that the controllers make of it, as a list that begins with it."""
        made = self.make(workloads.deployment(name, REPLICAS, NAMESPACE), *owners, blocks=True)
        def of(path, kind, api_version):
            return [{"kind": kind, "apiVersion": api_version, **item}
                    for item in self.client.list(path, labelSelector=f"app={name}")[0]]
        pods = self.wait_for(
            lambda: len(found := of(PODS, "Pod", "v1")) == REPLICAS and found,
            f"there are {REPLICAS} pods", made)
        return [made, *of(REPLICA_SETS, "ReplicaSet", "apps/v1"), *pods]

    def shirt_that_owns_all(self, name):
        owner = self.make(shirt(name))
        self.assertTrue(is_labelled(owner), described(owner))
        direct = [self.make(workloads.plain("Secret", name, NAMESPACE), owner, blocks=True),
                  self.make(config_map(name), owner)]
        web, *deep = self.make_deployment(name, owner)
        return owner, [web, *direct], deep

    def shirts_of(self, owner, name):
        shirts = [self.make(shirt(f"{name}-{i}"), owner, blocks=i == 0) for i in range(2)]
        for made in shirts:
            self.assertTrue(is_labelled(made), described(made))
        return shirts, [self.make(config_map(f"{name}-deep"), shirts[0], blocks=True),
                        self.make(shirt(f"{name}-deep"), shirts[1])]

    def config_map_that_owns_shirts(self, name):
        owner = self.make(config_map(name))
        return owner, *self.shirts_of(owner, name)

    def deployment_that_owns_shirts(self, name):
        owner, *deep = self.make_deployment(name)
        direct, deeper = self.shirts_of(owner, name)
        sets = [made for made in deep if made["kind"] == "ReplicaSet"]
        pods = [made for made in deep if made["kind"] == "Pod"]
        return owner, sets + direct, pods + deeper

    def check_each(self, check, policy):
        """Of each graph: an owner, what it owns and what that owns."""
        for make in (self.shirt_that_owns_all, self.config_map_that_owns_shirts,
                     self.deployment_that_owns_shirts):
            with self.subTest(make.__name__):
                check(*make(f"{make.__name__.replace('_', '-')}-{policy}"))

    def test_background(self):
        self.check_each(self.check_background, "background")

    def test_foreground(self):
        self.check_each(self.check_foreground, "foreground")

    def test_orphan(self):
        self.check_each(self.check_orphan, "orphan")

    def check_background(self, owner, direct, deep):
        held = self.make(shirt(f"{owner['metadata']['name']}-held"), owner, finalizers=[HOLD])
        self.delete(owner)
        self.wait_gone(owner, *direct, *deep)
        self.wait_for(lambda: self.is_ending(held), "what is held is to be deleted", held)
        metadata = self.find(held)["metadata"]
        self.assertEqual(metadata["deletionGracePeriodSeconds"], 0)
        self.assertEqual(metadata["finalizers"], [HOLD])
        self.release(held)
        self.wait_gone(held)

    def ends(self, start, documents):
        """The revisions at which they went, which is a moment ago."""
        found = {}
        for path, some in itertools.groupby(sorted(documents, key=path_of),
                                            lambda one: path_of(one).rpartition("/")[0]):
            waited = {document["metadata"]["uid"] for document in some}
            with self.client.watch(path, resourceVersion=start) as watch:
                while waited:
                    event = watch.next()
                    metadata = event["object"]["metadata"]
                    if event["type"] == "DELETED" and metadata["uid"] in waited:
                        waited.remove(metadata["uid"])
                        found[metadata["uid"]] = int(metadata["resourceVersion"])
        return found

    def check_foreground(self, owner, direct, deep):
        name = f"{owner['metadata']['name']}-held"
        held = [self.make(make(name), owner, blocks=True, finalizers=[HOLD])
                for make in (config_map, shirt)]
        self.assertEqual([is_labelled(one) for one in held], [False, True])
        start = self.client.revision(path_of(owner).rpartition("/")[0])
        self.delete(owner, "Foreground")
        self.wait_gone(*direct, *deep)
        for last in held:
            self.assert_waits(owner, last)
            self.release(last)
            self.wait_gone(last)
        self.wait_gone(owner)
        blocking = [one for one in direct + held
                    if one["metadata"]["ownerReferences"][0].get("blockOwnerDeletion")]
        self.assertGreater(len(blocking), 2)
        ends = self.ends(start, [owner, *blocking])
        self.assertEqual(max(ends, key=ends.get), owner["metadata"]["uid"], ends)

    def assert_waits(self, owner, held):
        self.wait_for(lambda: self.is_ending(held), "what is held is to be deleted", held, owner)
        found = self.find(owner)
        self.assertIsNotNone(found, f"the owner went before {described(held)}")
        self.assertIn("foregroundDeletion", found["metadata"]["finalizers"])

    def check_orphan(self, owner, direct, deep):
        self.delete(owner, "Orphan")
        self.wait_gone(owner)
        self.assert_stay(*direct, *deep)
        for document in direct:
            self.assertEqual(owners_of(self.find(document)), [], described(document))
        for document in deep:
            self.assertEqual(len(owners_of(self.find(document))), 1, described(document))


if __name__ == "__main__":
    unittest.main(verbosity=2)
