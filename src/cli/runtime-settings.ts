import { existsSync } from "node:fs";
import { join } from "node:path";

/** What the runtime reads from the environment as its process starts. */
export const runtimeSettings = {
  /** The most that Bun takes; without it, requests upstream queue beyond 256 at once. */
  BUN_CONFIG_MAX_HTTP_REQUESTS: "65336",
  /** How often the allocator gives free memory between what is in use back to the system, which takes that away from calls. Milliseconds; 100 without it. */
  MIMALLOC_PURGE_HOLES_MIN_INTERVAL: "500",
} as const;

/** Starts this process anew, under the same id, where Bun was started without the settings that a gateway needs. */
export function restartWithRuntimeSettings(): void {
  if (process.env["BUN_CONFIG_MAX_HTTP_REQUESTS"] !== undefined || !process.execve) return;
  const environment = { ...runtimeSettings, ...process.env };
  process.execve(process.execPath, [...ownCommand(process.argv.slice(2))], environment);
}

/** The command that starts this very program, with other arguments and with the flags that it needs. */
export function ownCommand(args: readonly string[]): readonly string[] {
  const [, script = ""] = process.argv;
  return [process.execPath, ...readBunArguments(script), ...args];
}

/** A compiled program holds its flags and its script; elsewhere neither `.env` nor `bunfig.toml` of the working directory is Bun's to load. */
function readBunArguments(script: string): readonly string[] {
  if (Bun.main.startsWith("/$bunfs/")) return [];
  const bunfig = join(import.meta.dir, "../../bunfig.toml");
  return [
    "--no-env-file",
    ...(existsSync(bunfig) ? [`--config=${bunfig}`] : []),
    "--no-install",
    "--max-http-header-size=131072",
    script,
  ];
}
