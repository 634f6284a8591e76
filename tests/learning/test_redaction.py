"""Secrets and personal data are left out, with the sentence they stand in; the rest stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tecla.learning.redaction import redacted

BEFORE, BEHIND = "The first sentence is harmless.", "The last one is harmless too."
SECRETS = {
    "aws": "The id is AKIAIOSFODNN7EXAMPLE for us.",
    "aws-secret": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "bare-key": "Use wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY for that.",
    "github": "It is ghp_16C7e42F292c6912E7710c838347Ae178B4a now.",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "password": "My password is swordfish.",
    "password-colon": "Password: hunter2",
    "password-is-colon": "The password is: hunter2",
    "password-es": "La contraseña es tortuga99.",
    "env": 'API_TOKEN="abc"',
    "pin": "The PIN is 4711.",
    "door": "The door code: 2580.",
    "login-url": "See https://bob:secret@host.example/path for it.",
    "token-url": "See https://host.example/?access_token=abcdef123 for it.",
    "bearer": "Authorization: Bearer abcdefghijklmnopqrst",
    "seed": "Recovery phrase: abandon ability able about above absent.",
    "hex": "It is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 there.",
    "bitcoin": "Send it to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa today.",
}
PERSONAL = {
    "card": "Card 4111 1111 1111 1111 is mine.",
    "iban": "Pay to ES91 2100 0418 4502 0005 1332 please.",
    "iban-unbroken": "Pay to DE89370400440532013000 please.",
    "mail": "Write to bob.brown@example.org please.",
    "phone": "Call me at (555) 123-4567 today.",
    "phone-international": "Ring +49 151 23456789 today.",
    "ssn": "My SSN is 078-05-1120.",
    "dni": "Mi DNI es 12345678Z.",
    "passport": "Passport no. C01X00T47 is hers.",
    "birth": "Date of birth: 1.2.1980",
}
HARMLESS = (
    "The meeting on 2024-05-06 at 10:30 in room 1204 costs $1,234,567.89.",
    "From 1999-2001 it grew by 12.5 % to 3.500.000 in all.",
    "See src/tecla/learning/passages_of_the_text.py and version 2.13.0 of it.",
    "The secret of a good soup is time, and a token of thanks goes to the cook.",
    "Tokens: these are what a model reads; keys: what a person presses.",
    "Chapter 3. The password of the day was never told to anybody.",
)


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_go_with_their_sentence(name: str) -> None:
    _goes(SECRETS[name])


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_data_goes_with_its_sentence(name: str) -> None:
    _goes(PERSONAL[name])


def _goes(sentence: str) -> None:
    assert redacted(sentence).text == ""
    for between in (" ", "\n", "\n\n"):
        text, removed = redacted(f"{BEFORE}{between}{sentence}\n{BEHIND}")
        assert text.split() == f"{BEFORE} {BEHIND}".split()
        assert removed
        # Two sentences that were never side by side are not put there.
        assert f"{BEFORE} {BEHIND}" not in text


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_ordinary_text_stays(text: str) -> None:
    assert redacted(text).text == text
    assert not redacted(text).removed


def test_a_block_of_a_key_goes_whole() -> None:
    block = (
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\nbnNz\n\naC1r\n-----END OPENSSH PRIVATE KEY-----"
    )
    assert redacted(f"{BEFORE}\n{block}\n{BEHIND}").text.split() == f"{BEFORE} {BEHIND}".split()
    assert "b3Bl" not in redacted(f"{BEFORE}\n-----BEGIN RSA PRIVATE KEY-----\nb3Bl\nbnNz").text


def test_a_value_below_its_name_goes() -> None:
    assert redacted(f"{BEFORE}\nPassword:\nhunter\n{BEHIND}").text == f"{BEFORE}\n{BEHIND}"


@given(st.lists(st.sampled_from([BEFORE, BEHIND, *SECRETS.values(), *PERSONAL.values()])))
@settings(max_examples=40)
def test_whatever_stands_together_no_secret_is_left(sentences: list[str]) -> None:
    text, removed = redacted("\n".join(sentences))
    assert all(line in (BEFORE, BEHIND) for line in text.split("\n") if line)
    assert bool(removed) == any(each not in (BEFORE, BEHIND) for each in sentences)
    assert redacted(text) == (text, {})


@given(st.text(max_size=400))
@settings(max_examples=60)
def test_nothing_is_made_up(text: str) -> None:
    left, removed = redacted(text)
    assert removed or left == text
    assert set(left.split()) <= set(text.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["a", "1 ", "a@", "password ", "-----BEGIN A-----", "(555) ", "x.y.z", "A1b", "\n"]
)
def test_long_runs_come_to_an_end(piece: str) -> None:
    redacted(piece * (60_000 // len(piece)))
