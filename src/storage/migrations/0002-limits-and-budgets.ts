import type { SchemaChange } from "../schema-change.ts";

/** Limits and budgets of projects and tokens, and what was spent of budgets. */
export const limitsAndBudgets: SchemaChange = {
  name: "0002-limits-and-budgets",
  async up(db) {
    for (const table of ["projects", "tokens"])
      for (const column of ["limits", "budgets"]) await db.schema.alterTable(table).addColumn(column, "text").execute();

    await db.schema
      .createTable("budget_spend")
      .addColumn("scope", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("period", "text", (column) => column.notNull())
      .addColumn("starts", "bigint", (column) => column.notNull())
      .addColumn("spent_nano", "bigint", (column) => column.notNull())
      .addColumn("told_nano", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("budget_spend_pk", ["scope", "id", "period", "starts"])
      .execute();
    await db.schema.createIndex("budget_spend_by_start").on("budget_spend").columns(["period", "starts"]).execute();

    await db.schema
      .createTable("budget_leases")
      .addColumn("holder", "text", (column) => column.notNull())
      .addColumn("turn", "integer", (column) => column.notNull())
      .addColumn("scope", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("period", "text", (column) => column.notNull())
      .addColumn("starts", "bigint", (column) => column.notNull())
      .addColumn("amount_nano", "bigint", (column) => column.notNull())
      .addColumn("settled_nano", "bigint", (column) => column.notNull())
      .addColumn("seen_at", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("budget_leases_pk", ["holder", "turn"])
      .execute();
    await db.schema
      .createIndex("budget_leases_by_budget")
      .on("budget_leases")
      .columns(["scope", "id", "period", "starts"])
      .execute();
  },
  async down(db) {
    for (const table of ["budget_leases", "budget_spend"]) await db.schema.dropTable(table).execute();
    for (const table of ["projects", "tokens"])
      for (const column of ["limits", "budgets"]) await db.schema.alterTable(table).dropColumn(column).execute();
  },
};
