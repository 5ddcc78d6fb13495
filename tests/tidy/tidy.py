#!/usr/bin/env python3
"""Checks the style that a machine can check: tidy.py [--root FOLDER] [--quiet]

Fails with the remedy in the message. What is allowed is data, in policy.py beside this file; the
conventions themselves, with their reasons, are in ARCHITECTURE.md. Standard library only.
"""

import argparse
import os
import shutil
import sys

from repository import REPOSITORY_RULES, files_of
from rules import RULES


def check(root):
    sources = files_of(root)
    findings = [finding for source in sources for rule in RULES for finding in rule(source)]
    findings += [finding for rule in REPOSITORY_RULES for finding in rule(sources)]
    return sources, sorted(findings, key=lambda finding: (finding.path, finding.line))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(here)))
    parser.add_argument("--quiet", action="store_true", help="errors only")
    arguments = parser.parse_args()

    sources, findings = check(arguments.root)
    errors = [finding for finding in findings if not finding.warning]
    for finding in errors if arguments.quiet else findings:
        print(finding)
    if shutil.which("shellcheck") is None:
        print(
            "shellcheck is not installed: the scripts were only parsed (apt-get install shellcheck)"
        )
    print(
        f"tidy: {len(sources)} files, {len(errors)} errors, {len(findings) - len(errors)} warnings"
    )
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
