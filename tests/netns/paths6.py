"""weft dpdk trace, ecmp and respond over IPv6: one router with the kernel's own ECMP, four next hops, one host."""
import json
import time

from namespaces import WEFT, NamespaceTest

DESTINATION = "fd09::2"
NEXT_HOPS = 4


class Paths6(NamespaceTest):
    def address(self, name, device, address):
        self.ip(name, "address", "add", address, "dev", device, "nodad")

    def enable(self, *names):
        for name in names:
            self.set(name, "net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.default.disable_ipv6=0",
                     "net.ipv6.conf.all.forwarding=1", "net.ipv6.icmp.ratelimit=0", "net.ipv6.conf.default.accept_dad=0")

    def fabric(self):
        spines = [f"spine{i}" for i in range(NEXT_HOPS)]
        self.namespace("src", "leaf", "dst", *spines)
        self.enable("src", "leaf", "dst", *spines)
        self.veth("src", "eth0", "leaf", "down")
        self.address("src", "eth0", "fd00::1/64")
        self.address("leaf", "down", "fd00::fe/64")
        self.address("dst", "lo", f"{DESTINATION}/128")
        self.ip("src", "-6", "route", "add", "default", "via", "fd00::fe")
        hops = []
        for i, spine in enumerate(spines, 1):
            self.veth("leaf", f"up{i}", spine, "down")
            self.veth(spine, "up", "dst", f"eth{i}")
            for name, device, address in (("leaf", f"up{i}", f"fd01:{i}::1/64"), (spine, "down", f"fd01:{i}::2/64"),
                                          (spine, "up", f"fd02:{i}::1/64"), ("dst", f"eth{i}", f"fd02:{i}::2/64")):
                self.address(name, device, address)
            self.ip(spine, "-6", "route", "add", "fd00::/64", "via", f"fd01:{i}::1")
            self.ip(spine, "-6", "route", "add", f"{DESTINATION}/128", "via", f"fd02:{i}::2")
            hops += ["nexthop", "via", f"fd01:{i}::2"]
        self.ip("leaf", "-6", "route", "add", f"{DESTINATION}/128", *hops)
        self.ip("dst", "-6", "route", "add", "fd00::/64", "via", "fd02:1::1")

    def weft(self, *words, udp):
        how = ["--udp"] if udp else ["--source-ip", "fd00::1", "--destination-mac", self.mac("leaf", "down")]
        eal = [] if udp else ["--", "--vdev", "net_af_packet0,iface=eth0"]
        return self.within("src", WEFT, "dpdk", *words, *how, *eal, check=False)

    def test_paths_and_their_spread(self):
        self.fabric()
        self.set("leaf", "net.ipv6.fib_multipath_hash_policy=1")
        for udp in (True, False):
            with self.subTest(udp=udp):
                done = self.weft("trace", DESTINATION, "--flows", 8, udp=udp)
                self.assertEqual(done.returncode, 0, done.stderr)
                for line in done.stdout.splitlines()[1:9]:
                    self.assertRegex(line, r"^ +\d+  fd00::fe > fd01:\d::2 > fd09::2$")
        # By ports; then by the flow label, which goes with them, and which policy 0 takes beside the addresses.
        for policy in (1, 0):
            self.set("leaf", f"net.ipv6.fib_multipath_hash_policy={policy}")
            done = self.weft("ecmp", DESTINATION, "--hop", 2, "--next-hops", NEXT_HOPS, "--json", "-", udp=False)
            counters = json.loads(done.stdout)["counters"]
            flows = [v for k, v in counters.items() if k.startswith("flows_over_")]
            self.assertEqual((len(flows), sum(flows)), (NEXT_HOPS, 256), done.stderr)

    def test_wrong_versions_are_refused(self):
        self.namespace("src")
        done = self.within("src", WEFT, "dpdk", "trace", DESTINATION, "--source-ip", "10.0.0.1", "--udp", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--source-ip is not of the destination's IP version", done.stderr)

    def test_respond(self):
        self.namespace("src", "dst")
        self.veth("src", "eth0", "dst", "eth0")
        self.veth("src", "control", "dst", "control", "10.9.0.1/24", "10.9.0.2/24")
        port = ("--", "--vdev", "net_af_packet0,iface=eth0")
        far = self.start("dst", WEFT, "dpdk", "respond", "--listen", ":18600", "--address", "fd00::2", "--json", "-", *port)
        time.sleep(1.5)
        near = self.within("src", WEFT, "dpdk", "respond", "--connect", "10.9.0.2:18600", "--address", "fd00::1", "--json", "-",
                           *port, check=False)
        self.assertEqual(near.returncode, 0, near.stderr)
        out, err = far.communicate(timeout=60)
        self.assertEqual(far.returncode, 0, err)
        points = json.loads(near.stdout)["traffic"] + json.loads(out)["traffic"]
        self.assertEqual([(p["messages"], p["failures"]) for p in points], [(32, [])] * 36)
