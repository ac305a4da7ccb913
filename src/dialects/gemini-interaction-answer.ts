import type { Answer, AnswerBuilder } from "./dialect.ts";
import { readGeminiError } from "./gemini-error.ts";
import { withoutPrefix } from "./gemini-model.ts";
import { countSearches, countToldSearches, readStepQueries } from "./gemini-searches.ts";
import { createStepsBuilder, readSteps } from "./gemini-steps.ts";
import { readInteractionUsage } from "./gemini-usage.ts";
import { type JsonObject, object, objects, present, text } from "./json.ts";
import { overlay } from "./overlay.ts";

/** Puts an interaction together, from the whole or from the events of its stream; other JSON is kept as it is. */
export function createInteractionAnswer(): AnswerBuilder {
  const grown = createStepsBuilder();
  let interaction: JsonObject | undefined;
  let usage: JsonObject | undefined;
  let error: Answer["error"];
  let other: unknown;
  let complete: boolean | undefined;

  function take(said: JsonObject | undefined): void {
    interaction = overlay(interaction, said);
    usage = object(said?.usage) ?? usage;
  }

  function event(type: string, data: JsonObject): void {
    complete ??= false;
    switch (type) {
      case "interaction.created":
      case "interaction.start":
        take(object(data.interaction));
        return;
      case "interaction.status_update":
        take({ status: data.status, usage: data.usage });
        return;
      case "interaction.completed":
      case "interaction.complete":
        complete = true;
        take(object(data.interaction));
        return;
      case "step.start":
      case "content.start":
        grown.start(data.index, object(data.step) ?? object(data.content) ?? {});
        return;
      case "step.delta":
      case "content.delta":
        grown.delta(data.index, object(data.delta) ?? {});
        take({ usage: object(data.metadata)?.total_usage });
        return;
      case "error":
        error = readGeminiError(data);
    }
  }

  function listSteps(): readonly JsonObject[] {
    const streamed = grown.steps();
    return streamed.length > 0 ? streamed : objects(interaction?.steps ?? interaction?.outputs);
  }

  function readOutput(): Answer["output"] {
    if (other !== undefined) return { kind: "json", value: other };
    if (interaction === undefined) return undefined;
    return { kind: "choices", choices: [readSteps(listSteps(), interaction.status)] };
  }

  return {
    whole(value) {
      const body = object(value);
      error = body && readGeminiError(body);
      if (error !== undefined) return;
      if (isInteraction(body)) take(body);
      else other = value;
    },
    event(name, data) {
      const said = object(data) ?? {};
      event(text(said.event_type) ?? name ?? "", said);
    },
    answer() {
      const model = withoutPrefix(text(interaction?.model)) ?? text(interaction?.agent);
      const searches = countToldSearches(usage, model) ?? countSearches(model, readStepQueries(listSteps()));
      return present({
        model,
        responseId: text(interaction?.id),
        output: readOutput(),
        usage: readInteractionUsage(usage, interaction?.service_tier, searches),
        error: error ?? interactionError(interaction),
        complete,
      });
    },
  };
}

/** Of a body that was too large to keep whole, only its end may be left. */
function isInteraction(body: JsonObject | undefined): boolean {
  return Array.isArray(body?.steps) || Array.isArray(body?.outputs) || [body?.usage, body?.status].some(Boolean);
}

/** An interaction that failed says so in itself. */
function interactionError(interaction: JsonObject | undefined): Answer["error"] {
  const [first] = objects(interaction?.errors);
  return first && readGeminiError({ error: first });
}
