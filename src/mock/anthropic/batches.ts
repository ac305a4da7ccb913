import type { Answer, MockContext } from "../dialect.ts";
import type { Directives } from "../directives.ts";
import { listOf, objectOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { createShelf } from "../shelf.ts";
import { composeTurn } from "../turn.ts";
import type { AnthropicCall } from "./anthropic-call.ts";
import { errorBody, failure, headersOf, jsonAnswer, timeText } from "./anthropic-head.ts";
import { listPage } from "./list-page.ts";
import { messageBody } from "./message-body.ts";
import { faultOf, readMessageRequest } from "./read-message-request.ts";

type BatchRequest = {
  readonly customId: string;
  readonly params: Json;
  readonly fault?: string;
  readonly directives: Directives;
};

type Batch = {
  readonly id: string;
  readonly requests: readonly BatchRequest[];
  readonly created: number;
  /** Where its results can be had. */
  readonly resultsUrl: string;
  readonly canceled: boolean;
};

const day = 86_400;
const mostRequests = 10_000;

/** Answers `/v1/messages/batches` and what lies below; a batch has ended as soon as it is asked for. */
export function createBatches(): (call: AnthropicCall, rest: string) => Answer {
  const batches = createShelf<Batch>(100);

  return (call, rest) => {
    const { method } = call.request;
    if (rest === "") return method === "POST" ? create(call) : list(call);
    const [, id = "", action = ""] = /^\/([^/]+)(?:\/(results|cancel))?$/.exec(rest) ?? [];
    const batch = batches.find(id);
    if (batch === undefined) return failure(404, "No message batch has this id.", call.head);
    if (action === "results") return results(call, batch);
    if (method === "DELETE") return remove(call, id);
    if (action !== "cancel") return jsonAnswer(describe(batch, "ended"), call.head);
    const canceled = { ...batch, canceled: true };
    batches.put(id, canceled);
    return jsonAnswer(describe(canceled, "canceling"), call.head);
  };

  function create({ request, context, head }: AnthropicCall): Answer {
    const requests = listOf(request.json()?.["requests"]).map((one) => readBatchRequest(objectOf(one), context));
    if (requests.length === 0) return failure(400, "requests: Field required", head);
    if (requests.length > mostRequests) return failure(413, "requests: too many", head);
    const id = context.ids.next("msgbatch_01", 22);
    const resultsUrl = `http://${request.header("host") ?? "localhost"}${request.path.replace(/\/+$/, "")}/${id}/results`;
    const batch: Batch = { id, requests, created: head.now, resultsUrl, canceled: false };
    batches.put(id, batch);
    return jsonAnswer(describe(batch, "in_progress"), head);
  }

  function list({ head }: AnthropicCall): Answer {
    return jsonAnswer(listPage(batches.list().map((batch) => ({ ...describe(batch, "ended"), id: batch.id }))), head);
  }

  function remove({ head }: AnthropicCall, id: string): Answer {
    batches.remove(id);
    return jsonAnswer({ id, type: "message_batch_deleted" }, head);
  }

  function results({ context, head }: AnthropicCall, batch: Batch): Answer {
    const lines = batch.requests.map((request) => ({
      custom_id: request.customId,
      result: batch.canceled ? { type: "canceled" } : resultOf(request, context, head.requestId),
    }));
    return {
      status: 200,
      headers: headersOf("application/x-jsonl", head),
      body: lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
    };
  }
}

function readBatchRequest(request: Json, context: MockContext): BatchRequest {
  const params = objectOf(request["params"]);
  return {
    customId: textOf(request["custom_id"]) ?? "",
    params,
    fault: faultOf(params),
    directives: context.read(textOf(params["model"]) ?? ""),
  };
}

function fails({ fault, directives }: BatchRequest): boolean {
  return fault !== undefined || directives.status !== undefined;
}

function resultOf(request: BatchRequest, context: MockContext, requestId: string): object {
  const { params, fault = "The model's name asks for this error.", directives } = request;
  const { model, wishes, status = 400 } = directives;
  if (fails(request)) return { type: "errored", error: errorBody(status, fault, requestId) };
  const turn = composeTurn(readMessageRequest(params, model, wishes), wishes);
  const facts = { id: context.ids.next("msg_01", 22), model, ids: context.ids, tier: "batch" };
  return { type: "succeeded", message: messageBody(turn, facts) };
}

function describe(
  { id, requests, created, resultsUrl, canceled }: Batch,
  status: "in_progress" | "canceling" | "ended",
): object {
  const ended = status === "ended";
  const errored = requests.filter(fails).length;
  const done = ended && !canceled;
  return {
    id,
    type: "message_batch",
    processing_status: status,
    request_counts: {
      processing: ended ? 0 : requests.length,
      succeeded: done ? requests.length - errored : 0,
      errored: done ? errored : 0,
      canceled: ended && canceled ? requests.length : 0,
      expired: 0,
    },
    created_at: timeText(created),
    expires_at: timeText(created + day),
    ended_at: ended ? timeText(created) : null,
    cancel_initiated_at: canceled ? timeText(created) : null,
    archived_at: null,
    results_url: ended ? resultsUrl : null,
  };
}
