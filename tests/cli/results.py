"""What weft predict writes: the table, the JSON and its schema, the same bytes for the same seed."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from command import HGX, ROOT, SMALL, WEFT, result, run

QUICK = ("predict", *SMALL, "--sizes", "0,8,1M,1G", "--quiet")
# 512 GPUs on a fat tree: connections that collide, so that routing matters.
COLLIDING = ("predict", HGX, "--set", "hosts.count=64", "--set", "topology.kind=fat_tree", "--collective", "permutation",
             "--sizes", "1M,64M", "--quiet", "--json", "-", "--explain")


class Results(unittest.TestCase):
    def test_table_has_the_columns_of_nccl_tests(self):
        done = run(*QUICK)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertEqual(lines[1].split(), ["#", "size", "time", "algbw", "busbw", "algorithm", "proto"])
        self.assertEqual(lines[2].split(), ["#", "(B)", "(us)", "(GB/s)", "(GB/s)"])
        rows = [line.split() for line in lines[3:7]]
        self.assertEqual([row[0] for row in rows], ["0", "8", "1048576", "1073741824"])
        for size, time, algbw, busbw, *_ in rows[1:]:
            self.assertAlmostEqual(float(algbw), int(size) / float(time) / 1e3, delta=0.006)
            self.assertAlmostEqual(float(busbw), float(algbw) * 2 * 63 / 64, delta=0.016)

    def test_reasons_stand_below_the_table(self):
        done = run(*QUICK)
        for word in ("why (1073741824 B): ", "% of the ideal", "utilisation", "hottest links", "(MMR)", "(Jain)"):
            self.assertIn(word, done.stdout)
        self.assertNotIn("counters", done.stdout)
        explained = run(*QUICK, "--explain").stdout
        for word in ("where the time goes, size by size", " us alone", "counters"):
            self.assertIn(word, explained)

    def test_shares_of_the_ideal_sum_to_one(self):
        for operation in result(*QUICK[:-1])["operations"]:
            shares = [value for value in operation["why"].values() if isinstance(value, float)]
            self.assertAlmostEqual(sum(shares), 1.0, places=6)

    def test_hot_links_are_known_to_topo(self):
        for link in result(*QUICK[:-1])["hot_links"]:
            done = run("topo", *SMALL, "--links", link["name"])
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.splitlines()[1].startswith(link["name"]))

    def test_progress_goes_to_stderr_only(self):
        done = run("predict", HGX, "--collective", "all_to_all", "--sizes", "1M")
        self.assertEqual(done.returncode, 0)
        self.assertNotIn("weft:", done.stdout)
        self.assertNotIn("\033", done.stdout + done.stderr)

    def test_json_matches_its_schema(self):
        try:
            import jsonschema  # pylint: disable=import-outside-toplevel
        except ImportError:
            self.skipTest("jsonschema is not installed")
        schema = json.loads((ROOT / "docs" / "measurement.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for extra in ((), ("--explain",), ("--backend", "analytic"), ("--collective", "incast"), ("--ranks", "1"),
                      ("--collective", "all_to_all"), ("--constants", "ideal"), ("--set", "routing.kind=spray"),
                      ("--set", "failures.0={target: link, link_tier: leaf_spine, count: 3}")):
            with self.subTest(extra):
                errors = [f"{'.'.join(map(str, e.absolute_path))}: {e.message}"
                          for e in validator.iter_errors(result(*QUICK[:-1], *extra))]
                self.assertEqual(errors, [])
        broken = result(*QUICK[:-1])
        broken["operations"][0]["time"] = 1
        self.assertFalse(validator.is_valid(broken))

    def test_verify_prints_an_interval(self):
        words = ("predict", *SMALL, "--collective", "permutation", "--sizes", "1M", "--constants", "wire", "--verify", "1")
        done = run(*words, "--quiet")
        if "built without ns-3" in done.stderr:
            self.assertEqual(done.returncode, 3)
            self.skipTest("built without ns-3")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("verified by packets: bottlenecks of 'permutation', 1048576 B", done.stdout)
        self.assertRegex(done.stdout, r"interval on the 1048576 B above: [0-9.]+ to [0-9.]+ us")
        whole = result(*words)
        found = whole["verify"]
        self.assertEqual((found["asked"], found["unfinished"]), (1, 0))
        self.assertLess(found["low_ps"], found["high_ps"])
        for component in found["components"]:
            self.assertGreater(component["packet_seconds"], 0)
            self.assertIn(component["link"], done.stdout)
        try:
            import jsonschema  # pylint: disable=import-outside-toplevel
        except ImportError:
            return
        jsonschema.validate(whole, json.loads((ROOT / "docs" / "measurement.schema.json").read_text()))

    def test_json_file_leaves_the_table_on_stdout(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "result.json"
            done = run(*QUICK, "--json", path)
            self.assertEqual(done.stdout, run(*QUICK).stdout)
            self.assertEqual(path.read_text(), run(*QUICK, "--json", "-").stdout)

    def test_settings_apply_in_order_wherever_they_stand(self):
        whole = result(*QUICK[:-1])
        moved = run("predict", "--set", "hosts.count=64", "--sizes", "0,8,1M,1G", "--set", "hosts.count=8", "--quiet",
                    "--json", "-", HGX)
        self.assertEqual(json.loads(moved.stdout)["operations"], whole["operations"])

    def test_same_seed_same_bytes_with_any_threads(self):
        for routing in ("ecmp", "spray", "adaptive", "static"):
            with self.subTest(routing):
                words = (*COLLIDING, "--set", f"routing.kind={routing}", "--seed", "7")
                one = run(*words, "--threads", "1")
                self.assertEqual(one.returncode, 0, one.stderr)
                for threads in ("1", "2", "5"):
                    self.assertEqual(run(*words, "--threads", threads).stdout, one.stdout)

    def test_batched_runs_are_the_same_bytes_too(self):
        words = (*COLLIDING, "--batch-epsilon", "0.02")
        self.assertEqual(run(*words, "--threads", "2").stdout, run(*words, "--threads", "1").stdout)

    def test_another_seed_collides_elsewhere(self):
        def times(seed):
            measurement = json.loads(run(*COLLIDING, "--seed", seed).stdout)
            return [operation["time_ps"] for operation in measurement["operations"]], measurement["hot_links"]
        self.assertEqual(times("7"), times("7"))
        self.assertNotEqual(times("7"), times("8"))

    def test_reader_that_goes_away_is_no_error(self):
        with subprocess.Popen([WEFT, "topo", HGX, "--cabling", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              restore_signals=True) as process:
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual(process.stderr.read(), b"")
        self.assertEqual(process.returncode, -13)  # SIGPIPE, as any filter

    def test_help_and_version_go_to_stdout(self):
        for words in (("--help",), ("predict", "--help"), ("topo", "--help"), ("--version",)):
            done = run(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertNotEqual(done.stdout, "")

    def test_locale_changes_nothing(self):
        self.assertEqual(run(*QUICK, env=dict(os.environ, LC_ALL="de_DE.UTF-8")).stdout, run(*QUICK).stdout)


if __name__ == "__main__":
    unittest.main()
