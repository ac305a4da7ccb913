import { findNearest } from "../../config/nearest.ts";
import type { ManagementClient } from "./client.ts";
import { ManageFault } from "./fault.ts";
import { refuseSecret } from "./ids.ts";
import { listProjects } from "./list-projects.ts";

/** The id of the project that somebody calls by its id or its name. Throws a `ManageFault` where there is none of that name. */
export async function findProjectId(api: ManagementClient, called: string): Promise<string> {
  refuseSecret(called);
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(called)) return called;
  const items = await listProjects(api, called);
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
