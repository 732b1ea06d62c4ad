"""The documents tell the truth about names: every make target, command, link and path they mention exists."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from jetracer.cli.main import VERBS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request):
    return request.param


def code(text):
    """What stands in code spans and indented or fenced blocks."""
    blocks = re.findall(r"^(?: {4}|\t).*$", text, re.M) + re.findall(r"```.*?```", text, re.S)
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", text))


def test_make_targets_exist(document):
    named = set(re.findall(r"\bmake ([a-z]+)\b", code(document.read_text())))
    assert named <= TARGETS


def test_commands_exist(document):
    if document.name == "CHANGELOG.md":
        return
    named = set(re.findall(r"\bjetracer ([a-z]+)\b", code(document.read_text())))
    assert named <= set(VERBS)


def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        assert "://" in link or (document.parent / link).exists(), link


def test_paths_in_the_package_exist(document):
    for path in re.findall(r"`((?:jetracer|tests|docs|benchmarks)/[\w./-]+)`", document.read_text()):
        assert (ROOT / path).exists(), path
