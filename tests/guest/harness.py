"""What tests/guest/rdma-guest itself promises: devices, traffic between nodes, exit codes, a bound on time."""
from guest import GuestTest

PING = "ibv_rc_pingpong -g {gid} -n 50 -s 4096"


class Harness(GuestTest):
    def test_nodes_exchange_data_and_exit_codes_come_back(self):
        ping = PING.format(gid=1)
        script = (f"{ping} -d rxe1 >/dev/null & until ss -Htln | grep -q :18515; do sleep 0.2; done; "
                  f"{ping} -d rxe2 192.0.2.1; ibv_devices; exit 7")
        result = self.guest("bash", "-c", script, options=["--nodes", "3"])
        self.assertEqual(result.returncode, 7, result.stderr)
        self.assertIn("50 iters", result.stdout)
        for device in ("rxe1", "rxe2", "rxe3"):
            self.assertIn(device, result.stdout)

    def test_guest_that_takes_too_long_is_ended(self):
        result = self.guest("sleep", "100", timeout=10)
        self.assertEqual(result.returncode, 124, result.stderr)

    def test_soft_iwarp_has_its_devices(self):
        result = self.guest("ibv_devices", options=["--transport", "siw"])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("siw2", result.stdout)

    def test_nodes_can_live_in_namespaces(self):
        script = "ip netns exec node2 rdma link show rxe2/1 && ip -n node1 -br address show eth1"
        result = self.guest("bash", "-c", script, options=["--netns"])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("state ACTIVE", result.stdout)
        self.assertIn("192.0.2.1/24", result.stdout)

    def test_wrong_options_are_named(self):
        result = self.guest("true", options=["--nodes", "many"])
        self.assertEqual(result.returncode, 125)
        self.assertIn("'many'", result.stderr)
