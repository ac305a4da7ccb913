/** Where somebody wanted to listen, in the words of the settings that say so. */
export type ListenPlace = {
  /** `PORT 3000 on 127.0.0.1`. */
  readonly port: string;
  /** `HOST 127.0.0.1`. */
  readonly host: string;
  /** How another port is given: `PORT=… or --port`. */
  readonly otherPort: string;
};

/** Says what keeps a program from listening, and what to do; `undefined` where an error says nothing of that. */
export function explainListenFault({ port, host, otherPort }: ListenPlace, error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error && "syscall" in error && error.syscall === "listen" ? String(error.code) : undefined;
  // A name that can't be looked up comes without a code.
  if (code === undefined && !error.message.startsWith("Failed to listen at")) return undefined;
  if (code === "EADDRINUSE")
    return `${port} is in use. Stop what listens there, or choose another port (${otherPort}).`;
  if (code === "EACCES")
    return `${port} is not for this user to listen on (EACCES). Choose a port from 1024 on (${otherPort}), or give the program the right to lower ones (CAP_NET_BIND_SERVICE).`;
  const why = code === undefined ? "" : ` (${code})`;
  return `${host} is nowhere to listen on${why}. It must be an address of this machine, or a name of one; 127.0.0.1 is reached from it alone, 0.0.0.0 is every address.`;
}
