"""`weft verbs collective --peers` with 2 to 6 ranks on soft-RoCE: one boot runs many cases, see rank_cases.py."""
from guest import GuestTest


class Collectives(GuestTest):
    def test_results_are_exact_and_faults_named_on_soft_roce(self):
        self.cases("rank_cases.py", 10, "--nodes", "6")
