"""`weft verbs` between two nodes: one boot runs many cases, see pair_matrix.py and pair_faults.py."""
from guest import ROOT, WEFT, GuestTest


class VerbsPairs(GuestTest):
    def cases(self, script, least, *options):
        """Boots once and runs the script's cases; each that failed is a failed subtest."""
        result = self.guest("python3", "-B", ROOT / "tests/guest" / script, timeout=420,
                            options=["--env", f"WEFT={WEFT}", *options])
        lines = result.stdout.splitlines()
        for line in lines:
            with self.subTest(line.split(" (")[0]):
                self.assertTrue(line.startswith("ok "), line)
        self.assertEqual(result.returncode, 0, result.stderr[-2000:] + "\n".join(lines[-3:]))
        self.assertGreaterEqual(len(lines), least, "cases are missing")

    def test_every_operation_transport_and_mode_on_soft_roce(self):
        self.cases("pair_matrix.py", 80)

    def test_soft_iwarp_over_rdma_cm(self):
        self.cases("pair_matrix.py", 7, "--transport", "siw")

    def test_each_fault_has_its_message_exit_code_and_bound(self):
        self.cases("pair_faults.py", 18)

    def test_wire_is_rocev2_and_flow_labels_spread_source_ports(self):
        self.cases("pair_wire.py", 5)
