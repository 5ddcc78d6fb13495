"""The rules on one file: functions from a SourceFile to findings that name the remedy."""

import ast
import json
import re
import subprocess
from dataclasses import dataclass

import policy
from source import CXX, matches

HEADED = CXX + ("py", "sh", "cmake", "js", "mjs", "css", "proto", "S")
SELF_EXPLAINING = ("*_test.cc", "*CMakeLists.txt")  # the names of the cases and targets say it


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    rule: str
    message: str
    warning: bool = False

    def __str__(self):
        kind = "warning" if self.warning else "error"
        return f"{self.path}:{self.line}: {kind}: {self.message} [{self.rule}]"


def room_of(path):
    rooms = [room for room in policy.ROOMS if path.startswith(room + "/")]
    return max(rooms, key=len, default=None)


# --- Includes ------------------------------------------------------------------------------------
def include_direction(source):
    room = room_of(source.path)
    if source.extension not in CXX or room is None:
        return
    table = policy.TESTS_MAY_INCLUDE if source.is_unit_test else policy.MAY_INCLUDE
    for line, header, quoted in source.includes():
        target = room_of(header)
        if quoted and target is None:
            yield Finding(
                source.path,
                line,
                "include-direction",
                f"write \"{header}\" from the repository's root, or in <> if it is a library's",
            )
        elif quoted and target != room and target == "tests" and not source.is_unit_test:
            yield Finding(source.path, line, "include-direction", "only tests include tests")
        elif quoted and target not in (room, "tests") and not matches(header, table[room]):
            seen = ", ".join(table[room]) or "nothing but itself"
            yield Finding(
                source.path,
                line,
                "include-direction",
                f"{room} may not include {header} (it sees {seen}; the direction is "
                f"{policy.DIRECTION}): move what is shared down, or pass it in by an interface",
            )


def engine_headers(source):
    if (
        source.extension not in CXX
        or source.is_unit_test
        or source.path.startswith(("launcher/", "tests/"))
    ):
        return
    for line, header, _ in source.includes():
        for engine in policy.ENGINES:
            own = policy.ENGINE_HEADERS.format(engine).replace("*.h", "*")
            if matches(header, [policy.ENGINE_HEADERS.format(engine)]) and not matches(
                source.path, [own]
            ):
                yield Finding(
                    source.path,
                    line,
                    "engine-header",
                    f"{header} is a concrete engine: use shim/sql/database.h, and let the launcher "
                    "choose the engine; what differs between engines belongs to the dialect",
                )


def library_headers(source):
    if source.extension not in CXX:
        return
    for line, header, _ in source.includes():
        for pattern, places in policy.LIBRARIES:
            if re.fullmatch(pattern, header) and not matches(source.path, places + ("tests/*",)):
                yield Finding(
                    source.path,
                    line,
                    "library-header",
                    f"{header} may be included only by {', '.join(places)}: "
                    "wrap what is needed there",
                )


# --- Calls ---------------------------------------------------------------------------------------
def banned_calls(source):
    if source.extension not in CXX:
        return
    for name, pattern, places, allowed, remedy in policy.BANS:
        if not matches(source.path, places) or matches(source.path, allowed):
            continue
        for found in re.finditer(pattern, source.code):
            yield Finding(
                source.path,
                _line_of(source.code, found.start()),
                "banned-call",
                f"{name} (`{found.group().strip()}`): {remedy}",
            )


def raw_new(source):
    if source.extension not in CXX:
        return
    for found in re.finditer(r"\b(new|delete)\b", source.code):
        before = source.code[: found.start()]
        if re.search(r"#[^\n]*$|\boperator\s*$", before[-80:]):
            continue  # an include, an operator's name
        statement = " ".join(re.split(r"[;{}]", before)[-1].split())
        if found.group(1) == "delete" and statement.endswith("="):
            continue  # a function that must not exist
        if re.search(policy.NEW_OWNERS, statement):
            continue
        statement += " " + source.code[found.start() : found.end() + 20]
        if any(
            matches(source.path, [place]) and re.search(idiom, statement)
            for place, idiom, _ in policy.NEW_IDIOMS
        ):
            continue
        yield Finding(
            source.path,
            _line_of(source.code, found.start()),
            "raw-new",
            f"raw `{found.group(1)}`: std::make_unique, or std::unique_ptr<T>(new T(…)) where the "
            "constructor is private; other idioms are listed in tests/tidy/policy.py",
        )


def _line_of(text, offset):
    return text.count("\n", 0, offset) + 1


# --- Text ----------------------------------------------------------------------------------------
def forbidden_text(source):
    if source.is_binary or matches(source.path, policy.TEXT_EXEMPT):
        return
    for rule, pattern, remedy in (
        ("marker", policy.MARKERS, "finish it now, or write it down as an issue"),
        (
            "machine-path",
            policy.MACHINE_PATHS,
            "a path of one machine: derive it, or take it as an argument",
        ),
        (
            "registry-host",
            policy.REGISTRY_HOSTS,
            "the name of a package registry: leave the choice to each machine's settings (for npm: "
            "`npm config set omit-lockfile-registry-resolved true`, then lock again)",
        ),
    ):
        for number, line in enumerate(source.lines, 1):
            found = re.search(pattern, line)
            if found:
                yield Finding(source.path, number, rule, f"`{found.group()}`: {remedy}")


