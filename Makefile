# One line each over the npm scripts, for hands that type make.
.PHONY: help install build run dev test check fmt vet lint clean version bench

help: ## what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 12

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
