"""`tecla doctor`: whether this machine completes text well, and what would help."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from tecla.errors import OUTSIDE, TeclaError

if TYPE_CHECKING:
    from tecla.faces.autocomplete import AutoComplete

_FEATURES = ("AVX512_VNNI", "AVX512", "AVX_VNNI", "AVX2", "FMA", "F16C", "NEON", "DOTPROD", "SVE")
_CPU_FLAGS = {"avx2": "AVX2", "avx512f": "AVX512", "avx512_vnni": "AVX512_VNNI", "fma": "FMA"}
_PROMPT = "The future of artif"
_SLOW_STEP_MS = 40.0


class _Line(NamedTuple):
    name: str
    value: str
    advice: str = ""


def doctor(
    model: Annotated[
        str | None, typer.Option(help="Model to check; the configured one by default.")
    ] = None,
) -> None:
    """Check processor, memory, engine and model, time one completion, and give advice.

    Exit status 3 if the model cannot be used.
    """
    lines = [*_machine(), *_engine()]
    status = 0
    try:
        lines += _model(model)
    except TeclaError as error:
        lines.append(_Line("model", "cannot be used", str(error)))
        status = OUTSIDE[error.code].exit_status
    for line in lines:
        typer.echo(f"{line.name:<12} {line.value}")
    advice = [line.advice for line in lines if line.advice]
    typer.echo("")
    for text in advice or ["All is well: nothing to improve was found."]:
        typer.echo(f"- {text}" if advice else text)
    if status:
        sys.exit(status)


def _machine() -> list[_Line]:
    from importlib.metadata import version

    from tecla.machine import (
        available_memory_bytes,
        physical_cores,
        total_memory_bytes,
        usable_cores,
    )

    free = available_memory_bytes()
    few = (
        "" if physical_cores() > 1 else "one core is usable: a second one halves the time of a step"
    )
    tight = "" if free > 1e9 else "less than 1 GB of memory is free: close other programs"
    return [
        _Line("tecla", f"{version('tecla')} on Python {platform.python_version()}"),
        _Line(
            "processor", f"{_processor()}, {physical_cores()} cores ({usable_cores()} logical)", few
        ),
        _Line("memory", f"{free / 1e9:.1f} GB free of {total_memory_bytes() / 1e9:.1f} GB", tight),
    ]


def _engine() -> list[_Line]:
    from importlib.metadata import version

    from tecla.engines import native_log
    from tecla.engines.native import native

    native_log.install()
    built = native.llama_print_system_info().decode()
    enabled = [name for name in _FEATURES if f"{name} = 1" in built]
    unused = sorted(_processor_features() - set(enabled))
    advice = ""
    if unused:
        advice = (
            f"llama.cpp was built without {', '.join(unused)}, which this processor has: build it "
            "here (`make clean demo`, or pip with CMAKE_ARGS=-DGGML_NATIVE=ON)"
        )
    gpu = "with a GPU backend" if native.llama_supports_gpu_offload() else "for the processor alone"
    package = f"llama-cpp-python {version('llama-cpp-python')}"
    value = f"llama.cpp through {package}, {gpu}; {' '.join(enabled) or 'generic'}"
    return [_Line("engine", value, advice), _Line("", _torch())]


def _torch() -> str:
    """What the second engine is, which is loaded only if it is there."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        library = f"transformers {version('transformers')}"
        from tecla.engines.torch_device import machine_report
    except (PackageNotFoundError, ModuleNotFoundError):
        return "no PyTorch for transformers folders (`pip install 'tecla[torch]'`)"
    return f"{library} on {machine_report()}"


def _model(name: str | None) -> list[_Line]:
    from tecla.faces.autocomplete import AutoComplete

    started = time.perf_counter()
    with AutoComplete(name, temperature=0) as completer:
        loaded_ms = (time.perf_counter() - started) * 1000
        info = completer.model
        completer.suggest(_PROMPT, max_new_tokens=2)  # the first run warms the caches
        first_ms, text = _timed(completer, 1)
        many_ms, _ = _timed(completer, 17)
    step_ms = (many_ms - first_ms) / 16
    slow = ""
    if _is_busy():
        slow = (
            "other programs keep the processor busy: tecla shares its cores with them, and a token "
            "takes longer than it would alone"
        )
    elif step_ms > _SLOW_STEP_MS:
        slow = (
            f"a token takes {step_ms:.0f} ms: a smaller or more quantised model, or a GPU build, "
            "would keep up better with typing"
        )
    return [
        _Line(
            "model", f"{info.name} ({info.architecture}, {info.licence or 'licence not stated'})"
        ),
        _Line("", f"{info.path} ({info.size_bytes / 1e6:.0f} MB, loaded in {loaded_ms:.0f} ms)"),
        _Line("first token", f"{first_ms:.0f} ms for {_PROMPT!r} -> {text!r}"),
        _Line("each further", f"{step_ms:.1f} ms", slow),
    ]


def _is_busy() -> bool:
    """Whether more is running than there are cores, this program's own threads left out."""
    from tecla.machine import physical_cores

    return hasattr(os, "getloadavg") and os.getloadavg()[0] > physical_cores() + 0.5


def _timed(completer: AutoComplete, tokens: int) -> tuple[float, str]:
    started = time.perf_counter()
    text = completer.get_completion(_PROMPT, max_new_tokens=tokens)
    return (time.perf_counter() - started) * 1000, text


def _processor() -> str:
    """The processor's name as the system gives it."""
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _processor_features() -> set[str]:
    for line in _cpuinfo():
        if line.startswith("flags"):
            flags = set(line.partition(":")[2].split())
            return {name for flag, name in _CPU_FLAGS.items() if flag in flags}
    return set()


def _cpuinfo() -> list[str]:
    path = Path(os.sep) / "proc" / "cpuinfo"
    return path.read_text().splitlines() if path.is_file() else []
