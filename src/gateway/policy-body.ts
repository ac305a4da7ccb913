import { Refusal } from "../domain/refusal.ts";
import type { CompiledGlobs } from "../lib/glob.ts";
import type { Arrival } from "./arrival.ts";
import type { Call } from "./call.ts";
import type { CallRules } from "./policy.ts";
import { longestName, mostParameters, mostValues } from "./policy-bounds.ts";
import {
  createParameter,
  foldName,
  type Parameter,
  readBodyParameters,
  readJsonMembers,
  readMember,
  readQueryParameters,
  type Unsure,
} from "./policy-parameters.ts";
import { findPathModel, readSegments } from "./policy-path.ts";
import type { Route } from "./route.ts";

/** Where a call goes, which may name its model too. */
export type CheckedTarget = Pick<Arrival, "method" | "search"> & { readonly route: Route };

/** Checks a call's parameters and its model; throws a `Refusal`. A body that is packed is unpacked up to `maxBytes`. */
export function checkPolicyBody(
  rules: CallRules,
  call: CheckedTarget & Pick<Call, "body" | "headers">,
  maxBytes: number,
): void {
  if (!rules.needBody) return;
  const parameters = readBodyParameters(call.body, call.headers, maxBytes);
  const said = { target: readTarget(call), body: typeof parameters === "string" ? parameters : [parameters] };
  check(rules, call, said);
  if (worksWithModel(call)) requireModel(rules, said);
}

/** Checks what an upgrade to a WebSocket says; throws a `Refusal`. Its model may be named later, by a message. */
export function checkPolicyUpgrade(rules: CallRules, target: CheckedTarget): void {
  if (rules.needBody) check(rules, target, { target: readTarget(target), body: [] });
}

/**
 * Checks a consumer's message on a WebSocket, the members of its `response`, `session` and `setup` too; throws a `Refusal`.
 * What asks for an answer must name a model where only some may be used, unless the upgrade has named one.
 */
export function checkPolicyMessage(rules: CallRules, target: CheckedTarget, message: Buffer): void {
  if (!rules.needBody) return;
  const said = { target: readTarget(target), body: readMessage(message) };
  check(rules, target, said);
  if (typeof said.body === "object" && said.body[0]?.some(isAsking)) requireModel(rules, said);
}

/** The refusal of a body that is larger than what is held of one. */
export function createTooLargeToHold(rules: CallRules, maxBytes: number): Refusal {
  const [first] = listChecks(rules);
  return new Refusal(first?.code ?? "body_too_large", {
    message: `The parameter ${first?.name} is checked here, and this body is larger than ${maxBytes} bytes, the most that is looked into. Send a smaller one.`,
    headers: { connection: "close" },
  });
}

/** What the values of one parameter must match, and what is said where they don't. */
type Check = {
  readonly name: string;
  readonly globs: CompiledGlobs;
  readonly code: "param_not_allowed" | "model_not_allowed";
};

function listChecks({ policies, allowedModels: globs }: CallRules): readonly Check[] {
  const params = policies.flatMap(({ params: rules = [] }) => rules);
  const checks = params.map((rule): Check => ({ ...rule, code: "param_not_allowed" }));
  // OpenRouter takes a list of further models to turn to.
  return globs ? [...checks, ...["model", "models"].map((name): Check => ({ name, globs, code: modelCode }))] : checks;
}

const modelCode = "model_not_allowed";

/** What a call says, by the places where it says it. */
type Said = {
  readonly target: readonly Parameter[] | Unsure;
  /** In one of these no name may stand twice. */
  readonly body: readonly (readonly Parameter[])[] | Unsure;
};

function check(rules: CallRules, { route }: CheckedTarget, said: Said): void {
  const isGemini = route.provider.family === "gemini";
  for (const one of listChecks(rules)) {
    const key = foldName(one.name);
    const { target, body } = said;
    if (typeof target === "string") throw refuse(one, unsure[target]);
    if (typeof body === "string") throw refuse(one, unsure[body]);
    const values = [target, ...body].map((place) => place.filter((parameter) => parameter.key === key));
    if (values.some((found, at) => at > 0 && found.length > 1))
      throw refuse(one, "stands twice in this request. Send it once.");
    const mayBe = (text: string | undefined) =>
      text !== undefined && (one.globs.matches(text) || (isGemini && key === "model" && matchesBare(one.globs, text)));
    if (!one.globs.anything && !values.flat().every(({ readText }) => mayBe(readText())))
      throw refuse(one, `has a value that is not allowed here. Allowed are: ${describe(one.globs)}.`);
  }
}

