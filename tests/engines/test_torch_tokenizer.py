"""The tokenizer of a transformers folder: spells as llama.cpp does, and gives texts back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

import tiny_gguf
import tiny_torch
from tecla.engines.llama_model import LlamaModel
from tecla.engines.llama_tokenizer import LlamaTokenizer
from tecla.engines.torch_tokenizer import TorchTokenizer
from tecla.errors import InvalidTextError, ModelFormatError, UnsupportedModelError
from tecla.text.base import Fill

KINDS = {"byte_pair": "qwen2", "sentencepiece": "llama"}
TEXTS = [
    "El niño está aquí; ¿qué día?",
    "今日は良い天気です",
    "👩‍👩‍👧 🎉👍🏽 ok",
    "I'll  say \n\n so.",
]

one_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


class Pair:
    """One vocabulary, read by both engines."""

    def __init__(self, torch: TorchTokenizer, llama: LlamaTokenizer) -> None:
        self.torch, self.llama = torch, llama

    def data(self, text: str) -> bytes:
        """The bytes of a text behind the prefix, without the mark that reads as a space."""
        return self.torch.text_prefix + text.replace(tiny_gguf.WORD_START, "").encode()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, tiny_paths: dict[str, Path]) -> Iterator[Any]:
    models, made = [], {}
    for kind, architecture in KINDS.items():
        folder = tmp_path_factory.mktemp(kind)
        vocabulary = tiny_torch.vocabulary_of(architecture)
        tiny_torch.write_tokenizer(folder, vocabulary)
        models.append(LlamaModel(tiny_paths[kind], device="cpu"))
        read = TorchTokenizer(folder, kind, len(vocabulary.tokens))
        made[kind] = Pair(read, models[-1].tokenizer)
    yield made
    for model in models:
        model.close()


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, pairs: dict[str, Pair]) -> Pair:
    return pairs[request.param]


def test_both_engines_read_the_same_vocabulary(pair: Pair) -> None:
    assert pair.torch.table.pieces == pair.llama.table.pieces
    assert pair.torch.start_id == pair.llama.start_id
    assert pair.torch.end_ids == pair.llama.end_ids
    assert pair.torch.text_prefix == pair.llama.text_prefix
    assert pair.torch.fill is None


@one_fixture
@given(text=st.text(max_size=40))
def test_both_engines_spell_alike_and_the_text_comes_back(pair: Pair, text: str) -> None:
    data = pair.data(text)
    ids = pair.torch.encode(data)
    assert ids == pair.llama.encode(data)
    assert pair.torch.decode(ids) == data
    assert pair.torch.is_canonical(data, ids)


@one_fixture
@given(words=st.lists(st.sampled_from([*tiny_gguf.CORPUS.split(" "), "", "\n", "I'll", "help."])))
def test_texts_are_spelt_alike_and_split_alike(pair: Pair, words: list[str]) -> None:
    data = pair.data(" ".join(words))
    ids, at = pair.torch.encode(data), pair.torch.split_point(data)
    assert ids == pair.llama.encode(data)
    assert at == pair.llama.split_point(data)
    head = pair.torch.encode(data[:at]) if at else []
    assert head + pair.torch.encode(data[at:]) == ids


@pytest.mark.parametrize("text", TEXTS)
def test_every_byte_cut_is_spelt_alike(pair: Pair, text: str) -> None:
    data = pair.data(text)
    for end in range(len(data) + 1):
        assert pair.torch.encode_cut(data[:end]) == pair.llama.encode_cut(data[:end])


def test_what_spells_a_control_token_is_ordinary_text(pair: Pair) -> None:
    for name in (tiny_gguf.END_OF_TEXT, "<s>", "</s>", "<unk>"):
        data = pair.data(f"a {name}{name} b")
        ids = pair.torch.encode(data)
        assert pair.torch.decode(ids) == data
        assert all(pair.torch.table.pieces[token] for token in ids)


def test_what_is_no_text_is_refused(pair: Pair) -> None:
    with pytest.raises(InvalidTextError, match="2 bytes to tokenise are not UTF-8"):
        pair.torch.encode(b"\xc3(")


# --- other descriptions --------------------------------------------------------------------------


def written(folder: Path, kind: str, change: Callable[[Any], None], **config: Any) -> Path:
    """A tokenizer's folder whose `tokenizer.json` was changed."""
    tiny_torch.write_tokenizer(folder, tiny_torch.vocabulary_of(kind))
    path = folder / "tokenizer.json"
    described = json.loads(path.read_text())
    change(described)
    path.write_text(json.dumps(described))
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def read(folder: Path, n_vocab: int = 600) -> TorchTokenizer:
    return TorchTokenizer(folder, "mine", n_vocab)


def test_a_space_before_texts_shows_as_a_prefix_however_it_is_described(tmp_path: Path) -> None:
    def use_metaspace(described: Any) -> None:
        described["normalizer"] = None
        described["pre_tokenizer"] = {
            "type": "Metaspace",
            "replacement": tiny_gguf.WORD_START,
            "prepend_scheme": "first",
            "split": True,
        }

    old = read(written(tmp_path / "old", "llama", lambda described: None))
    new = read(written(tmp_path / "new", "llama", use_metaspace))
    assert old.text_prefix == new.text_prefix == b" "
    for text in (" the river", "  two  spaces", " x", " "):
        assert old.encode(text.encode()) == new.encode(text.encode())
    assert old.decode(old.encode(b"   x")) == b"   x"


