import type { SinkChoice } from "../config/config.ts";
import * as definitions from "../sinks/index.ts";
import type { Sink, SinkDefinition, SinkParts } from "../sinks/sink.ts";

/** A sink that runs, and what of each exchange it gets. */
export type OpenSink = Pick<SinkChoice, "bodies" | "sample"> & { readonly sink: Sink };

/** Opens the sinks that were chosen; throws where one can't be opened. */
export async function openSinks(
  choices: readonly SinkChoice[],
  about: Pick<SinkParts, "dataDir" | "version" | "exchangeLog">,
): Promise<readonly OpenSink[]> {
  const known: readonly SinkDefinition[] = Object.values(definitions) as readonly SinkDefinition[];
  return Promise.all(
    choices.map(async ({ name, values, bodies, sample }) => {
      const definition = known.find((candidate) => candidate.name === name);
      if (!definition)
        throw new Error(`There is no sink named "${name}"; there are ${known.map((each) => each.name).join(", ")}.`);
      return { sink: await definition.open(values, { fetch, now: Date.now, ...about }), bodies, sample };
    }),
  );
}
