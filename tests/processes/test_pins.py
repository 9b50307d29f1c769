"""The requirement files pin everything by hash and name no place to fetch it from."""

import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent.parent
RUN_TIME = "requirements.txt"
FOR_TESTS = "requirements-dev.txt"


def pins(name: str) -> dict[str, list[str]]:
    """The hashes of each `name==version` in a requirement file."""
    text = (CHECKOUT / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {words[0]: [word for word in words if word.startswith("--hash=")] for words in lines}


def project_name(requirement: str) -> str:
    """`argon2-cffi` for argon2_cffi>=25.1 (PEP 503)."""
    name = re.split(r"[<>=~!\[; ]", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", [RUN_TIME, FOR_TESTS])
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    found = pins(name)
    assert len(found) > 20
    for pin, hashes in found.items():
        assert re.fullmatch(r"[a-z0-9.-]+==[^=]+", pin)
        assert hashes, pin


@pytest.mark.parametrize("name", [RUN_TIME, FOR_TESTS])
def test_no_index_and_no_path_is_named(name: str) -> None:
    text = (CHECKOUT / name).read_text("utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host| /\w", text)


def test_the_tests_run_with_the_libraries_of_the_product() -> None:
    assert pins(RUN_TIME).items() <= pins(FOR_TESTS).items()


def test_every_dependency_of_the_project_is_pinned() -> None:
    pyproject = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    run_time = {project_name(pin) for pin in pins(RUN_TIME)}
    for_tests = {project_name(pin) for pin in pins(FOR_TESTS)}
    assert {project_name(each) for each in pyproject["project"]["dependencies"]} <= run_time
    assert {project_name(each) for each in pyproject["dependency-groups"]["dev"]} <= for_tests
