import type { ProjectSettings } from "../domain/project.ts";
import type { Grant } from "./credential.ts";

/** What holds for a call: its project's decision, or else the gateway's own. */
export function decide<Name extends keyof ProjectSettings>(
  { grant }: { readonly grant: Grant },
  name: Name,
  otherwise: NonNullable<ProjectSettings[Name]>,
): NonNullable<ProjectSettings[Name]> {
  return grant.pass?.project.settings[name] ?? otherwise;
}
