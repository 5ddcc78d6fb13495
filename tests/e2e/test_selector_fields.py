"""Lists by the selectable fields of built-in types, compared with Python's own selection."""

import itertools
import unittest

import workloads
from api_client import collection
from appliance import wait_until
from selecting import Field, Label, field_text, select
from selector_case import SelectorCase

SPACE = "fields"
# The selectable fields of built-in types, and what an object without the field is taken to have.
BUILT_IN_FIELDS = (
    ("v1", "pods", {"spec.nodeName": "", "status.phase": "", "spec.restartPolicy": "",
                    "spec.schedulerName": "", "spec.serviceAccountName": "",
                    "spec.hostNetwork": "false", "status.podIP": "",
                    "status.nominatedNodeName": ""}),
    ("v1", "secrets", {"type": ""}),
    ("v1", "namespaces", {"status.phase": ""}),
    ("v1", "nodes", {"spec.unschedulable": "false"}),
    ("v1", "services", {"spec.type": "", "spec.clusterIP": ""}),
    ("v1", "replicationcontrollers", {"status.replicas": "0"}),
    ("v1", "events", dict.fromkeys(
        ("involvedObject.name", "involvedObject.kind", "involvedObject.namespace",
         "involvedObject.apiVersion", "involvedObject.fieldPath", "involvedObject.uid",
         "involvedObject.resourceVersion", "reason", "reportingComponent", "type"), "")),
    ("events.k8s.io/v1", "events", dict.fromkeys(
        ("regarding.name", "regarding.kind", "regarding.namespace", "reason",
         "reportingController", "type"), "")),
    ("batch/v1", "jobs", {"status.successful": "0"}),
    ("resource.k8s.io/v1", "resourceslices", {"spec.driver": "", "spec.nodeName": ""}),
)
# Fields that selectors call otherwise than objects do.
PLACES = {"status.successful": "status.succeeded"}


class Fields(SelectorCase):
    @classmethod
    def setUpClass(cls):
        cls.start()
        cls.make_namespaces(SPACE)

    def make_objects(self):
        client = self.client
        client.create_all([workloads.plain("Node", "node-1"),
                           workloads.plain("Node", "node-2", spec={"unschedulable": True})])
        client.create_all([
            workloads.plain("ServiceAccount", "robot", SPACE),
            workloads.plain("Namespace", "held", spec={"finalizers": ["tests.example.com/hold"]}),
            workloads.plain("Secret", "plain", SPACE),
            workloads.plain("Secret", "login", SPACE, type="kubernetes.io/basic-auth",
                            stringData={"username": "u", "password": "p"}),
            workloads.plain("Service", "out", SPACE, spec={"type": "ExternalName",
                                                           "externalName": "x.example.com"}),
            workloads.plain("Service", "headless", SPACE, spec={"clusterIP": "None",
                                                                "ports": [{"port": 80}]}),
            *(workloads.replication_controller(f"rc-{n}", SPACE, {"app": f"rc-{n}"}, n)
              for n in range(2)),
            workloads.event("elsewhere"),
            *(self.event(n) for n in range(4)), *(self.job(n) for n in range(2)),
            *(self.slice(n) for n in (1, 2))])
        client.delete("/api/v1/namespaces/held")
        client.patch(f"{collection('batch/v1', 'jobs', SPACE)}/job-1/status",
                     {"status": {"succeeded": 1}})

    def make_pods(self):
        for n, spec in enumerate(({}, {"nodeName": "node-1"}, {"restartPolicy": "Never"},
                                  {"schedulerName": "mine"}, {"hostNetwork": True},
                                  {"serviceAccountName": "robot", "nodeName": "node-2"})):
            self.client.create(workloads.pod(f"p{n}", SPACE, **spec))
        pods = collection("v1", "pods", SPACE)
        self.client.patch(f"{pods}/p1/status", {"status": {
            "phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}})
        self.client.patch(f"{pods}/p2/status", {"status": {"nominatedNodeName": "node-1"}})

    @staticmethod
    def event(n):
        more = {"type": "Warning", "reason": "Failed", "reportingComponent": "kubelet"}
        document = workloads.event(f"e{n}", SPACE, about=f"p{n}", **(more if n % 2 else {}))
        if n == 3:
            document["involvedObject"] |= {"kind": "Node", "apiVersion": "v1", "uid": "u3",
                                           "resourceVersion": "3", "fieldPath": "spec.x"}
        return document

    @staticmethod
    def job(n):
        # Somebody else's job: its status stays as it is.
        return workloads.plain("Job", f"job-{n}", SPACE, api_version="batch/v1", spec={
            "managedBy": "tests.example.com/nobody", "completions": 3,
            "template": {"spec": {**workloads.pod("")["spec"], "restartPolicy": "Never"}}})

    @staticmethod
    def slice(n):
        return workloads.plain("ResourceSlice", f"slice-{n}", api_version="resource.k8s.io/v1",
                               spec={"driver": f"driver-{n}.example.com", "nodeName": f"node-{n}",
                                     "pool": {"name": "pool", "generation": 1,
                                              "resourceSliceCount": 1}})

    def two_values(self, path, field, absent):
        """What the objects have in the field, once it differs."""
        items, _ = self.client.list(path)
        values = {field_text(item, PLACES.get(field, field), absent) for item in items}
        return values if len(values) > 1 else None

    def check_field(self, path, field, absent):
        values = wait_until(lambda: self.two_values(path, field, absent), 60,
                            f"two values of {field} in {path}")
        for value, operator in itertools.product((*values, "no-such"), ("=", "!=")):
            asked = Field(field, value, operator, absent, PLACES.get(field, ""))
            with self.subTest(path=path, field=str(asked)):
                self.check(path, select(asked), limit=2)
                self.check(path, select(asked, Label("app", "!=", ("web",))))

    def test_fields_of_built_in_types(self):
        self.make_objects()
        self.make_pods()
        for version, resource, fields in BUILT_IN_FIELDS:
            for field, absent in fields.items():
                self.check_field(collection(version, resource), field, absent)

    def test_source_of_events(self):
        """It is one field out of two, and pods go by an old name of one too."""
        for name, more in (("by-source", {"source": {"component": "cook"}}),
                           ("by-reporter", {"reportingComponent": "cook"}),
                           ("by-both", {"source": {"component": "cook"},
                                        "reportingComponent": "waiter"})):
            self.client.create(workloads.event(name, SPACE, **more))
        def names(resource, selector):
            items, _ = self.client.list(collection("v1", resource), fieldSelector=selector)
            return {item["metadata"]["name"] for item in items}
        cooked = {"by-source", "by-reporter", "by-both"}
        self.assertEqual(names("events", "source=cook"), cooked)
        self.assertEqual(names("events", "source!=cook") & cooked, set())
        self.assertEqual(names("events", "source=waiter"), set())
        self.client.create(workloads.pod("old-name", SPACE, nodeName="node-of-old"))
        self.assertEqual(names("pods", "spec.host=node-of-old"), {"old-name"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
