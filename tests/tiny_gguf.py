"""Tiny GGUF model files with seeded random weights, for tests that need the real llama.cpp.

Owns the vocabularies, the tensor names and shapes and the metadata of a handful of
architectures, one for each way llama.cpp remembers a sequence (a KV cache, a recurrent state,
both, a sliding window) and one that cannot complete text at all. It knows nothing of tecla and
does not import llama_cpp: a file is written with the `gguf` package alone.

Invariant: the same function with the same arguments writes the same bytes.

The text the models write is nonsense, but readable nonsense. Weights are drawn so that every
hidden vector keeps a root mean square near 1, hence a row of the output matrix with gain g gives
a logit of standard deviation g. Rows of printable tokens have gain 2; rows of control tokens and
of bytes that are not printable ASCII have gain 0.5. So greedy decoding hardly ever meets an end
token or half of a UTF-8 character, while sampling still does now and then.

The merges are trained here rather than copied, on `CORPUS`. The SentencePiece-like vocabulary
uses the same merges over characters, scored by rank: llama.cpp builds an SPM token by merging
neighbours whose concatenation is a token, highest score first, so a piece that no chain of
merges reaches would never be produced.

The module is longer than most: the files share the vocabularies and the shapes, and a table of
tensor names gains nothing from being cut in two.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gguf import GGUFWriter, PoolingType, TokenType

CORPUS = """\
The house stands at the end of the road, where the river turns towards the sea. In the morning
the light comes in through the kitchen window and the whole room smells of bread and coffee.
My mother writes a letter every week; she says that writing is the best way of thinking about
what has happened and what will happen. When I was a child I thought that she was writing to
the river. Now I know that she was writing to me. There is nothing in the world that I would
rather read than those letters, and there is nothing that I would rather have written myself.
The train leaves the station at seven and arrives in the other city before the evening.
We are going to the market this afternoon, and then we will have something to eat together.
I think that the meeting should be on Thursday, because everyone will be there by then.
La casa está al final del camino, donde el río da la vuelta hacia el mar. Por la mañana la luz
entra por la ventana de la cocina y toda la habitación huele a pan y a café. Mi madre escribe
una carta cada semana; dice que escribir es la mejor manera de pensar en lo que ha pasado y en
lo que va a pasar. Cuando yo era niño pensaba que ella escribía para el río. Ahora sé que
escribía para mí. No hay nada en el mundo que me guste más que leer esas cartas, y no hay nada
que me hubiera gustado más que escribirlas yo mismo. El tren sale de la estación a las siete y
llega a la otra ciudad antes de la noche. Esta tarde vamos a ir al mercado, y después vamos a
comer algo juntos. ¿Qué día es la reunión? Creo que el jueves, porque estarán todos para entonces.
"""

N_MERGES = 150
END_OF_TEXT = "<|endoftext|>"
WORD_START = "\u2581"

_CONTEXT_LENGTH = 512
_N_LAYERS = 2
_DIM = 32
_N_HEADS = 4
_N_KV_HEADS = 2
_HEAD_DIM = _DIM // _N_HEADS
_KV_DIM = _N_KV_HEADS * _HEAD_DIM
_FF_DIM = 64
_INNER_DIM = 2 * _DIM  # llama.cpp takes no other expansion of a mamba layer
_STATE_DIM = 8
_CONV_WIDTH = 4
_DT_RANK = 4
_LOUD, _QUIET = 2.0, 0.5  # gain of an output row: see the head of the file


class Token(NamedTuple):
    """One row of a vocabulary; `gain` is that of its output row."""

    text: str
    type: TokenType = TokenType.NORMAL
    gain: float = _LOUD
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokenizer part of a file; a token's id is its place in `tokens`."""

    model: str  # the value of tokenizer.ggml.model
    tokens: tuple[Token, ...]
    special: dict[str, int]  # "bos" -> token id, named as in tokenizer.ggml.bos_token_id
    merges: tuple[str, ...] | None = None
    pre: str = "default"  # the value of tokenizer.ggml.pre
    add_bos: bool = False
    add_space_prefix: bool = False


# --- the files ----------------------------------------------------------------------------------