def test_texts_are_not_composed(tmp_path: Path) -> None:
    """A description that asks for it (Qwen's does) would not give decomposed texts back."""

    def compose(described: Any) -> None:
        described["normalizer"] = {"type": "NFC"}

    tokenizer = read(written(tmp_path, "qwen2", compose))
    decomposed = "nin\u0303o e\u0301".encode()
    assert tokenizer.decode(tokenizer.encode(decomposed)) == decomposed


def test_padding_truncation_and_prefix_spaces_are_left_out(tmp_path: Path) -> None:
    def add(described: Any) -> None:
        described["truncation"] = {
            "direction": "Right",
            "max_length": 3,
            "strategy": "LongestFirst",
            "stride": 0,
        }
        described["pre_tokenizer"]["add_prefix_space"] = True

    tokenizer = read(written(tmp_path, "gpt2", add))
    assert tokenizer.decode(tokenizer.encode(b"a longer text")) == b"a longer text"
    assert tokenizer.text_prefix == b""


def test_ids_beyond_the_vocabulary_spell_nothing(tmp_path: Path) -> None:
    vocabulary = tiny_torch.vocabulary_of("gpt2")
    folder = written(tmp_path, "gpt2", lambda described: None)
    tokenizer = read(folder, len(vocabulary.tokens) + 9)
    assert len(tokenizer.table) == len(vocabulary.tokens) + 9
    assert tokenizer.table.pieces[-9:] == (b"",) * 9


def add_tokens(described: Any, *contents: str, special: bool) -> None:
    first = len(described["model"]["vocab"])
    described["added_tokens"] += [
        {
            "id": first + at, "content": content, "special": special, "single_word": False,
            "lstrip": False, "rstrip": False, "normalized": False,
        }
        for at, content in enumerate(contents)
    ]  # fmt: skip


def test_ordinary_added_tokens_are_spelt_with(tmp_path: Path) -> None:
    """As GPT-NeoX's runs of spaces, which are no part of its byte-pair vocabulary."""
    folder = written(
        tmp_path, "gpt_neox", lambda described: add_tokens(described, "    ", special=False)
    )
    tokenizer = read(folder)
    run = tokenizer.table.exact(b"    ")
    assert run is not None
    assert run in tokenizer.encode(b"a    b")
    assert tokenizer.decode(tokenizer.encode(b"a    b")) == b"a    b"


def test_holes_ends_and_starts_come_from_the_files(tmp_path: Path) -> None:
    marks = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|im_end|>", "<bos>")
    folder = written(
        tmp_path,
        "qwen2",
        lambda described: add_tokens(described, *marks, special=True),
        bos_token="<bos>",
        add_bos_token=True,
    )
    first = len(tiny_torch.vocabulary_of("qwen2").tokens)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, 10_000]}))
    tokenizer = read(folder)
    assert tokenizer.fill == Fill(first, first + 1, first + 2)
    assert tokenizer.end_ids == {first - 1, first + 3, 5}
    assert tokenizer.start_id == first + 4


CHANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "lower_case": (
        lambda described: described.update(normalizer={"type": "Lowercase"}),
        r"changes texts \(Lowercase\)",
    ),
    "word_piece": (
        lambda described: described["model"].update(type="WordPiece"),
        "has a 'WordPiece' vocabulary",
    ),
    "no_spaces": (
        lambda described: described.update(pre_tokenizer={"type": "Whitespace"}),
        "changes texts: what it spells",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_cannot_be_used_is_refused_by_name(tmp_path: Path, change: str) -> None:
    alter, reason = CHANGES[change]
    with pytest.raises(UnsupportedModelError, match=reason):
        read(written(tmp_path, "llama" if change == "no_spaces" else "gpt2", alter))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model": {"type": "BPE"}}'])
def test_damaged_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises((ModelFormatError, UnsupportedModelError), match=r"'mine'|tokenizer\.json"):
        read(tmp_path)


def test_a_folder_without_any_tokenizer_is_refused(tmp_path: Path) -> None:
    tiny_torch.write(tmp_path, "gpt2")
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(UnsupportedModelError, match=r"has no tokenizer\.json"):
        read(tmp_path)


def test_a_tokenizer_is_made_from_older_files(tmp_path: Path) -> None:
    """`vocab.json` and `merges.txt`, as GPT-2 was published with."""
    vocabulary = tiny_torch.vocabulary_of("gpt2")
    expected = read(written(tmp_path / "new", "gpt2", lambda described: None))
    old = tiny_torch.write(tmp_path / "old", "gpt2")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (old / name).unlink()
    ids = {token.text: at for at, token in enumerate(vocabulary.tokens)}
    (old / "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
    assert vocabulary.merges is not None
    merges = "\n".join(["#version: 0.2", *vocabulary.merges])
    (old / "merges.txt").write_text(merges, encoding="utf-8")
    made = read(old, len(vocabulary.tokens))
    for text in TEXTS:
        assert made.encode(text.encode()) == expected.encode(text.encode())
