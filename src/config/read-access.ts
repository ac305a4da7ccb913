import type { SettingValues } from "../lib/setting.ts";
import { accessSettings } from "./access-settings.ts";
import { type Address, isLoopback } from "./address.ts";
import type { GatewayConfig } from "./config.ts";
import type { Lookup } from "./lookup.ts";
import { readSettings } from "./read-settings.ts";
import type { Report } from "./report.ts";

/** Who may call, and from where. */
export type Access = Pick<
  GatewayConfig,
  "authMode" | "gateKey" | "managementToken" | "allowOpenRelay" | "corsAllowedOrigins"
>;

type Values = SettingValues<typeof accessSettings>;

/** Reads who may call; a mode that would let nobody in, or the wrong ones, is a fault. */
export function readAccess(lookup: Lookup, report: Report): Access {
  const values = readSettings(accessSettings, lookup, report);
  const gateName = lookup.find(accessSettings.gateKey)?.name;
  const managementName = lookup.find(accessSettings.managementToken)?.name;
  const authMode = values.authMode ?? impliedMode(gateName !== undefined, managementName !== undefined);
  if (!authMode.includes("open")) checkEntrance(authMode, gateName, report);
  else if (authMode.includes("token")) report.warn("AUTH_MODE lets anybody in, so token changes nothing beside open");
  checkCredentials(values, gateName, report);
  checkOrigins(values.corsAllowedOrigins, report);
  const { gateKey, managementToken, allowOpenRelay, corsAllowedOrigins } = values;
  return {
    authMode,
    allowOpenRelay,
    corsAllowedOrigins,
    ...(gateKey === undefined ? {} : { gateKey }),
    ...(managementToken === undefined ? {} : { managementToken }),
  };
}

/** What a configuration that lets anybody in must not be, unless its operator insists. */
export function checkRelay(
  { authMode, gateKey, managementToken, allowOpenRelay }: Access,
  { host }: Address,
  operatorKeys: readonly string[],
  report: Report,
): void {
  if (!authMode.includes("open") || operatorKeys.length === 0 || allowOpenRelay) return;
  const keys = operatorKeys.join(", ");
  if (!isLoopback(host)) {
    report.fault(
      `${keys} would pay for anybody who reaches ${host}. Set PROXY_API_KEY (the key that consumers send), MANAGEMENT_TOKEN (consumers then need tokens), HOST=127.0.0.1 (only this machine reaches it) or ALLOW_OPEN_RELAY=true (it is meant so)`,
    );
  }
  if (gateKey !== undefined || managementToken !== undefined) {
    const guard = gateKey === undefined ? "MANAGEMENT_TOKEN" : "PROXY_API_KEY";
    report.fault(
      `AUTH_MODE includes open, which makes ${guard} protect nothing while ${keys} pays. Take open out of AUTH_MODE, or set ALLOW_OPEN_RELAY=true if it is meant so`,
    );
  }
}

function impliedMode(gated: boolean, managed: boolean): Access["authMode"] {
  if (!gated && !managed) return ["open"];
  return [...(gated ? ["gate" as const] : []), ...(managed ? ["token" as const] : [])];
}

/** Somebody must be able to come in. */
function checkEntrance(authMode: Access["authMode"], gateName: string | undefined, report: Report): void {
  if (authMode.includes("gate") && gateName === undefined) {
    report.fault("PROXY_API_KEY must be set, because AUTH_MODE lets in who sends the gate key");
  }
  if (authMode.length === 0) report.fault("AUTH_MODE must name at least one of open, gate, token");
}

/** Shorter ones can be tried through. */
const safeLength = 16;

function checkCredentials({ gateKey, managementToken }: Values, gateName: string | undefined, report: Report): void {
  if (managementToken !== undefined && managementToken.length < safeLength)
    report.warn(
      `MANAGEMENT_TOKEN should have ${safeLength} characters at least, such as openssl rand -hex 32 makes, because who guesses it owns everything here; its value isn't shown`,
    );
  if (gateKey === undefined || gateName === undefined) return;
  if (gateKey === managementToken) {
    report.fault(
      `${gateName} and MANAGEMENT_TOKEN must differ, because every consumer knows the one and only operators the other`,
    );
  }
  if (gateKey.startsWith("sk-weir-")) {
    report.fault(
      `${gateName} must not begin with sk-weir-, because what does is read as a token; its value isn't shown`,
    );
  }
}

function checkOrigins(origins: readonly string[], report: Report): void {
  if (!origins.includes("*") || origins.length === 1) return;
  report.fault(`CORS_ALLOWED_ORIGINS must be * alone or a list of origins, not "${origins.join(",")}"`);
}
