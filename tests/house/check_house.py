#!/usr/bin/env python3
"""What a compiler does not hold: who may include whom, which names stand at the top, how long a file gets.

    check_house.py [ROOT]     one line for each breach, exit 1 when there is one
"""
import pathlib
import re
import subprocess
import sys

TOP = {"CMakeLists.txt", "CMakePresets.json", "proto", "libframe", "broker", "agent", "tests", "conformance", "docs",
       "README.md", "LICENSE", "CHANGELOG.md", "dev"}

# Each foreign header enters the house by one door: header pattern -> who may include it.
DOORS = {
    r"nghttp2/.*": r"libframe/http2/nghttp2_glue\.(h|cc)|tests/.*|conformance/.*",
    r"uv\.h": r"libframe/io/.*|tests/io/.*",
    r"openssl/.*": r"libframe/tls/.*|tests/(support|tls|bench)/.*|conformance/wire/.*",
    r"spdlog/.*": r"libframe/io/log_sink\.cc",
    r"prometheus/.*": r"broker/admin/metrics_text\.cc",
    r"nlohmann/.*": r"libframe/http/page\.cc|broker/(admin|desk)/.*|agent/(links|screen)/.*|tests/.*|conformance/.*",
    r"hiredis/.*": r"broker/cluster/redis_codec\.cc",
    r"CLI/.*": r"(broker|agent|conformance)/(options|main|token_command|option_source)\.(h|cc)",
    r"toml\+\+/.*": r"broker/config\.cc",
    r"doctest.*": r"(tests|conformance)/.*",
    r"(control|cluster)\.pb\.h|proto/.*": r"libframe/mux/.*|broker/(cluster|link)/.*|tests/.*|conformance/.*",
}

# The arrows of the house: a folder -> the folders that it may include from, besides itself. Each arrow leads to a
# folder that stands above it here, so there is no circle.
USES = {
    "libframe/base": set(),
    "libframe": {"libframe/base"},
    "libframe/http": {"libframe", "libframe/base"},
    "libframe/tls": {"libframe/base"},
    "libframe/http1": {"libframe", "libframe/http", "libframe/base"},
    "libframe/http2": {"libframe", "libframe/http", "libframe/base"},
    "libframe/mux": {"libframe", "libframe/http2", "libframe/base"},
    "libframe/io": {"libframe", "libframe/mux", "libframe/tls", "libframe/base"},
    "broker/admission": {"libframe/http", "libframe/io", "libframe/mux", "libframe/tls", "libframe/base"},
    "broker/tunnels": {"broker/admission", "libframe", "libframe/http", "libframe/mux", "libframe/tls", "libframe/base"},
    "broker/cluster": {"broker/admission", "broker/tunnels", "libframe", "libframe/io", "libframe/tls", "libframe/mux",
                       "libframe/base"},
    "broker/link": {"broker/admission", "broker/tunnels", "libframe", "libframe/io", "libframe/mux", "libframe/base"},
    "broker/classic": {"broker/admission", "broker/tunnels", "libframe", "libframe/io", "libframe/base"},
    "broker/app": {"broker/admission", "broker/tunnels", "libframe", "libframe/http1", "libframe/http",
                   "libframe/mux", "libframe/base"},
    "broker/desk": {"broker/admission", "broker/tunnels", "broker/app", "libframe/http1", "libframe/http",
                    "libframe/mux", "libframe/base"},
    "broker/front": {"broker/admission", "broker/app", "broker/desk", "broker/link", "libframe", "libframe/http1",
                     "libframe/http", "libframe/mux", "libframe/io", "libframe/tls", "libframe/base"},
    "broker/admin": {"broker/admission", "broker/tunnels", "broker/app", "broker/link", "broker/desk", "broker/front",
                     "libframe", "libframe/http1", "libframe/http", "libframe/mux", "libframe/io", "libframe/base"},
    "broker": {"broker/admin", "broker/admission", "broker/tunnels", "broker/app", "broker/classic", "broker/link",
               "broker/cluster", "broker/desk",
               "broker/front", "libframe", "libframe/http1", "libframe/http", "libframe/mux", "libframe/io",
               "libframe/tls", "libframe/base"},
    "agent/screen": {"libframe/io", "libframe/base"},
    "agent/targets": {"agent/screen", "libframe", "libframe/http", "libframe/io", "libframe/mux", "libframe/tls",
                      "libframe/base"},
    "agent/forward": {"agent/screen", "agent/targets", "libframe", "libframe/http1", "libframe/http", "libframe/mux",
                      "libframe/base"},
    "agent/links": {"agent/screen", "agent/targets", "agent/forward", "libframe", "libframe/http1", "libframe/http",
                    "libframe/mux", "libframe/tls", "libframe/base"},
    "agent": {"agent/screen", "agent/targets", "agent/forward", "agent/links", "libframe", "libframe/http",
              "libframe/mux", "libframe/io", "libframe/tls", "libframe/base"},
}
assert all(used in list(USES)[:at] for at, folder in enumerate(USES) for used in USES[folder]), "an arrow back"

