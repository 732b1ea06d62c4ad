"""Mutation test of the safety folder:   python -m tests.safety.mutants [--min 0.9] [--show]

mutmut (https://pypi.org/project/mutmut, 3.x) changes one thing at a time in a copy of the code and runs the tests:
a mutant that no test notices has survived. Prints the score per file as JSON; exit status 1 when the whole is below
the minimum. `--show` prints the survivors as diffs.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MUTATED = ("gate", "reasons", "limits", "health", "guard", "protocol", "heartbeat")
TESTS = tuple(f"tests/safety/test_{name}.py" for name in MUTATED)
SETUP = f"""[mutmut]
source_paths=jetracer
only_mutate=
{"".join(f"    jetracer/safety/{name}.py{chr(10)}" for name in MUTATED)}
also_copy=
    tests
pytest_add_cli_args=
    -p
    no:randomly
    -p
    no:cacheprovider
pytest_add_cli_args_test_selection=
{"".join(f"    {path}{chr(10)}" for path in TESTS)}
[tool:pytest]
timeout=60
"""
CAUGHT = ("killed", "timeout", "suspicious", "segfault")


def prepare(work: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.onnx")
    shutil.copytree(ROOT / "jetracer", work / "jetracer", ignore=ignore)
    (work / "tests" / "safety").mkdir(parents=True)
    (work / "tests" / "__init__.py").touch()
    for name in ("__init__.py", "rig.py", "processes.py", *(Path(path).name for path in TESTS)):
        shutil.copy(ROOT / "tests" / "safety" / name, work / "tests" / "safety" / name)
    (work / "setup.cfg").write_text(SETUP)


def mutmut(work: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(work)}
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)


def verdicts(work: Path) -> dict:
    """{mutant: verdict}, as `mutmut results` prints them."""
    text = mutmut(work, "results", "--all", "true").stdout
    return dict(re.findall(r"^\s*(\S+__mutmut_\d+): (.+)$", text, re.MULTILINE))


def score(found: dict) -> dict:
    files = defaultdict(Counter)
    for mutant, verdict in found.items():
        file = mutant.split(".")[2]
        files[file]["caught" if verdict in CAUGHT else "survived"] += 1
    whole = sum(files.values(), Counter())
    per_file = {file: dict(count) for file, count in sorted(files.items())}
    return {"tool": "mutmut", "mutants": sum(whole.values()), "caught": whole["caught"],
            "score": whole["caught"] / max(1, sum(whole.values())), "files": per_file}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--min", type=float, default=0.9)
    parser.add_argument("--show", action="store_true", help="print the survivors as diffs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepare(work)
        done = mutmut(work, "run", "--max-children", str(os.cpu_count() or 1))
        found = verdicts(work)
        if not found:
            sys.stderr.write(done.stdout[-4000:] + done.stderr[-4000:])
            return 2
        survivors = [mutant for mutant, verdict in found.items() if verdict not in CAUGHT]
        for mutant in survivors if options.show else ():
            print(found[mutant], mutmut(work, "show", mutant).stdout)
    result = score(found)
    print(json.dumps(result))
    return 0 if result["score"] >= options.min else 1


if __name__ == "__main__":
    sys.exit(main())
