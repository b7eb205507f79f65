"""Inside the guest: what stands on the wire, as another dissector (tshark) reads it."""
import collections
import functools
import os
import subprocess
import sys
import tempfile
import time

import pairs
from pairs import expect

FIELDS = ["udp.dstport", "udp.srcport", "ip.dsfield", "infiniband.bth.opcode", "infiniband.bth.destqp", "ip.src"]
PCAP = os.path.join(tempfile.gettempdir(), "pair_wire.pcap")


def captured(test, words):
    """Frames at node 2's port of the bridge during a run: a list of dicts."""
    dump = subprocess.Popen(["tcpdump", "--immediate-mode", "-B", "16384", "-Z", "root", "-U", "-s", "200", "-i", "eth2", "-w", PCAP, "udp port 4791"],
                            stderr=subprocess.PIPE, text=True)
    expect("listening" in dump.stderr.readline(), "tcpdump does not listen")
    try:
        pairs.pair(test, words)
        time.sleep(0.5)
    finally:
        dump.terminate()
        dump.communicate()
    command = ["tshark", "-n", "-r", PCAP, "-T", "fields", "-E", "separator=;"]
    for field in FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
    frames = [dict(zip(FIELDS, line.split(";"))) for line in out.splitlines()]
    expect(frames, "nothing on the wire")
    for frame in frames:
        expect(frame["udp.dstport"] == "4791" and frame["infiniband.bth.opcode"], f"not RoCEv2: {frame}")
    return frames


def opcodes(op, transport, allowed):
    words = ["--op", op, "--transport", transport, "--iterations", "40"]
    seen = {int(f["infiniband.bth.opcode"]) for f in captured("bw", words if "atomic" in op else words + ["--sizes", "4096"])}
    expect(seen == allowed, f"opcodes {seen}, not {allowed}")


def source_ports(label):
    """UDP source ports of the caller's QPs, by destination QP."""
    words = ["--op", "write", "--qps", "8", "--iterations", "20", "--sizes", "512", "--flow-label", str(label)]
    ports = collections.defaultdict(set)
    for frame in captured("bw", words):
        if frame["ip.src"] == pairs.HERE:
            ports[frame["infiniband.bth.destqp"]].add(int(frame["udp.srcport"]))
    return ports


def flow_labels():
    """A QP has one source port, each QP another; as rdma-core computes it: 0xC000 | (label ^ label >> 14) & 0x3fff."""
    label = 0x12345
    ports = source_ports(label)
    expect(len(ports) == 8 and all(len(p) == 1 for p in ports.values()), ports)
    seen = sorted(port for found in ports.values() for port in found)
    wanted = sorted(0xC000 | ((x & 0x3FFF) ^ (x >> 14)) for x in range(label, label + 8))
    expect(seen == wanted, f"{[hex(p) for p in seen]}, not {[hex(p) for p in wanted]}")


def traffic_class():
    frames = captured("bw", ["--op", "write", "--iterations", "20", "--sizes", "64", "--dscp", "26"])
    seen = {f["ip.dsfield"] for f in frames}
    expect(seen == {"0x68"}, f"TOS {seen}, not DSCP 26")


CASES = {"RC write": functools.partial(opcodes, "write", "RC", {10, 17}),        # WRITE Only, ACK
         "UC send": functools.partial(opcodes, "send", "UC", {36}),              # SEND Only
         "UD send": functools.partial(opcodes, "send", "UD", {100}),             # SEND Only
         "RC read": functools.partial(opcodes, "read", "RC", {12, 16}),          # READ Request, Response Only
         "flow labels": flow_labels, "traffic class": traffic_class}

if __name__ == "__main__":
    sys.exit(pairs.run_all(CASES, sys.argv[1:]))
