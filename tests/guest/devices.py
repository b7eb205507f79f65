"""weft verbs devices on real kernel devices, and its exit codes."""
import json
import subprocess

from guest import WEFT, GuestTest


class Devices(GuestTest):
    def test_soft_roce_in_words_and_json(self):
        script = f"{WEFT} verbs devices && {WEFT} verbs devices --json - >&2; {WEFT} verbs devices --strict >/dev/null"
        result = self.guest("bash", "-c", script)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("rxe1: RoCE", result.stdout)
        self.assertIn("::ffff:192.0.2.2", result.stdout)
        document = json.loads(result.stderr[result.stderr.index("{"):result.stderr.rindex("}") + 1])
        self.assertEqual([d["name"] for d in document["devices"]], ["rxe1", "rxe2"])
        port = document["devices"][0]["ports"][0]
        self.assertEqual((port["state"], port["mtu"], port["netdev"]["name"]), ("ACTIVE", 4096, "eth1"))
        self.assertEqual({g["type"] for g in port["gids"]}, {"RoCE v2"})
        verdicts = {(c["subject"], c["item"]): c["verdict"] for c in document["checks"]}
        self.assertEqual(verdicts["rxe1 port 1", "RoCEv2 GID"], "good")
        self.assertEqual(verdicts["host", "locked memory"], "good")

    def test_soft_iwarp_is_named(self):
        result = self.guest(WEFT, "verbs", "devices", options=["--transport", "siw"])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("siw1: iWARP", result.stdout)

    def test_link_down_and_no_permission_are_found(self):
        script = (f"ip link set eth2 down; sleep 0.5; {WEFT} verbs devices; {WEFT} verbs devices --strict >/dev/null; echo strict $?; "
                  f"chmod 0600 /dev/infiniband/uverbs*; setpriv --reuid 65534 --clear-groups {WEFT} verbs devices")
        result = self.guest("bash", "-c", script)
        self.assertRegex(result.stdout, r"wrong +rxe2 port 1 +link +DOWN")
        self.assertIn("strict 1", result.stdout)
        self.assertRegex(result.stdout, r"wrong +rxe1 +access")


class Without(GuestTest):
    def test_host_without_a_device_says_what_to_load(self):
        result = subprocess.run([WEFT, "verbs", "devices"], capture_output=True, text=True, timeout=60, check=False)
        if result.returncode == 0:
            self.skipTest("this host has an RDMA device")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("this host has no RDMA device", result.stderr)
