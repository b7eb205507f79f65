"""The scripts, as far as they can run inside a test."""
import importlib.machinery
import importlib.util
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import tree

BY_REGEX = '<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
JUNIT = f"""<testsuite>
<testcase name="a.good" status="run"/>
<testcase name="a.bad" status="fail"><failure message=""/><system-out>boom</system-out></testcase>
<testcase name="a.google" status="notrun">{BY_REGEX}<system-out>x.cc:7: Skipped
needs 16 GiB
</system-out></testcase>
<testcase name="a.python" status="notrun">{BY_REGEX}<system-out>ok (skipped 'no dot')</system-out></testcase>
<testcase name="a.absent" status="notrun"><skipped message="Unable to find executable"/></testcase>
</testsuite>"""


def run(*command):
    return subprocess.run(command, cwd=tree.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=600)


def bench_module():
    loader = importlib.machinery.SourceFileLoader("bench", str(tree.ROOT / "scripts" / "bench"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
    loader.exec_module(module)
    return module


class Scripts(unittest.TestCase):
    def test_setup_is_idempotent(self):
        if not shutil.which("dpkg-query"):
            self.skipTest("not a Debian machine: scripts/setup has not prepared it")
        again = run("scripts/setup", "predict")
        self.assertEqual((again.returncode, again.stderr), (0, "weft: set-up: nothing to install for predict\n"))

    def test_setup_refuses_unknown_groups(self):
        refused = run("scripts/setup", "everything")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("unknown group 'everything'; one of predict, test, validate", refused.stderr)

    def test_unknown_engines_are_said_so(self):
        refused = run("scripts/bench", "steam")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("unknown engine 'steam'; one of all, fluid, packet, dpdk, verbs", refused.stderr)

    def test_validate_refuses_wrong_words(self):
        for words, message in ((["--only", "everything"], "unknown part 'everything'; one of tests asan"),
                               (["--minutes", "0"], "--minutes '0' is not a whole number from 1 to 9999"),
                               (["--minutes"], "option --minutes needs a value"), (["now"], "unknown option 'now'")):
            refused = run("scripts/validate", *words)
            self.assertEqual(refused.returncode, 2, words)
            self.assertIn(message, refused.stderr)

    def test_summary_counts_and_gives_reasons(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "light.xml").write_text(JUNIT, encoding="utf-8")
            fuzz = "fuzz.spec passed\nfuzz.all skipped no clang\n"
            pathlib.Path(folder, "fuzz.txt").write_text(fuzz, encoding="utf-8")
            summary = run("python3", "scripts/summarize.py", folder)
        self.assertEqual(summary.returncode, 1)
        lines = summary.stdout.splitlines()
        self.assertEqual(lines[-1], "2 passed, 2 failed, 3 skipped")
        for line in ("failed: a.bad", "failed: a.absent: not run: Unable to find executable",
                     "skipped: a.google: needs 16 GiB", "skipped: a.python: no dot", "skipped: fuzz.all: no clang"):
            self.assertIn(line, lines)

    def test_summary_fails_without_tests(self):
        with tempfile.TemporaryDirectory() as folder:
            summary = run("python3", "scripts/summarize.py", folder)
        self.assertEqual((summary.returncode, summary.stdout.splitlines()[-1]), (1, "0 passed, 0 failed, 0 skipped"))

    def test_bench_table_has_ratios(self):
        bench = bench_module()
        sleeper = ["python3", "-c", "import time; b = bytearray(64 << 20); time.sleep(0.2)"]
        rows = bench.limited("sleep", sleeper, 3, 10, 1)
        self.assertTrue(1 <= rows[0]["ratio"] <= 50, rows)
        self.assertTrue(2 <= rows[1]["ratio"] <= 16, rows)
        self.assertRegex(bench.table(rows),
                         r"^figure +value +peer or limit +ratio\nsleep: time +\S+ s +limit 10 s +\S+")
        with self.assertRaisesRegex(RuntimeError, "exit 2: .*bad input"):
            bench.measure(["bash", "-c", "echo bad input >&2; exit 2"])
