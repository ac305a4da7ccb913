# One line each over the npm scripts, for hands that type make.
.PHONY: help install build run dev test test-all test-openai test-anthropic test-gemini test-health env-check check fmt vet lint clean version bench

help: ## what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 16

install: ## the dependencies, exactly as locked
	npm ci

build: ## bin/weir, one file
	npm run build

run: ## start the gateway
	npm start

dev: ## start it, and again on every change
	npm run dev

test: ## all tests
	npm test

test-all: ## all tests, in their long form where they have one
	WEIR_LONG=1 npm test

test-openai: ## what knows OpenAI's formats: dialects, mock, records, SDK
	npm test -- src/dialects/openai src/mock/openai test/telemetry/openai test/sdks/openai

test-anthropic: ## the same for Anthropic
	npm test -- src/dialects/anthropic src/mock/anthropic test/telemetry/anthropic test/sdks/anthropic

test-gemini: ## the same for Gemini
	npm test -- src/dialects/gemini src/mock/gemini test/telemetry/gemini test/sdks/genai

test-health: ## health pages and metrics
	npm test -- test/wire/status-pages

env-check: ## whether the settings are right
	node scripts/weir.mjs doctor --config-only

check: ## everything that a pull request has to pass
	npm run check

fmt: ## format the code
	npm run format

vet: ## check the types
	npm run types

lint: ## check the rules of oxlint
	npm run lint

clean: ## take away what was built
	rm -rf bin coverage bench/results

version: ## version, commit, build time
	node scripts/weir.mjs version

bench: ## measure against direct and nginx
	npm run bench
