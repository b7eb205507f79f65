"""Inside the guest: what goes wrong between two hosts. Each fault has a clear message, the right exit code and a bound on
time, and what was measured before it is kept."""
import os
import signal
import socket
import struct
import sys
import time

import pairs
from pairs import expect, shell

LONG = ["--op", "write", "--sizes", "4K"]


def running(words, listen=()):
    """Both ends in the middle of a long run."""
    listener = pairs.Listener(listen)
    def sent():
        return int(shell("cat /sys/class/infiniband/rxe1/ports/1/hw_counters/sent_pkts"))

    before = sent()
    caller = pairs.Caller("bw", words)
    deadline = time.monotonic() + 20
    while sent() < before + 500 and time.monotonic() < deadline and caller.process.poll() is None:
        time.sleep(0.1)
    time.sleep(1)
    expect(caller.process.poll() is None, "the run did not last")
    return listener, caller


def peer_killed():
    for op in ("write", "send"):
        listener, caller = running(["--op", op, "--sizes", "4K", "--duration", "60s"])
        listener.process.kill()
        start = time.monotonic()
        code, out, errors = caller.end(30)
        expect(code == 3 and time.monotonic() - start < 15, f"{code} after {time.monotonic() - start:.1f} s: {errors}")
        expect("the peer closed the control connection" in errors or "failed" in errors, errors)
        expect(" 4096 " in out and caller.points()[0]["messages"] > 100, f"nothing kept: {out}")


def caller_killed():
    listener, caller = running(LONG + ["--duration", "60s"])
    caller.process.kill()
    caller.process.communicate()
    expect(listener.end(15) == 3 and "closed the control connection" in listener.text(), listener.text())


def peer_hangs():
    """Stopped, not dead: its device still answers writes, but it says nothing any more."""
    listener, caller = running(LONG + ["--duration", "60s"])
    listener.process.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    code, _, errors = caller.end(40)
    listener.process.kill()
    expect(code == 3 and "said nothing for too long" in errors, f"{code} {errors}")
    expect(10 < time.monotonic() - start < 25, time.monotonic() - start)
    expect(caller.points()[0]["messages"] > 100, "nothing kept")


def link_down():
    """Down and not up again: the control connection and the QP both fail; whichever is first ends the run."""
    listener, caller = running(LONG + ["--duration", "60s"])
    shell("ip -n fabric link set p2 down")
    try:
        start = time.monotonic()
        code, _, errors = caller.end(45)
        expect(code == 3 and time.monotonic() - start < 40, f"{code} after {time.monotonic() - start:.1f} s: {errors}")
        expect("the peer does not answer" in errors or "too long" in errors or "lost the control" in errors, errors)
        expect(caller.points()[0]["messages"] > 100, "nothing kept")
        expect(listener.end(45) == 3, listener.text())
    finally:
        listener.process.kill()
        shell("ip -n fabric link set p2 up")


def link_flaps():
    """Down for a second and up again: RC repeats what was lost, the run goes on, every byte is right."""
    listener, caller = running(LONG + ["--duration", "9s", "--verify", "--depth", "16"])
    shell("ip -n fabric link set p2 down; sleep 1; ip -n fabric link set p2 up")
    code, _, errors = caller.end(60)
    expect(code == 0, f"{code} {errors}")
    expect(listener.end() == 0, listener.text())
    point = caller.points()[0]
    expect(point["counters"]["corrupt"] == 0 and point["counters"]["lost"] == 0, point)


def loss():
    """RC repeats, UC and UD report what was lost; no byte is wrong."""
    shell("tc -n fabric qdisc add dev p2 root netem loss 2% limit 100000")
    try:
        for transport, op, words in (("RC", "send", ["--iterations", "150"]), ("UC", "send", ["--iterations", "1500"]),
                                     ("UC", "write_imm", ["--iterations", "600"]), ("UC", "write", ["--iterations", "600"]),
                                     ("UD", "send", ["--iterations", "1500"])):
            listener = pairs.Listener()
            caller = pairs.Caller("bw", ["--op", op, "--transport", transport, "--sizes", "2K", "--verify",
                                         "--depth", "32", *words])
            code, _, errors = caller.end(100)
            expect(code == 0, f"{transport}: {code} {errors}")
            listener.end()
            counters = caller.points()[0]["counters"]
            expect(counters["corrupt"] == 0, counters)
            expect(counters["lost"] == 0 if transport == "RC" else 2 < counters["lost"] < 120, f"{transport}: {counters}")
        listener = pairs.Listener()
        caller = pairs.Caller("lat", ["--op", "send", "--transport", "UD", "--iterations", "600", "--verify"])
        code, _, errors = caller.end(100)
        expect(code == 0 and listener.end() == 0, f"{code} {errors}")
        point = caller.points()[0]
        expect(point["messages"] == 600 and 0 < point["counters"]["lost"] < 60 and point["counters"]["corrupt"] == 0, point)
    finally:
        shell("tc -n fabric qdisc del dev p2 root")


