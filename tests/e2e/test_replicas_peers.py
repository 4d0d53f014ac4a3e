"""The links between replicas: who is let in, and what a split or a want of descriptors costs."""
import contextlib
import json
import resource
import socket
import ssl
import time

import harness
from harness import DOMAIN, Authority, free_port
from networks import instead_of
from replicas import Passage, Replica
from test_replicas import OnReplicas
from visitor import Visitor


class Doors(OnReplicas):
    """A replica's door for peers."""

    def knock(self, at, context):
        """What comes of a link's request there: a status, or "" where the connection ends before."""
        port = self.cluster[at].ports["peer"]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as plain:
            with context.wrap_socket(plain, server_hostname="tenfold-peer") as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: tenfold-peer\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n")
                return sock.recv(4096).decode("latin-1").split(" ")[1]
        return ""

    def refused(self, at, context):
        before = len(self.cluster[at].events())
        self.assertNotIn(self.knock(at, context), ("101", "200"))
        self.cluster[at].wait_event("peer-refused", after=before)

    @staticmethod
    def context(certificate=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        return context

    def test_a_stranger_without_a_certificate_is_refused_and_logged(self):
        self.refused(0, self.context())

    def test_a_certificate_of_another_authority_is_refused_and_logged(self):
        other = Authority(self.folder / "other")
        self.refused(1, self.context(other.issue("peer", "DNS:tenfold-peer")))

    def test_a_certificate_of_the_authority_for_another_name_is_refused_and_logged(self):
        self.refused(2, self.context(self.cluster.peers.issue("other", "DNS:other.example")))

    def test_what_is_no_tls_is_refused_and_logged(self):
        before = len(self.cluster[0].events())
        with socket.create_connection(("127.0.0.1", self.cluster[0].ports["peer"]), 10) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with contextlib.suppress(OSError):
                while sock.recv(4096):
                    pass
        self.cluster[0].wait_event("peer-refused", after=before)

    def test_a_replica_with_the_wrong_certificate_reaches_no_other_and_they_go_on(self):
        agent = self.agent(0, "--subdomain", "guarded-door")
        self.everywhere(agent.tunnel)
        other = Authority(self.folder / "wrong")
        certificate, key = other.issue("wrong", "DNS:tenfold-peer")
        self.cluster.peer_cert, self.cluster.peer_key, right = certificate, key, (self.cluster.peer_cert, self.cluster.peer_key)
        try:
            wrong = self.start(Replica("r4", self.cluster))
        finally:
            self.cluster.peer_cert, self.cluster.peer_key = right
        before = len(self.cluster[0].events())
        with Visitor(wrong.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            answer = visitor.get("/hello", [("Accept", "application/json")])
        self.assertEqual((answer.status, json.loads(answer.text)["code"]), (502, "peer-unreachable"))
        self.cluster[0].wait_event("peer-refused", after=before)
        self.everywhere(agent.tunnel)


class Split(OnReplicas):
    """r1 cannot be reached by the others, though all of them reach Redis."""

    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.way = Passage(cls.port)
        cls.addClassCleanup(cls.way.close)
        cls.own_flags = {0: ("--peer-listen", f"127.0.0.1:{cls.port}", "--peer-advertise", f"127.0.0.1:{cls.way.port}")}
        super().setUpClass()

    def test_it_is_a_502_of_its_own_code_and_heals_by_itself(self):
        agent = self.agent(0, "--subdomain", "split")
        self.everywhere(agent.tunnel)
        self.way.close()
        for at in (1, 2):
            begin = time.monotonic()
            answer = self.answer(at, agent.tunnel)
            self.assertLess(time.monotonic() - begin, 10)
            self.assertEqual((answer.status, json.loads(answer.text)["code"]), (502, "peer-unreachable"))
        self.assertEqual(self.status(0, agent.tunnel), 200)
        self.cluster[1].wait_event("peer-unreachable")
        self.way.open()
        begin = time.monotonic()
        self.everywhere(agent.tunnel)
        self.measured = f"healed {time.monotonic() - begin:.2f} s after the way was there again"


class FewDescriptors(OnReplicas):
    """256 descriptors a replica."""

    @classmethod
    def setUpClass(cls):
        with instead_of("broker", f'"{harness.BIN}/broker"', before="ulimit -n 256"):
            super().setUpClass()

    def test_links_stay_and_accepting_resumes(self):
        agent = self.agent(0, "--subdomain", "few")
        self.everywhere(agent.tunnel)
        self.assertEqual(resource.prlimit(self.cluster[0].pid, resource.RLIMIT_NOFILE)[0], 256)
        socks = []
        for at in (0, 1):
            for _ in range(400):
                with contextlib.suppress(OSError):
                    socks.append(socket.create_connection(("127.0.0.1", self.cluster[at].http_port), 5))
        time.sleep(4)  # beyond a renewal of the lease
        for sock in socks:
            sock.close()
        begin = time.monotonic()
        self.everywhere(agent.tunnel, seconds=10)
        self.measured = f"all serve {time.monotonic() - begin:.2f} s after 800 connections have gone"
        for replica in self.cluster.replicas:
            downs = [e for e in replica.events() if e["event"] in ("link-down", "peer-down", "peer-link-down", "registry-away")]
            self.assertEqual(downs, [])
        self.assertEqual([e for e in agent.events() if e["event"] == "reconnecting"], [])
