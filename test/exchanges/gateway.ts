import { Database } from "bun:sqlite";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findFreePort } from "../free-port.ts";
import type { DatabaseConfig } from "../../src/storage/database.ts";
import { readStoredStatus } from "../../src/outbox/read-status.ts";
import { type Control, openControl } from "../control/control.ts";
import type { StoreKind } from "../control/store.ts";
import { waitFor } from "../weir.ts";
import { type BookProvider, openBookProvider } from "./book-provider.ts";
import type { Identity } from "./consumers.ts";
import { pricesYaml } from "./price-list.ts";

/** Users have a budget that stops nothing, so that what they spend is counted. */
const yaml = `${pricesYaml}budgets:\n  users: { "*": [{ amount_usd: 100000, period: total, hard: false }] }\n`;

/** Far more than is spent. */
const budget = [{ amount_usd: "100000", period: "total", hard: true }];

/** How one is opened. */
export type GatewayOptions = {
  readonly kind: StoreKind;
  /** More than one share a port. */
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether its projects and tokens have budgets; they do if nothing is said. */
  readonly hasBudgets?: boolean;
};

/** The program before a provider that keeps a book, with consumers' tokens; it is killed and started again on the same data. */
export type Gateway = AsyncDisposable & {
  readonly control: Control;
  readonly provider: BookProvider;
  /** Tokens of several projects. */
  readonly identities: readonly Identity[];
  readonly url: () => string;
  /** A token of a project of its own. */
  readonly makeIdentity: () => Promise<Identity>;
  /** `kill -9` of every process. */
  readonly kill: () => Promise<void>;
  /** `kill -9` of one of several processes, the others go on; waits until another has taken its place. */
  readonly killOne: (index: number) => Promise<void>;
  /** Starts it where it was killed; in the ordinary way it is stopped first. */
  readonly restart: () => Promise<void>;
  /** The outboxes, one for each process. */
  readonly outboxes: readonly string[];
  /** Where the exchange log is. */
  readonly log: DatabaseConfig;
};

/** Opens it with everything durable, before a second sink that takes nothing: what was delivered stays in the outbox. */
export async function openGateway({
  kind,
  workers = 1,
  env = {},
  hasBudgets = true,
}: GatewayOptions): Promise<Gateway> {
  const provider = openBookProvider();
  const port = workers > 1 ? { PORT: String(await findFreePort()), WEIR_WORKERS: String(workers) } : {};
  const control = await openControl({
    kind,
    yaml,
    upstreamUrl: provider.url,
    env: {
      DURABILITY: "strict",
      // A machine that others use too may take longer than calls are held up for.
      STRICT_TIMEOUT_MS: "15000",
      BUDGETS_ON_FAILURE: "open",
      SINKS: "store,langfuse",
      LANGFUSE_BASE_URL: `${provider.url}/langfuse`,
      LANGFUSE_PUBLIC_KEY: "pk-lf-1",
      LANGFUSE_SECRET_KEY: "sk-lf-1",
      ...port,
      ...env,
    },
  });
  const weir = () => {
    const [only] = control.weirs;
    if (only === undefined) throw new Error("It doesn't run");
    return only;
  };
  const countListening = () => weir().lines.filter((line) => line.includes('"msg":"listening"')).length;
  const listen = (wanted: number) =>
    waitFor(
      () => countListening() >= wanted || undefined,
      () => `Not all listen: ${weir().output()}`,
      20_000,
    );
  const makeIdentity = async (project?: string): Promise<Identity> => {
    const id = project ?? (await control.createProject(hasBudgets ? { budget } : {})).id;
    const { id: tokenId, token } = await control.createToken(id, hasBudgets ? { budget } : {});
    return { project: id, tokenId, token };
  };
  await listen(workers);
  const identities: Identity[] = [];
  for (let each = 0; each < 3; each += 1) {
    const first = await makeIdentity();
    identities.push(first, await makeIdentity(first.project));
  }
  const dataDir = env["DATA_DIR"] ?? control.dataDirs[0] ?? "";
  const folders = workers === 1 ? [dataDir] : Array.from({ length: workers }, (_, at) => join(dataDir, `worker-${at}`));
  const databaseUrl = control.store.env["DATABASE_URL"];
  return {
    control,
    provider,
    identities,
    makeIdentity: () => makeIdentity(),
    url: () => weir().url,
    async kill() {
      const children = childrenOf(weir().pid);
      const killed = weir().kill();
      for (const child of children) killProcess(child);
      await killed;
    },
    async killOne(index) {
      const before = countListening();
      const children = childrenOf(weir().pid);
      killProcess(children[index % children.length]);
      await listen(before + 1);
    },
    async restart() {
      await control.restart();
      await listen(workers);
    },
    outboxes: folders.map((folder) => join(folder, "outbox.db")),
    log:
      databaseUrl === undefined
        ? { driver: "sqlite", path: join(dataDir, "exchanges.db") }
        : { driver: "postgres", url: databaseUrl, poolSize: 2, maxIdle: 1, connectionLifetimeMs: 0 },
    async [Symbol.asyncDispose]() {
      const [running] = control.weirs;
      const children = running === undefined ? [] : childrenOf(running.pid);
      const killed = running?.kill();
      for (const child of children) killProcess(child);
      await killed;
      await control[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}

/**
 * Sets the sink's cursor back to the beginning while nobody runs, so that everything is delivered again; gives how much that is.
 * Nothing else tells the sink that it has had it.
 */
export function forgetDeliveries(outbox: string): number {
  if (!existsSync(outbox)) return 0;
  using database = new Database(outbox);
  const before = database.query<{ delivered: number }, []>("SELECT delivered FROM books WHERE sink = 'store'").get();
  database.run("UPDATE books SET cursor = 0, delivered = 0 WHERE sink = 'store'");
  return before?.delivered ?? 0;
}

/** What the sink has of an outbox, once nothing waits for it any more. */
export async function readDelivered(outbox: string, limitMs = 20_000) {
  const read = () => readStoredStatus({ path: outbox }).sinks.find(({ name }) => name === "store")?.counts;
  return waitFor(
    () => {
      const counts = read();
      return counts?.pending === 0 ? counts : undefined;
    },
    () => `There is something left: ${JSON.stringify(read())}`,
    limitMs,
  );
}

function childrenOf(pid: number): readonly number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

function killProcess(pid: number | undefined): void {
  if (pid === undefined) throw new Error("There is no process to kill");
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
