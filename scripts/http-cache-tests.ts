import { join } from "node:path";
import { z } from "zod";
import { startWeir } from "../test/weir.ts";
import { isGood, judgeFindings, type Outcomes } from "./http-cache-judge.ts";
import { writeCacheReport } from "./http-cache-report.ts";
import { fetchSuite, type Finding, type Suite, suiteName } from "./http-cache-suite.ts";

const docs = join(import.meta.dirname, "../docs");
const dataPath = join(docs, "http-cache-tests.json");
const pagePath = join(docs, "http-cache-tests.md");

const data = z.object({
  suite: z.literal(suiteName),
  outcomes: z.record(z.string(), z.record(z.string(), z.string())),
});

type KeptOutcomes = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The outcomes that are kept, by category and test; `undefined` where there are none of this version. */
export async function readKeptOutcomes(): Promise<KeptOutcomes | undefined> {
  const text = await Bun.file(dataPath)
    .text()
    .catch(() => "null");
  return data.safeParse(JSON.parse(text)).data?.outcomes;
}

/** Outcomes as they are kept. */
export function groupOutcomes({ categories }: Suite, outcomes: Outcomes): KeptOutcomes {
  return Object.fromEntries(
    categories.map(({ id, tests }) => [
      id,
      Object.fromEntries(tests.map((test) => [test.id, outcomes.get(test.id) ?? "untested"])),
    ]),
  );
}

/** What the files would say of these outcomes, by path. */
export async function writeCacheFiles(suite: Suite, outcomes: Outcomes): Promise<Readonly<Record<string, string>>> {
  const kept = { suite: suiteName, outcomes: groupOutcomes(suite, outcomes) };
  return {
    [dataPath]: `${JSON.stringify(kept, null, 2)}\n`,
    [pagePath]: await writeCacheReport(suite, outcomes),
  };
}

/** Runs the suite against a whole Weir. What isn't as it was, or isn't good, gets a second chance: a busy machine fails what waits for seconds. */
export async function runCacheTests(suite: Suite): Promise<Outcomes> {
  const kept = new Map(Object.values((await readKeptOutcomes()) ?? {}).flatMap((each) => Object.entries(each)));
  await using origin = await startOrigin(suite);
  const provider = `providers: { origin: { base_url: ${origin.url}, dialect: openai } }\n`;
  await using weir = await startWeir({
    env: { AUTH_MODE: "open", HTTP_CACHE_ENABLED: "true" },
    files: { "weir.yaml": provider },
  });
  const tests = suite.categories.flatMap((category) => category.tests);
  const findings: Record<string, Finding> = {};
  const run = (some: typeof tests) =>
    Promise.all(
      some.map(async (test) => {
        findings[test.id] = await suite.run(test, `${weir.url}/origin`);
      }),
    );
  await run(tests);
  const first = judgeFindings(suite.categories, findings);
  await run(tests.filter(({ id }) => (kept.size > 0 ? kept.get(id) !== first.get(id) : !isGood(first.get(id)))));
  return judgeFindings(suite.categories, findings);
}

/** The suite's origin runs on Node, as its authors run it. */
async function startOrigin({ folder }: Suite): Promise<AsyncDisposable & { readonly url: string }> {
  const child = Bun.spawn(["node", join(import.meta.dirname, "http-cache-origin.mjs"), folder], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = Number(new TextDecoder().decode(value));
  if (!(port > 0)) throw new Error("The suite's origin server does not start");
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

if (import.meta.main) {
  const fetched = await fetchSuite();
  if (fetched.kind === "away") {
    console.error(`The suite can't be fetched: ${fetched.reason}`);
    process.exitCode = 1;
  } else {
    await using suite = fetched.suite;
    const outcomes = await runCacheTests(suite);
    for (const [path, text] of Object.entries(await writeCacheFiles(suite, outcomes))) {
      await Bun.write(path, text);
      console.log(`${path} written`);
    }
    console.log(`${[...outcomes.values()].filter(isGood).length} of ${outcomes.size} tests are as the suite has it`);
  }
}
