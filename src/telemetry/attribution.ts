import type { AttributionHeaders } from "../domain/capture.ts";
import type { Attribution } from "../domain/exchange.ts";

/** What a body says of who sent it. */
export type BodyAttribution = { readonly user?: string; readonly session?: string };

/** Header values longer than this are no names. Characters. */
const longest = 1000;

/** Reads who and what an exchange belongs to: headers first, then what a body says, then what is so unless they say it; what is malformed is left out and named. */
export function readAttribution(
  headers: AttributionHeaders,
  body: BodyAttribution,
  unsaid: BodyAttribution = {},
): Attribution {
  const ignored: string[] = [];
  const text = (name: string): string | undefined => {
    const value = headers[name]?.trim();
    if (value === undefined || value === "") return undefined;
    if (value.length <= longest) return value;
    ignored.push(`${name} is longer than ${longest} characters`);
    return undefined;
  };
  const metadata = readMetadata(headers["x-langfuse-metadata"], ignored);
  const tags = headers["x-langfuse-tags"]
    ?.split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
  const all: Attribution = {
    user: text("x-user-id") ?? body.user ?? unsaid.user,
    session:
      text("x-session-id") ?? text("x-claude-code-session-id") ?? text("session-id") ?? body.session ?? unsaid.session,
    tags: tags && tags.length > 0 ? tags : undefined,
    metadata,
    trace_name: text("x-langfuse-trace-name"),
    environment: text("x-langfuse-environment"),
    release: text("x-langfuse-release"),
    version: text("x-langfuse-version"),
    ...readPrompt(text("x-langfuse-prompt-name"), text("x-langfuse-prompt-version"), ignored),
    request_id: headers["x-request-id"]?.slice(0, longest),
  };
  return ignored.length > 0 ? { ...all, ignored } : all;
}

function readMetadata(value: string | undefined, ignored: string[]): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined || value.trim() === "") return undefined;
  const metadata = parse(value);
  if (isObject(metadata)) return metadata;
  ignored.push("x-langfuse-metadata is not a JSON object");
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Langfuse links a prompt by name and version together only. */
function readPrompt(
  name: string | undefined,
  version: string | undefined,
  ignored: string[],
): Pick<Attribution, "prompt_name" | "prompt_version"> {
  if (name === undefined && version === undefined) return {};
  if (name !== undefined && version !== undefined && /^[1-9]\d{0,8}$/.test(version))
    return { prompt_name: name, prompt_version: Number(version) };
  ignored.push(
    "x-langfuse-prompt-name and x-langfuse-prompt-version go together, the version as a whole number from 1",
  );
  return {};
}
