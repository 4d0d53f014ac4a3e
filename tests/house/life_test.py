#!/usr/bin/env python3
"""docs/life-of-a-request.md names files and functions that there are."""
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop() if len(sys.argv) > 1 else ".").resolve()


class Life(unittest.TestCase):
    def test_every_file_and_function_is_there(self):
        listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True).stdout.split()
        files = listed or [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.cc")] + [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.h")]
        for line in (ROOT / "docs/life-of-a-request.md").read_text().splitlines():
            if not line.startswith("| ") or line.startswith("| what"):
                continue
            with self.subTest(line):
                named = re.findall(r"`([\w/.]+\.(?:cc|h))`", line.rpartition(" | ")[2])
                self.assertTrue(named)
                texts = ""
                for name in named:
                    found = [f for f in files if f == name or f.endswith("/" + name)]
                    self.assertTrue(found, name)
                    texts += "".join((ROOT / f).read_text() for f in found)
                for function in re.findall(r"`(\w+)\(\)`", line.rpartition(" | ")[2]):
                    self.assertTrue(function + "(" in texts, function)


if __name__ == "__main__":
    unittest.main()
