"""Inside the guest: `weft verbs collective --peers`, a process on each host with one or more ranks, each on its NIC. Results are
exact, and whoever ends early is named. What needs no device is in tests/unit/verbs_ranks_test.cc."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import pairs
from pairs import WEFT, expect

SHORT = ["--sizes", "4,1000,64K,1M", "--iterations", "2", "--warm-up", "1"]
LONG = ["--sizes", "4K,4M", "--iterations", "1000", "--warm-up", "0"]
KINDS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast")


class Hosts:
    """`nodes`: of each host, whose devices its ranks take. The first node's address is the host's."""

    def __init__(self, nodes, words):
        self.json = tempfile.NamedTemporaryFile(suffix=".json")
        peers = ",".join(f"192.0.2.{host[0]}" for host in nodes)
        self.processes = []
        for number, host in enumerate(nodes):
            command = [WEFT, "verbs", "collective", "--peers", peers, "--rank", str(number), "--ranks-per-host",
                       str(len(host)), "--devices", ",".join(f"rxe{node}" for node in host), *words]
            if number == 0:
                command += ["--json", self.json.name]
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                                   stderr=subprocess.PIPE, text=True))

    def end(self, codes, seconds=60):
        """Waits for all; exit codes must be these. stdout and stderr of each are kept."""
        self.said = []
        try:
            for process in self.processes:
                self.said.append(process.communicate(timeout=seconds))
        finally:
            for process in self.processes:
                process.kill()
        got = [process.returncode for process in self.processes]
        expect(got == codes, f"exit codes {got}, not {codes}: {self.said}")
        return self

    def measurement(self):
        return json.loads(pathlib.Path(self.json.name).read_text())


def exact(nodes, kind, *words, sizes=4):
    """All sizes were run, and no element is wrong."""
    run = Hosts(nodes, ["--collective", kind, *SHORT, *words]).end([0] * len(nodes))
    result = run.measurement()
    ranks = sum(len(host) for host in nodes)
    expect(result["counters"]["wrong_elements"] == 0 and result["ranks"] == ranks, result)
    expect(len(result["operations"]) == sizes, result["operations"])
    out = run.said[0][0].splitlines()
    expect(out[0].split()[-1] == "#wrong" and len(out) == 1 + sizes, run.said)
    expect(all(line.split()[-1] == "0" for line in out[1:]), run.said)
    return result


def every_kind(nodes, *words, type_="float"):
    def case():
        for kind in KINDS:
            exact(nodes, kind, "--type", type_, *words)
    return case


def every_algorithm_of_all_reduce():
    for algorithm in ("ring", "halving_doubling", "tree"):
        exact([[1], [2], [3], [4]], "all_reduce", "--algorithm", algorithm)


def scale_up_at_a_pace():
    """2 ranks of a host alone pass 2 x 1 MiB / 2 each, at 50 Mb/s 0.17 s."""
    run = Hosts([[1, 2]], ["--scale-up-rate", "50Mbps", "--sizes", "1M", "--iterations", "1", "--warm-up", "0"]).end([0])
    expect(run.measurement()["operations"][0]["time_ps"] >= 0.15e12, run.said)


def missed_threshold_fails():
    run = Hosts([[1], [2]], [*SHORT, "--min-busbw", "1000"]).end([1, 0])
    expect(run.said[0][1].count("below --min-busbw") == 4, run.said)


def host_that_dies_is_named():
    run = Hosts([[1], [2], [3]], LONG)
    time.sleep(6)
    run.processes[2].kill()
    start = time.monotonic()
    run.end([3, 3, -9])
    expect(time.monotonic() - start < 30, "took too long")
    expect("host 2 (192.0.2.3" in run.said[0][1] and "host 2 (192.0.2.3" in run.said[1][1], run.said)


def interrupted_keeps_what_it_has():
    run = Hosts([[1], [2]], LONG)
    time.sleep(6)
    pairs.interrupt(run.processes[0])
    run.end([130, 3])
    expect("gave up" in run.said[1][1], run.said)
    expect([o["size_bytes"] for o in run.measurement()["operations"]] == [4096], run.said)


CASES = {
    "two ranks": every_kind([[1], [2]]),
    "three ranks, int32": every_kind([[1], [2], [3]], type_="int32"),
    "two hosts with two ranks": every_kind([[1, 2], [3, 4]]),
    "three hosts with two ranks over NICs": every_kind([[1, 2], [3, 4], [5, 6]], "--scale-up-rate", "none"),
    "two hosts with three ranks, int32": every_kind([[1, 2, 3], [4, 5, 6]], type_="int32"),
    "algorithms of all_reduce": every_algorithm_of_all_reduce,
    "scale-up at a pace": scale_up_at_a_pace,
    "missed threshold fails": missed_threshold_fails,
    "host that dies is named": host_that_dies_is_named,
    "interrupted": interrupted_keeps_what_it_has,
}

if __name__ == "__main__":
    sys.exit(pairs.run_all(CASES, sys.argv[1:]))