const unsure: Readonly<Record<Unsure, string>> = {
  unreadable:
    "is checked here, and this request can't be read for sure. Send plain JSON in UTF-8, or a form, with each name once.",
  excessive: `is checked here, and this request has more than can be looked at: over ${mostParameters} parameters or ${mostValues} values, or a name of over ${longestName} characters. Send fewer and shorter ones.`,
  replaceable:
    "is checked here, and $req, $ct or $httpHeaders in this request's query may put another body in the place of its own. Leave them out.",
};

function refuse({ name, code }: Check, what: string): Refusal {
  return new Refusal(code, { message: `The parameter ${name} ${what}` });
}

/** Gemini's models may be named as resources. */
function matchesBare(globs: CompiledGlobs, text: string): boolean {
  return text.startsWith("models/") && globs.matches(text.slice("models/".length));
}

const mostDescribed = 20;

function describe({ patterns }: CompiledGlobs): string {
  const shown = patterns.slice(0, mostDescribed).map((pattern) => `"${pattern}"`);
  return shown.join(", ") + (patterns.length > mostDescribed ? ", …" : "");
}

function requireModel({ allowedModels }: CallRules, { target, body }: Said): void {
  const places = [target, ...(typeof body === "string" ? [body] : body)];
  const names = (place: readonly Parameter[] | Unsure) =>
    typeof place === "object" && place.some(({ key }) => key === "model");
  if (!allowedModels || places.some(names)) return;
  throw new Refusal(modelCode, {
    message: `This request names no model, and only these may be used here: ${describe(allowedModels)}. Name one of them.`,
  });
}

/** Calls that a model works for though no dialect counts them as such: their model stands deeper, or in a file, or elsewhere. */
const hidesModel = /\/(?:batches|runs|realtime\/\w+)\/?$/i;

/** Whether a call without a model would be a default one's, or an unknown one's. A path that is written in an unusual way may be any. */
function worksWithModel({ method, route: { dialect, path, written } }: CheckedTarget): boolean {
  if (dialect.kindOf({ method, path }) !== "other") return true;
  if (method === "GET" || method === "HEAD" || method === "DELETE") return false;
  return hidesModel.test(path) || /%|;|\/\//.test(written);
}

/** By these Google's servers take a body, its type and other headers from the query (https://cloud.google.com/apis/docs/system-parameters); folded. */
const replacing: ReadonlySet<string> = new Set(["$req", "$ct", "$httpheaders"]);

/** The query's parameters, and the model of the path. */
function readTarget({ method, search, route }: CheckedTarget): readonly Parameter[] | Unsure {
  const segments = readSegments(route.written);
  if (segments === undefined) return "unreadable";
  const query = search === "" ? [] : readQueryParameters(search);
  if (query.some(({ key }) => replacing.has(key))) return "replaceable";
  // OpenAI's names of tuned models have colons in them, and are only read and deleted by path.
  const named = method === "POST" || route.provider.family === "gemini" || /\/deployments\//i.test(route.written);
  const model = named ? findPathModel(segments) : undefined;
  return model === undefined ? query : [...query, createParameter("model", model)];
}

/** What of a socket's event holds parameters too: the answer that is asked for, and the settings of a session. */
const holders = new Set(["response", "session", "setup"]);

function readMessage(message: Buffer): readonly (readonly Parameter[])[] | Unsure {
  const members = readJsonMembers(message);
  if (typeof members === "string") return members;
  const held = members.filter(({ key }) => holders.has(foldName(key)));
  if (new Set(held.map(({ key }) => foldName(key))).size < held.length) return "unreadable";
  const places: (readonly Parameter[])[] = [members.map((member) => readMember(message, member))];
  for (const { start, end } of held) {
    const value = message.subarray(start, end);
    const inner = value[0] === 0x7b ? readJsonMembers(value) : [];
    if (typeof inner === "string") return inner;
    places.push(inner.map((member) => readMember(value, member)));
  }
  return places;
}

/** `response.create` of OpenAI's sockets, and the first message on Gemini's. */
function isAsking({ key, readText }: Parameter): boolean {
  return key === "setup" || (key === "type" && readText() === "response.create");
}
