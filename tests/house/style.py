"""What of STYLE a machine can see: sizes, leftovers, format, nothing of anyone's machine."""
import re
import shutil
import subprocess
import unittest

import tree

MAX_FILE_LINES = 450
MAX_FUNCTION_LINES = 90  # the taste is 70; beyond this it no longer fits any screen
# Written before the format check came; scripts/format makes them follow it, then they leave this list.
AWAITING_FORMAT = set()
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# A home folder, a scratch file by name, a mail address.
MACHINE = re.compile(r"/(home|root|Users|work)/\w|/tmp/\w|\b[\w.]+@[\w-]+\.\w+")
TEXT_SUFFIXES = (".h", ".cc", ".py", ".md", ".txt", ".cmake", ".yaml", ".json", ".csv", "")


# An opening brace whose statement, joined to one line, has a parameter list and is no control flow or initializer.
NO_FUNCTION = re.compile(r"^(if|for|while|switch|namespace|\} else|else|do|return|case|class|struct|enum)\b|^\}")
FUNCTION = re.compile(r"^[^;=(]*?([\w:~]+|operator\S+)\(.*\).*\{$")


def function_lengths(text):
    """(name, lines) of each function of a formatted file: from its first line to the brace at the same indent."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not line.endswith("{"):
            continue
        first = number
        while first > 0 and number - first < 12:
            joined = " ".join(part.strip() for part in lines[first:number + 1])
            in_initializers = joined.startswith(":") or lines[first - 1].endswith(",")
            if joined.count("(") >= joined.count(")") and not in_initializers:
                break
            first -= 1
        indent = lines[first][:len(lines[first]) - len(lines[first].lstrip())]
        match = FUNCTION.match(joined := " ".join(part.strip() for part in lines[first:number + 1]))
        if not match or NO_FUNCTION.match(joined) or len(indent) > 4:
            continue
        for end in range(number + 1, len(lines)):
            if lines[end].startswith(indent + "}"):
                yield match.group(1), end - first + 1
                break


def house_files():
    """Text files that people write; fuzz corpora and golden files are data."""
    for path in tree.tracked_files():
        name = path.rsplit("/", 1)[-1]
        suffix = "." + name.rsplit(".", 1)[1] if "." in name[1:] else ""
        if suffix in TEXT_SUFFIXES and not path.startswith(("tests/fuzz/", "tests/golden/")):
            yield path


class Style(unittest.TestCase):
    maxDiff = None

    def test_files_tell_one_story(self):
        long = [f"{p}: {n} lines" for p in tree.sources() if (n := tree.text_of(p).count("\n")) > MAX_FILE_LINES]
        self.assertEqual(long, [], f"split files above {MAX_FILE_LINES} lines")

    def test_functions_fit_a_screen(self):
        found = [(p, name, n) for p in tree.sources() for name, n in function_lengths(tree.text_of(p))]
        for path, name, lines in found:
            if lines > 70:
                print(f"warning: {path}: {name} has {lines} lines")
        self.assertEqual([f for f in found if f[2] > MAX_FUNCTION_LINES], [])

    def test_function_lengths_are_seen(self):
        text = ("int f(int a,\n      int b) {\n  if (a) {\n    g();\n  }\n}\n\nclass C {\n  C()\n      : a_(1),\n        b_(2) {\n  }\n};\n"
                "namespace {\nconst T k = {{f(1),\n  2}};\n}\n")
        self.assertEqual(list(function_lengths(text)), [("f", 6), ("C", 4)])

    def test_no_leftovers(self):
        found = [f"{p}: {m.group()}" for p in house_files() if p != "tests/house/style.py"
                 for m in LEFTOVER.finditer(tree.text_of(p))]
        self.assertEqual(found, [])

    def test_no_tabs_and_no_blank_ends(self):
        found = [f"{p}:{n}" for p in house_files() for n, line in enumerate(tree.text_of(p).split("\n"), 1)
                 if "\t" in line or line != line.rstrip()]
        self.assertEqual(found, [])

    def test_nothing_names_a_machine(self):
        found = [f"{p}: {m.group()}" for p in house_files() if p != "tests/house/style.py"
                 for m in MACHINE.finditer(tree.text_of(p))]
        self.assertEqual(found, [])

    def test_sources_are_formatted(self):
        if not shutil.which("clang-format"):
            self.skipTest("clang-format is not installed")
        unformatted = []
        for path in tree.sources():
            if path not in AWAITING_FORMAT:
                run = subprocess.run(["clang-format", "--dry-run", "-Werror", path], cwd=tree.ROOT, check=False,
                                     stdin=subprocess.DEVNULL, capture_output=True)
                if run.returncode != 0:
                    unformatted.append(path)
        self.assertEqual(unformatted, [], "run scripts/format")

    def test_lint_settings_parse(self):
        if not shutil.which("clang-tidy"):
            self.skipTest("clang-tidy is not installed")
        run = subprocess.run(["clang-tidy", "--dump-config"], cwd=tree.ROOT, check=False,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("readability-identifier-naming", run.stdout)

    def test_packages_are_explained(self):
        for line in tree.text_of("scripts/packages.txt").splitlines():
            if not line.startswith("#"):
                self.assertRegex(line, r"^(predict|test|validate) [a-z0-9.+-]+ +# .{8,}")