MOST_LINES = 450  # of code; a file beyond it has two ideas in it
MOST_TEST_LINES = 600
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def files_of(root):
    """What git knows or would take up; in a tree without git, everything."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.decode().split("\0")
        return sorted(n for n in names if n and (root / n).is_file())
    names = (str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    return sorted(n for n in names if not n.startswith(("build/", ".git/")))


def folder_of(name):
    """The entry of USES that a file falls under: the longest that fits."""
    fitting = [f for f in USES if name.startswith(f + "/")]
    return max(fitting, key=len, default=None)


def folder_of_header(header):
    """The same of a header as it is included, "mux/link.h" say; None when it is not ours."""
    return folder_of(header if header.startswith(("broker/", "agent/")) else "libframe/" + header) \
        if header in ("duplex.h", "splice.h") or "/" in header else None


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1]


def lines_of_code(text):
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith(("//", "#!", "# ")))


def breaches(root):
    names = files_of(root)
    known = set(names)
    for name in sorted({n.split("/")[0] for n in names}):
        if name not in TOP and not name.startswith("."):
            yield f"{name}: not one of the names at the top"
    for name in names:
        if name.endswith((".cc", ".h", ".py", ".proto", ".cmake")) or name in ("dev", ".ci/run"):
            text = (root / name).read_text(encoding="utf-8", errors="replace")
            yield from breaches_of_text(name, text, known)
        if name.endswith((".cc", ".h")):
            yield from breaches_of_includes(name, text)


def breaches_of_text(name, text, names):
    if name.startswith("tests/house/"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            yield f"{name}:{number}: an unfinished thing belongs in an issue, not in the code"
        if "\t" in line:
            yield f"{name}:{number}: a tab"
    length = lines_of_code(text)
    most = MOST_TEST_LINES if name.startswith("tests/") else MOST_LINES
    if length > most:
        yield f"{name}: {length} lines of code, {most} at most"
    # A source with its header beside it is introduced there.
    alone = name.endswith(".cc") and not name.startswith("tests/") and name[:-2] + "h" not in names
    if (name.endswith(".h") or alone) and not text.lstrip().startswith("//"):
        yield f"{name}: no paragraph on top that says what it is"


def breaches_of_includes(name, text):
    folder = folder_of(name)
    for number, header in includes(text):
        where = f"{name}:{number}"
        for pattern, allowed in DOORS.items():
            if re.fullmatch(pattern, header) and not re.fullmatch(allowed, name):
                yield f"{where}: {header} has one door, and this is not it"
        used = folder_of_header(header)
        if folder is None or used is None or used == "libframe" and "/" in header:
            continue
        if header == folder.split("/")[0] + "/rules.h":  # the ground of each program
            continue
        if used != folder and used not in USES[folder]:
            yield f"{where}: {folder} does not include from {used}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(breaches(root))
    for line in found:
        print(line)
    print(f"{len(files_of(root))} files, {len(found)} breaches of the house rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
