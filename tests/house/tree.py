"""The tracked files of the tree, and where the build is. Shared by the house checks."""
import functools
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEFT_BINARY_DIR", ROOT / "build" / "release"))
SOURCE_SUFFIXES = (".h", ".cc")


@functools.lru_cache
def tracked_files():
    """Paths relative to the root. Without git (a tarball): every file outside build folders."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            return tuple(sorted(p for p in listed.stdout.split("\0") if p and (ROOT / p).is_file()))
    files = (p.relative_to(ROOT) for p in ROOT.rglob("*") if p.is_file())
    return tuple(sorted(str(p) for p in files if p.parts[0] not in ("build", ".git") and "__pycache__" not in p.parts))


def sources():
    """C++ files."""
    return [p for p in tracked_files() if p.endswith(SOURCE_SUFFIXES)]


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def weft_program():
    """The built weft command, or None where this tree or build has none."""
    for candidate in (BUILD / "apps" / "weft", BUILD / "weft", BUILD / "bin" / "weft"):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    return None
