import { hash } from "node:crypto";
import type { Settlement } from "../domain/settlement.ts";
import { Refusal } from "../domain/refusal.ts";
import { decodeWhole } from "../lib/decode.ts";
import { boundUser } from "../limits/bound-user.ts";
import type { Budgets, BudgetSubject, BudgetTicket } from "../limits/budgets.ts";
import type { Estimate, Estimator } from "../limits/estimate.ts";
import type { LimitSubject } from "../limits/find-demands.ts";
import type { Hold } from "../limits/limiter.ts";
import type { Limits, LimitTicket } from "../limits/limits.ts";
import { readFormNote } from "../limits/read-form.ts";
import { readRequestNote, type RequestNote } from "../limits/read-request.ts";
import type { CostEstimator } from "../prices/estimate-cost.ts";
import type { Arrival } from "./arrival.ts";
import { type CallBody, isForm, type Leave } from "./call.ts";
import { listCredentials } from "./credential.ts";
import { readFormFields } from "./policy-parameters.ts";
import type { Settling, Unsettled } from "./settling.ts";
import type { Ticket } from "./ticket.ts";
import type { Pass } from "./token-book.ts";

/** What of a call limits and budgets look at. */
export type TollCall = Pick<Arrival, "id" | "request" | "method" | "headers" | "search" | "attribution"> &
  Leave & { readonly body: CallBody };

/** What stands between a call and the upstream: the limits and budgets that bound it. */
export type Toll = {
  /** Whether any could bound a call with this pass, or without one. */
  readonly concerns: (pass: Pass | undefined) => boolean;
  /** Takes what a call needs; throws a `Refusal` where there is not enough. `undefined` where nothing bounds it. */
  readonly take: (call: TollCall) => Taken | Promise<Taken>;
};

type Taken = Ticket | undefined;

/** What taking is made of. */
export type TollParts = {
  readonly limits: Limits;
  readonly budgets: Budgets;
  readonly estimator: Estimator;
  readonly costs: CostEstimator;
  readonly settling: Pick<Settling, "await">;
  /** Whether users have budgets, which may concern a call without a token. */
  readonly hasUserBudgets: () => boolean;
  readonly refuseUnpriced: boolean;
  readonly addressOf: (call: Pick<TollCall, "request" | "headers">) => string;
  /** A body that is packed is unpacked up to this, to be looked into. Bytes. */
  readonly maxInspectBytes: number;
  /** The text of larger bodies isn't counted. Bytes. */
  readonly maxSampleBytes: number;
};

/** Creates the toll. */
export function createToll(parts: TollParts): Toll {
  const { limits, budgets } = parts;

  return {
    concerns: (pass) => isLimited(pass) || isBudgeted(pass) || parts.refuseUnpriced,
    take(call) {
      const { pass } = call.grant;
      const limited = isLimited(pass);
      const budgeted = isBudgeted(pass);
      if ((!limited && !budgeted && !parts.refuseUnpriced) || call.route.probe) return undefined;
      const asking = new Asking(parts, call);
      if (parts.refuseUnpriced) checkPriced(asking);
      const taken = limited ? limits.take(call.id, asking) : undefined;
      if (taken instanceof Promise) return addBudgetLater(asking, taken, budgeted);
      return budgeted ? addBudget(asking, taken) : join(asking, taken, undefined);
    },
  };

  function isLimited(pass: Pass | undefined): boolean {
    return limits.any || (pass !== undefined && hasLimits(pass));
  }

  function isBudgeted(pass: Pass | undefined): boolean {
    return parts.hasUserBudgets() || (pass !== undefined && hasBudgets(pass));
  }

  function checkPriced({ works, model, provider }: Asking): void {
    if (!works) return;
    if (model === undefined) throw new Refusal("model_unpriced", { message: noModel });
    if (!parts.costs.isPriced(provider, model)) throw new Refusal("model_unpriced");
  }

  async function addBudgetLater(
    asking: Asking,
    taken: Promise<LimitTicket | undefined>,
    budgeted: boolean,
  ): Promise<Taken> {
    const limit = await taken;
    return budgeted ? addBudget(asking, limit) : join(asking, limit, undefined);
  }

  function addBudget(asking: Asking, limit: LimitTicket | undefined): Taken | Promise<Taken> {
    try {
      // What no model works for costs nothing.
      const taken = asking.works ? budgets.take(asking) : undefined;
      return taken instanceof Promise ? joinLater(asking, limit, taken) : join(asking, limit, taken);
    } catch (error) {
      limit?.hold.giveBack();
      throw error;
    }
  }

  async function joinLater(
    asking: Asking,
    limit: LimitTicket | undefined,
    taken: Promise<BudgetTicket | undefined>,
  ): Promise<Taken> {
    try {
      return join(asking, limit, await taken);
    } catch (error) {
      limit?.hold.giveBack();
      throw error;
    }
  }

  function join(asking: Asking, limit: LimitTicket | undefined, budget: BudgetTicket | undefined): Taken {
    return limit || budget ? new CallTicket(parts, asking, limit, budget) : undefined;
  }
}

/** What a call asks of limits and budgets. One object, and no closures: every call has one. */
class Asking implements LimitSubject, BudgetSubject {
  readonly call: TollCall;
  readonly note: RequestNote;
  /** Whether a model works for it. */
  readonly works: boolean;
  readonly provider: string;
  readonly model: string | undefined;
  readonly user: string | undefined;
  readonly project: BudgetSubject["project"];
  readonly token: BudgetSubject["token"];
  readonly projectId: string | undefined;
  readonly tokenId: string | undefined;
  readonly projectLimits: LimitSubject["projectLimits"];
  readonly tokenLimits: LimitSubject["tokenLimits"];
  readonly #parts: TollParts;
  #estimate: Estimate | undefined;

