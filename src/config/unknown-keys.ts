import { isTree } from "./lookup.ts";
import { findNearest } from "./nearest.ts";
import type { Report } from "./report.ts";
import type { YamlTree } from "./yaml-file.ts";

/** The keys that a file may have; a leaf takes any value, and `<name>` stands for every name there. */
type Known = { readonly [key: string]: Known | "leaf" };

/** Reports every key of the file that is not among the dotted `paths`, with the one that was probably meant. */
export function checkKeys(tree: YamlTree, paths: readonly string[], report: Report): void {
  check(tree, plant(paths), [], report);
}

function check(tree: YamlTree, known: Known, path: readonly string[], report: Report): void {
  for (const [key, value] of Object.entries(tree)) {
    const here = [...path, key].join(".");
    const below = known["<name>"] ?? (Object.hasOwn(known, key) ? known[key] : undefined);
    if (below === undefined) report.fault(`${here} is not a setting of this build${advice(key, known, path)}`);
    else if (below === "leaf" || value === null || value === "") continue;
    else if (isTree(value)) check(value, below, [...path, key], report);
    else report.fault(`${here} must be a map with keys such as ${Object.keys(below).slice(0, 3).join(", ")}`);
  }
}

function advice(key: string, known: Known, path: readonly string[]): string {
  const nearest = findNearest(key, Object.keys(known));
  if (nearest !== undefined) return `; did you mean ${[...path, nearest].join(".")}?`;
  return `; ${path.length === 0 ? "the file" : path.join(".")} may have ${Object.keys(known).toSorted().join(", ")}`;
}

function plant(paths: readonly string[]): Known {
  const byHead = Map.groupBy(paths, (path) => path.split(".", 1)[0] ?? path);
  const grown = [...byHead].map(([head, those]): [string, Known | "leaf"] => [
    head,
    those.includes(head) ? "leaf" : plant(those.map((path) => path.slice(head.length + 1))),
  ]);
  return Object.fromEntries(grown);
}
