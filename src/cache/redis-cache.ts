import { createRedisConnection } from "../lib/redis-connection.ts";
import { createBreaker } from "./breaker.ts";
import {
  type CacheStore,
  type EntryKey,
  type EntryPlace,
  foundAway,
  type Found,
  type HeaderValues,
  partOf,
  type Purge,
} from "./cache.ts";
import { readEntry, writeEntry } from "./entry-bytes.ts";
import { isPurged } from "./purge.ts";
import { readValues } from "./vary.ts";

/** What it is opened with. */
export type RedisCacheParts = {
  readonly url: string;
  /** What all keys begin with. */
  readonly prefix: string;
  /** The monotonic clock; milliseconds. */
  readonly elapsed: () => number;
  readonly onTrouble: (error: unknown, phrase: string) => void;
};

/** A lookup that takes longer is given up. */
const withinMs = 50;
const probeEveryMs = 1_000;
const connectMs = 5_000;
const purgeWithinMs = 30_000;
/** Answers to one request that differ by its headers. */
const mostVariants = 32;
const scanCount = "1000";

const varyField = "vary";
const plainField = "=";

/** What counts how often anything was purged, and a key of each part forgotten. */
const epochsName = "epochs";
const purgesField = "all";

/** Puts an answer beside its variants, unless its epoch is over. One that doesn't vary takes the place of all, and so does one too many. */
const keepScript = `
local epoch = redis.call('HMGET', KEYS[2], '${purgesField}', ARGV[6])
if (epoch[1] or '') .. ' ' .. (epoch[2] or '') ~= ARGV[7] then return 0 end
if ARGV[1] == '' or redis.call('HLEN', KEYS[1]) > tonumber(ARGV[5]) then redis.call('UNLINK', KEYS[1]) end
redis.call('HSET', KEYS[1], '${varyField}', ARGV[1], ARGV[2], ARGV[3])
return redis.call('PEXPIRE', KEYS[1], ARGV[4])`;

/**
 * Creates a cache in Redis, without waiting for it. The answers to one request lie in one hash, so that they are forgotten
 * together: `vary` names the headers that they differ by, and every other field is one of them. Where they belong stands in the key.
 */
