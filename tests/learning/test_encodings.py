"""The encoding of a text, where not all of it or not its beginning tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from learning.files import eml, texts_of, why_not
from tecla.learning import tables
from tecla.learning.base import ReadingOptions
from tecla.learning.encoding import decoded, encoding_of
from tecla.learning.kinds import kind_of

SPANISH = "Mañana iré al jardín con mi hermano, y después comeremos más fruta en la montaña. "
RUSSIAN = "Завтра я пойду в сад вместе с братом, а потом мы будем есть яблоки и груши. "
CHINESE = "明天我和弟弟一起去花园,然后我们在山上吃更多的水果,晚上再一起回家。"


@pytest.mark.parametrize("stray", [b"caf\xe9 ", b"\xff", b"\x80\x80 "], ids=["latin", "ff", "two"])
def test_of_nearly_valid_utf8_only_the_stray_byte_is_lost(stray: bytes) -> None:
    half = (SPANISH * 40).encode()
    text = decoded(half + stray + half)
    assert (
        text.replace("\ufffd", "") == SPANISH * 40 + stray.decode("ascii", "ignore") + SPANISH * 40
    )


@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.eml"])
def test_a_stray_byte_costs_itself_in_every_kind(tmp_path: Path, name: str) -> None:
    text = SPANISH * 10 + "caf\ufffd. " + SPANISH
    whole = {
        "a.txt": text.encode(),
        "a.html": f'<meta charset="utf-8"><p>{text}'.encode(),
        "a.eml": eml("BODY").replace(b"7bit", b"8bit").replace(b"BODY", text.encode()),
    }[name]
    path = tmp_path / name
    path.write_bytes(whole.replace("\ufffd".encode(), b"\xe9"))
    (read,) = texts_of(path)
    assert read.replace("\ufffd", "").split() == text.replace("\ufffd", "").split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "encoding"),
    [(SPANISH, "cp1252"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (CHINESE, "gb18030")],
    ids=["cp1252", "cp1251", "koi8", "gb"],
)
def test_what_is_not_utf8_is_not_taken_for_it(text: str, encoding: str) -> None:
    assert encoding_of((text * 20).encode(encoding)) != "utf-8"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_table_whose_accents_come_late(tmp_path: Path, encoding: str, end: str) -> None:
    rows = ["id,text", *(f"{at},this is a plain row of words" for at in range(6_000))]
    late = "el niño comió con su hermano más pequeño en el jardín"
    path = tmp_path / "a.csv"
    path.write_bytes(end.join([*rows, f"6000,{late}", ""]).encode(encoding))
    assert path.stat().st_size > 3 * tables._SAMPLE_BYTES
    texts = texts_of(path)
    assert len(texts) == 6_001
    assert texts[-1] == late


def test_a_table_without_accents_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + "1,this is a plain row of words\n" * 6_000)
    assert len(texts_of(path)) == 6_000


HOST = "1700000000.Vfd00I1ab2M123.mail.example"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"new/{HOST}.org", "mail"),
        (f"new/{HOST}.md", "mail"),
        (f"cur/{HOST}.rs:2,S", "mail"),
        ("new/1700000000.M2P3.host", "mail"),
        ("new/notes.org", "text"),
        ("new/202311281203.md", "markdown"),
        (f"other/{HOST}.org", "text"),
    ],
)
def test_a_delivered_mail_is_none_of_what_its_host_ends_in(name: str, kind: str) -> None:
    assert kind_of(Path("folder") / name) == kind


def test_mail_of_others_in_a_maildir_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "new" / f"{HOST}.org"
    path.parent.mkdir()
    path.write_bytes(eml("We will close the office.", sender="boss@example.org"))
    options = ReadingOptions(senders=("ann@example.org",))
    assert texts_of(path, options) == []
    path.write_bytes(b"\xff\xd8 no mail at all")
    assert why_not(path) == "damaged"
