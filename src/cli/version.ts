import type { CliCommand } from "./command.ts";
import manifest from "../../package.json" with { type: "json" };

/** What a build is. */
export type Version = {
  readonly version: string;
  readonly commit: string;
  readonly built: string;
  readonly runtime: string;
};

/** Written in by the build. */
declare const WEIR_VERSION: string | undefined;
declare const WEIR_COMMIT: string | undefined;
declare const WEIR_BUILT: string | undefined;

/** What this program is; from a source tree, what its package says. */
export function readVersion(): Version {
  return {
    version: typeof WEIR_VERSION === "string" ? WEIR_VERSION : manifest.version,
    commit: typeof WEIR_COMMIT === "string" ? WEIR_COMMIT : "unknown",
    built: typeof WEIR_BUILT === "string" ? WEIR_BUILT : "unknown",
    runtime: `Bun ${Bun.version}`,
  };
}

/** `weir version`. */
export const versionCommand: CliCommand = {
  register(program) {
    program
      .command("version")
      .description("print version, commit, build time and runtime")
      .option("--json", "as JSON")
      .action(({ json }: { json?: boolean }) => {
        const { version, commit, built, runtime } = readVersion();
        console.log(
          json ? JSON.stringify(readVersion()) : `weir ${version}\ncommit ${commit}\nbuilt ${built}\n${runtime}`,
        );
      });
  },
};
