import { constants } from "node:os";
import { isatty } from "node:tty";
import type { Texts } from "../config/lookup.ts";

/** Signals that end a program, or that programs give a meaning of their own. */
const passedOn = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
/** Signals of the keyboard, which a terminal sends to the program itself as well. */
const ofKeyboard = ["SIGINT", "SIGQUIT"] as const;

/** A signal that a launcher and its group both get comes twice at once. Milliseconds. */
const sameSignalMs = 500;

/** What shells say of a program that isn't there, and of one that can't be started. */
const notFound = 127;
const notStarted = 126;

/** How a program ended; `fault` where it never began. */
export type ChildEnd = { readonly code: number; readonly fault?: string };

/** Runs a program on this process's own standard streams, passes signals on to it, and gives its exit code, or 128 and the signal that ended it. */
export async function runChild(command: readonly string[], env: Texts): Promise<ChildEnd> {
  let child: Bun.Subprocess | undefined;
  // Before the program starts, so that no signal ends this process alone.
  const release = takeSignals((signal) => child?.kill(signal));
  try {
    child = Bun.spawn([...command], { env, stdio: ["inherit", "inherit", "inherit"] });
    await child.exited;
    return { code: readCode(child) };
  } catch (error) {
    return describeFault(command[0] ?? "", error);
  } finally {
    release();
  }
}

function readCode({ exitCode, signalCode }: Bun.Subprocess): number {
  if (typeof signalCode === "string") return 128 + constants.signals[signalCode];
  return exitCode ?? 128 + (signalCode ?? 0);
}

/** Gives each signal to `pass`, but for those of a keyboard that the program has got already; gives back what undoes it. */
function takeSignals(pass: (signal: NodeJS.Signals) => void): () => void {
  const lastAt = new Map<NodeJS.Signals, number>();
  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now();
    const again = now - (lastAt.get(signal) ?? -Infinity) < sameSignalMs;
    lastAt.set(signal, now);
    if (!again) pass(signal);
  };
  const ignore = () => undefined;
  const onTerminal = [0, 1, 2].some((stream) => isatty(stream));
  const listeners = [
    ...passedOn.map((signal) => [signal, onSignal] as const),
    ...ofKeyboard.map((signal) => [signal, onTerminal ? ignore : onSignal] as const),
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

function describeFault(program: string, error: unknown): ChildEnd {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return { code: notFound, fault: `${program} isn't there: check its name, its path and PATH` };
  const reason = code === "EACCES" ? "it may not be executed" : String(code ?? error);
  return { code: notStarted, fault: `${program} can't be started: ${reason}` };
}
