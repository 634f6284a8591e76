"""`tecla serve`: suggestions for other programs and for web pages."""

from __future__ import annotations

import logging
from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(help="Where to listen; this machine alone.")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes any that is free.")] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Serve everybody who can reach it.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Alias, path or Hugging Face name; see `tecla models`.")
    ] = None,
) -> None:
    """Serve suggestions over HTTP and WebSocket; Ctrl-C ends it, SIGHUP reads the settings again.

    Keys are asked for as soon as there are any (`tecla keys`). Everything else is set under
    [serve] in the settings; see `tecla config`.
    """
    from tecla.errors import PeerMissingError
    from tecla.settings import load

    try:
        from tecla.serve.run import serve as run
    except ImportError as error:
        raise PeerMissingError(
            f"the service needs {error.name!r}; install it with `pip install 'tecla[serve]'`"
        ) from None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.ERROR)  # what clients do wrong, they are told
    given = {"host": host, "port": port, "model": model}
    run(lambda: load(given).settings, without_keys=without_keys)
