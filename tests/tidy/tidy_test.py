#!/usr/bin/env python3
"""The tidy checker itself: every rule fails on a bad sample and is silent on a good one.

A checker that finds nothing looks just like a clean repository, so each rule has to show both.
"""

import os
import subprocess
import sys
import tempfile
import unittest

import policy
import rules
from repository import files_of, go_packages_documented, headers_used, registered_sources
from source import SourceFile, blank_cxx

HEAD = "// What it is.\n"
LONG_BODY = "".join(f"  Step({number});\n" for number in range(75))


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def source(self, path, content):
        absolute = os.path.join(self.folder.name, path)
        os.makedirs(os.path.dirname(absolute), exist_ok=True)
        with open(absolute, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return SourceFile(self.folder.name, path)

    def assert_bad(self, rule, path, content, remedy):
        findings = list(rule(self.source(path, content)))
        self.assertTrue(findings, f"{rule.__name__} accepts {content!r} in {path}")
        self.assertIn(remedy, " ".join(finding.message for finding in findings))

    def assert_good(self, rule, path, content):
        self.assertEqual([], [str(found) for found in rule(self.source(path, content))])


class Includes(TidyTest):
    def test_direction(self):
        rule = rules.include_direction
        for path, header in (
            ("shim/base/a.h", "shim/sql/database.h"),
            ("shim/select/a.h", "shim/sql/database.h"),
            ("shim/sql/a.cc", "shim/store/store.h"),
            ("shim/store/a.cc", "shim/wire/gate.h"),
            ("shim/wire/a.cc", "shim/sql/database.h"),
            ("web/a.cc", "shim/store/store.h"),
            ("web/a.cc", "launcher/config.h"),
            ("shim/wire/a.cc", "web/metrics.h"),
            ("shim/wire/a.cc", "shim/store/sql_store.h"),
            ("web/a_test.cc", "shim/store/store.h"),
            ("shim/store/a.cc", "shim/sql/sqlite.h"),
        ):
            self.assert_bad(rule, path, f'#include "{header}"\n', "direction is")
        for path, header in (
            ("launcher/a.cc", "shim/wire/server.h"),
            ("shim/wire/a.cc", "shim/store/store.h"),
            ("shim/store/a_test.cc", "shim/sql/sqlite.h"),
            ("shim/sql/a.cc", "shim/sql/b.h"),
            ("tests/x/a.cc", "web/status_server.h"),
            ("web/a.cc", "shim/base/result.h"),
        ):
            self.assert_good(rule, path, f'#include "{header}"\n')
        self.assert_bad(rule, "web/a.cc", '#include "page.h"\n', "from the repository's root")
        self.assert_bad(
            rule, "web/a.cc", '#include "tests/support/x.h"\n', "only tests include tests"
        )

    def test_engines_and_libraries(self):
        self.assert_bad(
            rules.engine_headers, "shim/store/a.cc", '#include "shim/sql/sqlite.h"\n', "dialect"
        )
        self.assert_good(
            rules.engine_headers, "shim/sql/sqlite.cc", '#include "shim/sql/sqlite.h"\n'
        )
        self.assert_good(rules.engine_headers, "launcher/main.cc", '#include "shim/sql/sqlite.h"\n')
        for path, header in (
            ("shim/store/a.cc", "sqlite3.h"),
            ("shim/sql/sqlite.h", "sqlite3.h"),
            ("shim/sql/database.cc", "libpq-fe.h"),
            ("launcher/a.cc", "mysql/mysql.h"),
            ("web/a.cc", "grpcpp/server.h"),
            ("launcher/up.cc", "boost/process.hpp"),
        ):
            self.assert_bad(
                rules.library_headers, path, f"#include <{header}>\n", "wrap what is needed"
            )
        self.assert_good(
            rules.library_headers, "shim/sql/sqlite_connection.cc", "#include <sqlite3.h>\n"
        )


class Calls(TidyTest):
    def test_banned(self):
        for code in (
            "std::this_thread::sleep_for(x);",
            "usleep(5);",
            "std::cout << 1;",
            'printf("x");',
            "using namespace std;",
            "assert(x);",
            "#include <cassert>",
            "std::rand();",
            "t.detach();",
            'std::system("ls");',
            "strcpy(a, b);",
        ):
            with self.subTest(code):
                self.assert_bad(rules.banned_calls, "shim/store/a.cc", HEAD + code + "\n", ":")
        for code in (
            "static_assert(sizeof(int) == 4);",
            "// sleep(5) would be wrong",
            'Log("sleep(5)");',
            "using std::string;",
            'fmt::format("x");',
            "int sleep_ms = 4;",
            'x = R"(assert(1))";',
        ):
            with self.subTest(code):
                self.assert_good(rules.banned_calls, "shim/store/a.cc", HEAD + code + "\n")
        self.assert_good(rules.banned_calls, "launcher/main.cc", "std::fprintf(stderr, text);\n")

    def test_new_and_delete(self):
        for path, code in (
            ("shim/store/a.cc", "auto* x = new Thing;"),
            ("web/a.cc", "delete thing;"),
            ("web/a.cc", "delete this;"),
            ("shim/wire/a.cc", "Thing* t = new Thing;"),
            ("web/a.cc", "delete[] things;"),
        ):
            with self.subTest(code):
                self.assert_bad(rules.raw_new, path, code + "\n", "std::make_unique")
        for path, code in (
            ("shim/store/a.cc", "return std::unique_ptr<Thing>(new Thing(1));"),
            ("shim/store/a.cc", "auto x = std::unique_ptr<Thing>(\n    new Thing(1));"),
            ("shim/wire/a.cc", "std::shared_ptr<Call> call(new Call(edge));"),
            ("shim/wire/a.cc", "auto* call = new UnaryCall<X>(edge);"),
            ("shim/wire/a.cc", "void Release() override { delete this; }"),
            ("shim/wire/a.cc", "Thing(const Thing&) = delete;"),
            ("web/a.cc", "#include <new>"),
            ("web/a.cc", "// a new thing\n"),
        ):
            with self.subTest(code):
                self.assert_good(rules.raw_new, path, code + "\n")


class Text(TidyTest):
    def test_forbidden(self):
        # Written in pieces, so that this file would pass its own rules.
        for text in (
            "TO" "DO later",
            "// FIX" "ME",
            "XX" "X",
            "cd /wo" "rk/main",
            "/ro" "ot/.cache",
            "https://registry.npm" "js.org/x",
            "proxy.gol" "ang.org",
            "py" "pi.org/simple",
        ):
            with self.subTest(text):
                self.assert_bad(rules.forbidden_text, "docs/a.md", text + "\n", "")
        for text in ("/tmp/kubase-XXXXXX", "the todo app", "network/work/x", "/etc/kubase"):
            with self.subTest(text):
                self.assert_good(rules.forbidden_text, "docs/a.md", text + "\n")

    def test_layout(self):
        self.assert_bad(rules.layout, "web/a.cc", HEAD + "int x;", "newline")
        self.assert_bad(rules.layout, "web/a.cc", HEAD + "int x; \n", "white space")
        self.assert_bad(rules.layout, "web/a.cc", HEAD + "\tint x;\n", "spaces")
        self.assert_bad(rules.layout, "web/a.cc", HEAD + "//" + "x" * 99 + "\n", "101 columns")
        self.assert_good(rules.layout, "web/a.cc", HEAD + "//" + "é" * 98 + "\n")

    def test_opening(self):
        self.assert_bad(rules.opening_comment, "web/a.h", "#pragma once\n", "open the file")
        self.assert_bad(rules.opening_comment, "a.sh", "#!/bin/bash\nset -e\n", "open the file")
        self.assert_good(rules.opening_comment, "a.sh", "#!/bin/bash\n# What.\n")
        self.assert_good(rules.opening_comment, "web/a_test.cc", "#include <x>\n")
        self.assert_bad(rules.pragma_once, "web/a.h", HEAD, "#pragma once")
        self.assert_good(rules.pragma_once, "web/a.h", HEAD + "#pragma once\n")


class Sizes(TidyTest):
    def test_files(self):
        self.assert_bad(rules.file_size, "web/a.cc", "//\n" * 701, "split it")
        warned = list(rules.file_size(self.source("web/a.cc", "//\n" * 401)))
        self.assertEqual([True], [finding.warning for finding in warned])
        self.assert_good(rules.file_size, "web/a.cc", "//\n" * 400)
        self.assert_bad(rules.file_size, "web/a.svg", "x" * 300_000, "bytes")

    def test_functions(self):
        for path, text in (
            (
                "web/a.cc",
                "namespace a {\nclass B {\n public:\n  int F(int x) const {\n"
                + LONG_BODY
                + "  }\n};\n}\n",
            ),
            ("web/a.cc", "A::A(int x) : x_{x}, y_(1) {\n" + LONG_BODY + "}\n"),
            ("web/a.cc", 'TEST_CASE("Unit: long") {\n' + LONG_BODY + "}\n"),
            ("web/a.go", "func (a *A) F() {\n" + LONG_BODY + "}\n"),
            ("a.sh", "f() {\n" + LONG_BODY + "}\n"),
            ("a.js", "function f() {\n" + LONG_BODY + "}\n"),
            ("a.py", "def f():\n" + "    pass\n" * 75),
        ):
            with self.subTest(text[:40]):
                self.assert_bad(rules.function_size, path, text, "70 at most")
        many = "".join(f"int F{n}() {{\n  return {n};\n}}\n" for n in range(60))
        table = "constexpr int kTable[] = {\n" + "  1,\n" * 90 + "};\n"
        for text in (
            many,
            table,
            "enum class E {\n" + "  kA,\n" * 90 + "};\n",
            "struct S {\n" + "  int a = 1;\n" * 90 + "};\n",
        ):
            self.assert_good(rules.function_size, "web/a.cc", text)

    def test_ratchet(self):
        source = self.source("web/a.cc", "void F() {\n" + LONG_BODY + "}\n")
        for ratchet, expected in (
            ({"web/a.cc:F": 77}, []),
            ({"web/a.cc:F": 76}, ["77 lines, 76"]),
            ({"web/a.cc:F": 90}, ["has shrunk to 77"]),
            ({"web/a.cc:F": 77, "web/a.cc:Gone": 99}, ["is gone"]),
        ):
            messages = [found.message for found in rules.function_size(source, ratchet)]
            self.assertEqual(len(expected), len(messages), messages)
            for part, message in zip(expected, messages):
                self.assertIn(part, message)

    def test_limits_are_real(self):
        self.assertLessEqual(policy.FUNCTION_LINES_MAX, 70)
        self.assertLessEqual(policy.FILE_LINES_MAX, 700)
        self.assertTrue(
            all(lines > policy.FUNCTION_LINES_MAX for lines in policy.LONG_FUNCTIONS.values())
        )


class Files(TidyTest):
    def test_generated_and_binary(self):
        self.assert_bad(rules.no_generated_files, "a.bin", b"\x7fELF\0\0", "binary file")
        self.assert_bad(rules.no_generated_files, "shim/wire/rpc.pb.cc", HEAD, "generated file")
        self.assert_bad(
            rules.no_generated_files,
            "a.go",
            "// Code generated by x. DO NOT " "EDIT.\n",
            "generated",
        )
        self.assert_good(rules.no_generated_files, "a.svg", "<svg/>\n")

    def test_syntax(self):
        self.assert_bad(rules.syntax, "a.json", '{"a": 1,}\n', "Expecting")
        self.assert_bad(rules.syntax, "a.py", "def f(:\n", "invalid syntax")
        self.assert_bad(
            rules.syntax, "a.sh", "#!/bin/bash\nset -euo pipefail\nif true; then\n", "syntax error"
        )
        self.assert_bad(rules.syntax, "a.sh", "#!/bin/bash\necho x\n", "pipefail")
        self.assert_bad(rules.syntax, "run", "#!/usr/bin/env bash\necho x\n", "pipefail")
        self.assert_good(rules.syntax, "a.sh", "#!/bin/bash\n# What.\nset -euo pipefail\necho x\n")
        self.assert_good(rules.syntax, "a.json", '{"a": [1]}\n')

    def test_registered(self):
        test = self.source("web/a_test.cc", "")
        helper = self.source("tests/support/main.cc", "")
        for web, root, expected in (
            ("kubase_room_tests(web SOURCES a_test.cc)", "tests/support/main.cc", 0),
            ("kubase_room_tests(web SOURCES ba_test.cc)", "tests/support/main.cc", 1),
            ("", "", 2),
        ):
            lists = [self.source("web/CMakeLists.txt", web), self.source("CMakeLists.txt", root)]
            found = list(registered_sources([test, helper] + lists))
            self.assertEqual(expected, len(found), [str(finding) for finding in found])
        named = self.source("web/CMakeLists.txt", "${CMAKE_SOURCE_DIR}/tests/support/main.cc")
        self.assertEqual([], list(registered_sources([helper, named])))

    def test_headers_and_packages(self):
        header, user = self.source("web/a.h", ""), self.source("web/b.cc", '#include "web/a.h"\n')
        self.assertEqual([], list(headers_used([header, user])))
        self.assertEqual(1, len(list(headers_used([header]))))
        bare, told = self.source("x/a.go", "package x\n"), self.source(
            "x/b.go", "// Package x is.\npackage x\n"
        )
        self.assertEqual(1, len(list(go_packages_documented([bare]))))
        self.assertEqual([], list(go_packages_documented([bare, told])))


class Reading(TidyTest):
    def test_comments_and_strings_are_blank(self):
        for text in ('"a // b"', "'\"'", 'R"x(a " )x"', "/* a\n b */", '"\\""'):
            self.assertEqual("", blank_cxx(text).strip(), text)
        self.assertEqual("int x = 1'000'000 + y;", blank_cxx("int x = 1'000'000 + y;// '").strip())

    def test_files_are_those_of_git(self):
        for path in ("a.cc", "build/b.cc", "c.cc"):
            self.source(path, "x")
        self.source(".gitignore", "/build/\n")
        subprocess.run(["git", "init", "-q", self.folder.name], check=True)
        subprocess.run(["git", "-C", self.folder.name, "add", "a.cc"], check=True)
        self.assertEqual(
            [".gitignore", "a.cc", "c.cc"], [s.path for s in files_of(self.folder.name)]
        )

    def test_the_command_fails_and_succeeds(self):
        command = [
            sys.executable,
            os.path.join(os.path.dirname(os.path.abspath(__file__)), "tidy.py"),
            "--root",
        ]
        self.source("web/a.py", '"""What it is."""\n')
        good = subprocess.run(
            command + [self.folder.name], capture_output=True, text=True, check=False
        )
        self.assertEqual(0, good.returncode, good.stdout)
        self.source("web/b.py", "x = 1")
        bad = subprocess.run(
            command + [self.folder.name], capture_output=True, text=True, check=False
        )
        self.assertEqual(1, bad.returncode, bad.stdout)
        self.assertIn("web/b.py:1: error:", bad.stdout)


if __name__ == "__main__":
    unittest.main()
