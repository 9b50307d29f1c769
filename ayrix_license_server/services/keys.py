"""The root key, the signing key and the key set that the root key vouches for."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from joserfc.jwk import OKPKey

from ayrix_license_server.domain.errors import Mistake
from ayrix_license_server.settings import Settings
from ayrix_license_server.system import Keys
from ayrix_protocol.jws import DocumentType, InvalidDocument, read
from ayrix_protocol.keys import (
    CURVE,
    KeySet,
    PublishedKey,
    SigningKey,
    new_key,
    private_key_from_pem,
    private_key_to_pem,
    public_key_text,
    sign_key_set,
)

SIGNING_KEY_LIFETIME = timedelta(days=3 * 365)
"""How long a signing key signs; the root key vouches for no longer."""

ROOT_KEY_ID = "root"
_ONLY_OWNER = 0o600


def make_keys(settings: Settings, now: datetime) -> str:
    """Make the root key, a signing key and the key set, unless they exist.

    Gives the root's public key as the PBX's setting `license_root_key` wants it. The private root
    key may lie elsewhere afterwards. Raises Mistake if another file is missing.
    """
    root, signing, key_set, public = (
        settings.path_of(file)
        for file in (
            settings.root_key_file,
            settings.signing_key_file,
            settings.key_set_file,
            settings.root_public_key_file,
        )
    )
    existing = {file for file in (root, signing, key_set, public) if file.exists()}
    if not existing:
        root_key, signing_key = new_key(), new_key()
        _write_new(root, private_key_to_pem(root_key))
        _write_new(signing, private_key_to_pem(signing_key))
        _write_new(key_set, _key_set(settings, now, root_key, signing_key).encode())
        _write_new(public, public_key_text(root_key).encode())
    for file in (signing, key_set, public):
        if not file.exists():
            raise Mistake(f"{file} is missing. Bring it back from a backup.")
    return public.read_text("ascii").strip()


def load_keys(settings: Settings) -> Keys:
    """The keys of the instance folder, without the root key; raises Mistake with a sentence."""
    signing = _private_key(settings.path_of(settings.signing_key_file))
    file = settings.path_of(settings.key_set_file)
    try:
        token = file.read_text("ascii").strip()
        key_set = KeySet.model_validate_json(read(DocumentType.KEYS, token).payload)
    except (OSError, ValueError) as error:
        raise Mistake(f"{file} cannot be read as a key set. {_INIT}") from error
    kid = key_id(signing)
    if key_set.find(kid) is None:
        raise Mistake(f"{file} does not list the key of {settings.signing_key_file}.")
    return Keys(SigningKey(kid, signing), key_set, token)


def key_id(key: OKPKey) -> str:
    """The `kid` of a signing key: its RFC 7638 thumbprint."""
    return str(key.thumbprint())


_INIT = "Run `ayrix-license-server init` first."


def _private_key(file: Path) -> OKPKey:
    try:
        return private_key_from_pem(file.read_bytes())
    except (OSError, InvalidDocument) as error:
        raise Mistake(f"{file} cannot be read as a private key. {_INIT}") from error


def _key_set(settings: Settings, now: datetime, root: OKPKey, signing: OKPKey) -> str:
    at = int(now.timestamp())
    key = PublishedKey(
        kid=key_id(signing),
        kty="OKP",
        crv=CURVE,
        x=public_key_text(signing),
        nbf=at,
        exp=at + int(SIGNING_KEY_LIFETIME.total_seconds()),
    )
    key_set = KeySet(iss=settings.public_url, iat=at, version=1, keys=(key,))
    return sign_key_set(key_set, SigningKey(ROOT_KEY_ID, root))


def _write_new(file: Path, content: bytes) -> None:
    # O_EXCL: a key is never overwritten, and is never readable by others, not for a moment.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_OWNER)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
