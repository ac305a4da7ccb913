import { findNearest } from "../../config/nearest.ts";
import type { ManagementClient } from "./client.ts";
import { ManageFault } from "./fault.ts";
import { refuseSecret } from "./ids.ts";
import { listPages } from "./list-options.ts";
import { shapes } from "./shapes.ts";

/** The id of the project that somebody calls by its id or its name. Throws a `ManageFault` where there is none of that name. */
export async function findProjectId(api: ManagementClient, called: string): Promise<string> {
  refuseSecret(called);
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(called)) return called;
  const { items } = await listPages({ all: true }, async (page) => {
    const sent = api.manage.projects.$get({ query: { ...page, search: called } });
    const { projects, next_cursor: next } = await api.ask(sent, shapes.projects);
    return { items: projects, next };
  });
  const found = items.find(({ name }) => name === called);
  if (found) return found.id;
  const nearest = findNearest(
    called,
    items.map(({ name }) => name),
  );
  const meant =
    nearest === undefined ? "weir manage project list shows those that there are" : `did you mean "${nearest}"?`;
  throw new ManageFault(1, `There is no project "${called}"; ${meant}`);
}
