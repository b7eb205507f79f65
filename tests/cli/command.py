"""Runs the built weft as a user would. Shared by the tests of the command line."""
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEFT_BINARY_DIR", ROOT / "build" / "release"))
WEFT = BUILD / "apps" / "weft"
SPECS = ROOT / "topologies" / "specs"
HGX = SPECS / "hgx-h100-1024.yaml"
# 64 GPUs: quick.
SMALL = (HGX, "--set", "hosts.count=8")


def run(*words, timeout=120, **settings):
    """The finished process with stdout and stderr as text; no terminal anywhere."""
    settings = {"text": True, "stdin": subprocess.DEVNULL, "capture_output": True, **settings}
    return subprocess.run([str(WEFT), *map(str, words)], check=False, timeout=timeout, **settings)


def result(*words, **settings):
    """The JSON that the command writes to stdout. Raises AssertionError with its stderr when it fails."""
    done = run(*words, "--quiet", "--json", "-", **settings) if words[0] == "predict" else run(*words, "--json", "-", **settings)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)
