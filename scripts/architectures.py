#!/usr/bin/env python3
"""Which kinds of transformers models the torch engine runs, as a table in `docs/engines.md`.

Every causal language model the installed transformers can build with a small configuration is
run without weights, as the engine does before it loads one. Kinds that cannot be made small by the
usual names of sizes are left out: nothing is known of them before one is loaded.

Run: `python scripts/architectures.py [--check]`.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from transformers import AutoConfig, PreTrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tecla.engines.torch_shape import shape_of
from tecla.errors import UnsupportedModelError

PAGE = Path(__file__).resolve().parent.parent / "docs" / "engines.md"
BEGIN, END = "<!-- architectures -->", "<!-- end of architectures -->"
SIZES: Final[dict[str, Any]] = {
    "vocab_size": 320, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 64, "max_position_embeddings": 128,
    "head_dim": 16, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


def small_configs(kind: str) -> Iterator[PreTrainedConfig]:
    """Small configurations of a kind, as far as the usual names of sizes make some."""
    for left_out in ((), ("head_dim",), ("head_dim", "num_key_value_heads")):
        sizes = {name: size for name, size in SIZES.items() if name not in left_out}
        try:
            config: PreTrainedConfig = AutoConfig.for_model(kind, **sizes)
            if config.get_text_config().num_hidden_layers == SIZES["num_hidden_layers"]:
                yield config
        except Exception:  # each kind checks its values in its own way
            continue


def outcome(kind: str) -> str | None:
    """Why a kind is refused, empty if it runs; `None` if its sizes were at fault."""
    for config in small_configs(kind):
        try:
            shape_of(config, kind)
        except UnsupportedModelError as error:
            reason = str(error).partition("engine: ")[2].partition(";")[0]
            if "dry run" not in reason:
                return _general(reason)
        else:
            return ""
    return None


def table() -> str:
    """Kinds that run in one list, those that do not by their reason."""
    kinds = defaultdict(list)
    for kind in sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        found = outcome(kind)
        if found is not None:
            kinds[found].append(kind)
    lines = ["| | kinds (`model_type` in `config.json`) |", "| --- | --- |"]
    for reason, names in sorted(kinds.items()):
        lines.append(f"| {f'refused: {reason}' if reason else 'run'} | {', '.join(names)} |")
    return "\n".join(lines)


def _general(reason: str) -> str:
    """A reason without what is particular to one configuration."""
    if "layers of the kind" in reason or "of its" in reason:
        return "layers that do not attend through the interface"
    return reason


def main() -> int:
    """Write the table, or say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true")
    logging.disable(logging.WARNING)
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2] if END in rest else rest
    written = f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"
    if parser.parse_args().check:
        return int(written != page)
    PAGE.write_text(written, encoding="utf-8")
    print(f"wrote {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
