import { text } from "../lib/setting-schema.ts";
import type { Setting, Settings } from "../lib/setting.ts";
import { providerSettings } from "../providers/custom.ts";
import { isTree } from "./lookup.ts";
import type { Report } from "./report.ts";
import type { YamlTree } from "./yaml-file.ts";

/** What the `api_providers.yaml` of sofatutor's llm-proxy may say of a provider. */
export function oldApiSettings(name: string): Settings {
  const { baseUrl, allowedMethods, allowedEndpoints, paramWhitelist, allowedOrigins, requiredHeaders } =
    providerSettings(name, "apis");
  return {
    baseUrl,
    allowedMethods: needed(allowedMethods),
    allowedEndpoints: needed(allowedEndpoints),
    paramWhitelist,
    allowedOrigins,
    requiredHeaders,
    ...Object.fromEntries(
      [...replacements].map(([path, replacement]) => [
        path,
        {
          yaml: `apis.${name}.${path}`,
          schema: text().optional(),
          help: `Accepted without effect: ${replacement.replace("PROXY_TIMEOUT_MS", "`$&`")}.`,
        },
      ]),
    ),
  };
}

/** Both had to be there, so that nothing is open by a slip. */
function needed(setting: Setting): Setting {
  return { ...setting, help: `${setting.help.replace(/ Unset, all.*$/, "")} It must be there.` };
}

/** What takes the place of settings of old. */
const replacements: ReadonlyMap<string, string> = new Map([
  ["timeouts.request", "PROXY_TIMEOUT_MS bounds the time until an answer's head, and nothing bounds a whole answer"],
  ["timeouts.response_header", "PROXY_TIMEOUT_MS bounds the time until an answer's head"],
  ["timeouts.idle_connection", "idle connections are kept and closed without it"],
  ["timeouts.flush_interval", "every byte is passed on as it arrives"],
  ["connection.max_idle_conns", "idle connections are kept and closed without it"],
  ["connection.max_idle_conns_per_host", "idle connections are kept and closed without it"],
]);

/** Reports what of such an entry means something else here, or nothing. */
export function checkOldApi(path: string, entry: YamlTree, report: Report): void {
  for (const key of ["allowed_endpoints", "allowed_methods"]) {
    if (!Object.hasOwn(entry, key))
      report.fault(`${path}.${key} must be set; to allow all, name the provider under providers instead`);
  }
  for (const [where, replacement] of replacements) {
    const [group = "", key = ""] = where.split(".");
    const settings = entry[group];
    if (isTree(settings) && Object.hasOwn(settings, key))
      report.warn(`${path}.${where} has no effect here: ${replacement}`);
  }
  checkPatterns(path, entry["param_whitelist"], report);
}

/** Patterns were those of Go's `path.Match`. */
function checkPatterns(path: string, whitelist: unknown, report: Report): void {
  for (const [name, patterns] of Object.entries(isTree(whitelist) ? whitelist : {})) {
    if (!/[?[\\]|\*\*/.test(String(patterns))) continue;
    report.fault(
      `${path}.param_whitelist.${name} must have no ?, [, \\ and ** in its patterns, which mean something else here; name the provider under providers to have them so`,
    );
  }
}
