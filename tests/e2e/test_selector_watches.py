"""Watches by label and field selectors: what enters is ADDED, what leaves is DELETED."""

import concurrent.futures
import contextlib
import random
import unittest

import workloads
from api_client import ApiError, collection
from appliance import wait_until
from selecting import Field, Label, expected_events, select, told
from selector_case import SelectorCase

SEED = 20_261_123
SPACE = "default"
HATS = collection(f"{workloads.GROUP}/v1", "hats")
PODS = collection("v1", "pods")
CONFIG_MAPS = collection("v1", "configmaps")
EVENTS = collection("v1", "events")
COLORS = ("red", "green", "blue", "")

# Each with an object that it selects, so that each watch has something to end with.
RANDOM_SELECTORS = (
    (select(Label("color", "=", ("red",))), {"color": "red"}, {}),
    (select(Label("color", "=", ("blue",))), {"color": "blue"}, {}),
    (select(Label("color", "!=", ("red",))), {}, {}),
    (select(Label("color", "in", ("blue", "red"))), {"color": "red"}, {}),
    (select(Label("color", "notin", ("green", "red"))), {"color": "blue"}, {}),
    (select(Label("color", "exists")), {"color": ""}, {}),
    (select(Label("color", "!exists")), {}, {}),
    (select(Label("size", ">", ("4",))), {"size": "5"}, {}),
    (select(Label("size", "<", ("4",)), Label("color", "=", ("",))),
     {"size": "3", "color": ""}, {}),
    (select(Field("spec.color", "red")), {}, {"color": "red"}),
    (select(Field("spec.color", "")), {}, {}),
    (select(Field("spec.color", "red", "!=")), {}, {"color": "blue"}),
    (select(Field("spec.color", "blue"), Label("color", "=", ("red",))),
     {"color": "red"}, {"color": "blue"}),
    (select(Field("metadata.name", "end-13"), Label("color", "exists")), {"color": "x"}, {}),
    (select(Field("metadata.name", "h3", "!=")), {}, {}),
)


def summary(event):
    return f"{event['type']} {event['object']['metadata']['name']}"


