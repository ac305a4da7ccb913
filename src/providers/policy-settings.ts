import { z } from "zod";
import { isEmptyPolicy, type Policy } from "../domain/policy.ts";
import { list, type Reading, reading, text, webOrigin } from "../lib/setting-schema.ts";
import type { Settings, SettingValues } from "../lib/setting.ts";

/** What may be said of a policy under this path of the configuration file. */
export function policySettings(yaml: string) {
  return {
    allowedMethods: {
      yaml: `${yaml}.allowed_methods`,
      schema: someOf(reading("a method such as GET or POST", readMethod)).optional(),
      help: "The methods that may be used. Unset, all; no list here may be empty.",
    },
    allowedEndpoints: {
      yaml: `${yaml}.allowed_endpoints`,
      schema: someOf(
        reading("a path such as /v1/chat/completions, and no pattern, since all below it is allowed too", readEndpoint),
      ).optional(),
      help: "The paths that may be called, as the provider knows them, each with all that lies below it. Unset, all.",
    },
    paramWhitelist: {
      yaml: `${yaml}.param_whitelist`,
      schema: patternLists().optional(),
      help: "For a parameter of a body's top level the patterns of which its value must match one: `*` is anything but `/`, `**` is anything. A parameter that is not there is fine.",
    },
    allowedOrigins: {
      yaml: `${yaml}.allowed_origins`,
      schema: someOf(webOrigin()).optional(),
      help: "The web origins that may call. A call without `Origin` comes from no page and passes. Unset, all.",
    },
    requiredHeaders: {
      yaml: `${yaml}.required_headers`,
      schema: someOf(reading("a header's name", readHeaderName)).optional(),
      help: "Headers that every call must have, such as `origin`.",
    },
  } satisfies Settings;
}

/** What the file says of a policy. */
export type PolicyValues = Partial<SettingValues<ReturnType<typeof policySettings>>>;

/** The policy that these make; `undefined` where they say nothing. */
export function createPolicy(values: PolicyValues): Policy | undefined {
  const { allowedMethods, allowedEndpoints, paramWhitelist, allowedOrigins, requiredHeaders } = values;
  const policy: Policy = {
    ...(allowedMethods && { allowedMethods }),
    ...(allowedEndpoints && { allowedEndpoints }),
    ...(paramWhitelist && { paramWhitelist }),
    ...(allowedOrigins && { allowedOrigins }),
    ...(requiredHeaders && { requiredHeaders }),
  };
  return isEmptyPolicy(policy) ? undefined : policy;
}

/** An empty list would allow nothing, and is more likely a mistake than meant so. */
function someOf(item: Reading<string>): z.ZodType<readonly string[]> {
  return list(item).refine((values) => values.length > 0, {
    error: "a list of at least one; leave it out to allow all",
  });
}

/** A map from names to lists of patterns. */
function patternLists(): z.ZodType<Readonly<Record<string, readonly string[]>>> {
  const patterns = someOf(text());
  return z.unknown().transform((value, context): Readonly<Record<string, readonly string[]>> => {
    const entries = typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
    const read = entries.flatMap(([name, listed]): readonly [string, readonly string[]][] => {
      const { data } = patterns.safeParse(listed);
      return data && name !== "" ? [[name, data]] : [];
    });
    if (read.length > 0 && read.length === entries.length) return Object.fromEntries(read);
    context.addIssue({
      code: "custom",
      message: "a map such as { model: [gpt-4o, gpt-4.1-*] }, each of its lists with at least one pattern",
    });
    return z.NEVER;
  });
}

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

function readMethod(written: string): string | undefined {
  const method = written.toUpperCase();
  return methods.has(method) ? method : undefined;
}

function readEndpoint(written: string): string | undefined {
  if (!/^\/[^\s%?#*\\]*$/.test(written) || /\/\/|\/\.{1,2}(?:\/|$)/.test(written)) return undefined;
  return written.replace(/(?<=.)\/$/, "");
}

function readHeaderName(written: string): string | undefined {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(written) ? written.toLowerCase() : undefined;
}
