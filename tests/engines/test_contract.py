"""What every `Engine` promises: the same tokens give the same scores however they came there.

Asked of the fake, of each kind of llama.cpp memory, of several architectures of the transformers
engine and of the default model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from tecla.engines.base import Engine, Feed, Scores
from tecla.engines.sampling import GREEDY
from tecla.errors import EngineError, EngineLimitError, KVFullError, StaleScoresError

if TYPE_CHECKING:
    from conftest import Case

KINDS = [
    *("fake", "byte_pair", "sentencepiece", "mamba", "hybrid", "window"),
    *("torch_gpt2", "torch_llama", "torch_qwen2", "torch_qwen3", "torch_gpt_neox"),
    *("torch_mistral", "torch_gemma3_text", "torch_padded"),
    *(["torch_cuda"] if torch.cuda.is_available() else []),
]

# What real weights could change. The rest is the same code as with the byte-pair model, and
# would take minutes with 135 million weights.
REAL = {
    "test_the_tolerance_tells_histories_apart",
    "test_many_slots_in_one_call_equal_each_alone",
    "test_rows_follow_the_feeds_and_their_tokens",
    "test_both_branches_of_a_fork_go_on_as_if_alone",
    "test_trim_and_go_on_equals_fresh",
    "test_an_exact_hit_evaluates_its_last_token_again",
    "test_a_restored_slot_can_be_trimmed_and_forked",
    "test_a_state_of_another_model_is_refused",
    "test_evaluated_tokens_counts_what_was_evaluated",
    "test_a_detached_handle_stays",
    "test_a_handle_outlives_work_on_slots",
    "test_log_probabilities_sum_to_one",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test here on every kind of engine; the default model takes those of `REAL`."""
    kinds: list[object] = [*KINDS]
    if metafunc.function.__name__ in REAL:
        kinds.append(pytest.param("default", marks=pytest.mark.slow))
    metafunc.parametrize("case", kinds, indirect=True)


# --- eval ---------------------------------------------------------------------------------------


def test_the_tolerance_tells_histories_apart(case: Case) -> None:
    """Otherwise nothing below could fail: one early token, or one token too few, is seen."""
    tokens = case.tokens(24)
    for wrong in (tokens[1:], [tokens[1], *tokens[1:]], tokens[:-2] + tokens[-1:]):
        assert case.difference(wrong, tokens) > 1.5 * case.tolerance


def test_many_slots_in_one_call_equal_each_alone(case: Case) -> None:
    feeds = [Feed(slot, case.tokens(length, 7 * slot)) for slot, length in SLOT_LENGTHS]
    scores = case.engine.eval(feeds)
    assert scores.rows == len(feeds)
    for row, feed in zip(scores.numpy(), feeds, strict=True):
        case.check_row(row, feed.tokens)
    again = case.engine.eval([Feed(feed.slot, case.tokens(2, 50)) for feed in reversed(feeds)])
    for row, feed in zip(again.numpy(), reversed(feeds), strict=True):
        case.check_row(row, [*feed.tokens, *case.tokens(2, 50)])


SLOT_LENGTHS = [(5, 3), (0, 40), (7, 17), (1, 1), (3, 29), (2, 8)]


@pytest.mark.parametrize("chunk", [1, 7, 32])
def test_prefill_in_chunks_equals_prefill_of_the_whole(case: Case, chunk: int) -> None:
    tokens = case.tokens(33)
    for at in range(0, 32, chunk):
        assert case.engine.eval([Feed(2, tokens[at : min(at + chunk, 32)], rows=0)]).rows == 0
    case.check_row(case.feed(2, tokens[32:]), tokens)


def test_rows_follow_the_feeds_and_their_tokens(case: Case) -> None:
    first, second, third = case.tokens(5), case.tokens(4, 20), case.tokens(6, 40)
    scores = case.engine.eval([Feed(4, first, 5), Feed(1, second, 0), Feed(0, third, 2)])
    histories = [first[:end] for end in range(1, 6)] + [third[:5], third]
    assert scores.rows == len(histories)
    for row, history in zip(scores.numpy(), histories, strict=True):
        case.check_row(row, history)
    assert case.lengths()[:5] == [6, 4, 0, 0, 5]