class Watches(SelectorCase):
    @classmethod
    def setUpClass(cls):
        cls.start()
        cls.client.define(workloads.definition("Hat", workloads.version(
            "v1", ["color"], color=workloads.TEXT, size=workloads.TEXT)))
        cls.client.create_all([workloads.plain("Node", f"node-{i}") for i in (1, 2)])
        cls.replays = []  # what watches have told, to be told again
        def can_create_pods():
            return cls.client.serves(f"{collection('v1', 'serviceaccounts', SPACE)}/default")
        wait_until(can_create_pods, 60, "the service account of pods exists")
        print(f"\nseed {SEED}")

    def replay(self, path, start, query, expected):
        with self.client.watch(path, resourceVersion=start, **query) as watch:
            told_again = [told(event) for event in watch.take(len(expected))]
        self.assertEqual(told_again, expected, f"{path} {query} from revision {start}")

    def check_watches(self, path, change, expected):
        """What `change` does is told to watches by `expected`, {their query: their events}; each
        must end with an event, so that none can be too many. Then it is told again."""
        start = self.client.revision(path)
        with contextlib.ExitStack() as stack:
            watches = [stack.enter_context(
                self.client.watch(path, resourceVersion=start, **{kind: text}))
                for kind, text in expected]
            change()
            heard = [watch.take(len(events))
                     for watch, events in zip(watches, expected.values(), strict=True)]
        for (kind, text), events in zip(expected, heard, strict=True):
            self.assertEqual([summary(event) for event in events], expected[kind, text], text)
            self.replays.append((path, start, {kind: text}, [told(event) for event in events]))
            self.replay(*self.replays[-1])

    def test_labels_of_a_protobuf_type(self):
        one, two = (f"{collection('v1', 'configmaps', SPACE)}/{name}" for name in ("one", "two"))
        def label(path, value):
            self.client.patch(path, {"metadata": {"labels": {"color": value}}})
        def change():
            for name, color in (("one", "red"), ("two", "green")):
                self.client.create(workloads.plain("ConfigMap", name, SPACE, {"color": color}))
            label(one, "blue")
            label(one, "red")
            self.client.patch(one, {"data": {"a": "1"}})
            label(two, "red")
            label(one, None)
            self.client.delete(one)
            self.client.delete(two)
        self.check_watches(CONFIG_MAPS, change, {
            ("labelSelector", "color=red"): [
                "ADDED one", "DELETED one", "ADDED one", "MODIFIED one", "ADDED two",
                "DELETED one", "DELETED two"],
            ("labelSelector", "color in (blue, red)"): [
                "ADDED one", "MODIFIED one", "MODIFIED one", "MODIFIED one", "ADDED two",
                "DELETED one", "DELETED two"],
            ("labelSelector", "color,color!=red"): [
                "ADDED two", "ADDED one", "DELETED one", "DELETED two"],
            ("fieldSelector", "metadata.name=two"): ["ADDED two", "MODIFIED two", "DELETED two"],
        })

    def test_a_field_of_a_custom_resource(self):
        path = f"{collection(f'{workloads.GROUP}/v1', 'hats', SPACE)}/turncoat"
        def change():
            self.client.create(workloads.custom("Hat", "turncoat", SPACE, color="red"))
            for color in ("blue", "red"):
                self.client.patch(path, {"spec": {"color": color}})
            self.client.patch(path, {"spec": {"size": "M"}})
            self.client.patch(path, {"spec": {"color": None}})
            self.client.delete(path)
            self.client.create_all([workloads.custom("Hat", f"last-{color}", SPACE, color=color)
                                    for color in ("red", "blue")])
        name = "turncoat"
        self.check_watches(HATS, change, {
            ("fieldSelector", "spec.color=red"): [
                f"ADDED {name}", f"DELETED {name}", f"ADDED {name}", f"MODIFIED {name}",
                f"DELETED {name}", "ADDED last-red"],
            ("fieldSelector", "spec.color=blue"): [
                f"ADDED {name}", f"DELETED {name}", "ADDED last-blue"],
            ("fieldSelector", "spec.color="): [f"ADDED {name}", f"DELETED {name}"],
        })

    def test_binding_of_a_pod(self):
        pods = collection("v1", "pods", SPACE)
        def change():
            for name, node in (("bound", "node-1"), ("other", "node-2")):
                self.client.create(workloads.pod(name, SPACE))
                self.client.request("POST", f"{pods}/{name}/binding", {
                    "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
                    "target": {"kind": "Node", "name": node}})
            self.client.patch(f"{pods}/bound/status", {"status": {"phase": "Running"}})
            self.client.delete(f"{pods}/bound")  # marks it and deletes it then: two events
            self.client.create(workloads.pod("last", SPACE))
        self.check_watches(PODS, change, {
            ("fieldSelector", "spec.nodeName=node-1"): [
                "ADDED bound", "MODIFIED bound", "MODIFIED bound", "DELETED bound"],
            ("fieldSelector", "spec.nodeName=node-2"): ["ADDED other"],
            ("fieldSelector", "spec.nodeName="): [
                "ADDED bound", "DELETED bound", "ADDED other", "DELETED other", "ADDED last"],
            ("fieldSelector", "status.phase=Running,spec.nodeName=node-1"): [
                "ADDED bound", "MODIFIED bound", "DELETED bound"],
            ("fieldSelector", "status.phase!=Running"): [
                "ADDED bound", "MODIFIED bound", "ADDED other", "MODIFIED other", "DELETED bound",
                "ADDED last"],
        })

    def test_events_of_an_object(self):
        def change():
            for name, about in (("a", "mine"), ("b", "other"), ("c", "mine")):
                self.client.create(workloads.event(name, SPACE, about))
            self.client.patch(f"{collection('v1', 'events', SPACE)}/a", {"count": 2})
            self.client.delete(f"{collection('v1', 'events', SPACE)}/c")
        self.check_watches(EVENTS, change, {
            ("fieldSelector", "involvedObject.name=mine"): [
                "ADDED a", "ADDED c", "MODIFIED a", "DELETED c"],
            ("fieldSelector", "involvedObject.name!=mine,involvedObject.kind=Pod"): ["ADDED b"],
        })

    def test_initial_events(self):
        """A list by a watch, and a watch from no revision in particular."""
        self.client.create_all([
            workloads.plain("ConfigMap", f"initial-{i}", SPACE, {"initial": str(i % 3)})
            for i in range(12)])
        expected = [f"ADDED initial-{i}" for i in (1, 10, 4, 7)]
        query = {"labelSelector": "initial=1"}
        with self.client.watch(CONFIG_MAPS, sendInitialEvents="true", allowWatchBookmarks="true",
                               resourceVersionMatch="NotOlderThan", **query) as watch:
            self.assertEqual([summary(event) for event in watch.take(4)], expected)
            bookmark = watch.next()
            self.assertEqual(bookmark["type"], "BOOKMARK")
            self.assertEqual(bookmark["object"]["metadata"]["annotations"],
                             {"k8s.io/initial-events-end": "true"})
            self.enter_and_leave("initial-2", {"initial": "1"})
            self.assertEqual([summary(event) for event in watch.take(2)],
                             ["ADDED initial-2", "DELETED initial-2"])
        for start in ({}, {"resourceVersion": "0"}):
            with self.client.watch(CONFIG_MAPS, **query, **start) as watch:
                self.assertEqual([summary(event) for event in watch.take(4)], expected)
                self.enter_and_leave("initial-0", {"initial": "1"})
                self.assertEqual([summary(event) for event in watch.take(2)],
                                 ["ADDED initial-0", "DELETED initial-0"])

    def enter_and_leave(self, name, labels):
        for change in (labels, dict.fromkeys(labels)):
            self.client.patch(f"{collection('v1', 'configmaps', SPACE)}/{name}",
                              {"metadata": {"labels": change}})

    def change_hat(self, generator):
        """One change of one of eight hats, which may not be there."""
        name = f"h{generator.randrange(8)}"
        labels = {"color": generator.choice((*COLORS, None)),
                  "size": generator.choice((None, "1", "3", "5", "x"))}
        spec = {"color": generator.choice((*COLORS[:3], None))}
        path = f"{collection(f'{workloads.GROUP}/v1', 'hats', SPACE)}/{name}"
        try:
            if generator.random() < 0.2:
                self.client.delete(path)
            else:
                self.client.patch(path, {"metadata": {"labels": labels}, "spec": spec})
        except ApiError as missing:
            if missing.code != 404:
                raise
            self.make_hat(name, labels, spec)

    def make_hat(self, name, labels, spec):
        def present(values):
            return {key: value for key, value in values.items() if value is not None}
        with contextlib.suppress(ApiError):  # another writer may have been faster
            self.client.create(workloads.custom("Hat", name, SPACE, labels=present(labels),
                                                **present(spec)))

    def test_random_changes(self):
        """Many watches at once; what one without selector tells says what they have to tell."""
        before, start = self.client.list(HATS)
        last = f"end-{len(RANDOM_SELECTORS) - 1}"
        with contextlib.ExitStack() as stack:
            plain, *watches = (stack.enter_context(
                self.client.watch(HATS, resourceVersion=start, **query))
                for query in ({}, *(s.query() for s, *_ in RANDOM_SELECTORS)))
            with concurrent.futures.ThreadPoolExecutor(3) as writers:
                list(writers.map(self.change_hat, (random.Random(SEED + i) for i in range(200))))
            for i, (_, labels, spec) in enumerate(RANDOM_SELECTORS):
                self.make_hat(f"end-{i}", labels, spec)
            events = [plain.next()]
            while events[-1]["object"]["metadata"]["name"] != last:
                events.append(plain.next())
            self.assertGreater(len(events), 150)
            for (selector, *_), watch in zip(RANDOM_SELECTORS, watches, strict=True):
                expected = expected_events(selector, before, events)
                heard = [told(event) for event in watch.take(len(expected))]
                self.assertEqual(heard, expected, str(selector))
                self.replays.append((HATS, start, selector.query(), expected))
                self.replay(*self.replays[-1])
        self.check_lists_afterwards()

    def check_lists_afterwards(self):
        for selector, *_ in RANDOM_SELECTORS:
            found, _ = self.check(HATS, selector)
            self.assertGreater(found, 0)

    def test_zz_replays_after_stop_and_kill(self):
        """Last by name. Nothing is in memory then, so that the database has to tell."""
        self.assertGreater(len(self.replays), 10)
        for end in (self.appliance.stop, self.appliance.kill):
            end()
            self.come_back()
            for watch in self.replays:
                self.replay(*watch)


if __name__ == "__main__":
    unittest.main(verbosity=2)
