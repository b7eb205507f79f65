"""`weft verbs collective` with 2 to 8 ranks on soft-RoCE and soft-iWARP: one boot runs many cases, see rank_cases.py."""
from guest import GuestTest


class Collectives(GuestTest):
    def test_results_are_exact_and_faults_named_on_soft_roce(self):
        self.cases("rank_cases.py", 14, "--nodes", "8")

    def test_soft_iwarp_over_rdma_cm(self):
        self.cases("rank_cases.py", 5, "--nodes", "4", "--transport", "siw")
