#!/usr/bin/env python3
"""Runs kube-apiserver's own storage tests, unchanged, against kubase.

  run.py --prepare FOLDER                  fetches the tests, copies them to FOLDER, compiles them
  run.py [options] FOLDER PACKAGE...       runs packages of that copy against $KUBASE_BIN
  run.py --etcd FILE FOLDER PACKAGE...     the same against a real etcd: is a failure ours?

Go fetches k8s.io/apiserver in the version that go.mod names, checked by go.sum. In the copy only
the package that starts an etcd is replaced, by testserver/ beside this file. A test that does not
run has to be in skipped.txt with its reason. The exit code is 0 when all tests passed and that
table is right.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

from results import Results, Table

HERE = os.path.dirname(os.path.abspath(__file__))
MODULE = "k8s.io/apiserver"
STAND_IN = "pkg/storage/etcd3/testserver"
LAUNCHER = os.path.join(os.path.dirname(HERE), "etcd", "internal", "server")
# These decide what is built; a workspace or flags of the user's own are not meant for this module.
ENVIRONMENT = {**os.environ, "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}


def prepare(copy, packages):
    found = subprocess.run(
        ["go", "mod", "download", "-json", MODULE],
        cwd=HERE,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
    )
    upstream = json.loads(found.stdout)
    shutil.rmtree(copy, ignore_errors=True)
    # Not the permissions: everything in the module cache is read-only.
    shutil.copytree(upstream["Dir"], copy, copy_function=shutil.copyfile)
    subprocess.run(["chmod", "-R", "u+w", copy], check=True)

    stand_in = os.path.join(copy, STAND_IN)
    shutil.rmtree(stand_in)
    shutil.copytree(os.path.join(HERE, "testserver"), stand_in)
    shutil.copytree(LAUNCHER, os.path.join(stand_in, "internal", "server"))
    for command in (["vet", f"./{STAND_IN}/..."], ["test", "-run=^$", *packages]):
        subprocess.run(["go", *command], cwd=copy, env=ENVIRONMENT, check=True)
    print(f"{MODULE} {upstream['Version']} is ready in {copy}")


def run(options):
    """Runs the packages, prints what came out, and tells whether that is as it has to be."""
    command = ["go", "test", "-json", "-count=1", "-p=1", "-timeout=30m"]
    command += [f"-parallel={options.parallel}", *options.packages]
    if options.tests:
        command.insert(2, f"-run={options.tests}")
    results = Results(MODULE + "/")
    statuses = [run_once(command, options, results) for _ in range(options.rounds)]
    table = Table.read(os.path.join(HERE, "skipped.txt"))
    problems = results.problems(table, whole_packages=not options.tests)
    if any(statuses) and not problems:
        problems.append(f"go test ended with {max(statuses)}")
    for problem in problems:
        print(problem)
    print(f"{results.totals()}; rounds: {options.rounds}")
    return not problems


def run_once(command, options, results):
    """A process for each round: upstream's tests of metrics do not pass twice in one."""
    with subprocess.Popen(
        command,
        cwd=options.folder,
        env=server_environment(options),
        stdout=subprocess.PIPE,
        text=True,
    ) as go_test:
        for line in go_test.stdout:
            report = results.add(json.loads(line))
            if report:
                print(report, flush=True)
    return go_test.returncode


def server_environment(options):
    """The server under test is told by one of two variables."""
    environment = {**ENVIRONMENT}
    if options.etcd:
        environment.pop("KUBASE_BIN", None)
        environment["ETCD_BIN"] = os.path.abspath(options.etcd)
    else:
        environment["KUBASE_BIN"] = os.path.abspath(environment["KUBASE_BIN"])
    return environment


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prepare", action="store_true", help="make the copy, run no test")
    parser.add_argument("--etcd", metavar="FILE", help="test this etcd instead of $KUBASE_BIN")
    parser.add_argument("--tests", metavar="REGEX", help="only these tests, as in go test -run")
    parser.add_argument("--rounds", type=int, default=1, help="how often all tests are run")
    parser.add_argument("--parallel", type=int, default=4, help="parallel tests of a package")
    parser.add_argument("folder", help="where the copy is")
    parser.add_argument("packages", nargs="+", metavar="package", help="as in ./pkg/storage/etcd3")
    options = parser.parse_args()
    options.folder = os.path.abspath(options.folder)
    if options.prepare:
        prepare(options.folder, options.packages)
        return 0
    if not options.etcd and not os.environ.get("KUBASE_BIN"):
        parser.error("name the server to test: KUBASE_BIN=/path/to/kubase, or --etcd FILE")
    if not os.path.isdir(options.folder):
        parser.error(f"{options.folder} does not exist: make it with --prepare")
    return 0 if run(options) else 1


if __name__ == "__main__":
    sys.exit(main())
