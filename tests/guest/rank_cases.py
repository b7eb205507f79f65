"""Inside the guest: `weft verbs collective --peers`, a process on each host with one or more ranks, each on its NIC, and the same in
one process (rank_matrix.cc). Results are exact, and whoever ends early is named. What needs no device is in tests/unit/verbs_ranks_test.cc."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import hosts
import pairs
from pairs import WEFT, expect

MATRIX = pathlib.Path(WEFT).parents[1] / "tests/weft_rank_matrix"
SHORT = ["--sizes", "4,1000,64K,1M", "--iterations", "2", "--warm-up", "1"]
LONG = ["--sizes", "4K,8M", "--iterations", "200", "--warm-up", "0"]


class Hosts:
    """`nodes`: of each host, whose devices its ranks take. The first node's address is the host's."""

    def __init__(self, nodes, words):
        self.json = tempfile.NamedTemporaryFile(suffix=".json")
        peers = ",".join(f"192.0.2.{host[0]}" for host in nodes)
        self.processes = []
        for number, host in enumerate(nodes):
            command = [WEFT, "verbs", "collective", "--peers", peers, "--rank", str(number), "--ranks-per-host",
                       str(len(host)), "--devices", ",".join(f"{pairs.TRANSPORT}{node}" for node in host), *words]
            if number == 0:
                command += ["--json", self.json.name]
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                                   stderr=subprocess.PIPE, text=True))

    def wait_for_first_size(self):
        """Until host 0 says so, on a machine of any speed: the second is under way."""
        for line in self.processes[0].stderr:
            if "B done" in line:
                return
        expect(False, "host 0 ended early")

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


def table_and_measurement():
    exact([[1], [2]], "reduce_scatter")
    exact([[1, 2], [3, 4]], "broadcast", "--type", "int32")


def every_kind(hosts, ranks, joined="copies", type_="float"):
    """All five, and the hosts in one process: here a process takes a second to start."""
    def case():
        words = [MATRIX, pairs.TRANSPORT, str(hosts), str(ranks), joined, type_, "4,1000,64K,1M"]
        run = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        expect(run.returncode == 0 and run.stdout.count("exact") == 5, run.stdout + run.stderr)
    return case


def beside_tcp():
    with pairs.half_the_ports_taken():
        every_kind(3, 1)()


def every_algorithm_of_all_reduce():
    for algorithm in ("halving_doubling", "tree"):
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
    run.wait_for_first_size()
    time.sleep(1)
    run.processes[2].kill()
    start = time.monotonic()
    run.end([3, 3, -9])
    expect(time.monotonic() - start < 30, "took too long")
    expect("host 2 (192.0.2.3" in run.said[0][1] and "host 2 (192.0.2.3" in run.said[1][1], run.said)


def interrupted_keeps_what_it_has():
    run = Hosts([[1], [2]], LONG)
    run.wait_for_first_size()
    time.sleep(1)
    pairs.interrupt(run.processes[0])
    run.end([130, 3])
    expect("gave up" in run.said[1][1], run.said)
    expect([o["size_bytes"] for o in run.measurement()["operations"]] == [4096], run.said)


class Coordinated:
    """`weft verbs collective --hosts` over the agents of these nodes, a rank each."""

    def __init__(self, nodes, words):
        self.json = tempfile.NamedTemporaryFile(suffix=".json")
        where = ",".join(f"n{node}={hosts.address(node)}" for node in nodes)
        self.process = subprocess.Popen([WEFT, "verbs", "collective", "--hosts", where, "--token", str(hosts.TOKEN), "--json",
                                         self.json.name, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def wait_for_first_size(self):
        for line in self.process.stderr:
            if "B done" in line:
                return
        expect(False, "the coordinator ended early")

    def end(self, code, seconds=60):
        try:
            self.out, self.err = self.process.communicate(timeout=seconds)
        finally:
            self.process.kill()
        expect(self.process.returncode == code, f"exit {self.process.returncode}, not {code}: {self.err} {self.out}")
        return json.loads(pathlib.Path(self.json.name).read_text())


def over_agents():
    """One set of agents: exact results of several types, a missed threshold, then an agent that dies in the middle."""
    with hosts.Agents(4) as agents:
        for nodes, words in (((1, 2, 3, 4), ["-d", "bfloat16"]), ((1, 2, 3), ["-d", "int64", "-o", "max"])):
            result = Coordinated(nodes, [*SHORT, *words]).end(0)
            expect(result["counters"]["wrong_elements"] == 0 and result["ranks"] == len(nodes), result)
            expect(len(result["operations"]) == 4 and result["operations"][-1]["busbw_gbytes_per_s"] > 0, result)
        slow = Coordinated((1, 2), [*SHORT, "--min-busbw", "1000"])
        expect(len(slow.end(1)["operations"]) == 4, "sizes are missing")
        expect(slow.err.count("below --min-busbw") == 4, slow.err)
        if pairs.TRANSPORT != "rxe":
            return
        run = Coordinated((1, 2, 3, 4), LONG)
        run.wait_for_first_size()
        agents[3].process.kill()
        start = time.monotonic()
        kept = run.end(3, 60)
        expect(time.monotonic() - start < 30, "took too long")
        expect("1 of 4 hosts died: 'n3'" in run.err, run.err)
        expect([o["size_bytes"] for o in kept["operations"]] == [4096], kept["operations"])


ROCE = {
    "table and measurement": table_and_measurement,
    "two ranks": every_kind(2, 1),
    "three ranks, int32": every_kind(3, 1, type_="int32"),
    "seven ranks, double": every_kind(7, 1, type_="double"),
    "eight ranks, half": every_kind(8, 1, type_="half"),
    "two hosts with three ranks": every_kind(2, 3),
    "four hosts with two ranks over NICs": every_kind(4, 2, "nics"),
    "two hosts with four ranks, int8": every_kind(2, 4, type_="int8"),
    "algorithms of all_reduce": every_algorithm_of_all_reduce,
    "scale-up at a pace": scale_up_at_a_pace,
    "missed threshold fails": missed_threshold_fails,
    "host that dies is named": host_that_dies_is_named,
    "interrupted": interrupted_keeps_what_it_has,
    "over agents": over_agents,
}
IWARP = {
    "three ranks": every_kind(3, 1),
    "three ranks beside TCP": beside_tcp,
    "four hosts with two ranks, int32": every_kind(4, 2, type_="int32"),
    "host that dies is named": host_that_dies_is_named,
    "over agents": over_agents,
}

if __name__ == "__main__":
    sys.exit(pairs.run_all(ROCE if pairs.TRANSPORT == "rxe" else IWARP, sys.argv[1:]))
