"""weft topo as a user meets it: counts, parts, links by name, plans, drawings, wiring checks."""
import csv
import io
import pathlib
import shutil
import subprocess
import tempfile
import unittest
from xml.etree import ElementTree

from command import HGX, ROOT, SMALL, SPECS, result, run

GOOD, FOUND, INPUT = 0, 1, 2
DEAD = ("--set", "failures.0={target: link, name: \"leaf0>spine0#0\"}",
        "--set", "failures.1={target: link, name: \"host1.nic0.port0>leaf0\", rate_factor: 0.25}")


class Description(unittest.TestCase):
    def test_counts_per_tier(self):
        """FT3 of the published tables: 65,536 ports at radix 64 take 5,120 switches and 131,072 cables above the leaves."""
        fabric = result("topo", SPECS / "fat-tree-65536.yaml")
        self.assertEqual([(s["tier"], s["count"], s["radix"], s["ports_used"]) for s in fabric["switches"]],
                         [("leaf", 2048, 64, 64), ("spine", 2048, 64, 64), ("core", 1024, 64, 64)])
        self.assertEqual([(c["tier"], c["count"]) for c in fabric["cables"]],
                         [("scale_up", 65536), ("host", 65536), ("leaf_spine", 65536), ("spine_core", 65536)])
        self.assertEqual((fabric["gpus"], fabric["hosts"], fabric["nic_ports"]), (65536, 8192, 65536))

    def test_bisection_and_oversubscription(self):
        fabric = result("topo", SPECS / "hpn-2pods.yaml")
        core = fabric["cables"][-1]
        self.assertEqual((core["tier"], core["oversubscription"]), ("spine_core", 15))
        self.assertEqual(fabric["bisection_bps"], core["one_way_bps"] / 2)
        self.assertEqual(fabric["full_bisection_bps"], fabric["cables"][1]["one_way_bps"] / 2)
        self.assertIn("6.25 % of full bisection", run("topo", SPECS / "hpn-2pods.yaml").stdout)

    def test_parts_have_sums(self):
        fabric = result("topo", HGX)
        parts = {part["part"]: part for part in fabric["parts"]}
        self.assertEqual(parts["leaf_spine_link"]["dollars"], 1024 * 1400)
        self.assertNotIn("dollars", parts["nic"])
        self.assertEqual(fabric["dollars"], sum(part.get("dollars", 0) for part in fabric["parts"]))
        self.assertFalse(fabric["all_priced"])
        self.assertIn("of the priced parts only", run("topo", HGX).stdout)

    def test_failures_in_force(self):
        done = run("topo", *SMALL, *DEAD)
        self.assertEqual(done.returncode, GOOD, done.stderr)
        for line in ("2 cables dead or degraded", "leaf0>spine0#0 dead", "host1.nic0.port0>leaf0 at 25 % of its rate"):
            self.assertIn(line, done.stdout)
        cables = {c["tier"]: c for c in result("topo", *SMALL, *DEAD)["cables"]}
        self.assertEqual((cables["host"]["degraded"], cables["leaf_spine"]["dead"]), (1, 1))

    def test_timed_failures(self):
        flap = "failures.0={name: \"leaf0>spine0#0\", at: 1ms, until: 2ms, period: 10ms}"
        done = run("topo", *SMALL, "--set", flap)
        self.assertEqual(done.returncode, GOOD, done.stderr)
        line = "leaf0>spine0#0 dead from 1ms until 2ms, again every 10ms"
        self.assertIn("\n1 cable fails for a time; only the packet engine plays that\n  " + line + "\n", done.stdout)
        self.assertNotIn("no failures", done.stdout)
        fabric = result("topo", *SMALL, "--set", flap)
        self.assertEqual((fabric["failures"], fabric["timed_failures"]), ([], [line]))
        self.assertEqual(sum(c["dead"] for c in fabric["cables"]), 0)

    def test_links_by_name(self):
        done = run("topo", *SMALL, *DEAD, "--links", "leaf0>spine0#0")
        self.assertEqual(done.stdout.splitlines()[1].split(),
                         ["leaf0>spine0#0", "leaf0", "spine0", "leaf_spine", "0", "150ns", "dead"])
        many = run("topo", *SMALL, *DEAD, "--links", "host1.nic?.port*>leaf*").stdout.splitlines()[1:]
        self.assertEqual(len(many), 8)
        self.assertTrue(many[0].endswith("degraded to 25 %"), many[0])
        self.assertTrue(all(line.endswith("  up") for line in many[1:]))
        self.assertEqual(len(run("topo", *SMALL, "--links", "*").stdout.splitlines()), 1 + 2 * (64 + 64 + 512))

    def test_unknown_link_gets_the_nearest_name(self):
        done = run("topo", HGX, "--links", "leaf0>spin0#0")
        self.assertEqual((done.returncode, done.stdout), (INPUT, ""))
        self.assertIn("no such link: 'leaf0>spin0#0'; the nearest name is leaf0>spine0#0", done.stderr)
        self.assertIn("no link has such a name: 'wire*'", run("topo", HGX, "--links", "wire*").stderr)

    def test_cabling_plan_has_a_line_a_cable(self):
        rows = list(csv.DictReader(io.StringIO(run("topo", *SMALL, "--cabling", "-").stdout)))
        self.assertEqual(len(rows), 8 * 8 + 8 * 64)  # NIC ports, and 8 leaves with 64 uplinks
        self.assertEqual(list(rows[0]), ["cable", "from", "from_port", "to", "to_port", "rate", "delay", "length_m"])
        for row in rows[::16]:
            self.assertIn(f"{row['from']}>{row['to']}", run("topo", *SMALL, "--links", "*").stdout)

    def test_drawings_can_be_read(self):
        picture = ElementTree.fromstring(run("topo", *SMALL, "--svg", "-").stdout)
        self.assertEqual(picture.tag, "{http://www.w3.org/2000/svg}svg")
        dot = run("topo", *SMALL, "--dot", "-").stdout
        self.assertIn('"host0"', dot)
        if shutil.which("dot"):
            drawn = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True, check=False)
            self.assertEqual((drawn.returncode, drawn.stderr), (0, ""))
        large = run("topo", SPECS / "rail-1m.yaml", "--svg", "-")
        self.assertEqual((large.returncode, large.stdout), (INPUT, ""))
        self.assertIn("too large to draw", large.stderr)

    def test_several_results_at_once(self):
        with tempfile.TemporaryDirectory() as folder:
            names = [pathlib.Path(folder) / name for name in ("a.json", "a.csv", "a.dot", "a.svg")]
            done = run("topo", *SMALL, "--json", names[0], "--cabling", names[1], "--dot", names[2], "--svg", names[3])
            self.assertEqual(done.stdout, run("topo", *SMALL).stdout)
            self.assertTrue(all(name.stat().st_size > 0 for name in names))

    def test_check_of_the_design(self):
        for words in (("topo", "--check", HGX), ("topo", HGX, "--check"), ("topo", HGX, "--check", "--set", "hosts.count=8")):
            done = run(*words)
            self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (GOOD, "wiring: the design: good"))

    def test_check_of_the_floor(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "floor.csv"
            plan = run("topo", *SMALL, "--cabling", "-").stdout
            path.write_text(plan)
            good = run("topo", *SMALL, "--check", path)
            self.assertEqual((good.returncode, good.stderr), (GOOD, ""))
            self.assertIn("wiring: the cabling list against the plan: good", good.stdout)
            lines = plan.splitlines(keepends=True)
            path.write_text("".join(lines[:1] + lines[2:]))
            found = run("topo", "--check", path, *SMALL)
            self.assertEqual((found.returncode, found.stderr), (FOUND, ""))
            self.assertIn("missing: host0.nic0.port0 port 0 to leaf0 port 0", found.stdout)
            self.assertIn("wiring: the cabling list against the plan: 1 problem\n", found.stdout)
            self.assertEqual(result("topo", *SMALL, "--check", path)["wiring"]["problem_count"], 1)
            path.write_text("from,to\n")
            bad = run("topo", *SMALL, "--check", path)
            self.assertEqual((bad.returncode, bad.stdout), (INPUT, ""))
            self.assertIn("floor.csv:1:1: the first line lacks a column: 'from_port'", bad.stderr)
            missing = run("topo", *SMALL, "--check", pathlib.Path(folder) / "nothing.csv")
            self.assertEqual(missing.returncode, INPUT)
            self.assertIn("cannot read the cabling list", missing.stderr)

    def test_documentation_lists_every_option(self):
        text = (ROOT / "docs" / "cli.md").read_text()
        for command in ("predict", "topo"):
            section = text.split(f"## weft {command}", 1)[1].split("\n## ", 1)[0]
            documented = {word for line in section.splitlines() if line.startswith("| `-")
                          for word in [line.split("`")[1].split()[0]]}
            shown = {word.rstrip(",") for line in run(command, "--help").stdout.splitlines() if line.startswith("  --")
                     for word in line.split()[:1]}
            self.assertEqual(documented, shown)


if __name__ == "__main__":
    unittest.main()
