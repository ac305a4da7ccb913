import { dirname, join } from "node:path/posix";
import { findImports } from "./imports.ts";
import type { Import } from "./imports.ts";
import { readTokens } from "./tokens.ts";
import type { Token } from "./tokens.ts";

/** What a folder of `src`, or a file beside them, may import: folders, or the types of one file. What isn't listed may import nothing of ours. */
export type Layers = Readonly<Record<string, readonly string[]>>;

/** What a file of `src` breaks, in words; `path` is relative to `src`. */
export function findFaults(path: string, source: string, layers: Layers): readonly string[] {
  const tokens = readTokens(source);
  const imports = findImports(tokens);
  const isTest = path.endsWith(".test.ts");
  return [
    ...(isTest ? [] : imports.flatMap((found) => judgeImport(path, found, layers))),
    ...imports.flatMap(({ specifier }) => judgeEnding(specifier)),
    ...(isTest || path.startsWith("cli/") ? [] : judgeEnvironment(tokens)),
    ...(isTest ? [] : [...judgeState(tokens), ...judgeStreams(tokens)]),
    ...(/^(?:dialects|providers)\//.test(path) && !isTest ? judgePurity(tokens, imports) : []),
    ...judgeExports(tokens),
  ];
}

function judgeImport(path: string, { specifier, typeOnly }: Import, layers: Layers): string[] {
  if (specifier === undefined) return ["imports a computed path"];
  if (!specifier.startsWith(".")) return [];
  const target = join(dirname(path), specifier);
  if (target === "../package.json" && path.startsWith("cli/")) return [];
  if (target.startsWith("..")) return [`imports ${specifier}, which lies outside of src`];
  if (target.endsWith(".test.ts")) return [`imports the test ${target}`];
  const from = part(path);
  if (part(target) === from) return [];
  const allowed = layers[from] ?? [];
  if (allowed.includes(part(target)) || (allowed.includes(target) && typeOnly)) return [];
  return [`${from} may not import ${target}`];
}

/** The folder that a file is in, or the file itself where it is in none. */
function part(path: string): string {
  return path.slice(0, path.includes("/") ? path.indexOf("/") : undefined);
}

function judgeEnding(specifier: string | undefined): string[] {
  if (specifier === undefined || !specifier.startsWith(".")) return [];
  return /\.(?:ts|tsx|json|css|html)$/.test(specifier) ? [] : [`imports ${specifier} without its ending`];
}

function judgeEnvironment(tokens: readonly Token[]): string[] {
  const reads = has(tokens, ["process", ".", "env"]) || has(tokens, ["process", "[", "env"]);
  const readsElsewhere = has(tokens, ["Bun", ".", "env"]) || has(tokens, ["meta", ".", "env"]);
  return reads || readsElsewhere ? ["reads the environment, which only cli may"] : [];
}

/** A `let` or `var` outside of every block is state that two gateways in one process would share. */
function judgeState(tokens: readonly Token[]): string[] {
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === "mark" && ["{", "${", "(", "["].includes(token.value)) depth++;
    if (token.kind === "mark" && ["}", ")", "]"].includes(token.value)) depth--;
    if (depth === 0 && token.kind === "word" && /^(?:let|var)$/.test(token.value)) return ["has state at module level"];
  }
  return [];
}

/** Both let a slow reader fill the memory: a teed stream holds the whole answer, a direct one ignores back-pressure. */
function judgeStreams(tokens: readonly Token[]): string[] {
  const splits = has(tokens, [".", "tee", "("]) ? ["splits a stream with tee()"] : [];
  return has(tokens, ["type", ":", "direct"]) ? [...splits, "makes a direct stream"] : splits;
}

/** Dialects and providers are bytes in, facts out. */
function judgePurity(tokens: readonly Token[], imports: readonly Import[]): string[] {
  const modules = imports.flatMap(({ specifier = "" }) => (performsIo.test(specifier) ? [specifier] : []));
  const calls = ["fetch", "WebSocket", "Worker"].filter((name) => has(tokens, [name, "("]));
  const bun = has(tokens, ["Bun", "."]) ? ["Bun"] : [];
  return [...modules, ...calls, ...bun].map((name) => `does input or output with ${name}`);
}

const performsIo =
  /^(?:node:)?(?:fs|net|tls|dns|dgram|https?|http2|child_process|worker_threads|cluster|readline|sqlite|test)(?:\/|$)|^bun(?:$|:)/;

function judgeExports(tokens: readonly Token[]): string[] {
  const isDefault = has(tokens, ["export", "default"]) || has(tokens, ["as", "default"]);
  return isDefault ? ["has a default export"] : [];
}

/** Whether these words, marks and texts stand side by side. */
function has(tokens: readonly Token[], values: readonly string[]): boolean {
  return tokens.some(
    (token, at) => token.kind !== "text" && values.every((value, i) => tokens[at + i]?.value === value),
  );
}
