import type { ProjectStore } from "../storage/projects.ts";

const atOnce = 1000;

/** Reads what all projects are called, by id. */
export async function readProjectNames(projects: Pick<ProjectStore, "list">): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  let after: string | undefined;
  do {
    const { items, next } = await projects.list({}, { limit: atOnce, after });
    for (const { id, name } of items) names.set(id, name);
    after = next;
  } while (after !== undefined);
  return names;
}
