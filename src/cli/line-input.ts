import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** Lines of the standard input: a person's, who is asked for each, or those of a pipe. */
export type LineInput = Disposable & {
  readonly isTerminal: boolean;
  /** Gives the next line; `undefined` at the end, or where the person gave up. Only a person is shown the question; what is typed to a hidden one isn't. */
  readonly ask: (question: string, how?: { readonly hidden?: boolean }) => Promise<string | undefined>;
};

/** How it is read. */
export type LineInputOptions = {
  /** Keeps lines for the arrow keys; never where secrets are typed. */
  readonly keepsHistory?: boolean;
  /** What is said to Ctrl-C on a terminal; `undefined`, or without it, Ctrl-C ends the input. */
  readonly onInterrupt?: () => string | undefined;
};

/** Opens the standard input; questions go to standard error, so that standard output is for answers. */
export function openLineInput({ keepsHistory = false, onInterrupt }: LineInputOptions = {}): LineInput {
  const isTerminal = process.stdin.isTTY && process.stderr.isTTY;
  const lines: string[] = [];
  let hidden = false;
  let ended = false;
  let asked: string | undefined;
  let wake: (() => void) | undefined;
  const screen = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      if (!hidden) process.stderr.write(chunk);
      done();
    },
  });
  // What is typed on a terminal is read letter by letter: its own lines would end at 4,096.
  const reader = createInterface({
    input: process.stdin,
    ...(isTerminal ? { output: screen } : {}),
    terminal: isTerminal,
    historySize: keepsHistory ? 100 : 0,
    crlfDelay: Infinity,
  });
  reader.on("line", (line) => {
    lines.push(line);
    wake?.();
  });
  reader.on("close", () => {
    ended = true;
    wake?.();
  });
  reader.on("SIGINT", () => {
    const note = onInterrupt?.();
    if (note !== undefined) return say(note);
    lines.length = 0;
    reader.close();
  });

  return { isTerminal, ask, [Symbol.dispose]: () => reader.close() };

  async function ask(question: string, { hidden: isHidden = false } = {}): Promise<string | undefined> {
    if (isTerminal) show(question, isHidden);
    asked = question;
    while (lines.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
    asked = undefined;
    const line = lines.shift();
    // Nothing that is typed until the next question is shown in the midst of something else.
    if (isTerminal && isHidden) process.stderr.write("\n");
    hidden = isTerminal;
    return line;
  }

  /** Says something in the midst of a question, or of what comes after it. */
  function say(note: string): void {
    process.stderr.write(`\n${note}${note === "" ? "" : "\n"}`);
    if (asked === undefined) return;
    // What was typed so far is given up.
    reader.write(null, { ctrl: true, name: "u" });
    show(asked, hidden);
  }

  function show(question: string, isHidden: boolean): void {
    hidden = isHidden;
    if (isHidden) {
      process.stderr.write(question);
      return;
    }
    reader.setPrompt(question);
    reader.prompt();
  }
}

/** The same input for who closes what it is given. */
export function keepOpen(input: LineInput): LineInput {
  return { ...input, [Symbol.dispose]: () => undefined };
}
