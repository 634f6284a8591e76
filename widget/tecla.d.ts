/** Ghost text for any text field, from a tecla service. See README.md. */

/** How a text is served; what is left out is as the service has it. */
export interface Wishes {
  /** From 0 (nothing is shown) to 1 (whatever saves a key). */
  eagerness?: number;
  /** Words of one suggestion. */
  maxWords?: number;
  /** Language of a text that does not tell, such as "en"; by default that of the page. */
  language?: string;
  /** When an answer is wanted. */
  deadlineMs?: number;
  /** Which offensive words are kept out. */
  filters?: "off" | "standard" | "strict";
}

export interface SessionOptions extends Wishes {
  /** Address of the service; by default where the page comes from. */
  server?: string;
  /** Sent in the first message; whoever reads the page can read it. */
  key?: string;
  /** Whose text it is, among those of one key. */
  user?: string;
  /** Which of their collections it belongs to. */
  collection?: string;
  /** A name by which a text is found again; by default the service gives one. */
  session?: string;
  /** UTF-16 units of the text that are sent at most (20,000): those nearest to the caret. */
  maxChars?: number;
  /** In place of the browser's own, for tests and other programs. */
  WebSocket?: new (url: string) => WebSocket;
  /** In place of Math.random, which spreads reconnections. */
  random?: () => number;
}

/** What can be done by a key. */
export type Action = "accept" | "word" | "line" | "dismiss" | "next" | "previous" | "list";

/** What is said and written; {text}, {key}, {dismiss}, {index} and {count} are filled in. */
export interface Labels {
  suggestion: string;
  hint: string;
  list: string;
  option: string;
  none: string;
}

export interface AttachOptions extends SessionOptions {
  /** Keys by action, such as ["Ctrl+ArrowRight"]: modifiers, then `event.key` or `event.code`. */
  keys?: Partial<Record<Action, string[]>>;
  labels?: Partial<Labels>;
  /** Tell screen readers what is shown (true). */
  announce?: boolean;
  /** Show something after a deletion (false). */
  suggestOnDelete?: boolean;
  /** Show something when the caret moved or the field got the focus (false). */
  suggestOnMove?: boolean;
  /** Show something while an input method composes (false). */
  suggestWhileComposing?: boolean;
  /** Behind a space that was taken along: another is not doubled, a mark replaces it (true). */
  spacing?: boolean;
}

export type ConnectionState = "idle" | "connecting" | "open" | "waiting" | "stopped" | "closed";

/** Which part of a suggestion is taken. */
export type Part = "all" | "word" | "line";

/** Where a suggestion comes from. */
export type Source = "model" | "classical" | "shared" | "known" | "typed" | "nothing" | "list" | "";

/** What could follow at the caret. */
export interface Alternative {
  text: string;
  probability: number;
}

/** What is to be shown behind the caret. */
export interface Suggestion extends Alternative {
  /** Where each word ends, in UTF-16 units. */
  words: number[];
  source: Source;
  settled: boolean;
  revision: number;
  latencyMs: number;
}

/** One answer of the service. */
export interface Answer extends Suggestion {
  expectedSaving: number;
  /** Why nothing is shown. */
  silence: string | null;
  partial: boolean;
  /** Why the model was not heard, such as `overloaded` or `late`; it is asked again in a pause. */
  withoutModel: string | null;
  /** Units that may be typed without a message. */
  quiet: number;
  /** What the service needed; `latencyMs` is from the key to the answer in the page. */
  tookMs: number;
  before: string;
  after: string;
}

export interface Refusal {
  /** overloaded, rate_limited or another code of the service; key, nonsense, out_of_step, address. */
  code: string;
  reason: string;
  retryAfterMs: number | null;
  /** Whether nothing more is tried until the options change. */
  isFinal: boolean;
}

/** Counts since a field was attached. */
export interface Saved {
  keys: number;
  accepted: number;
  shown: number;
}

