"""Network namespaces that a test makes for itself: hosts and routers on the kernel's own network stack."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEFT = pathlib.Path(os.environ.get("WEFT_BINARY_DIR", ROOT / "build/release")) / "apps/weft"


def call(*words, check=True, timeout=60):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=timeout)
    assert not check or done.returncode == 0, f"{done.args}: {done.stderr}"
    return done


def missing():
    """Why there can be no namespaces here; empty when they can be."""
    absent = [tool for tool in ("ip", "nft") if not shutil.which(tool)]
    if absent:
        return f"not installed: {', '.join(absent)}"
    name = f"weft{os.getpid()}-probe"
    tried = call("ip", "netns", "add", name, check=False)
    call("ip", "netns", "del", name, check=False)
    return f"no network namespaces: {tried.stderr.strip()}" if tried.returncode != 0 else ""


class NamespaceTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if reason := missing():
            self.skipTest(reason)

    def full(self, name):
        return f"weft{os.getpid()}-{name}"

    def namespace(self, *names):
        for name in names:
            call("ip", "netns", "add", self.full(name))
            self.addCleanup(call, "ip", "netns", "del", self.full(name), check=False)
            self.ip(name, "link", "set", "lo", "up")
            self.set(name, "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
                     "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                     "net.ipv4.icmp_ratelimit=0")

    def ip(self, name, *words):
        return call("ip", "-n", self.full(name), *words).stdout

    def within(self, name, *words, check=True, timeout=60):
        return call("ip", "netns", "exec", self.full(name), *words, check=check, timeout=timeout)

    def start(self, name, *words):
        return subprocess.Popen([str(w) for w in ("ip", "netns", "exec", self.full(name), *words)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def set(self, name, *settings):
        for setting in settings:
            key, value = setting.split("=")
            path = "/proc/sys/" + key.replace(".", "/")
            self.within(name, "sh", "-c", f"echo {value} > {path}")

    def veth(self, name, device, peer_name, peer, address="", peer_address="", mtu=4200):
        """A cable between two namespaces, with the addresses "10.0.0.1/24" of its ends."""
        call("ip", "link", "add", "dev", device, "mtu", mtu, "netns", self.full(name), "type", "veth", "peer", "name",
             peer, "mtu", mtu, "netns", self.full(peer_name))
        for place, end, ip in ((name, device, address), (peer_name, peer, peer_address)):
            if ip:
                self.ip(place, "address", "add", ip, "dev", end)
            self.ip(place, "link", "set", "dev", end, "up")

    def mac(self, name, device):
        return json.loads(self.ip(name, "-j", "link", "show", "dev", device))[0]["address"]
