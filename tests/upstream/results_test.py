#!/usr/bin/env python3
"""What a run of the upstream suite counts as a failure: results_test.py"""

import unittest

from results import SERVER_STARTED, Results, Table

SKIP = ("pkg/a", "TestSkipped")


def problems(*events, reasons=(), whole_packages=True):
    """The problems after a server has started and these (action, test) have come."""
    results = Results("module/")
    started = {"Action": "output", "Test": "TestServer", "Output": SERVER_STARTED + "kubase\n"}
    for event in (started, *({"Action": action, "Test": test} for action, test in events)):
        results.add({"Package": "module/pkg/a", **event})
    table = Table("skipped.txt", {entry: ("", 7) for entry in reasons})
    return results.problems(table, whole_packages)


class ResultsTest(unittest.TestCase):
    def test_passed(self):
        self.assertEqual(problems(("run", "Test"), ("pass", "Test"), ("pass", "")), [])

    def test_failed(self):
        found = problems(("run", "Test"), ("fail", "Test"), ("fail", ""))
        self.assertEqual(found, ["failed: pkg/a Test\n"])

    def test_failed_once_of_several(self):
        found = problems(("fail", "Test"), ("run", "Test"), ("pass", "Test"), ("fail", ""))
        self.assertEqual(found, ["failed: pkg/a Test\n"])

    def test_never_ended(self):
        self.assertEqual(problems(("run", "Test")), ["failed: pkg/a Test\n"])

    def test_package_that_does_not_build(self):
        self.assertEqual(problems(("fail", "")), ["failed: pkg/a\n"])

    def test_skipped_without_a_reason(self):
        found = problems(("skip", "TestSkipped"), ("pass", ""))
        self.assertEqual(found, ["skipped without a reason in skipped.txt: pkg/a TestSkipped"])

    def test_skipped_for_a_reason(self):
        self.assertEqual(problems(("skip", "TestSkipped"), ("pass", ""), reasons=[SKIP]), [])

    def test_reason_of_a_test_that_runs(self):
        found = problems(("pass", "TestSkipped"), ("pass", ""), reasons=[SKIP])
        self.assertEqual(found, ["skipped.txt:7: TestSkipped is not skipped: remove the line"])

    def test_reason_of_a_test_that_was_left_out(self):
        self.assertEqual(problems(("pass", ""), reasons=[SKIP], whole_packages=False), [])

    def test_reason_of_a_package_that_was_left_out(self):
        self.assertEqual(problems(("pass", ""), reasons=[("pkg/b", "TestSkipped")]), [])

    def test_nothing_used_a_server(self):
        found = Results("").problems(Table("", {}), whole_packages=True)
        self.assertEqual(found, ["no test has started a server"])


if __name__ == "__main__":
    unittest.main()
