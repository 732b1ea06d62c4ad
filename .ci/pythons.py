"""The car's tests on each Python a car may have, each in a virtual environment of its own; says which is missing.

With --install the environments are made and nothing is run in them.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# JetPack 5 has 3.8, JetPack 6 has 3.10, JetPack 7 has 3.12
VERSIONS = ("3.8", "3.10", "3.11", "3.12")
# all that runs on the car; training and export may need newer
FOLDERS = ("core", "camera", "engine", "car", "display", "teleop", "perception", "data", "control", "safety", "sim",
           "drive", "calibrate", "service", "doctor", "cli", "faults", "test_racecar.py")
TOOLS = ("pytest>=7.4", "pytest-randomly", "pytest-timeout", "hypothesis", "onnx>=1.15", "ipython>=8",
         "PyYAML>=5.4", "tornado>=6.4", "openvino>=2024.0")


def find(version):
    """The interpreter of this version: on PATH, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which("python" + version), *sorted(pyenv.glob(version + ".*/bin/python"), reverse=True)]
    for path in filter(None, candidates):
        told = subprocess.run([str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                              capture_output=True, text=True, check=False)
        if told.stdout.strip() == version:
            return str(path)
    return None


def home(version):
    """Where the virtual environment of this version is, or will be."""
    return ROOT / (".venv-" + version)


def install(version, python):
    """Make the environment, and install what the tests need; its interpreter."""
    own = home(version) / "bin" / "python"
    if not own.exists():
        subprocess.run([python, "-m", "venv", str(home(version))], check=True)
    subprocess.run([str(own), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-e", str(ROOT), *TOOLS],
                   check=True)
    return own


def run(version, python):
    """Whether the tests pass."""
    own = install(version, python)
    tests = [str(ROOT / "tests" / folder) for folder in FOLDERS if (ROOT / "tests" / folder).exists()]
    command = [str(own), "-m", "pytest", "-o", f"cache_dir={home(version) / 'pytest'}", *tests]
    if subprocess.run(command, cwd=str(ROOT), check=False).returncode == 0:
        return True
    print("Python %s: once more, what failed:" % version, flush=True)  # see .ci/run
    return subprocess.run([*command, "--last-failed"], cwd=str(ROOT), check=False).returncode == 0


def main():
    found = {version: find(version) for version in VERSIONS if version != "%d.%d" % sys.version_info[:2]}
    job = install if sys.argv[1:] == ["--install"] else run
    failed = [version for version, python in found.items() if python and not job(version, python)]
    missing = [version for version, python in found.items() if not python]
    print("Python versions not installed here, so not tested: " + (", ".join(missing) or "none"))
    if failed:
        sys.exit("The car's tests fail on Python " + ", ".join(failed))


if __name__ == "__main__":
    main()
