import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import { readConfig } from "../src/config/read-config.ts";
import { registry } from "../src/config/registry.ts";
import { replacedNames } from "../src/config/replaced-names.ts";
import { listTopics } from "../src/config/topics.ts";
import { startWeir } from "./weir.ts";

const root = join(import.meta.dir, "..");
const pages = ["*.md", "docs/**/*.md", "bench/*.md"]
  .flatMap((pattern) => [...new Glob(pattern).scanSync(root)])
  .toSorted();

/** The code blocks of a page, with what they say they are. */
function blocks(page: string): readonly { language: string; text: string }[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map(([, language = "", code = ""]) => ({
    language,
    text: code,
  }));
}

test("the pages are found", () => {
  expect(pages).toContain("README.md");
  expect(pages).toContain("docs/telemetry.md");
});

test("every link from page to page leads somewhere, headings too", () => {
  const lost: string[] = [];
  for (const page of pages) {
    const text = readFileSync(join(root, page), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", heading] = target.split("#");
      const file = path === "" ? join(root, page) : join(root, dirname(page), path);
      if (!existsSync(file)) lost.push(`${page}: ${target}`);
      else if (heading && !headings(readFileSync(file, "utf8")).includes(heading)) lost.push(`${page}: ${target}`);
    }
  }
  expect(lost).toEqual([]);
});

function headings(text: string): readonly string[] {
  const lines = text.split("\n").filter((line) => /^#+ /.test(line));
  return lines.map((line) =>
    line
      .replace(/^#+ /, "")
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}

test("every shell block is one that a shell can read", async () => {
  for (const page of pages) {
    for (const { language, text } of blocks(page)) {
      if (language !== "sh") continue;
      const shell = Bun.spawn(["bash", "-n"], { stdin: new Blob([text]), stderr: "pipe" });
      expect([page, await shell.exited, await new Response(shell.stderr).text()]).toEqual([page, 0, ""]);
    }
  }
});

test("every weir.yaml in the docs is accepted", () => {
  for (const page of pages) {
    for (const { language, text } of blocks(page)) {
      if (language !== "yaml") continue;
      const env = { DEEPSEEK_API_KEY: "k", LANGFUSE_PUBLIC_KEY: "p", LANGFUSE_SECRET_KEY: "s" };
      const result = readConfig({ env, files: { yaml: { path: "weir.yaml", text } } });
      expect([page, result.kind === "faults" ? result.faults : []]).toEqual([page, []]);
    }
  }
});

test("every setting that a page names is one", () => {
  const settings = listTopics(registry).flatMap((topic) => Object.values(topic.settings));
  const known = new Set([
    ...settings.flatMap(({ env, aliases = [] }) => [env, ...aliases]),
    ...replacedNames.map(({ name }) => name),
    ...others,
  ]);
  const unknown = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), "utf8");
    return [...text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g)]
      .map(([, name = ""]) => name)
      .filter((name) => !known.has(name));
  });
  expect([...new Set(unknown)]).toEqual([]);
});

/** Names that belong to others: clients, the runtime, the tests and the benchmark. */
const others = [
  "WEIR_SOAK_SECONDS",
  "WEIR_TEST_POSTGRES",
  "MANAGEMENT_API_BASE_URL",
  "PROXY_TOKEN",
  "WEIR_TOKEN",
  "NODE_EXTRA_CA_CERTS",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "OPENAI_BASE_URL",
  "OPENAI_API_KEY",
  "GOOGLE_GEMINI_BASE_URL",
  "COPILOT_PROVIDER_BASE_URL",
  "COPILOT_PROVIDER_TYPE",
  "COPILOT_PROVIDER_BEARER_TOKEN",
  "COPILOT_MODEL",
  "BUN_CONFIG_MAX_HTTP_REQUESTS",
  "MIMALLOC_PURGE_HOLES_MIN_INTERVAL",
  "WEIR_TEST_PYTHON",
  "WEIR_KILLS",
];

test("the README's own call is answered, and its record is where the README says", async () => {
  const mock = Bun.spawn([process.execPath, join(root, "src/cli/main.ts"), "mock", "--port", "0"], {
    stdout: "pipe",
    stderr: "pipe",
  });
  try {
    const mockUrl = await findText(mock.stdout, /http:\/\/127\.0\.0\.1:\d+(?=\s)/);
    await using weir = await startWeir({ env: { UPSTREAM_BASE_URL: mockUrl } });
    const call =
      blocks("README.md").find(({ language, text }) => language === "sh" && text.startsWith("curl"))?.text ?? "";
    const shell = Bun.spawn(["bash", "-ec", call.replaceAll("http://127.0.0.1:3000", weir.url)], {
      env: { PATH: process.env["PATH"] ?? "", OPENAI_API_KEY: "any" },
      stdout: "pipe",
      stderr: "ignore",
    });
    const answer = (await new Response(shell.stdout).json()) as { choices: { message: { content: string } }[] };
    expect(answer.choices[0]?.message.content).toContain("Hello");
    const record = await weir.waitForRecord(({ path }) => path === "/v1/chat/completions");
    expect(record).toMatchObject({ outcome: "answered", model: "gpt-4o-mini" });
    expect(record.usage.source).toBe("provider");
  } finally {
    mock.kill();
    await mock.exited;
  }
});

/** Reads until there is such a text, in however many parts it comes. */
async function findText(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    const [found] = pattern.exec(text) ?? [];
    if (found === undefined) continue;
    reader.releaseLock();
    return found;
  }
  throw new Error(`It doesn't say it, but: ${text}`);
}
