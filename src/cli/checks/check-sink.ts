import type { SinkChoice } from "../../config/config.ts";
import { openSinks } from "../../telemetry/open-sinks.ts";
import type { Finding } from "./check.ts";
import { checkExchangeLog } from "./check-exchange-log.ts";
import { checkFile } from "./check-file.ts";

type SinkAbout = Parameters<typeof openSinks>[1];

const checkWithinMs = 10_000;

/** Whether a sink can be reached and takes our credentials; it gets no record. */
export async function checkSink(choice: SinkChoice, about: SinkAbout): Promise<Finding> {
  const name = `sink ${choice.name}`;
  const { path } = choice.values;
  // A server may be writing to a file, and opening one mends its last line.
  if (choice.name === "file" && typeof path === "string") return checkFile(name, path, "FILE_EVENT_LOG");
  if (choice.name === "store") return checkExchangeLog(name, about.exchangeLog);
  try {
    return { name, state: "ok", message: await askSink(choice, about) };
  } catch (error) {
    return { name, state: "fail", message: error instanceof Error ? error.message : String(error), unreachable: true };
  }
}

async function askSink(choice: SinkChoice, about: SinkAbout): Promise<string> {
  const [opened] = await openSinks([choice], about);
  if (opened === undefined) return "nothing to deliver to";
  const { sink } = opened;
  try {
    if (sink.check === undefined) return `${sink.target} can't be asked without leaving a record`;
    await sink.check(AbortSignal.timeout(checkWithinMs));
    return `${sink.target} takes what it gets`;
  } finally {
    await sink.close?.();
  }
}
