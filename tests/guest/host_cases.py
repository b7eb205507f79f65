"""Inside the guest: many hosts. Every pair that a shape has is measured, every byte is right; hosts that are slow, dead or silent
are named within a bound, and the rest is kept. What needs no device is in tests/unit/verbs_cluster_test.cc."""
import itertools
import os
import signal
import socket
import sys
import time

import hosts
import pairs
from hosts import Agents, Run, address
from pairs import expect, shell

SHORT = ["--sizes", "4K", "--iterations", "20", "--verify"]
LONG = ["--sizes", "4K", "--duration", "60s"]


def named(*numbers):
    return [f"n{number}" for number in numbers]


def every_pair(nodes):
    return sorted(itertools.permutations(named(*range(1, nodes + 1)), 2))


def measured(nodes, words, expected, messages=20):
    """A good run over nodes 1 to n whose points are these pairs, each with all its messages and bytes."""
    run = Run(range(1, nodes + 1), words).end(0, 120)
    expect(run.pairs() == sorted(expected), f"{run.pairs()}, not {sorted(expected)}")
    for point in run.points():
        counters = point["counters"]
        expect(point["messages"] == messages and point["failures"] == [], point)
        expect(counters["lost"] == 0 and counters["corrupt"] == 0 and counters["checked"] >= messages, point)
    return run


def matrix_of(nodes, op, *words):
    def case():
        with Agents(nodes):
            measured(nodes, ["--shape", "matrix", "--op", op, *SHORT, *words], every_pair(nodes))
    return case


def plan_that_no_device_can_do():
    """Each flow is refused with the way out, at once: nobody waits for a caller that has given up."""
    with Agents(3):
        run = Run(range(1, 4), [*SHORT, *(["--transport", "XRC"] if pairs.TRANSPORT == "rxe" else [])]).end(3, 30)
        expect("XRC" in run.err or "--rdma-cm" in run.err, run.err)
        expect(run.points() == [], run.pairs())


def every_shape():
    """One set of agents serves one coordinator after the other."""
    one, rest = named(1), named(2, 3, 4)
    ring = list(zip(named(1, 2, 3, 4), named(2, 3, 4, 1)))
    halves = list(zip(named(1, 2, 3, 4), named(3, 4, 1, 2)))
    with Agents(4):
        for shape, expected in (("shift", every_pair(4)), ("ring", ring), ("bisection", halves),
                                ("one_to_many", list(itertools.product(one, rest))),
                                ("many_to_one", list(itertools.product(rest, one))), ("all_at_once", every_pair(4))):
            measured(4, ["--shape", shape, "--op", "send", *SHORT], expected)


def slow_host_is_named():
    """Node 3's way out is cut to a crawl: it is named as a sender, and the verdict fails."""
    shell("tc -n fabric qdisc add dev p3 root netem delay 30ms limit 100000")
    try:
        with Agents(4):
            run = Run(range(1, 5), ["--op", "write", "--sizes", "16K", "--iterations", "40", "--depth", "1"], slow_share=0.2)
            run.end(1, 120)
            said = run.out + run.err
            expect("n3 is slow" in said, said)
            for other in named(1, 2, 4):
                expect(f"{other} is slow" not in said, said)
    finally:
        shell("tc -n fabric qdisc del dev p3 root")


def missed_threshold_fails():
    with Agents(2):
        run = Run([1, 2], [*SHORT, "--min-gbits", "1000"]).end(1)
        expect(all(point["failures"] for point in run.points()), run.points())


def struck(blow, code=3, bound=45):
    """A ring of four, eight seconds; node 3's agent gets the blow in the middle. The run names it and keeps the rest."""
    with Agents(4) as agents:
        run = Run(range(1, 5), ["--shape", "ring", "--sizes", "4K", "--duration", "8s"])
        run.wait_for("round 1 of 1")
        time.sleep(2)
        expect(run.process.poll() is None, "the run did not last")
        blow(agents[3])
        run.end(code, bound)
        expect("n3" in run.err, run.err)
        kept = run.pairs()
        expect(("n1", "n2") in kept and ("n4", "n1") in kept, f"not kept: {kept}: {run.err}")


def agent_dies():
    struck(lambda agent: agent.process.kill())


def agent_stalls():
    struck(lambda agent: agent.process.send_signal(signal.SIGSTOP))


def coordinator_dies_and_comes_back():
    with Agents(2):
        run = Run([1, 2], LONG)
        run.wait_for("round 1 of")
        time.sleep(1)
        run.process.kill()
        run.process.wait()
        start = time.monotonic()
        while True:
            again = Run([1, 2], SHORT)
            if again.process.wait(60) == 0:
                break
            expect(time.monotonic() - start < 40, f"agents do not accept again: {again.err} {again.out}")
            time.sleep(1)
        expect(again.pairs() == every_pair(2), again.pairs())


def interrupted_keeps_what_it_has():
    with Agents(3):
        run = Run(range(1, 4), ["--sizes", "4K", "--duration", "3s"])
        run.wait_for(" > ")
        pairs.interrupt(run.process)
        run.end(130, 20)
        expect(1 <= len(run.points()) < 6, run.pairs())


def random_bytes():
    """An agent that strangers talk to serves on."""
    with Agents(2) as agents:
        for node in (1, 2):
            for count in (1, 24, 4096, 100000):
                with socket.create_connection((address(node), hosts.PORT), 5) as stranger:
                    stranger.settimeout(0.2)
                    try:
                        stranger.sendall(os.urandom(count))
                        stranger.recv(4096)
                    except OSError:
                        pass
            expect(agents[node].process.poll() is None, agents[node].text())
        measured(2, SHORT, every_pair(2))


ROCE = {
    "two hosts, write": matrix_of(2, "write"),
    "three hosts, write_imm": matrix_of(3, "write_imm"),
    "four hosts, send": matrix_of(4, "send"),
    "eight hosts, read": matrix_of(8, "read"),
    "every shape": every_shape,
    "slow host is named": slow_host_is_named,
    "missed threshold fails": missed_threshold_fails,
    "plan that no device can do": plan_that_no_device_can_do,
    "agent dies": agent_dies,
    "agent stalls": agent_stalls,
    "coordinator dies and comes back": coordinator_dies_and_comes_back,
    "interrupted": interrupted_keeps_what_it_has,
    "random bytes": random_bytes,
}
IWARP = {
    "three hosts, write": matrix_of(3, "write", "--rdma-cm"),
    "plan that no device can do": plan_that_no_device_can_do,
}

if __name__ == "__main__":
    sys.exit(pairs.run_all(ROCE if pairs.TRANSPORT == "rxe" else IWARP, sys.argv[1:]))
