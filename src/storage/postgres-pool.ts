import type { PostgresPool, PostgresPoolClient } from "kysely";
import type { PoolClient } from "pg";

/** Connections to a PostgreSQL. */
export type PostgresPoolOptions = {
  readonly url: string;
  /** At most, and those that stay when nothing is asked. */
  readonly max: number;
  readonly min: number;
  /** Milliseconds; 0 is for ever. */
  readonly lifetimeMs: number;
  /** How long a connection may take, and an answer. Milliseconds; 0 is for ever. */
  readonly connectWithinMs: number;
  readonly answerWithinMs: number;
  /** A connection broke while it was idle. */
  readonly onTrouble: (error: Error) => void;
};

/** Creates a pool, which connects when it is asked. */
export async function createPostgresPool(options: PostgresPoolOptions): Promise<PostgresPool> {
  // It is loaded only where it is used.
  const { Pool, TypeOverrides, types } = await import("pg");
  const integers = new TypeOverrides();
  // 64-bit integers come as text otherwise; ours are all below 2^53.
  integers.setTypeParser(types.builtins.INT8, Number);
  const pool = new Pool({
    connectionString: options.url,
    max: options.max,
    min: options.min,
    maxLifetimeSeconds: Math.ceil(options.lifetimeMs / 1000),
    connectionTimeoutMillis: options.connectWithinMs,
    query_timeout: options.answerWithinMs,
    application_name: "weir",
    types: integers,
  });
  // A connection that breaks must not end the program: not an idle one, and none between two statements of a transaction.
  pool.on("error", options.onTrouble);
  pool.on("connect", (client) => client.on("error", () => {}));
  return { connect: async () => watch(await pool.connect()), end: () => pool.end(), options: pool.options };
}

/** A connection that has once left us without an answer isn't asked again: nobody knows what it would answer. */
function watch(client: PoolClient): PostgresPoolClient {
  let lost: Error | undefined;
  async function query(text: string, parameters: readonly unknown[]) {
    if (lost) throw lost;
    try {
      return await client.query(text, [...parameters]);
    } catch (error) {
      if (!(error instanceof Error) || error.message !== "Query read timeout") throw error;
      lost = new Error("The database did not answer in time", { cause: error });
      throw lost;
    }
  }
  return {
    // Kysely asks for a cursor only where it was given one.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    query: query as unknown as PostgresPoolClient["query"],
    release: (destroy = false) => client.release(destroy || lost !== undefined),
  };
}