def write_bpe_llama(path: str | Path, *, seed: int = 0, pre: str = "gpt-2") -> Path:
    """Write a `llama` model with a byte-level BPE vocabulary; `pre` names the pre-tokeniser."""
    return _write_llama(_ModelFile(path, "llama", bpe_vocabulary(pre=pre), seed=seed))


def write_spm_llama(path: str | Path, *, seed: int = 0) -> Path:
    """Write a `llama` model with a SentencePiece-like vocabulary that adds <s> and a space."""
    return _write_llama(_ModelFile(path, "llama", spm_vocabulary(), seed=seed))


def write_mamba(path: str | Path, *, seed: int = 0) -> Path:
    """Write a `mamba` model (recurrent: no KV cache) with the BPE vocabulary."""
    file = _ModelFile(path, "mamba", bpe_vocabulary(), seed=seed)
    file.writer.add_feed_forward_length(0)
    file.writer.add_head_count(0)
    file.writer.add_layer_norm_rms_eps(1e-5)
    _describe_mamba_layers(file)
    _add_embedding_and_output(file)
    for layer in range(_N_LAYERS):
        file.add_ones(f"blk.{layer}.attn_norm.weight", _DIM)
        _add_mamba_mixer(file, layer)
    return file.close()


def write_hybrid(path: str | Path, *, seed: int = 0) -> Path:
    """Write a `jamba` model: layer 0 is a mamba layer, layer 1 attends; with the BPE vocabulary."""
    file = _ModelFile(path, "jamba", bpe_vocabulary(), seed=seed)
    _describe_attention(file, n_kv_heads=[0, _N_KV_HEADS])  # 0 marks a recurrent layer
    _describe_mamba_layers(file)
    _add_embedding_and_output(file)
    for layer, recurrent in enumerate((True, False)):
        file.add_ones(f"blk.{layer}.attn_norm.weight", _DIM)
        if recurrent:
            _add_mamba_mixer(file, layer)
            file.add_ones(f"blk.{layer}.ssm_dt_norm.weight", _DT_RANK)
            file.add_ones(f"blk.{layer}.ssm_b_norm.weight", _STATE_DIM)
            file.add_ones(f"blk.{layer}.ssm_c_norm.weight", _STATE_DIM)
        else:
            _add_attention(file, layer)
        _add_gated_mlp(file, layer)
    return file.close()


def write_swa(path: str | Path, *, seed: int = 0, window_tokens: int = 8) -> Path:
    """Write a `gemma3` model with the SPM vocabulary; layer 0 sees the last `window_tokens`."""
    file = _ModelFile(path, "gemma3", spm_vocabulary(), seed=seed)
    _describe_attention(file, n_kv_heads=_N_KV_HEADS)
    file.writer.add_key_length(_HEAD_DIM)
    file.writer.add_value_length(_HEAD_DIM)
    file.writer.add_sliding_window(window_tokens)
    file.writer.add_sliding_window_pattern([True, False])
    _add_embedding_and_output(file, embedding_std=_DIM**-0.5)  # gemma scales it by sqrt(dim)
    for layer in range(_N_LAYERS):
        file.add_ones(f"blk.{layer}.attn_norm.weight", _DIM)
        _add_attention(file, layer)
        file.add_ones(f"blk.{layer}.attn_q_norm.weight", _HEAD_DIM)
        file.add_ones(f"blk.{layer}.attn_k_norm.weight", _HEAD_DIM)
        file.add_ones(f"blk.{layer}.post_attention_norm.weight", _DIM)
        _add_gated_mlp(file, layer)
        file.add_ones(f"blk.{layer}.post_ffw_norm.weight", _DIM)
    return file.close()


