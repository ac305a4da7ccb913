import type { Provider } from "../providers/provider.ts";
import type { UpstreamStatus } from "./health.ts";
import type { Reachability } from "./reachability.ts";

/** What an operator is told of a provider; never its key. */
export type DescribedProvider = {
  readonly name: string;
  readonly family: Provider["family"];
  readonly baseUrl: string;
  readonly routes: readonly string[];
  readonly hasKey: boolean;
  readonly status: UpstreamStatus;
  readonly errorRate?: number;
};

/** The paths of ours that lead to a built-in provider without its name. */
const bare: Readonly<Record<string, readonly string[]>> = {
  anthropic: ["/v1/messages", "/v1/complete"],
  gemini: ["/v1beta/", "/v1alpha/", "/upload/v1beta/"],
};

/** Describes every provider of a configuration, with whether it answers. */
export function describeProviders(
  { providers, defaultApi }: { readonly providers: readonly Provider[]; readonly defaultApi: string },
  check: (provider: Provider) => Promise<UpstreamStatus>,
  reachability: Pick<Reachability, "find">,
): Promise<readonly DescribedProvider[]> {
  return Promise.all(
    providers.map(async (provider) => {
      const status = await check(provider);
      const { errorRate } = reachability.find(provider.baseUrl) ?? {};
      return {
        name: provider.name,
        family: provider.family,
        baseUrl: provider.baseUrl,
        routes: [
          `/${provider.name}/`,
          ...(bare[provider.name] ?? []),
          ...(provider.name === defaultApi ? ["/v1/"] : []),
        ],
        hasKey: provider.key !== undefined,
        status,
        ...(errorRate === undefined ? {} : { errorRate }),
      };
    }),
  );
}
