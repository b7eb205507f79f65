"""`weft verbs` between two nodes: one boot runs many cases, see pair_matrix.py and pair_faults.py."""
from guest import GuestTest


class VerbsPairs(GuestTest):
    def test_every_operation_transport_and_mode_on_soft_roce(self):
        self.cases("pair_matrix.py", 80)

    def test_soft_iwarp_over_rdma_cm(self):
        self.cases("pair_matrix.py", 8, "--transport", "siw")

    def test_each_fault_has_its_message_exit_code_and_bound(self):
        self.cases("pair_faults.py", 20)

    def test_wire_is_rocev2_and_flow_labels_spread_source_ports(self):
        self.cases("pair_wire.py", 5)
