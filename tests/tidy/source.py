"""A source file as the rules see it: its text, its code without comments and strings, functions.

Not a compiler: the C++ part relies on the formatting that .clang-format gives (a space before the
brace of a body, none before that of an initialiser), which is enough to find functions.
"""

import ast
import fnmatch
import os
import re
from dataclasses import dataclass
from functools import cached_property

CXX = ("cc", "h")
_TOKENS = re.compile(
    r"//[^\n]*(?:\\\n[^\n]*)*"  # line comment
    r"|/\*.*?\*/"  # block comment
    r'|R"(?P<tag>[^ ()\\\t\n]{0,16})\(.*?\)(?P=tag)"'  # raw string
    r'|"(?:[^"\\\n]|\\.)*"'  # string
    r"|(?<![0-9a-zA-Z_])'(?:[^'\\\n]|\\.)+'",  # character, not a digit separator
    re.DOTALL,
)
_TYPE_WORDS = re.compile(r"\b(class|struct|union|enum|namespace)\b")


@dataclass
class Function:
    name: str
    line: int  # of its first line, from 1
    lines: int


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def blank_cxx(text):
    """The text with comments, strings and characters as spaces; lines stay where they are."""
    return _TOKENS.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


class SourceFile:
    def __init__(self, root, path):
        self.path = path
        self.absolute = os.path.join(root, path)
        with open(self.absolute, "rb") as file:
            self.bytes = file.read()

    @property
    def extension(self):
        name = os.path.basename(self.path)
        return "cmake" if name == "CMakeLists.txt" else name.rpartition(".")[2]

    @property
    def is_binary(self):
        return b"\0" in self.bytes[:65536]

    @property
    def is_unit_test(self):
        return re.search(r"(_test(_\w+)?|/test_\w+)\.(cc|h)$", self.path) is not None

    @property
    def is_shell(self):
        return self.extension == "sh" or re.match(rb"#!.*\b(ba)?sh\b", self.bytes) is not None

    @cached_property
    def text(self):
        return self.bytes.decode("utf-8", errors="replace")

    @cached_property
    def lines(self):
        return self.text.splitlines()

    @cached_property
    def code(self):
        return blank_cxx(self.text)

    def includes(self):
        """(line number, header, whether it was written with quotes) of each include."""
        for number, line in enumerate(self.lines, 1):
            found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if found:
                yield number, found.group(2), found.group(1) == '"'

    def functions(self):
        if self.extension in CXX:
            return _cxx_functions(self)
        if self.extension == "py":
            return _python_functions(self.text)
        if self.extension == "go":
            return _functions_between(self.lines, r"func (?:\([^)]*\) )?(\w+)", "}")
        if self.extension in ("js", "mjs"):
            return _functions_between(self.lines, r"(?:export )?(?:async )?function (\w+)", "}")
        if self.is_shell:
            return _functions_between(self.lines, r"(\w+)\(\) \{$", "}")
        return []


def _python_functions(text):
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []  # the syntax rule reports it
    return [
        Function(node.name, node.lineno, node.end_lineno - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def _functions_between(lines, opening, closing):
    """Functions that start with `opening` and end with `closing`, both in the first column."""
    functions, start, name = [], None, ""
    for number, line in enumerate(lines, 1):
        if start is None:
            found = re.match(opening, line)
            if found and not line.rstrip().endswith(closing):
                start, name = number, found.group(1)
        elif line.rstrip(",;)") == closing:
            functions.append(Function(name, start, number - start + 1))
            start = None
    return functions


def _without_preprocessor(code):
    return re.sub(
        r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
        lambda m: re.sub(r"[^\n]", " ", m.group()),
        code,
        flags=re.MULTILINE,
    )


def _cxx_functions(source):
    code = _without_preprocessor(source.code)
    functions = []
    begin, position = 0, 0  # of the declaration that is being read
    while (found := re.compile(r"[{};]").search(code, position)) is not None:
        position = found.end()
        if found.group() != "{":
            begin = position
            continue
        declaration = code[begin : found.start()]
        if _is_initialiser(code, found.start(), declaration):
            position = _closing_brace(code, found.start()) + 1
            continue  # the declaration goes on
        if not _is_body(declaration):
            begin = position  # a namespace or a type: look inside
            continue
        end = _closing_brace(code, found.start())
        start = begin + re.match(r"(\s|(public|private|protected)\s*:)*", declaration).end()
        first = code.count("\n", 0, start) + 1
        name = _cxx_name(declaration, source.text[start : found.start()])
        functions.append(Function(name, first, code.count("\n", 0, end) + 1 - first + 1))
        begin = position = end + 1
    return functions


def _is_initialiser(code, brace, declaration):
    if _TYPE_WORDS.search(declaration) and not declaration.rstrip().endswith(")"):
        return False
    return (
        code[brace - 1].isalnum()
        or code[brace - 1] in "_>]({,"
        or declaration.rstrip().endswith(("=", "return", ","))
    )


def _is_body(declaration):
    tail = declaration.rstrip()
    if _TYPE_WORDS.search(tail) and not re.search(r"\)\s*(const|noexcept|override|final)*$", tail):
        return False
    return ")" in tail


def _closing_brace(code, opening):
    depth = 0
    for found in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if found.group() == "{" else -1
        if depth == 0:
            return found.start()
    return len(code) - 1


def _cxx_name(declaration, text):
    literal = re.match(r'\s*(?:TEST_CASE|SCENARIO)\("([^"]*)"', text)
    if literal:
        return literal.group(1)
    named = re.search(r"(operator\W+|[\w:~]+)\s*\(", declaration)
    return named.group(1) if named else " ".join(declaration.split())[:60]
