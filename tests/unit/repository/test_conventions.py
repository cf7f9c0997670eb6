"""Conventions of the whole repository that no linter knows; `make lint` prints their figures."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]

QUESTION_WORDS = ("how", "what", "when", "where", "whether", "which", "who", "why")
MOST_QUESTION_DOCSTRINGS = 0.01

MOST_FILES, LEAST_MEDIAN, MOST_LINES = 330, 110, 400
SHORT, MOST_SHORT = 40, 20

# What one room writes and another reads -> the one module that spells it; None: it is made of other names.
DEFINED_ONCE: dict[str, str | None] = {
    "evaluation.json": "contract/src/contract/artifacts.py",
    "golden.jsonl": "contract/src/contract/artifacts.py",
    "gate.json": "contract/src/contract/artifacts.py",
    "rejected.jsonl": "contract/src/contract/artifacts.py",
    "dataset_info.json": "contract/src/contract/artifacts.py",
    "statistics.json": "contract/src/contract/statistics.py",
    "training_flags.json": "contract/src/contract/dataset.py",
    "features.json": "contract/src/contract/data_contract.py",
    "-candidate": None,
    "_candidate": "contract/src/contract/naming.py",
    "_training": "contract/src/contract/naming.py",
    "[^a-z0-9]+": "contract/src/contract/naming.py",
    "perennial_dataset": "contract/src/contract/naming.py",
    "perennial_run": "contract/src/contract/naming.py",
}

GOOGLES_METRIC = "custom_model_training"
"""Name of quotas in Vertex AI, which holds the suffix of our DAGs by chance."""


@cache
def all_files() -> tuple[Path, ...]:
    """Return the Python files that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return tuple(Path(name) for name in listed if (CHECKOUT / name).is_file())


def files() -> tuple[Path, ...]:
    """Return those that are no tests."""
    return tuple(file for file in all_files() if "tests" not in file.parts)


@cache
def tree(file: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse((CHECKOUT / file).read_text())


def docstrings(file: Path) -> Iterator[str]:
    """Yield the docstrings of a file: its module's, its classes' and its functions'."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text


def literals(file: Path) -> Iterator[str]:
    """Yield the texts of a file that are values, not documentation."""
    documentation = {
        id(node.value)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_docstrings_are_statements_not_questions() -> None:
    texts = [(file, text) for file in all_files() for text in docstrings(file)]
    questions = [
        f"{file}: {text.splitlines()[0]}"
        for file, text in texts
        if text.split()[0].strip(",.:").lower() in QUESTION_WORDS
    ]
    share = len(questions) / len(texts)
    print(f"\n{len(questions)} of {len(texts)} docstrings begin with a question word ({share:.2%})")
    assert share < MOST_QUESTION_DOCSTRINGS, "\n".join(questions)


def test_files_are_neither_many_nor_tiny_nor_long() -> None:
    lines = {file: len((CHECKOUT / file).read_text().splitlines()) for file in files()}
    short = sorted(str(file) for file, count in lines.items() if count < SHORT)
    long = [f"{file}: {count}" for file, count in lines.items() if count > MOST_LINES]
    median = statistics.median(lines.values())
    print(f"\n{len(lines)} files, median {median:.0f} lines, {len(short)} under {SHORT}")
    assert len(lines) <= MOST_FILES
    assert median >= LEAST_MEDIAN
    assert len(short) <= MOST_SHORT, short
    assert not long


@pytest.mark.parametrize("name", DEFINED_ONCE)
def test_a_name_that_crosses_rooms_is_defined_once(name: str) -> None:
    # The emulator is a project of its own and knows none of these names.
    # A text with spaces is a sentence for people.
    found = {
        str(file)
        for file in files()
        for text in literals(file)
        if name in text and " " not in text and GOOGLES_METRIC not in text
    }
    assert found == {DEFINED_ONCE[name]} - {None}


def test_links_of_documents_lead_to_files() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    links = [
        (CHECKOUT / name, target)
        for name in listed
        for target in re.findall(
            r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"```.*?```", "", read(name), flags=re.DOTALL)
        )
        if "://" not in target
    ]
    assert len(links) > 30
    assert [f"{file}: {target}" for file, target in links if not (file.parent / target).exists()] == []


def read(name: str) -> str:
    """Return the text of a file of the repository."""
    return (CHECKOUT / name).read_text()
