"""The files of docs/deploy, as far as they can be held to something without a cluster or an init: units, the manifest,
the image, and every flag that they name."""
import functools
import re
import shutil
import subprocess
import unittest

import yaml

from balancers import DEPLOY
from harness import BIN, E2E, ROOT, SANITIZED, Authority


@functools.cache
def help_text():
    return subprocess.run([BIN / "broker", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=30).stdout


def seconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)(ms|s|m|min|h|)", text).groups()
    return float(number) * {"ms": 0.001, "": 1, "s": 1, "m": 60, "min": 60, "h": 3600}[unit]


class Deploy(E2E):
    short = True

    def are_flags(self, flags, where):
        flags = set(flags)
        self.assertTrue(flags, where)
        known = set(re.findall(r"--[a-z][a-z-]*", help_text()))
        self.assertEqual(flags - known, set(), where)


class Flags(Deploy):
    def test_commands_of_the_broker_in_the_comments_have_its_flags(self):
        commands = 0
        for file in sorted(DEPLOY.iterdir()):
            text = re.sub(r"\\\n#?", " ", file.read_text())
            for command in re.findall(r"^#\s+(?:podman run .* tenfold-)?broker (--.*)$", text, re.M):
                commands += 1
                self.are_flags(re.findall(r"--[a-z][a-z-]*", command), file.name)
        self.assertGreaterEqual(commands, 5)


class SystemdUnits(Deploy):
    SERVICE, SOCKET = DEPLOY / "tenfold-broker.service", DEPLOY / "tenfold-broker.socket"

    @staticmethod
    def values(file, name):
        return re.findall(rf"^{name}=(.*)$", file.read_text(), re.M)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
    def test_the_service_is_hardened(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", self.SERVICE], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertLessEqual(float(re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)[1]), 2.0)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
    def test_systemd_understands_both(self):
        for name in (self.SERVICE, self.SOCKET):
            text = name.read_text().replace("/usr/local/bin/broker", str(BIN / "broker"))
            (self.folder / name.name).write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", self.folder / self.SERVICE.name, self.folder / self.SOCKET.name],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        about = [line for line in done.stderr.splitlines() if "tenfold-broker" in line]
        self.assertEqual(about, [])

    def test_the_socket_has_a_name_that_the_broker_knows(self):
        self.assertEqual(self.values(self.SOCKET, "FileDescriptorName"), ["https"])
        self.assertEqual(self.values(self.SERVICE, "Sockets"), [self.SOCKET.name])

    def test_the_broker_takes_the_options(self):
        lines = re.findall(r"^#   ([a-z-]+ = .*)$", self.SERVICE.read_text(), re.M)
        self.assertGreater(len(lines), 5)
        certificate, key = Authority(self.folder / "ca").issue("broker", "DNS:tunnel.example", "DNS:*.tunnel.example")
        tokens = self.folder / "tokens"
        made = subprocess.run([BIN / "broker", "token", "new", "--name", "team", "--file", tokens], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(made.returncode, 0, made.stderr)
        text = "\n".join(lines)
        for old, new in (("/etc/tenfold/chain.pem", certificate), ("/etc/tenfold/key.pem", key), ("/etc/tenfold/tokens", tokens)):
            text = text.replace(old, str(new))
        file = self.folder / "tenfold-broker.toml"
        file.write_text(text)
        done = subprocess.run([BIN / "broker", "--check-config", "--config", file], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)


class Kubernetes(Deploy):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        objects = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
        cls.objects = {each["kind"]: each for each in objects}
        assert len(cls.objects) == len(objects)
        cls.pod = cls.objects["Deployment"]["spec"]["template"]["spec"]
        cls.container, = cls.pod["containers"]
        cls.args = dict(arg.split("=", 1) for arg in cls.container["args"])

    def test_arguments_and_configuration_are_the_broker_s(self):
        self.are_flags(self.args, "args")
        lines = self.objects["Secret"]["stringData"]["broker.toml"].splitlines()
        self.are_flags([f"--{line.partition(' = ')[0]}" for line in lines], "broker.toml")

    def test_three_replicas_of_which_two_stay(self):
        spec = self.objects["Deployment"]["spec"]
        labels = spec["template"]["metadata"]["labels"]
        self.assertEqual(spec["replicas"], 3)
        self.assertEqual(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0)
        budget = self.objects["PodDisruptionBudget"]["spec"]
        self.assertEqual(budget["minAvailable"], 2)
        anti, = self.pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        for selector in (spec["selector"], budget["selector"], anti["podAffinityTerm"]["labelSelector"]):
            self.assertEqual(selector["matchLabels"], labels)
        self.assertEqual(self.objects["Service"]["spec"]["selector"], labels)
        self.assertEqual({each["metadata"]["namespace"] for each in self.objects.values()}, {"tenfold"})

    def test_probes_ask_the_health_door(self):
        ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        self.assertEqual(self.args["--health"], f":{ports['health']}")
        for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            self.assertEqual(self.container[probe]["httpGet"], {"path": path, "port": "health"})
        for flag, name in (("--http", "http"), ("--https", "https"), ("--peer-listen", "peer")):
            self.assertEqual(self.args[flag], f":{ports[name]}")
        self.assertEqual(self.args["--peer-advertise"], f"$(POD_IP):{ports['peer']}")
        self.assertIn("POD_IP", [each["name"] for each in self.container["env"]])
        for port in self.objects["Service"]["spec"]["ports"]:
            self.assertIn(port["targetPort"], ports)

    def test_the_grace_period_outlasts_the_drain(self):
        command, time = self.container["lifecycle"]["preStop"]["exec"]["command"]
        self.assertEqual(command, "sleep")
        drain = float(time) + seconds(self.args["--drain-delay"]) + seconds(self.args["--drain-timeout"])
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], drain + 5)

    def test_secrets_are_files_and_no_arguments(self):
        mounts = {each["name"]: each["mountPath"] for each in self.container["volumeMounts"]}
        secrets = {each["name"]: each["secret"]["secretName"] for each in self.pod["volumes"]}
        self.assertEqual(mounts.keys(), secrets.keys())
        own = self.objects["Secret"]
        keys = {own["metadata"]["name"]: set(own["stringData"]), "tenfold-tls": {"tls.crt", "tls.key"},
                "tenfold-peer": {"tls.crt", "tls.key", "ca.crt"}}
        for flag, value in self.args.items():
            self.assertNotIn("redis://", value)
            if value.startswith("/etc/tenfold/"):
                folder, _, name = value.rpartition("/")
                volume, = [volume for volume, path in mounts.items() if path == folder]
                self.assertIn(name, keys[secrets[volume]], flag)

    def test_the_container_has_no_privilege(self):
        self.assertTrue(self.pod["securityContext"]["runAsNonRoot"])
        self.assertEqual(self.container["securityContext"],
                         {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})


