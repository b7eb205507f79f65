"""Inside the guest: pairs of `weft verbs` processes. One line a case on stdout: "ok NAME" or "FAILED NAME: why"."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

WEFT = os.environ["WEFT"]
TRANSPORT = os.environ.get("RDMA_TRANSPORT", "rxe")
HERE, THERE = "192.0.2.1", "192.0.2.2"


class Wrong(Exception):
    """Why a case failed."""


def expect(condition, text):
    if not condition:
        raise Wrong(str(text)[-1500:])


class Listener:
    """`weft verbs bw --listen` on node 2; ready when it says so."""

    def __init__(self, words=(), prefix=(), wait=True):
        self.errors = tempfile.TemporaryFile(mode="w+")
        command = [*prefix, WEFT, "verbs", "bw", "--listen", "--bind", THERE, *words]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=self.errors)
        deadline = time.monotonic() + 20
        while wait and "listening" not in self.text() and self.process.poll() is None:
            expect(time.monotonic() < deadline, "the listener does not listen")
            time.sleep(0.02)

    def text(self):
        # An own open file: seeking in the shared one would move where the child writes.
        return pathlib.Path(f"/proc/{os.getpid()}/fd/{self.errors.fileno()}").read_text(errors="replace")

    def end(self, seconds=30):
        """Exit code; a listener that does not end in time is a failure."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Wrong(f"the listener hangs: {self.text()}") from None


class Caller:
    def __init__(self, test, words, prefix=(), peer=THERE):
        self.json = tempfile.NamedTemporaryFile(suffix=".json")
        os.chmod(self.json.name, 0o666)
        command = [*prefix, WEFT, "verbs", test, peer, "--json", self.json.name, *words]
        self.start = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def end(self, seconds=60):
        """(exit code, stdout, stderr)"""
        try:
            out, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, errors = self.process.communicate()
            raise Wrong(f"the caller hangs: {out} {errors}") from None
        self.seconds = time.monotonic() - self.start
        return self.process.returncode, out, errors

    def points(self):
        return json.loads(pathlib.Path(self.json.name).read_text())["traffic"]

    def notes(self):
        return json.loads(pathlib.Path(self.json.name).read_text())["notes"]


def pair(test, words, listen=(), seconds=60):
    """Runs both ends to a good end. Returns the Caller."""
    listener = Listener(listen)
    caller = Caller(test, words)
    try:
        code, out, errors = caller.end(seconds)
        expect(code == 0, f"caller {code}: {errors} {out} listener: {listener.text()}")
        code = listener.end()
        expect(code == 0, f"listener {code}: {listener.text()}")
    finally:
        listener.process.kill()
        listener.process.wait()
    caller.out = out
    caller.errors = errors
    return caller


def whole(caller, sizes, messages, checked=True):
    """Each size is there with all its messages, none lost, every byte right."""
    points = caller.points()
    expect([p["size_bytes"] for p in points] == sizes, f"sizes {[p['size_bytes'] for p in points]}, not {sizes}")
    for point in points:
        counters = point["counters"]
        expect(point["messages"] == messages, f"{point['messages']} messages, not {messages}: {point}")
        expect(counters["lost"] == 0 and point["failures"] == [], point)
        if checked:
            expect(counters["corrupt"] == 0 and counters["checked"] >= messages, point)
        latency = point["latency"]
        order = [latency[k] for k in ("min_ps", "p50_ps", "p90_ps", "p99_ps", "p99_9_ps", "p99_99_ps", "max_ps")]
        expect(order == sorted(order) and latency["samples"] > 0, latency)


def run_all(cases, chosen):
    """Runs {name: function}; prints a line each. Exit code 1 when one failed."""
    failed = 0
    for name, case in cases.items():
        if chosen and not any(word in name for word in chosen):
            continue
        start = time.monotonic()
        try:
            case()
            print(f"ok {name} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            text = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"FAILED {name} ({time.monotonic() - start:.1f} s): {text}", flush=True)
    return 1 if failed else 0


@contextlib.contextmanager
def half_the_ports_taken():
    """TCP's sockets hold half of the 1,024 ports that rdma_cm, which does not know of them, chooses from by chance."""
    setting = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    before = setting.read_text()
    setting.write_text("40000 41023")
    try:
        with contextlib.ExitStack() as held:
            for port in range(40000, 41024, 2):
                with contextlib.suppress(OSError):  # of an earlier case's: taken all the same
                    held.enter_context(socket.socket()).bind(("0.0.0.0", port))
            yield
    finally:
        setting.write_text(before)


def shell(command, check=True):
    return subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=check).stdout


def interrupt(process):
    process.send_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit("a library of the guest's cases")