def test_as_many_rows_come_as_the_engine_allows(case: Case) -> None:
    tokens = case.tokens(case.engine.score_rows)
    half = len(tokens) // 2
    scores = case.engine.eval([Feed(2, tokens[:half], half), Feed(1, tokens[half:], half)])
    assert scores.rows == len(tokens)
    for end in (1, half):
        case.check_row(scores.numpy()[end - 1], tokens[:end])
    case.check_row(scores.numpy()[-1], tokens[half:])


def test_a_batch_without_rows_has_empty_scores(case: Case) -> None:
    scores = case.engine.eval([Feed(0, case.tokens(4), 0)])
    assert scores.rows == 0
    assert scores.numpy().shape == (0, case.engine.n_vocab)
    assert scores.top_k(3).ids.shape == (0, 3)
    case.check_holds(0, case.tokens(4))


def test_a_slot_may_be_filled_to_its_last_token(case: Case) -> None:
    tokens = case.tokens(case.engine.context_tokens)
    case.check_row(case.feed(0, tokens), tokens)
    assert case.engine.length(0) == case.engine.context_tokens
    with pytest.raises(EngineLimitError, match="trim it first"):
        case.feed(0, tokens[:1])
    case.engine.trim(0, len(tokens) - 1)
    case.check_row(case.feed(0, tokens[-1:]), tokens)


def test_tokens_may_be_numpy_integers(case: Case) -> None:
    case.check_row(case.feed(0, np.array(case.tokens(9), dtype=np.int32)), case.tokens(9))


def test_evaluated_tokens_counts_what_was_evaluated(case: Case) -> None:
    before = case.engine.evaluated_tokens
    case.engine.eval([Feed(0, case.tokens(5), 0), Feed(1, case.tokens(3), 1)])
    assert case.engine.evaluated_tokens == before + 8
    case.engine.fork(0, 2, 5)
    case.engine.clear(1)
    case.engine.restore(1, case.engine.save(0))
    with pytest.raises(EngineLimitError):
        case.engine.eval([])
    assert case.engine.evaluated_tokens == before + 8


# --- fork, trim, clear ---------------------------------------------------------------------------


def test_both_branches_of_a_fork_go_on_as_if_alone(case: Case) -> None:
    stem, left, right = case.tokens(20), case.tokens(3, 30), case.tokens(3, 60)
    case.feed(0, stem)
    case.engine.fork(0, 6, 20)
    scores = case.engine.eval([Feed(6, right), Feed(0, left)]).numpy()
    case.check_row(scores[0], stem + right)
    case.check_row(scores[1], stem + left)
    case.check_holds(0, stem + left)
    case.check_holds(6, stem + right)


@pytest.mark.parametrize("kept", [0, 1, 11, 19])
def test_a_part_can_be_forked(case: Case, kept: int) -> None:
    stem, other = case.tokens(20), case.tokens(4, 60)
    case.feed(0, stem)
    case.engine.fork(0, 1, kept)
    assert case.lengths()[:2] == [20, kept]
    case.check_row(case.feed(1, other), stem[:kept] + other)
    case.check_holds(0, stem)


@pytest.mark.parametrize("kept", [0, 12, 20])
def test_a_fork_replaces_what_the_slot_held(case: Case, kept: int) -> None:
    stem = case.tokens(20)
    case.feed(0, stem)
    case.feed(1, case.tokens(31, 40))
    case.engine.fork(0, 1, kept)
    case.check_holds(1, stem[:kept])
    case.check_holds(0, stem)


@pytest.mark.parametrize("kept", [0, 9, 20])
def test_a_fork_onto_itself_is_a_trim(case: Case, kept: int) -> None:
    stem = case.tokens(20)
    case.feed(3, stem)
    case.engine.fork(3, 3, kept)
    case.check_holds(3, stem[:kept])


def test_an_empty_slot_can_be_forked(case: Case) -> None:
    case.feed(1, case.tokens(5))
    case.engine.fork(0, 1, 0)
    case.check_holds(1, [])


