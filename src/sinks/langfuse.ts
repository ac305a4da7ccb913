import { text, url } from "../lib/setting-schema.ts";
import { createLangfuseSink } from "./langfuse-sink.ts";
import type { SinkDefinition } from "./sink.ts";

const settings = {
  baseUrl: {
    env: "LANGFUSE_BASE_URL",
    aliases: ["LANGFUSE_HOST"],
    yaml: "sinks.langfuse.base_url",
    schema: url().default("https://cloud.langfuse.com"),
    default: "https://cloud.langfuse.com",
    help: "Where Langfuse is; its US region is https://us.cloud.langfuse.com.",
  },
  publicKey: {
    env: "LANGFUSE_PUBLIC_KEY",
    yaml: "sinks.langfuse.public_key",
    schema: text().optional(),
    help: "The public key of a Langfuse project; without keys nothing is sent to Langfuse.",
  },
  secretKey: {
    env: "LANGFUSE_SECRET_KEY",
    yaml: "sinks.langfuse.secret_key",
    schema: text().optional(),
    help: "The secret key of the same Langfuse project.",
    secret: true,
  },
  environment: {
    env: "LANGFUSE_TRACING_ENVIRONMENT",
    yaml: "sinks.langfuse.environment",
    schema: text().optional(),
    help: "The environment of traces whose consumer names none.",
  },
  deploymentEnvironment: {
    env: "DEPLOYMENT_ENVIRONMENT",
    schema: text().optional(),
    help: "The same, where LANGFUSE_TRACING_ENVIRONMENT is not set.",
  },
  release: {
    env: "LANGFUSE_RELEASE",
    // What hosts and build systems set by themselves, as Langfuse's own SDK takes it.
    aliases: ["VERCEL_GIT_COMMIT_SHA", "COMMIT_REF", "RENDER_GIT_COMMIT", "CI_COMMIT_SHA", "SOURCE_VERSION"],
    yaml: "sinks.langfuse.release",
    schema: text().optional(),
    help: "The release of traces whose consumer names none.",
  },
} as const satisfies SinkDefinition["settings"];

/** Sends each exchange to Langfuse as one trace with one observation in it. */
export const langfuse: SinkDefinition<typeof settings> = {
  name: "langfuse",
  help: "Traces in Langfuse, one for each exchange, with input, output, usage and cost.",
  settings,
  fault: ({ publicKey, secretKey }) => {
    if ((publicKey === undefined) === (secretKey === undefined)) return undefined;
    const names = ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"];
    const [set, missing] = secretKey === undefined ? names : names.toReversed();
    return `${set} is set without ${missing}; set both to send to Langfuse, or neither`;
  },
  enabled: ({ publicKey, secretKey }) => publicKey !== undefined && secretKey !== undefined,
  open: ({ publicKey = "", secretKey = "", environment, deploymentEnvironment, ...others }, parts) =>
    createLangfuseSink({
      ...parts,
      ...others,
      publicKey,
      secretKey,
      environment: environment ?? deploymentEnvironment,
    }),
};
