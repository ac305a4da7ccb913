import type { Launch, Place, SharedPorts } from "./launch.ts";
import { benchManagementToken, mintBoundToken, mintToken } from "./mint-token.ts";
import { launchNginx } from "./nginx.ts";
import { launchForwarder, launchWeir } from "./weir.ts";

/** Something to measure: the load without a gateway, a peer, or Weir in one of its configurations. */
export type Variant = {
  readonly name: string;
  readonly about: string;
  /** Undefined where the load goes straight to the upstream. */
  readonly launch?: (place: Place) => Launch;
  /** What consumers show it, got from it when it is up; any text where it is absent. */
  readonly obtainCredential?: (url: string) => Promise<string>;
  /** A program that has to be installed. */
  readonly needs?: string;
  /** Its telemetry is on, and counts what it records. */
  readonly records?: true;
  /** Only where a case, or whoever runs it, asks for it by name. */
  readonly onRequest?: true;
};

const quiet = { TELEMETRY: "off", LOG_LEVEL: "warn" };

/** No line for each request, as nginx writes none. */
const toFile = (place: Place) => ({
  LOG_LEVEL: "warn",
  SINKS: "file",
  FILE_EVENT_LOG: `${place.dir}/exchanges.jsonl`,
});

const byToken = { AUTH_MODE: "token", MANAGEMENT_TOKEN: benchManagementToken };

const withToken = (place: Place) => ({ ...toFile(place), ...byToken });

const toLangfuse = (port: (ports: SharedPorts) => number) => (place: Place) => ({
  LOG_LEVEL: "warn",
  SINKS: "langfuse",
  LANGFUSE_BASE_URL: `http://127.0.0.1:${port(place.ports)}`,
  LANGFUSE_PUBLIC_KEY: "pk-lf-bench",
  LANGFUSE_SECRET_KEY: "sk-lf-bench",
});

export const variants: readonly Variant[] = [
  { name: "direct", about: "no gateway: the floor of the load itself" },
  { name: "nginx", about: "a plain proxy, unbuffered, no log", launch: launchNginx, needs: "nginx" },
  {
    name: "bun",
    about: "the least that forwards on Bun: its server and its client, and nothing between them",
    launch: launchForwarder,
    onRequest: true,
  },
  { name: "bare", about: "Weir without telemetry", launch: launchWeir(() => quiet) },
  {
    name: "token",
    about: "the same, for consumers with a token",
    launch: launchWeir(() => ({ ...quiet, ...byToken })),
    obtainCredential: (url) => mintToken(url),
    onRequest: true,
  },
  {
    name: "unbound",
    about: "Weir with durable telemetry, for consumers with a token",
    launch: launchWeir(withToken),
    obtainCredential: (url) => mintToken(url),
    records: true,
    onRequest: true,
  },
  {
    name: "bound",
    about: "the same, with limits and a budget",
    launch: launchWeir(withToken),
    obtainCredential: mintBoundToken,
    records: true,
    onRequest: true,
  },
  {
    name: "everything",
    about: "Weir with the exchange log, for consumers with a token, limits and a budget",
    launch: launchWeir(() => ({ ...byToken, LOG_LEVEL: "warn", SINKS: "store" })),
    obtainCredential: mintBoundToken,
    records: true,
    onRequest: true,
  },
  {
    name: "telemetry",
    about: "Weir with durable telemetry and the file sink",
    launch: launchWeir(toFile),
    records: true,
  },
  {
    name: "logged",
    about: "the same, with a log line for each exchange",
    launch: launchWeir((place) => ({
      ...toFile(place),
      LOG_LEVEL: "info",
      LOG_FORMAT: "json",
      LOG_FILE: `${place.dir}/weir.log`,
    })),
    records: true,
    onRequest: true,
  },
  {
    name: "sink-well",
    about: "Weir, delivering to a Langfuse that answers",
    launch: launchWeir(toLangfuse((ports) => ports.wellSink)),
    records: true,
    onRequest: true,
  },
  {
    name: "sink-hung",
    about: "Weir, delivering to one that never answers",
    launch: launchWeir(toLangfuse((ports) => ports.hungSink)),
    records: true,
    onRequest: true,
  },
  {
    name: "sink-dead",
    about: "Weir, delivering to one that isn't there",
    launch: launchWeir(toLangfuse((ports) => ports.deadSink)),
    records: true,
    onRequest: true,
  },
];

/** The variant of this name. */
export function findVariant(name: string): Variant | undefined {
  return variants.find((each) => each.name === name);
}
