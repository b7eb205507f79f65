"""summarize.py FOLDER: failures and skips of ctest's JUnit files and of fuzz.txt, then the closing line.

Exit 1 when something failed or nothing passed.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def skip_reason(output):
    """The reason that a test printed: GoogleTest's line below 'Skipped', or unittest's skipped '...'."""
    found = re.search(r": Skipped\n(.+)", output) or re.search(r"skipped ['\"](.+)['\"]", output)
    return found.group(1).strip() if found else "no reason given"


def ctest_cases(path):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        output = case.findtext("system-out") or ""
        status = case.get("status", "")
        skipped = case.find("skipped")
        if case.find("failure") is not None or status == "fail":
            yield case.get("name"), "failed", ""
        elif status == "disabled":
            yield case.get("name"), "skipped", "disabled"
        elif skipped is not None and skipped.get("message", "").startswith("SKIP_"):
            yield case.get("name"), "skipped", skip_reason(output)
        elif status == "notrun":  # no program, a missing file, a set-up that failed: nothing that the test decided
            yield case.get("name"), "failed", "not run: " + ("" if skipped is None else skipped.get("message", ""))
        else:
            yield case.get("name"), "passed", ""


def fuzz_cases(path):
    for line in path.read_text().splitlines():
        name, status, reason = (line.split(" ", 2) + [""])[:3]
        yield name, status, reason


def main():
    folder = pathlib.Path(sys.argv[1])
    cases = [case for path in sorted(folder.glob("*.xml")) for case in ctest_cases(path)]
    if (folder / "fuzz.txt").exists():
        cases += fuzz_cases(folder / "fuzz.txt")
    count = {status: sum(case[1] == status for case in cases) for status in ("passed", "failed", "skipped")}
    for name, status, reason in cases:
        if status != "passed":
            print(f"{status}: {name}" + (f": {reason}" if reason else ""))
    print(f"{count['skipped']} skips")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
