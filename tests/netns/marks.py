"""weft dpdk ecn over a veth, which has no bottleneck: it says so instead of making thresholds up."""
from namespaces import WEFT, NamespaceTest


class Marks(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.namespace("host")
        self.veth("host", "eth0", "host", "eth1")

    def ecn(self, *words):
        return self.within("host", WEFT, "dpdk", "ecn", "--port", "net_af_packet0", "--to-port", "net_af_packet1",
                           "--destination-mac", self.mac("host", "eth1"), *words, "--", "--vdev", "net_af_packet0,iface=eth0",
                           "--vdev", "net_af_packet1,iface=eth1", check=False)

    def test_no_bottleneck_no_thresholds(self):
        done = self.ecn("--from", 500, "--to", 1500, "--rise", "500ms", "--rounds", 1)
        self.assertIn(done.returncode, (1, 3), done.stderr)
        self.assertNotIn("Kmin", done.stdout)
        self.assertRegex(done.stdout + done.stderr, "no queue built up|nothing was marked")

    def test_wrong_words(self):
        done = self.ecn("--from", 500, "--to", 1500, "--expect", "many")
        self.assertEqual(done.returncode, 2)
        self.assertIn("Kmin:Kmax in bytes", done.stderr)
