import { hash } from "node:crypto";

/** A turn of a conversation, or what stands before the first one. */
export type ChainNode = { readonly id: string; readonly parent: string | null; readonly json: string };

/** What holds the turns in a request: OpenAI's chat and Anthropic, Responses, Gemini. */
const lists = ["messages", "input", "contents"] as const;

/** A conversation of more turns is kept as one piece. */
const mostTurns = 4_096;

/** Hexadecimal digits of 128 bits. */
const idLength = 32;

/** What the first node of a chain holds: all but the turns, or all where there are none. */
type Head = { readonly list: string; readonly head: Readonly<Record<string, unknown>> } | { readonly whole: unknown };

/**
 * What a model was given as a chain, each node with an id that stands for all before it: a history that comes again begins with
 * the same ids. The input is JSON.
 */
export function toChain(input: unknown): readonly ChainNode[] {
  const { first, turns } = split(input);
  const nodes: ChainNode[] = [];
  let parent: string | null = null;
  for (const part of [first, ...turns]) {
    const json = JSON.stringify(part);
    const id: string = hash("sha256", (parent ?? "") + json, "hex").slice(0, idLength);
    nodes.push({ id, parent, json });
    parent = id;
  }
  return nodes;
}

/** What a model was given, from the JSON of its chain's nodes. */
export function fromChain(nodes: readonly string[]): unknown {
  const [first = "null", ...turns] = nodes;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `toChain` wrote it
  const head = JSON.parse(first) as Head;
  if ("whole" in head) return head.whole;
  return { ...head.head, [head.list]: turns.map((turn): unknown => JSON.parse(turn)) };
}

function split(input: unknown): { readonly first: Head; readonly turns: readonly unknown[] } {
  if (isObject(input)) {
    for (const list of lists) {
      const { [list]: turns, ...head } = input;
      if (Array.isArray(turns) && turns.length <= mostTurns && turns.every(isObject))
        return { first: { list, head }, turns };
    }
  }
  return { first: { whole: input }, turns: [] };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