def reordering():
    """Seven of ten frames come 10 ms late: UD's messages overtake each other, none is lost or wrong."""
    shell("tc -n fabric qdisc add dev p2 root netem delay 10ms reorder 30% limit 100000")
    try:
        caller = pairs.pair("bw", ["--op", "send", "--transport", "UD", "--sizes", "2K", "--verify", "--depth", "32",
                                   "--iterations", "600"])
        counters = caller.points()[0]["counters"]
        expect(counters["corrupt"] == 0 and counters["lost"] == 0 and counters["checked"] == 600, counters)
        expect(60 < counters["reordered"] < 540, counters)
        # One in ten so late that its round is over, and it counts as lost, before it comes.
        shell("tc -n fabric qdisc change dev p2 root netem delay 300ms reorder 90% limit 100000")
        caller = pairs.pair("bw", ["--op", "send", "--transport", "UD", "--sizes", "2K", "--verify", "--depth", "32",
                                   "--iterations", "160"])
        counters = caller.points()[0]["counters"]
        expect(counters["corrupt"] == 0 and counters["reordered"] > 3 and counters["lost"] < 16, counters)
    finally:
        shell("tc -n fabric qdisc del dev p2 root")


def refused(words, code, texts, listen=(), prefix=(), listener_prefix=(), test="bw"):
    listener = pairs.Listener(listen, listener_prefix)
    caller = pairs.Caller(test, words, prefix)
    try:
        got, _, errors = caller.end(40)
        both = errors + " / " + listener.text()
        expect(got == code, f"exit {got}, not {code}: {both}")
        for text in texts:
            expect(text in both, f"no '{text}' in {both}")
    finally:
        listener.process.kill()
        listener.process.wait()


def mixed(x):
    """As verbs/pattern.h."""
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
    return x ^ x >> 31


def first_slot(pid, memory, size):
    """Address of the page that begins with the first bytes of a message of QP 0 that stands in slot 0 of 128."""
    starts = {mixed(mixed(mixed(size) ^ message)).to_bytes(8, "little") for message in range(0, 128 * 1000, 128)}
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
            spans = [[int(x, 16) for x in line.split()[0].split("-")] for line in maps if "rw-p" in line]
        for begin, end in spans:
            for page in range(begin, end if end - begin >= 16 << 20 else begin, 4096):
                memory.seek(page)
                if memory.read(8) in starts:
                    return page
    raise pairs.Wrong("the messages are nowhere in memory")


def wrong_bytes():
    """Bytes changed behind the device's back in the listener's memory are found, of what is read and what is written."""
    for op in ("read", "write"):
        listener, caller = running(["--op", op, "--sizes", "64K", "--duration", "9s", "--verify"])
        try:
            with open(f"/proc/{listener.process.pid}/mem", "r+b", buffering=0) as memory:
                slot = first_slot(listener.process.pid, memory, 65536)
                until = time.monotonic() + 2
                place = 1000
                while time.monotonic() < until:
                    memory.seek(slot + place)
                    memory.write(b"\x00\xff")
                    place = (place + 65536 * 7) % (8 << 20)  # 128 slots
            code, _, errors = caller.end(40)
            expect(code == 1 and "messages arrived with wrong bytes" in errors, f"{op}: {code} {errors}")
            expect(caller.points()[0]["counters"]["corrupt"] > 0, caller.points())
        finally:
            listener.process.kill()
            listener.process.wait()


def wrong_gid():
    refused(["--gid-index", "77"], 2, ["no such GID index: '77'", "1 (::ffff:192.0.2.1)"])
    # One that exists but leads nowhere from here: link-local, of another kind than the peer's.
    refused(["--gid-index", "0", "--iterations", "10"], 3, ["QP"])


def mtu_mismatch():
    shell("ip link set eth2 mtu 1500")
    try:
        refused(["--mtu", "4096"], 3, ["MTU 4096 does not fit rxe2"])
        caller = pairs.pair("bw", ["--iterations", "50", "--sizes", "64K", "--verify"])
        expect(any("MTU 1024: the smaller of" in note for note in caller.notes()), caller.notes())
    finally:
        shell("ip link set eth2 mtu 4200")
    refused(["--mtu", "1000"], 2, ["not an MTU of RDMA: '1000'"])


def out_of_qps():
    """The kernel's rdma controller gives the caller 20 objects of the device: some QPs, not 64."""
    shell("mkdir -p /run/cg && mount -t cgroup2 none /run/cg && echo +rdma >/run/cg/cgroup.subtree_control && "
          "mkdir /run/cg/few && echo 'rxe1 hca_handle=10 hca_object=20' >/run/cg/few/rdma.max")
    refused(["--qps", "64"], 3, ["cannot create a RC QP", "of 64; the device says it has", "fewer --qps"],
            prefix=["bash", "-c", 'echo $$ >/run/cg/few/cgroup.procs && exec "$@"', "bash"])


