"""Load balancers of the system in front of brokers, with the files of docs/deploy as they stand there but for ports,
addresses and paths."""
import contextlib
import os
import pathlib
import shutil
import socket

from fakes import Server
from harness import ROOT, Process, eventually, free_port

DEPLOY = ROOT / "docs/deploy"
PATH = os.environ["PATH"] + ":/usr/sbin"
STREAM_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def missing(file):
    """What this machine lacks to run that file; None when nothing."""
    program = file.partition("-")[0]
    if not shutil.which(program, path=PATH):
        return f"no {program} here"
    if file == "nginx-stream.conf" and not STREAM_MODULE.exists():
        return "no stream module of nginx here"
    return None


class Health(Server):
    """A broker's --health door, as far as a balancer sees it."""

    def __init__(self, port=0, ip="127.0.0.1"):
        self.status = 200
        super().__init__(port, ip)

    def serve(self, sock):
        self.read_head(sock)
        sock.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.status)


class Balancer(Process):
    """One of docs/deploy's files, run by its program. Of the three brokers that it names the second is there, on 127.0.0.1:
    `http` and `https` are its ports, `health` that of its health. The others, on the same ports of ABSENT, are not."""

    ABSENT = ("127.0.0.11", "127.0.0.13")

    def __init__(self, file, folder, http, https=None, health=None, pem=None, certificate=None, key=None, replace=()):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        for _ in range(3):
            self.http_port, self.https_port = free_port(), free_port()
            text = (DEPLOY / file).read_text()
            changes = list(replace)
            ports = {"7080": http, "7443": https} if "7443" in text.partition("\n\n")[2] else {"7080": http}
            for old, new in ports.items():
                for ip, there in (("10.0.0.12", "127.0.0.1"), *zip(("10.0.0.11", "10.0.0.13"), self.ABSENT)):
                    changes.append((f"{ip}:{old}", f"{there}:{new}"))
            if file.startswith("haproxy"):
                changes += [("bind :80", f"bind 127.0.0.1:{self.http_port}"), ("bind :443", f"bind 127.0.0.1:{self.https_port}"),
                            ("port 7091", f"port {health}")]
                if pem:
                    changes.append(("/etc/haproxy/tunnel.pem", pem))
                args = [shutil.which("haproxy", path=PATH), "-db", "-f", folder / file]
            else:
                changes += [("listen 80;", f"listen 127.0.0.1:{self.http_port};"), ("listen 443", f"listen 127.0.0.1:{self.https_port}"),
                            ("/run/nginx.pid", folder / "nginx.pid")]
                if certificate:
                    changes += [("/etc/nginx/chain.pem", certificate), ("/etc/nginx/key.pem", key),
                                ("/var/log/nginx/access.log;", f"{folder}/access.log; " + self._folders(folder))]
                args = [shutil.which("nginx", path=PATH), "-p", folder, "-e", "stderr", "-g", "daemon off; master_process off;",
                        "-c", folder / file]
            head, gap, body = text.partition("\n\n")
            for old, new in changes:
                assert old in body, f"{file} has no {old!r}"
                body = body.replace(old, str(new))
            (folder / file).write_text(head + gap + body)
            super().__init__(file, args)
            eventually(lambda: self.popen.poll() is not None or self._listens(), "the balancer listens")
            if self.popen.poll() is None:
                return
        raise AssertionError(f"{file} does not start\n" + self.tail())

    @staticmethod
    def _folders(folder):
        return " ".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))

    def _listens(self):
        with contextlib.suppress(OSError):
            for port in (self.http_port, self.https_port):
                socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False
