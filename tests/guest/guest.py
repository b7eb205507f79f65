"""Runs commands in tests/guest/rdma-guest, or says why this machine cannot."""
import os
import pathlib
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("WEFT_BINARY_DIR", ROOT / "build/release"))
WEFT = BINARIES / "apps/weft"
TOOLS = ("qemu-system-x86_64", "modprobe", "ip", "busybox", "perl", "make", "gcc")


def missing():
    """Why no guest can run here; empty when it can."""
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"not installed: {', '.join(absent)}" if absent else ""


class GuestTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if reason := missing():
            self.skipTest(f"no guest: {reason}")

    def guest(self, *command, options=(), timeout=240):
        """CompletedProcess of `command` in the guest. A kernel that cannot be downloaded is a skip, not a failure."""
        call = [ROOT / "tests/guest/rdma-guest", "--timeout", str(timeout), *options, "--", *command]
        result = subprocess.run([str(word) for word in call], capture_output=True, text=True, errors="replace",
                                stdin=subprocess.DEVNULL, timeout=timeout + 300, check=False)
        if result.returncode == 125 and "cannot download" in result.stderr:
            self.skipTest(result.stderr.strip().splitlines()[-1])
        return result

    def cases(self, script, least, *options, timeout=420):
        """Boots once and runs the script's cases; each that failed is a failed subtest."""
        result = self.guest("python3", "-B", ROOT / "tests/guest" / script, timeout=timeout,
                            options=["--env", f"WEFT={WEFT}", *options])
        lines = result.stdout.splitlines()
        for line in lines:
            with self.subTest(line.split(" (")[0]):
                self.assertTrue(line.startswith("ok "), line)
        self.assertEqual(result.returncode, 0, result.stderr[-2000:] + "\n".join(lines[-3:]))
        self.assertGreaterEqual(len(lines), least, "cases are missing")
