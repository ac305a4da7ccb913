import type { Exchange } from "../domain/exchange.ts";
import { mediaPlaceholder, replaceMedia } from "./base64-media.ts";
import { failureOf, tagsOf, wasCut } from "./exchange-facts.ts";
import { encodeFitting } from "./fit-span.ts";
import { genAiInput, genAiOutput } from "./genai-messages.ts";
import { isMembers } from "./members.ts";
import { type Attributes, jsonValue, type Span } from "./otlp-json.ts";
import { operationName, semanticAttributes } from "./semconv.ts";
import type { Bodies } from "./shorten.ts";

/** An exchange as one OTLP span by the GenAI conventions, shortened where it would be larger than `maxBytes`. */
export function encodeGenAiSpan(exchange: Exchange, maxBytes: number): string {
  const input = exchange.input === undefined ? undefined : genAiInput(replaceMedia(exchange.input, mediaPlaceholder));
  const output = genAiOutput(exchange.output);
  return encodeFitting(
    (bodies, shortened) => genAiSpan(exchange, bodies, shortened || wasCut(exchange)),
    { input, output: output.length === 0 ? undefined : output },
    maxBytes,
  );
}

function genAiSpan(exchange: Exchange, bodies: Bodies, truncated: boolean): Span {
  const startMs = Date.parse(exchange.started_at);
  const failure = failureOf(exchange);
  const name = [operationName(exchange) ?? exchange.method, exchange.request_model ?? exchange.model];
  return {
    traceId: exchange.trace_id,
    spanId: exchange.span_id,
    parentSpanId: exchange.parent_span_id,
    name: name.filter((part) => part !== undefined).join(" "),
    startMs,
    endMs: startMs + exchange.duration_ms,
    link: exchange.linked_trace,
    error: failure?.kind === "error" ? failure.message : undefined,
    attributes: {
      ...semanticAttributes(exchange),
      "error.type": failure?.kind === "error" ? failure.type : undefined,
      ...contentAttributes(bodies),
      ...weirAttributes(exchange, truncated),
    },
  };
}

function contentAttributes({ input, output }: Bodies): Attributes {
  const given = isMembers(input) ? input : { messages: input };
  return {
    "gen_ai.input.messages": jsonValue(given["messages"]),
    "gen_ai.system_instructions": jsonValue(given["system"]),
    "gen_ai.tool.definitions": jsonValue(given["tools"]),
    "gen_ai.output.messages": jsonValue(output),
  };
}

/** What no convention has a name for. */
function weirAttributes(exchange: Exchange, truncated: boolean): Attributes {
  const { cost_nano_usd } = exchange;
  const tags = tagsOf(exchange);
  return {
    "weir.exchange.id": exchange.id,
    "weir.outcome": exchange.outcome,
    "weir.cause": exchange.cause,
    "weir.truncated": truncated || undefined,
    "weir.overhead_ms": exchange.overhead_ms,
    "weir.first_byte_ms": exchange.first_byte_ms,
    "weir.project.id": exchange.project_id,
    "weir.token.id": exchange.token_id,
    "weir.tags": tags.length === 0 ? undefined : tags,
    "weir.metadata": jsonValue(exchange.attribution.metadata),
    "weir.usage.source": exchange.usage.source,
    "weir.cost.nano_usd": cost_nano_usd === undefined ? undefined : BigInt(cost_nano_usd),
    "weir.unpriced": exchange.unpriced,
    "weir.count": exchange.count === undefined ? undefined : BigInt(exchange.count),
  };
}
