"""Page 2: what lists of words know, what a few typed letters tell, and what a slip costs."""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import regex
from draw import BLUE, GREEN, GREY, ORANGE, PURPLE, Canvas, bars
from sources import SEED, Measured, dialogues, offers, percent, trained, turns

from tecla.classic.casing import fold
from tecla.classic.dictionary import Dictionary
from tecla.classic.dictionary_file import save_dictionary
from tecla.classic.frequency import Frequency
from tecla.evaluate.corpora import Passage
from tecla.predict.base import Predictor
from tecla.suggest.neural import Neural
from tecla.suggest.suggester import Suggester
from tecla.text.documents import read_documents

WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’][\p{L}]+)*")
LIST = 6
MOST_TYPED = 5
CHARS, NEURAL_CHARS = 20_000, 1_200
ENTRIES = 50_000
SLIP_WORDS, SLIP_TYPED = 600, 5
LENGTHS = (10, 100, 1_000, 10_000, 100_000)
NEARBY = {
    left: right
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for left, right in itertools.pairwise(row)
}
LABEL = "Word frequency by rank, words offered by letters typed, and words found after a slip"


def words_of(documents: Iterable[str]) -> list[str]:
    """Their words in lower case."""
    return [found.group().lower() for text in documents for found in WORD.finditer(text)]


def offered(predictor: Predictor, passages: Sequence[Passage]) -> dict[str, Any]:
    """The share of all words that a list held by the time so many of their letters were typed."""
    total, by_typed = 0, [0] * (MOST_TYPED + 1)
    for passage in passages:
        for found in WORD.finditer(passage.text):
            word, start = found.group(), len(passage.lead) + found.start()
            total += 1
            for typed in range(min(MOST_TYPED + 1, len(word))):
                before = passage.lead + passage.text[: found.start() + typed]
                if offers(predictor, before, start, word, LIST):
                    for at in range(typed, MOST_TYPED + 1):
                        by_typed[at] += 1
                    break
    return {"words": total, "shares": [count / total for count in by_typed]}


def slipped(word: str, generator: random.Random) -> str:
    """The first letters of a word with one slip among them."""
    letters = list(word[:SLIP_TYPED])
    at = generator.randrange(1, SLIP_TYPED - 1)
    kind = generator.choice(("beside", "out", "twice", "swapped"))
    if kind == "beside":
        letters[at] = NEARBY.get(letters[at], letters[at - 1])
    elif kind == "out":
        letters = [*letters[:at], *word[at + 1 : SLIP_TYPED + 1]]
    elif kind == "twice":
        letters.insert(at, letters[at])
    else:
        letters[at : at + 2] = letters[at + 1], letters[at]
    return "".join(letters)[:SLIP_TYPED]


def found_typed(predictor: Predictor, pairs: Sequence[tuple[str, str]]) -> float:
    """The share of (word, what is typed) whose word is offered."""
    return sum(offers(predictor, typed, 0, word, LIST) for word, typed in pairs) / len(pairs)


def lists_and_slips(corpora: Path, folder: Path, zipf: dict[str, Any]) -> dict[str, Any]:
    """Frequency list and dictionary on words typed right, with a slip, without their accents."""
    generator = random.Random(SEED)
    english = sorted(word for word in zipf["dev"] if len(word) > SLIP_TYPED and word.isascii())
    generator.shuffle(english)
    english = [word for word in english if word.isalpha()][:SLIP_WORDS]
    spanish = words_of(read_documents(corpora / "spanish" / "gsd.dev.txt"))
    accented = sorted({word for word in spanish if len(word) > 5 and fold(word[:5]) != word[:5]})
    generator.shuffle(accented)
    cases = {
        "right": ("en", [(word, word[:SLIP_TYPED]) for word in english]),
        "slip": ("en", [(word, slipped(word, generator)) for word in english]),
        "accents": ("es", [(word, fold(word[:5])) for word in accented[:SLIP_WORDS]]),
    }
    found: dict[str, Any] = {}
    for case, (language, pairs) in cases.items():
        list_ = Frequency.open(language)
        path = folder / f"{language}.dictionary"
        if not path.is_file():
            save_dictionary(path, listed(language))
        dictionary = Dictionary.open(path)
        found[case] = {
            "words": len(pairs),
            "frequency": found_typed(list_, pairs),
            "dictionary": found_typed(dictionary, pairs),
        }
    return found


def listed(language: str) -> dict[str, float]:
    """The commonest words of a language with their frequencies."""
    from wordfreq import get_frequency_dict

    known = get_frequency_dict(language, "best")
    letters = (word for word in known if WORD.fullmatch(word))
    return {word: known[word] for _, word in zip(range(ENTRIES), letters, strict=False)}


