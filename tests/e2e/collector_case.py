"""What the tests of garbage collection share: objects with owners, and waiting for their end."""

import http.client
import itertools
import json
import re
import urllib.request

import workloads
from api_client import ApiError, collection, collection_of
from appliance import free_port, wait_until
from selector_case import SelectorCase

SECONDS = 60  # until something must have happened, on busy machines too
SKIP_LABEL = "skip-controller-manager-metadata-caching"
HOLD = "example.com/hold"
SHIRTS = collection(f"{workloads.GROUP}/v1", "shirts")
NAMESPACE = "garbage"
ADMISSION = "admissionregistration.k8s.io/v1"


def owned(document, *owners, blocks=False, finalizers=()):
    """`document` with references to objects that are there."""
    document["metadata"]["ownerReferences"] = [
        {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "blockOwnerDeletion": blocks,
         "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]} for owner in owners]
    document["metadata"]["finalizers"] = list(finalizers)
    return document


def shirt(name, namespace=NAMESPACE):
    return workloads.shirt(name, namespace=namespace)


def config_map(name, namespace=NAMESPACE):
    return workloads.config_map(name, namespace)


def policy_of_shirts(name, namespaces=None, api_version=ADMISSION):
    """A user's own policy, which refuses a shirt rather than leave the label out; its binding."""
    rules = [{"apiGroups": [workloads.GROUP], "apiVersions": ["v1"], "operations": ["CREATE"],
              "resources": ["shirts"]}]
    patch = f'JSONPatch{{op: "add", path: "/metadata/labels/{SKIP_LABEL}", value: ""}}'
    bare = 'JSONPatch{op: "add", path: "/metadata/labels", value: {}}'
    policy = {
        "matchConstraints": {"resourceRules": rules},
        "matchConditions": [{
            "name": "label-does-not-exist",
            "expression": "!has(object.metadata.labels) || "
                          f"!('{SKIP_LABEL}' in object.metadata.labels)"}],
        "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {
            "expression": f"has(object.metadata.labels) ? [{patch}] : [{bare}, {patch}]"}}],
    }
    binding = {"policyName": name, "matchResources": {"resourceRules": rules}}
    if namespaces:
        binding["matchResources"]["namespaceSelector"] = {"matchLabels": namespaces}
    return [workloads.plain(kind, name, api_version=api_version, spec=spec) for kind, spec in (
        ("MutatingAdmissionPolicy", policy), ("MutatingAdmissionPolicyBinding", binding))]


def path_of(document):
    return f"{collection_of(document)}/{document['metadata']['name']}"


def is_labelled(document):
    return SKIP_LABEL in document["metadata"].get("labels", {})


def owners_of(document):
    return [owner["name"] for owner in document["metadata"].get("ownerReferences", [])]


def described(document):
    metadata = document["metadata"]
    shown = {key: metadata[key] for key in
             ("deletionTimestamp", "finalizers", "ownerReferences", "labels") if key in metadata}
    return f"{document['kind']} {metadata.get('namespace', '')}/{metadata['name']} {shown}"


class CollectorCase(SelectorCase):
    """An appliance with shirts and a namespace for the objects of a test."""

    @classmethod
    def start(cls, *arguments):
        status = f"127.0.0.1:{free_port()}"
        cls.metrics_url = f"http://{status}/metrics"
        super().start("--status-bind-address", status, *arguments)
        cls.make_namespaces(NAMESPACE)
        cls.client.define(workloads.shirt_definition())
        cls.numbers = itertools.count()

    @classmethod
    def restart(cls):
        """So that kube-controller-manager knows the kinds, which it else looks for twice a minute.
        """
        cls.client.close()
        stopped = cls.appliance.stop()
        assert stopped == 0, f"kubase ended with {stopped}: {cls.appliance.tail()}"
        cls.come_back()

    def metric(self, name):
        """The sum over all its labels."""
        with urllib.request.urlopen(self.metrics_url, timeout=SECONDS) as answer:
            text = answer.read().decode()
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
        self.assertTrue(found, f"there is no metric {name}")
        return sum(map(float, found))

    def apply(self, documents):
        """As a user's kubectl apply, over what is there already."""
        items = {"apiVersion": "v1", "kind": "List", "items": documents}
        self.appliance.kubectl("apply", "-f", "-", stdin=json.dumps(items))

    def make(self, document, *owners, blocks=False, finalizers=()):
        owned(document, *owners, blocks=blocks, finalizers=finalizers)
        return self.client.create(document)

    def find(self, document):
        """The object as it is now, if it is still the same one."""
        try:
            found = self.client.get(path_of(document))
        except ApiError as error:
            if error.code != http.client.NOT_FOUND:
                raise
            return None
        same = found["metadata"]["uid"] == document["metadata"]["uid"]
        return found if same else None

    def delete(self, document, policy="Background"):
        self.client.request("DELETE", path_of(document), {"propagationPolicy": policy})

    def release(self, document):
        self.client.patch(path_of(document), {"metadata": {"finalizers": None}})

    def wait_for(self, condition, what, *documents):
        """Until the condition holds; the failure tells how the documents are."""
        try:
            return wait_until(condition, SECONDS, what)
        except AssertionError as late:
            left = [described(found) for found in map(self.find, documents) if found]
            raise AssertionError("\n".join([str(late), "of which there are:", *left])) from late

    def wait_deleted(self, count):
        """By the storage, of all objects since it began."""
        self.wait_for(lambda: self.metric("kubase_gc_deleted_total") >= count,
                      f"the storage has deleted {count:.0f} objects")

    def is_ending(self, document):
        """It is to be deleted, and still there."""
        found = self.find(document)
        return found is not None and "deletionTimestamp" in found["metadata"]

    def wait_gone(self, *documents):
        left = list(documents)
        def is_none_left():
            while left and self.find(left[-1]) is None:
                left.pop()
            return not left
        self.wait_for(is_none_left, "all are gone", *documents)

    def assert_stay(self, *documents):
        """They are there, and nobody deletes them."""
        for document in documents:
            found = self.find(document)
            self.assertIsNotNone(found, f"{described(document)} is gone")
            self.assertNotIn("deletionTimestamp", found["metadata"], described(found))

    def let_upstream_catch_up(self):
        """Waits until kube-controller-manager has acted on all that shirts have gone through.

        It is told of the deletion of a marker after that, and has to go through the marker's
        dependents one after the other, the last one first.
        """
        name = f"marker{next(self.numbers)}"
        graph = [self.make(shirt(name))]
        self.assertFalse(is_labelled(graph[0]), "the storage would collect the marker")
        for depth in range(2):
            graph.append(self.make(config_map(f"{name}-{depth}"), graph[-1], blocks=True))
        self.delete(graph[0], "Foreground")
        self.wait_gone(*graph)
