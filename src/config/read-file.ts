import type { Lookup } from "./lookup.ts";
import { moveOldLimits } from "./old-limits.ts";
import type { Report } from "./report.ts";
import { readYaml, type YamlTree } from "./yaml-file.ts";

/** Reads the configuration file; what stood elsewhere in files of the replaced systems is where it is now. */
export function readFile(
  file: { readonly path: string; readonly text: string },
  findVariable: Lookup["findVariable"],
  report: Report,
): YamlTree {
  return moveOldLimits(readYaml(file, findVariable, report), file.path, report);
}
