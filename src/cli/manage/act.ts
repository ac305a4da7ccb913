import { Command } from "commander";
import { complain, type ExitCode } from "../command.ts";
import { openLineInput } from "../line-input.ts";
import { loadConfig } from "../load-config.ts";
import { isCredential, readSecrets, SecretMissing, type SecretOption } from "../secret-options.ts";
import { type Options, readFlags } from "../serve.ts";
import { readVersion } from "../version.ts";
import { createManagementClient, type ManagementClient } from "./client.ts";
import { type ConnectionOptions, findConnection } from "./connection.ts";
import { ManageFault } from "./fault.ts";
import { type KeyOptions, listKeyOptions } from "./key-options.ts";

/** What every command of `weir manage` takes. */
export type ManageOptions = ConnectionOptions & {
  readonly json?: boolean;
  readonly config?: string;
  readonly env?: string;
};

/** What a command works with. */
export type Desk<O> = {
  readonly api: ManagementClient;
  readonly options: O & ManageOptions;
  /** Provider keys as they were given, by provider. */
  readonly keys: Readonly<Record<string, string>>;
};

/** What came of it: for programs, and for people. */
export type Shown = { readonly json: unknown; readonly lines: readonly string[]; readonly code?: ExitCode };

/** Makes a command's action of its work: finds the gateway, reads secrets, prints what came of it, ends the program. `work` throws a `ManageFault`. */
export function act<O extends object>(work: (desk: Desk<O>, ...args: readonly string[]) => Promise<Shown>) {
  return async (...given: readonly unknown[]): Promise<never> => {
    const command = given.at(-1);
    if (!(command instanceof Command)) throw new TypeError("A command's action is called with its command");
    const options = command.optsWithGlobals<O & ManageOptions & KeyOptions>();
    try {
      const { json, lines, code = 0 } = await work(await openDesk(options), ...command.args);
      console.log(options.json === true ? JSON.stringify(json) : lines.join("\n"));
      process.exit(code);
    } catch (error) {
      complain([error instanceof Error ? error.message : String(error)]);
      process.exit(codeOf(error));
    }
  };
}

async function openDesk<O extends ManageOptions & KeyOptions>(options: O): Promise<Desk<O>> {
  const tokenOptions = listTokenOption(options);
  const keyOptions = listKeyOptions(options);
  const secrets = await readSecrets([...tokenOptions, ...keyOptions], openLineInput);
  const keys = secrets.slice(tokenOptions.length);
  const connection = await findConnection({
    options: { ...options, managementToken: tokenOptions.length === 0 ? undefined : secrets[0] },
    env: process.env,
    load: () => loadConfig({ flags: readFlags(pickFiles(options)), serves: false }),
  });
  if (!isCredential(connection.token))
    throw new ManageFault(
      2,
      `The management token (from ${connection.tokenFrom}) must be printable ASCII characters without spaces; it isn't shown`,
    );
  return {
    api: createManagementClient({ ...connection, version: readVersion().version }),
    options,
    keys: Object.fromEntries(keyOptions.map(({ provider }, at) => [provider, keys[at] ?? ""])),
  };
}

function listTokenOption({ managementToken: written }: ManageOptions): readonly SecretOption[] {
  if (written === undefined) return [];
  return [{ flag: "--management-token", what: "management token", written, secret: written }];
}

function pickFiles({ config, env }: ManageOptions): Options {
  return { ...(config === undefined ? {} : { config }), ...(env === undefined ? {} : { env }) };
}

function codeOf(error: unknown): ExitCode {
  if (error instanceof ManageFault) return error.code;
  return error instanceof SecretMissing ? 2 : 1;
}
