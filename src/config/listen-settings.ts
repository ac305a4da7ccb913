import { cidr, list, port, reading, text, withDefault } from "../lib/setting-schema.ts";
import type { Settings } from "../lib/setting.ts";
import { readAddress, readHost } from "./address.ts";

/** Where it listens, whom it believes, and where its data lies. */
export const listenSettings = {
  host: {
    env: "HOST",
    yaml: "host",
    ...withDefault(reading("a host name or an address", readHost), "127.0.0.1"),
    help: "The address to listen on. The default is reached from this machine alone; `0.0.0.0` is every address.",
  },
  port: {
    env: "PORT",
    yaml: "port",
    flag: "--port",
    ...withDefault(port(), "3000"),
    help: "The port to listen on; 0 takes any that is free.",
  },
  address: {
    env: "LISTEN_ADDR",
    yaml: "listen_addr",
    flag: "--addr",
    schema: reading("host:port or :port", readAddress).optional(),
    help: "Host and port in one, `127.0.0.1:8080`; `:8080` is every address. It beats `HOST` and `PORT`, and a `PORT` that says something else is a fault.",
  },
  trustedProxies: {
    env: "TRUSTED_PROXIES",
    yaml: "trusted_proxies",
    schema: list(cidr()).prefault([]),
    help: "Networks of the proxies in front, `10.0.0.0/8,fd00::/8`, whose `X-Forwarded-*` headers say who the client is and whether it used TLS.",
  },
  dataDir: {
    env: "DATA_DIR",
    yaml: "data_dir",
    ...withDefault(text(), "./data"),
    help: "The folder for everything that is kept; made where it is missing, for its owner alone.",
  },
} satisfies Settings;
