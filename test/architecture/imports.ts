import type { Token } from "./tokens.ts";

/** What a file names of another: the text of an import or export, or `undefined` where it is computed. */
export type Import = {
  readonly specifier: string | undefined;
  /** Said by `import type` or `export type`: nothing of it is there at run time. */
  readonly typeOnly: boolean;
};

/** Every import: of values, of types, for its effect, re-exported, dynamic, in a type, required, or made a worker's address. */
export function findImports(tokens: readonly Token[]): readonly Import[] {
  return tokens.flatMap((token, at) => {
    const before = tokens[at - 1];
    if (token.kind === "word" && before?.value === ".") return [];
    const next = tokens[at + 1];
    if (isWord(token, "from") && next?.kind === "text")
      return [{ specifier: next.value, typeOnly: isTypeOnly(tokens, at) }];
    if (isWord(token, "import") && next?.kind === "text") return [{ specifier: next.value, typeOnly: false }];
    if ((isWord(token, "import") || isWord(token, "require")) && isMark(next, "(")) return [calledWith(tokens, at + 2)];
    if (isWord(token, "URL") && isMark(next, "(") && isRelative(tokens[at + 2])) return [calledWith(tokens, at + 2)];
    return [];
  });
}

/** The only argument, or the first; a computed one can't be judged. */
function calledWith(tokens: readonly Token[], at: number): Import {
  const argument = tokens[at];
  const after = tokens[at + 1];
  const whole = isMark(after, ")") || isMark(after, ",");
  return { specifier: argument?.kind === "text" && whole ? argument.value : undefined, typeOnly: false };
}

/** Whether the statement that this `from` ends began with `import type` or `export type`; `type` may be a name as well. */
function isTypeOnly(tokens: readonly Token[], from: number): boolean {
  const start = tokens.findLastIndex((token, at) => at < from && (isWord(token, "import") || isWord(token, "export")));
  return isWord(tokens[start + 1], "type") && start + 2 < from && !isMark(tokens[start + 2], ",");
}

function isRelative(token: Token | undefined): boolean {
  return token?.kind === "text" && token.value.startsWith(".") && /\.[a-z]+$/.test(token.value);
}

function isWord(token: Token | undefined, value: string): boolean {
  return token?.kind === "word" && token.value === value;
}

function isMark(token: Token | undefined, value: string): boolean {
  return token?.kind === "mark" && token.value === value;
}
