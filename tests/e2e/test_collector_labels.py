"""The label is given to custom resources and taken from them, and the right collector collects."""

import itertools
import re
import unittest

from collector_case import (
    SKIP_LABEL, CollectorCase, config_map, described, is_labelled, owners_of, path_of,
    policy_of_shirts, shirt)

POLICIES = ("Background", "Foreground", "Orphan")


class CollectorLabels(CollectorCase):
    @classmethod
    def setUpClass(cls):
        cls.start("--skip-metadata-caching", "none")
        cls.restart()

    def label(self, document, value):
        changed = self.client.patch(path_of(document),
                                    {"metadata": {"labels": {SKIP_LABEL: value}}})
        self.assertEqual(is_labelled(changed), value is not None)

    def make_graphs(self, name, labelled=False):
        """For each way of deletion an owner, and what it owns: two ConfigMaps and a shirt."""
        graphs = {}
        for policy in POLICIES:
            prefix = f"{name}-{policy.lower()}"
            owner = shirt(prefix)
            if labelled:
                owner["metadata"]["labels"][SKIP_LABEL] = "yes"
            owner = self.make(owner)
            graphs[policy] = owner, [
                self.make(config_map(f"{prefix}-a"), owner, blocks=True),
                self.make(config_map(f"{prefix}-b"), owner),
                self.make(shirt(f"{prefix}-c"), owner, blocks=True)]
        return graphs

    def check_collected(self, graphs):
        for policy, (owner, dependents) in graphs.items():
            with self.subTest(policy=policy):
                self.delete(owner, policy)
                if policy == "Orphan":
                    self.wait_gone(owner)
                    self.assert_stay(*dependents)
                    for dependent in dependents:
                        self.assertEqual(owners_of(self.find(dependent)), [])
                else:
                    self.wait_gone(owner, *dependents)

    def refused_deletions(self):
        """How many of the other collector's deletions the storage has refused."""
        metrics = self.appliance.kubectl("get", "--raw", "/metrics").stdout
        return sum(map(float, re.findall(
            r'^etcd_request_errors_total\{.*operation="delete".*\} (\S+)$', metrics, re.M)))

    def check_untouched(self, graphs):
        """Also after kube-controller-manager has seen what became of the labels."""
        self.let_upstream_catch_up()
        for owner, dependents in graphs.values():
            self.assert_stay(owner, *dependents)
            for dependent in dependents:
                self.assertEqual(owners_of(self.find(dependent)), [owner["metadata"]["name"]])

    def label_owners(self, graphs, value):
        for owner, _ in graphs.values():
            self.label(owner, value)

    def give_late(self, graphs):
        """kube-controller-manager takes that for a deletion of the owners."""
        self.let_upstream_catch_up()
        before = self.refused_deletions()
        self.label_owners(graphs, "")
        self.check_untouched(graphs)
        self.assertGreater(self.refused_deletions(), before, "else this test tells nothing")

    def test_given_late(self):
        graphs = self.make_graphs("late")
        self.give_late(graphs)
        self.check_collected(graphs)

    def test_given_late_and_taken(self):
        graphs = self.make_graphs("again")
        self.give_late(graphs)
        self.label_owners(graphs, None)
        self.check_untouched(graphs)
        self.check_collected(graphs)

    def test_given_at_creation_and_taken(self):
        graphs = self.make_graphs("taken", labelled=True)
        self.check_untouched(graphs)
        self.label_owners(graphs, None)
        self.check_untouched(graphs)
        self.check_collected(graphs)

    def test_given_and_taken_at_once(self):
        graphs = self.make_graphs("once")
        for value in ("", None, "", None):
            self.label_owners(graphs, value)
        self.check_collected(graphs)

    def test_given_to_the_dependents(self):
        graphs = self.make_graphs("dependents")
        self.let_upstream_catch_up()
        for _, dependents in graphs.values():
            for dependent in dependents:
                self.label(dependent, "")
        self.check_untouched(graphs)
        self.check_collected(graphs)

    def test_given_by_a_policy_of_the_user(self):
        """Of the name of kubase's own, which is not wanted here."""
        self.make_namespaces("shop")
        self.apply(policy_of_shirts(SKIP_LABEL, {"kubernetes.io/metadata.name": "shop"}))
        tries = (self.make(shirt(f"try{number}", "shop")) for number in itertools.count())
        owner = self.wait_for(lambda: is_labelled(one := next(tries)) and one,
                              "new shirts are labelled")
        dependents = [self.make(config_map("owned", "shop"), owner),
                      self.make(shirt("owned", "shop"), owner)]
        self.assertTrue(is_labelled(dependents[1]), described(dependents[1]))
        before = self.metric("kubase_gc_deleted_total")
        self.delete(owner)
        self.wait_gone(owner, *dependents)
        self.wait_deleted(before + len(dependents))


if __name__ == "__main__":
    unittest.main(verbosity=2)