def write_embedding(path: str | Path, *, seed: int = 0) -> Path:
    """Write a `bert` model: an encoder, so its logits are all zero; WordPiece vocabulary."""
    file = _ModelFile(path, "bert", wordpiece_vocabulary(), seed=seed)
    file.writer.add_feed_forward_length(_FF_DIM)
    file.writer.add_head_count(_N_HEADS)
    file.writer.add_layer_norm_eps(1e-5)
    file.writer.add_causal_attention(False)
    file.writer.add_pooling_type(PoolingType.CLS)
    file.writer.add_token_type_count(2)
    file.add_normal("token_embd.weight", len(file.vocabulary.tokens), _DIM, std=1.0)
    file.add_normal("token_types.weight", 2, _DIM, std=0.1)
    file.add_normal("position_embd.weight", _CONTEXT_LENGTH, _DIM, std=0.3)
    file.add_layer_norm("token_embd_norm", _DIM)
    for layer in range(_N_LAYERS):
        prefix = f"blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            file.add_linear(f"{prefix}.{name}", _DIM, _DIM)
        file.add_layer_norm(f"{prefix}.attn_output_norm", _DIM)
        file.add_linear(f"{prefix}.ffn_up", _FF_DIM, _DIM)
        file.add_linear(f"{prefix}.ffn_down", _DIM, _FF_DIM)
        file.add_layer_norm(f"{prefix}.layer_output_norm", _DIM)
    return file.close()


# --- the vocabularies ---------------------------------------------------------------------------


@cache
def bpe_vocabulary(*, pre: str = "gpt-2") -> Vocabulary:
    """Byte-level BPE: the 256 bytes (id = byte), the merges of `CORPUS`, the end token last."""
    spelling = byte_spelling()
    chunks = re.findall(r" ?\w+| ?[^\s\w]+|\s+", CORPUS)
    words = ("".join(spelling[byte] for byte in chunk.encode()) for chunk in chunks)
    merges = train_merges(words, n_merges=N_MERGES)
    tokens = [
        Token(text, gain=_LOUD if 0x20 <= byte < 0x7F else _QUIET)
        for byte, text in enumerate(spelling)
    ]
    tokens += [Token(left + right) for left, right in merges]
    tokens += [Token(END_OF_TEXT, TokenType.CONTROL, _QUIET)]
    end = len(tokens) - 1
    return Vocabulary(
        model="gpt2",
        tokens=tuple(tokens),
        special={"bos": end, "eos": end},
        merges=tuple(f"{left} {right}" for left, right in merges),
        pre=pre,
    )


@cache
def spm_vocabulary() -> Vocabulary:
    """SentencePiece-like: <unk>, <s>, </s>, `<0xNN>` bytes, the merges of `CORPUS`, characters."""
    chunks = re.findall(r" ?\w+| ?[^\s\w]+", CORPUS)
    merges = train_merges((chunk.replace(" ", WORD_START) for chunk in chunks), n_merges=N_MERGES)
    characters = sorted((set(CORPUS) - set(" \n")) | set(map(chr, range(0x21, 0x7F))))
    pieces = [left + right for left, right in merges] + [WORD_START, *characters]
    tokens = [Token("<unk>", TokenType.UNKNOWN, _QUIET)]
    tokens += [Token(text, TokenType.CONTROL, _QUIET) for text in ("<s>", "</s>")]
    tokens += [Token(f"<0x{byte:02X}>", TokenType.BYTE, _QUIET) for byte in range(256)]
    tokens += [Token(text, score=-float(rank)) for rank, text in enumerate(pieces)]
    return Vocabulary(
        model="llama",
        tokens=tuple(tokens),
        special={"unknown": 0, "bos": 1, "eos": 2},
        add_bos=True,
        add_space_prefix=True,
    )


@cache
def wordpiece_vocabulary() -> Vocabulary:
    """WordPiece, as llama.cpp spells it: word starts marked, continuations bare, lower case."""
    control = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    letters = sorted(set(CORPUS.lower()) - set(" \n"))
    starts = sorted({WORD_START + word for word in (*re.findall(r"\w+", CORPUS.lower()), *letters)})
    tokens = [Token(text, TokenType.CONTROL) for text in control]
    tokens += [Token(text) for text in (*letters, *starts)]
    return Vocabulary(
        model="bert",
        tokens=tuple(tokens),
        special={"padding": 0, "unknown": 1, "bos": 2, "seperator": 3, "eos": 3, "mask": 4},
        add_bos=True,
    )


