import type { CliCommand } from "./command.ts";

/** Every command by its name; one is loaded when it is called, so that the gateway's start isn't held up by the others. */
export const commands: Readonly<Record<string, () => Promise<CliCommand>>> = {
  audit: async () => (await import("./audit.ts")).auditCommand,
  chat: async () => (await import("./chat.ts")).chatCommand,
  completion: async () => (await import("./completion.ts")).completionCommand,
  db: async () => (await import("./db.ts")).dbCommand,
  doctor: async () => (await import("./doctor.ts")).doctorCommand,
  limits: async () => (await import("./limits.ts")).limitsCommand,
  manage: async () => (await import("./manage.ts")).manageCommand,
  migrate: async () => (await import("./migrate.ts")).migrateCommand,
  mock: async () => (await import("./mock.ts")).mockCommand,
  outbox: async () => (await import("./outbox.ts")).outboxCommand,
  prices: async () => (await import("./prices.ts")).pricesCommand,
  reload: async () => (await import("./reload.ts")).reloadCommand,
  run: async () => (await import("./run.ts")).runCommand,
  serve: async () => (await import("./serve.ts")).serveCommand,
  setup: async () => (await import("./setup.ts")).setupCommand,
  version: async () => (await import("./version.ts")).versionCommand,
};
