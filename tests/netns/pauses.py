"""weft dpdk pfc on a plain veth: its frames pass and tshark reads them; a kernel that has no PFC is found to ignore them."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

from namespaces import WEFT, NamespaceTest

PORT = "net_af_packet0,iface=eth0"


HERE = pathlib.Path(__file__).resolve().parent


class Pauses(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.namespace("near", "far")
        self.veth("near", "eth0", "far", "eth0")

    def test_neighbour_that_ignores_pfc_is_found(self):
        sender = self.start("far", WEFT, "dpdk", "send", "--duration", "8s", "--size", 256, "--rate", "1kpps", "--destination-mac",
                            self.mac("near", "eth0"), "--quiet", "--", "--vdev", PORT)
        time.sleep(1)
        done = self.within("near", WEFT, "dpdk", "pfc", "--priority", 3, "--link-rate", "100Mbps", "--json", "-", "--", "--vdev",
                           PORT, check=False)
        sender.communicate(timeout=30)
        self.assertEqual(done.returncode, 1, done.stderr)
        m = json.loads(done.stdout)
        self.assertGreater(m["counters"]["priority3_frames_paused"], 500)
        self.assertTrue(m["notes"][0].startswith("priority 3 goes on while paused"))

    def judge(self, manner, *words, rate="200Mbps"):
        """weft pfc beside a neighbour that treats PFC as `manner` says: 65,535 quanta are 168 ms at 200 Mb/s."""
        neighbour = self.start("far", sys.executable, "-B", HERE / "pfc_neighbour.py", "eth0", manner, 2e8)
        time.sleep(0.5)
        done = self.within("near", WEFT, "dpdk", "pfc", "--priority", 3, "--link-rate", rate, "--json", "-", *words, "--",
                           "--vdev", PORT, check=False)
        neighbour.terminate()
        seen = json.loads(neighbour.communicate(timeout=30)[0])
        return done, json.loads(done.stdout), seen

    def test_neighbours_that_obey_and_that_do_not(self):
        for manner, code, note in (("obeys", 0, ""),
                                   ("early", 1, "priority 3 goes on while paused"),
                                   ("deaf_to_resume", 1, "priority 3 resumes ")):
            with self.subTest(manner):
                done, m, seen = self.judge(manner, "--phase", "400ms", "--grace", "30ms")
                self.assertEqual(done.returncode, code, done.stderr + done.stdout)
                self.assertTrue("".join(m["notes"]).startswith(note), m["notes"])
                self.assertEqual(m["counters"]["pauses_sent"], seen["pauses"] + seen["resumes"])
                self.assertEqual((m["counters"]["pauses_sent_too_late"], seen["resumes"]), (0, 1))
                self.assertGreater(m["counters"]["priority0_frames_paused"], m["counters"]["priority0_frames_before"] / 2)
        self.assertEqual(seen["quanta"], 65535)

    def test_one_pause_lasts_for_its_quanta(self):
        """168 ms; the spacing of frames and the machine's hiccups are the tolerance that is reported."""
        for manner, code, note in (("obeys", 0, ""), ("early", 1, "priority 3 resumes early"),
                                   ("late", 1, "priority 3 resumes late"), ("ignores", 1, "priority 3 does not stop")):
            with self.subTest(manner):
                done, m, seen = self.judge(manner, "--single", 3, "--phase", "150ms")
                self.assertEqual(done.returncode, code, done.stderr + done.stdout)
                self.assertTrue("".join(m["notes"]).startswith(note), m["notes"])
                self.assertEqual((seen["pauses"], seen["resumes"]), (3, 0))
                self.assertAlmostEqual(m["counters"]["pause_us"], 167770, delta=1)
                if manner == "obeys":
                    self.assertAlmostEqual(m["counters"]["silence_median_us"], 167770, delta=m["counters"]["tolerance_us"])

    def test_own_late_pauses_blame_nobody(self):
        """Quanta of 13 ns at 1 Tb/s: no process comes round so soon, and not even a neighbour that ignores them is blamed."""
        done, m, _ = self.judge("ignores", "--quanta", 26, "--phase", "300ms", rate="1Tbps")
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("weft's own pauses were up to", done.stderr)
        self.assertIn("a processor of its own", done.stderr)
        self.assertGreater(m["counters"]["pauses_sent_too_late"], 0)

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
