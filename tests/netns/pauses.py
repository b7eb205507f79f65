"""weft dpdk pfc on a plain veth: its frames pass and tshark reads them; a kernel that has no PFC is found to ignore them."""
import json
import re
import shutil
import subprocess
import time

from namespaces import WEFT, NamespaceTest

PORT = "net_af_packet0,iface=eth0"


class Pauses(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.namespace("near", "far")
        self.veth("near", "eth0", "far", "eth0")

    def test_neighbour_that_ignores_pfc_is_found(self):
        sender = self.start("far", WEFT, "dpdk", "send", "--duration", "8s", "--size", 256, "--rate", "1kpps", "--destination-mac",
                            self.mac("near", "eth0"), "--quiet", "--", "--vdev", PORT)
        time.sleep(1)
        done = self.within("near", WEFT, "dpdk", "pfc", "--priority", 3, "--link-rate", "10Gbps", "--json", "-", "--", "--vdev",
                           PORT, check=False)
        sender.communicate(timeout=30)
        self.assertEqual(done.returncode, 1, done.stderr)
        m = json.loads(done.stdout)
        self.assertGreater(m["counters"]["priority3_frames_paused"], 500)
        self.assertTrue(m["notes"][0].startswith("priority 3 goes on while paused"))

    def test_silence_is_no_verdict(self):
        done = self.within("near", WEFT, "dpdk", "pfc", "--priority", 5, "--phase", "200ms", "--", "--vdev", PORT, check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn("no frame of this priority came", done.stderr)

    def test_tshark_reads_the_frames(self):
        if not shutil.which("tshark"):
            self.skipTest("not installed: tshark")
        capture = self.start("far", "tshark", "-i", "eth0", "-a", "duration:6", "-T", "fields", "-e", "macc.opcode", "-e",
                             "macc.cbfc.enbv", "-e", "_ws.malformed")
        time.sleep(2.5)
        self.within("near", WEFT, "dpdk", "pfc", "--priority", 3, "--link-rate", "1Gbps", "--phase", "300ms", "--", "--vdev",
                    PORT, check=False)
        out, err = capture.communicate(timeout=30)
        lines = [line for line in out.splitlines() if line.strip()]
        self.assertGreater(len(lines), 5, err)
        self.assertTrue(all(re.match(r"0x0101\t0x0+8\t?$", line) for line in lines), lines[:3])
