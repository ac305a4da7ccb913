#define _GNU_SOURCE
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char usage[] =
  "load upstream --listen PORT [--answer-bytes N] [--chunks N] [--interval-ms MS] [--hang]\n"
  "load rps      --target PORT [--listen PORT] [--connections N] [--request-bytes N] [--rate PER_SECOND]\n"
  "load streams  --target PORT --listen PORT [--connections N] [--chunks N] [--interval-ms MS] [--read-rate BYTES_PER_SECOND]\n"
  "              [--path /v1/chat/completions] [--header 'name: value']... [--ramp S] [--warm S] [--seconds S] [--leave]\n"
  "All on 127.0.0.1. `--listen` runs the upstream in this process; `--target` is where the calls go, the gateway.\n"
  "An interval of 0 sends as fast as it is taken; `--leave` leaves unfinished answers at the end.\n";

struct options options = {
  .path = "/v1/chat/completions", .connections = 32, .request_bytes = 1200, .answer_bytes = 2048,
  .chunks = 50, .interval = SECOND / 50, .duration = 5 * SECOND, .warm = SECOND,
};
static struct buffer headers;

static void refuse(const char *what, const char *value) {
  fprintf(stderr, "load: %s%s%s\n%s", what, *value ? " " : "", value, usage);
  exit(2);
}

static double number(const char *name, const char *value) {
  char *end;
  double number = strtod(value, &end);
  if (end == value || *end || number < 0) refuse(name, "needs a number from 0");
  return number;
}

static void read_option(const char *name, const char *value) {
  if (!strcmp(name, "--path")) options.path = value;
  else if (!strcmp(name, "--header")) buffer_print(&headers, "%s\r\n", value);
  else if (!strcmp(name, "--listen")) options.listen_port = (int)number(name, value);
  else if (!strcmp(name, "--target")) options.target_port = (int)number(name, value);
  else if (!strcmp(name, "--connections")) options.connections = (int)number(name, value);
  else if (!strcmp(name, "--request-bytes")) options.request_bytes = (size_t)number(name, value);
  else if (!strcmp(name, "--answer-bytes")) options.answer_bytes = (size_t)number(name, value);
  else if (!strcmp(name, "--chunks")) options.chunks = (unsigned)number(name, value);
  else if (!strcmp(name, "--interval-ms")) options.interval = (uint64_t)(number(name, value) * 1e6);
  else if (!strcmp(name, "--rate")) options.rate = (uint64_t)number(name, value);
  else if (!strcmp(name, "--read-rate")) options.read_rate = (uint64_t)number(name, value);
  else if (!strcmp(name, "--ramp")) options.ramp = (uint64_t)(number(name, value) * SECOND);
  else if (!strcmp(name, "--warm")) options.warm = (uint64_t)(number(name, value) * SECOND);
  else if (!strcmp(name, "--seconds")) options.duration = (uint64_t)(number(name, value) * SECOND);
  else refuse("unknown option", name);
}

static void read_options(int count, char **values) {
  if (count < 2) refuse("say what to do", "");
  options.upstream_only = !strcmp(values[1], "upstream");
  options.streams = !strcmp(values[1], "streams");
  if (!options.upstream_only && !options.streams && strcmp(values[1], "rps")) refuse("unknown mode", values[1]);
  for (int i = 2; i < count; i++) {
    if (!strcmp(values[i], "--hang")) options.hang = true;
    else if (!strcmp(values[i], "--leave")) options.leave = true;
    else if (i + 1 == count) refuse(values[i], "needs a value");
    else read_option(values[i], values[i + 1]), i++;
  }
  buffer_add(&headers, "", 1);
  options.headers = headers.bytes;
  if (!options.listen_port && (options.upstream_only || options.streams)) refuse(values[1], "needs --listen");
  if (!options.target_port && !options.upstream_only) refuse(values[1], "needs --target");
}

static void raise_file_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static double cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void print_histogram(const char *name, const struct histogram *histogram) {
  printf("\"%s\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},", name, histogram_us(histogram, 0.5),
    histogram_us(histogram, 0.99), histogram_us(histogram, 0.999), histogram_us(histogram, 1));
}

static void print_result(const char *mode, double seconds, double cpu) {
  static const char *const names[FAILURES] = {"connect", "status", "broken", "body", "unfinished"};
  uint64_t failed = 0;
  printf("{\"mode\":\"%s\",\"connections\":%d,\"seconds\":%.2f,", mode, options.connections, seconds);
  printf("\"calls\":%llu,\"calls_per_second\":%.1f,", (unsigned long long)tally.calls, (double)tally.counted_calls / seconds);
  print_histogram("latency_us", &tally.latency);
  if (options.streams) {
    printf("\"chunks\":%llu,\"chunks_per_second\":%.1f,", (unsigned long long)tally.chunks, (double)tally.counted_chunks / seconds);
    print_histogram("chunk_delay_us", &tally.chunk_delay);
    print_histogram("first_byte_added_us", &tally.first_byte);
  }
  for (int i = 0; i < FAILURES; i++) failed += tally.failures[i];
  printf("\"bytes\":%llu,\"load_cpu_share\":%.3f,\"failed\":%llu,\"failures\":{", (unsigned long long)tally.bytes, cpu / seconds, (unsigned long long)failed);
  for (int i = 0; i < FAILURES; i++) printf("%s\"%s\":%llu", i ? "," : "", names[i], (unsigned long long)tally.failures[i]);
  printf("}}\n");
}

static void run_upstream(void) {
  for (;;) loop_wait(upstream_tick(now_ns()));
}

/* Returns the CPU seconds that the window took. */
static double run_consumers(void) {
  uint64_t start = now_ns();
  tally.from = start + options.ramp + options.warm;
  tally.until = tally.from + options.duration;
  consumers_open(start);
  double before = 0, after = 0;
  for (;;) {
    uint64_t now = now_ns(), answers = upstream_tick(now), calls = consumers_tick(now);
    if (!before && now >= tally.from) before = cpu_seconds();
    if (!after && now >= tally.until) after = cpu_seconds();
    if (calls == NEVER) return after - before;
    loop_wait(answers < calls ? answers : calls);
  }
}

int main(int count, char **values) {
  read_options(count, values);
  signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  loop_open();
  if (options.listen_port) upstream_open();
  if (options.upstream_only) run_upstream();
  double cpu = run_consumers();
  print_result(values[1], (double)options.duration / SECOND, cpu);
  return 0;
}
