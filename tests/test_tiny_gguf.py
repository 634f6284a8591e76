"""Tests of the tiny GGUF files: llama.cpp takes them, and they behave like language models.

Owns the claims the other tests lean on when they use such a file. Calls llama.cpp's C interface
directly, never tecla, so that a failure here is about the file and not about the engine.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import llama_cpp.llama_cpp as lib
import numpy as np
import pytest

import tiny_gguf

COMPLETERS: dict[str, Callable[..., Path]] = {
    "bpe_llama": tiny_gguf.write_bpe_llama,
    "spm_llama": tiny_gguf.write_spm_llama,
    "mamba": tiny_gguf.write_mamba,
    "hybrid": tiny_gguf.write_hybrid,
    "swa": tiny_gguf.write_swa,
}
WRITERS = {**COMPLETERS, "embedding": tiny_gguf.write_embedding}
SPM = {"spm_llama", "swa"}

TEXTS = (
    "Hello, world! It's the 3rd of May.",
    "El niño está aquí; ¿qué día es la reunión?",
    "今日は良い天気です。",
    "👩\u200d👩\u200d👧 🎉 naïve cafe\u0301",
    "  two  spaces\n\ttab \r\n",
    "<|endoftext|> </s> <s>",
)


@lib.llama_log_callback
def _discard_log(level: int, text: bytes, user_data: object) -> None:
    """Swallow llama.cpp's log; a module's global, because llama.cpp keeps the pointer."""


@pytest.fixture(scope="module", autouse=True)
def quiet_llama() -> None:
    lib.llama_log_set(_discard_log, None)
    lib.llama_backend_init()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny_gguf")


@contextmanager
def loaded(path: Path) -> Iterator[lib.llama_model_p]:
    params = lib.llama_model_default_params()
    params.n_gpu_layers = 0
    model = lib.llama_model_load_from_file(str(path).encode(), params)
    assert model is not None, f"llama.cpp refuses {path.name!r}"
    try:
        yield model
    finally:
        lib.llama_model_free(model)


@contextmanager
def context_of(
    model: lib.llama_model_p, *, embeddings: bool = False
) -> Iterator[lib.llama_context_p]:
    params = lib.llama_context_default_params()
    params.n_ctx = 256
    params.n_threads = params.n_threads_batch = 1
    params.embeddings = embeddings
    context = lib.llama_init_from_model(model, params)
    assert context is not None
    try:
        yield context
    finally:
        lib.llama_free(context)


def tokenize(model: lib.llama_model_p, text: str, *, add_special: bool = False) -> list[int]:
    data = text.encode()
    room = len(data) + 8
    tokens = (lib.llama_token * room)()
    vocab = lib.llama_model_get_vocab(model)
    n_tokens = lib.llama_tokenize(vocab, data, len(data), tokens, room, add_special, False)
    assert n_tokens >= 0
    return list(tokens[:n_tokens])


def piece(model: lib.llama_model_p, token: int) -> bytes:
    room = ctypes.create_string_buffer(64)
    vocab = lib.llama_model_get_vocab(model)
    n_bytes = lib.llama_token_to_piece(vocab, token, room, len(room), 0, False)
    assert n_bytes >= 0
    return room.raw[:n_bytes]


def decode(context: lib.llama_context_p, tokens: Sequence[int], *, position: int = 0) -> None:
    """Run `tokens` in sequence 0 from `position` on, with an output for each."""
    batch = lib.llama_batch_init(len(tokens), 0, 1)
    try:
        batch.n_tokens = len(tokens)
        for row, token in enumerate(tokens):
            batch.token[row] = token
            batch.pos[row] = position + row
            batch.n_seq_id[row] = 1
            batch.seq_id[row][0] = 0
            batch.logits[row] = 1
        assert lib.llama_decode(context, batch) == 0
    finally:
        lib.llama_batch_free(batch)


def logits_after(model: lib.llama_model_p, tokens: Sequence[int]) -> np.ndarray:
    """Return the logits after each of `tokens`, [tokens, vocab] float32."""
    n_vocab = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
    with context_of(model) as context:
        decode(context, tokens)
        rows = [
            np.ctypeslib.as_array(lib.llama_get_logits_ith(context, row), (n_vocab,)).copy()
            for row in range(len(tokens))
        ]
    return np.stack(rows)


def probabilities(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("name", WRITERS)
def test_the_seed_decides_every_byte(name: str, tmp_path: Path) -> None:
    write = WRITERS[name]
    first = write(tmp_path / "first.gguf").read_bytes()
    again = write(tmp_path / "again.gguf", seed=0).read_bytes()
    other = write(tmp_path / "other.gguf", seed=1).read_bytes()
    assert first == again
    assert first != other
    assert len(first) < 2_000_000


@pytest.mark.parametrize("name", COMPLETERS)
@pytest.mark.parametrize("seed", [0, 1])
def test_logits_are_finite_and_neither_flat_nor_certain(name: str, seed: int, folder: Path) -> None:
    with loaded(COMPLETERS[name](folder / f"{name}-{seed}.gguf", seed=seed)) as model:
        tokens = tokenize(model, "The house stands at the end of the road, donde el río")
        logits = logits_after(model, tokens)
    assert np.isfinite(logits).all()
    best = probabilities(logits).max(axis=-1)
    assert best.min() > 0.02
    assert best.max() < 0.9


@pytest.mark.parametrize("name", COMPLETERS)
def test_an_early_token_changes_what_comes_last(name: str, folder: Path) -> None:
    with loaded(COMPLETERS[name](folder / f"{name}.gguf")) as model:
        tokens = tokenize(model, "The house stands at the end of the road and the river")
        changed = [tokens[0], tokens[0], *tokens[2:]]
        assert changed != tokens
        difference = logits_after(model, tokens)[-1] - logits_after(model, changed)[-1]
    assert np.abs(difference).max() > 0.1


@pytest.mark.parametrize("name", COMPLETERS)
def test_token_pieces_join_to_the_text(name: str, folder: Path) -> None:
    with loaded(COMPLETERS[name](folder / f"{name}.gguf")) as model:
        for text in TEXTS:
            joined = b"".join(piece(model, token) for token in tokenize(model, text))
            assert joined.decode() == (" " + text if name in SPM else text)


@pytest.mark.parametrize("name", COMPLETERS)
def test_trained_words_take_fewer_tokens_than_letters(name: str, folder: Path) -> None:
    with loaded(COMPLETERS[name](folder / f"{name}.gguf")) as model:
        text = "the river and the letter that she was writing para el río que está"
        assert len(tokenize(model, text)) < 0.6 * len(text)


@pytest.mark.parametrize("name", COMPLETERS)
def test_special_tokens_are_where_the_vocabulary_says(name: str, folder: Path) -> None:
    with loaded(COMPLETERS[name](folder / f"{name}.gguf")) as model:
        vocab = lib.llama_model_get_vocab(model)
        assert lib.llama_vocab_is_eog(vocab, lib.llama_vocab_eos(vocab))
        if name in SPM:
            assert tokenize(model, "a", add_special=True)[0] == lib.llama_vocab_bos(vocab) == 1
        else:
            assert tokenize(model, "a", add_special=True) == [ord("a")]
            end = lib.llama_vocab_eos(vocab)
            assert end == lib.llama_vocab_n_tokens(vocab) - 1
            assert end not in tokenize(model, tiny_gguf.END_OF_TEXT)


def test_each_file_is_of_the_kind_its_name_says(folder: Path) -> None:
    kinds = {}
    for name, write in COMPLETERS.items():
        with loaded(write(folder / f"{name}.gguf")) as model:
            kinds[name] = (
                lib.llama_model_is_recurrent(model),
                lib.llama_model_is_hybrid(model),
                lib.llama_model_n_swa(model),
            )
    assert kinds == {
        "bpe_llama": (False, False, 0),
        "spm_llama": (False, False, 0),
        "mamba": (True, False, 0),
        "hybrid": (False, True, 0),
        "swa": (False, False, 8),
    }


def test_the_pre_tokeniser_can_be_chosen(folder: Path) -> None:
    with loaded(tiny_gguf.write_bpe_llama(folder / "qwen2.gguf", pre="qwen2")) as model:
        room = ctypes.create_string_buffer(64)
        lib.llama_model_meta_val_str(model, b"tokenizer.ggml.pre", room, len(room))
    assert room.value == b"qwen2"


def test_an_unknown_pre_tokeniser_is_refused(folder: Path) -> None:
    path = tiny_gguf.write_bpe_llama(folder / "unknown.gguf", pre="no-such-thing")
    params = lib.llama_model_default_params()
    assert lib.llama_model_load_from_file(str(path).encode(), params) is None


def test_the_encoder_embeds_and_says_what_it_is(folder: Path) -> None:
    with loaded(tiny_gguf.write_embedding(folder / "embedding.gguf")) as model:
        room = ctypes.create_string_buffer(64)
        lib.llama_model_meta_val_str(model, b"general.architecture", room, len(room))
        assert room.value == b"bert"
        n_dim = lib.llama_model_n_embd(model)
        with context_of(model, embeddings=True) as context:
            assert lib.llama_get_memory(context) is None
            decode(context, tokenize(model, "The house at the river", add_special=True))
            row = np.ctypeslib.as_array(lib.llama_get_embeddings_seq(context, 0), (n_dim,)).copy()
    assert np.isfinite(row).all()
    assert row.std() > 0.1


def test_training_stops_when_the_words_are_used_up() -> None:
    assert tiny_gguf.train_merges(["aab", "aab", "ab"], n_merges=2) == [("a", "b"), ("a", "ab")]
    with pytest.raises(ValueError, match="only 2 merges"):
        tiny_gguf.train_merges(["aab"], n_merges=3)
