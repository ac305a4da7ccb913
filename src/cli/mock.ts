import { InvalidArgumentError } from "commander";
import { explainListenFault } from "../lib/listen-fault.ts";
import type { MockOptions, MockProvider } from "../mock/mock-provider.ts";
import { type CliCommand, complain } from "./command.ts";

/** `weir mock`. */
export const mockCommand: CliCommand = {
  register(program) {
    program
      .command("mock")
      .description(
        "run a mock of the providers, for trying things out, tests and load; faults come by model name (mock-429)",
      )
      .option("--port <number>", "where to listen", wholeNumber(65_535), 4010)
      .option("--host <address>", "on which address", "127.0.0.1")
      .option("--latency <ms>", "how long every answer waits", wholeNumber(3_600_000), 0)
      .option("--jitter <ms>", "up to how much longer it waits", wholeNumber(3_600_000), 0)
      .option("--seed <number>", "the same seed gives the same ids, jitter and chaos", wholeNumber(4_294_967_295), 1)
      .option("--chaos <share>", "the share of requests that meet a fault, from 0 to 1", share, 0)
      .action((options: MockFlags) => runMock(options));
  },
};

type MockFlags = Pick<MockOptions, "host" | "port" | "seed" | "chaos"> & { latency: number; jitter: number };

async function runMock({ latency, jitter, ...options }: MockFlags): Promise<void> {
  const mock = await start({ ...options, latencyMs: latency, jitterMs: jitter });
  process.stdout.write(describeMock(mock.url));
  const end = (): void => {
    mock.stop();
    process.exit(0);
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
}

async function start(options: MockOptions): Promise<MockProvider> {
  // What a gateway never needs is not loaded with it.
  const { startMock } = await import("../mock/mock-provider.ts");
  try {
    return startMock(options);
  } catch (error) {
    const port = `--port ${options.port} on ${options.host}`;
    const place = { port, host: `--host ${options.host}`, otherPort: "--port" };
    const why = error instanceof Error ? error.message : String(error);
    complain([explainListenFault(place, error) ?? `${port} can't be had: ${why}`]);
    process.exit(1);
  }
}

function describeMock(url: string): string {
  const json = "-H 'content-type: application/json'";
  const messages = `"messages":[{"role":"user","content":"Hello"}]`;
  return `The mock provider listens on ${url}
  openai     curl ${url}/v1/chat/completions -H 'authorization: Bearer any' ${json} -d '{"model":"gpt-4o-mini",${messages}}'
  anthropic  curl ${url}/v1/messages -H 'x-api-key: any' -H 'anthropic-version: 2023-06-01' ${json} -d '{"model":"claude-haiku-4-5","max_tokens":100,${messages}}'
  gemini     curl ${url}/v1beta/models/gemini-2.5-flash:generateContent -H 'x-goog-api-key: any' ${json} -d '{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}'
  served     curl ${url}/__mock/served
`;
}

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,10}$/.test(text) && Number(text) <= max) return Number(text);
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${max}.`);
  };
}

function share(text: string): number {
  if (/^(?:0|1|0?\.\d+|0\.\d+|1\.0+)$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number from 0 to 1.");
}
