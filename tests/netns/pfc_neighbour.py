"""A port that knows PFC, on a raw socket: pfc_neighbour.py INTERFACE MANNER BITS_PER_SECOND, until SIGTERM.

Sends a frame of priority 3 and one of priority 0 (by DSCP) each millisecond. A PFC frame (IEEE 802.1Qbb) stops its
classes for their quanta of 512 bit times; 0 resumes them. MANNER: obeys; ignores; early and late end a pause at 0.4
and 1.6 of its time; deaf_to_resume waits for the quanta to end. What PFC it heard is printed as JSON at the end.
"""
import json
import select
import signal
import socket
import struct
import sys
import time

ETH_P_ALL, MAC_CONTROL, PFC = 3, 0x8808, 0x0101
PERIOD = 1e-3
SCALES = {"obeys": 1, "ignores": 0, "early": 0.4, "late": 1.6, "deaf_to_resume": 1}


def frame(source, dscp):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, dscp << 2, 46, 0, 0, 64, 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    return b"\x02\0\0\0\0\x02" + source + b"\x08\0" + ip + struct.pack("!HHHH", 50000, 50000, 26, 0) + bytes(18)


def main(interface, manner, rate):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    link.bind((interface, 0))
    link.setblocking(False)
    frames = {3: frame(link.getsockname()[4], 26), 0: frame(link.getsockname()[4], 0)}
    paused_until = [0.0] * 8
    heard = {"pauses": 0, "resumes": 0, "quanta": 0}
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    due = time.monotonic()
    while not ended:
        select.select([link], [], [], max(0, due - time.monotonic()))
        now = time.monotonic()
        try:
            for _ in range(64):  # a flood of pauses must not keep this port from what it has to send
                got = link.recv(2048)
                if len(got) < 34 or struct.unpack("!HH", got[12:16]) != (MAC_CONTROL, PFC):
                    continue
                enabled, *quanta = struct.unpack("!xB8H", got[16:34])
                for priority in (p for p in range(8) if enabled >> p & 1):
                    heard["resumes" if quanta[priority] == 0 else "pauses"] += 1
                    heard["quanta"] = max(heard["quanta"], quanta[priority])
                    if quanta[priority] > 0 or manner != "deaf_to_resume":
                        paused_until[priority] = now + SCALES[manner] * quanta[priority] * 512 / rate
        except BlockingIOError:
            pass
        if now < due:
            continue
        due = max(due + PERIOD, now - 0.1)
        for priority, bytes_of_it in frames.items():
            if now >= paused_until[priority]:
                link.send(bytes_of_it)
    print(json.dumps(heard))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
