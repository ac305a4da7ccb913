import * as providers from "../providers/index.ts";
import type { Families } from "../providers/custom.ts";
import type { ProviderDefinition } from "../providers/provider.ts";
import * as sinks from "../sinks/index.ts";
import type { SinkDefinition } from "../sinks/sink.ts";

/** The parts that bring settings of their own. */
export type Registry = {
  readonly providers: readonly ProviderDefinition[];
  /** Whose paths and keys the providers of the configuration file take over. */
  readonly families: Families;
  readonly sinks: readonly SinkDefinition[];
};

/** Every provider and every sink that this program has. */
export const registry: Registry = {
  providers: Object.values(providers),
  families: providers,
  sinks: Object.values(sinks),
};
