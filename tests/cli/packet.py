"""weft predict --backend packet: results, progress, Ctrl-C, errors."""
import json
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from command import HGX, SMALL, SPECS, WEFT, result, run

QUICK = ("predict", *SMALL, "--backend", "packet", "--collective", "all_to_all", "--ranks", "32")
# Hours of work.
LONG = ("predict", HGX, "--backend", "packet", "--collective", "all_to_all", "--algorithm", "all_at_once",
        "--ranks", "128")


class Packet(unittest.TestCase):
    def setUp(self):
        if "without ns-3" in run(*QUICK, "--sizes", "8", "--quiet").stderr:
            self.skipTest("this weft was built without ns-3")

    def interrupt(self, words, after_s):
        """(exit code, stdout, stderr) and how long it took after SIGINT to this process alone."""
        with subprocess.Popen([str(WEFT), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            time.sleep(after_s)
            process.send_signal(signal.SIGINT)
            sent = time.monotonic()
            out, err = process.communicate(timeout=60)
            return (process.returncode, out, err), time.monotonic() - sent

    def test_table_and_notes(self):
        done = run(*QUICK, "--sizes", "0,8,256K", "--quiet", "--explain")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = [line.split() for line in done.stdout.splitlines()[3:6]]
        self.assertEqual([row[0] for row in rows], ["0", "8", "262144"])
        self.assertEqual({row[-1] for row in rows}, {"packet"})
        for word in ("packet backend", "on the wire alone", "data_packet_hops", "fct_p99_us", "hottest links"):
            self.assertIn(word, done.stdout)

    def test_same_bytes_with_any_threads(self):
        words = (*QUICK, "--sizes", "64K,1M,8", "--quiet", "--json", "-")
        once = run(*words, "--threads", "1").stdout
        self.assertEqual(len(json.loads(once)["operations"]), 3)
        for threads in ("1", "2", "3"):
            self.assertEqual(run(*words, "--threads", threads).stdout, once)

    def test_packet_is_never_faster_than_the_ideal_fluid(self):
        words = ("predict", *SMALL, "--sizes", "4M", "--constants", "ideal", "--collective")
        for collective in ("all_reduce", "all_gather", "broadcast", "sendrecv"):
            packet, fluid = (result(*words, collective, "--backend", backend)["operations"][0]["time_ps"]
                             for backend in ("packet", "fluid"))
            self.assertGreater(packet, fluid, collective)

    def test_steps_are_cut_and_said_so(self):
        whole = result("predict", *SMALL, "--backend", "packet", "--algorithm", "ring", "--sizes", "16M")
        two = result("predict", *SMALL, "--backend", "packet", "--algorithm", "ring", "--sizes", "16M", "--steps", "2")
        # Hops between hosts are slower than those inside, and of two steps in a row the slower ones count.
        share = two["operations"][0]["time_ps"] / whole["operations"][0]["time_ps"]
        self.assertTrue(2 / 126 < share < 0.1, share)
        self.assertEqual(two["provenance"]["options"]["steps"], "2")
        self.assertIn("phase 'ring': only 2 of its 126 steps were run", " ".join(two["notes"]))

    def test_interrupted_run_says_how_far_it_came(self):
        for sizes, done, after_s in (("1G", "0 of 1", 2), ("8,1G,2G", "1 of 3", 3)):
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "result.json"
                (code, out, err), seconds = self.interrupt((*LONG, "--sizes", sizes, "--json", path, "--quiet"), after_s)
                self.assertEqual((code, err), (130, f"weft: error: interrupted; {done} sizes are done\n"))
                self.assertLess(seconds, 2.0)
                self.assertIn("note: size 1073741824: stopped at ", out)
                self.assertEqual(len(json.loads(path.read_text())["operations"]), int(done[0]))

    def test_no_worker_outlives_an_interrupt(self):
        (code, _, _), _ = self.interrupt((*LONG, "--sizes", "1G,2G,3G", "--quiet", "--threads", "3"), 2)
        self.assertEqual(code, 130)
        left = subprocess.run(["pgrep", "-f", "--", "--sizes 1G,2G,3G --quiet"], capture_output=True, text=True, check=False)
        self.assertEqual(left.stdout, "")

    def test_progress_has_simulated_time_and_what_is_left(self):
        (_, out, err), _ = self.interrupt((*LONG, "--sizes", "1G"), 8)
        self.assertNotIn("weft:", out)
        self.assertRegex(err, r"weft: packet, 1073741824 B at [0-9.]+ us, [0-9]+ s left [0-9]+ %\n")

    def test_too_much_is_refused_with_a_way_out(self):
        for words, message in (
                ((SPECS / "fat-tree-65536.yaml", "--collective", "all_to_all"),
                 "too many transfers for the packet engine: '4.295e+09'; the limit is 20000000; use fewer ranks"),
                ((SPECS / "rail-1m.yaml", "--algorithm", "ring"),
                 "too many messages for the packet engine: '1.759e+13'; the limit is 20000000000; use --steps")):
            done = run("predict", *words, "--backend", "packet", "--sizes", "1M", "--quiet")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
