import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { findDialect } from "../providers/find-dialect.ts";
import { anthropic, gemini, openai } from "../providers/index.ts";
import { openAnswer } from "./answer-reader.ts";
import type { Answer } from "./dialect.ts";
import { split } from "./test-answers.ts";

/** Answers of real providers, which lie beside the repository where somebody has them. */
const folder = join(import.meta.dir, "../../../shared/recordings");
const here = existsSync(folder);
const unless = here ? "" : " (skipped: there is no ../shared/recordings)";

const recording = z.object({
  host: z.string(),
  method: z.string(),
  path: z.string(),
  contentType: z.string().nullish(),
  body: z.string().nullish(),
});
type Recording = z.infer<typeof recording>;

function load(file: string): readonly Recording[] {
  const lines = gunzipSync(readFileSync(join(folder, file)))
    .toString()
    .trim()
    .split("\n");
  return lines.map((line) => recording.parse(JSON.parse(line)));
}

function open({ host, method, path: target, contentType }: Recording) {
  const provider = host.includes("anthropic") ? anthropic : host.includes("googleapis") ? gemini : openai;
  const path = target.split("?", 1)[0] ?? target;
  return openAnswer(findDialect(provider, method, path), { method, path }, { contentType: contentType ?? undefined });
}

const bytesOf = ({ body }: Recording) => new TextEncoder().encode(body ?? "");

function read(recorded: Recording, sizes: readonly number[]): Answer {
  const reader = open(recorded);
  for (const piece of split(bytesOf(recorded), sizes)) reader.push(piece);
  return reader.end();
}

/** Reads an answer of which only the first and the last bytes were kept. */
function readEnds(recorded: Recording, kept: number): Answer {
  const bytes = bytesOf(recorded);
  const reader = open(recorded);
  reader.push(bytes.subarray(0, kept));
  reader.skip(bytes.length - 2 * kept);
  reader.push(bytes.subarray(-kept));
  return reader.end();
}

/** The JSON values of a body, found without any of the readers: lines of data, an array's elements, or the whole. */
function valuesOf({ contentType, body }: Recording): readonly Json[] {
  const texts = contentType?.includes("event-stream")
    ? [...(body ?? "").matchAll(/^data: ?(\{.*\})\r?$/gm)].map(([, text]) => text ?? "")
    : [body ?? ""];
  return texts.flatMap((text) => {
    if (!/^\s*[[{]/.test(text)) return [];
    return JSON.parse(text) as Json | Json[];
  });
}

type Counts = Readonly<Record<string, number | null | undefined>>;
type Json = {
  readonly object?: string;
  readonly usage?: Counts | null;
  readonly response?: { readonly usage?: Counts | null };
  readonly message?: { readonly usage?: Counts | null };
  readonly usageMetadata?: Counts;
};

/** What a recording's own usage objects sum up to, the last word of each member counting; `undefined` where there is none. */
const totals: Readonly<Record<string, (values: readonly Json[]) => number | undefined>> = {
  "openai.jsonl.gz": (values) => {
    const told = values.filter(({ object }) => object !== "thread.run.step");
    const last = told.map(({ usage, response }) => usage ?? response?.usage).findLast((usage) => usage);
    return last?.["total_tokens"] ?? undefined;
  },
  "anthropic.jsonl.gz": (values) => {
    const told = values.flatMap(({ usage, message }) => Object.entries(usage ?? message?.usage ?? {}));
    const last = new Map(told.filter(([, count]) => count !== null));
    const names = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"];
    return last.size === 0 ? undefined : names.reduce((sum, name) => sum + (last.get(name) ?? 0), 0);
  },
  "google.jsonl.gz": (values) =>
    values.findLast(({ usageMetadata }) => usageMetadata)?.usageMetadata?.["totalTokenCount"] ?? undefined,
};

for (const [file, totalOf] of Object.entries(totals)) {
  const title = (fact: string) => `${file.split(".", 1)[0]}: ${fact}${unless}`;

  test.skipIf(!here)(title("every recorded answer that tells its usage is read with that very total"), () => {
    let told = 0;
    for (const recorded of load(file)) {
      const { usage } = read(recorded, []);
      const total = totalOf(valuesOf(recorded));
      if (total === undefined) continue;
      told += 1;
      expect({ ...recorded, total: usage?.total, source: usage?.source }).toEqual({
        ...recorded,
        total,
        source: "provider",
      });
    }
    expect(told).toBeGreaterThan(10);
  });

  test.skipIf(!here)(title("every recorded answer says something, and the same however it is split"), () => {
    for (const recorded of load(file)) {
      const whole = read(recorded, []);
      expect(Object.keys(whole).length).toBeGreaterThan(recorded.body ? 0 : -1);
      expect(read(recorded, [1, 3, 2, 509])).toEqual(whole);
    }
  });

  test.skipIf(!here)(title("the usage survives where only the first and the last 1,500 bytes were kept"), () => {
    const large = load(file).filter(({ body }) => (body?.length ?? 0) > 4_000);
    for (const recorded of large) expect(readEnds(recorded, 1_500).usage?.total).toBe(read(recorded, []).usage?.total);
    expect(large.length).toBeGreaterThan(10);
  });
}
