import { LineCounter, parseDocument, visit } from "yaml";
import { isTree, type Lookup } from "./lookup.ts";
import type { Report } from "./report.ts";

/** A configuration file as a tree; numbers stay text, as they were written. */
export type YamlTree = Readonly<Record<string, unknown>>;

/** Private characters around a variable's name: braces would end a map in `{ key: ${NAME} }`. */
const [opening, closing] = ["\uE000", "\uE001"] as const;

/** Reads YAML, with variables in the place of each `${NAME}` in its values; what is wrong is reported without quoting the file. */
export function readYaml(
  { path, text }: { readonly path: string; readonly text: string },
  findVariable: Lookup["findVariable"],
  report: Report,
): YamlTree {
  const lines = new LineCounter();
  const marked = text.replace(/\$\{([A-Za-z_]\w*)\}/g, `${opening}$1${closing}`);
  const document = parseDocument(marked, { prettyErrors: false, lineCounter: lines });
  const [first] = [...document.errors, ...document.warnings];
  if (first !== undefined) {
    report.fault(`${path} must be YAML, which it isn't at line ${lines.linePos(first.pos[0]).line} (${first.code})`);
    return {};
  }
  visit(document, {
    Scalar(_, scalar) {
      // As a number it would lose the digits of a long key and the zero of 1.10.
      if (typeof scalar.value === "number") scalar.value = scalar.source ?? scalar.value;
    },
  });
  const tree = follow(document, path, report) ?? {};
  if (isTree(tree)) return fillTree(tree, [], findVariable, report);
  report.fault(`${path} must be a map of settings, such as "port: 3000"`);
  return {};
}

/** An alias without an anchor, inside of it, or too many of them, is found only when they are followed. */
function follow(document: ReturnType<typeof parseDocument>, path: string, report: Report): unknown {
  try {
    const tree: unknown = document.toJS({ maxAliasCount: 100 });
    // It throws where something holds itself, which would have no end.
    JSON.stringify(tree);
    return tree;
  } catch {
    report.fault(`${path} must have an anchor (&name) before each alias (*name), and no more than a hundred aliases`);
    return undefined;
  }
}

function fillTree(
  tree: YamlTree,
  path: readonly string[],
  findVariable: Lookup["findVariable"],
  report: Report,
): YamlTree {
  const entries = Object.entries(tree).map(([marked, value]): [string, unknown] => {
    const key = marked.replaceAll(opening, "${").replaceAll(closing, "}");
    return [key, fill(value, [...path, key], findVariable, report)];
  });
  return Object.fromEntries(entries);
}

function fill(value: unknown, path: readonly string[], findVariable: Lookup["findVariable"], report: Report): unknown {
  if (isTree(value)) return fillTree(value, path, findVariable, report);
  if (Array.isArray(value)) return value.map((item) => fill(item, path, findVariable, report));
  if (typeof value !== "string") return value;
  if (value.includes("${")) {
    report.fault(`${path.join(".")} must have a variable's name alone between \${ and }, such as \${MY_KEY}`);
  }
  return value.replace(/\uE000(\w+)\uE001/g, (_, name: string) => {
    const found = findVariable(name);
    if (found === undefined) report.fault(`${name} must be set, because ${path.join(".")} takes its value from it`);
    return found ?? "";
  });
}
