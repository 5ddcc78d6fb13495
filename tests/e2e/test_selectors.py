"""Lists by label and field selectors, compared with what Python selects of the whole list."""

import itertools
import random
import re
import unittest
import urllib.request

import workloads
from api_client import ApiError, collection
from appliance import free_port, wait_until
from selecting import LABEL_OPERATORS, Field, Label, identity, select
from selector_case import SelectorCase, exactly

SEED = 20_261_121
# In the order of the keys "sel-b/" comes before "sel/" and "sel0/" is where "sel/" ends.
NAMESPACES = ("sel", "sel-b", "sel0")
CUSTOM = f"{workloads.GROUP}/v1"
KINDS = {"hats": CUSTOM, "configmaps": "v1", "pods": "v1"}
OBJECTS = {"hats": 150, "configmaps": 150, "pods": 60}
# Beyond 64 values the database does not enumerate them; each object has an `id` of its own.
MANY_VALUES = tuple(f"i{n:03}" for n in range(0, 150, 2))
LABEL_VALUES = {
    "app": ("web", "db", "cache", ""),
    "tier": ("front", "back"),
    "example.com/role": ("a", "b"),
    "n": (*map(str, range(10)), "007", "1e3", "9223372036854775807", "9223372036854775808"),
    "id": MANY_VALUES,
    "nobody-has-it": ("x",),
}
EACH_OPERATOR = (
    (Label("app", "=", ("web",)),),
    (Label("app", "==", ("",)),),
    (Label("app", "!=", ("web",)),),
    (Label("app", "in", ("db", "web")),),
    (Label("app", "in", ("", "web")),),
    (Label("app", "notin", ("db", "web")),),
    (Label("example.com/role", "exists"),),
    (Label("example.com/role", "!exists"),),
    (Label("n", ">", ("4",)),),
    (Label("n", "<", ("8",)),),
    (Label("n", ">", ("2",)), Label("n", "<", ("7",)), Label("n", "!=", ("5",))),
    (Label("id", "exists"),),
    (Label("id", "!exists"),),
    (Label("id", "in", MANY_VALUES),),
    (Label("id", "notin", MANY_VALUES[:70]), Label("tier", "exists")),
    (Label("app", "=", ("web",)), Label("tier", "!=", ("back",))),
    (Label("app", "exists"), Label("tier", "!exists"), Label("example.com/role", "=", ("a",))),
)
# In which namespace, whether in the past, in pages of how many.
WAYS = ((None, False, None), (None, False, 20), ("sel", False, 7), (None, True, 20),
        ("sel", True, None))
HAT_FIELDS = ("color", "price", "sold")


def random_labels(generator, number):
    labels = {key: generator.choice(values) for key, values in LABEL_VALUES.items()
              if key not in ("id", "nobody-has-it") and generator.random() < 0.6}
    if generator.random() < 0.9:
        labels["id"] = f"i{number:03}"
    return labels


def random_label(generator):
    key = generator.choice(tuple(LABEL_VALUES))
    operator = generator.choice(tuple(LABEL_OPERATORS))
    if operator.endswith("exists"):
        return Label(key, operator)
    if operator in "<>":
        return Label(key, operator, (str(generator.randrange(12)),))
    count = generator.randint(1, 3) if "in" in operator else 1
    return Label(key, operator, tuple(generator.choices(LABEL_VALUES[key], k=count)))


def random_field(generator, kind):
    operator = generator.choice(("=", "!="))
    if kind == "hats" and generator.random() < 0.7:
        field = generator.choice(HAT_FIELDS)
        value = generator.choice(("red", "blue", "", "1", "3", "true", "false", "a=b,c\\d"))
        return Field(f"spec.{field}", value, operator)
    # With "=" kube-apiserver repeats itself in pages: test_metadata_fields.
    return Field("metadata.namespace", generator.choice(NAMESPACES), "!=")


