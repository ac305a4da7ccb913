/** Does one thing after another; answers `false` where too much is waiting already. */
export type Serial = (work: () => Promise<void>) => boolean;

/** Creates a line of work; of work that fails `failed` is told, and the next is done. */
export function createSerial(failed: () => void = () => undefined, mostWaiting = 64): Serial {
  const waiting: (() => Promise<void>)[] = [];
  let busy = false;

  return (work) => {
    if (waiting.length >= mostWaiting) return false;
    waiting.push(work);
    if (!busy) void run();
    return true;
  };

  async function run(): Promise<void> {
    busy = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next().catch(failed);
    busy = false;
  }
}
