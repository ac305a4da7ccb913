import type { Budget } from "../domain/budget.ts";
import type { LimitRules } from "../domain/limits.ts";
import type { OwnPrices } from "../domain/own-prices.ts";
import type { Provider } from "../providers/provider.ts";

/** Everything that an operator decided, validated once; durations in milliseconds, sizes in bytes, 0 switching a bound off. */
export type Config = {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly gateway: GatewayConfig;
  readonly telemetry: TelemetryConfig;
  readonly log: LogConfig;
  readonly lifecycle: {
    readonly drainDelayMs: number;
    readonly shutdownTimeoutMs: number;
    readonly flushTimeoutMs: number;
    /** Processes on one port. */
    readonly workers: number;
  };
  readonly metrics: {
    readonly enabled: boolean;
    /** Where they are served as Prometheus text or JSON; `.json` and `/prometheus` after it give one form. */
    readonly path: string;
    /** Who asks for them must send it; absent where anybody may. */
    readonly token?: string;
  };
  /** CIDRs whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  readonly control: ControlConfig;
  readonly limits: LimitsConfig;
  readonly budgets: BudgetsConfig;
  /** The Redis that processes share. */
  readonly redis: RedisConfig | undefined;
  readonly cache: CacheConfig;
  readonly prices: PricesConfig;
};

/** What users may spend, and who is told of it; projects and tokens bring budgets of their own. */
export type BudgetsConfig = {
  /** What becomes of calls with a hard budget while the database can't be asked. */
  readonly onFailure: "closed" | "open";
  readonly webhook?: { readonly url: string; readonly secret?: string };
  /** By user; `*` is each user without budgets of its own. */
  readonly users: Readonly<Record<string, readonly Budget[]>>;
};

/** How much may be called, and where it is counted. */
export type LimitsConfig = {
  readonly rules: LimitRules;
  /** How a request's LLM tokens are estimated; all but the first are greater than 0. */
  readonly estimation: {
    readonly maxSampleBytes: number;
    readonly bytesPerToken: number;
    readonly charsPerToken: number;
    readonly providerCharsPerToken: Readonly<Record<string, number>>;
  };
  readonly backend: "memory" | "redis";
  /** What becomes of calls while Redis can't be asked: each process counts by itself, none is counted, or none passes. */
  readonly onFailure: "local" | "open" | "closed";
};

/** Where a Redis is: `redis://` or `rediss://`, with its user, password and database. */
export type RedisConfig = { readonly url: string };

/** What usage costs; plain data, since it crosses a thread. */
export type PricesConfig = {
  readonly own: OwnPrices;
  /** Price data that an operator has fetched lies here, if any; it takes the place of the bundled data. */
  readonly file: string;
  /** Whether a model may be called that has no price. */
  readonly unpriced: "allow" | "refuse";
};

/** What is kept of answers, and where. */
export type CacheConfig = CacheSettings & {
  readonly enabled: boolean;
  /** What the cache in memory may take. */
  readonly maxBytes: number;
  /** Absent where it is in memory. */
  readonly redis?: { readonly url: string; readonly keyPrefix: string };
};

/** Which answers are kept, and how they are given. */
export type CacheSettings = {
  readonly defaultTtlSeconds: number;
  readonly maxObjectBytes: number;
  readonly streams: boolean;
  readonly replayTiming: boolean;
  readonly singleFlight: boolean;
  /** The first that fits counts. */
  readonly rules: readonly CacheRule[];
};

/** An endpoint whose answers are kept though they don't say how long they hold. */
export type CacheRule = {
  /** A glob of the path as the provider knows it. */
  readonly path: string;
  readonly methods: readonly string[];
  readonly ttlSeconds?: number;
  /** All projects are given the same answers. */
  readonly shared: boolean;
};

/** What the control plane is built with: projects, tokens, their management and the audit. */
export type ControlConfig = {
  readonly database:
    | { readonly driver: "sqlite"; readonly path: string }
    | {
        readonly driver: "postgres";
        readonly url: string;
        readonly poolSize: number;
        readonly maxIdle: number;
        readonly connectionLifetimeMs: number;
      };
  /** The first seals, all unseal; none keeps plain text. */
  readonly encryptionKeys: readonly Uint8Array[];
  readonly audit: {
    readonly enabled: boolean;
    readonly inDatabase: boolean;
    readonly file: string;
    readonly createFolder: boolean;
    readonly maxFileBytes: number;
    readonly reads: "sensitive" | "all" | "off";
  };
  readonly tokenCleanupMs: number;
  /** Where the management token is kept that nobody has set. */
  readonly managementTokenFile: string;
  /** Where management and metrics are answered, in place of the main address. */
  readonly listen?: { readonly host: string; readonly port: number };
};

/** What the data plane is built with. */
export type GatewayConfig = {
  readonly providers: readonly Provider[];
  /** The provider of `/v1/…` that nothing else claims. */
  readonly defaultApi: string;
  readonly authMode: readonly ("open" | "gate" | "token")[];
  readonly gateKey?: string;
  readonly managementToken?: string;
  readonly allowOpenRelay: boolean;
  readonly anthropicVersion: string;
  readonly proxyTimeoutMs: number;
  readonly streamIdleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly clientHeadTimeoutMs: number;
  readonly clientIdleTimeoutMs: number;
  readonly onDisconnect: "cancel" | "drain";
  readonly drainTimeoutMs: number;
  readonly maxInspectBytes: number;
  readonly maxBodyBytes: number;
  readonly maxWsMessageBytes: number;
  readonly streamUsage: "inject" | "off";
  readonly streamErrorEvent: boolean;
  readonly validateRequests: boolean;
  readonly responseUsageHeaders: boolean;
  readonly propagateTrace: boolean;
  /** `*`, or origins. */
  readonly corsAllowedOrigins: readonly string[];
};

/** What the telemetry worker is built with; it crosses a thread, so it is plain data. */
export type TelemetryConfig = {
  readonly enabled: boolean;
  readonly maxBodyBytes: number;
  readonly captureQueueBytes: number;
  /** Exchanges that may wait to be captured; absent where only bytes count. */
  readonly captureQueueCount?: number;
  readonly durability: "batched" | "strict";
  readonly strictTimeoutMs: number;
  readonly refusalsPerMinute: number;
  /** The session of exchanges that name none, where this process serves one run of a program; a tally of them is kept then. */
  readonly defaultSession?: string;
  readonly outbox: {
    /** `memory` keeps its data in a temporary file. */
    readonly backend: "sqlite" | "memory";
    readonly flushMs: number;
    readonly maxBytes: number;
    readonly maxAgeMs: number;
    readonly fsync: "off" | "batch";
  };
  readonly sinks: readonly SinkChoice[];
  /** Where the `store` sink keeps exchanges, or their sums alone. */
  readonly exchangeLog: {
    readonly database: ControlConfig["database"];
    readonly keepsRows: boolean;
    /** Whether what was kept outlives a power cut at once. */
    readonly durable: boolean;
  };
};

/** A sink that runs in this process, with its own settings as read. */
export type SinkChoice = {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly bodies: "full" | "metadata" | "off";
  /** The share of exchanges that it gets, from 0 to 1. */
  readonly sample: number;
};

/** Where log lines go and how they look. */
export type LogConfig = {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  readonly format: "json" | "pretty";
  readonly file?: string;
  readonly maxFileBytes: number;
  readonly maxFiles: number;
};
