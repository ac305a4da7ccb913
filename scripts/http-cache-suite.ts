import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";

/** The public suite, as its package has it. It isn't a dependency, since it depends on a whole npm of its own. */
export const suiteName = "http-cache-tests@0.4.5";
const integrity = "DjuwN9nUZXLTW+wav1LRESCZNVxl8SshwOy4z1pxuWbWt5/ay6sM9QQ1lebBaDO6P1IMBoK6mdf+PuVP/QNL8A==";

/** How important a test is: a must of the standard, what the best of caches do, or a question without a right answer. */
const kinds = z.enum(["required", "optimal", "check"]);
const test = z.looseObject({
  id: z.string(),
  kind: kinds.default("required"),
  browser_only: z.boolean().default(false),
  depends_on: z.array(z.string()).default([]),
});
const category = z.object({ id: z.string(), name: z.string(), tests: z.array(test) });

export type SuiteTest = z.infer<typeof test>;
export type SuiteCategory = z.infer<typeof category>;

/** What a test found: that all is as it expects, or whether it stumbled on its way (`Setup`), and what it says. */
export type Finding = true | readonly [name: string, said: string];
export type Findings = Readonly<Record<string, Finding>>;

/** The suite in a folder that goes with it. */
export type Suite = AsyncDisposable & {
  readonly folder: string;
  readonly categories: readonly SuiteCategory[];
  /** Runs one test against the cache at a base URL. */
  readonly run: (test: SuiteTest, base: string) => Promise<Finding>;
  /** What the suite's authors found of another cache, and its version; `undefined` where they publish nothing. */
  readonly findOthers: (name: string) => Promise<{ readonly version: string; readonly findings: Findings } | undefined>;
};

/** The suite, or why it can't be had. */
export type FetchedSuite =
  | { readonly kind: "here"; readonly suite: Suite }
  | { readonly kind: "away"; readonly reason: string };

/** Fetches it by npm; throws where what came isn't what was expected. */
export async function fetchSuite(): Promise<FetchedSuite> {
  const folder = await mkdtemp(join(tmpdir(), "weir-cache-tests-"));
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    const reason = await pack(folder);
    if (reason !== undefined) {
      await dispose();
      return { kind: "away", reason };
    }
    const bytes = await Bun.file(join(folder, `${suiteName.replace("@", "-")}.tgz`)).bytes();
    const found = new Bun.CryptoHasher("sha512").update(bytes).digest("base64");
    if (found !== integrity)
      throw new Error(`${suiteName} came with the SHA-512 ${found}, not ${integrity}. Don't run it; find out why.`);
    await new Bun.Archive(bytes).extract(folder);
    return { kind: "here", suite: await openSuite(join(folder, "package"), dispose) };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Puts the package's archive there; gives why it couldn't. */
async function pack(folder: string): Promise<string | undefined> {
  if (Bun.which("npm") === null) return "npm is not here";
  const options = ["--ignore-scripts", "--prefer-offline", "--fetch-retries=0", "--fetch-timeout=15000"];
  const child = Bun.spawn(["npm", "pack", suiteName, "--pack-destination", folder, ...options], {
    cwd: folder,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: 30_000,
  });
  const lines = (await new Response(child.stderr).text()).split("\n");
  const said = lines.find((line) => /^npm err/i.test(line)) ?? "it said nothing of why";
  return (await child.exited) === 0 ? undefined : `npm pack ${suiteName} failed: ${said}`;
}

const callable = <T>() => z.custom<T>((value) => typeof value === "function");
const finding = z.union([z.literal(true), z.tuple([z.string(), z.string()]).readonly()]);
const clientModule = z.object({
  makeCacheTest: callable<(test: object) => Promise<void>>(),
  /** The table itself, which tests write to. */
  testResults: z.custom<Readonly<Record<string, unknown>>>((value) => typeof value === "object" && value !== null),
});
const configModule = z.object({
  setFetch: callable<(fetch: unknown) => void>(),
  setBaseUrl: callable<(base: string) => void>(),
});
const findingsFile = z.record(z.string(), finding);
const others = z.array(z.object({ file: z.string(), name: z.string(), version: z.string() }));

async function openSuite(folder: string, dispose: () => Promise<void>): Promise<Suite> {
  const load = (path: string): Promise<unknown> => import(join(folder, path));
  const { default: categories } = z.object({ default: z.array(category) }).parse(await load("tests/index.mjs"));
  const { default: surrogate } = z.object({ default: category }).parse(await load("tests/surrogate-control.mjs"));
  const { default: published } = z.object({ default: others }).parse(await load("results/index.mjs"));
  const config = configModule.parse(await load("client/config.mjs"));
  const { makeCacheTest, testResults } = clientModule.parse(await load("client/test.mjs"));
  config.setFetch(fetchAsConsumer);

  return {
    folder,
    categories: [...categories, surrogate].map((each) => ({
      ...each,
      tests: each.tests.filter(({ browser_only }) => !browser_only),
    })),
    async run(one, base) {
      config.setBaseUrl(base);
      // A test writes into its own requests, and no id may run twice.
      const id = `${one.id} ${crypto.randomUUID()}`;
      await makeCacheTest({ ...structuredClone(one), id });
      return finding.parse(testResults[id]);
    },
    async findOthers(name) {
      const found = published.find((each) => each.name === name);
      if (!found) return undefined;
      const file: unknown = await Bun.file(join(folder, "results", found.file)).json();
      return { version: found.version, findings: findingsFile.parse(file) };
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** A consumer with a key of its own, as the cache passes by who has none. What only browsers have is left out. */
function fetchAsConsumer(url: string, init: Ask = {}): Promise<Response> {
  const { method, headers = [], body, redirect } = init;
  return fetch(url, {
    headers: [...headers, ["x-api-key", "a-consumer"]],
    signal: AbortSignal.timeout(20_000),
    ...(method === undefined ? {} : { method }),
    ...(body === undefined ? {} : { body }),
    ...(redirect === undefined ? {} : { redirect }),
  });
}

type Ask = Pick<RequestInit, "method" | "redirect"> & {
  readonly headers?: [string, string][];
  readonly body?: string;
};
