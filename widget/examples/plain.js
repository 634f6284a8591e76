// Every field of the page talks to one service; each field is a text of its own.

import { attach } from "../tecla.js";

const server = "http://127.0.0.1:8757";

for (const field of document.querySelectorAll("textarea, input, [contenteditable]")) {
  attach(field, { server });
}

let saved = 0;
document.addEventListener("tecla-accepted", ({ detail }) => {
  saved += detail.savedKeys;
  document.getElementById("saved").textContent = `${saved} keys saved`;
});