def test_a_fork_of_a_fork_outlives_both_its_sources(case: Case) -> None:
    stem = case.tokens(15)
    case.feed(0, stem)
    case.engine.fork(0, 1, 15)
    case.feed(1, case.tokens(2, 40))
    case.engine.fork(1, 2, 17)
    case.engine.clear(0)
    case.engine.clear(1)
    case.check_holds(2, stem + case.tokens(2, 40))


def test_forks_share_memory(case: Case) -> None:
    """Eight times 80 tokens are more than there is room for, unless they are shared."""
    stem = case.tokens(80)
    case.engine.eval([Feed(0, stem, 0)])
    for slot in range(1, 8):
        case.engine.fork(0, slot, 80)
    scores = case.engine.eval([Feed(slot, case.tokens(3, slot)) for slot in range(8)]).numpy()
    for slot in (0, 1, 7):
        case.check_row(scores[slot], stem + case.tokens(3, slot))


@pytest.mark.parametrize("kept", [0, 1, 10, 19, 20])
def test_trim_and_go_on_equals_fresh(case: Case, kept: int) -> None:
    tokens, other = case.tokens(20), case.tokens(5, 60)
    case.feed(0, tokens)
    case.engine.trim(0, kept)
    assert case.engine.length(0) == kept
    case.check_row(case.feed(0, other), tokens[:kept] + other)


def test_a_trim_leaves_the_forks_alone(case: Case) -> None:
    tokens = case.tokens(20)
    case.feed(0, tokens)
    case.engine.fork(0, 1, 20)
    case.engine.trim(0, 8)
    case.check_holds(1, tokens)
    case.check_holds(0, tokens[:8])


def test_an_exact_hit_evaluates_its_last_token_again(case: Case) -> None:
    """The whole prompt is in the slot already: one token must be left to evaluate."""
    tokens = case.tokens(25)
    case.feed(0, tokens)
    for _ in range(2):
        case.engine.trim(0, 24)
        case.check_row(case.feed(0, tokens[-1:]), tokens)


def test_clear_empties_one_slot(case: Case) -> None:
    case.feed(0, case.tokens(12))
    case.feed(1, case.tokens(9, 30))
    case.engine.clear(0)
    case.engine.clear(0)
    case.check_holds(0, [])
    case.check_holds(1, case.tokens(9, 30))


# --- save and restore ----------------------------------------------------------------------------


def test_a_state_comes_back_after_clear(case: Case) -> None:
    tokens = case.tokens(30)
    case.feed(0, tokens)
    state = case.engine.save(0)
    case.check_holds(0, tokens)  # saving changes nothing
    case.engine.clear(0)
    case.engine.restore(0, state)
    case.check_holds(0, tokens)


def test_a_state_goes_into_any_slot_of_any_engine_of_the_model(case: Case) -> None:
    tokens = case.tokens(30)
    case.twin.clear(5)
    case.twin.eval([Feed(5, tokens, 0)])
    case.feed(2, case.tokens(6, 50))
    case.engine.restore(2, case.twin.save(5))
    case.engine.restore(3, case.twin.save(5))
    case.twin.clear(5)
    scores = case.engine.eval([Feed(2, case.tokens(2, 50)), Feed(3, case.tokens(1, 70))]).numpy()
    case.check_row(scores[0], tokens + case.tokens(2, 50))
    case.check_row(scores[1], tokens + case.tokens(1, 70))


@pytest.mark.parametrize("kept", [1, 20, 29])
def test_a_restored_slot_can_be_trimmed_and_forked(case: Case, kept: int) -> None:
    tokens = case.tokens(30)
    case.feed(0, tokens)
    case.engine.restore(4, case.engine.save(0))
    case.engine.fork(4, 5, kept)
    case.check_holds(5, tokens[:kept])
    case.engine.trim(4, kept)
    case.check_holds(4, tokens[:kept])
    case.check_holds(0, tokens)


def test_an_empty_slot_can_be_saved(case: Case) -> None:
    state = case.engine.save(0)
    case.feed(1, case.tokens(5))
    case.engine.restore(1, state)
    case.check_holds(1, [])


