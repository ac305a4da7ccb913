import { benchmark } from "./benchmark.ts";
import { help, OptionError, readOptions } from "./options.ts";

process.exitCode = await main();

async function main(): Promise<number> {
  if (process.platform !== "linux")
    return refuse("The benchmark needs Linux: its load tool uses epoll, and it reads /proc.");
  try {
    const options = readOptions(process.argv.slice(2));
    if (options !== undefined) return await benchmark(options);
    console.log(help);
    return 0;
  } catch (error) {
    if (error instanceof OptionError) return refuse(`${error.message}\n\n${help}`);
    throw error;
  }
}

function refuse(message: string): number {
  console.error(message);
  return 2;
}
