/** How a process is started. Nothing of our own environment is handed on but PATH. */
export type Launch = { readonly command: readonly string[]; readonly env: Readonly<Record<string, string>> };

/** What a gateway is given. */
export type Place = {
  /** An empty directory of its own. */
  readonly dir: string;
  readonly port: number;
  readonly ports: SharedPorts;
};

/** Where the processes listen that every gateway may use. */
export type SharedPorts = {
  readonly upstream: number;
  readonly wellSink: number;
  readonly hungSink: number;
  /** Nobody listens here. */
  readonly deadSink: number;
};
