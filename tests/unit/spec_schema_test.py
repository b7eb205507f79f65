"""The schema accepts every good example and the corpus' good files, and refuses what the parser refuses by shape."""
import json
import pathlib
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (python3-jsonschema, python3-yaml)")
    sys.exit(77)

SOURCE = pathlib.Path(sys.argv[1])
SCHEMA = json.loads((SOURCE / "topologies/fabric.schema.json").read_text())
BAD = {
    "unknown key": "name: a\nhosts: {cuont: 4}",
    "missing unit": "name: a\nhosts: {count: 4, nic_rate: 400}",
    "missing count": "name: a\nhosts: {gpus: 8}",
    "missing name": "hosts: {count: 4}",
    "unknown kind": "name: a\nhosts: {count: 4}\ntopology: {kind: torus}",
    "radix 0": "name: a\nhosts: {count: 4}\nswitch: {radix: 0}",
    "radix of an unknown tier": "name: a\nhosts: {count: 4}\nswitch: {radix: {top: 64}}",
    "text for a number": "name: a\nhosts: {count: '4'}",
    "map for a list": "name: a\nhosts: {count: 4}\nfailures: {name: x}",
}


class Yaml12Loader(yaml.SafeLoader):
    """YAML 1.2 values: PyYAML reads 1.1, where yes is a flag and 1:30 a number."""

    yaml_implicit_resolvers = {}


for tag, pattern, first in (("bool", "true|false", "tf"), ("int", "[0-9]+", "0123456789"),
                            ("float", r"[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?", ".0123456789")):
    Yaml12Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^({pattern})$"), list(first))


def main() -> int:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    failed = 0
    examples = sorted((SOURCE / "topologies/specs").glob("*.yaml")) + sorted((SOURCE / "tests/fuzz/corpus/spec").glob("good_*"))
    for path in examples:
        text = re.sub(r"^--set .*\n", "", path.read_text())  # the corpus' overrides
        for error in validator.iter_errors(yaml.load(text, Loader=Yaml12Loader)):
            print(f"{path}: {'.'.join(map(str, error.absolute_path))}: {error.message}")
            failed += 1
    for what, text in BAD.items():
        if validator.is_valid(yaml.load(text, Loader=Yaml12Loader)):
            print(f"accepted, but wrong: {what}")
            failed += 1
    print(f"{len(examples)} examples, {len(BAD)} wrong files, {failed} failures")
    return 1 if failed or not examples else 0


if __name__ == "__main__":
    sys.exit(main())
