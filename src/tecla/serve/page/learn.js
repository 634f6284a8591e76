// The panel of what is learnt: for whom, texts to learn, what is known, and forgetting.

const MOST_BYTES = 1_000_000; // of one file; the service has limits of its own
const SHOWN = 50;
const KINDS = { md: "markdown", markdown: "markdown", html: "html", htm: "html", eml: "mail" };
const byId = (id) => document.getElementById(id);

/** Learns, lists and forgets for the user or collection that its fields name. */
export class Learning {
  #details = byId("learn");
  #changed;
  #key;
  #running = null;

  /** `key()` gives the key in use; `changed()` is called when suggestions may be others now. */
  constructor(key, changed) {
    this.#key = key;
    this.#changed = changed;
    this.#details.addEventListener("toggle", () => this.#details.open && this.list());
    for (const id of ["learn-user", "learn-collection"]) {
      byId(id).addEventListener("change", () => {
        this.#changed();
        void this.list();
      });
    }
    byId("learn-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#learnTyped();
    });
    byId("learn-files").addEventListener("change", async ({ target }) => {
      await this.#learnFiles([...target.files]);
      target.value = "";
    });
    byId("learn-export").addEventListener("click", () => void this.#export());
    byId("learn-forget").addEventListener("click", () => void this.#forgetAll());
    this.#takeDrops(byId("learn-text"));
  }

  /** Whose suggestions are wanted: what texts are asked about with. */
  get names() {
    return { user: byId("learn-user").value.trim(), collection: byId("learn-collection").value.trim() };
  }

  /** Whose documents are shown and changed: a collection's, where one is named. */
  get #owner() {
    const { user, collection } = this.names;
    return collection ? { collection } : user ? { user } : {};
  }

  /** Draw what is known. */
  async list() {
    if (!this.#details.open) return;
    this.#running?.abort();
    const { signal } = (this.#running = new AbortController());
    try {
      const query = new URLSearchParams({ ...this.#owner, limit: String(SHOWN) });
      const found = await this.#ask(`/v1/learned?${query}`, { signal });
      this.#draw(found);
    } catch (error) {
      if (error.name !== "AbortError") this.#tell(error.message);
    }
  }

  #takeDrops(area) {
    const over = (isOver) => area.classList.toggle("over", isOver);
    area.addEventListener("dragover", (event) => {
      event.preventDefault();
      over(true);
    });
    area.addEventListener("dragleave", () => over(false));
    area.addEventListener("drop", (event) => {
      over(false);
      if (event.dataTransfer.files.length === 0) return; // text, which the field takes itself
      event.preventDefault();
      void this.#learnFiles([...event.dataTransfer.files]);
    });
  }

  async #learnTyped() {
    const area = byId("learn-text");
    const text = area.value;
    if (!text.trim()) return this.#tell("There is no text yet: write or paste some, or drop a file.");
    const source = byId("learn-source").value.trim() || `pasted ${new Date().toISOString().slice(0, 19)}`;
    if (await this.#learn([{ source, text, kind: "text" }])) {
      area.value = byId("learn-source").value = "";
    }
  }

  async #learnFiles(files) {
    const large = files.find((file) => file.size > MOST_BYTES);
    if (large) return this.#tell(`${large.name} is too large for this page; use "tecla learn" for it.`);
    for (const file of files) {
      const kind = KINDS[file.name.split(".").pop().toLowerCase()] ?? "text";
      if (!(await this.#learn([{ source: file.name, text: await file.text(), kind }]))) return;
    }
  }

  /** Whether it was learnt; what became of it is told. */
  async #learn(documents) {
    return this.#do("Learning …", async () => {
      const found = await this.#ask("/v1/learn", { method: "POST", body: { ...this.#owner, documents } });
      const [{ source, state, reason, sentences_left_out: left }] = found.documents;
      if (state === "left_out") return `${source} was not learnt: ${reason}.`;
      const without = left ? `; ${left} ${left === 1 ? "sentence" : "sentences"} with personal data left out` : "";
      return state === "unchanged" ? `${source} was known already.` : `${source} is learnt${without}.`;
    });
  }

  async #forget(source) {
    await this.#do("Forgetting …", async () => {
      await this.#ask("/v1/forget", { method: "POST", body: { ...this.#owner, sources: [source] } });
      return `${source} is forgotten.`;
    });
  }

  async #forgetAll() {
    const button = byId("learn-forget");
    if (button.dataset.sure !== "yes") {
      this.#askAgain(button);
      return;
    }
    this.#calm(button);
    await this.#do("Forgetting …", async () => {
      await this.#ask("/v1/forget", { method: "POST", body: { ...this.#owner, everything: true } });
      return "Everything is forgotten.";
    });
  }

  #askAgain(button) {
    button.dataset.sure = "yes";
    button.textContent = "Really forget everything?";
    button.addEventListener("blur", () => this.#calm(button), { once: true });
  }

  #calm(button) {
    delete button.dataset.sure;
    button.textContent = "Forget everything";
  }

  async #export() {
    await this.#do("", async () => {
      const answer = await this.#fetch(`/v1/export?${new URLSearchParams(this.#owner)}`, {});
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = "tecla.jsonl";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      return "";
    });
  }

  /** Do something that changes what is known; whether it went well. */
  async #do(doing, job) {
    this.#tell(doing);
    this.#details.setAttribute("aria-busy", "true");
    let told = "";
    let isWell = true;
    try {
      told = await job();
    } catch (error) {
      [told, isWell] = [error.message, false];
    }
    this.#details.removeAttribute("aria-busy");
    await this.list();
    this.#tell(told);
    this.#changed();
    return isWell;
  }

  async #ask(path, options) {
    return (await this.#fetch(path, options)).json();
  }

  async #fetch(path, { method = "GET", body, signal }) {
    const key = this.#key();
    const headers = { ...(body && { "content-type": "application/json" }), ...(key && { authorization: `Bearer ${key}` }) };
    let answer;
    try {
      answer = await fetch(path, { method, headers, signal, ...(body && { body: JSON.stringify(body) }) });
    } catch (error) {
      throw error.name === "AbortError" ? error : new Error("The server does not answer.");
    }
    if (answer.ok) return answer;
    const { error } = await answer.json();
    throw new Error(error?.message ?? `the service says ${answer.status}`);
  }

  #draw({ documents, after, used }) {
    byId("learn-known").replaceChildren(...documents.map((each) => this.#row(each)));
    byId("learn-empty").hidden = documents.length > 0;
    byId("learn-more").hidden = after === null;
    const percent = used.most_chars ? Math.round((100 * used.chars) / used.most_chars) : 100;
    byId("learn-used").textContent =
      `${used.documents.toLocaleString("en")} of ${used.most_documents.toLocaleString("en")} texts, ` +
      `${percent}\u202f% of the room for characters`;
    for (const id of ["learn-export", "learn-forget"]) byId(id).disabled = documents.length === 0;
  }

  #row({ source, chars, learnt }) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.className = "source";
    name.textContent = source;
    const size = document.createElement("span");
    size.className = "number";
    size.textContent = `${chars.toLocaleString("en")} ${chars === 1 ? "character" : "characters"}`;
    size.title = `learnt ${new Date(learnt).toLocaleString()}`;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Forget";
    button.setAttribute("aria-label", `Forget ${source}`);
    button.addEventListener("click", () => void this.#forget(source));
    const end = document.createElement("span");
    end.className = "end";
    end.append(size, button);
    item.append(name, end);
    return item;
  }

  #tell(text) {
    byId("learn-note").textContent = text;
  }
}