def layout(source):
    if source.is_binary or not source.bytes or matches(source.path, ("LICENSE",)):
        return
    if not source.text.endswith("\n"):
        yield Finding(source.path, len(source.lines), "layout", "end the last line with a newline")
    columns = policy.COLUMNS.get("sh" if source.is_shell else source.extension)
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip() and source.extension != "md":
            yield Finding(
                source.path, number, "layout", "remove the white space at the end of the line"
            )
        if columns and len(line) > columns:
            yield Finding(
                source.path,
                number,
                "columns",
                f"{len(line)} columns, {columns} at most: break the line (clang-format does it)",
            )
        if "\t" in line and source.extension in CXX + ("py",):
            yield Finding(source.path, number, "layout", "indent with spaces")


def opening_comment(source):
    if source.is_binary or not source.text.strip() or matches(source.path, SELF_EXPLAINING):
        return
    if not (source.extension in HEADED or source.is_shell):
        return
    lines = [line for line in source.lines if not line.startswith("#!")]
    if not re.match(r'//|#(?!pragma|include|ifndef|define)|/\*|"""', lines[0] if lines else ""):
        yield Finding(
            source.path,
            1,
            "opening-comment",
            "open the file with a comment: what it is, why it exists, what always holds",
        )


def pragma_once(source):
    if source.extension == "h" and not re.search(r"^#pragma once$", source.text, re.MULTILINE):
        yield Finding(
            source.path, 1, "pragma-once", "a header needs `#pragma once` after its opening comment"
        )


# --- Sizes ---------------------------------------------------------------------------------------
def file_size(source):
    if len(source.bytes) > policy.FILE_BYTES_MAX:
        yield Finding(
            source.path,
            1,
            "file-size",
            f"{len(source.bytes)} bytes, {policy.FILE_BYTES_MAX} at "
            "most: make it when it is needed instead of keeping it",
        )
    if source.extension not in CXX + ("go", "py", "sh", "js", "mjs", "css", "html", "cmake"):
        return
    count = len(source.lines)
    if count > policy.FILE_LINES_MAX:
        yield Finding(
            source.path,
            1,
            "file-size",
            f"{count} lines, {policy.FILE_LINES_MAX} at most: " "split it by responsibility",
        )
    elif count > policy.FILE_LINES_WARN:
        yield Finding(
            source.path,
            1,
            "file-size",
            f"{count} lines; aim at 250, think of a split above " f"{policy.FILE_LINES_WARN}",
            warning=True,
        )


def function_size(source, ratchet=None):
    ratchet = policy.LONG_FUNCTIONS if ratchet is None else ratchet
    known = {key for key in ratchet if key.startswith(source.path + ":")}
    for function in source.functions():
        key = f"{source.path}:{function.name}"
        known.discard(key)
        longest = policy.FUNCTION_LINES_MAX
        if source.path.endswith("_test.go"):
            longest = policy.TABLE_TEST_LINES_MAX
        limit = ratchet.get(key, longest)
        if function.lines > limit:
            yield Finding(
                source.path,
                function.line,
                "function-size",
                f"{function.name} has {function.lines} lines, {limit} at most: keep the branches "
                "and move the leaves into functions of their own",
            )
        elif key in ratchet and function.lines < limit:
            yield Finding(
                source.path,
                function.line,
                "function-size",
                f"{function.name} has shrunk to {function.lines} lines: put that into "
                "LONG_FUNCTIONS of tests/tidy/policy.py, or remove its line there",
            )
    for key in sorted(known):
        yield Finding(
            source.path,
            1,
            "function-size",
            f"{key} is gone: remove it from LONG_FUNCTIONS of tests/tidy/policy.py",
        )


# --- Kinds of files ------------------------------------------------------------------------------
def no_generated_files(source):
    if source.is_binary and not matches(source.path, policy.BINARY_ALLOWED):
        yield Finding(
            source.path, 1, "generated", "a binary file: make it from its sources in the build"
        )
    if matches(source.path, policy.GENERATED_NAMES) or any(
        re.search(policy.GENERATED_MARK, line) for line in source.lines[:5]
    ):
        yield Finding(
            source.path, 1, "generated", "a generated file: generate it in the build, and ignore it"
        )


def syntax(source):
    if source.is_binary:
        return
    problem = None
    try:
        if source.extension == "json":
            json.loads(source.text)
        elif source.extension == "py":
            ast.parse(source.text)
    except (json.JSONDecodeError, SyntaxError) as error:
        problem = str(error)
    if source.is_shell:
        checked = subprocess.run(
            ["bash", "-n", source.absolute], capture_output=True, text=True, check=False
        )
        problem = checked.stderr.strip() if checked.returncode else None
        if not source.text.startswith("#!") and "# shellcheck shell=bash" not in source.text:
            problem = (
                "start it with #!/bin/bash, or with `# shellcheck shell=bash` when it is sourced"
            )
        elif source.text.startswith("#!") and "set -euo pipefail" not in source.text:
            problem = "`set -euo pipefail` is missing, so that errors would go unseen"
    if problem:
        yield Finding(source.path, 1, "syntax", problem)


RULES = (
    include_direction,
    engine_headers,
    library_headers,
    banned_calls,
    raw_new,
    forbidden_text,
    layout,
    opening_comment,
    pragma_once,
    file_size,
    function_size,
    no_generated_files,
    syntax,
)
