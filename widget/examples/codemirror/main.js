import { EditorView, minimalSetup } from "codemirror";

import { ghostText } from "./ghost.js";

globalThis.editor = new EditorView({
  parent: document.getElementById("editor"),
  extensions: [
    minimalSetup,
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": "Your text" }),
    ghostText({ server: "http://127.0.0.1:8757" }),
  ],
});
