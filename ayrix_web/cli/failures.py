"""What a command says when it fails: the sentences of the pages, and a few of its own."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from ayrix_foundation.database import DatabaseFault, DatabaseUnreadable, fault_of
from ayrix_foundation.schema import DatabaseNotCurrent
from ayrix_foundation.settings import SettingsError
from ayrix_protocol.activation_key import MistypedKey
from ayrix_protocol.jws import InvalidDocument
from ayrix_protocol.problems import ProblemCode
from ayrix_web.adapters.license_client import DEVICE_KEY_FILE
from ayrix_web.cli.parsers import Failure
from ayrix_web.domain.errors import LicenseServerFault, PriceChanged, Refused, TooManyTries
from ayrix_web.web import account_words
from ayrix_web.web.activation import failure_words
from ayrix_web.web.words import DATABASE_FAULTS, REFUSALS

NOT_CURRENT = "The database is missing or of another version. Run `ayrix-web db upgrade`."


def sentence_of(error: Exception) -> str | None:
    """The sentence for an expected failure; None for what nobody expected."""
    if isinstance(error, (Failure, SettingsError)):
        return str(error)
    if isinstance(error, (MistypedKey, Refused, LicenseServerFault, TooManyTries)):
        return failure_words(error)
    if isinstance(error, PriceChanged):
        return str(REFUSALS[ProblemCode.PRICE_CHANGED])
    if type(error) in account_words.FAULTS:
        return str(account_words.FAULTS[type(error)])
    return _sentence_of_files(error)


def _sentence_of_files(error: Exception) -> str | None:
    if isinstance(error, DatabaseNotCurrent):
        return NOT_CURRENT
    if isinstance(error, DatabaseUnreadable):
        return str(DATABASE_FAULTS[DatabaseFault.OTHER])
    if isinstance(error, DBAPIError):
        return str(DATABASE_FAULTS[fault_of(error)])
    if isinstance(error, InvalidDocument):
        return f"{DEVICE_KEY_FILE} in the instance folder is damaged. Restore it from a backup."
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} does not exist. Run `ayrix-web init --admin NAME` first."
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}. Run this as the user who owns the folder."
    return None
