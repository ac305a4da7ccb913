import { hash } from "node:crypto";
import type { EntryKey } from "../cache/cache.ts";
import type { Call } from "./call.ts";
import { listCredentials } from "./credential.ts";
import { removeQueryKey } from "./upstream-request.ts";

/** What of a call decides which answers it may have. */
export type KeyedCall = Pick<Call, "method" | "headers" | "search" | "route" | "grant" | "body">;

/** Whom an answer is for: a project, a consumer's own key by its hash, or who calls with the operator's; `undefined` for nobody we know. */
export function readTenant({ grant, headers, search }: KeyedCall): string | undefined {
  const { key, pass, emptied } = grant;
  const project = pass ? `project ${pass.project.id}` : "open";
  if (key !== undefined) return project;
  const own = listCredentials(headers, search).filter(({ place }) => !emptied.has(place));
  return own.length === 0 ? undefined : `${project} ${digest(own.map(({ place, value }) => [place, value]))}`;
}

/** The key of a call; `tenant` is absent where its answer is shared by all. Nothing that a consumer says of the body's hash counts. */
export function createKey(call: KeyedCall, method: string, tenant: string | undefined): EntryKey {
  const { route, grant, headers, body } = call;
  const search = removeQueryKey(call.search);
  const bytes = body.kind === "whole" && method === "POST" ? hash("sha256", body.bytes, "hex") : "";
  const parts = [
    tenant ?? null,
    route.provider.name,
    method,
    route.url,
    search,
    bytes,
    readChoice(call, method, headers),
  ];
  const project = tenant === undefined ? undefined : grant.pass?.project.id;
  return {
    hash: digest(parts),
    place: {
      ...(project === undefined ? {} : { project }),
      provider: route.provider.name,
      method,
      path: route.path + search,
    },
  };
}

/** What providers choose an answer by and name in no `vary`: what is theirs by its name, accounts, versions, wishes, and credentials that we don't know as such. */
const choosing =
  /^(?:anthropic|openai|x-goog|x-amzn-bedrock|azureml|x-openrouter|cf-aig)-|auth|cookie|key|token|secret|signature|credential|account|organi[sz]ation|project|tenant|subscription|-beta$|-version$|^prefer$|^extra-parameters$/;
const notChoosing = /^x-stainless-|^x-langfuse-|^x-weir-|^x-goog-api-client$|^idempotency-key$|^sec-/;
/** Nobody names in a `vary` what the answer to a POST varies by. */
const ofPosts = new Set(["content-type", "content-encoding", "accept", "accept-language"]);
const attribution = new Set(["x-user-id", "x-session-id"]);
const placeOf: Readonly<Record<string, string>> = {
  authorization: "authorization",
  "x-api-key": "x-api-key",
  "x-goog-api-key": "x-goog-api-key",
  "api-key": "api-key",
};

function readChoice(
  { grant, route }: KeyedCall,
  method: string,
  headers: KeyedCall["headers"],
): readonly (readonly [string, string])[] {
  const emptied: ReadonlySet<string> = grant.emptied;
  return Object.entries(headers)
    .filter(([name]) => {
      if (method === "POST" && ofPosts.has(name)) return true;
      if (attribution.has(name)) return route.provider.forwardAttribution;
      const place = placeOf[name];
      if (place !== undefined) return grant.key === undefined && !emptied.has(place);
      return choosing.test(name) && !notChoosing.test(name);
    })
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
}

function digest(value: unknown): string {
  return hash("sha256", JSON.stringify(value), "hex");
}
