import { fileURLToPath } from "node:url";
import { runtimeSettings } from "../src/cli/runtime-settings.ts";
import type { Launch, Place } from "./launch.ts";

const entry = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const forwarder = fileURLToPath(new URL("forwarder.ts", import.meta.url));

/** Starts Weir from source in front of the upstream, with these settings on top of where it listens. */
export function launchWeir(settings: (place: Place) => Readonly<Record<string, string>>): (place: Place) => Launch {
  return (place) => ({
    command: [process.execPath, "--no-env-file", entry, "serve"],
    env: {
      HOST: "127.0.0.1",
      PORT: String(place.port),
      DATA_DIR: `${place.dir}/data`,
      UPSTREAM_BASE_URL: `http://127.0.0.1:${place.ports.upstream}`,
      FLUSH_TIMEOUT_MS: "500",
      ...settings(place),
    },
  });
}

/** Starts the least forwarder in front of the upstream, with the runtime set as Weir sets it. */
export function launchForwarder({ port, ports }: Place): Launch {
  return {
    command: [process.execPath, "--no-env-file", forwarder],
    env: {
      HOST: "127.0.0.1",
      PORT: String(port),
      UPSTREAM_BASE_URL: `http://127.0.0.1:${ports.upstream}`,
      ...runtimeSettings,
    },
  };
}
