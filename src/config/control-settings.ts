import {
  count,
  credential,
  duration,
  flag,
  list,
  oneOf,
  reading,
  size,
  text,
  withDefault,
} from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";
import { readAddress } from "./address.ts";

/** Where projects, tokens and the audit are kept. */
export const storageSettings = {
  driver: {
    env: "DB_DRIVER",
    yaml: "database.driver",
    ...withDefault(oneOf(["sqlite", "postgres"]), "sqlite"),
    help: "Which database holds projects, tokens and the audit: `sqlite`, or `postgres` for several machines.",
  },
  path: {
    env: "DATABASE_PATH",
    yaml: "database.path",
    schema: text().optional(),
    help: "The SQLite file; unset, `weir.db` in `DATA_DIR`. It is made on the first start.",
  },
  url: {
    env: "DATABASE_URL",
    yaml: "database.url",
    schema: credential().optional(),
    secret: true,
    help: "The PostgreSQL database, `postgres://user:password@host/name`. It counts with `DB_DRIVER=postgres` alone, since many environments hold one for another program.",
  },
  poolSize: {
    env: "DATABASE_POOL_SIZE",
    yaml: "database.pool_size",
    ...withDefault(count({ min: 1 }), "10"),
    help: "PostgreSQL connections of each process at most. SQLite has one.",
  },
  maxIdle: {
    env: "DATABASE_MAX_IDLE_CONNS",
    yaml: "database.max_idle_conns",
    ...withDefault(count({}), "5"),
    help: "PostgreSQL connections that stay open when nothing is asked.",
  },
  connectionLifetimeMs: {
    env: "DATABASE_CONN_MAX_LIFETIME",
    yaml: "database.conn_max_lifetime",
    ...withDefault(duration(), "1h"),
    help: "After this a PostgreSQL connection is made anew; 0 never does it.",
  },
  encryptionKeys: {
    env: "ENCRYPTION_KEY",
    yaml: "database.encryption_key",
    schema: list(reading("base64 of 32 bytes, such as `openssl rand -base64 32` gives", readKey)).optional(),
    secret: true,
    help: "What provider keys are sealed with in the database: 32 bytes in base64. Several may stand with commas between: the first seals, all unseal.",
  },
  requireEncryption: {
    env: "REQUIRE_ENCRYPTION_KEY",
    yaml: "database.require_encryption_key",
    ...withDefault(flag(), "false"),
    help: "It doesn't start without `ENCRYPTION_KEY`.",
  },
} satisfies Settings;

/** What is written down of changes, and where. */
export const auditSettings = {
  enabled: {
    env: "AUDIT_ENABLED",
    yaml: "audit.enabled",
    ...withDefault(flag(), "true"),
    help: "Whether every change, and every refusal of management access, is written down.",
  },
  inDatabase: {
    env: "AUDIT_STORE_IN_DB",
    yaml: "audit.store_in_db",
    ...withDefault(flag(), "true"),
    help: "Whether the audit's chain is in the database, with the file as its copy; else the file is the chain, one for each process.",
  },
  file: {
    env: "AUDIT_LOG_FILE",
    yaml: "audit.log_file",
    schema: text().optional(),
    help: "The audit as JSON lines; unset, `audit.log` in `DATA_DIR`.",
  },
  createFolder: {
    env: "AUDIT_CREATE_DIR",
    yaml: "audit.create_dir",
    ...withDefault(flag(), "true"),
    help: "Whether the folder of that file is made where it is missing.",
  },
  maxFileBytes: {
    env: "AUDIT_MAX_FILE_BYTES",
    yaml: "audit.max_file_bytes",
    ...withDefault(size({ min: 65_536 }), "100MB"),
    help: "The file is moved to a numbered one beside it when it has grown to this; none is ever deleted.",
  },
  reads: {
    env: "AUDIT_READS",
    yaml: "audit.reads",
    ...withDefault(oneOf(["sensitive", "all", "off"]), "sensitive"),
    help: "Which reads are entries too: `sensitive` (of bodies, of the audit, of one project or token), `all` (lists as well), or `off`.",
  },
} satisfies Settings;

/** The management API and its tokens. */
export const managementSettings = {
  address: {
    env: "MANAGEMENT_LISTEN_ADDR",
    yaml: "management.listen_addr",
    schema: reading("host:port or :port", readAddress).optional(),
    help: "An address of their own for `/manage`, `/admin`, `/api/docs` and the metrics, which are then 404 on the main one.",
  },
  tokenCleanupMs: {
    env: "TOKEN_CLEANUP_INTERVAL",
    yaml: "management.token_cleanup_interval",
    ...withDefault(duration(), "1h"),
    help: "How often expired tokens are marked inactive; 0 never does it. They are refused from the moment that they expire in any case.",
  },
} satisfies Settings;

function readKey(written: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(written)) return undefined;
  const key = Buffer.from(written, "base64");
  return key.length === 32 ? key : undefined;
}
