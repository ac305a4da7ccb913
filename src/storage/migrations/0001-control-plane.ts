import type { SchemaChange } from "../schema-change.ts";

/** Projects, their keys, tokens, and the audit. */
export const controlPlane: SchemaChange = {
  name: "0001-control-plane",
  async up(db) {
    await db.schema
      .createTable("projects")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("name", "text", (column) => column.notNull().unique())
      .addColumn("is_active", "integer", (column) => column.notNull())
      .addColumn("deactivated_at", "bigint")
      .addColumn("created_at", "bigint", (column) => column.notNull())
      .addColumn("updated_at", "bigint", (column) => column.notNull())
      .addColumn("metadata", "text", (column) => column.notNull())
      .addColumn("policy", "text", (column) => column.notNull())
      .addColumn("settings", "text", (column) => column.notNull())
      .addColumn("epoch", "bigint", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("projects_by_epoch").on("projects").column("epoch").execute();

    await db.schema
      .createTable("provider_keys")
      .addColumn("project_id", "text", (column) => column.notNull().references("projects.id"))
      .addColumn("provider", "text", (column) => column.notNull())
      .addColumn("sealed", "text", (column) => column.notNull())
      .addColumn("shown", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("provider_keys_pk", ["project_id", "provider"])
      .execute();

    await db.schema
      .createTable("tokens")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("project_id", "text", (column) => column.notNull().references("projects.id"))
      .addColumn("hash", "text", (column) => column.notNull().unique())
      .addColumn("shown", "text", (column) => column.notNull())
      .addColumn("name", "text")
      .addColumn("expires_at", "bigint")
      .addColumn("max_requests", "bigint")
      .addColumn("is_active", "integer", (column) => column.notNull())
      .addColumn("deactivated_at", "bigint")
      .addColumn("created_at", "bigint", (column) => column.notNull())
      .addColumn("updated_at", "bigint", (column) => column.notNull())
      .addColumn("last_used_at", "bigint")
      .addColumn("request_count", "bigint", (column) => column.notNull().defaultTo(0))
      .addColumn("cache_hit_count", "bigint", (column) => column.notNull().defaultTo(0))
      .addColumn("user_id", "text")
      .addColumn("allowed_models", "text")
      .addColumn("metadata", "text", (column) => column.notNull())
      .addColumn("epoch", "bigint", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("tokens_by_epoch").on("tokens").column("epoch").execute();
    await db.schema.createIndex("tokens_by_project").on("tokens").columns(["project_id", "id"]).execute();
    await db.schema.createIndex("tokens_by_expiry").on("tokens").columns(["is_active", "expires_at"]).execute();

    await db.schema
      .createTable("state")
      .addColumn("one", "integer", (column) => column.primaryKey())
      .addColumn("epoch", "bigint", (column) => column.notNull())
      .addColumn("audit_seq", "bigint", (column) => column.notNull())
      .addColumn("audit_hash", "text", (column) => column.notNull())
      .execute();
    await db.insertInto("state").values({ one: 1, epoch: 0, audit_seq: 0, audit_hash: "" }).execute();

    await db.schema
      .createTable("secrets")
      .addColumn("name", "text", (column) => column.primaryKey())
      .addColumn("sealed", "text", (column) => column.notNull())
      .execute();

    await db.schema
      .createTable("audit")
      .addColumn("seq", "bigint", (column) => column.primaryKey())
      .addColumn("id", "text", (column) => column.notNull().unique())
      .addColumn("at", "bigint", (column) => column.notNull())
      .addColumn("action", "text", (column) => column.notNull())
      .addColumn("outcome", "text", (column) => column.notNull())
      .addColumn("reason", "text")
      .addColumn("actor", "text", (column) => column.notNull())
      .addColumn("origin", "text", (column) => column.notNull())
      .addColumn("project_id", "text")
      .addColumn("token_id", "text")
      .addColumn("request_id", "text")
      .addColumn("client_address", "text")
      .addColumn("method", "text")
      .addColumn("path", "text")
      .addColumn("user_agent", "text")
      .addColumn("changes", "text")
      .addColumn("previous", "text", (column) => column.notNull())
      .addColumn("hash", "text", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("audit_by_time").on("audit").column("at").execute();
    await db.schema.createIndex("audit_by_project").on("audit").columns(["project_id", "seq"]).execute();
    await db.schema.createIndex("audit_by_token").on("audit").columns(["token_id", "seq"]).execute();
    await db.schema.createIndex("audit_by_action").on("audit").columns(["action", "seq"]).execute();
  },
  async down(db) {
    for (const table of ["audit", "secrets", "state", "tokens", "provider_keys", "projects"])
      await db.schema.dropTable(table).execute();
  },
};
