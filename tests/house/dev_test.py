#!/usr/bin/env python3
"""./dev answers a wrong command in one line, and lists what there is."""
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def dev(*args):
    return subprocess.run([ROOT / "dev", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


class Dev(unittest.TestCase):
    def test_wrong_usage_is_one_line_and_exit_2(self):
        for args, word in ((("frobnicate",), "frobnicate"), (("build", "x"), "x"), (("demo", "--twice"), "--twice"),
                           (("demo", "--http-port"), "--http-port"), (("demo", "--http-port", "80a"), "80a"), (("test", "some"), "some")):
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


if __name__ == "__main__":
    unittest.main()