def locked_memory():
    """Without CAP_IPC_LOCK the limit counts."""
    prefix = ["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "--no-new-privs", "prlimit", "--memlock=65536:65536"]
    refused(["--sizes", "1M"], 3, ["cannot register memory", "limit of locked memory is 64 KiB", "ulimit -l"], prefix=prefix)


def permission_denied():
    shell("chmod 600 /dev/infiniband/uverbs*")
    try:
        prefix = ["setpriv", "--reuid=65534", "--clear-groups"]
        refused([], 3, ["cannot open the RDMA device", "Permission denied", "/dev/infiniband/uverbs"], prefix=prefix)
    finally:
        shell("chmod 666 /dev/infiniband/uverbs*")


def no_such_device():
    refused(["--device", "mlx5_9"], 2, ["no such RDMA device: 'mlx5_9'; there are rxe1, rxe2"])


def no_such_feature():
    refused(["--transport", "XRC"], 3, ["the device has no XRC"])
    refused(["--memory", "dmabuf:cuda", "--verify"], 2, ["memory that the host cannot see has no --verify"])
    refused(["--memory", "dmabuf:cuda"], 3, ["no CUDA driver on this host"])


def random_bytes():
    """The listener says what it got, and serves the next one that speaks its language."""
    listener = pairs.Listener()
    for sent in (b"GET / HTTP/1.0\r\n\r\n", os.urandom(4096), b"WEFT", b"WEFT\0\2\0\1\0\0\0\4null", b""):
        with socket.create_connection((pairs.THERE, 18600), 5) as client:
            client.sendall(sent)
    code, _, errors = pairs.Caller("bw", ["--iterations", "50"]).end(40)
    expect(code == 0, f"{code} {errors} {listener.text()}")
    expect(listener.end() == 0, listener.text())
    expect("does not speak weft's protocol: 'GET" in listener.text(), listener.text())


def other_version():
    listener = pairs.Listener()
    with socket.create_connection((pairs.THERE, 18600), 5) as client:
        client.sendall(b"WEFT" + struct.pack(">HHI", 7, 1, 2) + b"{}")
        answer = client.recv(1000)
    expect(b"version 7 of weft's protocol, this weft version 2" in answer, answer)
    listener.process.kill()
    listener.process.wait()
    with socket.create_server((pairs.THERE, 18600)) as server:
        caller = pairs.Caller("bw", [])
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"WEFT" + struct.pack(">HHI", 9, 1, 2) + b"{}")
            code, _, errors = caller.end(30)
    expect(code == 2 and "version 9 of weft's protocol" in errors, f"{code} {errors}")


def nobody_there():
    code, _, errors = pairs.Caller("bw", []).end(30)
    expect(code == 3 and "--listen" in errors, f"{code} {errors}")


def interrupted():
    """Ctrl-C ends a run without end, keeps its figures and the listener's good end."""
    listener, caller = running(LONG + ["--until-interrupted"])
    time.sleep(2)
    pairs.interrupt(caller.process)
    code, out, errors = caller.end(15)
    expect(code == 130, f"{code} {errors}")
    point = caller.points()[0]
    expect(point["messages"] > 100 and point["latency"]["p99_99_ps"] > 0 and " 4096 " in out, point)
    counts = [int(row.split()[1]) for row in out.splitlines()[1:]]  # one a second, then all
    expect(len(counts) >= 3 and sum(counts[:-1]) <= counts[-1] == point["messages"], out)
    expect(listener.end(15) == 0, listener.text())
    listener = pairs.Listener()
    pairs.interrupt(listener.process)
    expect(listener.end(10) == 130, listener.text())


def port_taken():
    with socket.create_server((pairs.THERE, 18600)):
        listener = pairs.Listener(wait=False)
        expect(listener.end(10) == 3 and "--control-port" in listener.text(), listener.text())


CASES = {"peer killed": peer_killed, "caller killed": caller_killed, "peer hangs": peer_hangs, "link down": link_down,
         "link flaps": link_flaps, "loss": loss, "reordering": reordering, "wrong bytes": wrong_bytes,
         "wrong GID": wrong_gid, "MTU mismatch": mtu_mismatch,
         "out of QPs": out_of_qps, "locked memory": locked_memory, "permission denied": permission_denied,
         "no such device": no_such_device, "no such feature": no_such_feature, "random bytes": random_bytes,
         "other version": other_version, "nobody there": nobody_there, "interrupted": interrupted, "port taken": port_taken}

if __name__ == "__main__":
    sys.exit(pairs.run_all(CASES, sys.argv[1:]))