def byte_spelling() -> tuple[str, ...]:
    """GPT-2's printable stand-in for each byte, by byte: "a" for 0x61, "Ġ" for a space."""
    own = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(0xAE, 0x100)}
    stand_ins = iter(range(0x100, 0x200))
    return tuple(chr(byte if byte in own else next(stand_ins)) for byte in range(256))


def train_merges(words: Iterable[str], *, n_merges: int) -> list[tuple[str, str]]:
    """Learn byte-pair merges, most frequent pair first, ties in code-point order.

    A pair whose concatenation is a token already is passed over, so no two tokens are equal.
    Source: Sennrich, Haddow and Birch 2016, section 3.2. Raises ValueError when the words are
    used up before there are `n_merges`.
    """
    segmented = {tuple(word): count for word, count in Counter(words).items()}
    merges: list[tuple[str, str]] = []
    made: set[str] = set()
    while len(merges) < n_merges:
        counts: Counter[tuple[str, str]] = Counter()
        for parts, count in segmented.items():
            for pair in pairwise(parts):
                if pair[0] + pair[1] not in made:
                    counts[pair] += count
        if not counts:
            raise ValueError(f"only {len(merges)} merges in the words, {n_merges!r} asked for")
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        made.add("".join(best))
        segmented = {_merge(parts, best): count for parts, count in segmented.items()}
    return merges


