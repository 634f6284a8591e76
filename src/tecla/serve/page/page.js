// The page: an editor with ghost text, what it saves, how fast it is, and how it is served.

import { attach } from "/tecla.js";
import { Comparison } from "./compare.js";
import { Learning } from "./learn.js";
import { SAMPLES } from "./samples.js";
import { Latencies } from "./sparkline.js";

const HEALTH_MS = 5000;
const KEY = "tecla-key";
const byId = (id) => document.getElementById(id);

const text = byId("text");
const latencies = new Latencies(byId("latency"), byId("latency-empty"));
const counts = { typed: 0, saved: 0 };
let isOurs = false; // the text is being changed by this page

// The key, in this tab alone

function storedKey() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}
let key = storedKey();

const wishes = () => ({
  eagerness: Number(byId("eagerness").value),
  filters: byId("filters").value,
  language: byId("sample-language").value, // of a text that is too short to tell
});
const learning = new Learning(
  () => key,
  () => {
    const session = Math.random().toString(36).slice(2); // nothing that was found before is shown
    ghost.update({ ...learning.names, session });
    comparison.changed();
  },
);
const ghost = attach(text, { ...wishes(), key, suggestOnMove: true });

const comparison = new Comparison(byId("compare"), byId("systems"), () => {
  const at = text.selectionEnd;
  return { before: text.value.slice(0, at), after: text.value.slice(at), key, ...wishes(), ...learning.names };
});

// What is typed and saved

function count() {
  const { typed, saved } = counts;
  byId("typed").textContent = String(typed);
  byId("saved").textContent = String(saved);
  const share = typed + saved ? (100 * saved) / (typed + saved) : 0;
  byId("share").textContent = typed + saved ? `${share.toFixed(0)}\u202f%` : "–";
  byId("share-bar").style.setProperty("--share", `${share}%`);
}

text.addEventListener("input", (event) => {
  comparison.changed();
  if (isOurs) return;
  if (event.inputType === "insertText") counts.typed += Array.from(event.data ?? " ").length;
  else if (event.inputType === "insertLineBreak") counts.typed += 1;
  count();
});
text.addEventListener("tecla-accepted", ({ detail }) => {
  counts.typed -= detail.savedKeys; // counted as input, and put in by one key
  counts.saved += detail.savedKeys;
  count();
});
text.addEventListener("tecla-answer", ({ detail }) => {
  if (detail.settled) latencies.add(detail.source, detail.latencyMs);
});
document.addEventListener("selectionchange", () => {
  if (document.activeElement === text) comparison.changed();
});

byId("reset").addEventListener("click", () => {
  counts.typed = counts.saved = 0;
  count();
  latencies.clear();
  write("");
});

/** Have `now` stand in the editor, as one step that undo takes back, and the caret at its end. */
function write(now) {
  text.focus();
  text.select();
  isOurs = true;
  document.execCommand(now ? "insertText" : "delete", false, now);
  isOurs = false;
  text.scrollTop = text.scrollHeight;
}

// Samples

function drawSamples() {
  const language = byId("sample-language").value;
  text.lang = language;
  byId("samples").replaceChildren(
    ...SAMPLES[language].map((sample) => {
      const button = document.createElement("button");
      button.type = "button";
      button.lang = language;
      button.textContent = sample.name;
      button.addEventListener("click", () => write(sample.text));
      return button;
    }),
  );
}
byId("sample-language").addEventListener("change", () => {
  drawSamples();
  ghost.update(wishes());
});

// Controls

byId("eagerness").addEventListener("input", () => {
  byId("eagerness-value").textContent = Number(byId("eagerness").value).toFixed(2);
});
for (const id of ["eagerness", "filters"]) {
  byId(id).addEventListener("change", () => {
    ghost.update(wishes());
    comparison.changed();
  });
}

// The key form

function askForKey(note) {
  byId("key-form").hidden = false;
  byId("key-note").textContent = note;
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = byId("key").value.trim();
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    // then it holds until the page is left
  }
  byId("key").value = "";
  ghost.update({ key });
  void greet();
  void learning.list();
});

/** Find out whether a key is asked for, and whether ours is one. */
async function greet() {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  try {
    const { status } = await fetch("/v1/models", { headers });
    if (status === 401) {
      askForKey(key ? "This key is none, or has ended." : "It stays in this tab until the tab is closed.");
    } else {
      byId("key-form").hidden = true;
    }
  } catch {
    // the state below says that nobody answers
  }
}

// What is wrong, and how the service is

function notice(told) {
  byId("notice").textContent = told;
  byId("notice").hidden = !told;
}

text.addEventListener("tecla-refused", ({ detail }) => {
  if (detail.code === "key") return void greet();
  const later = detail.code === "overloaded" || detail.code === "rate_limited";
  notice(later ? "The service is busy; suggestions come back by themselves." : `No suggestions: ${detail.reason}`);
});
text.addEventListener("tecla-answer", () => notice(""));

const STATES = {
  serving: "ready",
  classical: "without the model",
  starting: "the model is starting",
  overloaded: "overloaded",
  closing: "closing",
  away: "not reachable",
};

function drawState(state, model = "") {
  byId("state-dot").dataset.state = state;
  if (byId("state").textContent !== STATES[state]) byId("state").textContent = STATES[state];
  if (model) byId("model").textContent = model;
}

async function watch() {
  try {
    const health = await (await fetch("/healthz")).json();
    const isStarting = health.state === "classical" && health.engine === "starting";
    drawState(isStarting ? "starting" : health.state, health.model);
    for (const option of byId("filters").options) {
      option.hidden = option.disabled = !health.filters.includes(option.value);
    }
  } catch {
    drawState("away");
  }
}

let timer = 0;
async function keepWatching() {
  clearTimeout(timer);
  if (document.hidden) return;
  await watch();
  timer = setTimeout(keepWatching, HEALTH_MS);
}
document.addEventListener("visibilitychange", keepWatching);
text.addEventListener("tecla-state", ({ detail }) => {
  if (["open", "waiting"].includes(detail.state)) void keepWatching();
});

byId("server").textContent = location.host;
drawSamples();
count();
void greet();
void keepWatching();
