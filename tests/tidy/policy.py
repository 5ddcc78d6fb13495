"""What the tidy test allows: rooms, libraries, calls, limits. Data; the checks are in rules.py.

A rule that stands in the way is changed here, with its reason beside it, never worked around in
the code. Paths are relative to the repository's root; patterns are those of fnmatch.
"""

# --- Rooms ---------------------------------------------------------------------------------------
# The longest prefix wins. Beside its own headers a room may include what its line lists.
ROOMS = (
    "shim/base",
    "shim/select",
    "shim/collect",
    "shim/sql",
    "shim/store",
    "shim/wire",
    "web",
    "launcher",
    "tests",
)

MAY_INCLUDE = {
    "shim/base": (),
    "shim/select": ("shim/base/*",),
    "shim/collect": ("shim/base/*", "shim/select/*"),
    "shim/sql": ("shim/base/*", "shim/select/*"),
    "shim/store": (
        "shim/base/*",
        "shim/select/*",
        "shim/collect/*",
        "shim/sql/database.h",
        "shim/sql/dialect.h",
        "shim/sql/queries.h",
    ),
    "shim/wire": (
        "shim/base/*",
        "shim/select/*",
        "shim/store/store.h",
        "shim/store/types.h",
        "shim/store/watch.h",
    ),
    "web": ("shim/base/*",),
    "launcher": ("shim/*", "web/*"),
    "tests": ("*",),
}

# Unit tests beside the code may go down the whole way, since they build the real thing below them.
TESTS_MAY_INCLUDE = {
    "shim/base": (),
    "shim/select": ("shim/base/*",),
    "shim/collect": ("shim/base/*", "shim/select/*"),
    "shim/sql": ("shim/base/*", "shim/select/*"),
    "shim/store": ("shim/base/*", "shim/select/*", "shim/collect/*", "shim/sql/*"),
    "shim/wire": ("shim/base/*", "shim/select/*", "shim/sql/*", "shim/store/*"),
    "web": ("shim/base/*",),
    "launcher": ("shim/*", "web/*"),
    "tests": ("*",),
}

DIRECTION = (
    "launcher -> wire -> store -> sql and collect -> select -> base, and launcher -> web -> base"
)

# A concrete engine is chosen in one place, by the launcher; everyone else sees shim/sql/database.h.
ENGINE_HEADERS = "shim/sql/{}*.h"
ENGINES = ("sqlite", "postgres", "mysql", "mariadb")

# Library headers and the only places that may include them ("tests/*" always may).
LIBRARIES = (
    (r"sqlite3(ext)?\.h", ("shim/sql/sqlite*.cc",)),
    (r"(postgresql/)?libpq.*", ("shim/sql/postgres*.cc",)),
    (r"(mysql|mariadb)/.*|mysql\.h|mysqld_error\.h|errmsg\.h", ("shim/sql/mysql*.cc",)),
    (r"grpc(pp)?/.*|.*\.pb\.h", ("shim/wire/*",)),
    # What reads and changes stored objects needs protobuf's wire format, without any message.
    (
        r"google/protobuf/(io/.*|wire_format_lite\.h)",
        ("shim/wire/*", "shim/select/wire_message.*", "shim/collect/wire_fields.cc"),
    ),
    (r"google/protobuf/(?!io/|wire_format_lite\.h).*", ("shim/wire/*",)),
    (r"CLI/.*", ("launcher/command_line*.cc",)),
    (r"boost/process.*", ("launcher/process.cc",)),
    (r"boost/(asio|system).*", ("shim/wire/forwarder.cc",)),
    (
        r"httplib\.h",
        ("launcher/kube_client*.cc", "web/*", "launcher/*test*", "shim/wire/*test*"),
    ),
    (r"yaml-cpp/.*", ("launcher/*",)),
    (r"openssl/.*", ("launcher/*", "shim/wire/*")),
    (r"zstd\.h", ("launcher/control_plane_image*.cc",)),
    (r"xxhash\.h", ("shim/store/hash.cc",)),
    (r"systemd/.*", ("launcher/service_manager*.cc",)),
    (r"spdlog/.*", ("shim/base/log*.cc", "launcher/child_output*.cc")),
    (r"nlohmann/.*", ("launcher/*", "web/*", "shim/wire/*", "shim/*_test.*")),
    (r"simdjson\.h", ("shim/select/*", "shim/collect/*.cc")),
    (r"re2/.*", ("shim/select/*",)),
    (
        r"prometheus/.*",
        ("shim/*_metrics.cc", "shim/wire/*", "web/*", "launcher/*", "shim/*_test.*"),
    ),
)

