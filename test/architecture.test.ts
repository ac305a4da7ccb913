import { Glob } from "bun";
import { expect, test } from "bun:test";
import { findImports } from "./architecture/imports.ts";
import { findFaults } from "./architecture/rules.ts";
import type { Layers } from "./architecture/rules.ts";
import { readTokens } from "./architecture/tokens.ts";

const words = ["domain", "lib"];
const parts = ["providers", "dialects", "prices", "limits", "cache", "storage", "outbox", "sinks", "config", ...words];
const planes = ["gateway", "telemetry", "management"];

/** Who may import whom, type imports included. Imports point down, siblings are strangers. */
const layers: Layers = {
  cli: ["app.ts", "mock", ...planes, ...parts],
  "app.ts": ["control.ts", ...planes, ...parts],
  "control.ts": [...planes, ...parts],
  gateway: parts,
  telemetry: parts,
  management: parts,
  mock: words,
  config: ["providers", "sinks", ...words],
  providers: ["dialects", ...words],
  dialects: words,
  prices: words,
  limits: words,
  cache: words,
  storage: words,
  outbox: ["sinks/sink.ts", ...words],
  sinks: ["storage", ...words],
  domain: [],
  lib: [],
};

const src = `${import.meta.dir}/../src`;
const files = [...new Glob("**/*.{ts,tsx}").scanSync(src)].toSorted();

test("there are files to judge", () => {
  expect(files).toContain("domain/exchange.ts");
});

test("every file keeps the rules of the architecture", async () => {
  const faults = await Promise.all(
    files.map(async (path) => {
      const found = findFaults(path, await Bun.file(`${src}/${path}`).text(), layers);
      return found.map((fault) => `src/${path} ${fault}`);
    }),
  );
  expect(faults.flat()).toEqual([]);
});

test("every folder of src is in the table", () => {
  const folders = new Set(files.filter((path) => path.includes("/")).map((path) => path.split("/")[0]));
  expect([...folders].filter((folder) => folder !== undefined && !(folder in layers))).toEqual([]);
});

const faulty: readonly (readonly [path: string, source: string, fault: string])[] = [
  ["gateway/a.ts", 'import { x } from "../telemetry/x.ts";', "gateway may not import telemetry/x.ts"],
  ["gateway/a.ts", 'import type { X } from "../telemetry/x.ts";', "gateway may not import telemetry/x.ts"],
  ["gateway/a.ts", 'export * from "../cli/x.ts";', "gateway may not import cli/x.ts"],
  ["gateway/deep/a.ts", 'type X = import("../../app.ts").X;', "gateway may not import app.ts"],
  [
    "gateway/a.ts",
    'new Worker(new URL("../telemetry/worker.ts", import.meta.url));',
    "gateway may not import telemetry/worker.ts",
  ],
  ["outbox/a.ts", 'import { createFile } from "../sinks/file.ts";', "outbox may not import sinks/file.ts"],
  ["outbox/a.ts", 'import { sink } from "../sinks/sink.ts";', "outbox may not import sinks/sink.ts"],
  ["outbox/a.ts", 'import type from "../sinks/sink.ts";', "outbox may not import sinks/sink.ts"],
  ["outbox/a.ts", 'import type, { sink } from "../sinks/sink.ts";', "outbox may not import sinks/sink.ts"],
  ["domain/a.ts", 'import { x } from "../lib/x.ts";', "domain may not import lib/x.ts"],
  ["surprise/a.ts", 'import { x } from "../lib/x.ts";', "surprise may not import lib/x.ts"],
  ["surprise.ts", 'import { x } from "./lib/x.ts";', "surprise.ts may not import lib/x.ts"],
  ["lib/a.ts", 'import { x } from "../../test/x.ts";', "imports ../../test/x.ts, which lies outside of src"],
  ["lib/a.ts", 'import { x } from "./b.test.ts";', "imports the test lib/b.test.ts"],
  ["lib/a.ts", "await import(`./${name}.ts`);", "imports a computed path"],
  ["lib/a.ts", 'import { x } from "./b";', "imports ./b without its ending"],
  ["lib/a.ts", 'import { x } from "./b.js";', "imports ./b.js without its ending"],
  ["lib/a.ts", "const port = process.env.PORT;", "reads the environment, which only cli may"],
  ["lib/a.ts", "const { PORT } = Bun.env;", "reads the environment, which only cli may"],
  ["lib/a.ts", 'const env = process["env"];', "reads the environment, which only cli may"],
  ["lib/a.ts", "export default 1;", "has a default export"],
  ["lib/a.ts", "const a = 1;\nexport { a as default };", "has a default export"],
  ["lib/a.ts", "/** Calls. */\nlet calls = 0;", "has state at module level"],
  ["lib/a.ts", "export function f() {}\nexport let calls = `${f()}`;", "has state at module level"],
  ["lib/a.ts", "const [a, b] = body.tee();", "splits a stream with tee()"],
  ["lib/a.ts", 'new ReadableStream({ type: "direct", pull() {} });', "makes a direct stream"],
  ["dialects/a.ts", 'import { readFileSync } from "node:fs";', "does input or output with node:fs"],
  ["dialects/a.ts", 'import { Database } from "bun:sqlite";', "does input or output with bun:sqlite"],
  ["providers/a.ts", 'await fetch("x");', "does input or output with fetch"],
  ["providers/a.ts", "await globalThis.fetch(url);", "does input or output with fetch"],
  ["providers/a.ts", "Bun.file(path);", "does input or output with Bun"],
];

