"""Installed outside the checkout, the programs bring their pages, styles, German and migrations."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent.parent
SOURCES = (
    "pyproject.toml",
    "hatch_build.py",
    "README.md",
    "ayrix_foundation",
    "ayrix_license_server",
    "ayrix_protocol",
    "ayrix_web",
    "static",
    "templates",
    "translations",
)
LIMIT = 120

# Runs in the new environment, which has no pytest: what it found goes out as JSON.
VISIT = """\
import json, re, sys
from pathlib import Path
import ayrix_web
from ayrix_foundation.database import Database
from ayrix_foundation.migrations import upgrade
from ayrix_protocol.keys import new_key, public_key_text
from ayrix_web.app import create_app
from ayrix_web.assembly import MIGRATIONS
from ayrix_web.settings import load

instance = Path(sys.argv[1])
instance.mkdir()
root_key = public_key_text(new_key())
settings = {"license_server_url": "https://license.example.test", "license_root_key": root_key}
lines = (f"{name} = {json.dumps(value)}" for name, value in settings.items())
(instance / "settings.toml").write_text(chr(10).join(lines))
upgrade(Database(load(instance).database), MIGRATIONS)
client = create_app(instance).test_client()
pages = {lang: client.get(f"/activation?lang={lang}") for lang in ("de", "en")}
html = pages["de"].get_data(as_text=True)
links = re.findall(r'<link rel="stylesheet" href="([^"]+)"', html)
json.dump({
    "package": ayrix_web.__file__,
    "status": pages["de"].status_code,
    "german": html,
    "english": pages["en"].get_data(as_text=True),
    "styles": {link: client.get(link).status_code for link in links},
}, sys.stdout)
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """What a clone holds, so that an install cannot borrow a file that was only made here."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in SOURCES:
        source = CHECKOUT / name
        if source.is_dir():
            made_here = shutil.ignore_patterns("__pycache__", "*.mo")
            shutil.copytree(source, folder / name, ignore=made_here)
        else:
            shutil.copy(source, folder)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An empty virtual environment; the libraries come from the one that runs the tests."""
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    borrowed = folder / f"lib/{version}/site-packages/borrowed.pth"
    # Python reads no .pth of a folder that a .pth names: our own editable install stays out.
    borrowed.write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(*command: str | Path, cwd: Path) -> str:
    """The standard output of a command that must succeed, without any AYRIX_* of this shell."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AYRIX")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=clean,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(environment: Path, *what: str | Path) -> None:
    """`pip install` into the environment; no index is asked, since every library is there."""
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin/python", "install")
    offline = ("--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed")
    run(*pip, *offline, *what, cwd=environment)


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_an_installed_package_serves_styled_pages_in_german(
    tmp_path: Path, sources: Path, environment: Path, editable: bool
) -> None:
    install(environment, *(["--editable"] if editable else []), sources)
    instance = tmp_path / "instance"
    python = environment / "bin/python"
    found = json.loads(run(python, "-I", "-c", VISIT, instance, cwd=tmp_path))

    assert Path(found["package"]).is_relative_to(sources if editable else environment)
    assert found["status"] == 200
    assert '<html lang="de"' in found["german"]
    assert '<html lang="en"' in found["english"]
    assert "Aktivier" in found["german"]
    assert "Aktivier" not in found["english"]
    assert found["styles"]
    assert set(found["styles"].values()) == {200}


@pytest.mark.parametrize("program", ["ayrix-web", "ayrix-license-server"])
def test_an_installed_program_explains_itself(
    sources: Path, environment: Path, program: str
) -> None:
    install(environment, sources)
    assert "usage:" in run(environment / "bin" / program, "--help", cwd=environment)
