// They are run for what they do, and in this order, so that what it dies of is never recorded.
/* oxlint-disable import/no-unassigned-import */
import "./poison.ts";
import "../../src/telemetry/worker.ts";
