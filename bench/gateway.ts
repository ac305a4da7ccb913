import { mkdirSync, readFileSync } from "node:fs";
import type { Child, Children } from "./children.ts";
import type { Place } from "./launch.ts";
import { cpuSeconds, processTree, residentMb } from "./proc.ts";
import type { Variant } from "./variants.ts";

/** A variant that is up, or the way straight to the upstream. */
export type Gateway = {
  readonly variant: Variant;
  readonly port: number;
  /** What consumers show. */
  readonly credential: string;
  readonly startMs?: number;
  readonly child?: Child;
  /** The process and what it started. */
  readonly pids: readonly number[];
};

const anyKey = "sk-bench";
const START_DEADLINE_MS = 15_000;
const QUIET_DEADLINE_MS = 20_000;
const QUIET_PERIOD_MS = 250;
/** A tick of the clock that CPU time is counted in, and one more for the timers of an idle program. */
const QUIET_CPU_SECONDS = 0.02;

/** Starts a variant and waits until it answers on `/live`. Throws with the end of its output where it doesn't. */
export async function startGateway(
  variant: Variant,
  children: Children,
  place: Place,
  core: number | undefined,
): Promise<Gateway> {
  if (variant.launch === undefined) return { variant, port: place.ports.upstream, credential: anyKey, pids: [] };
  mkdirSync(place.dir, { recursive: true });
  const outputFile = `${place.dir}/output.log`;
  const launch = variant.launch(place);
  const before = performance.now();
  const child = children.start(launch, { core, dir: place.dir, outputFile });
  if (!(await isLive(child, `http://127.0.0.1:${place.port}/live`))) {
    await children.stop(child);
    throw new Error(`It didn't start:\n${readFileSync(outputFile, "utf8").slice(-2000)}`);
  }
  const startMs = performance.now() - before;
  const credential = (await variant.obtainCredential?.(`http://127.0.0.1:${place.port}`)) ?? anyKey;
  return { variant, port: place.port, credential, child, startMs, pids: processTree(child.pid) };
}

/** Waits until the gateway has nothing left to do, so that it takes no time from the next one. Returns how long that took, in seconds. */
export async function waitUntilQuiet({ pids }: Gateway): Promise<number> {
  if (pids.length === 0) return 0;
  const begun = performance.now();
  for (let before = cpuSeconds(pids); performance.now() - begun < QUIET_DEADLINE_MS;) {
    await Bun.sleep(QUIET_PERIOD_MS);
    const after = cpuSeconds(pids);
    if (after - before <= QUIET_CPU_SECONDS) break;
    before = after;
  }
  return Math.max(0, performance.now() - begun - QUIET_PERIOD_MS) / 1000;
}

/** Looks at the gateway's memory ten times a second; `stop` gives all that was seen, in MB. */
export function watchMemory({ pids }: Gateway): { readonly stop: () => readonly number[] } {
  const seen = [residentMb(pids)];
  const timer = setInterval(() => seen.push(residentMb(pids)), 100);
  return {
    stop: () => {
      clearInterval(timer);
      return [...seen, residentMb(pids)];
    },
  };
}

/** False where the process ends, or takes too long. */
async function isLive(child: Child, url: string): Promise<boolean> {
  const giveUp = new AbortController();
  const ended = child.exited.then(() => false);
  const live = await Promise.race([ended, Bun.sleep(START_DEADLINE_MS).then(() => false), answers(url, giveUp.signal)]);
  giveUp.abort();
  return live;
}

async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const answer = await fetch(url, { keepalive: false, signal: AbortSignal.timeout(1000) }).catch(() => undefined);
    if (answer?.status === 200) return true;
    await Bun.sleep(2);
  }
  return false;
}
