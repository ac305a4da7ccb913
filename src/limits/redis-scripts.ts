import { createHash } from "node:crypto";
import { windowSeconds } from "./limiter.ts";

/** A script, and the name that Redis keeps it under. */
export type RedisScript = { readonly text: string; readonly sha: string };

/*
 * A counter is a hash. `h` is the second that is counted in; `r<n>` and `t<n>` are the requests and LLM tokens of the seconds
 * of the sliding minute, n being the second modulo 64, and `R` and `T` their sums. `d` is the UTC day that is counted in, `P`
 * and `Q` its requests and tokens. `c` is how many are under way.
 *
 * What a process holds is a hash too. Under a call's id it has the tokens that were reserved, and for each counter its key,
 * the second, the day and the fields that were counted in; under `<id>:c` the counters in which the call is under way.
 */
const common = `
local SLOTS, SECONDS = 64, ${windowSeconds}
local function slot(prefix, second) return prefix .. (second % SLOTS) end
local function number(text) return tonumber(text) or 0 end
`;

const counting = `
local now = tonumber(ARGV[1])
if now == nil then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local id, process, lease, tokens, optimistic = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1'
local passed = ARGV[7] == '1'
local second = math.floor(now / 1000)
local day = math.floor(second / 86400)
local tomorrow = (day + 1) * 86400000 - now
local need = {1, tokens, 1, tokens, 1}

-- Forgets what is too old.
local function roll(key, counter)
  local head, at = counter.head, counter.at
  if at == head then return end
  if at < head or at - head >= SECONDS then
    if counter.used[1] > 0 or counter.used[2] > 0 then
      local fields = {}
      for n = 0, SLOTS - 1 do
        fields[#fields + 1] = 'r' .. n
        fields[#fields + 1] = 't' .. n
      end
      redis.call('HDEL', key, unpack(fields))
    end
    counter.used[1], counter.used[2] = 0, 0
  elseif counter.used[1] > 0 or counter.used[2] > 0 then
    local fields = {}
    for leaving = head + 1 - SECONDS, at - SECONDS do
      fields[#fields + 1] = slot('r', leaving)
      fields[#fields + 1] = slot('t', leaving)
    end
    local gone = redis.call('HMGET', key, unpack(fields))
    for n = 1, #gone, 2 do
      counter.used[1] = counter.used[1] - number(gone[n])
      counter.used[2] = counter.used[2] - number(gone[n + 1])
    end
    redis.call('HDEL', key, unpack(fields))
  end
  redis.call('HSET', key, 'h', at, 'R', counter.used[1], 'T', counter.used[2])
end

local function read(key, first)
  local found = redis.call('HMGET', key, 'h', 'R', 'T', 'd', 'P', 'Q', 'c')
  local head = tonumber(found[1]) or second
  local counter = {head = head, at = second, figures = {}}
  -- A clock that goes back a little stands still instead.
  if head > second and head - second < SECONDS then counter.at = head end
  local today = tonumber(found[4]) == day
  counter.used = {
    number(found[2]), number(found[3]), today and number(found[5]) or 0, today and number(found[6]) or 0, number(found[7]),
  }
  for m = 1, 5 do counter.figures[m] = number(ARGV[first + m]) end
  if found[1] then roll(key, counter) end
  return counter
end

-- Milliseconds until at most so much is left of a minute: the end of a burst and of a steady flow are both found soon.
local function wait(key, counter, m, most)
  local prefix, left = m == 1 and 'r' or 't', counter.used[m]
  local newest = number(redis.call('HGET', key, slot(prefix, counter.at)))
  local past = counter.at + 1 - SECONDS
  while newest <= most and past < counter.at do
    local fields = {}
    for ahead = past, math.min(past + 7, counter.at - 1) do fields[#fields + 1] = slot(prefix, ahead) end
    local counted = redis.call('HMGET', key, unpack(fields))
    for n = 1, #counted do
      if left <= most then return (past + n - 2 + SECONDS) * 1000 - now end
      left = left - number(counted[n])
    end
    past = past + #counted
  end
  local last = counter.at
  if newest <= most then last = counter.at - 1 end
  return (last + SECONDS) * 1000 - now
end

local counters, worst = {}, nil
local function tell(verdict)
  verdict[6] = redis.call('SCARD', KEYS[2])
  for k = 4, #KEYS do
    for m = 1, 5 do verdict[#verdict + 1] = counters[k].used[m] end
  end
  return verdict
end

for k = 4, #KEYS do
  local key = KEYS[k]
  local counter = read(key, 7 + (k - 4) * 5)
  counters[k] = counter
  for m = 1, 5 do
    local limit, used = counter.figures[m], counter.used[m]
    if limit > 0 and used + need[m] > limit and not (optimistic and (m == 2 or m == 4) and used == 0) then
      local resets = 0
      if m <= 2 then resets = wait(key, counter, m, math.max(0, limit - need[m]))
      elseif m <= 4 then resets = tomorrow end
      if worst == nil or resets > worst[5] then worst = {0, k - 4, m - 1, math.max(0, limit - used), resets} end
    end
  end
end
if passed then
  if redis.call('HEXISTS', KEYS[1], id) == 1 then return tell({1, 0, 0, 0, 0}) end
elseif worst then
  return tell(worst)
end

local tightest, least, of = nil, 0, 0
local held, busy = {string.format('%.0f', tokens)}, {}
for k = 4, #KEYS do
  local key, counter = KEYS[k], counters[k]
  local figures, used, at = counter.figures, counter.used, counter.at
  for m = 1, 5 do
    if figures[m] > 0 then
      used[m] = used[m] + need[m]
      local remaining = math.max(0, figures[m] - used[m])
      if tightest == nil or remaining * of < least * figures[m] then
        local resets = 0
        if m <= 2 then resets = (at + SECONDS) * 1000 - now elseif m <= 4 then resets = tomorrow end
        tightest, least, of = {1, k - 4, m - 1, remaining, resets}, remaining, figures[m]
      end
    end
  end
  local fields = ''
  if figures[1] > 0 then
    redis.call('HINCRBY', key, slot('r', at), 1)
    fields = fields .. 'R'
  end
  if figures[2] > 0 then
    redis.call('HINCRBY', key, slot('t', at), tokens)
    fields = fields .. 'T'
  end
  if figures[3] > 0 then fields = fields .. 'P' end
  if figures[4] > 0 then fields = fields .. 'Q' end
  redis.call('HSET', key, 'h', at, 'R', used[1], 'T', used[2], 'd', day, 'P', used[3], 'Q', used[4])
  local lasts = 180000
  if figures[3] > 0 or figures[4] > 0 then lasts = tomorrow + 180000 end
  if figures[5] > 0 then
    redis.call('HINCRBY', key, 'c', 1)
    busy[#busy + 1] = key
    lasts = 2 * 86400000
  end
  -- Never shorter than another process wants it, whose figures may be others.
  if redis.call('PTTL', key) < lasts then redis.call('PEXPIRE', key, lasts) end
  if fields ~= '' then held[#held + 1] = key .. ' ' .. at .. ' ' .. day .. ' ' .. fields end
end
redis.call('HSET', KEYS[1], id, table.concat(held, ' '))
if #busy > 0 then redis.call('HSET', KEYS[1], id .. ':c', table.concat(busy, ' ')) end
redis.call('SADD', KEYS[2], process)
redis.call('SET', KEYS[3], '1', 'PX', lease, 'NX')
return tell(tightest or {1, 0, 0, 0, 0})
`;