def _merge(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    merged: list[str] = []
    index = 0
    while index < len(parts):
        width = 2 if parts[index : index + 2] == pair else 1
        merged.append("".join(parts[index : index + width]))
        index += width
    return tuple(merged)


# --- the file under construction ----------------------------------------------------------------


class _ModelFile:
    """A GGUF file being filled: metadata through `writer`, tensors through the add methods.

    A tensor is drawn when it is added, so the order of the calls is part of the bytes. Shapes
    are numpy's, [rows, columns]; llama.cpp's sources give them the other way round.
    """

    def __init__(self, path: str | Path, arch: str, vocabulary: Vocabulary, *, seed: int) -> None:
        self.path = Path(path)
        self.vocabulary = vocabulary
        self.writer = GGUFWriter(self.path, arch)
        self._random = np.random.default_rng(seed)
        self.writer.add_name(f"tiny-{arch}")
        self.writer.add_context_length(_CONTEXT_LENGTH)
        self.writer.add_embedding_length(_DIM)
        self.writer.add_block_count(_N_LAYERS)
        self.writer.add_vocab_size(len(vocabulary.tokens))
        self._add_vocabulary()

    def _add_vocabulary(self) -> None:
        vocabulary = self.vocabulary
        self.writer.add_tokenizer_model(vocabulary.model)
        self.writer.add_tokenizer_pre(vocabulary.pre)
        self.writer.add_token_list([token.text for token in vocabulary.tokens])
        self.writer.add_token_types([token.type for token in vocabulary.tokens])
        self.writer.add_token_scores([token.score for token in vocabulary.tokens])
        if vocabulary.merges is not None:
            self.writer.add_token_merges(vocabulary.merges)
        for name, token in vocabulary.special.items():
            self.writer.add_uint32(f"tokenizer.ggml.{name}_token_id", token)
        self.writer.add_add_bos_token(vocabulary.add_bos)
        self.writer.add_add_space_prefix(vocabulary.add_space_prefix)

    def add(self, name: str, values: np.ndarray) -> None:
        self.writer.add_tensor(name, np.ascontiguousarray(values, dtype=np.float32))

    def add_normal(self, name: str, *shape: int, std: float | np.ndarray) -> None:
        self.add(name, self._random.standard_normal(shape) * std)

    def add_matrix(self, name: str, n_out: int, n_in: int) -> None:
        """Add a matrix that keeps the root mean square of what it multiplies."""
        self.add_normal(name, n_out, n_in, std=n_in**-0.5)

    def add_linear(self, name: str, n_out: int, n_in: int) -> None:
        self.add_matrix(f"{name}.weight", n_out, n_in)
        self.add_normal(f"{name}.bias", n_out, std=0.1)

    def add_ones(self, name: str, *shape: int) -> None:
        self.add(name, np.ones(shape))

    def add_layer_norm(self, name: str, width: int) -> None:
        self.add_ones(f"{name}.weight", width)
        self.add(f"{name}.bias", np.zeros(width))

    def close(self) -> Path:
        """Write everything and return the path."""
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()
        return self.path


def _write_llama(file: _ModelFile) -> Path:
    _describe_attention(file, n_kv_heads=_N_KV_HEADS)
    file.writer.add_rope_dimension_count(_HEAD_DIM)
    _add_embedding_and_output(file)
    for layer in range(_N_LAYERS):
        file.add_ones(f"blk.{layer}.attn_norm.weight", _DIM)
        _add_attention(file, layer)
        _add_gated_mlp(file, layer)
    return file.close()


def _describe_attention(file: _ModelFile, *, n_kv_heads: int | Sequence[int]) -> None:
    file.writer.add_feed_forward_length(_FF_DIM)
    file.writer.add_head_count(_N_HEADS)
    file.writer.add_head_count_kv(n_kv_heads)
    file.writer.add_layer_norm_rms_eps(1e-5)


def _describe_mamba_layers(file: _ModelFile) -> None:
    file.writer.add_ssm_conv_kernel(_CONV_WIDTH)
    file.writer.add_ssm_inner_size(_INNER_DIM)
    file.writer.add_ssm_state_size(_STATE_DIM)
    file.writer.add_ssm_time_step_rank(_DT_RANK)


def _add_embedding_and_output(file: _ModelFile, *, embedding_std: float = 1.0) -> None:
    n_vocab = len(file.vocabulary.tokens)
    gain = np.array([[token.gain] for token in file.vocabulary.tokens])  # [vocab, 1]
    file.add_normal("token_embd.weight", n_vocab, _DIM, std=embedding_std)
    file.add_ones("output_norm.weight", _DIM)
    # Apart from the embedding: a tied output would answer every token with itself.
    file.add_normal("output.weight", n_vocab, _DIM, std=gain * _DIM**-0.5)


def _add_attention(file: _ModelFile, layer: int) -> None:
    file.add_matrix(f"blk.{layer}.attn_q.weight", _DIM, _DIM)
    file.add_matrix(f"blk.{layer}.attn_k.weight", _KV_DIM, _DIM)
    file.add_matrix(f"blk.{layer}.attn_v.weight", _KV_DIM, _DIM)
    file.add_matrix(f"blk.{layer}.attn_output.weight", _DIM, _DIM)


def _add_gated_mlp(file: _ModelFile, layer: int) -> None:
    file.add_ones(f"blk.{layer}.ffn_norm.weight", _DIM)
    file.add_matrix(f"blk.{layer}.ffn_gate.weight", _FF_DIM, _DIM)
    file.add_matrix(f"blk.{layer}.ffn_up.weight", _FF_DIM, _DIM)
    file.add_matrix(f"blk.{layer}.ffn_down.weight", _DIM, _FF_DIM)


def _add_mamba_mixer(file: _ModelFile, layer: int) -> None:
    prefix = f"blk.{layer}"
    file.add_matrix(f"{prefix}.ssm_in.weight", 2 * _INNER_DIM, _DIM)
    file.add_normal(f"{prefix}.ssm_conv1d.weight", _INNER_DIM, _CONV_WIDTH, std=_CONV_WIDTH**-0.5)
    file.add_normal(f"{prefix}.ssm_conv1d.bias", _INNER_DIM, std=0.1)
    file.add_matrix(f"{prefix}.ssm_x.weight", _DT_RANK + 2 * _STATE_DIM, _INNER_DIM)
    file.add_linear(f"{prefix}.ssm_dt", _INNER_DIM, _DT_RANK)
    # Negative, so that the state decays; small, so that a token still tells dozens of tokens on.
    file.add(f"{prefix}.ssm_a", np.tile(-np.geomspace(0.01, 1.0, _STATE_DIM), (_INNER_DIM, 1)))
    file.add_ones(f"{prefix}.ssm_d", _INNER_DIM)
    file.add_matrix(f"{prefix}.ssm_out.weight", _DIM, _INNER_DIM)
