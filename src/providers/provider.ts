import type { Dialect, Family } from "../dialects/dialect.ts";
import type { Policy } from "../domain/policy.ts";

/** Where an upstream looks for its key. */
export type KeyPlace = "bearer" | "x-api-key" | "x-goog-api-key" | "api-key" | "query";

/** Which dialect a path speaks: the first row that fits; `opaque` where none does. */
export type DialectTable = readonly { readonly method?: string; readonly path: RegExp; readonly dialect: Dialect }[];

/** A base URL, its paths, and where its key goes. */
export type Provider = {
  readonly name: string;
  readonly family: Family;
  /** Origin and base path, without a trailing slash: `https://openrouter.ai/api/v1`. */
  readonly baseUrl: string;
  readonly keyIn: KeyPlace;
  /** The operator's key. */
  readonly key?: string;
  /** Put on every request upstream. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** Whether a chat stream is asked for its usage. */
  readonly streamUsage: "inject" | "off";
  /** `X-User-Id` and `X-Session-Id` go upstream too. */
  readonly forwardAttribution: boolean;
  /** Until the head of an answer; the gateway's own where absent. */
  readonly timeoutMs?: number;
  /** What may be called; anything where absent. */
  readonly policy?: Policy;
  readonly dialects: DialectTable;
};

/** What a provider is before an operator has said anything: a file of data. */
export type ProviderDefinition = Omit<Provider, "key" | "timeoutMs" | "policy">;
