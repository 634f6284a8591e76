// How long answers take, by source: the last of them as a line, and their median.

const KEPT = 48;
const WIDTH = 120;
const HEIGHT = 26;
const SVG = "http://www.w3.org/2000/svg";

// In the order in which they are drawn; names as the service gives them.
const SOURCES = {
  typed: "typed",
  known: "known",
  shared: "shared",
  classical: "classical",
  model: "model",
  nothing: "nothing",
};

/** Times of answers in a table with one row for each source that has answered. */
export class Latencies {
  #body;
  #empty;
  #times = new Map();
  #isDue = false;

  constructor(table, empty) {
    this.#body = table.tBodies[0];
    this.#empty = empty;
  }

  /** One more answer. */
  add(source, ms) {
    if (!(source in SOURCES) || !Number.isFinite(ms)) return;
    const times = this.#times.get(source) ?? [];
    times.push(ms);
    if (times.length > KEPT) times.shift();
    this.#times.set(source, times);
    if (this.#isDue) return;
    this.#isDue = true; // drawn once a frame, however many come
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  clear() {
    this.#times.clear();
    this.#draw();
  }

  #draw() {
    this.#empty.hidden = this.#times.size > 0;
    const rows = Object.keys(SOURCES)
      .filter((source) => this.#times.has(source))
      .map((source) => row(SOURCES[source], this.#times.get(source)));
    this.#body.replaceChildren(...rows);
  }
}

function row(name, times) {
  const tr = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  const drawn = document.createElement("td");
  drawn.append(line(times));
  const middle = document.createElement("td");
  middle.className = "number";
  middle.textContent = told(median(times));
  tr.append(head, drawn, middle);
  return tr;
}

/** The times as a line on a scale of its own; its top is the longest of them. */
function line(times) {
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "spark" });
  const longest = Math.max(...times);
  const spoken = `${times.length} answers, from ${told(Math.min(...times))} to ${told(longest)}`;
  svg.setAttribute("aria-label", spoken);
  const title = element("title", {});
  title.textContent = spoken;
  const x = (at) => WIDTH - 3 - (times.length - 1 - at) * ((WIDTH - 6) / (KEPT - 1));
  const y = (ms) => HEIGHT - 3 - (longest ? ms / longest : 0) * (HEIGHT - 6);
  const points = times.map((ms, at) => `${x(at).toFixed(1)},${y(ms).toFixed(1)}`);
  svg.append(
    title,
    element("path", { class: "floor", d: `M0 ${HEIGHT - 2.5}H${WIDTH}` }),
    element("polyline", { points: points.join(" ") }),
    element("circle", { cx: x(times.length - 1), cy: y(times.at(-1)), r: 2.5 }),
  );
  return svg;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function median(times) {
  const sorted = [...times].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A time as it is read: tenths below 10 ms, whole ones above. */
export function told(ms) {
  return ms < 0.1 ? "<\u202f0.1\u202fms" : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}\u202fms`;
}
