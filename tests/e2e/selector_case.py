"""What the tests of selectors share: an appliance, and lists that are compared with Python's."""

import unittest

import workloads
from api_client import ApiClient
from appliance import Appliance, wait_until
from selecting import identity


def exactly(revision):
    return {"resourceVersion": revision, "resourceVersionMatch": "Exact"}


class SelectorCase(unittest.TestCase):
    @classmethod
    def start(cls, *arguments):
        cls.appliance = Appliance(*arguments)
        cls.addClassCleanup(cls.appliance.close)
        cls.come_back()

    @classmethod
    def come_back(cls):
        cls.appliance.up()
        cls.client = ApiClient(cls.appliance)
        cls.addClassCleanup(cls.client.close)
        cls.whole_lists = {}  # by path and revision

    @classmethod
    def make_namespaces(cls, *names):
        for name in names:
            cls.client.create(workloads.plain("Namespace", name))
        def have_accounts():
            found, _ = cls.client.list("/api/v1/serviceaccounts")
            return set(names) <= {item["metadata"]["namespace"] for item in found}
        wait_until(have_accounts, 60, "each namespace has a service account, which pods need")

    def check_index(self):
        """Of the appliance while it does not run."""
        checked = self.appliance.run("fsck")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def whole_list(self, path, revision):
        key = path, revision
        if key not in self.whole_lists:
            self.whole_lists[key] = self.client.list(path, **exactly(revision))[0]
        return self.whole_lists[key]

    def check(self, path, selector, revision=None, limit=None):
        """A list is right; how many objects it has, and of how many."""
        query = selector.query() | (exactly(revision) if revision else {})
        found, revision = self.client.list(path, limit, **query)
        everything = self.whole_list(path, revision)
        expected = [identity(item) for item in everything if selector.matches(item)]
        self.assertEqual([identity(item) for item in found], expected,
                         f"{path} {selector} at revision {revision} in pages of {limit}")
        return len(expected), len(everything)