export function createRedisCache({ url, prefix, elapsed, onTrouble }: RedisCacheParts): CacheStore {
  const onAway = (error: unknown) =>
    onTrouble(error, "the cache's Redis is away or slow, and is passed by until it answers again");
  const redis = createRedisConnection({ url, elapsed, onTrouble: onAway });
  const breaker = createBreaker({
    withinMs,
    probeEveryMs,
    onAway,
    async probe() {
      if (!(await redis.whenUp(connectMs))) throw new Error("Redis can't be connected to");
      await redis.send(["PING"], { limitMs: withinMs });
    },
  });

  return {
    find: async (key, headers) => (await breaker.run(() => find(key, headers))) ?? foundAway,
    async keep(key, entry, lifetimeMs, epoch) {
      if (breaker.isOpen()) return false;
      const args = [Object.keys(entry.vary).join(","), fieldOf(entry.vary), writeEntry(entry)];
      const numbers = [Math.ceil(lifetimeMs), mostVariants].map(String);
      const names = [nameOf(prefix, key), prefix + epochsName];
      try {
        const kept = await redis.send(["EVAL", keepScript, "2", ...names, ...args, ...numbers, partOf(key), epoch]);
        return kept === 1;
      } catch (error) {
        breaker.trip(error);
        return false;
      }
    },
    forget(key) {
      if (breaker.isOpen()) return;
      const both = [redis.send(countUp(partOf(key))), redis.send(["UNLINK", nameOf(prefix, key)])];
      Promise.all(both).catch(breaker.trip);
    },
    async purge(what) {
      const until = elapsed() + purgeWithinMs;
      await redis.send(countUp(purgesField), { limitMs: purgeWithinMs });
      let deleted = 0;
      let cursor = "0";
      do {
        const { next, names } = await scan(cursor, what);
        deleted += await remove(names);
        cursor = next;
        if (elapsed() > until) throw new Error("Redis takes too long to purge");
      } while (cursor !== "0");
      return deleted;
    },
    size: () => undefined,
    // One that is gone while nobody asks for anything shows in its connection.
    redisState: () => (breaker.isOpen() || !redis.isUp() ? "down" : "up"),
    close() {
      breaker.close();
      redis.close();
    },
  };

  async function find(key: EntryKey, headers: HeaderValues): Promise<Found> {
    const name = nameOf(prefix, key);
    const lookUp = redis.send(["HMGET", name, varyField, plainField], { bytes: true });
    const [epoch, reply] = await Promise.all([readEpoch(key), lookUp]);
    const [vary, plain] = Array.isArray(reply) ? reply.map(toBytes) : [];
    const names = vary?.toString() ?? "";
    const bytes = names === "" ? plain : await findVariant(name, names, headers);
    const entry = bytes && readEntry(bytes);
    return entry ? { kind: "entry", entry, epoch } : { kind: "none", epoch };
  }

  /** As the script that keeps writes it. */
  async function readEpoch(key: EntryKey): Promise<string> {
    const reply = await redis.send(["HMGET", prefix + epochsName, purgesField, partOf(key)]);
    const counts: readonly unknown[] = Array.isArray(reply) ? reply : [];
    return counts.map((count) => (typeof count === "string" ? count : "")).join(" ");
  }

  function countUp(field: string): readonly string[] {
    return ["HINCRBY", prefix + epochsName, field, "1"];
  }

  async function findVariant(name: string, names: string, headers: HeaderValues): Promise<Buffer | undefined> {
    return toBytes(await redis.send(["HGET", name, fieldOf(readValues(names.split(","), headers))], { bytes: true }));
  }

  async function scan(
    cursor: string,
    what: Purge,
  ): Promise<{ readonly next: string; readonly names: readonly string[] }> {
    const match = escapeGlob(prefix) + globOf(what);
    const command = ["SCAN", cursor, "MATCH", match, "COUNT", scanCount, "TYPE", "hash"];
    const reply = await redis.send(command, { limitMs: purgeWithinMs });
    const parts: readonly unknown[] = Array.isArray(reply) ? reply : [];
    const [next, names] = parts;
    const known = Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
    return { next: String(next), names: known.filter((name) => isConcerned(name, what)) };
  }

  function isConcerned(name: string, what: Purge): boolean {
    const place = readName(prefix, name);
    return place !== undefined && isPurged(what, place);
  }

  async function remove(names: readonly string[]): Promise<number> {
    const lengths = await Promise.all(names.map((name) => redis.send(["HLEN", name], { limitMs: purgeWithinMs })));
    if (names.length > 0) await redis.send(["UNLINK", ...names], { limitMs: purgeWithinMs });
    return lengths.reduce<number>((total, length) => total + Math.max(0, Number(length) - 1), 0);
  }
}

function toBytes(value: unknown): Buffer | undefined {
  return Buffer.isBuffer(value) ? value : undefined;
}

/** Which of the answers in a hash. */
function fieldOf(values: Readonly<Record<string, string | null>>): string {
  return Object.keys(values).length === 0 ? plainField : `=${Bun.SHA256.hash(JSON.stringify(values), "hex")}`;
}

function nameOf(prefix: string, { hash, place: { project = "", provider, method, path } }: EntryKey): string {
  return `${prefix}${project}|${provider}|${method}|${path}|${hash}`;
}

/** Where an answer with this key belongs; a path may have any character in it. */
function readName(prefix: string, name: string): EntryPlace | undefined {
  const [project, provider, method, ...rest] = name.slice(prefix.length).split("|");
  if (provider === undefined || method === undefined || rest.length < 2) return undefined;
  return { ...(project ? { project } : {}), provider, method, path: rest.slice(0, -1).join("|") };
}

function globOf(what: Purge): string {
  return what.kind === "project" ? `${escapeGlob(what.project)}|*` : "*|*|*|*|*";
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, String.raw`\$&`);
}
