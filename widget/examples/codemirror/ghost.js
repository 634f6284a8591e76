/**
 * Ghost text for CodeMirror 6: the editor draws, a `Session` of tecla.js talks to the service.
 *
 * Give `ghostText({ server, key, ... })`, the options of a session, to an editor. Tab takes what is
 * shown, Ctrl-Right (Cmd-Right) a word of it, Escape sends it away. Nothing that is shown is in the
 * document before it was taken.
 */

import { isolateHistory } from "@codemirror/commands";
import { Annotation, Facet, Prec, StateEffect } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin, WidgetType, keymap } from "@codemirror/view";

import { Session } from "../../tecla.js";

const options = Facet.define({ combine: (given) => Object.assign({}, ...given) });
const taken = Annotation.define(); // of the transaction that puts a suggestion in: its text
const redraw = StateEffect.define(); // another suggestion came

class Ghost extends WidgetType {
  constructor(text) {
    super();
    this.text = text;
  }

  eq(other) {
    return other.text === this.text;
  }

  toDOM() {
    const span = document.createElement("span");
    span.className = "cm-ghost";
    span.setAttribute("aria-hidden", "true");
    span.textContent = this.text;
    return span;
  }
}

/** The caret if there is one alone, else null. */
function caretOf({ selection }) {
  return selection.ranges.length === 1 && selection.main.empty ? selection.main.head : null;
}

class GhostText {
  constructor(view) {
    this.view = view;
    this.decorations = Decoration.none;
    this.isUpdating = true; // an editor is told nothing while it is made or updated
    this.session = new Session(view.state.facet(options));
    this.session.addEventListener("change", () => {
      if (!this.isUpdating) view.dispatch({ effects: redraw.of(null) });
    });
    this.tell(view.state, false);
    this.session.connect();
    this.isUpdating = false;
  }

  /** What is shown, or null. */
  get shown() {
    return this.decorations.size > 0 ? this.session.suggestion : null;
  }

  update(update) {
    this.isUpdating = true;
    try {
      if (update.docChanged || update.selectionSet) {
        const accepted = update.transactions.findLast((each) => each.annotation(taken));
        if (accepted) this.session.accept(accepted.annotation(taken));
        else this.tell(update.state, update.transactions.some((each) => each.isUserEvent("input")));
      } else if (update.focusChanged && !this.view.hasFocus) {
        this.session.withhold();
      }
    } finally {
      this.isUpdating = false;
    }
    this.draw(update.state);
  }

  /** Tell the session how the document stands; `wanted`: something was typed. */
  tell(state, wanted) {
    const caret = caretOf(state);
    if (caret === null || this.view.composing) this.session.withhold();
    else this.session.update(state.doc.toString(), caret, { wanted });
  }

  draw(state) {
    const suggestion = this.session.suggestion;
    const caret = caretOf(state);
    this.decorations = Decoration.none;
    if (suggestion === null || caret === null || !this.view.hasFocus) return;
    const widget = Decoration.widget({ widget: new Ghost(suggestion.text), side: 1 });
    this.decorations = Decoration.set([widget.range(caret)]);
  }

  destroy() {
    this.session.close();
  }
}

const plugin = ViewPlugin.fromClass(GhostText, { decorations: (value) => value.decorations });

/** A command that takes what is shown: all of it, or its next word. */
export const acceptGhost = (part = "all") => (view) => {
  const shown = view.plugin(plugin)?.shown;
  if (!shown) return false;
  const text = part === "word" ? shown.text.slice(0, shown.words[0] ?? shown.text.length) : shown.text;
  const from = view.state.selection.main.head;
  view.dispatch({
    changes: { from, insert: text },
    selection: { anchor: from + text.length },
    annotations: [taken.of(text), isolateHistory.of("full")], // one step of undo
    userEvent: "input.complete",
    scrollIntoView: true,
  });
  return true;
};

/** A command that sends away what is shown, until the text changes. */
export const dismissGhost = (view) => {
  const value = view.plugin(plugin);
  if (!value?.shown) return false;
  value.session.dismiss();
  return true;
};

const theme = EditorView.baseTheme({
  ".cm-ghost": { whiteSpace: "pre-wrap" },
  "&light .cm-ghost": { color: "#6b7280" },
  "&dark .cm-ghost": { color: "#9ca3af" },
});

/** Ghost text in an editor; `given` are the options of a session. */
export function ghostText(given = {}) {
  const keys = [
    { key: "Tab", run: acceptGhost("all") },
    { key: "Mod-ArrowRight", run: acceptGhost("word") },
    { key: "Escape", run: dismissGhost },
  ];
  return [options.of(given), plugin, theme, Prec.highest(keymap.of(keys))];
}
