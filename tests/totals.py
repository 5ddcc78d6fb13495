#!/usr/bin/env python3
"""The totals of a run, from the results that ctest has left: totals.py FOLDER

One table of the presets, what the tests with random input have counted, the names of the tests
that failed, and the totals alone on the last line. The exit code is 1 when a test has failed, when
a preset has no results, and when nothing ran.
"""
import os
import re
import sys
import xml.etree.ElementTree as ElementTree


def read(path):
    """(passed, failed, skipped, seconds, names of the failed) of one file of ctest."""
    if os.path.getsize(path) == 0:  # neither built nor run
        return 0, 1, 0, 0.0, ["(the build)"]
    suite = ElementTree.parse(path).getroot()
    tests, failures, disabled, skipped = (
        int(suite.get(name, "0")) for name in ("tests", "failures", "disabled", "skipped")
    )
    skipped += disabled
    failed = [case.get("name") for case in suite.iter("testcase") if case.get("status") == "fail"]
    seconds = sum(float(case.get("time", "0")) for case in suite.iter("testcase"))
    return tests - failures - skipped, failures, skipped, seconds, failed


def counted(path):
    """What each test says at its end about the cases that it made: (name, text)."""
    if os.path.getsize(path) == 0:
        return
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        for text in re.findall(r"total: (\d+ cases.*)", case.findtext("system-out") or ""):
            yield case.get("name"), text


def main(folder):
    rows = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".xml"):
            rows.append((name.removesuffix(".xml"), *read(os.path.join(folder, name))))
    print(f"{'preset':<10}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for preset, passed, failed, skipped, seconds, _ in rows:
        print(f"{preset:<10}{passed:>8}{failed:>8}{skipped:>9}{seconds:>9.0f}")
    for preset, *_ in rows:
        for name, text in counted(os.path.join(folder, f"{preset}.xml")):
            print(f"{name} of {preset}: {text}")
    for preset, *_, names in rows:
        for name in names:
            print(f"failed: {name} of {preset}")
    passed, failed, skipped = (sum(row[column] for row in rows) for column in (1, 2, 3))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
