"""The tokenizer inside a GGUF file: text goes in and comes out, also by halves of characters."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis.strategies as st
import llama_cpp.llama_cpp as native
import pytest
from hypothesis import HealthCheck, given, settings

import tiny_gguf
from tecla.engines.factory import LoadedModel
from tecla.engines.llama_model import LlamaModel
from tecla.engines.llama_tokenizer import LlamaTokenizer
from tecla.errors import UnsupportedModelError

KINDS = ["byte_pair", "sentencepiece", "default"]
SCRIPTS = {
    "japanese": "今日は良い天気です。散歩に行きましょう",
    "hindi": "आज मौसम बहुत अच्छा है",
    "emoji": "👩‍👩‍👧 🎉👍🏽 ok",
    "spanish": "El niño está aquí; ¿qué día?",
}
WORD_START = "\u2581"  # SentencePiece cannot tell it from a space


@pytest.fixture(scope="session")
def models(tiny_paths: dict[str, Path]) -> Iterator[dict[str, LlamaModel]]:
    """The tiny models, loaded once."""
    loaded = {kind: LlamaModel(tiny_paths[kind], device="cpu") for kind in KINDS[:2]}
    yield loaded
    for model in loaded.values():
        model.close()


@pytest.fixture(params=KINDS)
def tokenizer(
    request: pytest.FixtureRequest, models: dict[str, LlamaModel], default_model: LoadedModel
) -> LlamaTokenizer:
    """Each vocabulary in turn."""
    if request.param == "default":
        assert isinstance(default_model.tokenizer, LlamaTokenizer)
        return default_model.tokenizer
    return models[request.param].tokenizer


def _encodable(tokenizer: LlamaTokenizer, text: str) -> bytes:
    """The bytes of a text behind the prefix, without characters that have no tokens."""
    kept = [c for c in text if not tokenizer.table.unencodable.intersection(c.encode())]
    if tokenizer.text_prefix:
        kept = [character for character in kept if character != WORD_START]
    return tokenizer.text_prefix + "".join(kept).encode()


in_one_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@in_one_fixture
@given(text=st.text(max_size=60))
def test_text_comes_back(tokenizer: LlamaTokenizer, text: str) -> None:
    data = _encodable(tokenizer, text)
    ids = tokenizer.encode(data)
    assert tokenizer.decode(ids) == data
    assert all(tokenizer.table.pieces[token] for token in ids)
    assert tokenizer.is_canonical(data, ids)
    assert tokenizer.encode(data) == ids  # from the cache


@in_one_fixture
@given(words=st.lists(st.sampled_from([*tiny_gguf.CORPUS.split(" "), "", "\n", "  "]), max_size=30))
def test_long_texts_come_back(tokenizer: LlamaTokenizer, words: list[str]) -> None:
    data = tokenizer.text_prefix + " ".join(words).encode()
    assert tokenizer.decode(tokenizer.encode(data)) == data


@in_one_fixture
@given(
    words=st.lists(
        st.sampled_from(["a", "el río", "I'll", "help.", "\n", "", "12", "¿"]), max_size=12
    )
)
def test_a_text_may_be_split_where_it_says(tokenizer: LlamaTokenizer, words: list[str]) -> None:
    data = tokenizer.text_prefix + " ".join(words).encode()
    at = tokenizer.split_point(data)
    head, tail = data[:at], data[at:]
    assert at == 0 or tail.startswith(b" ") or len(tail) > 1
    joined = (tokenizer.encode(head) if head else []) + tokenizer.encode(tail)
    assert joined == tokenizer.encode(data)


def test_only_sentencepiece_expects_a_space_before_a_text(
    models: dict[str, LlamaModel], default_model: LoadedModel
) -> None:
    assert models["sentencepiece"].tokenizer.text_prefix == b" "
    assert models["byte_pair"].tokenizer.text_prefix == b""
    assert default_model.tokenizer.text_prefix == b""


def test_nothing_is_spelt_by_nothing(tokenizer: LlamaTokenizer) -> None:
    assert tokenizer.encode(b"") == []
    assert tokenizer.decode([]) == b""
    assert tokenizer.encode_cut(b"") == []


def test_a_single_space_is_one_token(tokenizer: LlamaTokenizer) -> None:
    assert [tokenizer.table.pieces[token] for token in tokenizer.encode(b" ")] == [b" "]


def test_ends_and_starts_spell_nothing(tokenizer: LlamaTokenizer) -> None:
    assert tokenizer.end_ids
    assert tokenizer.start_id is not None
    for token in {*tokenizer.end_ids, tokenizer.start_id}:
        assert tokenizer.table.pieces[token] == b""


def test_the_start_is_what_the_file_asks_for(models: dict[str, LlamaModel]) -> None:
    assert models["sentencepiece"].tokenizer.start_id == 1
    end = len(models["byte_pair"].tokenizer.table) - 1
    assert models["byte_pair"].tokenizer.start_id == end
    assert models["byte_pair"].tokenizer.end_ids == {end}


def _control_texts(tokenizer: LlamaTokenizer) -> list[str]:
    """What the tokens without bytes are called in the file."""
    texts = []
    for token, piece in enumerate(tokenizer.table.pieces):
        text = native.llama_vocab_get_text(tokenizer._vocab, token)
        if not piece and text:
            texts.append(text.decode())
    return texts


def test_the_names_of_control_tokens_are_ordinary_text(tokenizer: LlamaTokenizer) -> None:
    texts = _control_texts(tokenizer)
    assert texts
    for text in texts:
        for around in (text, f"a {text} b", f"a{text}{text}b", f"{text}\n"):
            data = tokenizer.text_prefix + around.encode()
            ids = tokenizer.encode(data)
            assert tokenizer.decode(ids) == data
            assert all(tokenizer.table.pieces[token] for token in ids)


def test_the_default_vocabulary_has_the_control_tokens_it_is_known_for(
    default_model: LoadedModel,
) -> None:
    assert isinstance(default_model.tokenizer, LlamaTokenizer)
    texts = _control_texts(default_model.tokenizer)
    assert {"<|endoftext|>", "<|im_start|>", "<|im_end|>"} <= set(texts)
    assert len(texts) == 17


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_byte_cut_of_a_text_has_its_spelling(tokenizer: LlamaTokenizer, script: str) -> None:
    """Also inside a character, where the ids must be how some longer text begins."""
    data = tokenizer.text_prefix + SCRIPTS[script].encode()
    spelt = 0
    for end in range(len(data) + 1):
        cut = data[:end]
        ids = tokenizer.encode_cut(cut)
        if ids is None:
            continue
        spelt += 1
        assert tokenizer.decode(ids) == cut
        assert tokenizer.is_canonical(cut, ids)
        if _is_whole(cut):
            assert ids == tokenizer.encode(cut)
            assert not ids or not tokenizer.is_canonical(cut, ids[:-1])
            assert not tokenizer.is_canonical(cut, [*ids, ids[-1] if ids else 65])
    assert spelt >= len(SCRIPTS[script])  # every cut between characters, at the least


def _is_whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("script", SCRIPTS)
def test_where_a_token_ends_inside_a_character_the_cut_is_spelt(
    tokenizer: LlamaTokenizer, script: str
) -> None:
    """A spelling that exists is found: the whole text shows it."""
    data = tokenizer.text_prefix + SCRIPTS[script].encode()
    whole = tokenizer.encode(data)
    for count in range(1, len(whole) + 1):
        cut = tokenizer.decode(whole[:count])
        if not _is_whole(cut):
            found = tokenizer.encode_cut(cut)
            assert found is not None
            assert tokenizer.decode(found) == cut
            assert tokenizer.is_canonical(cut, found)


def test_another_spelling_is_not_canonical(tokenizer: LlamaTokenizer) -> None:
    data = tokenizer.text_prefix + b"the river"
    single = {piece: token for token, piece in enumerate(tokenizer.table.pieces)}
    letters = [single[bytes([byte])] for byte in data]
    assert tokenizer.decode(letters) == data
    assert not tokenizer.is_canonical(data, letters)
    assert tokenizer.is_canonical(data, tokenizer.encode(data))


def test_several_threads_may_encode_at_once(tokenizer: LlamaTokenizer) -> None:
    texts = [tokenizer.text_prefix + f"{n} the río {n * n} house".encode() * 9 for n in range(200)]
    alone = [list(tokenizer._encode(text)) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tokenizer.encode, texts * 3, chunksize=1)) == alone * 3


def test_the_longer_tokens_of_a_beginning_are_found(tokenizer: LlamaTokenizer) -> None:
    pieces = tokenizer.table.pieces
    beginnings = {
        piece[:cut] for piece in pieces[:: len(pieces) // 60] for cut in range(len(piece) + 1)
    }
    beginnings |= {b"", b" ", b"\xff", b"\0", b"th", b" the", b"\xe3\x81", b"no such token"}
    for rest in sorted(beginnings)[::16]:
        found = tokenizer.table.going_beyond(rest).tolist()
        expected = [t for t, piece in enumerate(pieces) if piece[: len(rest)] == rest != piece]
        expected = [token for token in expected if pieces[token]]
        assert sorted(found) == expected
        assert [pieces[token] for token in found] == sorted(pieces[token] for token in found)


def test_a_vocabulary_of_words_is_refused(tiny_paths: dict[str, Path]) -> None:
    params = native.llama_model_default_params()
    params.vocab_only = True
    handle = native.llama_model_load_from_file(str(tiny_paths["embedding"]).encode(), params)
    with pytest.raises(UnsupportedModelError, match="WordPiece"):
        LlamaTokenizer(native.llama_model_get_vocab(handle), "wordy")
    native.llama_model_free(handle)
