import type { Config } from "../config/config.ts";
import type { ManagementToken } from "../management/management-token.ts";

/** What is known of a start beside its configuration. */
export type StartFacts = {
  readonly url: string;
  readonly managementUrl: string;
  readonly management: ManagementToken;
  readonly version: string;
  /** The process that takes signals. */
  readonly pid: number;
};

/** What a person reads when the gateway has started: where it listens, who may call, where records go, what to do next. */
export function describeStart(config: Config, { url, managementUrl, management, version, pid }: StartFacts): string {
  const rows = [
    ["mode", describeMode(config)],
    ["providers", config.gateway.providers.map(({ name, baseUrl }) => `${name} (${baseUrl})`).join(", ")],
    ["records", describeRecords(config)],
    ["health", `${url}/health`],
    ["process", `${pid}; kill -HUP ${pid} has it read its configuration again`],
    ["manage", `${managementUrl}/api/docs, ${describeToken(management)}`],
    ["use it", `OPENAI_BASE_URL=${url}/v1  ANTHROPIC_BASE_URL=${url}  GOOGLE_GEMINI_BASE_URL=${url}`],
  ];
  const lines = rows.map(([name, value]) => `  ${String(name).padEnd(10)} ${value}`);
  return `Weir ${version} listens on ${url}\n${lines.join("\n")}\n`;
}

/** The token itself is shown once, to the person who made it by starting. */
function describeToken({ token, path, made }: ManagementToken): string {
  if (path === undefined) return "with MANAGEMENT_TOKEN";
  return made ? `with the management token ${token}, kept in ${path}` : `with the management token in ${path}`;
}

function describeMode({ gateway: { authMode, providers } }: Config): string {
  const keys = providers.filter(({ key }) => key !== undefined).map(({ name }) => name);
  const whose = keys.length > 0 ? `your keys for ${keys.join(", ")}` : "callers' own keys";
  if (authMode.includes("open")) return `open to callers of this address, with ${whose}`;
  return `${authMode.join(" and ")}, with ${whose}`;
}

function describeRecords({ telemetry }: Config): string {
  if (!telemetry.enabled) return "none (TELEMETRY=off)";
  if (telemetry.sinks.length === 0) return "none: no sink is configured and EXCHANGE_LOG=off";
  const names = telemetry.sinks.map(({ name, values }) =>
    name === "file" && typeof values["path"] === "string" ? `file ${values["path"]}` : name,
  );
  const without = names.some((name) => name.startsWith("langfuse"))
    ? ""
    : "; no Langfuse keys. EXCHANGE_LOG=off or TELEMETRY=off record nothing";
  return names.join(", ") + without;
}
