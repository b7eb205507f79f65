"""Every example fabric through both commands."""
import unittest

from command import SPECS, result, run

# Hosts that make the fluid run quick; one scale-up domain at least.
FEWER_HOSTS = {"fat-tree-1m-3to1": 512, "fat-tree-1m": 512, "rail-1m": 512, "fat-tree-65536": 128, "hgx-h100-1024": 128,
               "hpn-15360": 256, "hpn-2pods": 1976, "mpft-16384": 128, "nvl72-2304": 72, "planes8-131072": 128,
               "roce-24k": 96, "superpod-b200": 64}


class Fabrics(unittest.TestCase):
    def each(self):
        for path in sorted(SPECS.glob("*.yaml")):
            with self.subTest(path.stem):
                yield path

    def test_topo_describes_each(self):
        for path in self.each():
            done = run("topo", path, "--check")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout.startswith(f"{path.stem}: "), done.stdout[:80])
            for word in ("GPUs", "switches", "cables", "bisection", "parts", "no failures", "wiring: the design: good"):
                self.assertIn(word, done.stdout)

    def test_analytic_predicts_each_whole(self):
        for path in self.each():
            measurement = result("predict", path, "--backend", "analytic", "--sizes", "8:16G:x1024")
            gpus = result("topo", path)["gpus"]
            self.assertEqual(measurement["ranks"], gpus)
            times = [operation["time_ps"] for operation in measurement["operations"]]
            self.assertEqual(len(times), 4)
            self.assertEqual(times, sorted(times))

    def test_fluid_predicts_each(self):
        self.assertEqual({path.stem for path in SPECS.glob("*.yaml")}, set(FEWER_HOSTS))
        for path in self.each():
            hosts = FEWER_HOSTS[path.stem]
            for collective in ("all_reduce", "permutation"):
                measurement = result("predict", path, "--set", f"hosts.count={hosts}", "--collective", collective,
                                     "--sizes", "1M,1G")
                self.assertEqual(measurement["provenance"]["spec_name"], path.stem)
                self.assertGreater(measurement["operations"][1]["busbw_gbytes_per_s"], 0.1)


if __name__ == "__main__":
    unittest.main()
