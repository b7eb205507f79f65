"""Who may include whom (docs/architecture.md): fabric <- topologies <- emulator <- studies <- apps, and beside it
fabric <- verbs <- apps and fabric <- dpdk <- apps."""
import re
import unittest

import tree

ALLOWED = {
    "fabric": {"fabric"},
    "topologies": {"fabric", "topologies"},
    "emulator": {"fabric", "topologies", "emulator"},
    "studies": {"fabric", "topologies", "emulator", "studies"},
    "verbs": {"fabric", "verbs"},
    "dpdk": {"fabric", "dpdk"},
    "apps": {"fabric", "topologies", "emulator", "studies", "verbs", "dpdk", "apps"},
}
# Within emulator/ the backends do not know one another; only the other folders are shared. bridge/ sees several.
BACKENDS = {"analytic", "fluid", "packet", "live"}
# Vendor headers stay in their folders.
VENDOR = [
    (re.compile(r"ns3/"), ("emulator/packet/", "emulator/bridge/")),
    (re.compile(r"rte_"), ("dpdk/",)),
    (re.compile(r"(infiniband|rdma)/"), ("verbs/",)),
    (re.compile(r"(grpc|grpcpp)/"), ("verbs/hosts/",)),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def violations(path, text):
    """Sentences about what the includes of one file break; empty when all is well."""
    folder = path.split("/")[0]
    found = []
    for bracket, target in INCLUDE.findall(text):
        target_folder = target.split("/")[0]
        for pattern, homes in VENDOR:
            if pattern.match(target) and not path.startswith((*homes, "tests/", "bench/")):
                found.append(f"{path}: <{target}> may be included in {' and '.join(homes)} only")
        if bracket == "<":
            if target_folder in ALLOWED:
                found.append(f'{path}: <{target}> is the project\'s own; write "{target}"')
            continue
        if not (tree.ROOT / target).is_file():
            found.append(f'{path}: "{target}" is not a path from the root of the repository')
        if folder in ALLOWED and target_folder not in ALLOWED[folder]:
            found.append(f"{path}: {folder} may not include {target_folder} ({target})")
        ours, theirs = path.split("/"), target.split("/")
        if ours[0] == theirs[0] == "emulator" and {ours[1], theirs[1]} <= BACKENDS and ours[1] != theirs[1]:
            found.append(f"{path}: backend {ours[1]} may not include backend {theirs[1]} ({target})")
        if ours[0] == theirs[0] == "emulator" and theirs[1] == "bridge" and ours[1] != "bridge":
            found.append(f"{path}: only apps may include emulator/bridge ({target})")
    return found


class Arrows(unittest.TestCase):
    maxDiff = None

    def test_includes_follow_the_arrows(self):
        found = [v for path in tree.sources() for v in violations(path, tree.text_of(path))]
        self.assertEqual(found, [])

    def test_checker_sees_each_kind_of_violation(self):
        cases = {
            "topologies may not include emulator": ("topologies/a.cc", '#include "emulator/predict.h"'),
            "verbs may not include topologies": ("verbs/a.cc", '#include "topologies/clos.h"'),
            "dpdk may not include emulator": ("dpdk/a.cc", '#include "emulator/predict.h"'),
            "backend fluid may not include backend packet": ("emulator/fluid/a.cc", '#include "emulator/packet/a.h"'),
            "<ns3/node.h> may be included in emulator/packet/ and emulator/bridge/ only": ("apps/a.cc", "#include <ns3/node.h>"),
            "only apps may include emulator/bridge": ("emulator/packet/a.cc", '#include "emulator/bridge/a.h"'),
            "<rte_mbuf.h> may be included in dpdk/ only": ("fabric/a.cc", "#include <rte_mbuf.h>"),
            "<infiniband/verbs.h> may be included in verbs/ only": ("apps/a.cc", "#include <infiniband/verbs.h>"),
            'write "fabric/ids.h"': ("apps/a.cc", "#include <fabric/ids.h>"),
            "is not a path from the root": ("fabric/a.cc", '#include "ids.h"'),
        }
        for expected, (path, text) in cases.items():
            with self.subTest(expected):
                self.assertIn(expected, " ".join(violations(path, text)))

    def test_headers_start_once(self):
        missing = [p for p in tree.sources() if p.endswith(".h")
                   and not re.search(r"^#pragma once$", tree.text_of(p), re.MULTILINE)]
        self.assertEqual(missing, [])
