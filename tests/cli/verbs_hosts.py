"""weft verbs agent and run as a user starts them: on loopback, with traffic that is pretended."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from command import WEFT, run

INPUT, ENVIRONMENT, INTERRUPTED = 2, 3, 130


class VerbsHosts(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.result = self.folder / "result.json"

    def agent(self, port, *words, **variables):
        """An agent that listens; ended with the test. The port is of this process: tests may run at once."""
        process = subprocess.Popen([str(WEFT), "verbs", "agent", "--port", str(port), "--without-rdma", "10", *words],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, **variables})
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertIn("agent listens on", process.stderr.readline())
        return process

    def base(self):
        return 20000 + os.getpid() % 1000 * 10

    def coordinator(self, ports, *words):
        hosts = ",".join(f"n{i}=127.0.0.1:{port}" for i, port in enumerate(ports))
        return ["verbs", "run", "--hosts", hosts, "--sizes", "4K", "--json", str(self.result), *words]

    def pairs(self):
        return sorted((p["from"], p["to"]) for p in json.loads(self.result.read_text()).get("traffic", []))

    def test_ranks_of_a_launcher_have_ports_of_their_own_and_are_noted(self):
        """As Open MPI starts two ranks of one host (mpirun(1): its variables)."""
        for rank in ("0", "1"):
            self.agent(self.base(), OMPI_COMM_WORLD_RANK=rank, OMPI_COMM_WORLD_SIZE="2", OMPI_COMM_WORLD_LOCAL_RANK=rank)
        done = run(*self.coordinator([self.base(), self.base() + 1], "--duration", "20ms"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.pairs(), [("n0", "n1"), ("n1", "n0")])
        notes = " ".join(json.loads(self.result.read_text())["notes"])
        self.assertIn("rank 0 of 2 of Open MPI", notes)
        self.assertIn("rank 1 of 2 of Open MPI", notes)

    def mpirun(self, ranks, *words):
        if not shutil.which("mpirun"):
            self.skipTest("mpirun is not installed (openmpi-bin)")
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1", "-n", str(ranks),
                   str(WEFT), "verbs", *words]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_mpirun_tells_each_process_its_rank(self):
        peers = ",".join(f"127.0.0.1:{self.base() + 3 * i}" for i in range(3))
        words = ("collective", "--peers", peers, "--tcp", "--sizes", "4,64K", "--json", str(self.result))
        process = self.mpirun(3, *words)
        out, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, errors)
        self.assertEqual([line.split()[-1] for line in out.splitlines()], ["#wrong", "0", "0"], out)  # one process prints
        self.assertEqual(json.loads(self.result.read_text())["ranks"], 3)
        process = self.mpirun(2, *words)
        out, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, INPUT, errors)
        self.assertIn("Open MPI started another number of processes than --peers has: '2, not 3'", errors)

    def test_agents_under_mpirun_serve_a_coordinator(self):
        process = self.mpirun(3, "agent", "--port", str(self.base()), "--without-rdma", "10")
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        done = run(*self.coordinator([self.base() + i for i in range(3)], "--duration", "20ms"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.pairs()), 6)
        self.assertIn("rank 2 of 3 of Open MPI", " ".join(json.loads(self.result.read_text())["notes"]))

    def test_bandwidth_is_in_the_unit_that_was_asked_for(self):
        self.agent(self.base())
        self.agent(self.base() + 1)
        csv = self.folder / "rows.csv"
        done = run(*self.coordinator([self.base(), self.base() + 1], "--duration", "20ms", "--unit", "mib", "--csv", str(csv)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("MiB/s, from", done.stdout)
        self.assertNotIn("Gb/s", done.stdout)
        point = json.loads(self.result.read_text())["traffic"][0]
        row = next(line for line in done.stdout.splitlines() if line.startswith(f"{point['from']} > {point['to']}"))
        self.assertAlmostEqual(float(row.split(" MiB/s")[0].split()[-1]), point["gbits_per_s_average"] * 1e9 / 8 / 2**20, places=2)
        head, *rows = [line.split(",") for line in csv.read_text().splitlines()]
        self.assertEqual(len(head), len(set(head)))  # each column once; its unit is in its name
        self.assertEqual(len(rows), 2)
        self.assertEqual({(r[head.index("from")], r[head.index("to")]) for r in rows}, {("n0", "n1"), ("n1", "n0")})

    def test_interrupted_run_keeps_what_it_has_and_agents_serve_on(self):
        ports = [self.base() + i for i in range(3)]
        agents = [self.agent(port) for port in ports]
        process = subprocess.Popen([str(WEFT), *self.coordinator(ports, "--duration", "1s")], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stdout:
            if " > " in line:
                break
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, INTERRUPTED, errors)
        self.assertLess(time.monotonic() - start, 8)
        self.assertTrue(1 <= len(self.pairs()) < 6, f"{self.pairs()} {out}")
        self.assertEqual(run(*self.coordinator(ports, "--duration", "20ms")).returncode, 0)
        agents[0].send_signal(signal.SIGTERM)
        self.assertEqual(agents[0].wait(5), 0)

    def test_tls_by_files(self):
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed")
        key, certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=agent.test", "-addext", "subjectAltName=DNS:agent.test", "-keyout", key, "-out",
                        certificate], check=True, capture_output=True)
        ports = [self.base(), self.base() + 1]
        for port in ports:
            self.agent(port, "--tls-certificate", str(certificate), "--tls-key", str(key))
        words = self.coordinator(ports, "--duration", "20ms", "--wait", "2")
        done = run(*words, "--tls-root", str(certificate), "--tls-name", "agent.test")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run(*words)
        self.assertEqual(done.returncode, ENVIRONMENT, done.stderr)
        self.assertIn("with the same TLS options?", done.stderr)

    def test_wrong_words(self):
        secret = self.folder / "secret"
        secret.write_text("short\n")
        for words, code, message in (
                (("agent", "--listen", "0.0.0.0"), INPUT, "an agent that other hosts reach needs a token"),
                (("agent", "--token", str(secret)), INPUT, "a token has 8 to 1024 characters"),
                (("agent", "--token", "nowhere"), ENVIRONMENT, "cannot read the token"),
                (("agent", "--tls-key", str(secret)), INPUT, "TLS needs a certificate and its key"),
                (("bw", "192.0.2.1", "--rdma-cm", "--mtu", "1024"), INPUT, "rdma_cm chooses the path by itself: '--mtu'"),
                (("run",), INPUT, "no hosts are named"),
                (("run", "--hosts", "a,a"), INPUT, "a host is there twice"),
                (("run", "--hosts", "a:99999"), INPUT, "this is no port"),
                (("run", "--hosts", "a,b", "--shape", "circle"), INPUT, "matrix, shift, one_to_many"),
                (("run", "--hosts", "127.0.0.1:1,127.0.0.1:2", "--shape", "one_to_many", "--hub", "2"), INPUT, "no host has this number"),
                (("run", "--hosts", "127.0.0.1:1", "--duration", "1s"), INPUT, "needs two of them"),
                (("run", "--hosts", "127.0.0.1:1,127.0.0.1:2", "--duration", "1s", "--wait", "1"), ENVIRONMENT, "127.0.0.1:1")):
            with self.subTest(" ".join(words)):
                done = run("verbs", *words, timeout=20)
                self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                self.assertIn(message, done.stderr)

    def test_documentation_names_every_option(self):
        text = (pathlib.Path(__file__).resolve().parents[2] / "docs/verbs-cluster.md").read_text()
        for command in ("agent", "run"):
            own = run("verbs", command, "--help").stdout.split("--op TEXT")[0]
            for option in (word.split(",")[-1] for line in own.splitlines() for word in line.split()[:1]):
                if option.startswith("--") and option not in ("--help", "--ib-port", "--control-port", "--quiet"):
                    self.assertIn(option, text, command)


if __name__ == "__main__":
    unittest.main()
