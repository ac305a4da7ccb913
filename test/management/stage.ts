import type { ConfigLine } from "../../src/config/describe-config.ts";
import type { AuditEntry } from "../../src/domain/audit.ts";
import { z } from "zod";
import { createClientAddress } from "../../src/lib/client-address.ts";
import { auditEntrySchema, auditListSchema } from "../../src/management/audit-schemas.ts";
import { createManagement } from "../../src/management/management.ts";
import type { ManagementParts } from "../../src/management/parts.ts";
import { projectListSchema, projectSchema } from "../../src/management/project-schemas.ts";
import { tokenListSchema, tokenSchema } from "../../src/management/token-schemas.ts";
import { openAnswers } from "../exchange-answers.ts";
import type { Place, Stores } from "../storage.ts";

/** The operator's credential in these tests. */
export const managementToken = "management-0123456789-abcdefghijkl";

/** The management API over a database of a test's own. */
export type Stage = AsyncDisposable & {
  readonly stores: Stores;
  readonly parts: ManagementParts;
  /** The time that it goes by; tests move it. */
  readonly clock: { now: number };
  /** What it told its log. */
  readonly faults: readonly unknown[];
  /** Asks with the management token, unless the options say otherwise; what is no text goes as JSON. */
  readonly ask: (method: string, path: string, body?: unknown, options?: AskOptions) => Promise<Answer>;
  /** Asks with nothing but what stands in the request. */
  readonly fetch: (request: Request, peerAddress?: string) => Promise<Response>;
  readonly close: () => Promise<void>;
  readonly createProject: (more?: object) => Promise<string>;
  readonly createToken: (projectId: string, more?: object) => Promise<{ readonly id: string; readonly token: string }>;
  /** All entries of the audit, the first first. */
  readonly audit: () => Promise<readonly AuditEntry[]>;
};

/** How a question differs from the usual. */
export type AskOptions = {
  /** `null` for none at all. */
  readonly authorization?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly peer?: string;
};

/** An answer, read. */
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Read as JSON, where it is that. */
  readonly json: unknown;
};

/** Read what an answer holds, by the schemas that describe it; what isn't in them is a fault. */
export const readProject = ({ json }: Answer) => projectSchema.strict().parse(json);
export const readProjects = ({ json }: Answer) => projectListSchema.strict().parse(json);
export const readToken = ({ json }: Answer) => tokenSchema.strict().parse(json);
export const readTokens = ({ json }: Answer) => tokenListSchema.strict().parse(json);
export const readEntry = ({ json }: Answer) => auditEntrySchema.strict().parse(json);
export const readAudit = ({ json }: Answer) => auditListSchema.strict().parse(json);
export const readFault = ({ json }: Answer) => faultSchema.parse(json).error;
/** The ids of a bare array. */
export const readIds = ({ json }: Answer) =>
  z
    .array(z.object({ id: z.string() }))
    .parse(json)
    .map(({ id }) => id);

const faultSchema = z.strictObject({ error: z.strictObject({ message: z.string().min(10), code: z.string() }) });

const counts = { received: 3, delivered: 2, pending: 0, rejected: 1, dropped: {}, sampledOut: 0, lagSeconds: 0 };

/** Sets it up; it goes with the place. */
export async function openStage(place: Place, more: Partial<ManagementParts> = {}): Promise<Stage> {
  const clock = { now: Date.parse("2026-03-01T12:00:00Z") };
  const stores = await place.openStores({ now: () => clock.now });
  const faults: unknown[] = [];
  let log: ReturnType<typeof openAnswers> | undefined;
  const parts: ManagementParts = {
    projects: stores.projects,
    tokens: stores.tokens,
    auditStore: stores.audit,
    changes: stores.changes,
    managementToken,
    auditReads: "sensitive",
    version: "1.2.3",
    providerNames: () => ["openai", "anthropic", "gemini"],
    describeProviders: async () => [
      {
        name: "openai",
        family: "openai",
        baseUrl: "https://api.openai.com",
        routes: ["/openai/", "/v1/"],
        hasKey: true,
        status: "ok",
        errorRate: 0.25,
      },
    ],
    describeConfig: (): readonly ConfigLine[] => [
      { name: "PORT", value: "3000", source: "default" },
      { name: "MANAGEMENT_TOKEN", value: "set", source: "environment" },
      { name: "DATABASE_PATH", value: undefined, source: "default" },
    ],
    sinks: {
      list: () => Promise.resolve([{ name: "file", target: "/data/exchanges.jsonl", counts }]),
      hold: (name) => Promise.resolve(name === "file"),
      resume: (name) => Promise.resolve(name === "file"),
      replay: () => Promise.resolve(2),
      deadLetters: () => Promise.resolve([{ sink: "file", seq: 1, id: "an-exchange", reason: "too large", at: 0 }]),
    },
    exchanges: {
      findLog: () => ({ keepsRows: true, ask: async (question) => (await (log ??= openAnswers(place))).ask(question) }),
    },
    findClientAddress: createClientAddress(["10.0.0.0/8"]),
    now: () => clock.now,
    onFault: (error) => faults.push(error),
    ...more,
  };
  const management = createManagement(parts);
  const fetch: Stage["fetch"] = (request, peerAddress = "192.0.2.7") => management.fetch(request, peerAddress);

  const ask: Stage["ask"] = async (method, path, body, { authorization, headers = {}, peer } = {}) => {
    const credential = authorization === undefined ? `Bearer ${managementToken}` : authorization;
    const request = new Request(`http://127.0.0.1:3000${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(credential === null ? {} : { authorization: credential }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const answer = await fetch(request, peer);
    const text = await answer.text();
    const isJson = answer.headers.get("content-type")?.startsWith("application/json") === true;
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      json: isJson && text !== "" ? JSON.parse(text) : undefined,
    };
  };

  return {
    stores,
    parts,
    clock,
    faults,
    ask,
    fetch,
    close: () => management.close(),
    createProject: async (projectMore = {}) => {
      const body = { name: `project ${crypto.randomUUID()}`, ...projectMore };
      return readProject(await expectStatus(201, ask("POST", "/manage/projects", body))).id;
    },
    createToken: async (projectId, tokenMore = {}) => {
      const body = { project_id: projectId, duration_minutes: 60, ...tokenMore };
      return readToken(await expectStatus(201, ask("POST", "/manage/tokens", body)));
    },
    audit: async () => (await stores.audit.list({}, { limit: 10_000 })).items.toReversed(),
    async [Symbol.asyncDispose]() {
      await management.close();
      await (await log)?.[Symbol.asyncDispose]();
    },
  };
}

/** Gives the answer on if it has this status, and says what it is otherwise. */
export async function expectStatus(status: number, asking: Promise<Answer>): Promise<Answer> {
  const answer = await asking;
  if (answer.status === status) return answer;
  throw new Error(`${answer.status} in place of ${status}: ${answer.text}`);
}

/** An error, as its status and code. */
export async function faultOf(asking: Answer | Promise<Answer>): Promise<string> {
  const answer = await asking;
  const { code } = readFault(answer);
  if (answer.headers.get("x-weir-error") !== code) throw new Error("x-weir-error says something else than the body");
  return `${answer.status} ${code}`;
}
