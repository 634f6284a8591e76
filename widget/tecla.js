/**
 * tecla: ghost text for any text field.
 *
 * One ES module without dependencies and without a build step, so that a page can import it from
 * the service itself; that is why it is longer than a file of this project usually is. Sections:
 *
 *   1. Text       offsets in UTF-16 units, the smallest edit between two texts, the sent window
 *   2. Session    the protocol: one text over one WebSocket; needs no page, editors may use it alone
 *   3. Fields     textarea, input, contenteditable: what stands where, and putting text in
 *   4. Overlay    drawing beside the field, never inside it: ghost text, tip, list, live region
 *   5. Attachment one field with ghost text: events of the page in, suggestions and events out
 *   6. Element    <tecla-textarea>
 *
 * Three rules hold throughout. Within one state of the text what is shown is only ever extended.
 * What belongs to another state is never shown. Nothing that is shown is ever in the field's value,
 * selection, copy or undo history before it was taken.
 *
 * No style attribute, style element or markup is made from strings: a page may forbid all of them
 * (Content-Security-Policy style-src 'self', Trusted Types).
 */

// ---------------------------------------------------------------------------------------------
// 1. Text

const DEFAULT_CHARS = 20_000; // units sent at most: more context than a small model reads
const FIRST_CHARS = 2_000; // until the service has said what it takes

/** Lone surrogates are no text on the wire; their replacement is as long, so offsets stay. */
const wellFormed = (text) => text.replace(/\p{Surrogate}/gu, "\uFFFD");

const isHigh = (unit) => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit) => unit >= 0xdc00 && unit < 0xe000;

/** Whether an offset stands between the two halves of a character. */
const splitsPair = (text, at) => isHigh(text.charCodeAt(at - 1)) && isLow(text.charCodeAt(at));

/** An offset, or the one before it where it would split a character. */
const whole = (text, at) => (splitsPair(text, at) ? at - 1 : at);

/** The smallest edit that makes `now` of `old`: `text` in place of what is from `start` to `end`. */
export function difference(old, now) {
  const most = Math.min(old.length, now.length);
  let start = 0;
  while (start < most && old.charCodeAt(start) === now.charCodeAt(start)) start += 1;
  if (splitsPair(old, start) || splitsPair(now, start)) start -= 1;
  let tail = 0;
  while (
    tail < most - start &&
    old.charCodeAt(old.length - 1 - tail) === now.charCodeAt(now.length - 1 - tail)
  ) {
    tail += 1;
  }
  if (splitsPair(old, old.length - tail) || splitsPair(now, now.length - tail)) tail -= 1;
  return { start, end: old.length - tail, text: now.slice(start, now.length - tail) };
}

/**
 * The part of a long text that is sent: what is nearest to the caret, mostly before it.
 *
 * It moves in large steps: while the caret stays well inside it, it keeps its two ends in the text,
 * so that a key stays an edit of one character and the service keeps what it knows of the beginning.
 */
export class Window {
  #start = 0; // units before it
  #tail = 0; // units behind it

