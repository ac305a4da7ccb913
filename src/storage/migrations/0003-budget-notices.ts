import type { SchemaChange } from "../schema-change.ts";

/** What a webhook has still to be told of budgets, and whether it was told that one refuses calls. */
export const budgetNotices: SchemaChange = {
  name: "0003-budget-notices",
  async up(db) {
    await db.schema
      .alterTable("budget_spend")
      .addColumn("refused_nano", "bigint", (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema
      .createTable("budget_notices")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("body", "text", (column) => column.notNull())
      .addColumn("created_at", "bigint", (column) => column.notNull())
      .addColumn("tries", "integer", (column) => column.notNull())
      .addColumn("next_at", "bigint", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("budget_notices_by_time").on("budget_notices").column("next_at").execute();
  },
  async down(db) {
    await db.schema.dropTable("budget_notices").execute();
    await db.schema.alterTable("budget_spend").dropColumn("refused_nano").execute();
  },
};
