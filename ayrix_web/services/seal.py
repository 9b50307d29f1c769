"""The seal over what is stored of the license, so that nothing of it can be edited unseen."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256

from ayrix_foundation.clock import Moment
from ayrix_protocol.jws import encode_base64url
from ayrix_web.domain.trusted_time import Mark
from ayrix_web.rows import InstallationRow
from ayrix_web.services.held import Held, held_of
from ayrix_web.system import System

_ROW = b"installation\n"
_MARK = b"high-water mark\n"
_BLANK = Held()
_as_text = json.JSONEncoder(default=repr).encode
"""Whatever SQLite was made to hold has a text."""


def seal_of(key: bytes, held: Held) -> str:
    """The seal that belongs to these values: HMAC-SHA256 over all of them but the seal itself."""
    values = _as_text(held[:-1])
    return _mac(key, _ROW, values.encode(errors="replace"))


def is_sound(system: System, held: Held) -> bool:
    """Whether these values are the ones that were stored; nothing at all is sound as well."""
    if held.seal is None:
        return held == _BLANK
    stored = str(held.seal).encode(errors="replace")
    return hmac.compare_digest(seal_of(system.seal_key, held).encode(), stored)


def sound(system: System, held: Held) -> Held:
    """These values if they are what was stored, else none at all."""
    return held if is_sound(system, held) else _BLANK


def put_seal(system: System, row: InstallationRow) -> None:
    """Seal a row after its values were set; for every writer of them."""
    row.seal = seal_of(system.seal_key, held_of(row))


def keep_mark(system: System, anchor_iat: int, mark: Mark) -> None:
    """Write the mark down a second time, outside the database, with the lease's time it
    belongs to.
    """
    seen = mark.seen
    text = json.dumps([anchor_iat, mark.time, seen.wall, seen.boot_id, seen.boot]).encode()
    system.mark_store.write(text + b"\n" + _mac(system.seal_key, _MARK, text).encode() + b"\n")


def latest_mark(system: System, held: Held) -> Mark | None:
    """The later of the two marks.

    A database put back from an old copy has an earlier one than the second copy and gives no time
    back by that. A second copy from before the present lease says nothing: a fresh lease may set
    the mark back (protocol.md, Clock). One that is missing or damaged is no fault of the first.
    """
    kept = _kept_mark(system)
    if kept is None or held.anchor is None or kept[0] < held.anchor.iat:
        return held.mark
    mark = kept[1]
    return mark if held.mark is None or mark.time > held.mark.time else held.mark


def _kept_mark(system: System) -> tuple[int, Mark] | None:
    text, _newline, mac = (system.mark_store.read() or b"").partition(b"\n")
    if not hmac.compare_digest(mac.strip(), _mac(system.seal_key, _MARK, text).encode()):
        return None
    anchor_iat, time, wall, boot_id, boot = json.loads(text)
    return anchor_iat, Mark(time, Moment(wall, boot_id, boot))


def _mac(key: bytes, purpose: bytes, text: bytes) -> str:
    return encode_base64url(hmac.digest(key, purpose + text, sha256))