  /** The window of a text around a caret, at most `most` units long. */
  over(text, caret, most) {
    const end = text.length - this.#tail;
    const fits = end - this.#start <= most && this.#start <= caret && caret <= end;
    const isWhole = text.length <= most;
    const before = this.#start === 0 || caret - this.#start >= most / 4;
    const after = this.#tail === 0 || end - caret >= most / 32;
    if (isWhole) {
      this.#start = this.#tail = 0;
    } else if (!fits || !before || !after) {
      this.#start = whole(text, Math.max(0, caret - Math.floor((most * 5) / 8)));
      this.#tail = text.length - whole(text, Math.min(text.length, caret + Math.floor(most / 8)));
    }
    const from = whole(text, this.#start);
    const upTo = whole(text, text.length - this.#tail);
    return { text: text.slice(from, upTo), caret: caret - from };
  }
}

// ---------------------------------------------------------------------------------------------
// 2. Session

const CONNECTING = 0; // of a WebSocket's readyState
const NONSENSE = 4400;
const NO_KEY = 4401;
const OUT_OF_STEP = 4409;
const CROWDED = 4429;
const FIRST_WAIT_MS = 250;
const MOST_WAIT_MS = 30_000;
const CROWDED_WAIT_MS = 2_000;
const ANSWER_MS = 10_000; // a connection that says nothing for so long is a dead one
const LIST_MS = 2_000;
const FIRST_LOOK_MS = 400; // whoever types has typed on by then
const MOST_LOOKS = 6;
const NO_TIME = new Set(["overloaded", "late", "engine_failed"]);
const MOST_BUFFERED_BYTES = 64 << 10;
const MOST_KNOWN = 24;
const MOST_STEPS_LOST = 3;
const MOST_ACCEPTED = 10_000; // units of one acceptance, as the service takes them

/** Where the session of a service is, from the address of the service. */
export function sessionUrl(server, page = globalThis.location?.href) {
  const base = new URL(server || "/", page);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const url = new URL("v1/session", base);
  url.protocol = url.protocol.replace(/^http/, "ws");
  url.search = url.hash = "";
  return url.href;
}

/**
 * One text as it is written, told to the service in edits; suggestions come back.
 *
 * Call `update` with every new state of the text, `accept` when a suggestion was put in. Fires
 * `change` when what is to be shown may be another, `answer` for every answer, `refused` with a
 * code, `state` when the connection changes. Knows nothing of pages.
 */
export class Session extends EventTarget {
  #options;
  #socket = null;
  #state = "idle";
  #name;
  #revision = 0;
  #before = "";
  #after = "";
  #wanted = false;
  #changedMs = 0;
  #window = new Window();
  #limit = FIRST_CHARS;
  #sent = null; // what the service has: window text and caret, and the two sides it stands for
  #standing = null; // what is shown now
  #known = []; // answers to states of the text, the newest first
  #isSettled = true;
  #dismissed = -1; // the revision at which the suggestion was sent away
  #attempts = 0;
  #stepsLost = 0;
  #looks = 0; // how often the service was asked again about a text that rests
  #isWished = false; // the same state is told again: a wish came since, or the model had no time
  #isPlain = false; // an opening was refused, so the next one carries no text
  #timers = new Map();
  #listing = null;

  constructor(options = {}) {
    super();
    this.#options = { ...options };
    this.#name = options.session ?? "";
  }

  /** idle, connecting, open, waiting (to try again), stopped (it will not) or closed. */
  get state() {
    return this.#state;
  }

  /** What is to be shown behind the caret now, or null. */
  get suggestion() {
    return this.#standing;
  }

  get revision() {
    return this.#revision;
  }

  /** The two sides of the caret, as told last. */
  get place() {
    return { before: this.#before, after: this.#after };
  }

  /** Connect if there is no connection. Also the way back after `stopped`. */
  connect() {
    if (this.#state === "connecting" || this.#state === "open") return;
    this.#stopTimer("retry");
    let socket;
    try {
      const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
      socket = new Socket(sessionUrl(this.#options.server));
    } catch (error) {
      this.#stop({ code: 0, reason: error.message });
      return;
    }
    this.#socket = socket;
    this.#become("connecting");
    const isMine = () => this.#socket === socket;
    socket.onopen = () => isMine() && this.#open();
    socket.onmessage = (event) => isMine() && this.#take(JSON.parse(event.data));
    socket.onclose = (event) => isMine() && this.#lost(event);
  }

  /** Leave; `connect` takes the text up again. */
  close() {
    for (const name of [...this.#timers.keys()]) this.#stopTimer(name);
    this.#drop();
    this.#become("closed");
  }

  /**
   * The text is `text` now, and the caret stands at `caret` (UTF-16 units).
   *
   * Not `wanted`: nothing is shown, and the service is told only with the next state that is, or
   * at once with `tell`. What is typed along a suggestion is not told while the answer allows it.
   */
  update(text, caret, { wanted = true, tell = false } = {}) {
    const clean = wellFormed(text);
    const at = whole(clean, caret);
    const before = clean.slice(0, at);
    const after = clean.slice(at);
    const isSame = before === this.#before && after === this.#after;
    if (isSame && (!wanted || this.#wanted)) return;
    [this.#before, this.#after, this.#wanted] = [before, after, wanted];
    this.#changedMs = performance.now();
    this.#looks = 0;
    this.#stopTimer("look");
    this.#standing = wanted && !this.#isDismissed() ? this.#recall() : null;
    this.#changed();
    if ((wanted || tell) && !this.#isQuiet()) this.flush();
  }

  /** Show nothing at this state of the text; the service is not told. */
  withhold() {
    this.#wanted = false;
    if (this.#standing === null) return;
    this.#standing = null;
    this.#changed();
  }

  /** `text` was put in at the caret by one key, as the suggestion or a part of it says. */
  accept(text) {
    const shown = this.#standing;
    const before = this.#before + text;
    this.flush(); // what was typed without a message is no part of what is taken
    const isInStep = this.#state === "open" && this.#sent !== null && this.#isTold();
    if (!isInStep || text.length > Math.min(MOST_ACCEPTED, this.#limit - this.#sent.text.length)) {
      this.update(before + this.#after, before.length);
      return;
    }
    this.#revision += 1;
    this.#tell({ type: "accept", revision: this.#revision, text });
    const { text: old, caret } = this.#sent;
    this.#before = before;
    this.#wanted = true;
    this.#looks = 0;
    this.#changedMs = performance.now();
    this.#remind({
      text: old.slice(0, caret) + text + old.slice(caret),
      caret: caret + text.length,
    });
    this.#standing = shown && restOf(shown, text.length, text);
    this.#changed();
  }

  /** The suggestion was sent away: nothing is shown until the text changes. */
  dismiss() {
    if (this.#standing === null) return;
    this.flush();
    if (this.#state === "open") this.#tell({ type: "dismiss", revision: this.#revision });
    this.#dismissed = this.#revision;
    this.#known = this.#known.filter((entry) => this.#along(entry) === null);
    this.#standing = null;
    this.#changed();
  }

  /** Show another text at this state, one of `list`. */
  show(item) {
    this.#standing = {
      text: item.text,
      words: item.words ?? wordEnds(item.text),
      probability: item.probability ?? 0,
      source: "list",
      settled: true,
      latencyMs: 0,
      revision: this.#revision,
      before: this.#before,
      after: this.#after,
    };
    this.#wanted = true;
    this.#dismissed = -1;
    this.#changed();
  }

  /** What could follow here, the most probable first; empty where nothing could or nobody answers. */
  async list() {
    this.flush();
    const revision = this.#revision;
    if (this.#state !== "open") return [];
    this.#listing?.resolve([]);
    return new Promise((resolve) => {
      this.#listing = { revision, resolve, isAsked: false };
      this.#timer("list", LIST_MS, () => this.#listed([]));
      if (this.#isSettled) this.#askList();
    });
  }

  /** Serve the text otherwise from the next state on: eagerness, maxWords, language and so on. */
  wish(options) {
    Object.assign(this.#options, options);
    this.#known = [];
    this.#isWished = true;
    if (this.#state === "open") this.#tell({ type: "wish", ...this.#wishes() });
  }

  /** Other options, which hold from the next connection on; the text is taken up anew. */
  reconnect(options) {
    const wasIdle = this.#state === "idle";
    Object.assign(this.#options, options);
    this.close();
    [this.#attempts, this.#stepsLost, this.#isPlain] = [0, 0, false];
    this.#name = this.#options.session ?? "";
    [this.#known, this.#dismissed] = [[], -1]; // what was found may be somebody else's
    this.#changedMs = performance.now();
    if (this.#standing !== null) {
      this.#standing = null;
      this.#changed();
    }
    if (!wasIdle) this.connect();
  }

  /** Tell the service the newest state, if it has not been told. */
  flush() {
    if (this.#state !== "open" || !this.#sent || this.#isTold()) return;
    if (this.#socket.bufferedAmount > MOST_BUFFERED_BYTES) {
      this.#timer("flush", 50, () => this.flush());
      return;
    }
    const now = this.#windowed();
    const edit = difference(this.#sent.text, now.text);
    this.#revision += 1;
    const isBehind = edit.start + edit.text.length === now.caret;
    const caret = isBehind ? undefined : now.caret;
    this.#tell({ type: "edit", revision: this.#revision, ...edit, caret });
    this.#remind(now);
  }

  // What is known

  /** What to show at the newest state from what is known: the rest of what stands comes first. */
  #recall() {
    const entries = this.#standing ? [this.#standing, ...this.#known] : this.#known;
    const exact = (entry) => entry.before === this.#before && entry.after === this.#after;
    const here = this.#known.find(exact);
    for (const entry of entries) {
      if (here && entry !== this.#standing) return here.text ? here : null;
      const rest = this.#along(entry);
      if (rest) return rest;
    }
    return null;
  }

  /** What is left of an earlier answer, if the text has gone along it since. */
  #along(entry) {
    const from = entry.origin ?? entry;
    if (from.after !== this.#after || !this.#before.startsWith(from.before)) return null;
    const typed = this.#before.slice(from.before.length);
    return restOf(from, typed.length, typed);
  }

  /** Whether the service need not be told: it would say what is shown. */
  #isQuiet() {
    const shown = this.#standing;
    if (!shown || this.#isWished) return false;
    const from = shown.origin ?? shown;
    const typed = from.text.length - shown.text.length;
    return this.#sent !== null && from.revision === this.#revision && typed <= (from.quiet ?? -1);
  }

  #isTold() {
    const { before, after } = this.#sent;
    return !this.#isWished && before === this.#before && after === this.#after;
  }

  #isDismissed() {
    return this.#dismissed === this.#revision && this.#sent !== null && this.#isTold();
  }

  #remind({ text, caret }) {
    const revision = this.#revision;
    this.#sent = { text, caret, before: this.#before, after: this.#after, revision };
    this.#isWished = false;
    this.#isSettled = false;
    this.#stopTimer("look");
    this.#listed([]);
    this.#timer("answer", ANSWER_MS, () => {
      this.#drop();
      this.#again(0);
    });
  }

  #windowed() {
    return this.#window.over(this.#before + this.#after, this.#before.length, this.#limit);
  }

  // What the service says

  #take(message) {
    if (message.type === "opened") this.#opened(message);
    if (message.type === "suggestion") this.#answered(message);
    if (message.type === "list" && message.revision === this.#listing?.revision) {
      this.#listed(message.items);
    }
    if (message.type === "refused") this.#refused(message);
  }

  #opened(message) {
    this.#name = message.session;
    this.#limit = Math.max(1, Math.min(this.#options.maxChars ?? DEFAULT_CHARS, message.chars));
    this.#become("open");
    const isShort = this.#sent.text.length < this.#windowed().text.length;
    if (isShort) this.#sent.before = null; // stands for no state of the text
    if (isShort || this.#wanted) this.flush();
    this.#isPlain = false;
  }

  #answered(message) {
    this.#attempts = this.#stepsLost = 0;
    if (message.revision !== this.#revision) return;
    this.#stopTimer("answer");
    this.#isSettled = message.settled ?? true;
    const latencyMs = performance.now() - this.#changedMs;
    const answer = {
      text: message.text ?? "",
      words: message.words ?? [],
      probability: message.probability ?? 0,
      expectedSaving: message.expected_saving ?? 0,
      source: message.source ?? "",
      silence: message.silence ?? null,
      settled: this.#isSettled,
      partial: message.partial ?? false,
      withoutModel: message.without_model ?? null,
      quiet: message.quiet ?? 0,
      tookMs: message.took_ms ?? 0,
      revision: message.revision,
      latencyMs,
      before: this.#sent.before,
      after: this.#sent.after,
    };
    // What was said before a wish was heard is no answer to what follows it.
    const isOld = this.#isPlain || this.#isWished;
    if (this.#dismissed !== this.#revision && !isOld) this.#remember(answer);
    this.#fire("answer", answer);
    if (this.#isSettled && NO_TIME.has(answer.withoutModel)) this.#lookAgain(0);
    if (this.#isSettled && this.#listing && !this.#listing.isAsked) this.#askList();
    if (!this.#wanted || !this.#isTold() || this.#isDismissed()) return;
    const shown = this.#standing;
    if (!answer.text.trim() || (shown && !answer.text.startsWith(shown.text))) return;
    this.#standing = answer;
    if (shown?.text !== answer.text) this.#changed();
  }

  #remember(answer) {
    const isOther = (entry) => entry.before !== answer.before || entry.after !== answer.after;
    this.#known = [answer, ...this.#known.filter(isOther)].slice(0, MOST_KNOWN);
  }

  #refused(message) {
    this.#attempts = this.#stepsLost = 0;
    this.#stopTimer("answer");
    if (message.revision !== this.#revision) return;
    this.#isSettled = true;
    this.#listed([]);
    this.#fire("refused", {
      code: message.code,
      reason: message.message ?? "",
      retryAfterMs: message.retry_after_ms ?? null,
      isFinal: false,
    });
    this.#lookAgain(message.retry_after_ms ?? 0);
  }

  /** The model had no time: ask again if nobody types meanwhile, twice as late each time. */
  #lookAgain(leastMs) {
    if (this.#looks === MOST_LOOKS) return;
    const wait = Math.max(leastMs, FIRST_LOOK_MS * 2 ** this.#looks) * (1 + this.#random() / 2);
    this.#timer("look", wait, () => {
      if (!this.#wanted || !this.#isTold() || this.#isDismissed()) return;
      this.#looks += 1;
      this.#isWished = true;
      this.#changedMs = performance.now(); // nobody has waited since the key
      this.flush();
    });
  }

  #askList() {
    this.#listing.isAsked = true;
    this.#tell({ type: "list", revision: this.#revision });
  }

  #listed(items) {
    this.#stopTimer("list");
    const listing = this.#listing;
    this.#listing = null;
    listing?.resolve(items);
  }

  // The connection

  #open() {
    const now = this.#isPlain ? { text: "", caret: 0 } : this.#windowed();
    this.#revision += 1;
    const { key, user, collection } = this.#options;
    this.#tell({
      type: "open",
      revision: this.#revision,
      ...now,
      session: this.#name || undefined,
      key: key || undefined,
      user: user || undefined,
      collection: collection || undefined,
      ...this.#wishes(),
    });
    this.#remind(now);
  }

  #wishes() {
    const { eagerness, maxWords, language, deadlineMs, filters } = this.#options;
    return {
      eagerness: eagerness ?? undefined,
      max_words: maxWords ?? undefined,
      language: language || undefined,
      deadline_ms: deadlineMs ?? undefined,
      filters: filters || undefined,
    };
  }

  #tell(message) {
    this.#socket.send(JSON.stringify(message));
  }

  /** Decide what the end of a connection means. */
  #lost({ code, reason }) {
    const wasOpening = this.#state === "connecting";
    this.#drop();
    if (code === NO_KEY) return this.#stop({ code, reason });
    if (code === NONSENSE) {
      // An opening may be too long for this service: once more without a text, to be told how much.
      if (!wasOpening || this.#isPlain) return this.#stop({ code, reason });
      this.#isPlain = true;
      this.#become("waiting");
      return this.connect();
    }
    if (code === OUT_OF_STEP) {
      this.#stepsLost += 1;
      if (this.#stepsLost === MOST_STEPS_LOST) this.#name = ""; // another connection holds it
      if (this.#stepsLost > 2 * MOST_STEPS_LOST) return this.#stop({ code, reason });
    }
    if (code === CROWDED) {
      this.#fire("refused", { code: "overloaded", reason, retryAfterMs: null, isFinal: false });
    }
    return this.#again(code === CROWDED ? CROWDED_WAIT_MS : 0);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#sent = null;
    this.#isSettled = true;
    this.#stopTimer("answer");
    this.#stopTimer("flush");
    this.#stopTimer("look");
    this.#listed([]);
    if (socket?.readyState === CONNECTING) {
      socket.onopen = () => socket.close(); // closed at once, the browser would call it a fault
    } else {
      socket?.close();
    }
  }

  /** Try again later: twice as late each time, and not when everybody else does. */
  #again(leastMs) {
    const wait = Math.min(MOST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    this.#become("waiting");
    this.#timer("retry", leastMs + wait * (0.5 + this.#random() / 2), () => this.connect());
  }

  #random() {
    return (this.#options.random ?? Math.random)();
  }

  #stop({ code, reason }) {
    this.#drop();
    this.#become("stopped");
    const name = { [NO_KEY]: "key", [NONSENSE]: "nonsense", [OUT_OF_STEP]: "out_of_step" }[code];
    this.#fire("refused", { code: name ?? "address", reason, retryAfterMs: null, isFinal: true });
  }

  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#fire("state", { state });
  }

  #changed() {
    this.#fire("change", this.#standing);
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #timer(name, ms, action) {
    this.#stopTimer(name);
    const id = setTimeout(() => {
      this.#timers.delete(name);
      action();
    }, ms);
    this.#timers.set(name, id);
  }

  #stopTimer(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** What is left of a suggestion behind its first units, if they are `typed`; null if it is blank. */
function restOf(shown, count, typed) {
  if (!shown.text.startsWith(typed)) return null;
  const text = shown.text.slice(count);
  if (!text.trim()) return null;
  const words = shown.words.filter((end) => end > count).map((end) => end - count);
  const source = count === 0 ? "known" : "typed";
  return { ...shown, text, words, source, latencyMs: 0, origin: shown.origin ?? shown };
}

/** Where the words of a text end, for one that came without them. */
function wordEnds(text) {
  return Array.from(text.matchAll(/[\p{L}\p{N}\p{M}'’]+/gu), (found) => found.index + found[0].length);
}

// ---------------------------------------------------------------------------------------------
// 3. Fields

const TEXT_TYPES = new Set(["text", "search", ""]);
const SECRET = /(?:^|\s)(?:cc-|one-time-code|current-password|new-password)/;
const BLOCKS = new Set(
  ("ADDRESS ARTICLE ASIDE BLOCKQUOTE DD DIV DL DT FIGCAPTION FIGURE FOOTER FORM H1 H2 H3 H4 H5 H6 " +
    "HEADER HR LI MAIN NAV OL P PRE SECTION TABLE TBODY TD TH TR UL").split(" "),
);

/** Have the browser put text in as if typed, so that it is one step of its undo history. */
function typeIn(element, text) {
  const page = element.ownerDocument;
  return typeof page.execCommand === "function" && page.execCommand("insertText", false, text);
}

function fireInput(element, data) {
  const options = { bubbles: true, composed: true, inputType: "insertText", data };
  element.dispatchEvent(new InputEvent("input", options));
}

/** A textarea or an input. */
class FormField {
  constructor(element) {
    this.element = element;
    this.isSingleLine = element.localName === "input";
    this.isSecret = false;
  }

  /** Whether it may have ghost text now; a field that held a password once never may. */
  get isFit() {
    const { element } = this;
    this.isSecret ||= element.type === "password" || SECRET.test(element.autocomplete ?? "");
    const isText = !this.isSingleLine || TEXT_TYPES.has(element.type);
    return isText && !this.isSecret && !element.disabled && !element.readOnly;
  }

  /** The text and the caret, or null where there is no single caret. */
  read() {
    const { value, selectionStart, selectionEnd } = this.element;
    if (selectionStart === null || selectionStart !== selectionEnd) return null;
    return { text: value, caret: selectionStart };
  }

  /** Units that may still be put in. */
  get room() {
    const { maxLength, value } = this.element;
    return maxLength >= 0 ? Math.max(0, maxLength - value.length) : Infinity;
  }

  /** Put text in at the caret, `over` the unit before it or none. */
  insert(text, over = 0) {
    const { element } = this;
    const at = element.selectionStart;
    // A change of the selection ends the run of typing that undo would take back with this.
    element.setSelectionRange(0, 0);
    element.setSelectionRange(at - over, at);
    if (typeIn(element, text)) return;
    element.setRangeText(text, at - over, at, "end");
    fireInput(element, text);
  }

  /** Stand behind what an undo brought back and selected, if the field is again as it was. */
  deselect({ text, caret }) {
    const { value, selectionEnd } = this.element;
    if (value === text && selectionEnd === caret) this.element.setSelectionRange(caret, caret);
  }
}

/** An element whose content is edited. */
class EditableField {
  constructor(element) {
    this.element = element;
    this.isSingleLine = false;
    this.room = Infinity;
  }

  get isFit() {
    return this.element.isContentEditable && this.element.ariaReadOnly !== "true";
  }

  get selection() {
    const root = this.element.getRootNode();
    return root.getSelection?.() ?? this.element.ownerDocument.getSelection();
  }

  read() {
    const { selection, element } = this;
    if (!selection?.isCollapsed || !element.contains(selection.anchorNode)) return null;
    return textAround(element, selection.anchorNode, selection.anchorOffset);
  }

  insert(text, over = 0) {
    const { selection, element } = this;
    const { anchorNode, anchorOffset } = selection;
    selection.collapse(element, 0); // ends the run of typing, as above
    const isText = anchorNode.nodeType === Node.TEXT_NODE; // where typed text ends
    const from = isText ? Math.max(0, anchorOffset - over) : anchorOffset;
    selection.setBaseAndExtent(anchorNode, from, anchorNode, anchorOffset);
    if (typeIn(element, text)) return;
    const range = selection.getRangeAt(0);
    range.deleteContents();
    const node = element.ownerDocument.createTextNode(text);
    range.insertNode(node);
    selection.collapse(node, text.length);
    fireInput(element, text);
  }

  deselect({ text, caret }) {
    const { selection, element } = this;
    if (!selection?.rangeCount || !element.contains(selection.anchorNode)) return;
    const { endContainer, endOffset } = selection.getRangeAt(0);
    const now = textAround(element, endContainer, endOffset);
    if (now.text === text && now.caret === caret) selection.collapseToEnd();
  }
}

/** The text of an editable element as it reads, and where in it a place of its tree is. */
function textAround(root, anchor, offset) {
  const keepsSpace = getComputedStyle(root).whiteSpace.startsWith("pre");
  let text = "";
  let caret = null;
  let isBroken = false; // a line ended, and what follows begins another
  const begin = () => {
    if (isBroken && text) text += "\n";
    isBroken = false;
  };
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.data) begin();
      if (node === anchor) caret = text.length + offset;
      const spaced = node.data.replaceAll("\u00a0", " ");
      text += keepsSpace ? spaced : spaced.replace(/[\t\n\r]/g, " ");
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    const isBlock = node !== root && BLOCKS.has(node.tagName);
    isBroken ||= isBlock;
    Array.from(node.childNodes).forEach((child, index) => {
      if (node === anchor && index === offset) {
        if (node !== root) begin();
        caret = text.length;
      }
      visit(child);
    });
    if (node === anchor) caret ??= text.length;
    if (node.tagName === "BR") {
      begin();
      // The last one of a block only holds its line open.
      if (node.nextSibling !== null) text += "\n";
    }
    isBroken ||= isBlock;
  };
  visit(root);
  return { text, caret: caret ?? text.length };
}

function fieldOf(element) {
  if (element?.localName === "textarea" || element?.localName === "input") {
    return new FormField(element);
  }
  if (element?.nodeType === Node.ELEMENT_NODE) return new EditableField(element);
  throw new TypeError("attach takes a textarea, an input or an element with contenteditable");
}

// ---------------------------------------------------------------------------------------------
// 4. Overlay

const TAG = "tecla-overlay";
const MIRRORED = (
  "font-family font-size font-weight font-style font-stretch font-kerning font-size-adjust " +
  "font-variant font-feature-settings font-variation-settings font-optical-sizing line-height " +
  "letter-spacing word-spacing text-transform text-rendering text-align text-align-last tab-size " +
  "white-space overflow-wrap word-break line-break hyphens direction unicode-bidi writing-mode " +
  "-webkit-font-smoothing"
).split(" ");
const SIDES = ["top", "right", "bottom", "left"];
const NEAR_PX = 0.75; // what lies closer together is at the same place
const LEAST_PX = 60; // of a list, however little room there is
const LEAST_CONTRAST = 4.5; // of WCAG 2, for text

const DRAWN = `
  :host { all: initial !important; position: absolute !important; inset: 0 auto auto 0 !important;
    display: block !important; width: 0 !important; height: 0 !important;
    pointer-events: none !important; }
  .box, .page { margin: 0; padding: 0; border: 0 solid transparent; box-sizing: border-box; }
  .box { position: absolute; overflow: hidden; visibility: hidden; user-select: none;
    -webkit-user-select: none; }
  .box[hidden] { display: none; }
  .box.line:not([hidden]) { display: flex; align-items: center; }
  .page { flex: none; }
  .page > div { unicode-bidi: inherit; }
  .ghost { visibility: visible; color: var(--ghost);
    -webkit-text-fill-color: currentcolor; }
  .tip { position: fixed; inset: auto; margin: 0; box-sizing: border-box; pointer-events: auto;
    max-width: min(32em, 92vw); padding: .2em .5em; border: 1px solid; border-radius: .35em;
    overflow-wrap: anywhere; white-space: pre-wrap; cursor: pointer; z-index: 2147483647;
    color: var(--ink); background: var(--paper); border-color: var(--ghost); }
  .tip:not(:popover-open) { display: none; }
  .tip kbd { font: 600 .72em/1 system-ui, sans-serif; margin-inline-start: .7em; padding: .1em .4em;
    border: 1px solid; border-radius: .3em; vertical-align: .1em; }
  ::slotted(tecla-live) { position: absolute !important; width: 1px !important;
    height: 1px !important; overflow: hidden !important; clip-path: inset(50%) !important;
    white-space: nowrap !important; }
  @media (prefers-contrast: more) {
    .ghost { text-decoration: underline dotted; }
  }
  @media (forced-colors: active) {
    .ghost { color: GrayText; text-decoration: underline dotted; }
    .tip { color: CanvasText; background: Canvas; border-color: CanvasText; }
  }
`;
const LISTED = `
  tecla-list { position: fixed; inset: auto; margin: 0; padding: .25em; box-sizing: border-box;
    max-width: min(32em, 92vw); overflow: auto; border: 1px solid; border-radius: .4em;
    color: var(--tecla-ink); background: var(--tecla-paper); border-color: var(--tecla-edge);
    box-shadow: 0 4px 16px rgb(0 0 0 / .18); z-index: 2147483647; pointer-events: auto; }
  tecla-list:not(:popover-open) { display: none; }
  tecla-option { display: flex; gap: 1.2em; justify-content: space-between; padding: .3em .55em;
    border-radius: .25em; cursor: pointer; }
  tecla-option > span { white-space: pre-wrap; overflow-wrap: anywhere; }
  tecla-option > small { font-size: .8em; align-self: center; }
  tecla-option[aria-selected="true"] { color: var(--tecla-paper); background: var(--tecla-ink); }
  @media (pointer: coarse) { tecla-option { padding-block: .7em; } }
  @media (forced-colors: active) {
    tecla-option[aria-selected="true"] { forced-color-adjust: none; color: HighlightText;
      background: Highlight; }
  }
`;

let sheets = null;
let lastId = 0;

function sheetsMade() {
  if (sheets === null) {
    sheets = { drawn: new CSSStyleSheet(), listed: new CSSStyleSheet() };
    sheets.drawn.replaceSync(DRAWN);
    sheets.listed.replaceSync(LISTED);
  }
  return sheets;
}

function made(name, className = "", ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Everything that is drawn for one field, in an element of its own behind it. */
class Overlay {
  #field;
  #element;
  #host = made(TAG);
  #box = made("div", "box");
  #page = made("div", "page");
  #ghost = made("span", "ghost");
  #tip = made("div", "tip");
  #tipText = made("span");
  #tipKey = made("kbd");
  #live = made("tecla-live");
  #list = made("tecla-list");
  #lines = [];
  #indent = "0px";
  #shown = "";
  #spot = { left: 0, top: 0, bottom: 0, right: 0 };

  constructor(field, { onTake, onPick, listId = `tecla-list-${(lastId += 1)}` }) {
    this.#field = field;
    this.#element = field.element;
    this.listId = listId;
    const shadow = this.#host.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sheetsMade().drawn];
    this.#box.setAttribute("aria-hidden", "true");
    this.#tip.setAttribute("aria-hidden", "true");
    this.#tip.popover = this.#list.popover = "manual";
    this.#tip.append(this.#tipText, this.#tipKey);
    this.#box.append(this.#page);
    shadow.append(this.#box, this.#tip, made("slot"));
    this.#live.setAttribute("role", "status");
    this.#live.setAttribute("aria-live", "polite");
    this.#list.setAttribute("role", "listbox");
    this.#list.id = this.listId;
    this.#host.append(this.#live, this.#list);
    this.#box.hidden = true;
    keepFocus(this.#tip, () => onTake());
    keepFocus(this.#list, (event) => {
      const option = event.target.closest("tecla-option");
      if (option) onPick(Array.from(this.#list.children).indexOf(option));
    });
    this.#place();
  }

  /** Stand behind the field, wherever it is now. */
  #place() {
    const element = this.#element;
    if (element.nextSibling === this.#host || !element.isConnected) return;
    element.after(this.#host);
    const root = element.getRootNode();
    if (!root.adoptedStyleSheets.includes(sheetsMade().listed)) {
      root.adoptedStyleSheets.push(sheetsMade().listed);
    }
  }

  remove() {
    this.hide();
    this.#host.remove();
  }

  /** What is drawn now; empty where nothing is. */
  get shown() {
    return this.#shown;
  }

  /** Whether it is drawn apart from the text, because there is no room for it in its place. */
  get isTip() {
    return this.#tip.matches(":popover-open");
  }

  /** Draw `text` behind the caret; `hint` names the key that takes it. */
  show(text, place, { hint = "", isNew = false } = {}) {
    this.#place();
    this.#paint();
    const fits = this.#lay(text, place);
    this.#box.hidden = !fits;
    if (fits) this.#closeTip();
    else this.#openTip(text, hint);
    this.#shown = text;
    if (isNew) appear(fits ? this.#ghost : this.#tip);
  }

  hide() {
    this.#box.hidden = true;
    this.#closeTip();
    this.#shown = "";
  }

  /** The rectangles of what is drawn, in the viewport. */
  rects() {
    if (!this.#shown) return [];
    if (this.isTip) return [this.#tip.getBoundingClientRect()];
    return Array.from(this.#ghost.getClientRects());
  }

  say(text) {
    this.#live.textContent = text;
  }

  /** Lay `text` out behind the caret, and find the caret; whether it can be shown there. */
  #lay(text, place) {
    this.#box.hidden = false;
    const isForm = this.#field instanceof FormField;
    return isForm ? this.#layForm(text, place) : this.#layEditable(text, place);
  }

  // Colours

  #paint() {
    const style = getComputedStyle(this.#element);
    const { color } = style;
    const paper = paperUnder(this.#element);
    const ghost = style.getPropertyValue("--tecla-ghost-color").trim() || fainter(color, paper);
    for (const [name, value] of [["ghost", ghost], ["ink", color], ["paper", paper.css]]) {
      this.#box.style.setProperty(`--${name}`, value);
      this.#tip.style.setProperty(`--${name}`, value);
    }
    this.#list.style.setProperty("--tecla-ink", color);
    this.#list.style.setProperty("--tecla-paper", paper.css);
    this.#list.style.setProperty("--tecla-edge", ghost);
  }

  // A form field: the same text in the same box, invisible but for the ghost text

  #layForm(text, { before, after }) {
    const style = getComputedStyle(this.#element);
    this.#frame(style);
    const rest = after.slice(0, (after + "\n").indexOf("\n"));
    const [marker, tail] = this.#write(before, rest);
    this.#scroll();
    if (rest.trim()) {
      this.#ghost.textContent = "";
      this.#spot = this.#ghost.getBoundingClientRect();
      return false;
    }
    tail.data = "";
    this.#ghost.textContent = "";
    const plain = lastRect(marker) ?? this.#ghost.getBoundingClientRect();
    this.#spot = this.#ghost.getBoundingClientRect();
    this.#ghost.textContent = text;
    this.#scroll();
    const isMoved = () => {
      const now = lastRect(marker) ?? this.#ghost.getClientRects()[0];
      const isBack = Math.abs(now.top - plain.top) < NEAR_PX;
      return !isBack || (marker.data !== "" && Math.abs(now.left - plain.left) > NEAR_PX);
    };
    if (isMoved()) {
      // The word at the caret would go to the next line with what is drawn: let the line break there.
      this.#ghost.before(made("wbr"));
      if (isMoved()) return false;
    }
    return this.#isAllSeen(text, after);
  }

  /** Give the box the shape, font and scroll offset of the field. */
  #frame(style) {
    const [box, page, element] = [this.#box, this.#page, this.#element];
    mirror(element, style, page);
    for (const side of SIDES) {
      for (const name of [`padding-${side}`, `border-${side}-width`]) {
        box.style.setProperty(name, style.getPropertyValue(name));
      }
    }
    box.style.direction = style.direction;
    box.classList.toggle("line", this.#field.isSingleLine);
    this.#settle(style);
    page.style.textIndent = "0";
    this.#indent = style.textIndent;
    const borders = parseFloat(style.borderLeftWidth) + parseFloat(style.borderRightWidth);
    const bar = element.offsetWidth - element.clientWidth - borders;
    if (!this.#field.isSingleLine && bar >= 1) {
      const side = style.direction === "rtl" ? "padding-left" : "padding-right";
      box.style.setProperty(side, `calc(${style.getPropertyValue(side)} + ${bar}px)`);
    }
    const isLine = this.#field.isSingleLine;
    const isLong = isLine && element.scrollWidth > element.clientWidth;
    page.style.minHeight = isLine ? "0" : `${element.scrollHeight}px`;
    page.style.minWidth = isLong ? `${element.scrollWidth}px` : "100%";
  }

  /** Scroll the box as the field is: truly, because browsers round what is scrolled otherwise. */
  #scroll() {
    this.#box.scrollLeft = this.#element.scrollLeft;
    this.#box.scrollTop = this.#element.scrollTop;
  }

  /** Lay the box over the field, as large and transformed as it is; the scale of their pixels. */
  #settle(style) {
    const [box, element] = [this.#box, this.#element];
    const rect = element.getBoundingClientRect();
    const ratio = element.offsetWidth ? rect.width / element.offsetWidth : 1;
    const isScaled = Math.abs(ratio - 1) * element.offsetWidth >= 1;
    const scale = isScaled ? ratio : 1;
    const own = style.transform === "none" ? null : new DOMMatrix(style.transform);
    const around = own === null ? scale : scale / Math.hypot(own.a, own.b);
    box.style.transform = style.transform;
    box.style.transformOrigin = style.transformOrigin;
    box.style.left = box.style.top = "0px";
    box.style.width = `${isScaled ? element.offsetWidth : rect.width}px`;
    box.style.height = `${isScaled ? element.offsetHeight : rect.height}px`;
    const from = box.getBoundingClientRect();
    box.style.left = `${(rect.left - from.left) / around}px`;
    box.style.top = `${(rect.top - from.top) / around}px`;
    return scale;
  }

  /**
   * Write the lines up to the caret and `rest` behind it; only lines that changed are touched, so
   * that a long text is laid out anew from its last line on.
   */
  #write(before, rest) {
    const page = this.#page;
    const lines = this.#field.isSingleLine ? [before] : before.split("\n");
    const last = lines.length - 1;
    while (page.children.length > Math.min(last, this.#lines.length)) page.lastChild.remove();
    for (let at = 0; at < last; at += 1) {
      const line = page.children[at] ?? page.appendChild(made("div", "", "", made("br")));
      if (this.#lines[at] !== lines[at]) line.firstChild.data = lines[at];
    }
    this.#lines = lines.slice(0, last);
    const marker = new Text(lines[last]);
    const tail = new Text(rest);
    page.append(made("div", "", marker, this.#ghost, tail, made("br")));
    page.firstChild.style.textIndent = this.#indent;
    return [marker, tail];
  }

  // Editable content: only the ghost text, beginning where the last word on the line begins

  #layEditable(text, { after }) {
    const { anchorNode, anchorOffset } = this.#field.selection;
    const parent = anchorNode.nodeType === Node.TEXT_NODE ? anchorNode.parentElement : anchorNode;
    const block = blockAround(parent, this.#element);
    const style = getComputedStyle(parent);
    const outer = getComputedStyle(block);
    const isRight = outer.direction === "rtl";
    const prefix = prefixAt(anchorNode, anchorOffset);
    const at = prefix.rect ?? emptyRect(block, outer);
    this.#spot = caretRect(anchorNode, anchorOffset) ?? at;
    const rest = after.slice(0, (after + "\n").indexOf("\n"));
    const aligned = ["start", "justify", isRight ? "right" : "left", "-webkit-auto"];
    if (rest.trim() || !aligned.includes(outer.textAlign)) return false;
    const [box, page] = [this.#box, this.#page];
    box.classList.remove("line");
    for (const side of SIDES) {
      box.style.setProperty(`padding-${side}`, "0");
      box.style.setProperty(`border-${side}-width`, "0");
    }
    const scale = this.#settle(getComputedStyle(this.#element));
    mirror(parent, style, page);
    page.style.direction = outer.direction;
    page.style.whiteSpace = outer.whiteSpace === "pre" ? "pre" : "pre-wrap";
    page.style.textAlign = "start";
    const inner = contentRect(block, outer);
    const seen = box.getBoundingClientRect();
    page.style.position = "absolute";
    page.style.width = `${(inner.right - inner.left) / scale}px`;
    page.style.left = `${(inner.left - seen.left) / scale}px`;
    page.style.top = "0px";
    const indent = isRight ? inner.right - at.right : at.left - inner.left;
    page.style.textIndent = `${indent / scale}px`;
    const marker = new Text(prefix.text);
    const start = made("span", "", "\u200b");
    this.#lines = [];
    this.#ghost.textContent = "";
    page.replaceChildren(made("div", "", prefix.text ? marker : start, this.#ghost));
    const drawn = () => lastRect(prefix.text ? marker : start.firstChild);
    page.style.top = `${(at.top - drawn().top) / scale}px`;
    this.#ghost.textContent = text;
    // Alone on its line the word at the caret would be broken anywhere: let it break at the caret.
    if (this.#ghost.getClientRects().length > 1) this.#ghost.before(made("wbr"));
    return this.#isAllSeen(text, after);
  }

  /** Whether what is drawn lies inside the field, and on no other text. */
  #isAllSeen(text, after) {
    const range = document.createRange();
    range.setStart(this.#ghost.firstChild, 0);
    range.setEnd(this.#ghost.firstChild, text.trimEnd().length);
    const rects = Array.from(range.getClientRects()).filter((rect) => rect.width > 0);
    if (rects.length === 0) return false;
    const seen = this.#element.getBoundingClientRect();
    const isInside = rects.every(
      (rect) =>
        rect.left >= seen.left - NEAR_PX && rect.right <= seen.right + NEAR_PX &&
        rect.top >= seen.top - NEAR_PX && rect.bottom <= seen.bottom + NEAR_PX,
    );
    const isBelow = rects.some((rect) => rect.top > this.#spot.top + this.#spot.height / 2);
    return isInside && !(isBelow && after.trim());
  }

  // Apart from the text

  #openTip(text, hint) {
    const tip = this.#tip;
    const style = getComputedStyle(this.#element);
    for (const name of ["font-family", "font-size", "font-weight", "font-style", "direction"]) {
      tip.style.setProperty(name, style.getPropertyValue(name));
    }
    this.#tipText.textContent = text.trim();
    this.#tipKey.textContent = hint;
    this.#tipKey.hidden = !hint;
    if (!this.isTip) tip.showPopover();
    this.#beside(tip);
  }

  #closeTip() {
    if (this.isTip) this.#tip.hidePopover();
  }

  /** Put a box below the caret, or above it where there is no room. */
  #beside(popup) {
    const { clientWidth, clientHeight } = document.documentElement;
    const { left, right, top, bottom } = this.#spot;
    const isRight = getComputedStyle(this.#element).direction === "rtl";
    popup.style.maxHeight = "none";
    const { width, height } = popup.getBoundingClientRect();
    const [above, below] = [top - 8, clientHeight - bottom - 8];
    const isAbove = height > below && above > below;
    const most = Math.min(height, Math.max(LEAST_PX, isAbove ? above : below));
    const x = Math.max(4, Math.min(isRight ? right - width : left, clientWidth - width - 4));
    popup.style.left = `${x}px`;
    popup.style.top = `${isAbove ? top - 4 - most : bottom + 4}px`;
    if (most < height) popup.style.maxHeight = `${most}px`;
  }

  // The list

  get isListOpen() {
    return this.#list.matches(":popover-open");
  }

  openList(items, label, place) {
    this.#place();
    this.#paint();
    if (!this.#shown) this.#lay("\u200b", place);
    this.#list.setAttribute("aria-label", label);
    const style = getComputedStyle(this.#element);
    for (const name of ["font-family", "font-size", "direction"]) {
      this.#list.style.setProperty(name, style.getPropertyValue(name));
    }
    this.#list.replaceChildren(
      ...items.map((item, index) => {
        const percent = made("small", "", `${Math.round(100 * item.probability)}\u202f%`);
        const option = made("tecla-option", "", made("span", "", item.text.trim()), percent);
        option.setAttribute("role", "option");
        option.id = `${this.listId}-${index}`;
        return option;
      }),
    );
    if (!this.isListOpen) this.#list.showPopover();
    this.#beside(this.#list);
  }

  /** Mark one option; its id. */
  mark(index) {
    Array.from(this.#list.children).forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === index));
    });
    this.#list.children[index].scrollIntoView({ block: "nearest" });
    return this.#list.children[index].id;
  }

  closeList() {
    if (this.isListOpen) this.#list.hidePopover();
  }
}

/** Have one element set text as another one does. */
function mirror(element, style, copy) {
  for (const name of MIRRORED) copy.style.setProperty(name, style.getPropertyValue(name));
  // As pixels a line height is rounded, which adds up over many lines; as a factor it is not.
  const factor = element.computedStyleMap?.().get("line-height");
  if (factor?.unit === "number") copy.style.lineHeight = String(factor.value);
}

/** Take pointers on a box without taking the focus from the field. */
function keepFocus(box, action) {
  box.addEventListener("pointerdown", (event) => event.preventDefault());
  box.addEventListener("mousedown", (event) => event.preventDefault());
  box.addEventListener("click", action);
}

function appear(element) {
  if (matchMedia("(prefers-reduced-motion: no-preference)").matches) {
    element.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 90, easing: "ease-out" });
  }
}

/** The rectangle of the last character of a text node. */
function lastRect(node) {
  const range = document.createRange();
  range.setStart(node, whole(node.data, Math.max(0, node.length - 1)));
  range.setEnd(node, node.length);
  const rects = range.getClientRects();
  return rects[rects.length - 1] ?? null;
}

function caretRect(node, offset) {
  const range = document.createRange();
  range.setStart(node, offset);
  return range.getClientRects()[0] ?? null;
}

/** The last word before the caret on its line, with what stands between it and the caret. */
function prefixAt(node, offset) {
  if (node.nodeType !== Node.TEXT_NODE || offset === 0) return { text: "", rect: caretRect(node, offset) };
  const before = node.data.slice(0, offset);
  let from = before.length - /\S*\s*$/.exec(before)[0].length;
  const range = document.createRange();
  range.setEnd(node, offset);
  for (;;) {
    range.setStart(node, from);
    const rects = Array.from(range.getClientRects()).filter((rect) => rect.width > 0);
    const isOneLine = rects.every((rect) => Math.abs(rect.top - rects[0].top) < NEAR_PX);
    if (rects.length > 0 && isOneLine) {
      return { text: before.slice(from).replaceAll("\u00a0", " "), rect: range.getBoundingClientRect() };
    }
    from += 1;
    if (from >= offset) return { text: "", rect: caretRect(node, offset) };
  }
}

function blockAround(node, root) {
  let block = node;
  while (block !== root && getComputedStyle(block).display.startsWith("inline")) {
    block = block.parentElement;
  }
  return block;
}

function contentRect(block, style) {
  const rect = block.getBoundingClientRect();
  const inset = (side) =>
    parseFloat(style.getPropertyValue(`padding-${side}`)) +
    parseFloat(style.getPropertyValue(`border-${side}-width`));
  const bar = Math.max(0, block.offsetWidth - block.clientWidth -
    parseFloat(style.borderLeftWidth) - parseFloat(style.borderRightWidth));
  const isRight = style.direction === "rtl";
  const left = rect.left + inset("left") + (isRight ? bar : 0) - block.scrollLeft;
  const right = rect.right - inset("right") - (isRight ? 0 : bar) - block.scrollLeft;
  return { left, right, top: rect.top + inset("top"), bottom: rect.bottom - inset("bottom") };
}

/** Where the caret stands in a block without text. */
function emptyRect(block, style) {
  const { left, right, top } = contentRect(block, style);
  const x = style.direction === "rtl" ? right : left;
  const height = parseFloat(style.fontSize) * 1.2;
  return { left: x, right: x, top, bottom: top + height, height, width: 0 };
}

// Colours: the ghost text is as faint as it may be and still be read

function channels(css) {
  const found = /^rgba?\(([^)]+)\)$/.exec(css);
  if (!found) return null;
  const [red, green, blue, alpha = 1] = found[1].split(/[\s,/]+/).map(Number);
  return { red, green, blue, alpha };
}

/** The colour behind a field: the nearest one that is not transparent. */
function paperUnder(element) {
  for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
    const { backgroundColor } = getComputedStyle(at);
    const paper = channels(backgroundColor);
    if (!paper || paper.alpha > 0.5) return { css: backgroundColor, ...paper };
  }
  const isDark = getComputedStyle(document.documentElement).colorScheme.includes("dark") &&
    matchMedia("(prefers-color-scheme: dark)").matches;
  const level = isDark ? 18 : 255;
  return { css: `rgb(${level}, ${level}, ${level})`, red: level, green: level, blue: level, alpha: 1 };
}

function luminance({ red, green, blue }) {
  const linear = [red, green, blue].map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** A colour between ink and paper that keeps the contrast that text needs. */
function fainter(color, paper) {
  const ink = channels(color);
  if (!ink || paper.red === undefined) return `color-mix(in srgb, ${color} 70%, transparent)`;
  const least = matchMedia("(prefers-contrast: more)").matches ? 7 : LEAST_CONTRAST + 0.3;
  const mixed = (share) => ({
    red: Math.round(paper.red + share * (ink.red - paper.red)),
    green: Math.round(paper.green + share * (ink.green - paper.green)),
    blue: Math.round(paper.blue + share * (ink.blue - paper.blue)),
  });
  let share = 0.5;
  while (share < 1 && contrast(mixed(share), paper) < least) share += 0.02;
  const { red, green, blue } = mixed(Math.min(1, share));
  return `rgb(${red}, ${green}, ${blue})`;
}

// ---------------------------------------------------------------------------------------------
// 5. Attachment

const DEFAULT_KEYS = {
  accept: ["Tab"],
  word: ["Ctrl+ArrowRight", "Meta+ArrowRight"],
  line: [],
  dismiss: ["Escape"],
  next: ["Alt+BracketRight"],
  previous: ["Alt+BracketLeft"],
  list: ["Ctrl+Space", "Alt+ArrowDown"],
};
const DEFAULT_LABELS = {
  suggestion: "Suggestion: {text}.",
  hint: "{key} takes it, {dismiss} sends it away.",
  list: "Suggestions",
  option: "{text}, {index} of {count}",
  none: "No suggestions",
};
const SPOKEN_MS = 700; // a suggestion that stands for so long is told to screen readers
const IDLE_MS = 60_000; // a field without the focus for so long gives its connection back
const SWIPE_PX = 40;
const TOUCH_SLACK_PX = 10;
const MARKS = ".,)"; // they take the place of a space that came with a suggestion
const MARKS_SPACED_IN_FRENCH = ";:!?";
const SHIFTS = new Set(["Shift", "AltGraph"]); // a key that is held to type a mark
const CONNECTION = ["server", "key", "user", "collection", "session", "maxChars"];
const WISHES = ["eagerness", "maxWords", "language", "deadlineMs", "filters"];

/** Whether a key event is one that a name such as "Ctrl+ArrowRight" stands for. */
function isKey(event, name, isRightToLeft) {
  const parts = name.split("+");
  let key = parts.pop();
  if (isRightToLeft) key = { ArrowRight: "ArrowLeft", ArrowLeft: "ArrowRight" }[key] ?? key;
  const has = (modifier) => parts.includes(modifier);
  return (
    event.ctrlKey === has("Ctrl") && event.altKey === has("Alt") &&
    event.shiftKey === has("Shift") && event.metaKey === has("Meta") &&
    (event.key.toLowerCase() === key.toLowerCase() || event.code === key)
  );
}

const filled = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

const characters = (text) => Array.from(text).length;

/** A field with ghost text. Made by `attach`. */
class Attachment {
  #field;
  #options;
  #keys;
  #labels;
  #overlay;
  #session;
  #ends = new AbortController();
  #touches = null; // listeners that are there only while something can be touched
  #isComposing = false;
  #isTaking = false;
  #drawn = ""; // what was drawn last
  #taken = null; // where in the text what was accepted last stands
  #spaced = null; // the field as it was left behind a space that came with what was accepted
  #replaced = null; // the same, where a mark took the place of the space
  #alternatives = null;
  #listed = [];
  #marked = 0;
  #timers = {};
  #frame = 0;
  #spoken = "";
  #hasSaidKeys = false;
  #saved = { keys: 0, accepted: 0, shown: 0 };

  constructor(element, options) {
    this.#field = fieldOf(element);
    this.#adopt(options);
    if (!this.#field.isFit && this.#field.isSecret) return;
    this.#session = new Session(this.#sessionOptions());
    this.#overlay = new Overlay(this.#field, {
      onTake: () => this.accept(),
      onPick: (index) => this.#pick(index),
    });
    this.#describe();
    this.#listen();
    if (this.#hasFocus) this.#enter();
  }

  get element() {
    return this.#field.element;
  }

  /** The session behind it; null for a field that never has ghost text, such as a password. */
  get session() {
    return this.#session ?? null;
  }

  /** How the connection is, and what is shown. */
  get state() {
    const connection = this.#session?.state ?? "off";
    return { connection, suggestion: this.#overlay?.shown ?? "", isTip: this.#overlay?.isTip ?? false };
  }

  /** What was saved since it was attached. */
  get saved() {
    return { ...this.#saved };
  }

  /** Take what is shown: "all", the next "word", or up to the end of the "line"; what was put in. */
  accept(part = "all") {
    const shown = this.#standing();
    if (shown === null) return "";
    let end = shown.text.length;
    if (part === "word") end = shown.words[0] ?? end;
    if (part === "line") end = shown.text.indexOf("\n", 1) < 0 ? end : shown.text.indexOf("\n", 1);
    return this.#take(shown.text.slice(0, end), part, shown);
  }

  /** Send away what is shown, until the text changes. */
  dismiss() {
    const shown = this.#standing();
    this.#closeList();
    if (shown === null) return;
    this.#session.dismiss();
    this.#fire("tecla-dismissed", { text: shown.text, source: shown.source });
  }

  /** What could follow here, the most probable first. */
  async alternatives() {
    if (!this.#session || !this.#sync(true)) return [];
    const { before, after } = this.#session.place;
    const known = this.#alternatives;
    const isThere = known?.revision === this.#session.revision;
    if (isThere && known.before === before && known.after === after) return known.items;
    const items = await this.#session.list();
    const now = this.#session.place;
    if (now.before !== before || now.after !== after) return [];
    const { revision } = this.#session;
    this.#alternatives = items.length > 0 ? { before, after, revision, items } : null;
    return items;
  }

  /** Show the next alternative in place of what is shown, or the one before it. */
  async cycle(step = 1) {
    const items = await this.alternatives();
    if (items.length === 0) return;
    const shown = this.#session.suggestion?.text;
    const at = items.findIndex((item) => item.text === shown);
    this.#session.show(items[(Math.max(at, step > 0 ? -1 : 0) + step + items.length) % items.length]);
  }

  /** Open the list of alternatives; whether there are any. */
  async openList() {
    const items = (await this.alternatives()).filter((item) => this.#clipped(item.text));
    const label = this.#labels;
    if (items.length === 0 || !this.#hasFocus) {
      if (this.#hasFocus) this.#say(label.none);
      return false;
    }
    clearTimeout(this.#timers.spoken); // the list speaks now
    this.#listed = items;
    this.#overlay.openList(items, label.list, this.#session.place);
    if (this.#isTextbox) this.element.setAttribute("aria-controls", this.#overlay.listId);
    this.#mark(0);
    return true;
  }

  /** Change options: those of the connection open another one, the rest hold at once. */
  update(options) {
    const has = (names) => names.some((name) => name in options && options[name] !== this.#options[name]);
    const [isOther, isWish] = [has(CONNECTION), has(WISHES)];
    this.#adopt({ ...this.#options, ...options });
    if (!this.#session) return;
    if (isOther || isWish) this.#alternatives = null;
    if (isOther) this.#session.reconnect(this.#sessionOptions());
    else if (isWish) this.#session.wish(this.#sessionOptions());
    this.#describe();
  }

  /** Leave the field as it was found. */
  detach() {
    if (attached.get(this.element) === this) attached.delete(this.element);
    if (!this.#session) return;
    this.#ends.abort();
    this.#touches?.abort();
    Object.values(this.#timers).forEach(clearTimeout);
    cancelAnimationFrame(this.#frame);
    this.#session.close();
    this.#overlay.remove();
    this.#describe(null);
  }

  // Options

  #adopt(options) {
    this.#options = { ...options };
    this.#keys = { ...DEFAULT_KEYS, ...options.keys };
    this.#labels = { ...DEFAULT_LABELS, ...options.labels };
  }

  #sessionOptions() {
    const tag = this.element.closest("[lang]")?.lang.slice(0, 2).toLowerCase() ?? "";
    const language = /^[a-z]{2}$/.test(tag) ? tag : "";
    return { ...this.#options, language: this.#options.language ?? language };
  }

  /** Whether it is a text box to assistive technology, which alone may have what text boxes have. */
  get #isTextbox() {
    const { role, localName } = this.element;
    return role ? ["textbox", "searchbox", "combobox"].includes(role) : /^(?:textarea|input)$/.test(localName);
  }

  #described = null;

  /** Say what kind of text box it is; null puts back what was there. */
  #describe(kind = "both") {
    const { element } = this;
    if (kind === null) {
      if (this.#described === "") element.removeAttribute("aria-autocomplete");
      for (const name of ["aria-controls", "aria-activedescendant"]) element.removeAttribute(name);
      this.#described = null;
    } else if (this.#described === null && this.#isTextbox && !element.ariaAutoComplete) {
      this.#described = "";
      element.setAttribute("aria-autocomplete", kind);
    }
  }

  // Events of the page

  #listen() {
    const { element } = this;
    const page = element.ownerDocument;
    const signal = this.#ends.signal;
    const on = (target, names, action, capture = false) => {
      for (const name of names.split(" ")) target.addEventListener(name, action, { signal, capture });
    };
    on(element, "focus", () => this.#enter());
    on(element, "blur", () => this.#leave());
    on(element, "keydown", (event) => this.#onKey(event), true);
    on(element, "beforeinput", (event) => this.#onBeforeInput(event));
    on(element, "input", (event) => this.#onInput(event));
    on(element, "compositionstart", () => this.#onComposition(true));
    on(element, "compositionend", () => this.#onComposition(false));
    on(element, "keyup pointerup select", () => this.#onMove());
    on(page, "selectionchange", () => this.#onMove());
    on(element, "selectionchange", () => this.#onMove());
    on(page, "scroll", () => this.#redraw(), true);
    on(globalThis, "resize", () => this.#redraw());
    on(globalThis, "online", () => this.#hasFocus && this.#session.connect());
    on(globalThis, "pagehide", () => this.#rest());
    on(element.form ?? element, "reset", () => queueMicrotask(() => this.#sync(false)));
    on(this.#session, "change", () => this.#draw());
    on(this.#session, "answer", (event) => this.#fire("tecla-answer", event.detail));
    on(this.#session, "refused", (event) => this.#fire("tecla-refused", event.detail));
    on(this.#session, "state", (event) => this.#fire("tecla-state", event.detail));
    const sizes = new ResizeObserver(() => {
      if (element.isConnected) this.#redraw();
      else this.#vanish();
    });
    sizes.observe(element);
    page.fonts?.addEventListener("loadingdone", () => this.#redraw(), { signal });
    signal.addEventListener("abort", () => sizes.disconnect());
  }

  get #hasFocus() {
    return this.element.getRootNode().activeElement === this.element;
  }

  #enter() {
    clearTimeout(this.#timers.idle);
    if (!this.#field.isFit) return;
    this.#sync(this.#options.suggestOnMove ?? false);
    if (this.#session.state !== "stopped") this.#session.connect();
  }

  #leave() {
    this.#spaced = null;
    this.#closeList();
    this.#session.flush();
    this.#session.withhold();
    clearTimeout(this.#timers.idle);
    this.#timers.idle = setTimeout(() => this.#rest(), IDLE_MS);
  }

  /** Give the connection back until the field is used again. */
  #rest() {
    if (this.#session.state !== "stopped") this.#session.close();
  }

  /** What is typed behind a space that came with a suggestion: that space is not doubled. */
  #onBeforeInput(event) {
    const spaced = this.#spaced;
    if (this.#isTaking || spaced === null) return;
    this.#spaced = null;
    const isTyped = event.inputType === "insertText" && !event.isComposing && !this.#isComposing;
    if (!isTyped || !event.cancelable || event.defaultPrevented) return;
    const place = this.#field.isFit ? this.#field.read() : null;
    const isThere = place !== null && place.text === spaced.text && place.caret === spaced.caret;
    if (!isThere || !this.#takesSpace(event.data)) return;
    event.preventDefault();
    if (event.data === " ") return;
    this.#replaced = spaced;
    this.#field.insert(event.data, 1);
  }

  #onInput(event) {
    if (this.#isTaking) return;
    this.#spaced = null;
    this.#closeList();
    if (this.#field.isFit && this.#session.state === "closed") this.#session.connect();
    const kind = event.inputType ?? "";
    const isBack = kind.startsWith("delete") || kind.startsWith("history");
    const { before } = this.#session.place;
    // Else what is typed after the undo would take the place of the space.
    if (kind === "historyUndo" && this.#replaced) this.#field.deselect(this.#replaced);
    const place = this.#field.read();
    // An event of a script does not say what happened; the text does.
    const isTyped = kind ? !isBack : place !== null && place.text.slice(0, place.caret).length > before.length;
    const isAgain = isBack && place !== null && this.#taken !== null &&
      place.caret >= this.#taken.start && place.caret < this.#taken.end;
    const isWanted = isTyped || (isBack && (this.#options.suggestOnDelete ?? false));
    this.#sync(isWanted && !kind.startsWith("history"), isAgain);
    if (!isAgain) this.#taken = null;
  }

  #onComposition(isBegun) {
    this.#isComposing = isBegun;
    if (isBegun) this.#spaced = null; // its end may only say that something was accepted
    if (isBegun) this.#closeList();
    this.#sync(!isBegun);
  }

  /** The caret may have moved, which some browsers tell late or twice. */
  #onMove() {
    if (this.#isTaking || !this.#hasFocus) return;
    const place = this.#field.isFit ? this.#field.read() : null;
    const { before, after } = this.#session.place;
    const at = place && whole(place.text, place.caret);
    if (place && wellFormed(place.text.slice(0, at)) === before && wellFormed(place.text.slice(at)) === after) {
      return;
    }
    this.#spaced = null;
    this.#closeList();
    this.#sync(this.#options.suggestOnMove ?? false);
  }

  /** Tell the session what stands in the field; whether it can have suggestions now. */
  #sync(wanted, tell = false) {
    const isPaused = this.#isComposing && !(this.#options.suggestWhileComposing ?? false);
    const place = this.#field.isFit && !isPaused ? this.#field.read() : null;
    if (place === null) {
      this.#session.withhold();
      return false;
    }
    this.#session.update(place.text, place.caret, { wanted: wanted && this.#hasFocus, tell });
    return true;
  }

  // Keys

  #onKey(event) {
    // Only the very next key may take the space; those of phones have no name, but are typed.
    const isNext = event.keyCode === 229 || SHIFTS.has(event.key) || this.#takesSpace(event.key);
    if (!isNext || event.ctrlKey || event.metaKey) this.#spaced = null;
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
    const action = this.#actionOf(event);
    if (action === null) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** What a key does now, or null where it is the field's own. */
  #actionOf(event) {
    const isRight = getComputedStyle(this.element).direction === "rtl";
    const is = (action) => this.#keys[action].some((name) => isKey(event, name, isRight));
    if (this.#overlay.isListOpen) {
      const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
      if (plain && event.key === "ArrowDown") return () => this.#mark(this.#marked + 1);
      if (plain && event.key === "ArrowUp") return () => this.#mark(this.#marked - 1);
      if ((plain && event.key === "Enter") || is("accept")) return () => this.#pick(this.#marked);
      if (is("dismiss") || is("list")) return () => this.#closeList();
    }
    if (is("list") && this.#field.isFit && this.#session.state === "open") {
      return () => void this.openList();
    }
    if (this.#standing() === null) return null;
    for (const part of ["accept", "word", "line"]) {
      if (is(part)) return () => this.accept(part === "accept" ? "all" : part);
    }
    if (is("dismiss")) return () => this.dismiss();
    if (is("next")) return () => void this.cycle(1);
    if (is("previous")) return () => void this.cycle(-1);
    return null;
  }

  /** Whether what is typed takes the place of a space that came with a suggestion. */
  #takesSpace(typed) {
    if (!(this.#options.spacing ?? true) || typed?.length !== 1) return false;
    if (typed === " " || MARKS.includes(typed)) return true;
    return MARKS_SPACED_IN_FRENCH.includes(typed) && this.#sessionOptions().language !== "fr";
  }

  // Taking

  /** What is shown, if it still belongs to what is in the field. */
  #standing() {
    const suggestion = this.#session?.suggestion;
    if (!suggestion || !this.#overlay.shown) return null;
    const place = this.#field.isFit ? this.#field.read() : null;
    const { before, after } = this.#session.place;
    if (!place || wellFormed(place.text) !== before + after || place.caret !== before.length) {
      this.#sync(false);
      return null;
    }
    return { ...suggestion, text: this.#overlay.shown };
  }

  /** Put text in as if typed, and tell everybody. */
  #take(text, part, { source, latencyMs }) {
    const start = this.#session.place.before.length;
    const { after } = this.#session.place;
    const expected = this.#session.place.before + text;
    this.#closeList();
    this.#spaced = null;
    this.#isTaking = true;
    try {
      this.#field.insert(text);
    } finally {
      this.#isTaking = false;
    }
    const now = this.#field.read();
    if (now === null || now.text !== expected + after || now.caret !== expected.length) {
      this.#sync(true); // the page made something else of it
      return text;
    }
    this.#taken = { start, end: expected.length };
    this.#spaced = text.endsWith(" ") ? now : null;
    this.#session.accept(text);
    const savedKeys = Math.max(0, characters(text) - 1);
    this.#saved.keys += savedKeys;
    this.#saved.accepted += 1;
    this.#fire("tecla-accepted", { text, part, source, latencyMs, savedKeys });
    this.#fire("tecla-saved", { savedKeys, ...this.#saved });
    return text;
  }

  // The list

  #mark(index) {
    const count = this.#listed.length;
    this.#marked = (index + count) % count;
    const id = this.#overlay.mark(this.#marked);
    if (this.#isTextbox) {
      this.element.setAttribute("aria-activedescendant", id);
    } else {
      const { text } = this.#listed[this.#marked];
      this.#say(filled(this.#labels.option, { text: text.trim(), index: this.#marked + 1, count }));
    }
  }

  #pick(index) {
    const item = this.#listed[index];
    const place = this.#field.read();
    const { before, after } = this.#session.place;
    this.#closeList();
    if (!item || place?.text !== before + after || place.caret !== before.length) return;
    const text = this.#clipped(item.text);
    if (text !== this.#session.suggestion?.text) this.#session.show({ ...item, text });
    this.#take(text, "list", { source: "list", latencyMs: 0 });
  }

  #closeList() {
    if (!this.#overlay?.isListOpen) return;
    this.#overlay.closeList();
    for (const name of ["aria-controls", "aria-activedescendant"]) this.element.removeAttribute(name);
  }

  // Drawing

  /** As much of a text as may be put in here. */
  #clipped(text) {
    let most = Math.min(text.length, this.#field.room);
    if (this.#field.isSingleLine && text.includes("\n")) most = Math.min(most, text.indexOf("\n"));
    const clipped = text.slice(0, whole(text, most));
    return clipped.trim() ? clipped : "";
  }

  #draw() {
    const suggestion = this.#session.suggestion;
    const text = suggestion && this.#hasFocus ? this.#clipped(suggestion.text) : "";
    clearTimeout(this.#timers.spoken);
    if (!text) {
      this.#overlay.hide();
      this.#touchable(false);
      this.#say("");
      if (!suggestion) this.#drawn = "";
      return;
    }
    const isRest = this.#drawn.endsWith(text);
    const hint = matchMedia("(pointer: coarse)").matches ? "" : (this.#keys.accept[0] ?? "");
    this.#overlay.show(text, this.#session.place, { hint, isNew: !isRest });
    this.#drawn = text;
    this.#touchable(true);
    if (isRest) return;
    this.#saved.shown += 1;
    const { source, latencyMs, probability, revision } = suggestion;
    this.#fire("tecla-shown", { text, source, latencyMs, probability, revision });
    this.#timers.spoken = setTimeout(() => this.#announce(text), SPOKEN_MS);
  }

  /** The page moved or changed its shape: draw the same at its new place. */
  #redraw() {
    if (!this.#overlay.shown || this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const shown = this.#overlay.shown;
      if (!shown) return;
      const hint = this.#keys.accept[0] ?? "";
      this.#overlay.show(shown, this.#session.place, { hint });
    });
  }

  /** The field was taken out of the page, which only its size tells; it may come back. */
  #vanish() {
    this.#session.withhold();
    this.#overlay.remove();
    this.#rest();
  }

  #announce(text) {
    if (text === this.#spoken) return;
    this.#spoken = text;
    const parts = [filled(this.#labels.suggestion, { text: text.trim() })];
    if (!this.#hasSaidKeys) {
      this.#hasSaidKeys = true;
      const [key, dismiss] = [this.#keys.accept[0], this.#keys.dismiss[0]];
      if (key && dismiss) parts.push(filled(this.#labels.hint, { key, dismiss }));
    }
    this.#say(parts.join(" "));
  }

  #say(text) {
    if (text === "") this.#spoken = "";
    if (this.#options.announce ?? true) this.#overlay.say(text);
  }

  #fire(name, detail) {
    const event = new CustomEvent(name, { detail, bubbles: true, composed: true });
    this.element.dispatchEvent(event);
  }

  // Touch: a tap on the ghost text takes all of it, a swipe along it the next word

  #touchable(isShown) {
    if (!isShown) {
      this.#touches?.abort();
      this.#touches = null;
      return;
    }
    if (this.#touches) return;
    this.#touches = new AbortController();
    const { signal } = this.#touches;
    const options = { signal, passive: false };
    let began = null;
    const at = (event) => event.changedTouches[0];
    const isOn = ({ clientX: x, clientY: y }) =>
      this.#overlay.rects().some(
        (rect) =>
          x >= rect.left - TOUCH_SLACK_PX && x <= rect.right + TOUCH_SLACK_PX &&
          y >= rect.top - TOUCH_SLACK_PX && y <= rect.bottom + TOUCH_SLACK_PX,
      );
    const { element } = this;
    element.addEventListener("touchstart", (event) => {
      began = event.touches.length === 1 && isOn(at(event)) ? at(event) : null;
    }, options);
    element.addEventListener("touchmove", (event) => {
      if (began && Math.abs(at(event).clientX - began.clientX) > TOUCH_SLACK_PX) event.preventDefault();
    }, options);
    element.addEventListener("touchend", (event) => {
      if (!began) return;
      const isRight = getComputedStyle(element).direction === "rtl";
      const along = (at(event).clientX - began.clientX) * (isRight ? -1 : 1);
      const across = Math.abs(at(event).clientY - began.clientY);
      began = null;
      if (across > SWIPE_PX || (along > TOUCH_SLACK_PX && along < SWIPE_PX) || along < -TOUCH_SLACK_PX) return;
      event.preventDefault();
      this.accept(along >= SWIPE_PX ? "word" : "all");
    }, options);
  }
}

const attached = new WeakMap();

/**
 * Give a textarea, an input or an element with contenteditable ghost text; a handle on it.
 *
 * Attached again, a field takes the new options up. A password or card field is left alone: its
 * handle has no session.
 */
export function attach(element, options = {}) {
  const known = attached.get(element);
  if (known) {
    known.update(options);
    return known;
  }
  const made = new Attachment(element, options);
  attached.set(element, made);
  return made;
}

// ---------------------------------------------------------------------------------------------
// 6. Element

const FORWARDED = (
  "placeholder rows cols readonly required maxlength minlength spellcheck autocapitalize " +
  "autocomplete autocorrect inputmode enterkeyhint wrap dir aria-label aria-describedby"
).split(" ");
const SERVED = {
  server: ["server", String],
  key: ["key", String],
  user: ["user", String],
  collection: ["collection", String],
  language: ["language", String],
  filters: ["filters", String],
  eagerness: ["eagerness", Number],
  "max-words": ["maxWords", Number],
  "deadline-ms": ["deadlineMs", Number],
  "suggest-on-delete": ["suggestOnDelete", () => true],
  "suggest-on-move": ["suggestOnMove", () => true],
};
const ELEMENT = `
  :host { display: inline-block; }
  :host([hidden]) { display: none; }
  textarea { box-sizing: border-box; width: 100%; height: 100%; margin: 0; font: inherit;
    color: inherit; letter-spacing: inherit; }
`;

const Base = globalThis.HTMLElement ?? class {};

/** A textarea with ghost text, which takes part in forms as a textarea does. */
export class TeclaTextarea extends Base {
  static formAssociated = true;
  static observedAttributes = [...FORWARDED, ...Object.keys(SERVED), "disabled"];

  #internals = this.attachInternals();
  #area = document.createElement("textarea");
  #handle = null;
  #isDirty = false;

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open", delegatesFocus: true });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(ELEMENT);
    shadow.adoptedStyleSheets = [sheet];
    this.#area.part = "textarea";
    shadow.append(this.#area);
    this.#area.addEventListener("input", () => {
      this.#isDirty = true;
      this.#tellForm();
    });
    this.#area.addEventListener("change", () => {
      this.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }

  connectedCallback() {
    if (!this.#isDirty) this.#area.value = this.defaultValue;
    const labels = Array.from(this.#internals.labels, (label) => label.textContent.trim());
    if (!this.hasAttribute("aria-label") && labels.length > 0) this.#area.ariaLabel = labels.join(" ");
    this.#handle = attach(this.#area, this.#options());
    this.#tellForm();
    if (this.hasAttribute("autofocus")) this.#area.focus();
  }

  disconnectedCallback() {
    this.#handle?.detach();
    this.#handle = null;
  }

  attributeChangedCallback(name, old, value) {
    if (old === value) return;
    if (name in SERVED) {
      const [option] = SERVED[name];
      this.#handle?.update({ [option]: this.#options()[option] });
    } else if (name === "disabled") {
      this.#area.disabled = value !== null;
    } else if (value === null) {
      this.#area.removeAttribute(name);
    } else {
      this.#area.setAttribute(name, value);
    }
    this.#tellForm();
  }

  formDisabledCallback(isDisabled) {
    this.#area.disabled = isDisabled;
  }

  formResetCallback() {
    this.#isDirty = false;
    this.#area.value = this.defaultValue;
    this.#tellForm();
  }

  formStateRestoreCallback(state) {
    this.value = state;
  }

  /** The handle on its ghost text; null while it is in no page. */
  get handle() {
    return this.#handle;
  }

  get form() {
    return this.#internals.form;
  }

  get type() {
    return "textarea";
  }

  get name() {
    return this.getAttribute("name") ?? "";
  }

  set name(value) {
    this.setAttribute("name", value);
  }

  get defaultValue() {
    return this.textContent;
  }

  get value() {
    return this.#area.value;
  }

  set value(value) {
    this.#isDirty = true;
    this.#area.value = value;
    this.#tellForm();
  }

  get disabled() {
    return this.hasAttribute("disabled");
  }

  set disabled(value) {
    this.toggleAttribute("disabled", Boolean(value));
  }

  get selectionStart() {
    return this.#area.selectionStart;
  }

  get selectionEnd() {
    return this.#area.selectionEnd;
  }

  setSelectionRange(start, end, direction) {
    this.#area.setSelectionRange(start, end, direction);
  }

  get validity() {
    return this.#internals.validity;
  }

  get validationMessage() {
    return this.#internals.validationMessage;
  }

  get willValidate() {
    return this.#internals.willValidate;
  }

  checkValidity() {
    return this.#internals.checkValidity();
  }

  reportValidity() {
    return this.#internals.reportValidity();
  }

  #options() {
    const options = {};
    for (const [name, [option, read]] of Object.entries(SERVED)) {
      const value = this.getAttribute(name);
      options[option] = value === null ? undefined : read(value);
    }
    return options;
  }

  #tellForm() {
    const { value, validity, validationMessage } = this.#area;
    this.#internals.setFormValue(value);
    this.#internals.setValidity(validity, validationMessage, this.#area);
  }
}

if (globalThis.customElements && !customElements.get("tecla-textarea")) {
  customElements.define("tecla-textarea", TeclaTextarea);
}