  constructor(parts: TollParts, call: TollCall) {
    const { route, grant } = call;
    const { token, project } = grant.pass ?? {};
    this.#parts = parts;
    this.call = call;
    this.note = readNote(call, parts);
    this.works = route.dialect.kindOf({ method: call.method, path: route.path }) !== "other";
    this.provider = route.provider.name;
    this.model = this.note.model;
    this.user = userOf(call, this.note);
    this.project = project;
    this.token = token;
    this.projectId = token?.projectId;
    this.tokenId = token?.id;
    this.projectLimits = project?.limits;
    this.tokenLimits = token?.limits;
  }

  get keyHash(): string | undefined {
    return this.tokenId === undefined ? hashKey(this.call) : undefined;
  }

  address(): string {
    return this.#parts.addressOf(this.call);
  }

  estimate(): Estimate {
    return (this.#estimate ??= this.#parts.estimator.estimate({
      provider: this.provider,
      dialect: this.call.route.dialect.name,
      note: this.note,
      knownBytes: countKnownBytes(this.call),
      works: this.works,
    }));
  }

  estimateNanoUsd(): number | undefined {
    if (this.model === undefined) return undefined;
    const { input, output } = this.estimate();
    return this.#parts.costs.estimateNanoUsd(this.provider, this.model, input, output);
  }
}

/** One object, and no closures: it lives until an answer was read, and so past many a collection of what is young. */
class CallTicket implements Ticket, Unsettled {
  readonly id: string;
  headers: Ticket["headers"];
  since = 0;
  readonly #parts: TollParts;
  readonly #provider: string;
  readonly #model: string | undefined;
  readonly #hold: Hold | undefined;
  readonly #budget: BudgetTicket | undefined;

  constructor(
    parts: TollParts,
    { call, provider, model }: Asking,
    limit: LimitTicket | undefined,
    budget: BudgetTicket | undefined,
  ) {
    this.id = call.id;
    this.headers = limit?.headers ?? noHeaders;
    this.#parts = parts;
    this.#provider = provider;
    this.#model = model;
    this.#hold = limit?.hold;
    this.#budget = budget;
  }

  end(how: "answered" | "spared"): number | undefined {
    this.headers = noHeaders;
    this.#hold?.ended();
    if (how === "answered") return this.#parts.settling.await(this);
    this.#hold?.giveBack();
    this.#budget?.giveBack();
    return undefined;
  }

  settle(real: Settlement | undefined): void {
    const { tokens, costNanoUsd } = real ?? {};
    const { limits, estimator } = this.#parts;
    this.#hold?.settle(tokens && limits.countTokens(tokens));
    this.#budget?.settle(costNanoUsd);
    if (tokens && this.#model !== undefined) estimator.learn(this.#provider, this.#model, tokens.output);
  }
}

const noModel =
  "No model can be read in this request, and only priced models may be used here. Send a JSON body or a form that names its model.";

const noHeaders: Readonly<Record<string, string>> = {};

function hasLimits({ token, project }: Pass): boolean {
  return token.limits !== undefined || project.limits !== undefined;
}

function hasBudgets({ token, project }: Pass): boolean {
  return (token.budgets?.length ?? 0) + (project.budgets?.length ?? 0) > 0;
}

function readNote(
  { body, headers, route, search }: TollCall,
  { maxInspectBytes, maxSampleBytes }: Pick<TollParts, "maxInspectBytes" | "maxSampleBytes">,
): RequestNote {
  const encoding = headers["content-encoding"];
  const bytes = body.kind === "whole" ? body.bytes : undefined;
  const plain = encoding === undefined || !bytes ? bytes : decodeWhole(bytes, encoding, maxInspectBytes);
  const said = readRequestNote(route.dialect.name, plain, route.path, maxSampleBytes);
  const note = plain && isForm(headers["content-type"]) ? addForm(said, plain, { headers, route }) : said;
  if (note.model !== undefined || !search.includes("model=")) return note;
  // OpenAI's sockets name their model there.
  const model = new URLSearchParams(search).get("model");
  return model ? { ...note, model } : note;
}

/** A form that can be read in two ways says nothing. */
function addForm(note: RequestNote, plain: Uint8Array, { headers, route }: Pick<TollCall, "headers" | "route">) {
  const fields = readFormFields(headers["content-type"] ?? "", plain);
  if (typeof fields === "string") return note;
  return { ...note, ...readFormNote(route.dialect.name, { fields, bytes: plain.length, path: route.path }) };
}

function countKnownBytes({ body, headers }: TollCall): number {
  switch (body.kind) {
    case "none":
      return 0;
    case "whole":
      return body.bytes.length;
    case "stream":
      return Math.max(Number(headers["content-length"] ?? 0) || 1, body.knownBytes);
  }
}

function userOf({ attribution, grant }: TollCall, note: RequestNote): string | undefined {
  const user =
    unlessEmpty(attribution["x-user-id"]?.trim()) ?? unlessEmpty(note.user) ?? unlessEmpty(grant.pass?.token.userId);
  return user === undefined ? undefined : boundUser(user);
}

function unlessEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

/** A consumer's own key, wherever it stands. */
function hashKey({ headers, search, grant }: TollCall): string | undefined {
  if (grant.key !== undefined) return undefined;
  const own = listCredentials(headers, search).find(({ place }) => !grant.emptied.has(place));
  return own && hash("sha256", own.value, "hex");
}