/** The details of the events that fire at the field and bubble. */
export interface TeclaEventMap {
  "tecla-shown": CustomEvent<Pick<Suggestion, "text" | "source" | "latencyMs" | "probability" | "revision">>;
  "tecla-accepted": CustomEvent<{
    text: string;
    part: Part | "list";
    source: Source;
    latencyMs: number;
    savedKeys: number;
  }>;
  "tecla-saved": CustomEvent<Saved & { savedKeys: number }>;
  "tecla-dismissed": CustomEvent<{ text: string; source: Source }>;
  "tecla-answer": CustomEvent<Answer>;
  "tecla-refused": CustomEvent<Refusal>;
  "tecla-state": CustomEvent<{ state: ConnectionState }>;
}

/** A field with ghost text. */
export interface Handle {
  readonly element: HTMLElement;
  /** The session behind it; null for a field that never has ghost text, such as a password. */
  readonly session: Session | null;
  readonly state: {
    connection: ConnectionState | "off";
    /** What is shown; empty where nothing is. */
    suggestion: string;
    /** Whether it is shown apart from the text, because there is no room for it in its place. */
    isTip: boolean;
  };
  readonly saved: Saved;
  /** Take what is shown, or a part of it; the text that was put in. */
  accept(part?: Part): string;
  /** Send away what is shown, until the text changes. */
  dismiss(): void;
  alternatives(): Promise<Alternative[]>;
  /** Show the next alternative, or with −1 the one before. */
  cycle(step?: 1 | -1): Promise<void>;
  /** Open the list; whether there is anything in it. */
  openList(): Promise<boolean>;
  update(options: AttachOptions): void;
  detach(): void;
}

/** Give a textarea, an input or an element with contenteditable ghost text. */
export function attach(element: HTMLElement, options?: AttachOptions): Handle;

export interface SessionEventMap {
  change: CustomEvent<Suggestion | null>;
  answer: CustomEvent<Answer>;
  refused: CustomEvent<Refusal>;
  state: CustomEvent<{ state: ConnectionState }>;
}

/** One text over one WebSocket, for editors that draw by themselves. Offsets are UTF-16 units. */
export class Session extends EventTarget {
  constructor(options?: SessionOptions);
  readonly state: ConnectionState;
  readonly suggestion: Suggestion | null;
  readonly revision: number;
  readonly place: { before: string; after: string };
  connect(): void;
  close(): void;
  /** The newest state of the text. Not `wanted`: nothing is shown; told later, or now with `tell`. */
  update(text: string, caret: number, how?: { wanted?: boolean; tell?: boolean }): void;
  /** Show nothing at this state. */
  withhold(): void;
  /** `text` was put in at the caret by one key. */
  accept(text: string): void;
  dismiss(): void;
  /** Show another text at this state, one of `list`. */
  show(item: Alternative): void;
  list(): Promise<Alternative[]>;
  wish(options: Wishes): void;
  /** Take the text up anew with other options. */
  reconnect(options: SessionOptions): void;
  flush(): void;
  addEventListener<Name extends keyof SessionEventMap>(
    type: Name,
    listener: (event: SessionEventMap[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    callback: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** The smallest edit that makes `now` of `old`. */
export function difference(old: string, now: string): { start: number; end: number; text: string };

/** The part of a long text that is sent. */
export class Window {
  over(text: string, caret: number, most: number): { text: string; caret: number };
}

/** The address of the session of a service. */
export function sessionUrl(server?: string, page?: string): string;

/** `<tecla-textarea>`: a textarea with ghost text, which takes part in forms. */
export class TeclaTextarea extends HTMLElement {
  static readonly formAssociated: true;
  readonly handle: Handle | null;
  readonly form: HTMLFormElement | null;
  readonly type: "textarea";
  name: string;
  value: string;
  readonly defaultValue: string;
  disabled: boolean;
  readonly selectionStart: number;
  readonly selectionEnd: number;
  setSelectionRange(start: number, end: number, direction?: "forward" | "backward" | "none"): void;
  readonly validity: ValidityState;
  readonly validationMessage: string;
  readonly willValidate: boolean;
  checkValidity(): boolean;
  reportValidity(): boolean;
}

declare global {
  interface HTMLElementTagNameMap {
    "tecla-textarea": TeclaTextarea;
  }
  interface HTMLElementEventMap extends TeclaEventMap {}
  interface DocumentEventMap extends TeclaEventMap {}
}
