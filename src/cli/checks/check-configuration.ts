import type { ConfigResult } from "../../config/read-config.ts";
import type { Finding } from "./check.ts";
import { checkUserBudgets } from "./check-user-budgets.ts";

const name = "configuration";

/** Every fault and every warning of a configuration, each a finding. */
export function checkConfiguration(result: ConfigResult): readonly Finding[] {
  const warnings = result.warnings.map((message): Finding => ({ name, state: "warn", message }));
  if (result.kind === "faults") {
    return [...result.faults.map((message): Finding => ({ name, state: "fail", message })), ...warnings];
  }
  const { gateway, telemetry } = result.config;
  const providers = gateway.providers.map((provider) => provider.name).join(", ");
  const sinks = telemetry.sinks.map((sink) => sink.name).join(", ") || "none";
  return [
    { name, state: "ok", message: `every setting is right; providers: ${providers}; sinks: ${sinks}` },
    ...warnings,
    ...checkUserBudgets(result.config),
  ];
}
