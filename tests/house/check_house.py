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
    r"nghttp2/.*": r"libframe/mux/nghttp2_glue\.(h|cc)|tests/.*|conformance/.*",
    r"uv\.h": r"libframe/io/.*|tests/io/.*",
    r"openssl/.*": r"libframe/tls/.*|tests/(support|tls|bench)/.*|conformance/wire/.*",
    r"spdlog/.*": r"libframe/io/log_sink\.cc",
    r"CLI/.*": r"(broker|agent|conformance)/(options|main)\.(h|cc)",
    r"doctest.*": r"(tests|conformance)/.*",
    r"(control|cluster)\.pb\.h|proto/.*": r"libframe/mux/.*|broker/cluster/.*|tests/.*|conformance/.*",
}

# The direction of the house: a folder -> the folders that it may include from, besides itself.
USES = {
    "libframe/base": set(),
    "libframe": {"base"},
    "libframe/http1": {"base"},
    "libframe/mux": {"base", "duplex", "proto"},
    "libframe/tls": {"base"},
    "libframe/io": {"base", "duplex", "mux", "tls"},
    "broker": {"base", "duplex", "http1", "mux", "tls", "io", "proto", "broker"},
    "agent": {"base", "duplex", "http1", "mux", "tls", "io", "proto", "agent"},
}
OURS = {"base", "http1", "mux", "tls", "io", "broker", "agent"}

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
        if folder is None:
            continue
        if header in ("duplex.h", "splice.h"):
            wanted = "duplex"
        else:
            wanted = header.split("/")[0] if "/" in header else None
        if wanted not in OURS | {"duplex"}:
            continue
        own = {folder.split("/")[-1]} | ({"duplex"} if folder == "libframe" else set())
        if wanted not in USES[folder] | own:
            yield f"{where}: {folder} does not include from {wanted}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(breaches(root))
    for line in found:
        print(line)
    print(f"{len(files_of(root))} files, {len(found)} breaches of the house rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