const ending = `
local function leave(held, id)
  local busy = redis.call('HGET', held, id .. ':c')
  if not busy then return end
  redis.call('HDEL', held, id .. ':c')
  for key in string.gmatch(busy, '%S+') do
    if number(redis.call('HGET', key, 'c')) > 0 then redis.call('HINCRBY', key, 'c', -1) end
  end
end

local function change(key, field, by)
  local before = number(redis.call('HGET', key, field))
  local after = math.max(0, before + by)
  redis.call('HSET', key, field, after)
  return after - before
end

-- Ends what is held of a call, and changes what was counted where it still counts; without real tokens it stands.
local function correct(held, id, requests, real)
  local reserved = redis.call('HGET', held, id)
  if not reserved then return end
  redis.call('HDEL', held, id)
  if not real then return end
  local tokens = number(string.match(reserved, '^%d+'))
  local more = {R = requests, P = requests, T = real - tokens, Q = real - tokens}
  for key, at, day, fields in string.gmatch(reserved, '(%S+) (%d+) (%d+) (%u+)') do
    local head = tonumber(redis.call('HGET', key, 'h'))
    local counts = head and tonumber(at) <= head and head - tonumber(at) < SECONDS
    local today = redis.call('HGET', key, 'd') == day
    for field in string.gmatch(fields, '%u') do
      if more[field] ~= 0 then
        if (field == 'P' or field == 'Q') and today then change(key, field, more[field]) end
        if (field == 'R' or field == 'T') and counts then
          local by = change(key, slot(string.lower(field), tonumber(at)), more[field])
          change(key, field, by)
        end
      end
    end
  end
end
`;

/**
 * Checks all figures and counts a call against all of them, or against none. KEYS: what the process holds, the processes,
 * the process's sign of life, then the counters. ARGV: the time (empty is Redis's own), the call's id, the process, its
 * lease, the tokens, whether it is optimistic, whether it has passed already and is only counted, then five figures for each
 * counter. Gives whether it passed, the figure that says most (which counter, which figure), what remains there and when it
 * resets; then how many processes there are, and the five figures of each counter as they are now.
 */
export const reserveScript: RedisScript = createScript(common + counting);

/** Ends a call: `ended`, `back` or `settle`. KEYS: what the process holds. ARGV: the call's id, how, the real tokens (empty where nobody knows them). */
export const endScript: RedisScript = createScript(`${common}${ending}
if ARGV[2] ~= 'settle' then leave(KEYS[1], ARGV[1]) end
if ARGV[2] == 'back' then correct(KEYS[1], ARGV[1], -1, 0) end
if ARGV[2] == 'settle' then correct(KEYS[1], ARGV[1], 0, tonumber(ARGV[3])) end
return 0
`);

/** Gives a sign of life, and the processes that give none any more. KEYS: the processes. ARGV: the process, its lease, what the keys of signs of life begin with. */
export const beatScript: RedisScript = createScript(`
redis.call('SET', ARGV[3] .. ARGV[1], '1', 'PX', ARGV[2])
redis.call('SADD', KEYS[1], ARGV[1])
local dead = {}
for _, process in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[3] .. process) == 0 then dead[#dead + 1] = process end
end
return dead
`);

/** Gives back some of what a dead process holds, and says how much is left. KEYS: what it holds, the processes, its sign of life. ARGV: the process. */
export const reapScript: RedisScript = createScript(`${common}${ending}
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local fields = redis.call('HSCAN', KEYS[1], 0, 'COUNT', 200)[2]
for n = 1, #fields, 2 do
  local id = string.gsub(fields[n], ':c$', '')
  leave(KEYS[1], id)
  correct(KEYS[1], id, -1, 0)
end
local left = redis.call('HLEN', KEYS[1])
if left == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end
return left
`);

function createScript(text: string): RedisScript {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}
