"""The shape of the project: imports point one way, the public surface is a list, nothing heavy loads early."""
from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jetracer

ROOT = Path(jetracer.__file__).parent

# A folder imports only from rows above its own; folders of one row do not see each other. No exceptions.
ROWS = [
    {"core"},
    {"camera", "engine", "car", "display", "teleop"},
    {"perception", "data", "graph"},
    {"control", "models"},
    {"safety"},
    {"sim"},
    {"drive"},
    {"train", "calibrate"},
    {"export"},
    {"optimize"},
    {"deploy", "doctor", "service", "web", "widgets", "racecar"},
    {"cli", "compat", "nvidia_racecar"},
    {"__main__"},
]
ONLY = {"safety": {"core", "car"}}
HEAVY = {"torch", "cv2", "onnx", "onnxruntime", "openvino", "numpy", "smbus2", "tensorrt", "luma", "traitlets",
         "tornado"}


def folder_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else path.stem


def imports_of(path: Path):
    """Every `jetracer.X` imported anywhere in the file, as (line, X); relative imports are not used here."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "jetracer" and len(parts) > 1 and parts[1] != "__version__":
                yield node.lineno, parts[1]


def test_imports_point_one_way():
    level = {folder: number for number, row in enumerate(ROWS) for folder in row}
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        own = folder_of(path)
        if own == "__init__":
            continue
        assert own in level, f"{path} is in a folder that docs/architecture.md does not know"
        for line, other in imports_of(path):
            if other == own:
                continue
            allowed = ONLY.get(own) or {folder for folder in level if level[folder] < level[own]}
            if other not in allowed:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_the_public_surface_is_a_short_list_and_every_name_is_there():
    assert len(jetracer.__all__) <= 12
    for name in jetracer.__all__:
        assert getattr(jetracer, name) is not None
        assert name in dir(jetracer)
    with pytest.raises(AttributeError, match="has no attribute 'Comand'; it has"):
        _ = jetracer.Comand


@pytest.mark.parametrize("arguments", [["-c", "import jetracer"], ["-m", "jetracer.cli.main", "--help"]])
def test_nothing_heavy_is_loaded_early(arguments):
    code = arguments[1] if arguments[0] == "-c" else (
        f"import runpy, sys; sys.argv = ['jetracer', *{arguments[2:]!r}]\n"
        f"try: runpy.run_module({arguments[1]!r}, run_name='__main__')\n"
        "except SystemExit as end: assert not end.code"
    )
    probe = f"{code}\nimport sys\nprint(sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_drive_loop_and_the_guard_need_no_torch():
    probe = (
        "import sys, jetracer.drive.build, jetracer.sim.server, jetracer.safety.failsafe\n"
        "print(sorted(set(sys.modules) & {'torch', 'onnx'}))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_guard_loads_neither_numpy_nor_cv2():
    probe = (
        "import sys, jetracer.safety.failsafe, jetracer.safety.guard, jetracer.car.servo_esc\n"
        "print(sorted(set(sys.modules) & {'torch', 'cv2', 'onnxruntime', 'numpy'}))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_has_a_name_that_says_nothing():
    empty = {"utils.py", "helpers.py", "common.py", "misc.py"}
    assert not [path for path in ROOT.rglob("*.py") if path.name in empty]
