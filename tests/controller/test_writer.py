"""A writer: what is known costs nothing, what is shown is only extended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.cache import AnswerCache, ScopedAnswers
from tecla.controller.manner import Manner, Search, manner_of
from tecla.controller.ranking import Ranking
from tecla.controller.showing import Rules
from tecla.controller.sources import ANY, Sources
from tecla.controller.suggestion import Suggestion
from tecla.controller.tree import Alternative
from tecla.controller.writer import Writer
from tecla.decode.request import CaretWork, Completed
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer, saying
from tecla.errors import OptionError, OverloadedError, TeclaError
from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions
from tecla.models.info import ModelInfo
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context
from tecla.text.snapshot import Edit, Snapshot
from tecla.text.words import WordEnd, words

TOKENIZER = FakeTokenizer()
SAID = " of the thin art and help"
PATIENT = Manner(search=Search(preamble="", deadline_ms=None), eagerness=1.0, sure=0.6)
ALWAYS = replace(PATIENT, keep_chars=10**9)  # the model is asked at every key
Make = Callable[..., Writer]


class Says:
    """A classical predictor that knows one phrase by heart, and how sure it is."""

    name = "says"

    def __init__(self, phrase: str, probability: float) -> None:
        self._phrase, self._probability = phrase, probability
        self.asked = 0
        self.budgets: list[Budget] = []

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        self.asked += 1
        self.budgets.append(budget)
        for known in range(len(self._phrase), 0, -1):
            if context.before.endswith(self._phrase[:known]):
                rest = self._phrase[known:]
                ends = tuple(WordEnd(end, self._probability) for _, end in words(rest))
                return [Candidate(rest, self._probability, "ngram", ends)] if ends else []
        return []

    def close(self) -> None:
        pass


def beside(*predictors: Says) -> Sources:
    return Sources({ANY: [lambda each=each: each for each in predictors]})


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", SAID))


@pytest.fixture
def make(fake_info: ModelInfo, engine: FakeEngine) -> Iterator[Make]:
    with Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester:
        yield lambda manner=PATIENT, predictors=(): Writer(
            Asker(suggester.session()), beside(*predictors), manner
        )


def test_a_ghost_text_with_the_space_that_follows(make: Make) -> None:
    with make() as writer:
        first = writer.update(Snapshot("the future"))
        assert not first.settled
        assert first.ghost is None
        found = writer.wait()
        assert found.settled
        assert found.ghost is not None
        assert found.ghost.text == " of the thin art "  # four words at once
        assert writer.suggestion is found


def test_typing_through_is_trimming_and_costs_nothing(make: Make, engine: FakeEngine) -> None:
    with make() as writer:
        writer.update(Snapshot("the future"))
        ghost = writer.wait().ghost
        assert ghost is not None
        evaluated = engine.evaluated_tokens
        for at, key in enumerate(ghost.text[:-3], 1):
            told = writer.typed(key)
            assert told.settled
            assert told.origin == "typed"
            assert told.ghost is not None
            assert told.ghost.text == ghost.text[at:]
            assert told.ghost.probability <= 1
        assert engine.evaluated_tokens == evaluated


def test_deleting_back_and_typing_again_costs_nothing(make: Make, engine: FakeEngine) -> None:
    with make() as writer:
        writer.update(Snapshot("the future"))
        settled = {writer.snapshot: writer.wait()}
        for key in " of t":
            writer.typed(key)
            settled[writer.snapshot] = writer.wait()
        evaluated = engine.evaluated_tokens
        for _ in range(5):
            writer.deleted()
            assert writer.wait().ghost == settled[writer.snapshot].ghost
        for key in " of t":
            writer.typed(key)
            assert writer.wait().ghost == settled[writer.snapshot].ghost
        assert engine.evaluated_tokens == evaluated


def test_by_words_is_all_of_it(make: Make) -> None:
    with make() as writer:
        writer.update(Snapshot("the future"))
        ghost = writer.wait().ghost
        assert ghost is not None
        whole = ghost.text
        taken = ""
        while len(taken) < len(whole):
            part = writer.accept("word")
            assert part
            taken += part
            writer.wait()
        assert taken == whole
        assert writer.snapshot.before == "the future" + taken
    with make() as writer:
        writer.update(Snapshot("the future"))
        writer.wait()
        assert writer.accept() == whole
        assert writer.accept("line") != whole  # what follows is another suggestion, or none


def test_what_is_shown_early_is_only_extended(make: Make) -> None:
    other = Says("the future was bright", 0.9)
    with make(PATIENT, [other]) as writer:
        early = writer.update(Snapshot("the future"))
        assert early.origin == "classical"
        assert early.ghost is not None
        assert early.ghost.text.startswith(" was")
        late = writer.wait()
        assert late.ghost == early.ghost
        assert late.alternatives[0].text.startswith(" of")
        following = writer.update(Snapshot("the future."))
        assert following.ghost is None or not following.ghost.text.startswith(" was")


def test_an_unsure_answer_waits_for_the_model(make: Make) -> None:
    with make(PATIENT, [Says("the future was bright", 0.5)]) as writer:
        assert writer.update(Snapshot("the future")).ghost is None
        ghost = writer.wait().ghost
        assert ghost is not None
        assert ghost.text.startswith(" of")


def test_the_sources_are_mixed_by_weight(make: Make) -> None:
    other = Says("the future of artificial", 0.8)
    with make(replace(PATIENT, weight=0.25, sure=1.0), [other]) as writer:
        writer.update(Snapshot("the future"))
        first = writer.wait().alternatives[0]
        assert first.text.startswith(" of")
        assert first.probability == pytest.approx(0.75 + 0.25 * 0.8, abs=0.01)


def test_the_predictors_are_asked_about_the_text_that_the_model_is_asked_about(
    make: Make,
) -> None:
    mixed = replace(ALWAYS, weights=(), weight=0.5)
    with make(mixed, [Says("the future or magic", 0.7)]) as writer:
        writer.update(Snapshot("the future"))
        assert " or magic" in {each.text for each in writer.wait().alternatives}
        for key, left in ((" ", "or magic"), ("o", "r magic")):
            writer.typed(key)
            texts = {each.text for each in writer.wait().alternatives}
            assert left in texts
            assert " or magic" not in texts


@pytest.mark.parametrize(("likely", "early"), [(0.0, True), (1.0, False)])
def test_a_known_alternative_that_is_not_likely_waits_for_the_model(
    make: Make, likely: float, early: bool
) -> None:
    manner = replace(PATIENT, likely=likely, sure=1.0, weights=(), weight=0.5)
    with make(manner, [Says("the future, maybe", 0.7)]) as writer:
        writer.update(Snapshot("the future"))
        writer.wait()
        writer.dismiss()  # so that it is no rest of a ghost text
        now = writer.typed(",")
        assert (now.origin, now.settled) == ("typed", False)
        assert (now.ghost is not None) is early
        assert now.silence == (None if early else "model_asked")
        assert writer.wait().origin == "model"


def test_without_a_model_the_classical_answer_is_settled() -> None:
    with Writer(None, beside(Says("the future was bright", 0.1)), PATIENT) as writer:
        found = writer.update(Snapshot("the future"))
        assert found.settled
        assert found.origin == "classical"
        assert found.ghost is not None
        assert writer.wait() is found
        assert writer.typed(" w").ghost is not None
    with pytest.raises(OptionError, match="a model or a predictor"):
        Writer(None)


@pytest.mark.parametrize("before", ["the future", "the fut", "the future of the "])
def test_what_may_be_typed_untold_changes_nothing(make: Make, before: str) -> None:
    with make() as writer:
        assert writer.update(Snapshot(before)).quiet_chars(PATIENT) == 0  # more may come
        found = writer.wait()
        quiet = found.quiet_chars(PATIENT)
        assert found.ghost is not None
        text = found.ghost.text
    assert quiet > 0
    for typed in range(1, quiet + 1):
        with make() as writer:
            writer.update(Snapshot(before))
            writer.wait()
            now = writer.typed(text[:typed])
            assert (now.settled, now.origin) == (True, "typed")
            assert now.ghost is not None
            assert now.ghost.text.startswith(text[typed:])


class Failing:
    """A model that is out of reach: at the door, or when it should answer."""

    def __init__(self, failure: TeclaError, *, at_the_door: bool) -> None:
        self._failure, self._at_the_door = failure, at_the_door

    def begin(self, *_: object, **__: object) -> Future[Completed]:
        if self._at_the_door:
            raise self._failure
        answer: Future[Completed] = Future()
        answer.set_exception(self._failure)
        return answer

    def close(self) -> None:
        pass


@pytest.mark.parametrize("at_the_door", [True, False])
@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_where_the_model_fails_the_classical_answer_is_settled(
    probability: float, at_the_door: bool
) -> None:
    failure = OverloadedError("too many", retry_after_ms=50.0)
    model = Asker(Failing(failure, at_the_door=at_the_door))
    with Writer(model, beside(Says("the future was bright", probability)), PATIENT) as writer:
        first = writer.update(Snapshot("the future"))
        assert first.settled is at_the_door
        found = writer.wait()
        assert found.settled
        assert found.failure is failure
        assert found.origin == "classical"
        assert found.ghost is not None
        assert first.ghost in (None, found.ghost)
        writer.typed(" w")  # and goes on as ever
        assert writer.wait().ghost is not None


class Late:
    """A model whose deadline passes before it has anything to say."""

    def begin(self, *_: object, **__: object) -> Future[Completed]:
        answer: Future[Completed] = Future()
        answer.set_result(Completed((), "deadline", 0, CaretWork(1.0, 0.0, 0), partial=True))
        return answer

    def give_up(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_what_is_said_in_place_of_a_late_model_is_not_the_models() -> None:
    says = Says("the future was bright", 0.5)
    with Writer(Asker(Late()), beside(says), PATIENT) as writer:
        assert writer.update(Snapshot("the future")).ghost is None
        found = writer.wait()
        assert found.ghost is not None
        assert (found.origin, found.settled, found.partial) == ("classical", True, True)
        assert found.without_model == "late"


def test_header_and_manner_hold_from_the_next_revision_on(make: Make, engine: FakeEngine) -> None:
    one_word = replace(PATIENT, search=replace(PATIENT.search, words=1))
    with make() as writer, make(one_word) as other:
        for each in (writer, other):
            each.update(Snapshot("the future"))
            each.wait()
        writer.manner = replace(PATIENT, eagerness=0.9)  # of what is shown, not of what is found
        assert writer.update(Snapshot("the future")).origin == "known"
        writer.manner = one_word
        told = writer.update(Snapshot("the future"))
        assert not told.settled
        found = writer.wait()
        assert found.origin == "model"
        assert found.ghost == other.suggestion.ghost
        assert found.alternatives == other.suggestion.alternatives
        evaluated = engine.evaluated_tokens
        writer.header = other.header = "Another subject"
        for each in (writer, other):
            assert not each.typed(" o").settled
            each.wait()
        assert engine.evaluated_tokens > evaluated
        assert writer.suggestion.alternatives == other.suggestion.alternatives


class Heading:
    """What was learnt of somebody, of which a passage stands above the text from a pause on."""

    scope = stamp = ()
    pauses = True

    def __init__(self) -> None:
        self.above = ""

    def renewed(self) -> bool:
        return False

    def opened(self, before: str, after: str) -> None:
        pass

    def paused(self, before: str, after: str) -> bool:
        self.above = "a passage"
        return True

    def header_over(self, header: str) -> str:
        return header or self.above

    def ranked(self, usual: Ranking) -> Ranking:
        return usual

    def weighed(self, found: Sequence[Alternative], before: str) -> Sequence[Alternative]:
        return found

    def close(self) -> None:
        pass


def test_after_a_pause_the_predictors_speak_of_this_caret(fake_info: ModelInfo) -> None:
    engine = FakeEngine(TOKENIZER, seed=4)
    manner = replace(PATIENT, weight=0.3, weights=())

    def beside_it() -> Sources:
        return beside(Says("the art of translation", 0.9))

    with (
        Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester,
        Writer(Asker(suggester.session()), beside_it(), manner, own=Heading()) as writer,  # type: ignore[arg-type]
        Writer(Asker(suggester.session()), beside_it(), manner, header="a passage") as fresh,
    ):
        for text in ("the art o", "the art of t", "the art o"):
            writer.update(Snapshot(text))
            writer.wait()
        assert writer.suggestion.origin == "known"
        writer.paused()
        fresh.update(Snapshot("the art o"))
        assert writer.wait().alternatives == fresh.wait().alternatives


def test_a_text_told_again_for_want_of_time_keeps_what_is_shown(make: Make) -> None:
    with make(PATIENT, (Says("the future belongs", 0.5),)) as writer:
        assert writer._model is not None
        session, busy = writer._model._session, OverloadedError("busy", retry_after_ms=50.0)
        writer._model._session = Failing(busy, at_the_door=True)
        standing = writer.update(Snapshot("the future")).ghost
        assert standing is not None
        writer._model._session = session
        told = writer.update(Snapshot("the future"))
        assert (told.revision, told.ghost, told.settled) == (2, standing, False)
        found = writer.wait()
        assert found.ghost is not None
        assert found.ghost.text.startswith(standing.text)
        assert found.without_model is None
        assert writer.take(len(standing.text)) == standing.text


@pytest.mark.parametrize("at_the_door", [True, False])
@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_a_model_that_had_no_time_is_asked_again_in_a_pause(
    make: Make, probability: float, at_the_door: bool
) -> None:
    says = Says("the future of help", probability)
    with make(PATIENT, (says,)) as writer:
        assert writer._model is not None
        session = writer._model._session
        failure = OverloadedError("too many", retry_after_ms=50.0)
        writer._model._session = Failing(failure, at_the_door=at_the_door)
        writer.update(Snapshot("the future"))
        without = writer.wait()
        assert writer.paused().failure in (None, failure)  # asked in vain once more
        assert writer.wait().ghost == without.ghost
        writer._model._session = session
        told = writer.paused()
        assert (told.revision, told.settled, told.ghost) == (1, False, without.ghost)
        assert writer.paused() is told  # asked already
        found = writer.wait()
        assert found.without_model is None
        assert found.ghost is not None
        assert without.ghost is None or found.ghost.text.startswith(without.ghost.text)
        assert " of the thin art" in [each.text for each in found.alternatives]
        assert writer.paused() is found


def test_what_was_sent_away_stays_away_in_a_pause() -> None:
    with Writer(Asker(Late()), beside(Says("the future was", 0.9)), PATIENT) as writer:
        writer.update(Snapshot("the future"))
        writer.wait()
        away = writer.dismiss()
        assert writer.paused() == away


class Silent(Late):
    """A model that never answers."""

    def begin(self, *_: object, **__: object) -> Future[Completed]:
        return Future()


@pytest.mark.parametrize(
    ("phrase", "eagerness", "probability", "silence"),
    [
        ("the future was bright", 1.0, 0.5, None),
        ("the future was bright", 1.0, 0.9, None),  # sure enough to be shown at once
        ("the future was bright", 0.0, 0.5, "unsure"),
        ("nothing else", 1.0, 0.5, "nothing_found"),
    ],
)
def test_who_waits_no_longer_is_told_what_the_others_say(
    phrase: str, eagerness: float, probability: float, silence: str | None
) -> None:
    manner = replace(PATIENT, eagerness=eagerness)
    with Writer(Asker(Silent()), beside(Says(phrase, probability)), manner) as writer:
        first = writer.update(Snapshot("the future"))
        assert first.without_model is None
        found = writer.without_waiting()
        assert (found.settled, found.partial, found.silence) == (True, True, silence)
        assert found.without_model == "late"
        assert first.ghost in (None, found.ghost)
        assert writer.without_waiting() is found


def test_no_more_candidates_are_asked_for_than_there_is_time_for() -> None:
    says = Says("the future was bright", 0.5)
    with Writer(None, beside(says), PATIENT) as writer:
        for most in (None, 2, 1):
            writer.most_classical = most
            writer.typed("a")
    assert [each.n for each in says.budgets] == [PATIENT.classical, 2, 1]
    assert [each.max_words for each in says.budgets] == [PATIENT.search.words] * 2 + [1]


def test_in_haste_more_may_be_typed_untold() -> None:
    with Writer(None, beside(Says("the future was bright", 0.1)), PATIENT) as writer:
        found = writer.update(Snapshot("the future"))
        assert found.ghost is not None
        assert found.quiet_chars(PATIENT) == 0  # likely is not sure
        quiet = found.quiet_chars(PATIENT, in_haste=True)
        assert 0 < quiet < len(found.ghost.text)
        assert found.quiet_chars(replace(PATIENT, likely=0.6), in_haste=True) == 0


def test_what_is_wrong_with_the_question_is_told() -> None:
    model = Asker(Failing(OptionError("no"), at_the_door=True))
    with Writer(model) as writer, pytest.raises(OptionError, match="no"):
        writer.update(Snapshot("the future"))


def test_dismissing_and_revisions(make: Make) -> None:
    with make() as writer:
        writer.update(Snapshot("the future"))
        writer.wait()
        assert writer.dismiss().ghost is None
        assert writer.wait().ghost is None
        assert writer.accept() == ""
        told = writer.typed(" ")
        assert told.revision == 2
        with pytest.raises(OptionError, match="one of all, word, line"):
            writer.accept("sentence")  # type: ignore[arg-type]


def test_an_answer_to_an_older_text_is_never_given(make: Make) -> None:
    with make() as writer:
        writer.update(Snapshot("the future"))
        writer.update(Snapshot("she would "))
        found = writer.wait()
        assert found.revision == 2
        assert found.ghost is None or not found.ghost.text.startswith(" of the thin")


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.sampled_from([" ", "a", "th", "of the", ". ", "é", "\n"])),
        st.tuples(st.just("delete"), st.integers(1, 4)),
        st.tuples(st.just("move"), st.floats(0, 1)),
        st.tuples(st.just("accept"), st.sampled_from(["all", "word", "line"])),
        st.tuples(st.just("paste"), st.tuples(st.floats(0, 1), st.floats(0, 1))),
    ),
    max_size=8,
)


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS, st.lists(st.booleans(), min_size=8, max_size=8))
def test_what_is_settled_is_what_a_fresh_writer_says(
    fake_info: ModelInfo, edits: Sequence[tuple[str, object]], waits: Sequence[bool]
) -> None:
    """Also where the next edit comes before the answer: no older one is given then."""
    engine = FakeEngine(TOKENIZER, seed=4)
    with Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester:
        with Writer(Asker(suggester.session(scope="old")), manner=ALWAYS) as writer:
            newest = writer.update(Snapshot("she would th", " art")).revision
            for (kind, value), is_waited in zip(edits, waits, strict=False):
                if is_waited:
                    assert writer.wait().revision == newest
                apply(writer, kind, value)
                assert writer.suggestion.revision in (newest, newest + 1)
                newest = writer.suggestion.revision
            found = writer.wait()
            assert (found.revision, found.settled) == (newest, True)
            snapshot = writer.snapshot
        with Writer(Asker(suggester.session(scope="new")), manner=ALWAYS) as fresh:
            fresh.update(snapshot)
            assert fresh.wait().alternatives == found.alternatives


def apply(writer: Writer, kind: str, value: object) -> None:
    text = writer.snapshot.text
    if kind == "type":
        writer.typed(str(value))
    elif kind == "delete":
        assert isinstance(value, int)
        writer.deleted(value)
    elif kind == "move":
        assert isinstance(value, float)
        writer.update(writer.snapshot.moved(round(value * len(text))))
    elif kind == "accept":
        writer.accept(value)  # type: ignore[arg-type]
    else:
        assert isinstance(value, tuple)
        start, end = sorted(round(share * len(text)) for share in value)
        writer.edited(Edit(start, end, "help"))


def test_asyncio_gets_the_answer_of_the_newest_text(make: Make) -> None:
    async def typing(writer: Writer) -> list[int]:
        writer.update(Snapshot("the "))
        early = asyncio.create_task(writer.settled())
        await asyncio.sleep(0)
        writer.update(Snapshot("the future"))
        return [(await early).revision, (await writer.settled()).revision]

    with make() as writer:
        assert asyncio.run(typing(writer)) == [2, 2]
        ghost = writer.suggestion.ghost
        assert ghost is not None
        assert ghost.text.startswith(" of the thin")


def test_rules_are_those_of_the_manner(make: Make) -> None:
    short = replace(PATIENT, rules=Rules(further=1.1))
    with make(short) as writer:
        writer.update(Snapshot("the future"))
        ghost = writer.wait().ghost
        assert ghost is not None
        assert ghost.text == " of "


def test_answers_are_shared_within_a_scope_and_never_across(
    fake_info: ModelInfo, engine: FakeEngine
) -> None:
    cache = AnswerCache()
    with Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester:

        def asked(scope: str, manner: Manner = PATIENT, header: str = "") -> Suggestion:
            with Writer(
                Asker(suggester.session(scope=scope)),
                manner=manner,
                shared=ScopedAnswers(cache, scope, "m"),
                header=header,
            ) as writer:
                writer.update(Snapshot("the future"))
                return writer.wait()

        first = asked("ana")
        evaluated = engine.evaluated_tokens
        again = asked("ana")
        assert (first.origin, again.origin) == ("model", "shared")
        assert again.ghost == first.ghost
        assert again.alternatives == first.alternatives
        assert engine.evaluated_tokens == evaluated
        assert asked("ben").origin == "model"
        assert asked("ana", header="Title").origin == "model"
        for change in ({"words": 2}, {"preamble": "Notes"}):
            other = replace(PATIENT, search=replace(PATIENT.search, **change))
            assert asked("ana", other).origin == "model"
        assert asked("ana", replace(PATIENT, eagerness=0.3)).origin == "shared"
        assert cache.hits == 2


@pytest.mark.parametrize(
    ("preamble", "own", "read"),
    [
        ("a thin help", "", "a thin help\n\nthe future"),
        ("a thin help", "Title", "a thin help\n\nTitle\n\nthe future"),
        ("", "Title", "Title\n\nthe future"),
    ],
)
def test_the_model_reads_the_preamble_above_the_header(
    fake_info: ModelInfo, preamble: str, own: str, read: str
) -> None:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, read, SAID))
    search = replace(PATIENT.search, preamble=preamble)
    with (
        Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester,
        Writer(
            Asker(suggester.session()), manner=replace(PATIENT, search=search), header=own
        ) as writer,
    ):
        writer.update(Snapshot("the future"))
        ghost = writer.wait().ghost
        assert ghost is not None
        assert SAID.startswith(ghost.text.rstrip())


def test_filters_act_during_the_search_and_the_reason_is_counted(
    fake_info: ModelInfo, engine: FakeEngine
) -> None:
    filters = Filters(replace(FilterOptions.none(), deny=("of the",)))
    with (
        Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester,
        Writer(Asker(suggester.session()), manner=PATIENT, ranking=Ranking(filters)) as writer,
    ):
        writer.update(Snapshot("the future"))
        found = writer.wait()
        assert filters.screened["denied"] > 0
        assert all(" of the" not in each.text for each in found.alternatives)
        assert found.ghost is None or " of the" not in found.ghost.text


def test_other_shows_the_alternatives_in_turn(make: Make) -> None:
    with make(replace(PATIENT, sure=1.0, weight=0.5), [Says("the future was", 0.9)]) as writer:
        writer.update(Snapshot("the future"))
        first = writer.wait().ghost
        second = writer.other().ghost
        assert first is not None
        assert second is not None
        assert first.text != second.text
        seen = {first.text, second.text}
        for _ in range(len(writer.suggestion.alternatives)):
            ghost = writer.other().ghost
            assert ghost is not None
            seen.add(ghost.text)
        assert writer.accept() in seen


def test_nothing_is_accepted_of_an_older_revision(make: Make) -> None:
    with make() as writer:
        writer.update(Snapshot("the future"))
        revision = writer.wait().revision
        writer.typed(" ")
        writer.wait()
        assert writer.accept(revision=revision) == ""
        assert writer.snapshot.before == "the future "
        assert writer.accept(revision=revision + 1) != ""


def test_the_weight_is_that_of_the_language() -> None:
    manner = Manner(weight=0.1, weights=(("es", 0.4),))
    assert (manner.weight_of("es"), manner.weight_of("en")) == (0.4, 0.1)
    assert manner_of({"weight": 0.25}).weight_of("es") == 0.25
    assert manner_of({"eagerness": 0.3}).weights == Manner().weights
    with pytest.raises(OptionError, match="weight of es is 2"):
        Manner(weights=(("es", 2.0),))
    with pytest.raises(OptionError, match="did you mean 'weight'"):
        manner_of({"weigth": 0.1})
