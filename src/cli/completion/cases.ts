import type { Flag, Node } from "./tree.ts";

/** What follows a word at a place in the tree; `place` is the path and the word. */
export type Step = { readonly places: readonly string[]; readonly path: string };

/** The words that lead on, with where to. */
export function listSteps(nodes: readonly Node[]): readonly Step[] {
  return nodes.flatMap(({ path, commands }) =>
    commands.map((command) => ({ places: command.names.map((name) => `${path} ${name}`), path: command.path })),
  );
}

/** The options that are followed by a value of this kind, with where they stand. */
export function listPlaces(nodes: readonly Node[], kind: Flag["value"]["kind"]): readonly string[] {
  return nodes.flatMap(({ path, options }) =>
    options.flatMap(({ names, value }) => (value.kind === kind ? names.map((name) => `${path} ${name}`) : [])),
  );
}

/** Those that are followed by one of a few words. */
export function listChoices(
  nodes: readonly Node[],
): readonly { readonly place: string; readonly choices: readonly string[] }[] {
  return nodes.flatMap(({ path, options }) =>
    options.flatMap(({ names, value }) =>
      value.kind === "choice" ? names.map((name) => ({ place: `${path} ${name}`, choices: value.choices })) : [],
    ),
  );
}
