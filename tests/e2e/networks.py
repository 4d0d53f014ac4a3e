"""Two networks of a test's own with a cable between them: `near`, where the test's thread and what it starts are, and
`far`. They end with the processes in them. Linux namespaces, and so for root only."""
import ctypes
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

import harness
from balancers import PATH
from harness import Process, eventually
from replicas import missing

NEW_NETWORK = 0x40000000  # CLONE_NEWNET


class Networks:
    """`start`: of the class whose they are; `near`, `far`: the addresses of each side, in a network of 256."""

    def __init__(self, start, near, far):
        if why := "not root" if os.geteuid() != 0 else missing("ip", "nsenter", "unshare"):
            raise unittest.SkipTest(why)
        before = os.readlink("/proc/thread-self/ns/net")
        # This thread, and all that it starts from now on.
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK) != 0:
            raise unittest.SkipTest(f"no network of its own: {os.strerror(ctypes.get_errno())}")
        here = os.readlink("/proc/thread-self/ns/net")
        assert here != before
        self._far = start(Process("far", [shutil.which("unshare"), "--net", "sleep", "infinity"]))
        eventually(lambda: os.readlink(f"/proc/{self._far.pid}/ns/net") not in (before, here), "the far network")
        self.run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(self._far.pid))
        for run, side, addresses in ((self.run, "near", near), (self.run_far, "far", far)):
            run("ip", "link", "set", "lo", "up")
            for address in addresses:
                run("ip", "address", "add", f"{address}/24", "dev", side)
            run("ip", "link", "set", side, "up")

    def far(self, *command):
        """The command in the far network."""
        return ["nsenter", "-t", str(self._far.pid), "-n", *command]

    @staticmethod
    def run(*command):
        subprocess.run(command, check=True, timeout=30, env={**os.environ, "PATH": PATH})

    def run_far(self, *command):
        self.run(*self.far(*command))

    def start_far(self, program, make):
        """make(), whose PROGRAM of ours runs in the far network."""
        with instead_of(program, " ".join(self.far(f'"{harness.BIN}/{program}"'))):
            return make()


class instead_of:
    """While it lasts, what is started as our PROGRAM is this line of a shell, with the arguments behind it."""

    def __init__(self, program, line, before=""):
        self._folder = tempfile.TemporaryDirectory(dir=harness.WORK)
        script = pathlib.Path(self._folder.name) / program
        script.write_text(f'#!/bin/sh\n{before}\nexec {line} "$@"\n')
        script.chmod(0o755)
        self._patch = unittest.mock.patch.object(harness, "BIN", script.parent)

    def __enter__(self):
        self._patch.start()

    def __exit__(self, *_):
        self._patch.stop()
        self._folder.cleanup()
