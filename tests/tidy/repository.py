"""The rules that need more than one file: what is registered and used, what shellcheck says."""

import os
import re
import shutil
import subprocess

from rules import Finding
from source import CXX, SourceFile


def files_of(root):
    """The files that git knows or would add; in an unpacked archive, all but those of a build."""
    if os.path.exists(os.path.join(root, ".git")):
        listing = subprocess.run(
            [
                "git",
                "-c",
                f"safe.directory={os.path.abspath(root)}",
                "-C",
                root,
                "ls-files",
                "-co",
                "--exclude-standard",
                "-z",
            ],
            capture_output=True,
            check=True,
        )
        names = listing.stdout.decode().split("\0")
    else:
        names = [
            os.path.relpath(os.path.join(folder, name), root)
            for folder, _, found in os.walk(root)
            for name in found
        ]
        ignored = re.compile(r"build/|(.*/)?(node_modules|__pycache__|\.git)/")
        names = [name for name in names if not ignored.match(name)]
    paths = sorted(name for name in names if name and os.path.isfile(os.path.join(root, name)))
    return [SourceFile(root, path) for path in paths]


def registered_sources(sources):
    """Each C++ file is named in a CMakeLists.txt, or it would silently not be built or run."""
    lists = {
        os.path.dirname(s.path): s.text
        for s in sources
        if os.path.basename(s.path) == "CMakeLists.txt"
    }
    by_root = " ".join(re.findall(r"\$\{CMAKE_SOURCE_DIR\}/([\w./-]+)", " ".join(lists.values())))
    for source in sources:
        if source.extension != "cc" or source.path in by_root.split():
            continue
        folder, name = os.path.split(source.path)
        above = [
            folder[:end] for end in range(len(folder) + 1) if folder[end : end + 1] in ("", "/")
        ] + [""]
        from_root = "${CMAKE_SOURCE_DIR}/" + source.path
        if not any(
            _names(lists.get(place, ""), os.path.relpath(source.path, place or "."))
            for place in above
        ) and not any(from_root in text for text in lists.values()):
            what = "test would never run" if source.is_unit_test else "source is not built"
            yield Finding(
                source.path,
                1,
                "unregistered",
                f"this {what}: name {name} in {os.path.join(folder, 'CMakeLists.txt')}",
            )


def _names(cmake, path):
    return re.search(rf"(?<![\w/]){re.escape(path)}(?![\w.])", cmake)


def go_packages_documented(sources):
    """A Go package opens with its comment in one file, as is usual in Go, rather than in each."""
    packages = {}
    for source in sources:
        if source.extension == "go":
            packages.setdefault(os.path.dirname(source.path), []).append(source)
    for folder, files in packages.items():
        if not any(re.match(r"//|/\*", file.text) for file in files):
            yield Finding(
                files[0].path,
                1,
                "opening-comment",
                f"no file of {folder} opens with a comment on the package: what it is and why",
            )


def headers_used(sources):
    """Each header is included by someone: a header nobody includes is dead."""
    included = {
        header
        for source in sources
        if source.extension in CXX
        for _, header, quoted in source.includes()
        if quoted
    }
    for source in sources:
        if source.extension == "h" and source.path not in included:
            yield Finding(source.path, 1, "unregistered", "nobody includes this header: remove it")


def shell_lint(sources):
    scripts = [source for source in sources if source.is_shell]
    if not scripts or shutil.which("shellcheck") is None:
        return
    found = subprocess.run(
        ["shellcheck", "--external-sources", "--format=gcc", "--source-path=SCRIPTDIR"]
        + [script.absolute for script in scripts],
        capture_output=True,
        text=True,
        check=False,
    )
    by_absolute = {script.absolute: script.path for script in scripts}
    for line in found.stdout.splitlines():
        path, number, _, message = line.split(":", 3)
        yield Finding(by_absolute.get(path, path), int(number), "shellcheck", message.strip())
    if found.returncode > 1:
        yield Finding(scripts[0].path, 1, "shellcheck", found.stderr.strip())


REPOSITORY_RULES = (registered_sources, go_packages_documented, headers_used, shell_lint)
