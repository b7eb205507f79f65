"""weft dpdk send and receive over the kernel's bridge: what it drops, marks and changes is counted exactly."""
import json
import re
import time

from namespaces import WEFT, NamespaceTest

PACKETS = 3000
PORT = "net_af_packet0,iface=eth0"


class Counts(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.namespace("src", "switch", "dst")
        self.veth("src", "eth0", "switch", "p0")
        self.veth("dst", "eth0", "switch", "p1")
        self.ip("switch", "link", "add", "dev", "br0", "mtu", 4200, "type", "bridge", "mcast_snooping", 0)
        for port in ("p0", "p1"):
            self.ip("switch", "link", "set", "dev", port, "master", "br0")
        self.ip("switch", "link", "set", "dev", "br0", "up")

    def rule(self, *rule):
        """An nftables rule on what the bridge forwards."""
        self.within("switch", "nft", "add", "table", "bridge", "t")
        self.within("switch", "nft", "add", "chain", "bridge", "t", "f", "{ type filter hook forward priority 0; }")
        self.within("switch", "nft", "add", "rule", "bridge", "t", "f", *rule)

    def dropped(self):
        listed = self.within("switch", "nft", "-j", "list", "chain", "bridge", "t", "f").stdout
        return int(re.search(r'"packets": (\d+)', listed).group(1))

    def exchange(self, *words, size=1024):
        """Counters of the receiver after PACKETS packets, at a rate that af_packet follows."""
        receiver = self.start("dst", WEFT, "dpdk", "receive", "--duration", "6s", "--quiet", "--json",
                              "-", "--", "--vdev", PORT)
        time.sleep(1.5)
        sent = self.within("src", WEFT, "dpdk", "send", "--count", PACKETS, "--size", size, "--mtu", 1024, "--qps", 4, "--rate",
                           "2kpps", "--destination-mac", self.mac("dst", "eth0"), "--quiet", "--json", "-", *words, "--",
                           "--vdev", PORT, check=False)
        self.assertEqual(sent.returncode, 0, sent.stderr)
        out, err = receiver.communicate(timeout=30)
        self.assertEqual(receiver.returncode, 0, err)
        return json.loads(out)["traffic"][-1]["counters"]

    def test_everything_arrives(self):
        got = self.exchange(size=4096)
        self.assertEqual((got["packets"], got["lost"], got["icrc_bad"], got["reordered"]), (PACKETS, 0, 0, 0))

    def test_drops_are_counted(self):
        # Not the last packet of a flow, which nothing behind it would miss.
        self.rule("meta", "protocol", "ip", "udp", "dport", 4791, "numgen", "inc", "mod", 37, "==", 5, "counter", "drop")
        got = self.exchange()
        self.assertEqual(got["lost"], self.dropped())
        self.assertEqual(got["packets"], PACKETS - got["lost"])
        self.assertEqual(got["lost"], len([i for i in range(PACKETS) if i % 37 == 5]))
        self.assertEqual(got["icrc_bad"], 0)

    def test_marks_are_counted_and_the_icrc_still_holds(self):
        self.rule("meta", "protocol", "ip", "udp", "dport", 4791, "numgen", "inc", "mod", 10, "==", 3, "ip", "ecn", "set", "ce",
                  "counter")
        got = self.exchange()
        self.assertEqual(got["ce_marked"], PACKETS // 10)
        self.assertEqual((got["lost"], got["icrc_bad"], got["icrc_checked"]), (0, 0, PACKETS))


class Routed(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.namespace("src", "router", "dst")
        self.veth("src", "eth0", "router", "left", "10.0.0.1/24", "10.0.0.254/24")
        self.veth("dst", "eth0", "router", "right", "10.0.1.1/24", "10.0.1.254/24")
        self.set("router", "net.ipv4.ip_forward=1")
        self.ip("router", "neighbor", "add", "10.0.1.1", "lladdr", self.mac("dst", "eth0"), "dev", "right")
        self.ip("router", "neighbor", "add", "10.0.0.1", "lladdr", self.mac("src", "eth0"), "dev", "left")

    def test_icrc_holds_after_a_router_changed_the_ttl(self):
        receiver = self.start("dst", WEFT, "dpdk", "receive", "--duration", "5s", "--quiet", "--json", "-", "--", "--vdev", PORT)
        time.sleep(1.5)
        sent = self.within("src", WEFT, "dpdk", "send", "--count", 1000, "--size", 512, "--rate", "2kpps", "--source-ip",
                           "10.0.0.1", "--destination-ip", "10.0.1.1", "--destination-mac", self.mac("router", "left"),
                           "--ttl", 9, "--quiet", "--", "--vdev", PORT, check=False)
        self.assertEqual(sent.returncode, 0, sent.stderr)
        out, err = receiver.communicate(timeout=30)
        self.assertEqual(receiver.returncode, 0, err)
        got = json.loads(out)["traffic"][-1]["counters"]
        self.assertEqual((got["packets"], got["lost"], got["icrc_bad"]), (1000, 0, 0))

    def test_round_trips_through_a_router(self):
        """Both ways lose packets to the router's rule; what comes back has right ICRCs, and took the reflector's time."""
        self.within("router", "nft", "add", "table", "ip", "t")
        self.within("router", "nft", "add", "chain", "ip", "t", "f", "{ type filter hook forward priority 0; }")
        self.within("router", "nft", "add", "rule", "ip", "t", "f", "udp", "dport", 4791, "numgen", "inc", "mod", 41, "==", 7,
                    "counter", "drop")
        far = self.start("dst", WEFT, "dpdk", "receive", "--reflect", "--reflect-delay", "5ms", "--duration", "6s", "--quiet",
                         "--json", "-", "--", "--vdev", PORT)
        time.sleep(1.5)
        near = self.within("src", WEFT, "dpdk", "send", "--round-trip", "--count", PACKETS, "--size", 512, "--rate", "2kpps",
                           "--source-ip", "10.0.0.1", "--destination-ip", "10.0.1.1", "--destination-mac",
                           self.mac("router", "left"), "--quiet", "--json", "-", "--", "--vdev", PORT, check=False)
        self.assertEqual(near.returncode, 0, near.stderr)
        out, err = far.communicate(timeout=30)
        self.assertEqual(far.returncode, 0, err)
        there, back = json.loads(out)["traffic"][-1]["counters"], json.loads(near.stdout)["traffic"][-1]
        listed = self.within("router", "nft", "-j", "list", "chain", "ip", "t", "f").stdout
        dropped = int(re.search(r'"packets": (\d+)', listed).group(1))
        self.assertEqual((back["operation"], back["counters"]["not_returned"]), ("round_trip", dropped))
        self.assertEqual(back["counters"]["packets"], PACKETS - dropped)
        self.assertGreater(there["reflected"], back["counters"]["packets"])  # some were lost on the way back
        self.assertEqual((there["icrc_bad"], back["counters"]["icrc_bad"]), (0, 0))
        self.assertGreaterEqual(back["latency"]["min_ps"], 5e9)
        self.assertLess(back["latency"]["p50_ps"], 50e9)


class Jumbo(NamespaceTest):
    """Payloads of 4 KiB over packet sockets: the largest MTU of RDMA."""
    PORT = "net_af_packet0,iface=eth0,framesz=8192,blocksz=65536"

    def test_four_kilobytes_of_payload(self):
        self.namespace("src", "dst")
        self.veth("src", "eth0", "dst", "eth0", mtu=9000)
        receiver = self.start("dst", WEFT, "dpdk", "receive", "--duration", "5s", "--largest-frame", 4300, "--quiet", "--json",
                              "-", "--", "--vdev", self.PORT)
        time.sleep(1.5)
        words = ("dpdk", "send", "--count", PACKETS, "--size", "64K", "--mtu", 4096, "--rate", "2kpps", "--destination-mac",
                 self.mac("dst", "eth0"), "--quiet", "--")
        sent = self.within("src", WEFT, *words, "--vdev", self.PORT, check=False)
        self.assertEqual(sent.returncode, 0, sent.stderr)
        out, err = receiver.communicate(timeout=30)
        self.assertEqual(receiver.returncode, 0, err)
        got = json.loads(out)["traffic"][-1]["counters"]
        self.assertEqual((got["packets"], got["lost"], got["icrc_bad"], got["icrc_checked"]), (PACKETS, 0, 0, PACKETS))
        small = self.within("src", WEFT, *words, "--vdev", PORT, check=False)
        self.assertEqual(small.returncode, 3)
        self.assertIn("framesz=8192,blocksz=65536 in its --vdev", small.stderr)
        self.ip("src", "link", "set", "dev", "eth0", "mtu", 1500)
        short = self.within("src", WEFT, *words, "--vdev", self.PORT, check=False)
        self.assertEqual(short.returncode, 3)
        self.assertIn("the MTU of eth0 is 1500", short.stderr)
        self.assertIn("ip link set dev eth0 mtu 9000", short.stderr)

    def test_respond_at_the_largest_mtu(self):
        self.namespace("src", "dst")
        self.veth("src", "eth0", "dst", "eth0", mtu=9000)
        self.veth("src", "control", "dst", "control", "10.9.0.1/24", "10.9.0.2/24")
        far = self.start("dst", WEFT, "dpdk", "respond", "--listen", ":18600", "--address", "10.0.0.2", "--mtu", 4096, "--json",
                         "-", "--", "--vdev", self.PORT)
        time.sleep(1.5)
        near = self.within("src", WEFT, "dpdk", "respond", "--connect", "10.9.0.2:18600", "--address", "10.0.0.1", "--mtu", 4096,
                           "--sizes", "1B,4096B,64KiB", "--json", "-", "--", "--vdev", self.PORT, check=False)
        self.assertEqual(near.returncode, 0, near.stderr)
        out, err = far.communicate(timeout=60)
        self.assertEqual(far.returncode, 0, err)
        points = json.loads(near.stdout)["traffic"] + json.loads(out)["traffic"]
        self.assertEqual([(p["messages"], p["failures"]) for p in points], [(32, [])] * 36)
