/** A piece of TypeScript that is neither space nor comment. A template's parts between `${…}` are texts of their own. */
export type Token = { readonly kind: "word" | "text" | "mark" | "pattern"; readonly value: string };

/** Cuts TypeScript into tokens: as much of the language as it takes to tell code from comments, texts and patterns. */
export function readTokens(source: string): readonly Token[] {
  const tokens: Token[] = [];
  /** One entry for each open brace: whether its end brings a template's text back. */
  const braces: boolean[] = [];
  let at = 0;

  const add = (kind: Token["kind"], value: string, length: number): void => {
    tokens.push({ kind, value });
    at += length;
  };
  /** Reads a template's text from after its backtick or the brace that closed a part of it. */
  const addTemplateText = (start: number): void => {
    const end = endOfText(source, start, /`|\$\{/y);
    const opensPart = source.startsWith("${", end);
    if (opensPart) braces.push(true);
    add("text", source.slice(start, end), end - at + (opensPart ? 2 : 1));
    if (opensPart) tokens.push({ kind: "mark", value: "${" });
  };

  while (at < source.length) {
    const char = source.charAt(at);
    const skipped = match(source, at, /\s+|\/\/[^\n]*|\/\*[^]*?\*\/|^#!.*/y);
    const word = match(source, at, /[\p{ID_Start}$_#\d][\p{ID_Continue}$\u200c\u200d]*/uy);
    if (skipped !== undefined) at += skipped.length;
    else if (word !== undefined) add("word", word, word.length);
    else if (char === '"' || char === "'") {
      const end = endOfText(source, at + 1, char === '"' ? /["\n]/y : /['\n]/y);
      add("text", source.slice(at + 1, end), end + 1 - at);
    } else if (char === "`") addTemplateText(at + 1);
    else if (char === "}" && braces.pop() === true) addTemplateText(at + 1);
    else if (char === "/" && startsPattern(tokens.at(-1))) {
      const pattern = match(source, at, /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y) ?? char;
      add("pattern", pattern, pattern.length);
    } else {
      if (char === "{") braces.push(false);
      add("mark", char, 1);
    }
  }
  return tokens;
}

/** A slash divides after a value, a closing bracket taken for the end of one; anywhere else it begins a pattern. */
function startsPattern(before: Token | undefined): boolean {
  if (before === undefined) return true;
  if (before.kind === "mark") return !")]".includes(before.value);
  return (
    before.kind === "word" && /^(?:return|typeof|case|in|of|do|else|void|delete|await|yield|throw)$/.test(before.value)
  );
}

function match(source: string, at: number, sticky: RegExp): string | undefined {
  sticky.lastIndex = at;
  return sticky.exec(source)?.[0];
}

function endOfText(source: string, start: number, end: RegExp): number {
  for (let at = start; at < source.length; at++) {
    if (source.charAt(at) === "\\") at++;
    else if (match(source, at, end) !== undefined) return at;
  }
  return source.length;
}
