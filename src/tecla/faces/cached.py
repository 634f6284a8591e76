"""`CachedAutoComplete`: the same answers, remembered.

The key is the whole request (text before and after, header, sampling with its seed, stopping,
number of alternatives), so nothing that changes an answer is left out of it. With temperature
above 0 and no seed the remembered answer is one sample; `fresh=True` draws and remembers another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import Unpack

from tecla.decode.request import Completed, Request
from tecla.faces.autocomplete import AutoComplete, first_text
from tecla.faces.lru import CacheInfo, SingleFlightCache
from tecla.settings import Device, EngineName, Precision
from tecla.suggest.options import CompletionOptions, SamplingOptions
from tecla.suggest.suggester import Suggester


class CachedAutoComplete(AutoComplete):
    """`AutoComplete` behind a thread-safe least-recently-used cache.

    Equal requests that arrive while the first is being computed wait for its answer instead
    of computing their own.
    """

    def __init__(
        self,
        model_name: str | None = None,
        *,
        cache_size: int = 1000,
        engine: EngineName | None = None,
        device: Device | None = None,
        dtype: Precision | None = None,
        context_tokens: int | None = None,
        threads: int | None = None,
        suggester: Suggester | None = None,
        **sampling: Unpack[SamplingOptions],
    ) -> None:
        """Load a model and keep up to `cache_size` answers (0: none); see `AutoComplete`."""
        self._cache = SingleFlightCache[Request, Completed](cache_size)
        super().__init__(
            model_name,
            engine=engine,
            device=device,
            dtype=dtype,
            context_tokens=context_tokens,
            threads=threads,
            suggester=suggester,
            **sampling,
        )

    def get_completion(
        self,
        text: str,
        max_length: int | None = None,
        *,
        max_new_tokens: int | None = None,
        fresh: bool = False,
        **options: Unpack[CompletionOptions],
    ) -> str:
        """The text that follows `text`, from the cache if it is there.

        `fresh=True` computes it anew and replaces what is remembered; otherwise see
        `AutoComplete.get_completion`.
        """
        request = self._request(text, max_length, max_new_tokens, options)
        return first_text(self._answers([request], fresh=fresh)[0])

    def cache_info(self) -> CacheInfo:
        """Hits, misses, maximum and current size."""
        return self._cache.info()

    def cache_clear(self) -> None:
        """Forget all answers and counts."""
        self._cache.clear()

    def _answers(self, requests: Sequence[Request], *, fresh: bool = False) -> list[Completed]:
        return self._cache.get(requests, self._compute, fresh=fresh)

    def _compute(self, requests: Sequence[Request]) -> Mapping[Request, Completed]:
        return dict(zip(requests, super()._answers(requests), strict=True))