def make(generator, kind, number, prefix="", name=None):
    """An object of its number; the namespaces take turns."""
    name = name or f"{prefix}{number:03}"
    namespace = NAMESPACES[number % len(NAMESPACES)]
    labels = random_labels(generator, number)
    if kind == "hats":
        spec = {"color": generator.choice(("red", "blue", "", None, "a=b,c\\d")),
                "price": generator.randrange(4), "sold": generator.random() < 0.5}
        spec = {field: value for field, value in spec.items() if generator.random() < 0.7}
        return workloads.custom("Hat", name, namespace, labels=labels, **spec)
    if kind == "pods":
        return workloads.pod(name, namespace, labels)
    return workloads.plain("ConfigMap", name, namespace, labels)


class Selectors(SelectorCase):
    @classmethod
    def setUpClass(cls):
        status = f"127.0.0.1:{free_port()}"
        cls.metrics_url = f"http://{status}/metrics"
        cls.start("--status-bind-address", status)
        cls.random = random.Random(SEED)
        print(f"\nseed {SEED}")
        cls.make_namespaces(*NAMESPACES)
        cls.make_objects()
        cls.make_labelled()

    @classmethod
    def make_objects(cls):
        """Objects as of revision `past`; after it some changed, came and went."""
        color = {"type": "string", "nullable": True}
        cls.client.define(workloads.definition("Hat", workloads.version(
            "v1", HAT_FIELDS, color=color, price={"type": "integer"}, sold={"type": "boolean"},
            size=workloads.TEXT)))
        for kind, count in OBJECTS.items():
            cls.client.create_all([make(cls.random, kind, i, "o") for i in range(count)])
            cls.client.create_all([make(cls.random, kind, i, name="same")
                                   for i in range(len(NAMESPACES))])
        cls.past = cls.client.revision("/api/v1/configmaps")
        for kind, count in OBJECTS.items():
            cls.client.create_all([make(cls.random, kind, i, "later") for i in range(0, count, 5)])
            for number in range(0, count, 3):
                cls.change(kind, number)

    @classmethod
    def make_labelled(cls):
        """Of types whose keys are not called as they are."""
        labels = {"labelled": "yes"}
        cls.client.create_all([
            workloads.plain("Node", "labelled", labels=labels),
            workloads.plain("Service", "labelled", "sel", labels, spec={"ports": [{"port": 80}]}),
            workloads.plain("EndpointSlice", "labelled", "sel", labels, "discovery.k8s.io/v1",
                            addressType="IPv4", endpoints=[]),
            workloads.replication_controller("labelled", "sel", labels, 0)])
        cls.client.request("POST", collection("v1", "endpoints", "sel"),
                           workloads.plain("Endpoints", "labelled", "sel", labels))

    @classmethod
    def change(cls, kind, number):
        namespace = NAMESPACES[number % len(NAMESPACES)]
        path = f"{collection(KINDS[kind], kind, namespace)}/o{number:03}"
        if number % 2:
            cls.client.delete(path)
            return
        labels = {**dict.fromkeys(LABEL_VALUES), **random_labels(cls.random, number)}
        cls.client.patch(path, {"metadata": {"labels": labels}})

    def test_each_operator(self):
        for kind, requirements in itertools.product(KINDS, EACH_OPERATOR):
            selector = select(*requirements)
            with self.subTest(kind=kind, selector=str(selector)):
                for namespace, past, limit in WAYS:
                    found, of = self.check(collection(KINDS[kind], kind, namespace), selector,
                                           self.past if past else None, limit)
                    if namespace is None:
                        self.assertTrue(0 < found < of, f"{found} of {of} tell nothing")

    def test_random_selectors(self):
        generator = random.Random(SEED)
        told_apart = 0
        for _ in range(150):
            kind = generator.choice(("hats", "configmaps"))
            requirements = [random_label(generator) for _ in range(generator.randint(1, 3))]
            if generator.random() < 0.4:
                requirements.append(random_field(generator, kind))
            path = collection(KINDS[kind], kind, generator.choice((None, *NAMESPACES)))
            found, of = self.check(path, select(*requirements),
                                   generator.choice((None, self.past)),
                                   generator.choice((None, 1, 5, 40)))
            told_apart += 0 < found < of
        self.assertGreater(told_apart, 50)  # else the selectors are too strict or too loose

    def test_label_values_beyond_the_limit_of_a_header(self):
        values = tuple(f"a-value-that-is-not-quite-short-{n:04}" for n in range(100)) + ("web",)
        selector = select(Label("app", "in", values), Label("tier", "=", ("back",)))
        found, _ = self.check(collection("v1", "configmaps"), selector)
        self.assertGreater(found, 0)

    def test_metadata_fields(self):
        """In pages too: kube-apiserver alone begins the list of one namespace out of all at its
        objects, but goes on at those of the cluster, and loses some."""
        name, namespace = Field("metadata.name", "o004"), Field("metadata.namespace", "sel")
        same, label = Field("metadata.name", "same"), Label("app", "exists")
        for kind in KINDS:
            path = collection(KINDS[kind], kind)
            for limit, *requirements in (
                    (7, name), (7, Field("metadata.name", "o004", "!=")),
                    (None, same), (1, same), (2, same), (1, same, label), (None, same, namespace),
                    (7, Field("metadata.namespace", "sel", "!="), label),
                    (None, namespace), (7, namespace), (7, namespace, label),
                    (None, Field("metadata.name", "o000"), namespace),
                    (None, Field("metadata.namespace", "sel0"), label)):
                for revision in (None, self.past):
                    found, of = self.check(path, select(*requirements), revision, limit)
                    self.assertTrue(0 < found < of, str(select(*requirements)))
            self.assertEqual(self.check(path, select(same), self.past)[0], len(NAMESPACES))
            self.assertEqual(self.check(path, select(name), self.past)[0], 1)
            elsewhere = collection(KINDS[kind], kind, "sel0")
            self.assertEqual(self.check(elsewhere, select(namespace))[0], 0)
        found, _ = self.check("/api/v1/namespaces", select(Field("metadata.name", "sel")))
        self.assertEqual(found, 1)
        own = Label("kubernetes.io/metadata.name", "in", ("sel", "sel0"))
        self.assertEqual(self.check("/api/v1/namespaces", select(own))[0], 2)

    def resources(self):
        """The paths of all resources that can be listed, each in the version preferred."""
        groups = self.client.get("/apis")["groups"]
        for version in ("v1", *(group["preferredVersion"]["groupVersion"] for group in groups)):
            root = collection(version, "").rstrip("/")
            for resource in self.client.get(root)["resources"]:
                # Statuses of components are made up for each list.
                if "list" in resource["verbs"] and resource["name"] != "componentstatuses":
                    yield collection(version, resource["name"])

    def test_every_resource(self):
        """By a label and the name of one of its objects, wherever it is stored."""
        labelled = set()
        for path in self.resources():
            items, _ = self.client.list(path)
            labels = [label for item in items
                      for label in item["metadata"].get("labels", {}).items()]
            asked = [Field("metadata.name", item["metadata"]["name"]) for item in items[:1]]
            for key, value in labels[-1:]:
                labelled.add(path)
                asked += [Label(key, "=", (value,)), Label(key, "!=", (value,)),
                          Label(key, "exists"), Label(key, "!exists")]
            for requirement in asked:
                with self.subTest(path=path, requirement=str(requirement)):
                    self.check(path, select(requirement), limit=50)
        self.assertLessEqual(
            {"/api/v1/services", "/api/v1/endpoints", "/api/v1/nodes", "/api/v1/namespaces",
             "/api/v1/replicationcontrollers", collection(CUSTOM, "hats"),
             "/apis/discovery.k8s.io/v1/endpointslices", "/apis/coordination.k8s.io/v1/leases",
             "/apis/rbac.authorization.k8s.io/v1/clusterroles",
             "/apis/apiregistration.k8s.io/v1/apiservices"}, labelled)

    def test_deletion_by_label(self):
        path = collection("v1", "secrets", "sel")
        self.client.create_all([workloads.plain("Secret", f"d{i}", "sel", {"d": str(i % 3)})
                                for i in range(12)])
        self.client.request("DELETE", path, labelSelector="d in (0, 2)")
        left, _ = self.client.list(path, labelSelector="d")
        self.assertEqual([item["metadata"]["name"] for item in left], ["d1", "d10", "d4", "d7"])

    def test_what_cannot_be_selected_is_refused(self):
        for kind, query, says in (
                ("pods", {"fieldSelector": "spec.containers=x"}, "spec.containers"),
                ("hats", {"fieldSelector": "spec.size=M"}, "spec.size"),
                ("configmaps", {"fieldSelector": "data.x=1"}, "data.x"),
                ("configmaps", {"labelSelector": "app in (web"}, "unable to parse")):
            for watch in ({}, {"watch": "true"}):
                with self.subTest(kind=kind, query=query, watch=watch), \
                        self.assertRaises(ApiError) as refused:
                    self.client.get(collection(KINDS[kind], kind), **query, **watch)
                self.assertEqual(refused.exception.status["reason"], "BadRequest")
                self.assertIn(says, refused.exception.status["message"])

    def matched_rows(self):
        with urllib.request.urlopen(self.metrics_url, timeout=60) as answer:
            text = answer.read().decode()
        found = re.findall(r'^kubase_sql_rows_total\{name="match"\} (\S+)$', text, re.M)
        return sum(map(float, found))  # no such line before the first search

    def test_the_database_selects_and_not_kube_apiserver(self):
        self.client.create(workloads.plain("Namespace", "many"))
        self.client.create_all([
            workloads.plain("Secret", f"s{n:04}", "many", {"number": f"n{n}", "even": str(n % 2)})
            for n in range(1000)])
        self.client.create(workloads.custom("Hat", "rare", "sel", color="gold"))
        self.client.create(workloads.pod("rare", "sel", nodeName="nowhere"))
        for kind, query, expected in (
                ("secrets", {"labelSelector": "number=n500"}, ["s0500"]),
                ("secrets", {"labelSelector": "number in (n7, n9),even!=0"}, ["s0007", "s0009"]),
                ("secrets", {"labelSelector": "even=1", "limit": 1}, ["s0001"]),
                ("hats", {"fieldSelector": "spec.color=gold"}, ["rare"]),
                ("pods", {"fieldSelector": "spec.nodeName=nowhere"}, ["rare"])):
            before = self.matched_rows()
            items = self.client.get(collection(KINDS.get(kind, "v1"), kind), **query)["items"]
            given = self.matched_rows() - before
            self.assertEqual([item["metadata"]["name"] for item in items], expected)
            self.assertGreaterEqual(given, len(expected), query)  # else it was not asked
            self.assertLessEqual(given, 5, query)  # some may be other clients'

    def answers(self):
        """Lists by each selector that have been found right, for comparison."""
        found = {}
        for kind, requirements, revision in itertools.product(
                ("hats", "configmaps"), EACH_OPERATOR, (None, self.past)):
            selector = select(*requirements)
            path = collection(KINDS[kind], kind, "sel-b")
            self.check(path, selector, revision)
            query = selector.query() | (exactly(revision) if revision else {})
            items, _ = self.client.list(path, 11, **query)
            found[path, selector, revision] = [identity(item) for item in items]
        return found

    def test_zz_stop_and_kill(self):
        """Last by name: the others would lose their connections."""
        before = self.answers()
        self.assertEqual(self.appliance.stop(), 0)
        self.check_index()
        self.come_back()
        self.assertEqual(self.answers(), before)
        self.client.create_all([make(self.random, "hats", i, "killed") for i in range(50)])
        before = self.answers()
        self.appliance.kill()
        self.check_index()
        # From now on the past is soon forgotten.
        self.appliance.arguments += ["--kube-apiserver-arg", "etcd-compaction-interval=1s"]
        self.come_back()
        self.check_the_present(before)
        wait_until(self.past_is_gone, 60, "the past is compacted")
        self.check_the_present(before)

    def check_the_present(self, before):
        for (path, selector, revision), expected in before.items():
            if revision is None:
                items, _ = self.client.list(path, 11, **selector.query())
                self.assertEqual([identity(item) for item in items], expected, str(selector))

    def past_is_gone(self):
        try:
            self.client.list(collection(CUSTOM, "hats"), **exactly(self.past))
        except ApiError as error:
            self.assertEqual(error.status["reason"], "Expired")
            return True
        return False


if __name__ == "__main__":
    unittest.main(verbosity=2)
