/** How an answer is encoded. */
export type Encoding = "gzip" | "br" | "zstd";

/** Where a stream goes wrong: after so many events, or so many bytes. */
export type Break =
  | { readonly kind: "stall" | "reset" | "fin" | "error-event"; readonly afterEvents: number }
  | { readonly kind: "reset"; readonly afterBytes: number };

/** What an answer is to say. */
export type Wishes = {
  /** `text` is the canned answer even where tools are offered. */
  readonly answer:
    | { readonly kind: "canned" | "text" | "echo" }
    | { readonly kind: "big"; readonly length: number }
    | { readonly kind: "chunks"; readonly count: number };
  readonly think: boolean;
  /** How many tools are called at most. */
  readonly calls: number;
};

/** What a model's name asks for. */
export type Directives = {
  /** The model that the answer names. */
  readonly model: string;
  readonly wishes: Wishes;
  readonly status?: number;
  /** The error is a web page. */
  readonly html: boolean;
  /** How long the head waits. */
  readonly slowMs: number;
  /** How long each piece of content waits. */
  readonly paceMs: number;
  readonly break?: Break;
  readonly noTerminator: boolean;
  readonly encoding?: Encoding;
  readonly oneByte: boolean;
  readonly crlf: boolean;
};

const none: Omit<Directives, "model"> = {
  wishes: { answer: { kind: "canned" }, think: false, calls: 1 },
  html: false,
  slowMs: 0,
  paceMs: 0,
  noTerminator: false,
  oneByte: false,
  crlf: false,
};

/** The sizes that can be asked for end here. */
const largestText = 1_000_000_000;
const mostChunks = 1_000_000;
const defaultEvents = 5;

type Rule = readonly [
  pattern: RegExp,
  effect: (before: Omit<Directives, "model">, first: number, second: number) => Omit<Directives, "model">,
];

const rules: readonly Rule[] = [
  [/^(400|401|403|404|429|500|503|529)$/, (d, status) => ({ ...d, status })],
  [/^502-html$/, (d) => ({ ...d, status: 502, html: true })],
  [/^slow(?:-(\d+))?$/, (d, ms) => ({ ...d, slowMs: ms || 1_000 })],
  [/^stall(?:-(\d+))?$/, (d, events) => ({ ...d, break: { kind: "stall", afterEvents: events || defaultEvents } })],
  [/^cut-byte-(\d+)$/, (d, bytes) => ({ ...d, break: { kind: "reset", afterBytes: bytes } })],
  [/^cut(?:-(\d+))?$/, (d, events) => ({ ...d, break: { kind: "reset", afterEvents: events || defaultEvents } })],
  [/^fin(?:-(\d+))?$/, (d, events) => ({ ...d, break: { kind: "fin", afterEvents: events || defaultEvents } })],
  [
    /^error-event(?:-(\d+))?$/,
    (d, events) => ({ ...d, break: { kind: "error-event", afterEvents: events || defaultEvents } }),
  ],
  [/^noterm$/, (d) => ({ ...d, noTerminator: true })],
  [/^big-(\d+)$/, (d, bytes) => says(d, { answer: { kind: "big", length: Math.min(bytes, largestText) } })],
  [
    /^chunks-(\d+)-(\d+)$/,
    (d, count, ms) => ({ ...says(d, { answer: { kind: "chunks", count: Math.min(count, mostChunks) } }), paceMs: ms }),
  ],
  [/^echo$/, (d) => says(d, { answer: { kind: "echo" } })],
  [/^text$/, (d) => says(d, { answer: { kind: "text" } })],
  [/^tools-(\d+)$/, (d, calls) => says(d, { calls })],
  [/^think$/, (d) => says(d, { think: true })],
  [/^gzip$/, (d) => ({ ...d, encoding: "gzip" })],
  [/^br$/, (d) => ({ ...d, encoding: "br" })],
  [/^zstd$/, (d) => ({ ...d, encoding: "zstd" })],
  [/^1byte$/, (d) => ({ ...d, oneByte: true })],
  [/^crlf$/, (d) => ({ ...d, crlf: true })],
];

/**
 * Reads what a model's name asks for: `mock-` and a word, several joined by `+`, after a real model's name or not
 * (`mock-chunks-40-10+cut-5`, `gpt-4o-mini+mock-cut-5`, whose answer says `gpt-4o-mini`). Unknown words ask for nothing.
 */
export function readDirectives(name: string): Directives {
  const at = name.startsWith("mock-") ? 0 : name.indexOf("+mock-");
  if (at < 0) return { ...none, model: name };
  const words = name.slice(at).split("+");
  let directives = none;
  for (const word of words) directives = apply(directives, word.replace(/^mock-/, ""));
  return { ...directives, model: at === 0 ? name : name.slice(0, at) };
}

function apply(before: Omit<Directives, "model">, word: string): Omit<Directives, "model"> {
  for (const [pattern, effect] of rules) {
    const match = pattern.exec(word);
    if (match !== null) return effect(before, Number(match[1] ?? 0), Number(match[2] ?? 0));
  }
  return before;
}

function says(before: Omit<Directives, "model">, wishes: Partial<Wishes>): Omit<Directives, "model"> {
  return { ...before, wishes: { ...before.wishes, ...wishes } };
}
