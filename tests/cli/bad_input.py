"""Whatever is wrong, the error says what, where and what would be right; the exit code says whose it is to mend."""
import os
import pathlib
import re
import tempfile
import unittest

from command import HGX, SMALL, SPECS, run

INPUT, ENVIRONMENT = 2, 3
LINE = re.compile(r"weft: error: [^\n]+\n")


class BadInput(unittest.TestCase):
    def refuses(self, words, message, code=INPUT):
        """One line on stderr with `message` in it, nothing on stdout."""
        with self.subTest(" ".join(map(str, words))):
            done = run(*words)
            self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
            self.assertRegex(done.stderr, LINE)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(message, done.stderr)

    def refuses_file(self, content, message):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "fabric.yaml"
            path.write_bytes(content)
            for command in ("topo", "predict"):
                self.refuses((command, path), message)

    def test_path_of_the_fabric_file(self):
        for command in ("topo", "predict"):
            self.refuses((command, "nowhere.yaml"), "nowhere.yaml: no such file; give the path of a fabric file")
            self.refuses((command, SPECS), "a directory, not a file")
            self.refuses((command,), f"spec is required; see weft {command} --help")
            self.refuses((command, HGX, HGX), "one argument too many: ")

    def test_unknown_words_get_the_nearest_right_one(self):
        self.refuses((), "no command; see weft --help")
        self.refuses(("predct", HGX), "unknown command: 'predct'; did you mean predict?")
        self.refuses(("frobnicate",), "unknown command: 'frobnicate'; see weft --help")
        self.refuses(("predict", HGX, "--colective", "shift"), "unknown option: '--colective'; did you mean --collective?")
        self.refuses(("topo", HGX, "--cablin=x.csv"), "unknown option: '--cablin=x.csv'; did you mean --cabling?")
        self.refuses(("predict", HGX, "--set", "hosts.cuont=4"), "'cuont'; did you mean count?")

    def test_option_values(self):
        self.refuses(("predict", HGX, "--collective", "a", "--collective", "b"), "--collective is given more than once")
        self.refuses(("predict", HGX, "--json"), "--json needs a value")
        self.refuses(("predict", HGX, "--backend", "exact"), "--backend: exact not in {fluid,analytic,packet}")
        self.refuses(("predict", HGX, "--collective", "all_reduse"), "unknown collective: 'all_reduse'; use all_reduce, ")
        self.refuses(("predict", HGX, "--algorithm", "rign"), "unknown algorithm of all_reduce: 'rign'; use auto, ring, ")
        self.refuses(("predict", HGX, "--set", "hosts"), "an override without =: 'hosts'; write it like hosts.count=128")
        self.refuses(("predict", HGX, "--batch-epsilon", "0.9"), "--batch-epsilon: Value 0.9 not in range")

    def test_numbers_that_are_none(self):
        for option in ("--ranks", "--group-size", "--channels", "--root", "--shift", "--fan-in"):
            for value in ("-1", "1.5", "many", "4294967296", "99999999999999999999999"):
                self.refuses(("predict", HGX, option, value),
                             f"{option}: not a whole number from 0 to 4294967295: '{value}'")
        self.refuses(("predict", HGX, "--seed", "-1"), "--seed: not a whole number from 0 to 18446744073709551615: '-1'")
        self.refuses(("predict", HGX, "--threads", "100000"), "--threads: not a whole number from 0 to 1024: '100000'")

    def test_verify_that_cannot_be(self):
        for value in ("0", "-1", "1001", "x"):
            self.refuses(("predict", HGX, "--verify", value), "--verify: not a whole number from 1 to 1000")
        for backend in ("packet", "analytic"):
            self.refuses(("predict", HGX, "--sizes", "8", "--verify", "2", "--backend", backend),
                         f"--verify checks what the fluid backend says, and there is none of it here: "
                         f"'--backend {backend}'; use --backend fluid, or leave --verify out")

    def test_sizes(self):
        for value, message in (("", "not a message size"), ("x", "not a message size: 'x'; write it like 8, 64K, 1M or 16G"),
                               ("8,,9", "not a message size"), ("-8", "negative message size: '-8'"),
                               ("8:16E", "unknown unit of a message size: '16E'"),
                               ("9999999999999G", "message size too large: '9999999999999G'; the limit is 2^63"),
                               ("16G:8:x2", "a size range that ends before it starts: '16G:8:x2'"),
                               ("8:16G:x1", "a size range that never ends: '8:16G:x1'"),
                               ("0:16G:x2", "a size range that never ends: '0:16G:x2'"),
                               ("8:16G:2", "bad step of a size range: '2'"),
                               ("8:1G:+1", "too many message sizes: '8:1G:+1'; at most 1000"),
                               (",".join(["8"] * 1001), "too many message sizes")):
            self.refuses(("predict", HGX, "--sizes", value), message)

    def test_ranks_that_do_not_fit(self):
        self.refuses(("predict", HGX, "--ranks", "1025"),
                     "more ranks than the fabric has GPUs: '1025'; ask for at most 1024, or add hosts")
        self.refuses(("predict", HGX, "--group-size", "7"), "the group size does not divide the ranks: '1024 into 7'")
        self.refuses(("predict", HGX, "--collective", "broadcast", "--root", "1024"), "a root is 0 to 1023")
        self.refuses(("predict", HGX, "--collective", "incast", "--fan-in", "1024"), "1023 senders")
        self.refuses(("predict", HGX, "--channels", "99999"), "too many channels: '99999'; at most 1024")

    def test_mapping(self):
        self.refuses(("predict", HGX, "--mapping", "diagonal"),
                     "unknown mapping: 'diagonal'; use packed, strided:N, random or file:PATH")
        self.refuses(("predict", HGX, "--mapping", "strided:0"), "stride out of range: '0'")
        self.refuses(("predict", HGX, "--mapping", "strided:x"), "strided:8")
        self.refuses(("predict", HGX, "--mapping", "file:nowhere"), "cannot read the mapping file: 'nowhere'")
        self.refuses(("predict", HGX, "--mapping", f"file:{SPECS}"), "cannot read the mapping file")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "mapping"
            for content, message in (("0\n0\n", "mapping:2"), ("0\nx\n", "mapping:2"), ("0\n1024\n", "mapping:2"),
                                     ("", "mapping")):
                path.write_text(content)
                self.refuses(("predict", HGX, "--ranks", "2", "--mapping", f"file:{path}"), message)

    def test_impossible_radix(self):
        self.refuses(("topo", HGX, "--set", "switch.radix=4"), "switch.radix.spine of at least")
        self.refuses_file(b"name: a\nhosts: {count: 100}\ntopology: {kind: fat_tree, tiers: 2}\nswitch: {radix: 4}\n",
                          "fabric.yaml:3:11: topology: 400 leaves meet at spines that have 4 ports down")

    def test_failure_of_no_part(self):
        self.refuses_file(b"name: a\nhosts: {count: 16}\ntopology: {kind: fat_tree, tiers: 2}\nfailures:\n"
                          b"  - {target: switch, name: spin3}\n",
                          "fabric.yaml:5:3: failures: no such switch: 'spin3'; the nearest name is spine0")

    def test_large_and_binary_files(self):
        self.refuses_file(b"a" * 104857600, "fabric file too large: '104857600 bytes'; the limit is 16MiB")
        self.refuses_file(bytes(range(256)) * 100, "fabric.yaml:1:")
        self.refuses_file(b"", "fabric.yaml")
        self.refuses_file(b"name: a\nhosts: {cuont: 4}\n", "fabric.yaml:2:9: unknown key in hosts: 'cuont'; did you mean count?")
        self.refuses_file(b"name: a\nhosts: {count: 4, nic_rate: 400}\n", "fabric.yaml:2:")

    def test_targets_that_cannot_be_written(self):
        for command, option in (("predict", "--json"), ("topo", "--json"), ("topo", "--cabling"), ("topo", "--dot")):
            self.refuses((command, *SMALL, option, "/nowhere/x"),
                         "cannot write the file: '/nowhere/x'; No such file or directory", ENVIRONMENT)
            self.refuses((command, *SMALL, option, SPECS), "Is a directory", ENVIRONMENT)
        if pathlib.Path("/dev/full").exists():
            self.refuses(("topo", *SMALL, "--cabling", "/dev/full"), "No space left on device", ENVIRONMENT)

    def test_target_without_permission(self):
        other = {"user": 65534} if os.geteuid() == 0 else {}  # root may write everywhere
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o555)
            try:
                done = run("predict", *SMALL, "--json", f"{folder}/x", **other)
            except PermissionError:
                self.skipTest("no other user may run the build")
        self.assertEqual((done.returncode, done.stdout), (ENVIRONMENT, ""))
        self.assertIn("Permission denied", done.stderr)

    def test_full_stdout(self):
        if not pathlib.Path("/dev/full").exists():
            self.skipTest("no /dev/full")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = run("topo", *SMALL, capture_output=False, stdout=full, stderr=-1)
        self.assertEqual(done.returncode, ENVIRONMENT)
        self.assertIn("cannot write to stdout", done.stderr)

    def test_two_results_for_one_stdout(self):
        self.refuses(("topo", *SMALL, "--json", "-", "--cabling", "-"), "two results for one stdout")

    def test_pair_without_a_path(self):
        """All uplinks of leaf0 dead: what needs them has no path, and the message names a pair."""
        dead = [f"failures.{i}={{target: link, name: \"leaf0>spine{i // 8}#{i % 8}\"}}" for i in range(64)]
        words = [word for line in dead for word in ("--set", line)]
        done = run("predict", HGX, *words, "--collective", "all_to_all", "--algorithm", "all_at_once", "--quiet", "--sizes", "1M")
        self.assertEqual(done.returncode, INPUT, done.stderr)
        self.assertRegex(done.stderr, r"gpu\d+")

    def test_fabric_in_two_parts(self):
        self.refuses_file(b"name: a\nhosts: {count: 2, gpus: 1}\ntopology:\n  kind: explicit\n  switches:\n"
                          b"    - {name: l0, kind: leaf}\n    - {name: l1, kind: leaf}\n  links:\n"
                          b"    - {a: host0.nic0, b: l0}\n    - {a: host1.nic0, b: l1}\n",
                          "fabric.yaml:9:5: topology.links: the fabric is disconnected, no path from host0.nic0.port0")


if __name__ == "__main__":
    unittest.main()
