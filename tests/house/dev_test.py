#!/usr/bin/env python3
"""./dev answers a wrong command in one line, lists what there is, and asks apt for what this Debian offers."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def dev(*args):
    return subprocess.run([ROOT / "dev", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


class Dev(unittest.TestCase):
    def test_wrong_usage_is_one_line_and_exit_2(self):
        for args, word in ((("frobnicate",), "frobnicate"), (("build", "x"), "x"), (("demo", "--twice"), "--twice"),
                           (("demo", "--http-port"), "--http-port"), (("demo", "--http-port", "80a"), "80a"), (("test", "some"), "some"), (("storm", "--mode", "calm"), "calm"), (("cluster", "--twice"), "--twice")):
            with self.subTest(args):
                done = dev(*args)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertEqual(len(done.stderr.splitlines()), 1)
                self.assertIn(word, done.stderr)

    def test_help_names_every_command(self):
        commands = {line[4:].partition("(")[0] for line in (ROOT / "dev").read_text().splitlines() if line.startswith("cmd_")}
        for args in ((), ("help",), ("--help",)):
            done = dev(*args)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for command in commands - {"help"}:
                self.assertIn(f"./dev {command}", done.stdout)

    def test_of_two_names_of_a_package_the_one_that_is_offered_is_installed(self):
        with tempfile.TemporaryDirectory() as folder:
            here = pathlib.Path(folder)
            # A machine without any package; apt says much more of one than the line that counts.
            for program, body in (("dpkg-query", "exit 1"), ("id", "echo 0"), ("apt-get", 'echo "$*" >>"$ASKED"; [[ $* != *install* ]]'),
                                  ("apt-cache", '[[ $2 != libclang-rt-14-dev ]] || { echo "  Candidate: 14"; seq 100000; }')):
                script = here / program
                script.write_text(f"#!/bin/bash\n{body}\n")
                script.chmod(0o755)
            shutil.copy(ROOT / "dev", here)
            asked = here / "asked"
            done = subprocess.run([here / "dev", "fuzz"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "PATH": f"{here}:{os.environ['PATH']}", "ASKED": str(asked)})
            self.assertEqual(done.returncode, 1)
            self.assertIn("could not install", done.stderr)
            words = asked.read_text().splitlines()[-1].split()
            self.assertIn("libclang-rt-14-dev", words)
            self.assertNotIn("libclang-rt-dev", words)


if __name__ == "__main__":
    unittest.main()
