"""Tiny transformers folders with seeded random weights and the vocabularies of `tiny_gguf`.

One architecture for each way a model differs in what an engine must do for it: absolute positions
(GPT-2), grouped-query attention with a SentencePiece vocabulary (Llama), norms of queries and keys
(Qwen3), rotation of a part of each head and parallel layers (GPT-NeoX), a sliding window in every
layer (Mistral) and in some (Gemma 3). As in `tiny_gguf`, the weights keep hidden vectors near 1 and
make printable tokens likely.

Invariant: the same function with the same arguments writes the same weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging as library_logging

import tiny_gguf
from tiny_gguf import TokenType, Vocabulary

# In every layer of a model of two, so that a token still tells 30 tokens on; in one, short.
WIDE_WINDOW_TOKENS, WINDOW_TOKENS = 16, 8
_CONTEXT_TOKENS = 512
_DIM, _LAYERS, _HEADS, _KV_HEADS, _HEAD_DIM, _FF_DIM = 32, 2, 4, 2, 8, 64

_ROTARY = {
    "hidden_size": _DIM,
    "num_hidden_layers": _LAYERS,
    "num_attention_heads": _HEADS,
    "intermediate_size": _FF_DIM,
    "max_position_embeddings": _CONTEXT_TOKENS,
}
_GROUPED = {**_ROTARY, "num_key_value_heads": _KV_HEADS, "head_dim": _HEAD_DIM}

CONFIGS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": _DIM, "n_layer": _LAYERS, "n_head": _HEADS, "n_positions": _CONTEXT_TOKENS},
    "llama": _GROUPED,
    "qwen2": _GROUPED,
    "qwen3": _GROUPED,
    "gpt_neox": {**_ROTARY, "rotary_pct": 0.5},
    "mistral": {**_GROUPED, "sliding_window": WIDE_WINDOW_TOKENS},
    "gemma3_text": {
        **_GROUPED,
        "sliding_window": WINDOW_TOKENS,
        "layer_types": ["sliding_attention", "full_attention"],
        "query_pre_attn_scalar": _HEAD_DIM,
    },
}
SENTENCEPIECE = {"llama", "gemma3_text"}  # the others have byte-level byte-pair vocabularies


def write(folder: Path, kind: str, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Write a model of `kind`, a key of `CONFIGS`, and its tokenizer."""
    vocabulary = vocabulary_of(kind)
    config = AutoConfig.for_model(
        kind,
        **CONFIGS[kind],
        vocab_size=len(vocabulary.tokens),
        tie_word_embeddings=False,
        pad_token_id=None,
        bos_token_id=vocabulary.special["bos"],
        eos_token_id=vocabulary.special["eos"],
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    _draw(model, vocabulary, seed)
    progress = library_logging.is_progress_bar_enabled()
    library_logging.disable_progress_bar()
    model.to(dtype).save_pretrained(folder)
    if progress:
        library_logging.enable_progress_bar()
    write_tokenizer(folder, vocabulary)
    return folder


def vocabulary_of(kind: str) -> Vocabulary:
    """The vocabulary that a kind of model is written with."""
    return tiny_gguf.spm_vocabulary() if kind in SENTENCEPIECE else tiny_gguf.bpe_vocabulary()


def write_tokenizer(folder: Path, vocabulary: Vocabulary) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, as transformers names them."""
    folder.mkdir(parents=True, exist_ok=True)
    made = _byte_level(vocabulary) if vocabulary.model == "gpt2" else _sentencepiece(vocabulary)
    made.save(str(folder / "tokenizer.json"))
    names = {
        f"{role}_token": vocabulary.tokens[token].text
        for role, token in vocabulary.special.items()
        if role in ("bos", "eos")
    }
    text = json.dumps({"add_bos_token": vocabulary.add_bos, **names})
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")


def _byte_level(vocabulary: Vocabulary) -> Tokenizer:
    made = Tokenizer(BPE(vocab=_ids(vocabulary), merges=_merges(vocabulary)))
    # GPT-2's own pattern, to which a letter-run of any script is one word.
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([tiny_gguf.END_OF_TEXT])
    return made


def _sentencepiece(vocabulary: Vocabulary) -> Tokenizer:
    ids = _ids(vocabulary)
    made = Tokenizer(
        BPE(
            vocab=ids,
            merges=_spm_merges(vocabulary),
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    mark = tiny_gguf.WORD_START
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend(mark), normalizers.Replace(" ", mark)]
    )
    made.decoder = decoders.Sequence([
        decoders.Replace(mark, " "), decoders.ByteFallback(), decoders.Fuse(),
        decoders.Strip(" ", 1, 0),
    ])  # fmt: skip
    made.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", ids["<s>"])]
    )
    made.add_special_tokens([AddedToken(text, normalized=False) for text in ("<s>", "</s>")])
    return made


def _ids(vocabulary: Vocabulary) -> dict[str, int]:
    return {token.text: at for at, token in enumerate(vocabulary.tokens)}


def _merges(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    assert vocabulary.merges is not None
    return [(left, right) for left, right in (merge.split(" ") for merge in vocabulary.merges)]


def _spm_merges(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Every pair of pieces that joins to a piece, best piece first: what SentencePiece tries."""
    known = {token.text for token in vocabulary.tokens if token.type == TokenType.NORMAL}
    ranked = sorted(
        (token for token in vocabulary.tokens if token.text in known and len(token.text) > 1),
        key=lambda token: -token.score,
    )
    return [
        (token.text[:cut], token.text[cut:])
        for token in ranked
        for cut in range(1, len(token.text))
        if token.text[:cut] in known and token.text[cut:] in known
    ]


def _draw(model: torch.nn.Module, vocabulary: Vocabulary, seed: int) -> None:
    """Draw every matrix; norms keep their ones."""
    generator = torch.Generator().manual_seed(seed)
    gains = torch.tensor([[token.gain] for token in vocabulary.tokens])  # [vocabulary, 1]
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if weight.ndim < 2:
                if "bias" in name:
                    weight.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
                continue
            drawn = torch.randn(weight.shape, generator=generator)
            if weight is model.get_output_embeddings().weight:
                weight.copy_(drawn * gains * _DIM**-0.5)
            elif weight is model.get_input_embeddings().weight:
                std = _DIM**-0.5 if model.config.model_type.startswith("gemma") else 1.0
                weight.copy_(drawn * std)
            elif "wpe" in name:
                weight.copy_(drawn * 0.3)
            else:
                n_in = weight.shape[0] if "c_" in name else weight.shape[1]  # GPT-2's are turned
                weight.copy_(drawn * n_in**-0.5)
