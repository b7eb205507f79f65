"""A check that is written but not listed in tests/house.cmake would never run."""
import pathlib
import re
import unittest

import tree


class Registered(unittest.TestCase):
    def test_every_house_check_is_a_test(self):
        listed = set(re.findall(r"\w+", tree.text_of("tests/house.cmake")))
        written = [name for path in sorted(pathlib.Path(__file__).parent.glob("*.py"))
                   for name in re.findall(r"^    def test_(\w+)", path.read_text(), re.MULTILINE)]
        self.assertEqual([name for name in written if name not in listed], [])
