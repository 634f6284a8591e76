// The panel that shows what each system would say at the caret.

import { told } from "./sparkline.js";

const PAUSE_MS = 350; // of not writing, before the systems are asked
const AGAIN_MS = 1500; // where one was only being opened
const N = 4;

const SYSTEMS = {
  frequency: ["Frequency", "common words, whatever stands before"],
  dictionary: ["Dictionary", "common words, through slips and missing accents"],
  ngram: ["N-gram", "words that followed these words before"],
  neural: ["Neural", "the language model alone"],
  blend: ["Blend", "what is shown: all of it, calibrated"],
};

/** Asks while it is open, once writing pauses; a newer question ends the older one. */
export class Comparison {
  #details;
  #list;
  #ask;
  #timer = 0;
  #running = null;

  /** `ask(options)` gives what is to be sent: text around the caret, wishes, key. */
  constructor(details, list, ask) {
    this.#details = details;
    this.#list = list;
    this.#ask = ask;
    details.addEventListener("toggle", () => (details.open ? this.#now() : this.#stop()));
  }

  /** Something changed: ask again once it rests. */
  changed() {
    if (!this.#details.open) return;
    this.#list.classList.add("stale");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#now(), PAUSE_MS);
  }

  async #now() {
    this.#stop();
    const running = (this.#running = new AbortController());
    const { key, ...body } = this.#ask();
    try {
      const answer = await fetch("/v1/compare", {
        method: "POST",
        headers: { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) },
        body: JSON.stringify({ n: N, ...body }),
        signal: running.signal,
      });
      const found = await answer.json();
      if (!answer.ok) throw new Error(found.error?.message ?? `the service says ${answer.status}`);
      this.#draw(found.systems, body.before);
      const isOpening = found.systems.some((each) => each.absent?.startsWith("it is being opened"));
      if (isOpening) this.#timer = setTimeout(() => this.#now(), AGAIN_MS);
    } catch (error) {
      if (error.name === "AbortError") return;
      const note = made("p", "note", error instanceof TypeError ? "The server does not answer." : error.message);
      this.#list.replaceChildren(note);
    }
    this.#list.classList.remove("stale");
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.#running = null;
  }

  #draw(systems, before) {
    this.#list.replaceChildren(...systems.map((each) => section(each, before)));
  }
}

function section(answer, before) {
  const [name, what] = SYSTEMS[answer.system] ?? [answer.system, ""];
  const part = made("section", `system ${answer.system}`);
  const head = made("h3", "", name);
  if (!answer.absent) head.append(made("span", "time", told(answer.took_ms)));
  part.append(head, made("p", "what", what));
  if (answer.system === "blend") part.append(shownBy(answer));
  if (answer.absent) part.append(made("p", "absent", `Not here: ${answer.absent}`));
  else if (answer.suggestions.length === 0) part.append(made("p", "absent", "Has nothing to say."));
  else part.append(listOf(answer.suggestions, before));
  if (answer.withheld > 0) part.append(made("p", "absent", `${answer.withheld} withheld or cut by filters`));
  return part;
}

const SILENT = {
  nothing_found: "nothing was found",
  too_short: "it would save no key",
  filtered: "filters withhold it",
  unsure: "it is not sure enough",
  rejected: "it was rejected here before",
  model_asked: "the model has not answered yet",
};

function shownBy({ shown, silence }) {
  const line = made("p", "shown");
  if (shown) line.append("Shown: ", made("b", "", spaced(shown)));
  else line.append(`Shown: nothing, as ${SILENT[silence] ?? "there is nothing to show"}`);
  return line;
}

function listOf(suggestions, before) {
  const list = made("ol", "options");
  for (const { text, replaces, probability } of suggestions) {
    const item = made("li");
    const words = made("span", "words");
    if (replaces > 0) words.append(made("s", "", before.slice(before.length - replaces)));
    words.append(spaced(text));
    item.style.setProperty("--share", `${(100 * probability).toFixed(2)}%`);
    item.append(words, made("span", "number", percent(probability)));
    list.append(item);
  }
  return list;
}

/** A text with the space at its beginning made visible. */
function spaced(text) {
  return text.replace(/^ +/, (blanks) => "␣".repeat(blanks.length)).replaceAll("\n", "⏎");
}

function percent(probability) {
  if (probability >= 0.0995) return `${Math.round(100 * probability)}\u202f%`;
  return probability >= 0.001 ? `${(100 * probability).toFixed(1)}\u202f%` : "<\u202f0.1\u202f%";
}

function made(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}
