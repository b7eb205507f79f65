"""Inside the guest: every operation over every transport in every mode, each byte of each message checked."""
import functools
import sys

import pairs

OPS = {"RC": ["write", "write_imm", "read", "send", "atomic_cas", "atomic_fadd"],
       "UC": ["write", "write_imm", "send"],
       "UD": ["send"]}
SIZES = [1, 64, 4096, 100000]
MESSAGES = 60
BANDWIDTH = {"polled": [], "events": ["--events"], "both_ways": ["--bidirectional"],
             "lists": ["--qps", "5", "--post-list", "8", "--cq-moderation", "4", "--depth", "16"],
             "inline": ["--inline", "64", "--depth", "3"]}
LATENCY = {"polled": [], "events": ["--events"]}


def words_of(op, transport, messages):
    words = ["--op", op, "--transport", transport, "--verify", "--iterations", str(messages)]
    return words if op.startswith("atomic") else words + ["--sizes", ",".join(map(str, SIZES))]


def sizes_of(op, transport):
    if op.startswith("atomic"):
        return [8]
    return [size for size in SIZES if size <= 4096] if transport == "UD" else SIZES


def bandwidth(op, transport, mode):
    words = BANDWIDTH[mode]
    caller = pairs.pair("bw", words_of(op, transport, MESSAGES) + words)
    sending = MESSAGES * (5 if "--qps" in words else 1) * (2 if "--bidirectional" in words else 1)
    sizes = sizes_of(op, transport)
    if transport == "UD":
        pairs.expect("cut to 4096 B" in " ".join(caller.notes()), caller.notes())
        sizes = sizes + [4096] if sizes[-1] != 4096 else sizes
    pairs.whole(caller, sizes, sending)


def latency(op, transport, mode):
    caller = pairs.pair("lat", words_of(op, transport, 30) + LATENCY[mode])
    pairs.whole(caller, sizes_of(op, transport), 30)


def shared_queue(op, transport):
    caller = pairs.pair("bw", words_of(op, transport, MESSAGES) + ["--srq", "--qps", "4", "--receives", "256"])
    pairs.whole(caller, sizes_of(op, transport), 4 * MESSAGES)


def by_cm(test, op, transport):
    words = words_of(op, transport, MESSAGES) + ["--rdma-cm"] + (["--qps", "3", "--bidirectional"] if test == "bw" else [])
    words += ["--reads", "1"] if op == "read" else []
    pairs.whole(pairs.pair(test, words), sizes_of(op, transport), MESSAGES * (6 if test == "bw" else 1))


def many_qps():
    words = ["--op", "write", "--qps", "256", "--iterations", "20", "--sizes", "512", "--verify"]
    pairs.whole(pairs.pair("bw", words, seconds=120), [512], 256 * 20)


def largest_message():
    caller = pairs.pair("bw", ["--op", "send", "--iterations", "3", "--sizes", "8M,16M", "--verify", "--depth", "2"])
    pairs.whole(caller, [8 << 20], 3)
    pairs.expect("messages of 16777216 B cut to 8388608 B" in " ".join(caller.notes()), caller.notes())


def unchecked():
    """The usual fast path: no checks, all messages, percentiles with a duration, the sweep as one Measurement."""
    caller = pairs.pair("bw", ["--op", "write", "--iterations", "300", "--sizes", "2:64K:x8", "--warm-up", "20"])
    pairs.whole(caller, [2, 16, 128, 1024, 8192, 65536], 300, checked=False)
    caller = pairs.pair("bw", ["--op", "send", "--duration", "700ms", "--sizes", "2,4K"])
    pairs.expect(all(0.6 < p["time_ps"] / 1e12 < 5 for p in caller.points()), caller.points())
    caller = pairs.pair("lat", ["--op", "write", "--duration", "500ms"])
    point = caller.points()[0]
    pairs.expect(point["latency"]["samples"] == point["messages"] > 50, point)


def rate_limit():
    caller = pairs.pair("bw", ["--op", "write", "--duration", "2s", "--sizes", "4K", "--rate-limit", "20Mbps"])
    gbits = caller.points()[0]["gbits_per_s_average"]
    pairs.expect(0.017 < gbits < 0.0205, f"{gbits} Gb/s under a limit of 0.02")


def thresholds():
    for words, missed in ((["--min-gbits", "1000"], "below --min-gbits 1000"), (["--max-usec", "0.001"], "above --max-usec 0.001")):
        listener = pairs.Listener()
        caller = pairs.Caller("bw", ["--iterations", "50", "--sizes", "2,64K", *words])
        code, _, errors = caller.end()
        listener.end()
        pairs.expect(code == 1 and "2 B: " in errors and "65536 B: " in errors and missed in errors, f"{code} {errors}")
        pairs.expect(all(p["failures"] for p in caller.points()), caller.points())


def iwarp(test, op):
    words = words_of(op, "RC", MESSAGES) + ["--rdma-cm"] + (["--qps", "3"] if test == "bw" else [])
    pairs.whole(pairs.pair(test, words), sizes_of(op, "RC"), MESSAGES * (3 if test == "bw" else 1))


def iwarp_limits():
    for words, text in ((["--op", "write"], "iWARP: it has RC over rdma_cm only"),
                        (["--op", "atomic_fadd", "--rdma-cm"], "no atomics")):
        listener = pairs.Listener()
        code, _, errors = pairs.Caller("bw", words).end()
        listener.process.kill()  # it never got a plan, and listens on
        pairs.expect(code in (2, 3) and text in errors, f"{code} {errors}")


def iwarp_beside_tcp():
    """Of the 12 QPs' ports and the listener's, half are taken at first: others are found."""
    with pairs.half_the_ports_taken():
        caller = pairs.pair("bw", ["--op", "write", "--rdma-cm", "--qps", "12", "--sizes", "4K", "--iterations", "20", "--verify"])
    pairs.whole(caller, [4096], 240)


def rxe_cases():
    cases = {}
    for transport, ops in OPS.items():
        for op in ops:
            for mode in BANDWIDTH:
                if mode == "inline" and (op == "read" or op.startswith("atomic")):
                    continue
                cases[f"bw {op} {transport} {mode}"] = functools.partial(bandwidth, op, transport, mode)
            for mode in LATENCY:
                if not (mode == "events" and op == "write"):
                    cases[f"lat {op} {transport} {mode}"] = functools.partial(latency, op, transport, mode)
    for op, transport in (("send", "RC"), ("write_imm", "RC"), ("send", "UD")):
        cases[f"srq {op} {transport}"] = functools.partial(shared_queue, op, transport)
        cases[f"rdma_cm {op} {transport}"] = functools.partial(by_cm, "bw", op, transport)
    for op in ("write", "read", "atomic_cas"):
        cases[f"rdma_cm {op} RC"] = functools.partial(by_cm, "bw", op, "RC")
    cases["rdma_cm latency"] = functools.partial(by_cm, "lat", "send", "RC")
    cases |= {"256 QPs": many_qps, "largest message": largest_message, "unchecked": unchecked, "rate limit": rate_limit,
              "thresholds": thresholds}
    return cases


def siw_cases():
    cases = {f"{test} {op} iWARP": functools.partial(iwarp, test, op)
             for test in ("bw", "lat") for op in ("write", "read", "send")}
    return cases | {"iWARP says what it has not": iwarp_limits, "iWARP beside TCP": iwarp_beside_tcp}


if __name__ == "__main__":
    sys.exit(pairs.run_all(siw_cases() if pairs.TRANSPORT == "siw" else rxe_cases(), sys.argv[1:]))
