"""The Containerfile's steps in roots of debootstrap's, without a container engine: what it copies, installs and builds,
and then the broker in the image's root as the image's user. Ten minutes and 2 GB: only when TENFOLD_IMAGE is set, as
./dev test does."""
import json
import os
import re
import shutil
import subprocess
import unittest

from balancers import DEPLOY
from harness import DOMAIN, E2E, ROOT, Process, free_port
from visitor import Visitor

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def obstacle():
    """Why it cannot run here; None when it can."""
    if not os.environ.get("TENFOLD_IMAGE"):
        return "it takes ten minutes: TENFOLD_IMAGE is not set"
    if os.geteuid() != 0:
        return "not root"
    for program in ("debootstrap", "unshare", "chroot"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            return f"no {program} here"
    return None


def stages():
    """(image, name, [(instruction, rest)]) of each FROM."""
    found = []
    for line in (DEPLOY / "Containerfile").read_text().replace("\\\n", " ").splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            image, _, name = rest.partition(" AS ")
            found.append((image, name, []))
        elif instruction.isupper():
            found[-1][2].append((instruction, rest.strip()))
    return found


class Image(E2E):
    seconds = 3600

    @classmethod
    def setUpClass(cls):
        if why := obstacle():
            raise unittest.SkipTest(why)
        super().setUpClass()
        cls.roots, cls.user, cls.entry = {}, None, None
        for image, name, steps in stages():
            root = cls.roots[name] = cls.new_root(image, name or "image")
            for instruction, rest in steps:
                cls.step(root, instruction, rest)
        cls.root = root

    @classmethod
    def new_root(cls, image, name):
        """A root of the Debian that the image's name says."""
        suite = re.search(r"/debian:([a-z]+)(-slim)?$", image)[1]
        fresh, root = cls.folder / suite, cls.folder / name
        if not fresh.exists():
            mirrors = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=True)
            cls.must_run(["debootstrap", "--variant=minbase", suite, fresh, mirrors.stdout.split()[0]])
        cls.must_run(["cp", "-a", "--reflink=auto", fresh, root])
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        return root

    @classmethod
    def step(cls, root, instruction, rest):
        if instruction == "RUN":
            cls.must_run(cls.within(root, ["/bin/sh", "-c", rest]))
        elif instruction == "COPY":
            source, target = rest.split()[-2:]
            origin = ROOT
            if rest.startswith("--from="):
                origin = cls.roots[rest.split()[0].partition("=")[2]]
            into = root / target.lstrip("/")
            (into if target.endswith("/") else into.parent).mkdir(parents=True, exist_ok=True)
            if (origin / source.lstrip("/")).is_dir():
                shutil.copytree(origin / source.lstrip("/"), into)
            else:
                shutil.copy(origin / source.lstrip("/"), into)
        elif instruction == "USER":
            cls.user = rest
        elif instruction == "ENTRYPOINT":
            cls.entry = json.loads(rest)

    @staticmethod
    def within(root, command, user="0:0"):
        """The command in that root, with processes and mounts of its own; it ends with whoever started it."""
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc", "env", "-i", f"PATH={PATH}",
                "DEBIAN_FRONTEND=noninteractive", *(f"{name}={value}" for name, value in os.environ.items() if name.endswith("_proxy")),
                "chroot", f"--userspec={user}", root, *command]

    @staticmethod
    def must_run(command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3000)
        if done.returncode != 0:
            raise AssertionError(f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def test_the_image_s_broker_serves_as_its_user(self):
        self.assertRegex(self.must_run(self.within(self.root, [*self.entry, "--version"], self.user)), r"^broker \d")
        port = free_port()
        command = self.within(self.root, [*self.entry, "--http", f"127.0.0.1:{port}", "--domain", DOMAIN, "--log-format", "json"], self.user)
        broker = self.start(Process("image", command))
        broker.wait_event("listening")
        with Visitor(port, DOMAIN) as visitor:
            self.assertEqual(visitor.get("/api/status").status, 200)
        pids = subprocess.run(["pgrep", "-P", str(broker.pid)], capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual([os.stat(f"/proc/{pid}").st_uid for pid in pids], [int(self.user.partition(":")[0])])
        os.kill(int(pids[0]), 15)
        self.assertEqual(broker.wait_end(), 0)

    def test_the_image_has_nothing_to_build_with(self):
        self.assertFalse((self.root / "usr/bin/cmake").exists())
        self.assertFalse((self.root / "src").exists())