def _flipped(state: bytes, at: int) -> bytes:
    return state[:at] + bytes([state[at] ^ 0x10]) + state[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda state: b"",
    "magic_only": lambda state: state[:8],
    "header_cut": lambda state: state[:40],
    "header_only": lambda state: state[:56],
    "half": lambda state: state[: len(state) // 2],
    "one_byte_short": lambda state: state[:-1],
    "one_byte_more": lambda state: state + b"\0",
    "text": lambda state: b"not a saved slot, " * 20,
    "magic_flipped": lambda state: _flipped(state, 3),
    "digest_flipped": lambda state: _flipped(state, 12),
    "model_flipped": lambda state: _flipped(state, 30),
    "count_flipped": lambda state: _flipped(state, 41),
    "size_flipped": lambda state: _flipped(state, 52),
    "token_flipped": lambda state: _flipped(state, 56),
    "middle_flipped": lambda state: _flipped(state, len(state) // 2),
    "last_flipped": lambda state: _flipped(state, len(state) - 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_refused_and_the_slot_kept(case: Case, damage: str) -> None:
    held = case.tokens(10, 40)
    case.feed(0, case.tokens(12))
    case.feed(1, held)
    with pytest.raises(EngineError, match="evaluate the text again"):
        case.engine.restore(1, DAMAGES[damage](case.engine.save(0)))
    case.check_holds(1, held)


def test_a_state_of_another_model_is_refused(case: Case) -> None:
    held = case.tokens(10, 40)
    case.feed(1, held)
    case.stranger.clear(0)
    case.stranger.eval([Feed(0, [1, 2, 3])])
    with pytest.raises(EngineError, match="another model"):
        case.engine.restore(1, case.stranger.save(0))
    case.check_holds(1, held)


def test_a_state_longer_than_the_context_is_refused(case: Case) -> None:
    held = case.tokens(10, 40)
    case.feed(1, held)
    case.twin.clear(5)
    case.twin.eval([Feed(5, case.tokens(case.engine.context_tokens + 1), 0)])
    state = case.twin.save(5)
    case.twin.clear(5)
    with pytest.raises(EngineLimitError, match="at most 96"):
        case.engine.restore(1, state)
    case.check_holds(1, held)


# --- limits --------------------------------------------------------------------------------------


def _rows(slot: int, tokens: list[int], rows: int) -> Feed:
    return Feed(slot, tokens[:rows], rows)


MISTAKES: dict[str, Callable[[Engine, list[int]], object]] = {
    "unknown_slot": lambda e, t: e.eval([Feed(0, t[:1]), Feed(e.n_slots, t[:1])]),
    "negative_slot": lambda e, t: e.eval([Feed(0, t[:1]), Feed(-1, t[:1])]),
    "repeated_slot": lambda e, t: e.eval([Feed(0, t[:1]), Feed(1, t[:1]), Feed(0, t[:2])]),
    "empty_batch": lambda e, t: e.eval([]),
    "empty_feed": lambda e, t: e.eval([Feed(0, t[:1]), Feed(1, [])]),
    "empty_feed_without_rows": lambda e, t: e.eval([Feed(1, [], 0)]),
    "token_too_large": lambda e, t: e.eval([Feed(0, [t[0], e.n_vocab])]),
    "negative_token": lambda e, t: e.eval([Feed(0, [-1, t[0]])]),
    "huge_token": lambda e, t: e.eval([Feed(0, [1 << 40])]),
    "too_many_rows": lambda e, t: e.eval([_rows(2, t, 5), _rows(3, t, e.score_rows - 4)]),
    "more_rows_than_tokens": lambda e, t: e.eval([Feed(0, t[:2], 3)]),
    "negative_rows": lambda e, t: e.eval([Feed(0, t[:2], -1)]),
    "batch_too_long": lambda e, t: e.eval([Feed(slot, t[:52], 0) for slot in range(2, 7)]),
    "context_too_long": lambda e, t: e.eval([Feed(0, t[: e.context_tokens - 9], 0)]),
    "context_too_long_at_once": lambda e, t: e.eval([Feed(2, t[: e.context_tokens + 1], 0)]),
    "length_of_unknown": lambda e, t: e.length(e.n_slots),
    "trim_unknown": lambda e, t: e.trim(-1, 0),
    "trim_to_more": lambda e, t: e.trim(0, 11),
    "trim_to_negative": lambda e, t: e.trim(0, -1),
    "clear_unknown": lambda e, t: e.clear(e.n_slots),
    "fork_from_unknown": lambda e, t: e.fork(e.n_slots, 0, 0),
    "fork_to_unknown": lambda e, t: e.fork(0, e.n_slots, 1),
    "fork_of_more": lambda e, t: e.fork(0, 1, 11),
    "fork_of_negative": lambda e, t: e.fork(0, 1, -1),
    "save_unknown": lambda e, t: e.save(e.n_slots),
    "restore_unknown": lambda e, t: e.restore(-1, e.save(0)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_passed_limit_is_an_error_and_changes_nothing(case: Case, mistake: str) -> None:
    tokens = case.tokens(10)
    case.feed(1, tokens[:6])
    scores = case.engine.eval([Feed(0, tokens)])
    before, lengths = scores.numpy(), case.lengths()
    evaluated = case.engine.evaluated_tokens
    with pytest.raises(EngineLimitError):
        MISTAKES[mistake](case.engine, case.tokens(100, 100))
    assert case.lengths() == lengths
    assert case.engine.evaluated_tokens == evaluated
    np.testing.assert_array_equal(scores.numpy(), before)
    case.check_holds(0, tokens)
    case.check_holds(1, tokens[:6])


def _fill(case: Case) -> list[list[int]]:
    """Fill KV memory to its last token: slots 0 to 2."""
    lengths = [90, 90, case.engine.kv_tokens - 180]
    held = [case.tokens(length, 3 * slot) for slot, length in enumerate(lengths)]
    for slot, tokens in enumerate(held):
        case.load(slot, tokens)
    return held


def test_full_memory_is_an_error_that_changes_nothing(case: Case) -> None:
    if not case.has_cells:
        pytest.skip("a recurrent state has one size")
    held = _fill(case)
    evaluated = case.engine.evaluated_tokens
    for feeds in ([Feed(3, [1])], [Feed(0, [1]), Feed(5, [1, 2])]):
        with pytest.raises(KVFullError, match=r"clear or trim slots"):
            case.engine.eval(feeds)
        assert case.lengths() == [90, 90, 76, 0, 0, 0, 0, 0]
    assert case.engine.evaluated_tokens == evaluated
    case.engine.clear(1)
    case.check_row(case.feed(3, case.tokens(80, 50)), case.tokens(80, 50))
    case.check_holds(0, held[0])
    case.check_holds(2, held[2])


def test_a_restore_that_does_not_fit_keeps_the_slot(case: Case) -> None:
    """Also where the slot shares its cells with a fork, so that emptying it frees nothing."""
    if not case.has_cells:
        pytest.skip("a recurrent state has one size")
    held = _fill(case)
    state = case.engine.save(0)
    case.engine.fork(1, 5, 90)
    for slot, tokens in ((5, held[1]), (2, held[2]), (7, [])):
        with pytest.raises(KVFullError, match="clear other slots first"):
            case.engine.restore(slot, state)
        assert case.engine.length(slot) == len(tokens)
    case.engine.clear(2)
    case.check_holds(5, held[1])
    case.check_holds(1, held[1])
    case.check_holds(0, held[0])


def test_a_restore_may_take_the_room_of_what_it_replaces(case: Case) -> None:
    held = _fill(case)
    case.engine.restore(1, case.engine.save(0))
    assert case.lengths()[:3] == [90, 90, 76]
    case.engine.clear(2)
    case.check_holds(1, held[0])
    case.check_holds(0, held[0])


def test_a_restore_takes_the_gaps(case: Case) -> None:
    """Room in many small pieces is room."""
    for slot in range(5):
        case.load(slot, case.tokens(51, slot))
    state = case.engine.save(0)
    for slot in range(5):
        case.engine.trim(slot, 35)
    case.engine.restore(6, state)
    case.check_holds(6, case.tokens(51))
    case.check_holds(4, case.tokens(35, 4))


@pytest.mark.parametrize("kept", [1, 50, 89])
def test_cutting_back_in_full_memory_works_or_changes_nothing(case: Case, kept: int) -> None:
    """Where a cut is a fresh evaluation, a slot that shares its cells may find no room for it."""
    held = _fill(case)
    case.engine.fork(0, 5, 90)
    expected = held[0][:kept]
    try:
        case.engine.trim(5, kept)
    except KVFullError:
        assert case.kind in ("hybrid", "window")  # a restored window has lost its older cells
        expected = held[0]
    case.engine.clear(2)
    case.check_holds(5, expected)
    case.check_holds(0, held[0])
    case.check_holds(1, held[1])


# --- score handles -------------------------------------------------------------------------------

READS: dict[str, Callable[[Scores], object]] = {
    "top_k": lambda scores: scores.top_k(3),
    "gather": lambda scores: scores.gather(0, np.array([1], dtype=np.int32)),
    "gather_all": lambda scores: scores.gather(0, None),
    "log_normaliser": lambda scores: scores.log_normaliser(0),
    "add": lambda scores: scores.add(
        0, np.array([1], dtype=np.int32), np.array([1.0], dtype=np.float32)
    ),
    "sample": lambda scores: scores.sample(0, GREEDY, 5),
    "numpy": lambda scores: scores.numpy(),
    "detach": lambda scores: scores.detach(),
    "detach_rows": lambda scores: scores.detach([0]),
}


@pytest.mark.parametrize("read", READS)
def test_a_stale_handle_is_refused(case: Case, read: str) -> None:
    scores = case.engine.eval([Feed(0, case.tokens(4))])
    READS[read](scores)
    case.engine.eval([Feed(1, case.tokens(2), 0)])
    with pytest.raises(StaleScoresError, match="detach"):
        READS[read](scores)


def test_a_detached_handle_stays(case: Case) -> None:
    scores = case.engine.eval([Feed(0, case.tokens(4)), Feed(1, case.tokens(6, 30))])
    kept, raw, top = scores.detach(), scores.numpy(), scores.top_k(5)
    second = scores.detach([1])
    case.engine.eval([Feed(0, case.tokens(2)), Feed(1, case.tokens(6, 30))])
    np.testing.assert_array_equal(kept.numpy(), raw)
    np.testing.assert_array_equal(kept.top_k(5).ids, top.ids)
    np.testing.assert_array_equal(kept.top_k(5).logprobs, top.logprobs)
    assert (kept.rows, second.rows) == (2, 1)
    np.testing.assert_array_equal(second.numpy(), raw[1:])
    np.testing.assert_array_equal(second.top_k(5).ids, top.ids[1:])
    kept.add(0, np.array([1], dtype=np.int32), np.array([50.0], dtype=np.float32))
    assert kept.detach().top_k(1).ids[0, 0] == 1


def test_a_handle_outlives_work_on_slots(case: Case) -> None:
    """Only `eval` makes it stale, also where a cut is a fresh evaluation inside the engine."""
    tokens = case.tokens(12)
    scores = case.engine.eval([Feed(0, tokens), Feed(1, tokens[:7], 2)])
    raw = scores.numpy()
    case.engine.fork(0, 2, 12)
    case.engine.fork(0, 3, 5)
    case.engine.trim(0, 9)
    case.engine.restore(4, case.engine.save(1))
    case.engine.clear(1)
    np.testing.assert_array_equal(scores.numpy(), raw)
    scores.add(0, np.array([3], dtype=np.int32), np.array([99.0], dtype=np.float32))
    assert scores.top_k(1).ids[0, 0] == 3
    case.engine.eval([Feed(5, tokens[:1])])
    with pytest.raises(StaleScoresError):
        scores.numpy()


def test_scores_changed_in_place_do_not_last(case: Case) -> None:
    tokens = case.tokens(5)
    scores = case.engine.eval([Feed(0, tokens)])
    everything = np.arange(case.engine.n_vocab, dtype=np.int32)
    scores.add(0, everything, np.full(len(everything), 7.0, dtype=np.float32))
    case.check_holds(0, tokens)


def test_log_probabilities_sum_to_one(case: Case) -> None:
    scores = case.engine.eval([Feed(0, case.tokens(9), 3)])
    for row in range(3):
        logprobs = scores.gather(row, None).astype(np.float64)
        assert np.exp(logprobs).sum() == pytest.approx(1, abs=1e-5)
        best = scores.top_k(1)
        assert best.ids[row, 0] == int(np.argmax(logprobs))
        assert best.logprobs[row, 0] == logprobs.max()
