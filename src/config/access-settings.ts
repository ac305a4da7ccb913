import { credential, flag, list, oneOf, webOrigin, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";

/** Who may call, and from where. */
export const accessSettings = {
  authMode: {
    env: "AUTH_MODE",
    yaml: "auth.mode",
    schema: list(oneOf(["open", "gate", "token"])).optional(),
    help: "Who is let in: `gate` (who sends the gate key), `token` (who sends a token), `open` (anybody); several with commas between. Unset, it is `gate` where `PROXY_API_KEY` is set, `token` where `MANAGEMENT_TOKEN` is, both where both are, else `open`.",
  },
  gateKey: {
    env: "PROXY_API_KEY",
    aliases: ["INTERNAL_API_KEY"],
    yaml: "auth.gate_key",
    schema: credential().optional(),
    secret: true,
    help: "The gate key: the one secret that every consumer sends. It never goes upstream.",
  },
  managementToken: {
    env: "MANAGEMENT_TOKEN",
    yaml: "auth.management_token",
    schema: credential().optional(),
    secret: true,
    help: "The operator's own credential, for `/manage`. Unset, the first start makes one and keeps it in `management-token` in `DATA_DIR`. A call that carries it is refused, so that it never goes upstream by mistake.",
  },
  allowOpenRelay: {
    env: "ALLOW_OPEN_RELAY",
    yaml: "auth.allow_open_relay",
    ...withDefault(flag(), "false"),
    help: "Lets it start although anybody who reaches it could spend the operator's keys.",
  },
  corsAllowedOrigins: {
    env: "CORS_ALLOWED_ORIGINS",
    yaml: "cors.allowed_origins",
    ...withDefault(list(webOrigin()), "*"),
    help: "Web origins whose pages may read answers, `https://app.example.com,https://other.example.com`; `*` is any.",
  },
} satisfies Settings;
