#!/usr/bin/env python3
"""The pages and the suite agree.

    pages.py CONFORMANCE ROOT

Every case names a fact or section that stands in docs/, ids are used once, there are at least 120, and the worked exchange of
PROTOCOL.md is the one that its script makes.
"""
import pathlib
import re
import subprocess
import sys

program, root = sys.argv[1], pathlib.Path(sys.argv[2])
docs = {name: (root / "docs" / f"{name}.md").read_text() for name in ("CLASSIC", "PROTOCOL", "CONFORMANCE")}
listed = ""
for arguments in (["server", "--mux"], ["client"], ["client", "--mux"]):
    listed += subprocess.run([program, *arguments, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout
cases = re.findall(r"^(\S+/\S+)\s+(must|should)\s+(.*)\s\s\[(\w+) (.*)\]$", listed, re.M)
wrong = []
for case, _, _, page, place in cases:
    known = f"\n## {place}\n" in docs[page] if page == "PROTOCOL" else f"| {place} |" in docs[page]
    if not known:
        wrong.append(f"{case}: docs/{page}.md has no '{place}'")
ids = [case[0] for case in cases]
wrong += [f"{each} is there twice" for each in sorted(set(ids)) if ids.count(each) > 1]
if len(cases) < 120:
    wrong.append(f"only {len(cases)} cases")
exchange = subprocess.run([sys.executable, root / "conformance/peers/worked_exchange.py", "--check", root / "docs/PROTOCOL.md"])
if exchange.returncode != 0:
    wrong.append("the worked exchange")
print("\n".join(wrong) or f"{len(cases)} cases agree with the pages")
sys.exit(1 if wrong else 0)
