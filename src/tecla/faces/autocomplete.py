"""`AutoComplete`: text in, its continuation out, on any causal model.

A thin face on the decoder. It differs from the usual tutorial class of this name where that is
wrong: the prompt never counts as output, a text longer than the window loses its beginning and
not its end, what is returned is exactly what follows the prompt, and a half-typed last word is
completed by probability instead of being taken for a whole one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typing_extensions import Unpack

from tecla.closing import Closing
from tecla.decode.request import Completed, Request
from tecla.engines.sampling import Sampling
from tecla.errors import EngineError, OptionError
from tecla.models.info import ModelInfo
from tecla.settings import Device, EngineName, Precision
from tecla.suggest.options import (
    COMPLETION,
    CompletionOptions,
    SamplingOptions,
    build_request,
    new_tokens,
    sampling_with,
)
from tecla.suggest.suggester import Suggester
from tecla.text.unicode import to_bytes


class AutoComplete(Closing):
    """Completes text with a causal language model.

    Safe to use from several threads, whose calls share every step of the model. Use it as a context
    manager, or call `close`, to free the model's memory at once.
    """

    def __init__(
        self,
        model_name: str | None = None,
        *,
        engine: EngineName | None = None,
        device: Device | None = None,
        dtype: Precision | None = None,
        context_tokens: int | None = None,
        threads: int | None = None,
        suggester: Suggester | None = None,
        **sampling: Unpack[SamplingOptions],
    ) -> None:
        """Load a model.

        `model_name` is an alias, a path or a Hugging Face name (`None`: the setting, else the
        embedded default). `engine` "auto" takes llama.cpp for a GGUF file and PyTorch for a
        transformers folder; `device` "auto" takes a GPU when there is one ("cuda:1" a certain
        one); `dtype` "auto" is float32 on a processor and half precision on a GPU, for PyTorch.
        `context_tokens` is how much text the model reads. `suggester` passes a model that is open
        already, which others may share and which this object does not close. Sampling options
        given here are the defaults of every call: temperature 0.7 unless said otherwise.

        Raises `ModelError` if the model cannot be loaded, `OptionError` or `ConfigError` for
        an option out of range.
        """
        self.sampling = sampling_with(Sampling(), sampling)
        self._owned = suggester is None
        self._suggester = suggester or Suggester.open(
            model_name,
            engine=engine,
            device=device,
            dtype=dtype,
            context_tokens=context_tokens,
            threads=threads,
        )
        self._closed = False

    @property
    def model(self) -> ModelInfo:
        """What is known about the loaded model."""
        return self._suggester.info

    def get_completion(
        self,
        text: str,
        max_length: int | None = None,
        *,
        max_new_tokens: int | None = None,
        **options: Unpack[CompletionOptions],
    ) -> str:
        """The text that follows `text`; empty if the model says that the text ends there.

        Up to 50 new tokens are produced however long `text` is. This differs from the original
        of this interface, where `max_length=50` counted the prompt and a longer prompt failed.
        An explicit `max_length` counts the tokens of the prompt and the output together;
        `max_new_tokens` counts the output alone and is the better choice.

        `text + result` reads on as if typed. Raises `PromptTooLongError` where `max_length`
        leaves nothing to produce, `InvalidTextError` for lone surrogates, `OptionError` for an
        option out of range.
        """
        request = self._request(text, max_length, max_new_tokens, options)
        return first_text(self._answers([request])[0])

    def suggest(
        self,
        text: str,
        max_length: int | None = None,
        *,
        max_new_tokens: int | None = None,
        **options: Unpack[CompletionOptions],
    ) -> Completed:
        """Alternatives with probabilities, word boundaries and reasons; see `get_completion`.

        `n` says how many alternatives are wanted. With `temperature=0` this is a deterministic
        search: the `n` most probable next tokens, each continued greedily.
        """
        return self.suggest_batch([text], max_length, max_new_tokens=max_new_tokens, **options)[0]

    def suggest_batch(
        self,
        texts: Sequence[str],
        max_length: int | None = None,
        *,
        max_new_tokens: int | None = None,
        **options: Unpack[CompletionOptions],
    ) -> list[Completed]:
        """What `suggest` returns, for several texts that share every decode step."""
        if isinstance(texts, str):
            raise OptionError("texts is one str; pass a list of texts, or use suggest")
        requests = [self._request(text, max_length, max_new_tokens, options) for text in texts]
        return self._answers(requests)

    def stream(
        self,
        text: str,
        max_length: int | None = None,
        *,
        max_new_tokens: int | None = None,
        **options: Unpack[CompletionOptions],
    ) -> Iterator[str]:
        """The completion piece by piece, each piece final when it comes; `n` must be 1.

        Closing the iterator gives the rest up. The joined pieces are what `get_completion`
        returns for the same options and seed.
        """
        request = self._request(text, max_length, max_new_tokens, options)
        if request.n != 1:
            raise OptionError(f"n is {request.n!r}; a stream carries 1 alternative")
        return self._suggester.stream(request)

    def count_tokens(self, text: str) -> int:
        """Number of tokens the model's tokenizer spells `text` with."""
        return len(self._encode(text))

    def close(self) -> None:
        """Free the model; further calls raise `EngineError`. Safe to call twice."""
        self._closed = True
        if self._owned:
            self._suggester.close()

    def _request(
        self,
        text: str,
        max_length: int | None,
        max_new_tokens: int | None,
        options: CompletionOptions,
    ) -> Request:
        self._check_open()
        prompt_tokens = 0 if max_length is None else self.count_tokens(text)
        tokens = new_tokens(max_length, max_new_tokens, prompt_tokens)
        after = options.get("after", "")
        return build_request(text, after, self.sampling, tokens, options, COMPLETION)

    def _answers(self, requests: Sequence[Request]) -> list[Completed]:
        return self._suggester.complete(requests)

    def _encode(self, text: str) -> list[int]:
        self._check_open()
        tokenizer, data = self._suggester.tokenizer, to_bytes(text)
        return tokenizer.encode(tokenizer.text_prefix + data) if data else []

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError(f"model {self.model.name!r} was closed; make a new object")


def first_text(completed: Completed) -> str:
    """The text of the first continuation; empty when there is none."""
    return completed.continuations[0].text if completed.continuations else ""
