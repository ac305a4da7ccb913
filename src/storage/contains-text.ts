import { type RawBuilder, sql, type SqlBool } from "kysely";

/** Whether a column holds a text, wherever in it. Large and small letters are the same, beyond ASCII as far as the database knows. */
export function containsText(column: string, text: string): RawBuilder<SqlBool> {
  const pattern = `%${text.replaceAll(/[\\%_]/g, "\\$&")}%`;
  return sql<SqlBool>`lower(${sql.ref(column)}) like lower(${pattern}) escape '\\'`;
}
