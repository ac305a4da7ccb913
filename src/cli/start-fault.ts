import type { Config } from "../config/config.ts";
import { explainListenFault } from "../lib/listen-fault.ts";
import { adviseOnDatabase, explainDatabaseFault, isDatabaseFault } from "./database-fault.ts";
import { describeFileFault } from "./file-fault.ts";

/** What is in the way of a start, in words that name the setting. */
export function readStartFault(error: unknown, config: Config): string {
  if (!(error instanceof Error)) return String(error);
  const { host, port, control } = config;
  const listener = { port: `PORT ${port} on ${host}`, host: `HOST ${host}`, otherPort: "PORT=… or --port" };
  const unheard = explainListenFault(listener, error);
  if (unheard !== undefined) return unheard;
  const place = "path" in error ? findPlace(String(error.path), config) : undefined;
  if (place) return describeFileFault(place.setting, place.path, error);
  if (!isDatabaseFault(error)) return error.message;
  return `${explainDatabaseFault(error, control.database).message}. ${adviseOnDatabase(error, control.database)}`;
}

type Place = { readonly setting: string; readonly path: string };

/** Whose file or folder it is that the system speaks of. */
function findPlace(path: string, { dataDir, control: { database, audit } }: Config): Place | undefined {
  const files: readonly Place[] = [
    { setting: "AUDIT_LOG_FILE", path: audit.file },
    ...(database.driver === "sqlite" ? [{ setting: "DATABASE_PATH", path: database.path }] : []),
  ];
  return (
    files.find((file) => path.startsWith(file.path)) ??
    (path.startsWith(dataDir) ? { setting: "DATA_DIR", path: dataDir } : undefined) ??
    files.find((file) => file.path.startsWith(`${path}/`))
  );
}
