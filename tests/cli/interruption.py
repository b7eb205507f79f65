"""Ctrl-C and want of memory: a clear line, the right exit code, and what was finished."""
import json
import pathlib
import resource
import signal
import subprocess
import tempfile
import time
import unittest

from command import HGX, SPECS, WEFT, run

INTERRUPTED, ENVIRONMENT = 130, 3
# A minute of work: 66 million transfers between a million GPUs.
LONG = ("predict", SPECS / "rail-1m.yaml", "--collective", "all_to_all", "--group-size", "64",
        "--grouping", "strided", "--sizes", "8,1M")


def limited(megabytes):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


class Interruption(unittest.TestCase):
    def interrupt(self, words, after_s, number=signal.SIGINT):
        """(exit code, stdout, stderr, seconds from the signal to the end)."""
        with subprocess.Popen([str(WEFT), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            time.sleep(after_s)
            process.send_signal(number)
            sent = time.monotonic()
            out, err = process.communicate(timeout=60)
            return process.returncode, out, err, time.monotonic() - sent

    def test_signal_ends_a_long_run_within_two_seconds(self):
        for after_s, number in ((0.2, signal.SIGINT), (2.0, signal.SIGTERM), (4.0, signal.SIGINT)):
            with self.subTest(after_s=after_s):
                code, out, err, seconds = self.interrupt((*LONG, "--quiet"), after_s, number)
                self.assertEqual((code, out, err), (INTERRUPTED, "", "weft: error: interrupted; 0 of 2 sizes are done\n"))
                self.assertLess(seconds, 2.0)

    def test_finished_sizes_are_printed(self):
        """Small messages take the tree and are done; the ring of the large ones needs a solve of its own."""
        words = ("predict", SPECS / "rail-1m.yaml", "--sizes", "8,16G", "--quiet")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "result.json"
            for after_s in (3, 5, 7, 9, 12, 16):  # how fast the machine is, is not known
                code, out, err, seconds = self.interrupt((*words, "--json", path), after_s)
                if "0 of 2" not in err:
                    break
            if code == 0:
                self.skipTest("done before the signal came")
            self.assertEqual((code, err), (INTERRUPTED, "weft: error: interrupted; 1 of 2 sizes are done\n"))
            self.assertLess(seconds, 2.0)
            self.assertEqual(len([line for line in out.splitlines() if line.split()[:1] == ["8"]]), 1)
            self.assertEqual(len(json.loads(path.read_text())["operations"]), 1)

    def test_what_is_verified_is_printed(self):
        """The fluid answer and the components that were played stand there; the rest is counted."""
        words = ("predict", SPECS / "rail-1m.yaml", "--sizes", "8G", "--verify", "30", "--quiet")
        for after_s in (6, 10, 15, 22, 30):  # how fast the machine is, is not known
            code, out, err, seconds = self.interrupt(words, after_s)
            if "built without ns-3" in err:
                self.skipTest("built without ns-3")
            if "0 of 1" not in err:
                break
        if code == 0:
            self.skipTest("done before the signal came")
        self.assertEqual(code, INTERRUPTED)
        self.assertRegex(err, r"^weft: error: interrupted; all sizes and \d+ of \d+ components of --verify are done\n$")
        self.assertLess(seconds, 2.0)
        self.assertRegex(out, r"\d+ more components were not played to their end")

    def test_half_a_cabling_plan_is_removed(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "plan.csv"
            code, out, err, _ = self.interrupt(("topo", SPECS / "rail-1m.yaml", "--cabling", path), 0.6)
            if code == 0:
                self.skipTest("written before the signal came")
            self.assertEqual((code, out), (INTERRUPTED, ""))
            self.assertIn("interrupted while writing", err)
            self.assertFalse(path.exists())

    def test_want_of_memory_is_said_so(self):
        for megabytes in (300, 600, 900):
            for threads in ("1", "2"):
                with self.subTest(megabytes=megabytes, threads=threads):
                    done = run(*LONG, "--quiet", "--threads", threads, preexec_fn=limited(megabytes))
                    self.assertEqual((done.returncode, done.stdout), (ENVIRONMENT, ""), done.stderr)
                    self.assertIn("out of memory; use fewer ranks, smaller groups or --backend analytic", done.stderr)

    def test_threads_that_do_not_fit_are_said_so(self):
        done = run("predict", HGX, "--sizes", "8", "--threads", "1024", preexec_fn=limited(400))
        self.assertEqual(done.returncode, ENVIRONMENT, done.stderr)
        self.assertIn("weft: error: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
