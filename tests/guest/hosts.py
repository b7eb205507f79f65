"""Inside the guest: `weft verbs agent` on each node and `weft verbs run` over them. Cases are in host_cases.py."""
import json
import os
import pathlib
import subprocess
import tempfile
import time

from pairs import WEFT, Wrong, expect

PORT = 18700
TOKEN = pathlib.Path(tempfile.mkdtemp(prefix="weft-hosts")) / "token"
TOKEN.write_text("a-token-of-the-guest-tests\n")


def address(node):
    return f"192.0.2.{node}"


def text_of(file):
    # An own open file: seeking in the shared one would move where the child writes.
    return pathlib.Path(f"/proc/{os.getpid()}/fd/{file.fileno()}").read_text(errors="replace")


class Agent:
    """The agent of one node; ready when its port accepts."""

    def __init__(self, node, words=(), token=TOKEN):
        self.node = node
        self.errors = tempfile.TemporaryFile(mode="w+")
        command = [WEFT, "verbs", "agent", "--listen", address(node), "--bind", address(node), "--token", str(token),
                   *words]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors)

    def text(self):
        return text_of(self.errors)

    def wait_ready(self):
        deadline = time.monotonic() + 20
        while "agent listens" not in self.text():
            expect(self.process.poll() is None, f"agent {self.node} ended: {self.text()}")
            expect(time.monotonic() < deadline, f"agent {self.node} does not listen")
            time.sleep(0.02)

    def end(self):
        self.process.kill()
        self.process.wait()


class Agents:
    """Agents of nodes 1 to n, for a `with`."""

    def __init__(self, nodes, words=()):
        self.agents = {node: Agent(node, words) for node in range(1, nodes + 1)}

    def __enter__(self):
        for agent in self.agents.values():
            agent.wait_ready()
        return self

    def __exit__(self, *_):
        for agent in self.agents.values():
            agent.end()

    def __getitem__(self, node):
        return self.agents[node]


class Run:
    """A coordinator. `hosts`: nodes, named n1, n2, ... Emulation is noisy: no one is called slow unless a case asks."""

    def __init__(self, hosts, words, token=TOKEN, slow_share=0):
        self.json = tempfile.NamedTemporaryFile(suffix=".json")
        where = ",".join(f"n{node}={address(node)}" for node in hosts)
        command = [WEFT, "verbs", "run", "--hosts", where, "--token", str(token), "--json", self.json.name,
                   "--slow-share", str(slow_share), *words]
        self.files = [tempfile.TemporaryFile(mode="w+") for _ in range(2)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.files[0], stderr=self.files[1])

    @property
    def out(self):
        return text_of(self.files[0])

    @property
    def err(self):
        return text_of(self.files[1])

    def wait_for(self, said, seconds=60):
        """Until the coordinator has said this, on a machine of any speed."""
        deadline = time.monotonic() + seconds
        while said not in self.out + self.err:
            expect(self.process.poll() is None, f"the run ended before it said '{said}': {self.err} {self.out}")
            expect(time.monotonic() < deadline, f"the run did not say '{said}': {self.err} {self.out}")
            time.sleep(0.05)

    def end(self, code, seconds=60):
        """Waits; the exit code must be this one."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Wrong(f"the coordinator hangs: {self.out} {self.err}") from None
        expect(self.process.returncode == code, f"exit {self.process.returncode}, not {code}: {self.err} {self.out}")
        return self

    def measurement(self):
        return json.loads(pathlib.Path(self.json.name).read_text())

    def points(self):
        return self.measurement().get("traffic", [])

    def pairs(self):
        return sorted((point["from"], point["to"]) for point in self.points())
