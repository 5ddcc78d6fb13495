"""Selectors of custom resources whose definition changes."""

import itertools
import random
import threading
import unittest

import workloads
from api_client import ApiError, collection
from appliance import wait_until
from selecting import Field, Label, select, told
from selector_case import SelectorCase

SEED = 20_261_122
TEXT = workloads.TEXT
COLORS = ("red", "green", "blue")
SIZES = ("S", "M", "L")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ROUNDS = 40  # of lists while objects change


class Definitions(SelectorCase):
    @classmethod
    def setUpClass(cls):
        cls.start()
        print(f"\nseed {SEED}")

    def setUp(self):
        self.random = random.Random(SEED)

    def spec(self):
        spec = {"color": self.random.choice(COLORS), "size": self.random.choice(SIZES)}
        return {field: value for field, value in spec.items() if self.random.random() < 0.9}

    def make(self, kind, count, version="v1"):
        return self.client.create_all([
            workloads.custom(kind, f"{version}-{i:04}", "default", version,
                             {"third": str(i % 3)}, **self.spec()) for i in range(count)])

    def redefine(self, kind, *versions):
        """Changes the definition, and waits until kube-apiserver goes by it."""
        name = workloads.definition(kind)["metadata"]["name"]
        self.client.patch(f"{DEFINITIONS}/{name}", {"spec": {"versions": list(versions)}})
        self.whole_lists.clear()  # what is stored may be decoded otherwise now
        for version in versions:
            path = self.path(kind, version["name"])
            selectable = [f["jsonPath"][1:] for f in version["selectableFields"]]
            wait_until(lambda path=path, fields=selectable: self.goes_by(path, fields), 60,
                       f"{path} has the fields {selectable}")

    def goes_by(self, path, selectable):
        every = {"spec.color", "spec.size"}
        return all(self.client.serves(path, fieldSelector=f"{field}=x") == (field in selectable)
                   for field in every)

    @staticmethod
    def path(kind, version="v1"):
        return collection(f"{workloads.GROUP}/{version}", kind.lower() + "s")

    def check_field(self, path, field, values, revision=None, limit=None):
        """Lists by each value are right; at least one tells something."""
        informative = 0
        for value, operator in itertools.product((*values, ""), ("=", "!=")):
            asked = Field(f"spec.{field}", value, operator)
            found, of = self.check(path, select(asked), revision, limit)
            informative += 0 < found < of
        self.assertGreater(informative, 0)

    def keep_changing(self, path, names, stop, failures):
        generator = random.Random(SEED)
        try:
            while not stop.is_set():
                change = {"metadata": {"labels": {"third": generator.choice("012")}},
                          "spec": {"size": generator.choice((*SIZES, None))}}
                self.client.patch(f"{path}/{generator.choice(names)}", change)
        except (ApiError, OSError) as failure:
            failures.append(failure)

    def check_while_objects_change(self, kind, names):
        stop, failures = threading.Event(), []
        writer = threading.Thread(target=self.keep_changing, args=(
            collection(f"{workloads.GROUP}/v1", kind.lower() + "s", "default"), names, stop,
            failures))
        writer.start()
        try:
            for number in range(ROUNDS):
                asked = (Field("spec.size", SIZES[number % 3]), Label("third", "=", ("1",)),
                         Field("spec.color", "red", "!="))
                self.check(self.path(kind), select(*asked[:1 + number % 3]),
                           limit=(None, 50)[number % 2])
        finally:
            stop.set()
            writer.join()
        self.assertEqual(failures, [])

    def test_a_second_field(self):
        one = workloads.version("v1", ["color"], color=TEXT, size=TEXT)
        both = workloads.version("v1", ["color", "size"], color=TEXT, size=TEXT)
        other = workloads.version("v1", ["size"], color=TEXT, size=TEXT)
        self.client.define(workloads.definition("Glove", one))
        path = self.path("Glove")
        names = [item["metadata"]["name"] for item in self.make("Glove", 600)]
        past = self.client.revision(path)
        self.redefine("Glove", both)
        self.check_field(path, "size", SIZES)
        self.check_while_objects_change("Glove", names)
        self.check_field(path, "size", SIZES, past, 100)
        self.check_field(path, "color", COLORS, past)
        self.check_watch_by_size("Glove", names[0])
        for version in (other, one, both):
            self.redefine("Glove", version)
            for field in version["selectableFields"]:
                name = field["jsonPath"].rpartition(".")[2]
                self.check_field(path, name, {"size": SIZES, "color": COLORS}[name])
            self.check(path, select(Label("third", "!=", ("0",))), past)

    def check_watch_by_size(self, kind, name):
        path = self.path(kind)
        single = f"{collection(f'{workloads.GROUP}/v1', 'gloves', 'default')}/{name}"
        start = self.client.revision(path)
        with self.client.watch(path, fieldSelector="spec.size=XL", resourceVersion=start) as watch:
            for size, label in (("M", "x"), ("XL", "x"), ("XL", "y"), ("S", "y")):
                self.client.patch(single, {"metadata": {"labels": {"third": label}},
                                           "spec": {"size": size}})
            kinds = [told(event)[0] for event in watch.take(3)]
        self.assertEqual(kinds, ["ADDED", "MODIFIED", "DELETED"])

    def test_a_kill_while_the_fields_change(self):
        one = workloads.version("v1", ["color"], color=TEXT, size=TEXT)
        both = workloads.version("v1", ["color", "size"], color=TEXT, size=TEXT)
        self.client.define(workloads.definition("Sock", one))
        self.make("Sock", 600)
        name = workloads.definition("Sock")["metadata"]["name"]
        self.client.patch(f"{DEFINITIONS}/{name}", {"spec": {"versions": [both]}})
        self.appliance.kill()
        self.check_index()
        self.come_back()
        path = self.path("Sock")
        wait_until(lambda: self.client.serves(path), 60, "socks are served")
        self.check_field(path, "size", SIZES)
        self.check_field(path, "color", COLORS)
        self.check(path, select(Label("third", "=", ("2",)), Field("spec.size", "M")))

    def test_versions_without_conversion(self):
        def versions(stored):
            return (workloads.version("v1", ["color"], stored == "v1", color=TEXT),
                    workloads.version("v2", ["color", "size"], stored == "v2", color=TEXT,
                                      size=TEXT))
        self.client.define(workloads.definition("Belt", *versions("v1")))
        self.make("Belt", 30)
        self.make("Belt", 30, "v2")  # stored as v1, which has no size
        self.assertEqual(self.check(self.path("Belt", "v2"), select(Field("spec.size", "")))[0], 60)
        self.redefine("Belt", *versions("v2"))
        self.client.create_all([
            workloads.custom("Belt", f"new-{i}", "default", "v2", color="red", size=SIZES[i % 3])
            for i in range(9)])
        for version, limit in itertools.product(("v1", "v2"), (None, 7)):
            self.check_field(self.path("Belt", version), "color", COLORS, limit=limit)
            self.check(self.path("Belt", version), select(Label("third", "notin", ("0", "2"))))
        self.check_field(self.path("Belt", "v2"), "size", SIZES, limit=2)

    def test_a_default_fills_what_is_stored_without(self):
        plain = workloads.version("v1", ["color"], color=TEXT, size=TEXT)
        filled = workloads.version("v1", ["color", "size"], color=dict(TEXT, default="red"),
                                   size=TEXT)
        self.client.define(workloads.definition("Tie", plain))
        self.make("Tie", 40)
        path = self.path("Tie")
        found, _ = self.check(path, select(Field("spec.color", "")))
        self.assertGreater(found, 0)
        past = self.client.revision(path)
        self.redefine("Tie", filled)
        for revision in (None, past):
            self.check_field(path, "color", COLORS, revision)
            self.assertEqual(self.check(path, select(Field("spec.color", "")), revision)[0], 0)

    def test_a_kind_that_comes_back(self):
        by_color = workloads.version("v1", ["color"], color=TEXT, size=TEXT)
        by_size = workloads.version("v1", ["size"], color=TEXT, size=TEXT)
        path = self.path("Cap")
        self.client.define(workloads.definition("Cap", by_color))
        self.make("Cap", 20)
        past = self.client.revision(path)
        name = workloads.definition("Cap")["metadata"]["name"]
        self.client.delete(f"{DEFINITIONS}/{name}")
        wait_until(lambda: not self.client.serves(f"{DEFINITIONS}/{name}"), 60, "caps are gone")
        self.client.define(workloads.definition("Cap", by_size))
        self.assertEqual(self.check(path, select(Label("third", "exists")))[0], 0)
        self.make("Cap", 30)
        self.check_field(path, "size", SIZES)
        self.check(path, select(Label("third", "=", ("1",))), past)


if __name__ == "__main__":
    unittest.main(verbosity=2)
