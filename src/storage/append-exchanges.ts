import type { Exchange } from "../domain/exchange.ts";
import type { Run } from "./bulk.ts";
import { type ChainNode, toChain } from "./conversation.ts";
import { toExchangeRow } from "./exchange-rows.ts";
import { exchangeValues, keyValues, nodeValues, type SketchRow, statements, sumValues } from "./exchange-statements.ts";
import { pack } from "./packed.ts";
import { sumKeys, sumExchanges } from "./usage-sums.ts";

/** An exchange and the chain of what its model was given, empty where that isn't known. */
type Told = { readonly exchange: Exchange; readonly chain: readonly ChainNode[] };

/** What a node takes beside its text. Bytes. */
const nodeOverhead = 150;

/** Of a history most is there already, so that only its end is asked for at first. Nodes. */
const likelyNew = 4;

/**
 * Writes exchanges within a transaction: their sums, and with `keepsRows` themselves. One that was counted before changes
 * nothing. Gives how many bytes all that is kept takes since.
 */
export async function appendExchanges(
  run: Run,
  exchanges: readonly Exchange[],
  { keepsRows, at }: { readonly keepsRows: boolean; readonly at: number },
): Promise<number> {
  const byId = new Map(exchanges.map((exchange) => [exchange.id, exchange]));
  const counted = await run(
    statements.count,
    [...byId.keys()].map((id) => [id, at]),
  );
  const fresh = counted.flatMap(({ id }) => byId.get(id) ?? []);
  await addSums(run, fresh);
  const more = keepsRows ? await keep(run, fresh.flatMap(withoutUnwanted)) : 0;
  const [state] = await run(statements.addBytes, [[more]]);
  return state?.bytes ?? 0;
}

/** What its project doesn't want to be kept of an exchange is left out. */
function withoutUnwanted(exchange: Exchange): readonly Exchange[] {
  switch (exchange.exchange_log) {
    case "off":
      return [];
    case "metadata": {
      const { input: _, output: __, ...facts } = exchange;
      return [facts];
    }
    default:
      return [exchange];
  }
}

async function addSums(run: Run, exchanges: readonly Exchange[]): Promise<void> {
  const sums = sumExchanges(exchanges);
  const byKey = new Map(sums.map((sum) => [JSON.stringify(keyValues(sum)), sum]));
  for (const row of await run<SketchRow>(statements.findSums, sums.map(keyValues))) {
    const sum = byKey.get(JSON.stringify(sumKeys.map((name) => row[name])));
    sum?.durations.merge(row.duration_sketch);
    sum?.firstBytes.merge(row.first_byte_sketch);
  }
  await run(statements.putSums, sums.map(sumValues));
}

/** Keeps the exchanges themselves; gives how many bytes they take. */
async function keep(run: Run, exchanges: readonly Exchange[]): Promise<number> {
  const told = exchanges.map((exchange) => ({
    exchange,
    chain: exchange.input === undefined ? [] : toChain(exchange.input),
  }));
  const kept = await keepChains(run, told);
  const rows = told.map(({ exchange, chain }) => toExchangeRow(exchange, chain.at(-1)?.id ?? null));
  await run(statements.insertExchanges, rows.map(exchangeValues));
  return rows.reduce((sum, { size }) => sum + size, kept);
}

/** Keeps the nodes that are new, and counts who holds each; gives how many bytes they take. */
async function keepChains(run: Run, told: readonly Told[]): Promise<number> {
  const known = await findKnown(run, told);
  const fresh = new Map<string, ChainNode>();
  const refs = new Map<string, number>();
  const hold = (id: string) => refs.set(id, (refs.get(id) ?? 0) + 1);
  for (const { chain } of told) {
    const tip = chain.at(-1);
    if (tip) hold(tip.id);
    for (let at = chain.length - 1; at >= 0; at -= 1) {
      const node = chain[at];
      if (!node || known.has(node.id) || fresh.has(node.id)) break;
      fresh.set(node.id, node);
      if (node.parent !== null) hold(node.parent);
    }
  }
  const rows = [...fresh.values()].map(({ id, parent, json }) => {
    const { body, packed } = pack(json);
    const size = body.length + nodeOverhead;
    return { id, parent, refs: refs.get(id) ?? 0, body, packed: packed ? 1 : 0, size };
  });
  await run(statements.insertNodes, rows.map(nodeValues));
  await run(
    statements.addRefs,
    [...refs].filter(([id]) => !fresh.has(id)),
  );
  return rows.reduce((sum, { size }) => sum + size, 0);
}

/** Which nodes are there already, as far as that matters: with a node are all before it. */
async function findKnown(run: Run, told: readonly Told[]): Promise<ReadonlySet<string>> {
  const ends = told.map(({ chain }) => chain.slice(-likelyNew));
  const known = await find(run, ends.flat());
  const beginnings = told.flatMap(({ chain }) =>
    chain.slice(-likelyNew).some(({ id }) => known.has(id)) ? [] : chain.slice(0, -likelyNew),
  );
  return known.union(await find(run, beginnings));
}

async function find(run: Run, nodes: readonly ChainNode[]): Promise<Set<string>> {
  const ids = new Set(nodes.map(({ id }) => id));
  const found = await run(
    statements.findNodes,
    [...ids].map((id) => [id]),
  );
  return new Set(found.map(({ id }) => id));
}
