"""An activation key tells a typing slip from a wrong key without asking anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayrix_protocol.activation_key import (
    ALPHABET,
    LENGTH,
    RANDOM_CHARACTERS,
    MistypedKey,
    check_character,
    grouped,
    key_hash,
    last_characters,
    new_activation_key,
    normalized,
)

KEYS = st.text(ALPHABET, min_size=RANDOM_CHARACTERS, max_size=RANDOM_CHARACTERS).map(
    lambda text: text + check_character(text)
)


def test_a_key_holds_130_bit() -> None:
    assert len(ALPHABET) ** RANDOM_CHARACTERS == 2**130
    assert len({new_activation_key() for _ in range(50)}) == 50


@given(KEYS)
def test_a_key_is_read_however_a_person_writes_it(key: str) -> None:
    for text in (grouped(key), grouped(key).lower(), f"  {grouped(key).replace('-', ' – ')}\n"):
        assert normalized(text) == key


def test_lookalikes_are_read_as_what_they_look_like() -> None:
    text = "0" * 13 + "1" * 13
    key = text + check_character(text)
    assert normalized(key.replace("0", "O").replace("1", "l")) == key


@given(KEYS, st.integers(0, LENGTH - 1), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_noticed(key: str, position: int, other: str) -> None:
    changed = key[:position] + other + key[position + 1 :]
    if changed != key:
        with pytest.raises(MistypedKey):
            normalized(changed)


@pytest.mark.parametrize("text", ["", "ABCD", "U" * LENGTH, "0" * (LENGTH + 1), "ä" * LENGTH])
def test_anything_else_is_mistyped(text: str) -> None:
    with pytest.raises(MistypedKey):
        normalized(text)


def test_only_the_last_four_characters_are_kept() -> None:
    key = new_activation_key()
    assert last_characters(key) == key[-4:]
    assert key not in key_hash(key)
