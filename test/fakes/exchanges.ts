import type { Exchange } from "../../src/domain/exchange.ts";
import { sumUsage } from "../../src/domain/usage.ts";
import type { SinkRecord } from "../../src/sinks/sink.ts";

/** An OpenAI chat exchange that was answered, with what a test wants to be different. */
export function exampleExchange(different: Partial<Exchange> = {}): Exchange {
  return {
    schema: 1,
    id: "0199f000-0000-7000-8000-000000000001",
    trace_id: "0af7651916cd43dd8448eb211c80319c",
    span_id: "b7ad6b7169203331",
    kind: "generation",
    transport: "http",
    provider: "openai",
    dialect: "openai-chat",
    method: "POST",
    path: "/v1/chat/completions",
    streaming: true,
    status: 200,
    outcome: "answered",
    started_at: "2026-11-20T10:00:00.000Z",
    ended_at: "2026-11-20T10:00:01.300Z",
    overhead_ms: 0.4,
    first_byte_ms: 800,
    duration_ms: 1300,
    model: "gpt-4o-2024-08-06",
    request_model: "gpt-4o",
    response_id: "chatcmpl-1",
    request: { content_type: "application/json", bytes: 120 },
    response: { content_type: "text/event-stream", bytes: 900 },
    input: { messages: [{ role: "user", content: "Hi" }] },
    parameters: { temperature: 0.2, stream: true },
    output: { kind: "choices", choices: [{ index: 0, text: "Hello", finish_reason: "stop" }] },
    usage: sumUsage({ input: 12, input_cached: 8, output: 5, output_reasoning: 4 }, { source: "provider" }),
    attribution: {},
    ...different,
  };
}

/** Exchanges that differ in their ids, and in what a test wants. */
export function exampleExchanges(
  count: number,
  different: (index: number) => Partial<Exchange> = () => ({}),
): Exchange[] {
  return Array.from({ length: count }, (_, index) => {
    const hex = (index + 1).toString(16);
    return exampleExchange({
      id: `exchange-${index}`,
      trace_id: hex.padStart(32, "a"),
      span_id: hex.padStart(16, "b"),
      ...different(index),
    });
  });
}

/** Exchanges as an outbox gives them to a sink. */
export function recordsOf(exchanges: readonly Exchange[]): SinkRecord[] {
  return exchanges.map((exchange, index) => ({
    seq: index + 1,
    id: exchange.id,
    json: JSON.stringify(exchange),
    exchange,
  }));
}
