#!/usr/bin/env node
import { launch, main } from "./launcher.mjs";

launch([main, ...process.argv.slice(2)]);
