import { useEffect, useRef } from "react";

import { attach } from "../../tecla.js";

/**
 * A textarea with ghost text. Takes what `textarea` takes, controlled or not.
 *
 * `ghost` are the options of `attach`; they may change at any time. `onAccepted` hears of every
 * suggestion that was taken.
 */
export function GhostTextarea({ ghost, onAccepted, ...props }) {
  const field = useRef(null);
  const handle = useRef(null);
  const options = useRef(ghost);
  options.current = ghost;

  useEffect(() => {
    handle.current = attach(field.current, options.current);
    return () => handle.current.detach();
  }, []);

  const written = JSON.stringify(ghost); // another object with the same options is no change
  useEffect(() => handle.current.update(options.current), [written]);

  useEffect(() => {
    const element = field.current;
    const hear = (event) => onAccepted?.(event.detail);
    element.addEventListener("tecla-accepted", hear);
    return () => element.removeEventListener("tecla-accepted", hear);
  }, [onAccepted]);

  // What is drawn stands behind the field, in an element of its own that React does not manage.
  return (
    <div>
      <textarea {...props} ref={field} />
    </div>
  );
}
