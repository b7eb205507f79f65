"""The user-space RC endpoint against the Linux kernel's soft-RoCE: another implementation of the same standard."""
import json

from guest import BINARIES, ROOT, WEFT, GuestTest

# Node 1 is rxe1 on eth1; its other end p1 (namespace fabric) leaves the bridge and becomes weft's port by af_packet.
# TCP goes over a veth of its own, so that loss on the RoCE path leaves it alone. EAL would load every PMD of Debian
# (14 s): a folder with those that are needed is laid over theirs.
SET_UP = """
set -eu
pmds=$(echo /usr/lib/*/dpdk/pmds-*)
few=$(mktemp -d)
cp -a "$pmds"/librte_{bus_pci,bus_vdev,mempool_ring,net_af_packet}.so* "$few"
mount --bind "$few" "$pmds"
ip -n fabric link set p1 nomaster
ip link add c0 type veth peer name c1 netns fabric
ip address add 198.51.100.1/30 dev c0 && ip link set c0 up
ip -n fabric address add 198.51.100.2/30 dev c1 && ip -n fabric link set c1 up
mac=$(ip netns exec fabric cat /sys/class/net/p1/address)
ip neigh replace 192.0.2.50 lladdr "$mac" dev eth1 nud permanent
export XDG_RUNTIME_DIR=$few
"""
LOSS = """
nft -f - <<END
table netdev loss {
  chain in { type filter hook ingress device "eth1" priority 0;
    udp dport 4791 numgen inc mod 53 == 7 counter drop
  }
}
END
tc qdisc add dev eth1 root netem loss 2%
"""
RUN = """
{peer} rxe1 "$(cat /sys/class/net/eth1/address)" 18700 &
ip netns exec fabric {weft} dpdk respond --connect 198.51.100.1:18700 --address 192.0.2.50 {options} --json - -- \
  --no-huge --no-shconf -m 128 --no-pci --no-telemetry --vdev net_af_packet0,iface=p1,framesz={frame},blocksz=65536
wait $!
"""
LOST = """
nft list table netdev loss >&2
tc -s qdisc show dev eth1 >&2
"""


class Interop(GuestTest):
    def exchange(self, options, before="", after="", frame=2048):
        run = RUN.format(peer=BINARIES / "tests/weft_rc_peer", weft=WEFT, options=options, frame=frame)
        result = self.guest("bash", "-c", SET_UP + before + run + after, options=["--nodes", "1", "--rw", ROOT])
        self.assertEqual(result.returncode, 0, result.stdout[-4000:] + result.stderr[-4000:])
        self.stderr = result.stderr
        return json.loads(result.stdout)

    def judge(self, measurement, steps, messages):
        points = measurement["traffic"]
        self.assertEqual(len(points), steps, measurement.get("notes"))
        for point in points:
            self.assertEqual(point.get("failures", []), [], point)
            self.assertEqual(point["messages"], messages, point)
            self.assertEqual(point["counters"]["wrong_bytes"], 0, point)
        self.assertEqual(measurement["counters"]["bad_icrc"], 0)
        return points

    def test_send_write_read_both_ways_with_the_kernels_soft_roce(self):
        operations = "send,send_imm,write,write_imm,read"
        measurement = self.exchange(f"--operations {operations} --sizes 0B,1B,1023B,4096B,65539B --messages 16 "
                                    "--mtu 1024 --timeout 300ms")
        points = self.judge(measurement, 50, 16)
        self.assertEqual({(p["operation"], p["from"]) for p in points},
                         {(o, f) for o in operations.split(",") for f in ("here", "peer")})
        measurement = self.exchange("--sizes 262144B --messages 4 --mtu 4096 --timeout 300ms", frame=8192)
        self.judge(measurement, 6, 4)

    def test_loss_both_ways_is_recovered_from(self):
        measurement = self.exchange("--sizes 1000B,20000B --messages 32 --mtu 1024 --timeout 300ms --limit 100s", LOSS, LOST)
        points = self.judge(measurement, 12, 32)
        self.assertGreater(sum(p["counters"]["resent"] for p in points), 0)
        self.assertGreater(sum(p["counters"]["duplicates"] + p["counters"]["sequence_naks_sent"] for p in points), 0)
        self.assertRegex(self.stderr, r"counter packets [1-9]\d* bytes")
        self.assertRegex(self.stderr, r"dropped [1-9]")
