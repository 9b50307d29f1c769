"""The folder of a demo: marked as such, used by one demo at a time, and what it remembers."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from examples.demo.choices import DemoError

MARKER = ".ayrix-demo"
"""Marks a folder that `FRESH=1` may empty; whoever runs the demo holds a lock on it."""

SECRETS = "secrets.json"
DETAILS = "demo.json"


@contextmanager
def own(folder: Path, *, empty_first: bool) -> Iterator[None]:
    """Have the folder to oneself, made if there is none; raises DemoError if it is not a demo's."""
    if folder.exists() and not (folder / MARKER).is_file() and _has_contents(folder):
        raise DemoError(
            f"{folder} is not the folder of a demo: choose another one with DEMO_DIR=. "
            "Nothing was touched."
        )
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with (folder / MARKER).open("a") as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"A demo is running in {folder}: stop it, or choose another folder with DEMO_DIR=."
            ) from None
        if empty_first or not (folder / SECRETS).exists():
            _empty(folder)
        yield


def write_private(file: Path, values: Mapping[str, object]) -> None:
    """Write JSON for the owner's eyes only, whole or not at all."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(values, stream, indent=2)
        stream.write("\n")
    draft.replace(file)


def _has_contents(folder: Path) -> bool:
    return not folder.is_dir() or any(folder.iterdir())


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name == MARKER:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
