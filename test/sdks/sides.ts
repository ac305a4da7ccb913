import { expect } from "bun:test";
import type { Exchange } from "../../src/domain/exchange.ts";
import { sumUsage } from "../../src/domain/usage.ts";
import type { UsageBuckets } from "../../src/domain/usage.ts";
import { startMock } from "../../src/mock/mock-provider.ts";
import type { MockProvider } from "../../src/mock/mock-provider.ts";
import { startWeir, waitFor } from "../weir.ts";
import { plain } from "./plain.ts";

/** What a mock says that it served. */
type Served = {
  readonly request_id: string;
  readonly path: string;
  readonly model?: string;
  readonly status: number;
  readonly usage?: UsageBuckets;
  readonly ended: "complete" | "cut" | "left";
};

/** How a call ended, and what the gateway recorded of it. */
export type Compared<T> = { readonly result: T; readonly exchanges: readonly Exchange[] };

/** What differs from one run to the next. */
export type SidesOptions<Client> = {
  readonly connect: (url: string, apiKey: string) => Client;
  readonly env?: Readonly<Record<string, string>>;
  /** What the consumers of the gateway send. */
  readonly apiKey?: string;
};

export type Sides<Client> = AsyncDisposable & {
  /** Makes the same call on both ways, expects that nothing tells them apart, and that the record has what was served. */
  readonly compare: <T>(call: (client: Client) => Promise<T>, options?: CompareOptions) => Promise<Compared<T>>;
  /** The same for a call that has to fail. */
  readonly compareFailure: (call: (client: Client) => Promise<unknown>) => Promise<Compared<Error>>;
  /** A client of the gateway with another key. */
  readonly connectWith: (apiKey: string) => Client;
};

export type CompareOptions = {
  /** Requests without a record of their own: those inside a socket, and what an SDK sends past any base URL. */
  readonly past?: { readonly path: RegExp; readonly requests: number };
};

/** What the consumers of a gated gateway send. */
export const gateKey = "gate-key-of-the-tests";

/** The environment of a gateway that asks for the gate key and goes upstream with the operator's keys. */
export const gated: Readonly<Record<string, string>> = {
  PROXY_API_KEY: gateKey,
  UPSTREAM_API_KEY: "operators-key",
  ANTHROPIC_API_KEY: "operators-key",
  GEMINI_API_KEY: "operators-key",
};

/**
 * Two mocks of the same seed, which give the same ids to the same requests in the same order: one is called directly,
 * the other through the gateway.
 */
export async function openSides<Client>({
  connect,
  env = {},
  apiKey = "consumers-key",
}: SidesOptions<Client>): Promise<Sides<Client>> {
  const near = startMock({ seed: 3 });
  const far = startMock({ seed: 3 });
  const upstreams = { UPSTREAM_BASE_URL: far.url, ANTHROPIC_BASE_URL: far.url, GEMINI_BASE_URL: far.url };
  const weir = await startWeir({ env: { ...upstreams, ...env } });
  const direct = connect(near.url, "consumers-key");
  const through = connect(weir.url, apiKey);

  return {
    connectWith: (key) => connect(weir.url, key),
    compare,
    compareFailure: (call) =>
      compare(async (client) => {
        const outcome = await call(client).catch((error: unknown) => error);
        if (outcome instanceof Error) return outcome;
        throw new TypeError("The call had to fail, and did not");
      }),
    async [Symbol.asyncDispose]() {
      await weir[Symbol.asyncDispose]();
      near.stop();
      far.stop();
    },
  };

  async function compare<T>(call: (client: Client) => Promise<T>, { past }: CompareOptions = {}): Promise<Compared<T>> {
    const before = {
      requests: far.stats().requests,
      served: (await readServed(far)).length,
      records: (await weir.records()).length,
    };
    const [expected, result] = await Promise.all([call(direct), call(through)]);
    expect(plain(result)).toEqual(plain(expected));
    const [wanted, served] = await Promise.all([readServed(near), readServed(far)]);
    expect(served).toEqual(wanted);
    const exchanges = await readExchanges(
      before.records,
      far.stats().requests - before.requests - (past?.requests ?? 0),
    );
    for (const one of served.slice(before.served)) if (past?.path.test(one.path) !== true) expectRecord(exchanges, one);
    return { result, exchanges };
  }

  /** Waits for so many records more; another one would be one too many. */
  async function readExchanges(from: number, count: number): Promise<readonly Exchange[]> {
    const all = await waitFor(
      async () => {
        const records = await weir.records();
        return records.length >= from + count ? records : undefined;
      },
      () => `Of ${count} exchanges not all were recorded:\n${weir.output()}`,
    );
    expect(all).toHaveLength(from + count);
    return all.slice(from);
  }
}

/** All that a mock has served, once nothing is under way. */
async function readServed({ url, stats }: MockProvider): Promise<readonly Served[]> {
  await waitFor(() => stats().open === 0, "An answer of the mock is still under way");
  const text = await (await fetch(`${url}/__mock/served`)).text();
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Served);
}

/** Expects the record of what was served whole, with the model, the status and the usage that it was served with. */
function expectRecord(exchanges: readonly Exchange[], served: Served): void {
  const { request_id, path, model, status, usage, ended } = served;
  const found = exchanges.find(({ upstream_request_id }) => upstream_request_id === request_id);
  expect({ path, status: found?.status }).toEqual({ path, status });
  if (found === undefined || ended !== "complete") return;
  expect({ path, outcome: found.outcome }).toEqual({ path, outcome: "answered" });
  if (model !== undefined && status < 400 && found.method === "POST")
    expect({ path, model: found.model }).toEqual({ path, model });
  if (usage === undefined) return;
  const { raw: _raw, tier: _tier, ...counted } = found.usage;
  expect({ path, usage: counted }).toEqual({ path, usage: sumUsage(usage, { source: "provider" }) });
}

/** The text of an exchange's only answer. */
export function textOf(exchange: Exchange | undefined): string | undefined {
  const output = exchange?.output;
  return output?.kind === "choices" ? output.choices[0]?.text : undefined;
}
