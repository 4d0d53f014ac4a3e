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
            "libframe/mux/nghttp2_glue.cc": TOP + '#include <nghttp2/nghttp2.h>\n#include "duplex.h"\n#include "mux/link.h"\n',
            "libframe/io/loop.cc": TOP + '#include <uv.h>\n#include "tls/tls_engine.h"\n',
            "broker/link/door.cc": TOP + '#include "broker/tunnel.h"\n#include "io/loop.h"\n',
        }), [])

    def test_a_foreign_header_has_one_door(self):
        self.assert_breach("libframe/mux/link.cc", TOP + "#include <nghttp2/nghttp2.h>\n", "one door")
        self.assert_breach("broker/main.cc", TOP + "#include <uv.h>\n", "one door")
        self.assert_breach("agent/session.cc", TOP + "#include <openssl/ssl.h>\n", "one door")
        self.assert_breach("broker/broker.cc", TOP + "#include <spdlog/spdlog.h>\n", "one door")

    def test_the_direction_of_includes(self):
        self.assert_breach("broker/broker.cc", TOP + '#include "agent/session.h"\n', "does not include from agent")
        self.assert_breach("agent/main.cc", TOP + '#include "broker/router.h"\n', "does not include from broker")
        self.assert_breach("libframe/mux/link.cc", TOP + '#include "tls/tls_engine.h"\n', "does not include from tls")
        self.assert_breach("libframe/http1/head.cc", TOP + '#include "io/loop.h"\n', "does not include from io")
        self.assert_breach("libframe/base/log.cc", TOP + '#include "http1/head.h"\n', "does not include from http1")

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
