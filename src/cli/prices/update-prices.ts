import { readFile } from "node:fs/promises";
import { bundledPrices, findPublishedPrices } from "../../prices/bundled-prices.ts";
import { type PriceData, type PriceProvider, readPriceProviders } from "../../prices/price-data.ts";
import { createPriceFile, readPriceFile, writePriceFile } from "../../prices/price-file.ts";
import { formatCount, formatNumberOf } from "../format.ts";

/** What came of it; `lines` are for people. */
export type PriceUpdate =
  | {
      readonly kind: "updated" | "unchanged";
      readonly version: string;
      readonly from: string;
      readonly file: string;
      readonly providers: number;
      readonly models: number;
      /** Against the data that was in use. */
      readonly changed: number;
      readonly added: number;
      readonly removed: number;
      readonly lines: readonly string[];
    }
  | { readonly kind: "failed"; readonly why: string; readonly unreachable: boolean };

const answersWithinMs = 30_000;

/** Fetches price data, checks it, and puts it in the place of what was fetched before; whatever fails leaves that as it is. */
export async function updatePrices({
  path,
  from = findPublishedPrices(),
}: {
  readonly path: string;
  readonly from: string | undefined;
}): Promise<PriceUpdate> {
  const fetched = await fetchPrices(from);
  if (fetched.kind === "failed") return fetched;
  try {
    const file = createPriceFile(JSON.parse(fetched.text), { from, now: new Date() });
    const { version, providers } = file;
    const former = await readFormer(path);
    const counts = compare(readPriceProviders(await former.list()), providers);
    const about = { from, file: path, providers: providers.length, models: countModels(providers), ...counts };
    if (digestOf(former.version) === digestOf(version))
      return {
        kind: "unchanged",
        ...about,
        version: former.version,
        lines: [`${from} has nothing new: the prices are those of ${former.version}.`],
      };
    await writePriceFile(path, file);
    return { kind: "updated", version, ...about, lines: describe(version, about) };
  } catch (error) {
    const why = error instanceof SyntaxError ? `${from} is no JSON.` : `${readMessage(error)}.`;
    return { kind: "failed", why, unreachable: false };
  }
}

type Fetched =
  | { readonly kind: "fetched"; readonly text: string }
  | { readonly kind: "failed"; readonly why: string; readonly unreachable: boolean };

async function fetchPrices(from: string): Promise<Fetched> {
  const isUrl = /^https?:\/\//i.test(from);
  try {
    if (!isUrl) return { kind: "fetched", text: await readFile(from, "utf8") };
    const answer = await fetch(from, { signal: AbortSignal.timeout(answersWithinMs) });
    if (!answer.ok) return { kind: "failed", why: `${from} answers ${answer.status}.`, unreachable: true };
    return { kind: "fetched", text: await answer.text() };
  } catch (error) {
    return { kind: "failed", why: `${from} can't be read: ${readMessage(error)}.`, unreachable: isUrl };
  }
}

/** The data that was in use; a file that can't be read was not. */
async function readFormer(path: string): Promise<PriceData> {
  return (await readPriceFile(path).catch(() => undefined)) ?? bundledPrices;
}

function compare(before: readonly PriceProvider[], after: readonly PriceProvider[]) {
  const [old, fresh] = [byName(before), byName(after)];
  const names = [...fresh.keys()];
  return {
    changed: names.filter((name) => old.has(name) && old.get(name) !== fresh.get(name)).length,
    added: names.filter((name) => !old.has(name)).length,
    removed: [...old.keys()].filter((name) => !fresh.has(name)).length,
  };
}

function byName(providers: readonly PriceProvider[]): ReadonlyMap<string, string> {
  return new Map(
    providers.flatMap(({ id, models }) =>
      models.map((model) => [`${id}\n${model.id}`, JSON.stringify(model.prices)] as const),
    ),
  );
}

function countModels(providers: readonly PriceProvider[]): number {
  return providers.reduce((sum, { models }) => sum + models.length, 0);
}

/** A version is a day and a digest; the bundled one is a release. */
function digestOf(version: string): string {
  return version.slice(version.indexOf("+") + 1);
}

function describe(
  version: string,
  about: Readonly<Record<"providers" | "models" | "changed" | "added" | "removed", number>>,
): readonly string[] {
  const { providers, models, changed, added, removed } = about;
  return [
    `The prices are those of ${version}: ${formatNumberOf(models, "model")} of ${formatNumberOf(providers, "provider")}.`,
    `${formatCount(changed)} changed, ${formatCount(added)} new, ${formatCount(removed)} gone.`,
    'A running gateway uses them from "weir reload" on, or from its next start.',
  ];
}

function readMessage(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
}
