import { join } from "node:path";
import { accessSettings } from "../config/access-settings.ts";
import { auditSettings, managementSettings, storageSettings } from "../config/control-settings.ts";
import type { Config } from "../config/config.ts";
import { gatewaySettings } from "../config/gateway-settings.ts";
import { listenSettings } from "../config/listen-settings.ts";
import { logSettings, metricsSettings } from "../config/log-settings.ts";
import type { Texts } from "../config/lookup.ts";
import type { ConfigResult } from "../config/read-config.ts";
import { replacedNames } from "../config/replaced-names.ts";
import type { Settings } from "../lib/setting.ts";
import { loadConfig } from "./load-config.ts";
import { findCopilotProvider, readUpstreams } from "./run-clients.ts";

/** The configuration of a gateway for one run of a program: the settings of `serve`, as far as they aren't the program's own. */
export async function loadRunConfig({
  flags,
  env,
  dataDir,
  session,
}: {
  readonly flags: Texts;
  readonly env: Texts;
  readonly dataDir: string;
  /** The session of exchanges that name none. */
  readonly session: string;
}): Promise<ConfigResult> {
  const { defaults, faults } = readUpstreams(env);
  if (faults.length > 0) return { kind: "faults", faults, warnings: [] };
  const ours = { DATA_DIR: dataDir, LOG_FILE: join(dataDir, "weir.log"), LOG_FORMAT: "json", LOG_LEVEL: "warn" };
  const result = await loadConfig({
    flags: { ...flags, "--addr": "127.0.0.1:0" },
    env: { ...withoutProgramsOwn(env), ...ours },
    defaults,
    workingFiles: false,
  });
  if (result.kind === "faults") return result;
  // What is in the environment is the program's: what we would warn of isn't said to us.
  return { ...result, config: forOneRun(result.config, env, session), warnings: [] };
}

/** Only the program calls it, with its own credentials, from this machine. */
function forOneRun({ gateway, telemetry, lifecycle, ...config }: Config, env: Texts, session: string): Config {
  const { gateKey: _gate, managementToken: _management, ...forwarding } = gateway;
  const copilot = findCopilotProvider(env);
  return {
    ...config,
    gateway: {
      ...forwarding,
      authMode: ["open"],
      allowOpenRelay: false,
      providers: copilot === undefined ? gateway.providers : [...gateway.providers, copilot],
    },
    telemetry: { ...telemetry, defaultSession: session },
    lifecycle: { ...lifecycle, drainDelayMs: 0, workers: 1 },
  };
}

/** Without what says something of the program itself, or of a server: its port, its logs, its keys, which it sends by itself. */
function withoutProgramsOwn(env: Texts): Texts {
  const oldNames = Object.values<Settings[string]>(gatewaySettings).flatMap(({ aliases = [] }) => aliases);
  const foreign = new Set([
    ...[listenSettings, accessSettings, logSettings, metricsSettings].flatMap(listNames),
    ...[storageSettings, auditSettings, managementSettings].flatMap(listNames),
    ...oldNames,
    ...replacedNames.flatMap(({ name, fate }) => (fate === "no effect" ? [name] : [])),
    "OPENAI_API_URL",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
  ]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.has(name)));
}

function listNames(settings: Settings): readonly string[] {
  return Object.values(settings).flatMap(({ env, aliases = [] }) => [...(env === undefined ? [] : [env]), ...aliases]);
}
