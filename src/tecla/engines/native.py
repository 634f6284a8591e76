"""llama.cpp's native interface, loaded with what must be set before the library is."""

from __future__ import annotations

from tecla.engines.waiting import spin_briefly

spin_briefly()

import llama_cpp.llama_cpp as native  # noqa: E402 - after the environment is set

__all__ = ["native"]
