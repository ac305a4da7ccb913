import { describe, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Actor } from "../src/domain/audit.ts";
import { createVault } from "../src/lib/seal.ts";
import { createAudit, createAuditStore } from "../src/storage/audit.ts";
import { createChanges } from "../src/storage/change.ts";
import { type DatabaseConfig, openDatabase, type OpenOptions, type Storage } from "../src/storage/database.ts";
import { createMigration } from "../src/storage/migrate.ts";
import { openPepper } from "../src/storage/pepper.ts";
import { createProjectStore } from "../src/storage/projects.ts";
import { createTokenStore } from "../src/storage/tokens.ts";
import { needs } from "./needs.ts";
import { createDatabase, findPostgres, whatPostgresNeeds } from "./postgres.ts";

/** A database of a test's own, empty, which goes with everything that was opened on it. */
export type Place = AsyncDisposable & {
  readonly config: DatabaseConfig;
  /** A folder that goes with it. */
  readonly folder: string;
  /** What tells the program of it. */
  readonly env: Readonly<Record<string, string>>;
  readonly open: (options?: OpenOptions) => Promise<Storage>;
  /** Brings the schema up to date, and opens everything on a handle of its own. */
  readonly openStores: (options?: StoreOptions) => Promise<Stores>;
};

/** How stores are opened. */
export type StoreOptions = {
  readonly keys?: readonly Uint8Array[];
  readonly now?: () => number;
  readonly audit?: boolean;
};

/** The stores of one handle. */
export type Stores = Awaited<ReturnType<typeof build>>;

/** A test, where there is the database that it needs. */
export type DatabaseTest = ReturnType<typeof needs>;

/** Who acts in tests. */
export const actor: Actor = { name: "tester", origin: "api", requestId: "req-1", clientAddress: "192.0.2.7" };

/** Defines the same tests on SQLite and on PostgreSQL. */
export function onEachDatabase(
  suite: (test: DatabaseTest, makePlace: () => Promise<Place>, driver: DatabaseConfig["driver"]) => void,
): void {
  describe("on SQLite", () => suite(test, makeSqlitePlace, "sqlite"));
  describe("on PostgreSQL", () => suite(testOnPostgres, makePostgresPlace, "postgres"));
}

/** A test that only PostgreSQL can pass. */
export const testOnPostgres = needs(whatPostgresNeeds, findPostgres());

/** A file that isn't there yet. */
export async function makeSqlitePlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "weir-storage-"));
  const path = join(folder, "weir.db");
  return makePlace({ driver: "sqlite", path }, folder, { DB_DRIVER: "sqlite", DATABASE_PATH: path });
}

/** An empty database on the server of this process. */
export async function makePostgresPlace(): Promise<Place> {
  const { url, ...database } = await createDatabase();
  const folder = await mkdtemp(join(tmpdir(), "weir-storage-"));
  const config = { driver: "postgres", url, poolSize: 5, maxIdle: 1, connectionLifetimeMs: 3_600_000 } as const;
  const env = { DB_DRIVER: "postgres", DATABASE_URL: url };
  return makePlace(config, folder, env, async () => database[Symbol.asyncDispose]());
}

/** A key to encrypt with, the same for the same number. */
export function makeKey(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}

/** What an attempt that has to fail says. */
export async function faultOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error("It did not fail");
}

function makePlace(
  config: DatabaseConfig,
  folder: string,
  env: Place["env"],
  drop: () => Promise<void> = () => Promise.resolve(),
): Place {
  const opened: Storage[] = [];
  const open = async (options?: OpenOptions) => {
    const storage = await openDatabase(config, () => {}, options);
    opened.push(storage);
    return storage;
  };
  return {
    config,
    folder,
    env,
    open,
    async openStores(options = {}) {
      const storage = await open();
      await createMigration(storage).up();
      return build(storage, options);
    },
    async [Symbol.asyncDispose]() {
      for (const storage of opened) await storage.close();
      await drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function build(storage: Storage, { keys = [], now = Date.now, audit: enabled = true }: StoreOptions) {
  const vault = createVault(keys);
  const pepper = await openPepper(storage, vault);
  const audit = createAudit({ enabled, inDatabase: true, now });
  const changes = createChanges({ storage, audit });
  return {
    storage,
    vault,
    pepper,
    changes,
    audit: createAuditStore(storage),
    projects: createProjectStore({ storage, changes, vault, now }),
    tokens: createTokenStore({ storage, changes, vault, pepper, now }),
  };
}
