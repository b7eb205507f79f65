"""weft dpdk as a user runs it: unprivileged, on virtual ports, without huge pages."""
import glob
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from command import HGX, WEFT, run

INPUT, ENVIRONMENT, INTERRUPTED = 2, 3, 130
RING = ("--", "--vdev", "net_ring0")


def loop(*words, eal=RING, **settings):
    """The Measurement of `weft dpdk loop`: its points, what was sent first."""
    done = run("dpdk", "loop", "--quiet", "--json", "-", *words, *eal, **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["traffic"]


def start(*words):
    return subprocess.Popen([str(WEFT), "dpdk", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


class Dpdk(unittest.TestCase):
    def refuses(self, words, message, code=INPUT):
        with self.subTest(" ".join(words)):
            done = run("dpdk", *words)
            self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
            self.assertIn("weft: error: ", done.stderr)
            self.assertIn(message, done.stderr)

    def test_wrong_words(self):
        self.refuses(("send", "--opcode", "wriet", *RING), "--opcode: no such opcode of RC: 'wriet'; write, send, ")
        self.refuses(("send", "--opcode", "0xc0", *RING), "no RoCEv2 opcode: '0xc0'")
        self.refuses(("send", "--mtu", "1500", *RING), "256, 512, 1024, 2048 or 4096 bytes")
        self.refuses(("send", "--size", "3G", *RING), "no size of an RDMA message")
        self.refuses(("send", "--rate", "10", *RING), "--rate: cannot be read: '10'; on the wire as 10Gbps, or in packets")
        self.refuses(("send", "--source-port", "random", *RING), "--source-port: cannot be read: 'random'; qp, fixed:")
        self.refuses(("send", "--source-ip", "10.0.0", *RING), "--source-ip: cannot be read: '10.0.0'")
        self.refuses(("send", "--destination-ip", "fd00::1", *RING), "--destination-ip: cannot be read")
        self.refuses(("send", "--destination-mac", "2:0:0:0:0:1", *RING), "--destination-mac: cannot be read")
        self.refuses(("send", "--vlan", "5000", *RING), "--vlan: cannot be read: '5000'")
        self.refuses(("send", "--qps", "2000000", *RING), "--qps: not a whole number from 1 to 1048576")
        self.refuses(("loop", "--inject", "lose=3", *RING), "no fault to inject: 'lose=3'; drop=N")
        self.refuses(("loop", "--icrc", "some", *RING), "--icrc: which frames to check: 'some'; all, none, or a number")
        self.refuses(("send", "--transport", "UD", "--opcode", "write", *RING), "the transport has no such message")
        self.refuses(("send", "--burst", "8", *RING), "bursts or on and off without a rate")
        self.refuses(("sned",), "unknown command: 'sned'; did you mean send?")

    def test_machines_that_cannot(self):
        self.refuses(("ports", "--", "--no-pci"), "DPDK has no port; name a virtual one, as -- --vdev net_ring0", ENVIRONMENT)
        self.refuses(("ports", "--", "--vdev", "net_rong0"), "DPDK does not start: ", ENVIRONMENT)
        self.refuses(("send", "--", "--frobnicate"), "EAL's options are at doc.dpdk.org", ENVIRONMENT)
        self.refuses(("send", "--port", "net_ring7", *RING), "DPDK has no such port: 'net_ring7'; one of net_ring0")
        self.refuses(("send", "--queues", "40", "--qps", "64", *RING), "16 receive and 16 transmit queues", ENVIRONMENT)
        self.refuses(("send", "--pcap-sent", "/nowhere/x", *RING), "cannot write the file: '/nowhere/x'", ENVIRONMENT)
        self.refuses(("receive", "--", "--vdev", "net_memif0,role=server,socket=weft_no_peer"), "is down", ENVIRONMENT)

    def test_huge_pages_that_are_not_there(self):
        with open("/proc/meminfo", encoding="utf-8") as info:
            if not re.search(r"HugePages_Total:\s+0\n", info.read()):
                self.skipTest("this machine has huge pages")
        self.refuses(("ports", "--", "--in-memory", "--vdev", "net_ring0"), "or do without: -- --no-huge", ENVIRONMENT)

    def test_loop_counts_what_was_injected(self):
        sent, received = loop("--count", "50100", "--size", "3000", "--mtu", "1024", "--inject",
                              "drop=1000,duplicate=701,reorder=303:5,ce=97")
        got, put = received["counters"], sent["counters"]
        self.assertEqual(got["lost"], put["injected_drops"])
        self.assertEqual(got["duplicates"], put["injected_duplicates"])
        self.assertEqual(got["reordered"], put["injected_reorders"])
        self.assertEqual(got["ce_marked"], put["injected_ce_marks"])
        self.assertEqual(got["icrc_bad"], 0)

    def test_memif_between_two_processes_counts_exactly(self):
        with tempfile.TemporaryDirectory() as folder:
            device = f"net_memif0,socket={folder}/memif,socket-abstract=no,bsize=8192,role="
            receiver = start("receive", "--duration", "8s", "--largest-frame", "4300", "--json", "-", "--", "--vdev",
                             device + "server")
            time.sleep(1)
            sent = run("dpdk", "send", "--count", "100100", "--size", "3000", "--mtu", "1024", "--rate", "100kpps", "--qps", "1",
                       "--inject", "drop=1000,duplicate=701,reorder=303:5,ce=97", "--json", "-", "--quiet", "--", "--vdev",
                       device + "client")
            out, errors = receiver.communicate(timeout=60)
        self.assertEqual((sent.returncode, receiver.returncode), (0, 0), sent.stderr + errors)
        put, got = json.loads(sent.stdout)["traffic"][0]["counters"], json.loads(out)["traffic"][0]["counters"]
        self.assertEqual(got["lost"], put["injected_drops"])
        self.assertEqual(got["duplicates"], put["injected_duplicates"])
        self.assertEqual(got["reordered"], put["injected_reorders"])
        self.assertEqual(got["ce_marked"], put["injected_ce_marks"])
        self.assertEqual(got["packets"], 100100 - put["injected_drops"] + put["injected_duplicates"])
        self.assertEqual((got["icrc_bad"], got["stamps_of_other_clocks"]), (0, 0))

    def test_round_trips_between_two_processes_count_exactly(self):
        with tempfile.TemporaryDirectory() as folder:
            device = f"net_memif0,socket={folder}/memif,socket-abstract=no,bsize=8192,role="
            far = start("receive", "--reflect", "--reflect-delay", "2ms", "--duration", "7s", "--largest-frame", "4300",
                        "--json", "-", "--", "--vdev", device + "server")
            time.sleep(1)
            near = run("dpdk", "send", "--round-trip", "--count", "50100", "--size", "3000", "--mtu", "1024", "--rate", "50kpps",
                       "--qps", "1", "--inject", "drop=1000,duplicate=701,reorder=303:5", "--json", "-", "--quiet",
                       "--max-lost", "49", "--", "--vdev", device + "client")
            out, errors = far.communicate(timeout=60)
        self.assertEqual((near.returncode, far.returncode), (1, 0), near.stderr + errors)  # 50 are lost
        result = json.loads(near.stdout)
        put, back = result["traffic"][0]["counters"], result["traffic"][1]
        there = json.loads(out)["traffic"][0]["counters"]
        self.assertEqual(back["operation"], "round_trip")
        self.assertEqual(back["counters"]["not_returned"], put["injected_drops"])
        self.assertEqual(back["counters"]["duplicates"], put["injected_duplicates"])
        self.assertEqual(back["counters"]["reordered"], put["injected_reorders"])
        self.assertEqual(there["reflected"], 50100 - put["injected_drops"] + put["injected_duplicates"])
        self.assertEqual(back["counters"]["packets"], there["reflected"])
        self.assertEqual((back["counters"]["icrc_bad"], there["icrc_bad"]), (0, 0))
        self.assertGreaterEqual(back["latency"]["min_ps"], 2e9)
        self.assertIn("50 packets, and at most 49 may be", back["failures"][0])
        self.assertTrue(any("round trips are reported" in note for note in result["notes"]))

    def test_nobody_reflects(self):
        done = run("dpdk", "send", "--round-trip", "--count", "100", "--", "--vdev", "net_null0")
        self.assertEqual(done.returncode, ENVIRONMENT, done.stderr)
        self.assertIn("no packet came back; weft dpdk receive --reflect at the destination", done.stderr)
        self.refuses(("send", "--round-trip", "--size", "8", *RING), "round trips need a stamp in every packet")
        self.refuses(("receive", "--reflect-delay", "2ms", *RING), "--reflect-delay without --reflect")
        looped = run("dpdk", "loop", "--round-trip", "--count", "1000", *RING)
        self.assertEqual(looped.returncode, 0, looped.stderr)
        self.assertRegex(looped.stdout, r"returned .* 1000 packets; not returned 0, .*\nroundtrip us: min .* p99.99 ")

    def test_buffers_too_small_for_the_frame(self):
        with tempfile.TemporaryDirectory() as folder:
            memif = f"net_memif0,role=server,socket={folder}/memif,socket-abstract=no"
            self.refuses(("respond", "--connect", "127.0.0.1:1", "--address", "192.0.2.1", "--mtu", "4096", "--", "--vdev", memif),
                         "buffers for frames of 2048 bytes, and one may have 4202; bsize=8192 in the --vdev of both sides",
                         ENVIRONMENT)

    def test_respond_over_memif_at_the_largest_mtu(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            probe.close()
            device = f"net_memif0,socket={folder}/memif,socket-abstract=no,bsize=8192,role="
            common = ("--mtu", "4096", "--limit", "20s", "--json", "-")
            far = start("respond", "--listen", f"127.0.0.1:{port}", "--address", "192.0.2.1", *common, "--", "--vdev",
                        device + "server")
            time.sleep(1.5)
            near = run("dpdk", "respond", "--connect", f"127.0.0.1:{port}", "--address", "192.0.2.2", "--sizes",
                       "1B,4097B,256KiB", "--messages", "64", *common, "--", "--vdev", device + "client")
            out, errors = far.communicate(timeout=60)
        self.assertEqual((near.returncode, far.returncode), (0, 0), near.stderr + errors)
        for text in (near.stdout, out):
            points = json.loads(text)["traffic"]
            self.assertEqual(len(points), 18)  # 3 operations, 3 sizes, both ways
            self.assertEqual([(p["messages"], p["failures"], p["counters"]["wrong_bytes"]) for p in points], [(64, [], 0)] * 18)

    def test_signal_keeps_the_result(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                child = start("loop", "--size", "64", "--rate", "10kpps", "--json", "-", *RING)
                time.sleep(2)
                child.send_signal(number)
                begun = time.monotonic()
                out, errors = child.communicate(timeout=30)
                self.assertEqual(child.returncode, INTERRUPTED, errors)
                self.assertLess(time.monotonic() - begun, 2)
                result = json.loads(out)
                self.assertGreater(result["traffic"][1]["counters"]["packets"], 100)
                self.assertIn("interrupted: the result so far", result["notes"])

    def test_stream_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/streams.yaml"
            pathlib.Path(path).write_text("- {size: 64, qps: 4, count: 4000, rate: 100kpps}\n"
                                          "- {opcode: send, size: 10K, mtu: 1K, count: 1000, source-port: 'fixed:50000'}\n")
            points = loop("--streams", path)
            self.assertEqual([(p["operation"], p["counters"].get("packets")) for p in points],
                             [("write", 4000), ("send", 1000), ("received", 5000)])
            self.assertEqual((points[2]["counters"]["flows"], points[2]["counters"]["lost"]), (5, 0))
            for text, message in (("- {sizes: 64}\n", "streams.yaml:1:3: "), ("size: 64\n", "is a list of streams"),
                                  ("- {size: [1]}\n", "no word: 'size'"), ("- {size: 1, mtu: 7}\n", "256, 512, 1024"),
                                  ("- {a: b\n", "no YAML")):
                pathlib.Path(path).write_text(text)
                self.refuses(("loop", "--streams", path, *RING), message)
        self.refuses(("loop", "--streams", "nowhere.yaml", *RING), "cannot read the stream file: 'nowhere.yaml'")

    def test_collective_of_a_fabric_file(self):
        """A ring over 64 GPUs in hosts of 8 leaves each host once a channel: 8 channels, 8 hosts; one message each."""
        sent, received = loop("--fabric", str(HGX), "--ranks", "64", "--algorithm", "ring", "--size", "64M", "--mtu", "4096")
        flows = received["counters"]["flows"]
        self.assertEqual((sent["counters"]["qps"], flows), (64, 64))
        self.assertEqual(sent["messages"], 64)
        self.assertEqual(sent["size_bytes"], (64 << 20) // 64 // 8)
        self.assertEqual((received["counters"]["lost"], received["counters"]["icrc_bad"]), (0, 0))
        self.refuses(("loop", "--fabric", str(HGX), "--ranks", "8", *RING), "nothing of this collective goes over the network")
        self.refuses(("loop", "--fabric", "nowhere.yaml", *RING), "nowhere.yaml: no such file")

    def test_cabled_pair_in_one_process(self):
        with tempfile.TemporaryDirectory() as folder:
            device = f"socket={folder}/memif,socket-abstract=no,bsize=8192,role="
            sent, received = loop("--port", "net_memif0", "--to", "net_memif1", "--count", "20000", "--rate", "100kpps",
                                  eal=("--", "--vdev", f"net_memif0,{device}server", "--vdev", f"net_memif1,{device}client"))
        self.assertEqual((sent["from"], received["to"]), ("net_memif0", "net_memif1"))
        self.assertEqual((received["counters"]["packets"], received["counters"]["lost"]), (20000, 0))

    def test_lost_packets_fail_the_verdict(self):
        words = ("dpdk", "loop", "--count", "1000", "--size", "64", "--max-lost", "0")
        self.assertEqual(run(*words, *RING).returncode, 0)
        failed = run(*words, "--inject", "drop=100", *RING)
        self.assertEqual(failed.returncode, 1, failed.stderr)
        self.assertRegex(failed.stdout, r"failed: lost \d+ packets, and at most 0 may be")

    def test_any_user_may(self):
        if os.geteuid() != 0:
            self.skipTest("not root: all the other tests show it")
        try:
            done = run("dpdk", "loop", "--count", "100", *RING, user=65534, env={"XDG_RUNTIME_DIR": "/nowhere"}, cwd="/")
        except PermissionError:
            self.skipTest("no other user may run the build")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("lost 0, reordered 0", done.stdout)

    def test_captures_are_read_by_tshark(self):
        if not shutil.which("tshark"):
            self.skipTest("tshark is not installed")
        with tempfile.TemporaryDirectory() as folder:
            files = [f"{folder}/sent.pcap", f"{folder}/received.pcap"]
            loop("--count", "30", "--size", "2500", "--mtu", "1024", "--vlan", "7:3", "--pcap-sent", files[0], "--pcap", files[1])
            for file in files:
                listed = subprocess.run(["tshark", "-r", file, "-T", "fields", "-e", "infiniband.bth.opcode", "-e",
                                         "infiniband.bth.psn", "-e", "_ws.malformed"], capture_output=True, text=True,
                                        check=True).stdout.splitlines()
                opcodes = [int(line.split("\t")[0], 0) for line in listed]
                self.assertEqual(opcodes, [6, 7, 8] * 10)  # WRITE FIRST, MIDDLE, LAST
                self.assertEqual([int(line.split("\t")[1]) for line in listed], list(range(30)))
                self.assertTrue(all(line.split("\t")[2] == "" for line in listed))

    def test_telemetry_answers_meanwhile(self):
        child = start("loop", "--rate", "1kpps", "--size", "64", "--", "--vdev", "net_ring0", "--file-prefix", "weft_telemetry")
        try:
            answer = None
            for _ in range(50):
                time.sleep(0.1)
                found = [path for base in ("/var/run/dpdk", f"{os.environ.get('XDG_RUNTIME_DIR', '/tmp')}/dpdk")
                         for path in glob.glob(f"{base}/weft_telemetry/dpdk_telemetry.v2*")]
                if not found:
                    continue
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
                    try:
                        link.connect(found[0])
                        link.recv(1024)
                        link.send(b"/ethdev/stats,0")
                        answer = json.loads(link.recv(16384))
                    except (ConnectionError, ValueError):
                        continue
                if answer.get("/ethdev/stats") and answer["/ethdev/stats"]["opackets"] > 0:
                    break
            self.assertGreater(answer["/ethdev/stats"]["opackets"], 0)
        finally:
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=30)

    def test_terminal_shows_a_row_a_second(self):
        """Mpps, Gb/s of L1 and L2 both ways, loss, CE and latency while it runs: on a terminal alone, and not with --quiet."""
        for words, rows in (((), 2), (("--quiet",), 0)):
            near, far = pty.openpty()
            done = run("dpdk", "loop", "--duration", "2500ms", "--rate", "10kpps", "--size", "1024", *words, *RING,
                       capture_output=False, stdout=subprocess.PIPE, stderr=far)
            os.close(far)
            self.assertEqual(done.returncode, 0)
            self.assertIn("10", done.stdout)
            os.set_blocking(near, False)
            try:
                shown = os.read(near, 65536).decode().splitlines()
            except OSError:  # nothing, and nobody writes any more
                shown = []
            os.close(near)
            self.assertEqual(len([line for line in shown if re.fullmatch(r"[ .\d]+", line) and len(line.split()) == 11]), rows, shown)
            if rows:
                self.assertEqual(shown[0].split()[:3], ["s", "tx", "Mpps"])
                self.assertAlmostEqual(float(shown[2].split()[1]), 0.010, delta=0.004)

    def test_ports_and_opcodes_are_listed(self):
        ports = run("dpdk", "ports", "--json", "-", "--", "--vdev", "net_ring0", "--vdev", "net_null0")
        self.assertEqual([port["name"] for port in json.loads(ports.stdout)["ports"]], ["net_ring0", "net_null0"])
        opcodes = run("dpdk", "send", "--opcode", "list").stdout.splitlines()
        self.assertEqual((len(opcodes), opcodes[6]), (83, "0x06  RC RDMA_WRITE_FIRST"))


if __name__ == "__main__":
    unittest.main()