class Container(Deploy):
    """The image's steps as text: the packages are those that ./dev builds with, and those whose libraries it needs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
        cls.build, cls.run_ = (stage.splitlines() for stage in text.split("\nFROM ")[1:])

    @staticmethod
    def packages(stage):
        line, = [line for line in stage if "apt-get install" in line]
        return set(line.partition("--no-install-recommends")[2].partition("&&")[0].split())

    def test_it_builds_with_the_packages_of_dev(self):
        listed = re.search(r"^build_packages=\((.*?)\)", (ROOT / "dev").read_text(), re.M | re.S)[1].split()
        self.assertEqual(set(listed) - self.packages(self.build), set())

    def test_every_folder_that_the_build_reads_is_copied(self):
        copied = {line.split()[1] for line in self.build if line.startswith("COPY")}
        added = set(re.findall(r"^add_subdirectory\((\w+)\)", (ROOT / "CMakeLists.txt").read_text(), re.M))
        self.assertEqual(copied, {"CMakeLists.txt", "proto"} | added)

    @unittest.skipIf(SANITIZED, "a sanitized build is in no image")
    @unittest.skipUnless(shutil.which("readelf") and shutil.which("dpkg-query"), "no readelf or no dpkg here")
    def test_the_image_has_the_libraries_that_the_broker_needs(self):
        needed = re.findall(r"NEEDED.*\[(.*)\]", subprocess.run(["readelf", "-d", BIN / "broker"], capture_output=True, text=True).stdout)
        self.assertIn("libssl.so.3", needed)
        base = {"libc6", "libstdc++6", "libgcc-s1"}  # of every Debian
        for library in needed:
            owner = subprocess.run(["dpkg-query", "-S", f"*/{library}"], capture_output=True, text=True).stdout
            packages = {line.partition(":")[0] for line in owner.splitlines()}
            self.assertTrue(packages & (base | self.packages(self.run_)), f"{library}: {packages}")
