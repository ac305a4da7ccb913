import { mkdir } from "node:fs/promises";
import type { Config } from "../../config/config.ts";
import type { Project } from "../../domain/project.ts";
import type { Token } from "../../domain/token.ts";
import { type ControlStore, openControlStore } from "../../storage/control-store.ts";
import { complain } from "../command.ts";

/** A project, and a token of it with its text. */
export type Minted = {
  readonly project: Project;
  /** Whether it was there before. */
  readonly wasThere: boolean;
  readonly token: Token;
  readonly text: string;
};

const actor = { name: "cli", origin: "cli" } as const;

/**
 * Makes a project, unless there is one of that name, and a token of it, in the very database that the configuration names;
 * a gateway that runs on it takes the token within a second. Throws what the operator has to mend.
 */
export async function mint(
  { dataDir, control }: Config,
  { project: name, lifeMs }: { readonly project: string; readonly lifeMs: number | null },
): Promise<Minted> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const store = await openStore(control);
  try {
    const before = await findByName(store, name);
    const project = before ?? (await store.projects.add({ name }, actor));
    const life = lifeMs === null ? {} : { expiresAt: Date.now() + lifeMs };
    const { token, text } = await store.tokens.add({ projectId: project.id, name: "setup", ...life }, actor);
    return { project, wasThere: before !== undefined, token, text };
  } finally {
    await store.close();
  }
}

function openStore(control: Config["control"]): Promise<ControlStore> {
  return openControlStore({
    ...control,
    now: Date.now,
    onChanged: () => undefined,
    onTrouble: (error, phrase) => complain([`${phrase}: ${error instanceof Error ? error.message : String(error)}`]),
  });
}

async function findByName({ projects }: ControlStore, name: string): Promise<Project | undefined> {
  let after: string | undefined;
  do {
    const { items, next } = await projects.list({ search: name }, { limit: 100, after });
    const found = items.find((project) => project.name === name);
    if (found) return found;
    after = next;
  } while (after !== undefined);
  return undefined;
}
