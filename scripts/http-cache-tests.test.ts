import { afterAll, expect } from "bun:test";
import { needs } from "../test/needs.ts";
import { fetchSuite, suiteName } from "./http-cache-suite.ts";
import { groupOutcomes, readKeptOutcomes, runCacheTests, writeCacheFiles } from "./http-cache-tests.ts";

const fetched = await fetchSuite();
const reason = fetched.kind === "away" ? `: ${fetched.reason}` : "";
afterAll(async () => {
  if (fetched.kind === "here") await fetched.suite[Symbol.asyncDispose]();
});

needs(`${suiteName} by npm${reason}`, fetched.kind === "here")(
  "the public cache tests still find what docs/http-cache-tests.md says; npm run cache-tests writes it anew",
  async () => {
    if (fetched.kind === "away") return;
    const outcomes = await runCacheTests(fetched.suite);
    expect(groupOutcomes(fetched.suite, outcomes)).toEqual((await readKeptOutcomes()) ?? {});
    for (const [path, text] of Object.entries(await writeCacheFiles(fetched.suite, outcomes)))
      expect(await Bun.file(path).text()).toBe(text);
  },
  60_000,
);
