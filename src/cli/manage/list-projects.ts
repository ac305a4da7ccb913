import type { ManagementClient } from "./client.ts";
import { listPages } from "./list-options.ts";
import { type Project, shapes } from "./shapes.ts";

/** Lists all projects, or those whose name contains a text. */
export async function listProjects(api: ManagementClient, search?: string): Promise<readonly Project[]> {
  const { items } = await listPages({ all: true }, async (page) => {
    const query = search === undefined ? page : { ...page, search };
    const { projects, next_cursor: next } = await api.ask(api.manage.projects.$get({ query }), shapes.projects);
    return { items: projects, next };
  });
  return items;
}
