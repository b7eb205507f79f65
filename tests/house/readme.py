"""README.md as data: its commands, and the worked example between markers that scripts/update-readme renews.

In the example, lines that start with `$ ` are commands; what follows each is its standard output.
"""
import os
import re
import shlex
import subprocess

import tree

BEGIN, END = "<!-- example: made by scripts/update-readme -->\n```sh\n", "```\n<!-- example ends -->"
EXAMPLE = re.compile(re.escape(BEGIN) + "(.*?)" + re.escape(END), re.DOTALL)
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands():
    """Commands of all ```sh blocks: lines after `$ ` where a block has such, else each line; `\\` joins lines."""
    found = []
    for block in FENCE.findall(tree.text_of("README.md")):
        lines = [re.sub(r"\s+#.*", "", line) for line in block.replace("\\\n", " ").splitlines()]
        prompted = [line[2:] for line in lines if line.startswith("$ ")]
        found += prompted or [line for line in lines if line.strip()]
    return [re.sub(r"\s+", " ", command).strip() for command in found]


def run(command, weft):
    """Runs one `weft ...` command at the root of the tree, without a shell."""
    words = shlex.split(command.replace("\\\n", " "))
    environment = dict(os.environ, PATH=f"{weft.parent}{os.pathsep}{os.environ.get('PATH', '')}")
    return subprocess.run(words, cwd=tree.ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=600)


def regenerated(weft):
    """README.md with the example's output as the given program prints it. Raises RuntimeError when it fails."""
    text = tree.text_of("README.md")
    example = EXAMPLE.search(text)
    if not example:
        raise RuntimeError("README.md has no example between its markers")
    parts = []
    for command in re.findall(r"^\$ ((?:.*\\\n)*.*)$", example.group(1), re.MULTILINE):
        result = run(command, weft)
        if result.returncode != 0:
            raise RuntimeError(f"'{command}' failed: {result.stderr.strip()}")
        output = "\n".join(line.rstrip() for line in result.stdout.strip("\n").split("\n"))
        parts.append(f"$ {command}\n{output}\n")
    return text[:example.start(1)] + "\n".join(parts) + text[example.end(1):]
