#!/usr/bin/env python3
"""The house check finds each breach that it names, and passes a clean tree."""
import pathlib
import tempfile
import unittest

import check_house

TOP = "// What this is.\n"


class CheckHouse(unittest.TestCase):
    def breaches(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return list(check_house.breaches(root))

    def assert_breach(self, name, text, word):
        found = self.breaches({name: text})
        self.assertEqual(len(found), 1, found)
        self.assertIn(word, found[0])

    def test_a_clean_tree_passes(self):
        self.assertEqual(self.breaches({
            "dev": "#!/bin/sh\n", ".ci/run": "", "README.md": "",
            "libframe/http2/nghttp2_glue.cc": TOP + '#include <nghttp2/nghttp2.h>\n#include "base/bytes.h"\n',
            "libframe/mux/link.cc": TOP + '#include "duplex.h"\n#include "http2/nghttp2_glue.h"\n',
            "libframe/io/loop.cc": TOP + '#include <uv.h>\n#include "tls/tls_engine.h"\n',
            "broker/link/door.cc": TOP + '#include "broker/tunnels/tunnel.h"\n#include "io/loop.h"\n',
        }), [])

    def test_a_foreign_header_has_one_door(self):
        self.assert_breach("libframe/mux/link.cc", TOP + "#include <nghttp2/nghttp2.h>\n", "one door")
        self.assert_breach("broker/main.cc", TOP + "#include <uv.h>\n", "one door")
        self.assert_breach("agent/session.cc", TOP + "#include <openssl/ssl.h>\n", "one door")
        self.assert_breach("broker/broker.cc", TOP + "#include <spdlog/spdlog.h>\n", "one door")

    def test_the_direction_of_includes(self):
        for name, header in (
            ("broker/broker.cc", "agent/links/session.h"),
            ("agent/main.cc", "broker/desk/router.h"),
            ("libframe/mux/link.cc", "tls/tls_engine.h"),
            ("libframe/http1/head.cc", "io/loop.h"),
            ("libframe/base/log.cc", "http1/head_reader.h"),
            ("broker/tunnels/tunnel.h", "broker/link/link_tunnel.h"),
            ("broker/link/link_session.cc", "broker/desk/own_site.h"),
            ("agent/targets/local_target.h", "agent/links/session.h"),
        ):
            folder = name.rpartition("/")[0]
            self.assert_breach(name, TOP + f'#include "{header}"\n', f"{folder} does not include from ")

    def test_the_names_at_the_top(self):
        self.assert_breach("scripts/x.sh", "", "names at the top")

    def test_unfinished_things_tabs_length_and_paragraph(self):
        self.assert_breach("broker/broker.cc", TOP + "// TODO: later\n", "unfinished")
        self.assert_breach("broker/broker.cc", TOP + "\tint x;\n", "tab")
        self.assert_breach("broker/broker.cc", TOP + "int x;\n" * 451, "lines of code")
        self.assert_breach("broker/broker.h", "#pragma once\n", "paragraph")
        self.assert_breach("broker/main.cc", "int x;\n", "paragraph")


if __name__ == "__main__":
    unittest.main()
