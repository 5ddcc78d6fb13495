"""What came out of `go test -json`, and the table of the tests that may be skipped."""

import collections
import dataclasses

SERVER_STARTED = "server under test: "  # what testserver/test_server.go logs
LINES_OF_FAILURE = 60


@dataclasses.dataclass(frozen=True)
class Table:
    """The tests that are known not to run: (package, test) to (reason, line)."""

    path: str
    reasons: dict

    @staticmethod
    def read(path):
        reasons = {}
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.startswith("#") or not line.strip():
                    continue
                fields = line.split(maxsplit=2)
                if len(fields) != 3:
                    raise SystemExit(f"{path}:{number}: want a package, a test, and the reason")
                reasons[fields[0], fields[1]] = (fields[2].strip(), number)
        return Table(path, reasons)


class Results:
    """Collects the events of one `go test -json`.

    A test with subtests is an entry beside them. A test that never ended, as after a crash, has
    failed; so has a package that failed without a test that did.
    """

    def __init__(self, prefix):
        self._prefix = prefix
        self._outcomes = {}  # (package, test) to "run", "pass", "fail" or "skip"
        self._output = collections.defaultdict(list)
        self._packages = {}  # to their own outcome
        self._servers = 0
        self._with_server = set()

    def add(self, event):
        """Takes one event; returns a line to print when it is the end of a package."""
        package = event.get("Package", event.get("ImportPath", "")).removeprefix(self._prefix)
        test, action = event.get("Test", ""), event["Action"]
        if action in ("output", "build-output"):
            self._add_output(package, test, event["Output"])
        elif action in ("run", "pass", "fail", "skip"):
            if test:
                # A test that failed in one of several rounds has failed.
                if self._outcomes.get((package, test)) != "fail":
                    self._outcomes[package, test] = action
            else:
                self._packages[package] = action
                if any(owner == package for owner, _ in self._outcomes):
                    return f"{package}: {self._count(package)} in {event.get('Elapsed', 0):.0f} s"
        return None

    def _add_output(self, package, test, text):
        self._output[package, test].append(text)
        if SERVER_STARTED in text:
            self._servers += 1
            self._with_server.add((package, test.partition("/")[0]))

    def _count(self, package=None, subtests=True):
        outcomes = collections.Counter(
            outcome
            for (owner, test), outcome in self._outcomes.items()
            if package in (None, owner) and (subtests or "/" not in test)
        )
        failed = outcomes["fail"] + outcomes["run"]
        return f"{outcomes['pass']} passed, {failed} failed, {outcomes['skip']} skipped"

    def problems(self, table, whole_packages):
        """What has to be different, one text each, failures with their output.

        whole_packages: nothing was left out, so that a line of the table without its test is stale.
        """
        found = [
            f"failed: {package} {test}\n{self._tail(package, test)}"
            for package, test in self._failed()
        ]
        broken = {package for package, outcome in self._packages.items() if outcome == "fail"}
        for package in sorted(broken - {package for package, _ in self._failed()}):
            found.append(f"failed: {package}\n{self._tail(package, '')}")
        skipped = {entry for entry, outcome in self._outcomes.items() if outcome == "skip"}
        for package, test in sorted(skipped - table.reasons.keys()):
            found.append(f"skipped without a reason in {table.path}: {package} {test}")
        for (package, test), (_, line) in table.reasons.items():
            known = whole_packages and package in self._packages
            if known and (package, test) not in skipped:
                found.append(f"{table.path}:{line}: {test} is not skipped: remove the line")
        if self._servers == 0:
            found.append("no test has started a server")
        return found

    def _failed(self):
        return [entry for entry, outcome in self._outcomes.items() if outcome in ("fail", "run")]

    def _tail(self, package, test):
        return "".join(self._output[package, test][-LINES_OF_FAILURE:])

    def totals(self):
        return (
            f"{self._count(subtests=False)}; with subtests {self._count()}; "
            f"{len(self._with_server)} tests used {self._servers} servers"
        )