def zipf(corpora: Path) -> dict[str, Any]:
    """Frequencies of words by rank, and how much of new text the first so many words are."""
    train, dev = words_of(dialogues(corpora, "train")), words_of(dialogues(corpora, "dev"))
    ranked = Counter(train).most_common()
    first = {word: rank for rank, (word, _) in enumerate(ranked)}
    wide = {word: rank for rank, word in enumerate(listed("en"))}
    ranks = sorted({round(1.25**power) for power in range(60)} | {1})
    return {
        "dev": sorted(set(dev)),
        "words": len(train),
        "different": len(ranked),
        "once": sum(count == 1 for _, count in ranked),
        "curve": [[rank, ranked[rank - 1][1]] for rank in ranks if rank <= len(ranked)],
        "covered": [
            {
                "length": length,
                "own": sum(first.get(word, length) < length for word in dev) / len(dev),
                "language": sum(wide.get(word, length) < length for word in dev) / len(dev),
            }
            for length in LENGTHS
            if length <= ENTRIES
        ],
    }


def measure(corpora: Path) -> Measured:
    """Lists, a model of the training dialogues and the default model."""
    passages, few = turns(corpora, CHARS), turns(corpora, NEURAL_CHARS)
    counted = zipf(corpora)
    with tempfile.TemporaryDirectory() as name:
        slips = lists_and_slips(corpora, Path(name), counted)
        systems = {"frequency": offered(Frequency.open("en"), passages)}
        ngram, _ = trained(corpora, 5, Path(name))
        systems["ngram"] = offered(ngram, passages)
        began = time.monotonic()
        with Suggester.open() as suggester:
            neural = Neural(suggester, tolerance=0.01)
            systems["neural"] = offered(neural, few)
            neural.close()
        systems["ngram_few"] = offered(ngram, few)
    del counted["dev"]
    settings = {
        "measured on": "DailyDialog, development split",
        "characters": CHARS,
        "characters, neural": NEURAL_CHARS,
        "seconds, neural": round(time.monotonic() - began),
        "list": LIST,
        "n-gram": "order 5, DailyDialog, training split",
        "dictionary": f"the {ENTRIES} commonest words of wordfreq",
        "Spanish": "UD GSD, development split: words with an accent among the first 5 letters",
    }
    return Measured(settings, {"zipf": counted, "offered": systems, "slips": slips})


def tell(values: dict[str, Any]) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """What the page quotes."""
    counted, systems, slips = values["zipf"], values["offered"], values["slips"]
    quotes = {
        f"{name}_{typed}": percent(share)
        for name, each in systems.items()
        for typed, share in enumerate(each["shares"])
    }
    for each in counted["covered"]:
        quotes |= {f"own_{each['length']}": percent(each["own"]),
                   f"language_{each['length']}": percent(each["language"])}  # fmt: skip
    quotes |= {
        "train_words": f"{round(counted['words'], -3):,}",
        "different": f"{round(counted['different'], -2):,}",
        "once": percent(counted["once"] / counted["different"]),
        "asked": f"{systems['frequency']['words']:,}",
        "asked_neural": f"{systems['neural']['words']:,}",
    }
    table = [["letters typed", *(str(typed) for typed in range(MOST_TYPED + 1))]]
    for name, label in NAMES.items():
        table.append([label, *(percent(share) for share in systems[name]["shares"])])
    quotes |= {
        f"{case}_{way}": percent(each[way])
        for case, each in slips.items()
        for way in ("frequency", "dictionary")
    }
    return quotes, {"offered": table}


NAMES = {
    "frequency": "frequency list",
    "ngram": "n-gram, order 5",
    "neural": "neural",
}


def draw(values: dict[str, Any], path: Path) -> None:
    """Three panels."""
    canvas = Canvas([3.0, 3.5, 3.3])
    ranks, typed, slips = canvas.panels
    curve = values["zipf"]["curve"]
    top = curve[0][1]
    ranks.plot(*zip(*curve, strict=True), "o", ms=3.5, color=BLUE, label="dialogues")
    most = values["zipf"]["different"]
    ranks.plot([1, most], [top, top / most], "--", color=GREY, label="1 / rank")
    ranks.set(xscale="log", yscale="log", xlabel="rank of the word", title="occurrences of a word")
    ranks.legend()
    for (name, label), colour in zip(NAMES.items(), (ORANGE, BLUE, PURPLE), strict=True):
        shares = values["offered"][name]["shares"]
        typed.plot(range(len(shares)), [100 * share for share in shares], "o-", ms=4,
                   color=colour, label=label)  # fmt: skip
    typed.set(title="words offered in a list of 6, %", xlabel="letters typed, at most")
    typed.set_ylim(0, 100)
    typed.legend(loc="lower right")
    cases = ("right", "slip", "accents")
    bars(
        slips,
        ["typed right", "one slip", "accents left\nout (Spanish)"],
        [
            (name, [100 * values["slips"][case][way] for case in cases], colour)
            for way, name, colour in (
                ("frequency", "frequency list", ORANGE),
                ("dictionary", "dictionary", GREEN),
            )
        ],
    )
    slips.set(title="found after 5 letters, %", ylim=(0, 118))
    slips.legend(loc="upper center", ncols=2)
    canvas.save(path, LABEL)
