"""`weft verbs run` over agents on two to eight nodes: one boot runs many cases, see host_cases.py."""
from guest import GuestTest


class VerbsHosts(GuestTest):
    def test_every_pair_is_measured_and_each_fault_named(self):
        self.cases("host_cases.py", 13, "--nodes", "8", timeout=540)

    def test_soft_iwarp_over_rdma_cm(self):
        self.cases("host_cases.py", 2, "--nodes", "3", "--transport", "siw")