# --- Banned calls --------------------------------------------------------------------------------
# (name, pattern on code without comments and strings, where, allowed {file: reason}, remedy)
ROOM_CODE = ("shim/*", "web/*", "launcher/*")
ALL_CODE = ROOM_CODE + ("tests/*",)
BANS = (
    (
        "sleep",
        r"\b(sleep|usleep|nanosleep|clock_nanosleep|sleep_for|sleep_until)\s*\(",
        ALL_CODE,
        {
            "launcher/kubeconfig_merge.cc": "kubectl's lock file gives no event when it is removed",
            "shim/sql/postgres.cc": "a standby does not tell that it has heard of a database",
            "launcher/supervisor_test.cc": "the state of another process gives no event",
            "launcher/test_api.h": "the requests that another thread receives are polled for",
        },
        "wait on the condition itself (condition variable, eventfd, poll on a descriptor) with a "
        "deadline; a poll of the outside world needs a line in tests/tidy/policy.py",
    ),
    (
        "print",
        r"\bstd::(cout|cerr|clog)\b|\b(printf|fprintf|puts|fputs|putchar|perror)\s*\(",
        ROOM_CODE,
        {
            "shim/base/result.h": "a broken invariant is reported without anything that could fail",
            **dict.fromkeys(
                ("launcher/main.cc", "launcher/verbs.cc", "launcher/up.cc", "launcher/progress.cc"),
                "the command line interface",
            ),
        },
        "log with shim/base/log.h; only the launcher's command line writes to the terminal",
    ),
    (
        "using namespace",
        r"\busing\s+namespace\b",
        ALL_CODE,
        {},
        "name what is used: `using std::chrono::milliseconds;` or a namespace alias",
    ),
    (
        "assert",
        r"(?<!static_)\bassert\s*\(|#\s*include\s*<cassert>",
        ALL_CODE,
        {},
        "KUBASE_CHECK (shim/base/result.h) for invariants, which stays on in release builds; "
        "an Error for everything that input or the world can cause",
    ),
    (
        "random",
        r"\b(std::)?s?rand\s*\(\s*\)|\bsrand\s*\(|\brandom_shuffle\b",
        ALL_CODE,
        {},
        "a std::mt19937_64 whose seed is injected, so that a failing test can be repeated",
    ),
    (
        "detach",
        r"\bdetach\s*\(\s*\)",
        ALL_CODE,
        {
            "launcher/process.cc": "Boost's handle of a child, whose end is awaited by pidfd",
        },
        "join in the destructor (std::jthread), or run it on an Executor",
    ),
    (
        "shell",
        r"\b(std::)?(system|popen)\s*\(\s*[\w\s]",
        ROOM_CODE,
        {
            "*_test.cc": "a test may ask a shell about its surroundings",
        },
        "launcher/process.h starts a program without a shell in between",
    ),
    (
        "unbounded copy",
        r"\b(strcpy|strcat|sprintf|vsprintf|gets)\s*\(",
        ALL_CODE,
        {},
        "std::string and fmt::format",
    ),
)

# new and delete: an owner that is visible on the spot, or the idioms of gRPC's callback API.
NEW_OWNERS = r"(unique_ptr|shared_ptr)<[^;]*>\s*\w*\s*[({]\s*$|\.reset\(\s*$"
NEW_IDIOMS = (
    (
        "shim/wire/*",
        r"\breturn new\b|\bauto\* call = new\b|\bdelete this\b",
        "a reactor or a message holder belongs to gRPC until it deletes itself",
    ),
    ("*", r"\breturn new httplib::", "cpp-httplib owns the task queue it is given"),
)

# --- Text of any kind ----------------------------------------------------------------------------
MARKERS = r"\b(TODO|FIXME|XXX|HACK)\b"
MACHINE_PATHS = r"(?<![\w.}-])/(work|root)/"
REGISTRY_HOSTS = (
    r"\b(proxy|sum)\.golang\.org|registry\.(npmjs|yarnpkg)\.|\bpypi\.org|pythonhosted\.org|"
    r"\bcrates\.io|repo1?\.maven|\b(deb|security|ftp)\.debian\.org|\barchive\.ubuntu\.com"
)
# These say what is forbidden, or are the full text of a licence.
TEXT_EXEMPT = ("tests/tidy/*", "LICENSE")

# --- Limits --------------------------------------------------------------------------------------
COLUMNS = {
    "cc": 100,
    "h": 100,
    "py": 100,
    "sh": 100,
    "cmake": 100,
    "css": 100,
    "js": 100,
    "mjs": 100,
    "go": 120,
}
FILE_LINES_WARN = 400
FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 70
TABLE_TEST_LINES_MAX = 150  # a test in Go holds its table of cases
FILE_BYTES_MAX = 256 * 1024

# The ratchet: functions that were longer than the limit when it came. A number may only go down,
# and the line goes when the function is within the limit. {"path:function": lines}
LONG_FUNCTIONS = {}

BINARY_ALLOWED = ()
GENERATED_NAMES = (
    "*.pb.cc",
    "*.pb.h",
    "*.pb.go",
    "*_generated.*",
    "*.o",
    "*.a",
    "*.so",
    "*.pyc",
    "*.zst",
    "*/node_modules/*",
    "*/__pycache__/*",
)
GENERATED_MARK = r"^(//|#|/\*|--).*(Code generated .* DO NOT EDIT|@generated)"
