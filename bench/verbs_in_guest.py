"""Runs inside the guest of tests/guest/rdma-guest: weft verbs beside perftest, run by run in turn. JSON on stdout: a list
of rows {test, size, unit, weft: [...], perftest: [...]}, one value a run; instructions are of one message."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

WEFT = os.environ["WEFT"]
HERE, THERE = "192.0.2.1", "192.0.2.2"
# A second and more each: of a tenth of it the start is a part that differs from run to run.
MESSAGES = {2: 20000, 4096: 16000, 1 << 20: 200}
ROUND_TRIPS = {2: 8000, 4096: 5000, 1 << 20: 60}


def listening(port):
    """Whether a TCP socket of node 2 waits at the port."""
    return f":{port} " in subprocess.run(["ss", "-Htln"], capture_output=True, text=True, check=True).stdout


def pair(server, client, port):
    """stdout of the client, run once the server listens. RuntimeError when it fails or hangs."""
    # Each end has a processor of its own, for both tools alike: where the kernel moves an end onto the other's, either tool's
    # latency doubles for the whole run.
    client = ["taskset", "1", *client]
    with subprocess.Popen(["taskset", "2", *server], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as far:
        deadline = time.monotonic() + 60
        while not listening(port):
            if time.monotonic() > deadline or far.poll() is not None:
                far.kill()
                raise RuntimeError(f"{server} does not listen")
            time.sleep(0.05)
        try:
            near = subprocess.run(client, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
            if near.returncode != 0:
                raise RuntimeError(f"{client}: {near.returncode}: {near.stderr[-300:]} {near.stdout[-300:]}")
            far.wait(60)
        finally:
            far.kill()
    return near.stdout


def perftest(op, test, size, count, more=(), prefix=()):
    """One run: Gb/s, or the median latency in us."""
    words = [f"ib_{op}_{test}", "-x", "1", "-F", "-m", "4096", "-u", "18", "-n", str(count), "-s", str(size), *more]
    words += ["--report_gbits"] if test == "bw" else []
    out = pair([*words, "-d", "rxe2"], [*prefix, *words, "-d", "rxe1", THERE], 18515)
    values = re.search(rf"^ *{size} +{count} +(.*)$", out, re.M).group(1).split()
    return float(values[1] if test == "bw" else values[2])


def weft(op, test, size, count, more=(), prefix=()):
    """The same by weft."""
    words = ["--op", op, "--sizes", str(size), "--iterations", str(count), "--json", "-", *more]
    out = pair([WEFT, "verbs", test, "--listen", "--bind", THERE, "--quiet"],
               [*prefix, WEFT, "verbs", test, THERE, "--quiet", *words], 18600)
    point = json.loads(out)["traffic"][0]
    return point["gbits_per_s_average"] if test == "bw" else point["latency"]["p50_ps"] / 1e6


def instructions(run, op, size, more):
    """Instructions of the sending process for one message: the slope between two counts, asleep while it waits."""
    def total(count):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            run(op, "bw", size, count, more, ["valgrind", "--tool=callgrind", f"--log-file={log}",
                                              f"--callgrind-out-file={folder}/out"])
            return int(re.search(r"Collected : (\d+)", log.read_text()).group(1))
    few, many = 2000, 12000
    return (total(many) - total(few)) / (many - few)


def main():
    repeat = int(sys.argv[1])
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    rows = []
    for test in ("bw", "lat"):
        for op in ("write", "read", "send"):
            for size in MESSAGES:
                if only not in f"{op}_{test} {size}":
                    continue
                count = (MESSAGES if test == "bw" else ROUND_TRIPS)[size]
                row = {"test": f"ib_{op}_{test}", "size": size, "unit": "Gb/s" if test == "bw" else "us", "weft": [], "perftest": []}
                for turn in range(repeat):  # in turn, and each first as often
                    for name, run in (("weft", weft), ("perftest", perftest))[::1 if turn % 2 == 0 else -1]:
                        row[name].append(run(op, test, size, count))
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
    if not only or only == "instructions":
        op = "send"  # perftest has no events with write
        row = {"test": f"ib_{op}_bw -e", "size": 64, "unit": "instructions",
               "weft": [instructions(weft, op, 64, ["--events"])], "perftest": [instructions(perftest, op, 64, ["-e"])]}
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    json.dump(rows, sys.stdout)


main()
