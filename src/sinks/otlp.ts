import { pairs, text, url } from "../lib/setting-schema.ts";
import { describeAnswer, type HttpService, judgeAnswer, requestHttp } from "./http-delivery.ts";
import { exportRecords } from "./otlp-export.ts";
import { encodeExport } from "./otlp-json.ts";
import { encodeGenAiSpan } from "./otlp-span.ts";
import type { SinkDefinition } from "./sink.ts";

const settings = {
  endpoint: {
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    yaml: "sinks.otlp.endpoint",
    schema: url().optional(),
    help: "Where an OpenTelemetry collector takes OTLP over HTTP, such as http://127.0.0.1:4318; /v1/traces is added.",
  },
  tracesEndpoint: {
    env: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    yaml: "sinks.otlp.traces_endpoint",
    schema: url().optional(),
    help: "The same for traces alone, taken as it is.",
  },
  headers: {
    env: "OTEL_EXPORTER_OTLP_HEADERS",
    yaml: "sinks.otlp.headers",
    schema: pairs().default({}),
    help: "Headers for the collector, as name=value,name=value with percent-encoded values.",
    secret: true,
  },
  serviceName: {
    env: "OTEL_SERVICE_NAME",
    yaml: "sinks.otlp.service_name",
    schema: text().default("weir"),
    default: "weir",
    help: "The service.name of the spans.",
  },
} as const satisfies SinkDefinition["settings"];

/** Sends each exchange as one span to any collector that takes OTLP over HTTP, as JSON. */
export const otlp: SinkDefinition<typeof settings> = {
  name: "otlp",
  help: "Spans by OpenTelemetry's GenAI conventions, to any collector that takes OTLP over HTTP.",
  settings,
  enabled: ({ endpoint, tracesEndpoint }) => endpoint !== undefined || tracesEndpoint !== undefined,
  open: ({ endpoint = "", tracesEndpoint, headers, serviceName }, { fetch, now, version }) => {
    const to = tracesEndpoint ?? (endpoint.endsWith("/v1/traces") ? endpoint : `${endpoint}/v1/traces`);
    const service = collector(headers, { fetch, now });
    const emitter = { service: serviceName, version };
    return {
      name: "otlp",
      batch: { count: 200, bytes: 2_000_000 },
      deadlineMs: 30_000,
      target: to,
      deliver: (batch, signal) => exportRecords({ service, url: to, emitter }, batch, encodeGenAiSpan, signal),
      check: async (signal) => {
        const answer = await requestHttp(service, to, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: encodeExport([], emitter),
          signal,
        });
        if (judgeAnswer(service, answer) !== undefined) throw new Error(describeAnswer(service, answer));
      },
    };
  },
};

/** A header's value that is this short is no secret, and would be found in any text. */
const shortestSecret = 6;

function collector(headers: Readonly<Record<string, string>>, parts: Pick<HttpService, "fetch" | "now">): HttpService {
  const access = "check OTEL_EXPORTER_OTLP_HEADERS";
  const address = "check OTEL_EXPORTER_OTLP_ENDPOINT";
  return {
    ...parts,
    name: "The collector",
    headers,
    secrets: Object.values(headers).filter((value) => value.length >= shortestSecret),
    advice: { 401: access, 403: access, 404: address, 405: address },
  };
}
