import { StrictMode, useCallback, useState } from "react";
import { createRoot } from "react-dom/client";

import { GhostTextarea } from "./GhostTextarea.jsx";

const server = "http://127.0.0.1:8757";

function App() {
  const [text, setText] = useState("");
  const [eagerness, setEagerness] = useState(0.5);
  const [saved, setSaved] = useState(0);
  const count = useCallback((taken) => setSaved((before) => before + taken.savedKeys), []);
  return (
    <main>
      <h1>React</h1>
      <label htmlFor="text">Your text</label>
      <GhostTextarea
        id="text"
        rows={6}
        value={text}
        onChange={(event) => setText(event.target.value)}
        ghost={{ server, eagerness }}
        onAccepted={count}
      />
      <label htmlFor="eagerness">Eagerness</label>
      <input
        id="eagerness"
        type="range"
        min="0"
        max="1"
        step="0.1"
        value={eagerness}
        onChange={(event) => setEagerness(Number(event.target.value))}
      />
      <p role="status">
        {text.length} characters, {saved} keys saved
      </p>
    </main>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
