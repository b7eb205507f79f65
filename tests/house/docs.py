"""The documents tell the truth: README's commands run and print what it shows, docs/coverage.md names real tests."""
import fnmatch
import re
import subprocess
import unittest

import readme
import tree

# Run whole by continuous integration, or too long for a test: here only that they exist and explain themselves.
SCRIPTS = {"scripts/predict", "scripts/test", "scripts/validate", "scripts/bench", "scripts/setup",
           "scripts/update-readme", "scripts/format"}
# Not for this machine to run.
ELSEWHERE = ("git clone", "cd ", "cmake ", "ctest ")


def ctest_names():
    run = subprocess.run(["ctest", "-N"], cwd=tree.BUILD, check=True, capture_output=True, text=True,
                         stdin=subprocess.DEVNULL)
    return re.findall(r"^\s*Test\s+#\d+: (\S.*)$", run.stdout, re.MULTILINE)


def coverage_rows():
    """(item, names of tests, source) of each row of docs/coverage.md; a test is named in backticks."""
    rows = []
    for line in tree.text_of("docs/coverage.md").splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[0] != "item" and not set(cells[0]) <= set("-: "):
            rows.append((cells[0], re.findall(r"`([^`]+)`", cells[1]), cells[2]))
    return rows


class Readme(unittest.TestCase):
    maxDiff = None

    def test_is_one_short_page(self):
        self.assertLessEqual(tree.text_of("README.md").count("\n"), 120)

    def test_scripts_it_names_explain_themselves(self):
        named = {c.split()[0] for c in readme.commands() if c.startswith("scripts/")}
        self.assertLessEqual(named, SCRIPTS)
        for script in sorted(SCRIPTS):
            with self.subTest(script):
                run = subprocess.run([script, "--help"], cwd=tree.ROOT, check=False, capture_output=True, text=True,
                                     stdin=subprocess.DEVNULL, timeout=60)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertIn(script, run.stdout)

    def test_commands_run(self):
        weft = tree.weft_program()
        if weft is None:
            self.skipTest("the weft command is not built")
        for command in readme.commands():
            if command.split()[0] in SCRIPTS or command.startswith(ELSEWHERE):
                continue
            with self.subTest(command):
                self.assertEqual(command.split()[0], "weft", "a command that no test knows how to run")
                run = readme.run(command, weft)
                self.assertEqual(run.returncode, 0, run.stderr)

    def test_worked_example_is_what_weft_prints(self):
        weft = tree.weft_program()
        if weft is None:
            self.skipTest("the weft command is not built")
        self.assertEqual(readme.regenerated(weft), tree.text_of("README.md"), "run scripts/update-readme")


class Coverage(unittest.TestCase):
    maxDiff = None

    def test_named_tests_exist(self):
        names = ctest_names()
        unknown = [f"{item}: {name}" for item, tests, _ in coverage_rows() for name in tests
                   if not fnmatch.filter(names, name)]
        self.assertEqual(unknown, [], "docs/coverage.md names tests that ctest does not have")

    def test_every_item_has_a_test(self):
        still_open = [item for item, tests, _ in coverage_rows() if not tests]
        self.assertEqual(still_open, [], "items of docs/coverage.md without a test")

    def test_links_between_documents_lead_somewhere(self):
        broken = []
        for path in tree.tracked_files():
            if path.endswith(".md"):
                for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", tree.text_of(path)):
                    if not (tree.ROOT / path).parent.joinpath(target).exists():
                        broken.append(f"{path}: {target}")
        self.assertEqual(broken, [])


class Limits(unittest.TestCase):
    """The committed output of scripts/bench: time and memory cannot be judged on a machine that does other work."""

    # Part of the figure and of what it is compared with -> smallest ratio.
    FLUID = {("topology of 1,048,576 GPUs: ready", "limit 1 s"): 1, ("topology of 1,048,576 GPUs: memory", "limit"): 1,
             ("solve, k=160 permutation, 1.02 M flows", "limit"): 1,
             ("solve, k=160 permutation, 1.02 M flows", "textbook"): 3,
             ("complete, k=32 permutation, 8192 flows", "SimGrid platform and run"): 100,
             ("complete, k=64 permutation, 65536 flows", "SimGrid platform and run"): 100,
             ("predict all_reduce, 1048576 GPUs, 8 sizes: time", "limit 20 s"): 1,
             ("predict all_reduce, 1048576 GPUs, 8 sizes: memory", "limit 4 GiB"): 1,
             ("predict all_to_all, 1048576 GPUs, groups of 64 strided: time", "limit 180 s"): 1,
             ("predict all_to_all, 1048576 GPUs, groups of 64 strided: memory", "limit 16 GiB"): 1,
             ("failed link, planes8-131072, 4 QPs", "5 % of the cold solve"): 1,
             ("growth: all_reduce at 1048576 GPUs", "in proportion"): 1}
    PACKET = {("permutation of 1 MB, 1024 hosts, 3 tiers", "limit 2"): 1,
              ("permutation of 4 x 1 MB, 128 hosts, 3 tiers", "limit 4"): 1,
              ("permutation, 128 hosts", "40 x stock ns-3"): 1,
              ("memory of a port", "limit 256"): 1, ("memory of an active QP", "limit 256"): 1,
              ("8192 hosts: memory", "limit 2 GiB"): 1, ("65536 hosts: memory", "limit 12 GiB"): 1,
              ("ring step of 256 KiB over ranks, 131072 GPUs: memory", "limit 8 GiB"): 1,
              ("ring step of 256 KiB over ranks, 131072 GPUs: CPU", "limit 600 s"): 1,
              ("ring step of 64 KiB over ranks, 1048576 GPUs: memory", "limit 24 GiB"): 1}

    DPDK = {("transmit, 64 B of payload", "1.25 x testpmd"): 1, ("transmit, 1024 B of payload", "1.25 x testpmd"): 1,
            ("transmit, 4096 B of payload", "1.25 x testpmd"): 1, ("slowest payload less fastest", "limit 5 ns"): 1,
            ("without ICRC check, 1,024 flows", "limit 15 ns"): 1, ("without ICRC check, 65,536 flows", "limit 25 ns"): 1,
            ("ICRC check, 4096 B, in cache", "limit 120 ns"): 1}

    def test_newest_bench_keeps_every_limit(self):
        for engine, asked in (("fluid", self.FLUID), ("packet", self.PACKET), ("dpdk", self.DPDK)):
            newest = sorted((tree.ROOT / "docs" / "results").glob(f"*-bench-{engine}.txt"))[-1]
            rows = [re.split(r"  +", line.strip()) for line in newest.read_text(encoding="utf-8").splitlines()]
            for (figure, peer), least in asked.items():
                ratios = [float(row[3]) for row in rows if len(row) == 4 and figure in row[0] and peer in row[2]]
                with self.subTest(figure + ", " + peer):
                    self.assertTrue(ratios, f"{newest.name} lacks it")
                    self.assertGreaterEqual(min(ratios), least)
