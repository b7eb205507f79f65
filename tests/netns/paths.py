"""weft dpdk trace and ecmp through the kernel's own ECMP: one router, four next hops, one host behind them."""
import json
import signal
import time

from namespaces import WEFT, NamespaceTest

DESTINATION = "10.9.0.2"
NEXT_HOPS = 4


class Paths(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.namespace("src", "leaf", "dst", *(f"spine{i}" for i in range(NEXT_HOPS)))
        self.veth("src", "eth0", "leaf", "down", "10.0.0.1/24", "10.0.0.254/24")
        self.ip("src", "route", "add", "default", "via", "10.0.0.254")
        self.ip("dst", "address", "add", f"{DESTINATION}/32", "dev", "lo")
        hops = []
        for i in range(NEXT_HOPS):
            spine = f"spine{i}"
            self.veth("leaf", f"up{i}", spine, "down", f"10.1.{i}.1/24", f"10.1.{i}.2/24")
            self.veth(spine, "up", "dst", f"eth{i}", f"10.2.{i}.1/24", f"10.2.{i}.2/24")
            self.ip(spine, "route", "add", "10.0.0.0/24", "via", f"10.1.{i}.1")
            self.ip(spine, "route", "add", f"{DESTINATION}/32", "via", f"10.2.{i}.2")
            hops += ["nexthop", "via", f"10.1.{i}.2"]
        for router in ("leaf", *(f"spine{i}" for i in range(NEXT_HOPS))):
            self.set(router, "net.ipv4.ip_forward=1")
        self.ip("leaf", "route", "add", f"{DESTINATION}/32", *hops)
        self.ip("dst", "route", "add", "10.0.0.0/24", "via", "10.2.0.1")
        self.hash_ports(True)

    def hash_ports(self, yes):
        self.set("leaf", f"net.ipv4.fib_multipath_hash_policy={1 if yes else 0}")

    def weft(self, *words, udp=True, timeout=60):
        how = ["--udp"] if udp else ["--source-ip", "10.0.0.1", "--destination-mac", self.mac("leaf", "down")]
        eal = [] if udp else ["--", "--vdev", "net_af_packet0,iface=eth0"]
        return self.within("src", WEFT, "dpdk", *words, *how, *eal, check=False, timeout=timeout)

    def spread(self, *words, udp=True):
        done = self.weft("ecmp", DESTINATION, "--hop", 2, "--next-hops", NEXT_HOPS, "--json", "-", *words, udp=udp)
        return done, json.loads(done.stdout)

    def test_path_of_each_port(self):
        for udp in (True, False):
            with self.subTest(udp=udp):
                done = self.weft("trace", DESTINATION, "--flows", 8, udp=udp)
                self.assertEqual(done.returncode, 0, done.stderr)
                lines = done.stdout.splitlines()[1:9]
                for line in lines:
                    self.assertRegex(line, r"^ +\d+  10\.0\.0\.254 > 10\.1\.\d\.2 > ")
                    self.assertEqual(line.split(" > ")[2].split()[0], DESTINATION)

    def test_hash_with_ports_is_even(self):
        for _ in range(3):  # an even hash is called uneven once in a thousand times
            done, m = self.spread("--flows", 256, udp=False)
            flows = [v for k, v in m["counters"].items() if k.startswith("flows_over_")]
            self.assertEqual((len(flows), sum(flows)), (NEXT_HOPS, 256), done.stderr)
            if done.returncode == 0:
                break
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertGreater(m["jain_index"], 0.9)
        self.assertGreater(m["counters"]["p_value"], 0.001)

    def test_hash_without_ports_is_found_polarized(self):
        self.hash_ports(False)
        done, m = self.spread("--flows", 64)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(m["jain_index"], 1 / NEXT_HOPS)
        self.assertTrue(any(note.startswith("polarized: 64 flows leave 3 of 4 paths idle") for note in m["notes"]))

    def test_dead_next_hop_is_missed(self):
        hops = [word for i in range(NEXT_HOPS - 1) for word in ("nexthop", "via", f"10.1.{i}.2")]
        self.ip("leaf", "route", "replace", f"{DESTINATION}/32", *hops)
        done, m = self.spread("--flows", 128, udp=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(any("leave 1 of 4 paths idle" in note for note in m["notes"]))

    def test_one_path_of_unknown_many_is_no_pass(self):
        self.hash_ports(False)
        done = self.weft("ecmp", DESTINATION, "--hop", 2, "--flows", 32)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("all 32 flows take one path", done.stdout)

    def test_hop_behind_the_destination_is_refused(self):
        done = self.weft("ecmp", DESTINATION, "--hop", 7, "--flows", 4)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("the destination itself answers there", done.stderr)

    def test_router_without_a_way_is_no_destination(self):
        done = self.weft("trace", "192.0.2.9", "--flows", 1, "--wait", "200ms")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.splitlines()[1], r"10\.0\.0\.254.*\.\.\.$")

    def test_nobody_answers(self):
        done = self.weft("trace", "10.0.0.77", "--flows", 1, "--wait", "100ms")
        self.assertEqual(done.returncode, 3)
        self.assertIn("nobody answered a probe: '10.0.0.77'", done.stderr)

    def test_interrupt_keeps_what_was_found(self):
        run = self.start("src", WEFT, "dpdk", "trace", DESTINATION, "--udp", "--flows", 4096, "--probes-per-second", 200)
        time.sleep(2)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=10)
        self.assertEqual(run.returncode, 130)
        self.assertIn("10.0.0.254", out)
