"""Of mails only what their sender wrote is learnt."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.files import PROSE, eml, everything_of, mbox, texts_of, why_not
from tecla.learning.base import Left, Limits, ReadingOptions
from tecla.learning.replies import own_text

SIGNED = f"""Hi Ann,

{PROSE}

Best regards,
Philip Allen
Director, West Desk
Phone: 713-853-7041
philip@example.org
"""
WITH_CLOSING = f"Hi Ann,\n\n{PROSE}\n\nBest regards,\nPhilip Allen"


@pytest.mark.parametrize(
    "below",
    [
        pytest.param("", id="nothing"),
        pytest.param("\n> quoted\n> more\n", id="quote"),
        pytest.param("\nOn Mon, Jan 3, 2000 at 3 PM, Ann <a@x.org> wrote:\n> q\n", id="on"),
        pytest.param("\nOn Mon, Jan 3, 2000 at 3 PM,\nAnn <a@x.org> wrote:\n\nq\n", id="lines"),
        pytest.param("\nEl lun, 3 ene 2000 a las 15:10, Ana (<a@x.org>) escribió:\n\nq\n", id="es"),
        pytest.param("\nAm 03.01.2000 um 15:10 schrieb Ann <a@x.org>:\n> q\n", id="de"),
        pytest.param("\nLe lun. 3 janv. 2000 à 15:10, Ann <a@x.org> a écrit :\n> q\n", id="fr"),
        pytest.param("\n-----Original Message-----\nFrom: Ann\nSent: now\n\nq\n", id="outlook"),
        pytest.param("\n________________________________\nFrom: Ann\nSent: now\n\nq\n", id="rule"),
        pytest.param("\nFrom: Ann\nSent: Monday\nTo: Philip\nSubject: it\n\nq\n", id="header"),
        pytest.param("\n---------- Forwarded message ---------\nFrom: Ann\n\nq\n", id="forwarded"),
        pytest.param("\n\tAnn\n\t01/03/2000 03:10 PM\n\t\n\tTo: Philip\n\tcc: \n\nq\n", id="notes"),
        pytest.param("\nSent from my phone\n", id="phone"),
        pytest.param(
            "\nThis e-mail is confidential and intended only for the person or entity to which it "
            "is addressed; if you have received this message in error, please delete it.\n",
            id="disclaimer",
        ),
    ],
)  # fmt: skip
def test_what_stands_below_ones_own_text_goes(below: str) -> None:
    assert own_text(f"Yes, I think so.\n{below}") == "Yes, I think so."
    assert own_text(SIGNED + below) == WITH_CLOSING


def test_answers_between_quotes_stay() -> None:
    mail = "On Monday Ann wrote:\n> where is it?\n\nIt is here.\n\n> and when?\n\nTomorrow.\n"
    assert own_text(mail).endswith("It is here.\n\nTomorrow.")
    assert "where" not in own_text(mail)


def test_a_signature_behind_two_dashes_goes() -> None:
    assert own_text(f"{PROSE}\n\nBob\n-- \nBob Brown\nhttps://example.org\n") == f"{PROSE}\n\nBob"


def test_a_last_paragraph_with_an_address_in_it_stays() -> None:
    mail = (
        f"{PROSE}\n\nYou will find all that we have been talking of at https://example.org today."
    )
    assert own_text(mail) == mail


@pytest.mark.slow
@given(st.text(st.sampled_from("ab .,>\n-:<@\t"), max_size=300))
@settings(max_examples=60)
def test_nothing_is_made_up(body: str) -> None:
    left = own_text(body)
    assert set(left.split()) <= set(body.split()) | {""}
    assert not any(line.startswith(">") for line in left.split("\n"))


@pytest.mark.slow
@given(st.lists(st.sampled_from(PROSE.split()), min_size=1, max_size=60))
@settings(max_examples=40)
def test_plain_prose_stays_as_it_is(words: list[str]) -> None:
    text = "Well then, " + " ".join(words) + "."
    assert own_text(text) == text
    assert own_text(f"{text}\n\nOn 3 Jan 2000, Ann <a@x.org> wrote:\n> {text}\n") == text


def test_one_mail(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(eml(SIGNED))
    assert texts_of(path) == [WITH_CLOSING]


def test_flowed_lines_are_one(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    mail = eml("The quick \nbrown fox.\n\nA new one.\n")
    path.write_bytes(mail.replace(b'charset="utf-8"', b'charset="utf-8"; format=flowed'))
    assert texts_of(path) == ["The quick brown fox.\n\nA new one."]


def test_html_where_there_is_no_plain_text_and_no_attachment(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"] = "me@example.org"
    message.set_content(f"<p>{PROSE}</p><blockquote>q</blockquote>", subtype="html")
    message.add_attachment("attached text", filename="notes.txt")
    path = tmp_path / "a.eml"
    path.write_bytes(message.as_bytes())
    (text,) = texts_of(path)
    assert text.startswith(PROSE)
    assert "attached" not in text


MACHINE = {
    "news": eml("Buy now, everything must go.", List_Unsubscribe="<mailto:x@example.org>"),
    "auto": eml("I am out of the office.", Auto_Submitted="auto-replied"),
    "bulk": eml("To all of you.", Precedence="bulk"),
}


@pytest.mark.parametrize("kind", MACHINE)
def test_what_a_program_sends_is_nobodys_style(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(MACHINE[kind])
    assert everything_of(path) == [Left("machine_mail")]


def test_encrypted_and_signed(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(eml("-----BEGIN PGP MESSAGE-----\n\nxyz\n-----END PGP MESSAGE-----\n"))
    assert everything_of(path) == [Left("encrypted_mail")]
    begin, end = "-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----"
    path.write_bytes(eml(f"{begin}\nHash: SHA256\n\n{PROSE}\n{end}\nabc\n"))
    assert texts_of(path) == [PROSE]


def test_a_mailbox_gives_each_mail_and_those_of_a_sender(tmp_path: Path) -> None:
    path = tmp_path / "Sent"
    mails = [
        eml(f"{PROSE}\n\nFrom here on all is well.\n"),
        eml("From her.", sender="Ann <Ann@Example.org>"),
        MACHINE["news"],
    ]
    path.write_bytes(mbox(mails))
    first = f"{PROSE}\n\nFrom here on all is well."
    assert everything_of(path) == [first, "From her.", Left("machine_mail")]
    hers = ReadingOptions(senders=("ann@example.ORG",))
    assert everything_of(path, hers) == [Left("others_mail"), "From her.", Left("others_mail")]


def test_a_mail_that_is_too_large_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_bytes(mbox([eml("x" * 60 + " ") * 40, eml(PROSE)]))
    small = ReadingOptions(limits=Limits(file_bytes=2000))
    assert everything_of(path, small) == [Left("too_large"), PROSE]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"From: \xff\xfe <\x00>\n", id="bytes"),
        pytest.param(b"From: =?utf-8?b?!!!?=\nContent-Type: text/x; charset=nope\n", id="word"),
        pytest.param(b"Content-Type: multipart/mixed; boundary=\n", id="boundary"),
        pytest.param(b"Content-Transfer-Encoding: base64\n", id="base64"),
        pytest.param(b"Content-Type: " + b"a/" * 3000 + b"\n", id="long"),
        pytest.param(b"Date: 99999999\nTo: " + b"<" * 500 + b"\n", id="brackets"),
    ],
)  # fmt: skip
def test_mails_that_nobody_may_write_cost_only_themselves(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "a.mbox"
    path.write_bytes(mbox([header + b"\nbody\n", eml(PROSE)]))
    assert texts_of(path)[-1] == PROSE


def test_what_is_no_mail_says_so(tmp_path: Path) -> None:
    for name in ("a.eml", "a.mbox"):
        path = tmp_path / name
        path.write_bytes(b"no header, and no mail either\n")
        assert why_not(path) == "damaged"