test.each(faulty)("in %s, %s is a fault", (path, source, fault) => {
  expect(findFaults(path, source, layers)).toEqual([fault]);
});

const faultless: readonly (readonly [path: string, source: string])[] = [
  [
    "gateway/a.ts",
    'import type { Exchange } from "../domain/exchange.ts"; import { route } from "./route.ts"; import { z } from "zod";',
  ],
  ["outbox/a.ts", 'import type { Sink } from "../sinks/sink.ts"; export type * from "../sinks/sink.ts";'],
  ["outbox/a.ts", 'import type Sink from "../sinks/sink.ts";'],
  ["cli/a.ts", 'import manifest from "../../package.json" with { type: "json" }; const env = process.env;'],
  ["gateway/a.test.ts", 'import { createSink } from "../telemetry/x.ts"; let calls = 0;'],
  [
    "lib/a.ts",
    '// import { x } from "../cli/x.ts"\n/* let a = process.env */ export function f() { let n = 0; return n; }',
  ],
  [
    "lib/a.ts",
    'const text = "process.env export default"; const pattern = /["\'`]{/; export const g = `let ${text} from "../cli/x.ts"`;',
  ],
];

test.each(faultless)("in %s, %s is no fault", (path, source) => {
  expect(findFaults(path, source, layers)).toEqual([]);
});

test("the scanner sees every form of import, and nothing in comments, texts and patterns", () => {
  const source = `#!/usr/bin/env node
    import "./effect.ts"; import a from './a.ts'; import * as b from "./b.ts"; import type { C } from "./c.ts";
    import d, { type D } from "./d.ts"; import manifest from "./e.json" with { type: "json" };
    import {
      f, // from "./no.ts"
    } from
      "./f.ts";
    export { g } from "./g.ts"; export type { H } from "./h.ts"; export * as i from "./i.ts"; export type * from "./j.ts";
    const k = await import("./k.ts"); const l = import(\`./l.ts\`); type M = typeof import("./m.ts", { with: {} });
    import n = require("./n.ts"); const o = new Worker(new URL("./o.ts", import.meta.url));
    // import "./no.ts"
    /* import "./no.ts" */
    const text = 'import "./no.ts"' + "from \\"./no.ts\\"" + \`import "./no.ts" \${f(\`\${"}"}\`)} from "./no.ts"\`;
    const pattern = /import "[/"]no.ts"/g, half = 4 / 2, from = list.from("./no.ts"), url = new URL("../v1", base);
    const p = \`\${await import("./p.ts")}\`;`;
  const seen = findImports(readTokens(source)).map(({ specifier }) => specifier);
  expect(seen).toEqual([
    ..."effect a b c d".split(" ").map((name) => `./${name}.ts`),
    "./e.json",
    ..."f g h i j k l m n o p".split(" ").map((name) => `./${name}.ts`),
  ]);
});

test("the scanner sees as many imports of values as Bun's own does, in every file", async () => {
  const transpiler = new Bun.Transpiler({ loader: "tsx" });
  for (const path of files) {
    const source = await Bun.file(`${src}/${path}`).text();
    const ours = new Set(findImports(readTokens(source)).map(({ specifier }) => specifier));
    const missed = transpiler.scanImports(source).filter((found) => !ours.has(found.path));
    expect({ path, missed }).toEqual({ path, missed: [] });
  }
});
