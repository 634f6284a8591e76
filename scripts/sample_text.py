"""Write the text that the default n-gram models are made from: samples of the default model.

    .venv/bin/python scripts/sample_text.py en 200000 src/tecla/data/sample.en.txt.gz

Every document goes on from an opening put together here from a few patterns, topics and names.
The default model's licence (Apache-2.0) covers what it writes, and nothing else gets in. Seeded:
the same machine writes the same text. A file that exists is gone on with, so the script may be
stopped.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import regex

from tecla import OptimizedAutoComplete

BATCH = 16
NEW_TOKENS = 160

OPENINGS = {
    "en": [
        "Hi {name},\n\nthank you for your message about {topic}. ",
        "Dear {name},\n\nI am writing to you about {topic}. ",
        "Hello {name},\n\ncould you please send me {topic}",
        "Hi everyone,\n\na short update on {topic}: ",
        "Dear {name},\n\nI would like to ask you whether {topic}",
        "{name}: Hi! How are you?\n{other}: I'm fine, thanks. What about {topic}?\n{name}:",
        "{name}: Excuse me, can you help me with {topic}?\n{other}: Of course.",
        "{name}: What are you doing this weekend?\n{other}: I was thinking about {topic}.\n",
        "{name}: Have you heard about {topic}?\n",
        "{name}: I have a problem with {topic}.\n{other}: ",
        "I went there last week because of {topic}. The people were ",
        "We stayed for three nights and {topic} was ",
        "When {name} came home that evening, {topic} ",
        "My opinion about {topic} is simple. I think that ",
        "How do I deal with {topic}? The first thing you should do is ",
        "Today was a long day. {Topic} took most of the morning and ",
        "If you have any questions about {topic}, please ",
        "The most important thing about {topic} is that ",
    ],
    "es": [
        "Hola, {name}:\n\ngracias por tu mensaje sobre {topic}. ",
        "Estimada {name}:\n\nle escribo para hablar de {topic}. ",
        "Hola a todos:\n\nos mando un resumen de {topic}. ",
        "Querido {name}:\n\nme gustaría saber si {topic} ",
        "—¿Qué tal, {name}? ¿Sabes algo de {topic}?\n—",
        "{name}: Hola, ¿cómo estás?\n{other}: Muy bien, gracias. ¿Y {topic}?\n{name}:",
        "{name}: ¿Me puedes ayudar con {topic}?\n{other}: Claro que sí.",
        "Ayer por la tarde fuimos a ver {topic} y ",
        "Cuando {name} llegó a casa, {topic} ",
        "Lo más importante de {topic} es que ",
        "En mi opinión, {topic} es ",
        "La ciudad es conocida por {topic}. En ella ",
        "Si tienes alguna pregunta sobre {topic}, no dudes en ",
        "El gobierno anunció que {topic} ",
    ],
}
TOPICS = {
    "en": [
        *("the meeting on Tuesday", "the new office", "our trip to the coast", "the invoice"),
        *("the report", "the job interview", "my English exam", "dinner on Friday", "the weather"),
        *("the train to the airport", "a birthday present", "the doctor's appointment"),
        *("the football match", "the rent", "the order from last month", "the price of the room"),
        *("my computer", "the contract", "the school", "the garden", "a new car", "the project"),
        *("the children", "the film last night", "the restaurant around the corner", "the budget"),
        *("her mother", "his first day at work", "the phone bill", "the library", "a good book"),
        *("the bank account", "the delivery", "the holiday", "the neighbours", "the old house"),
    ],
    "es": [
        *("la reunión del martes", "la nueva oficina", "el viaje a la costa", "la factura"),
        *(
            "el informe",
            "la entrevista de trabajo",
            "el examen",
            "la cena del viernes",
            "el tiempo",
        ),
        *("el tren al aeropuerto", "un regalo de cumpleaños", "la cita con el médico"),
        *("el partido de fútbol", "el alquiler", "el pedido del mes pasado", "el precio del piso"),
        *("mi ordenador", "el contrato", "el colegio", "el jardín", "un coche nuevo"),
        *("los niños", "la película de anoche", "el restaurante de la esquina", "el presupuesto"),
        *("su madre", "su primer día de trabajo", "la biblioteca", "un buen libro", "la empresa"),
        *("la cuenta del banco", "las vacaciones", "los vecinos", "la casa vieja", "la ciudad"),
    ],
}
NAMES = {
    "en": ["Anna", "James", "Sarah", "Tom", "Maria", "David", "Lucy", "Mark", "Emma", "Peter"],
    "es": ["Ana", "Luis", "Marta", "Pedro", "Carmen", "Javier", "Elena", "Pablo", "Rosa", "Juan"],
}


def openings(language: str, random: Random) -> Iterator[str]:
    """Endless beginnings of documents."""
    while True:
        name, other = random.sample(NAMES[language], 2)
        pattern = random.choice(OPENINGS[language])
        topic = random.choice(TOPICS[language])
        sentence = topic[0].upper() + topic[1:]
        text = pattern.format(name=name, other=other, topic=topic, Topic=sentence)
        yield text[0].upper() + text[1:]


def cleaned(text: str) -> str:
    """Whole sentences of a document, without what a model writes when it is lost."""
    text = regex.sub(r"\n{2,}", "\n", text.replace("\r", ""))
    whole = regex.match(r".*[.!?…\"”](?=\s|$)", text, regex.DOTALL)
    lines = whole.group().split("\n") if whole else []
    kept = [line.strip() for at, line in enumerate(lines) if line.strip() not in lines[:at]]
    return "\n".join(line for line in kept if line and not regex.search(r"[<>{}|#*`\[\]]", line))


def main(language: str, words: int, path: Path) -> None:
    """Write at least `words` words of `language` to `path`."""
    written = 0
    seed = 1
    if path.exists():
        text = gzip.decompress(path.read_bytes()).decode()
        written, seed = len(text.split()), 1 + len(text)
    with OptimizedAutoComplete(temperature=0.8, top_p=0.95, threads=1) as completer:
        source = openings(language, Random(seed))
        while written < words:
            texts = [next(source) for _ in range(BATCH)]
            grown = completer.generate_batch(texts, max_new_tokens=NEW_TOKENS, seed=seed)
            seed += 1
            both = zip(texts, grown, strict=True)
            found = [cleaned(one if one.startswith(text) else text + one) for text, one in both]
            batch = "".join(document + "\n\n" for document in found if document.count(" ") > 20)
            with gzip.open(path, "at", encoding="utf-8", compresslevel=9) as file:
                file.write(batch)
            written += len(batch.split())
            print(f"{written} words", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
